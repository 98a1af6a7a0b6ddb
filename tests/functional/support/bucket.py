"""An S3 store: moto's, behind a door that checks every signature with botocore's own signer, and can go wrong on purpose."""
import base64
import datetime
import hashlib
import io
import socket
import threading
import urllib.parse

import boto3
from botocore import auth, awsrequest, config, credentials
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

ACCESS, SECRET, REGION = "AKIDEXAMPLE", "a/secret+key", "eu-west-1"
NAMES = {"NoSuchBucket": 404, "SignatureDoesNotMatch": 403, "InvalidAccessKeyId": 403, "AccessDenied": 403, "RequestTimeTooSkewed": 403,
         "AuthorizationHeaderMalformed": 400, "XAmzContentSHA256Mismatch": 400, "InternalError": 500, "SlowDown": 503,
         "RequestTimeout": 400}


class Quiet(MotoRequestHandler):
    def log_request(self, *_):
        pass


class Bucket:
    """One bucket, "models", on a server of its own. `fault(method, key, query)` may give the name of a refusal, "drop" (no answer),
    ("cut", n) (n bytes of the answer), or "lost" (done, but the answer gets lost)."""

    def __init__(self):
        self.requests, self.fault, self.before, self.public = [], lambda *_: None, lambda *_: None, False
        self.skew = datetime.timedelta()
        self._lock, self._now, self.most_at_once = threading.Lock(), 0, 0
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._serve, True, request_handler=Quiet)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self.env = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": self.endpoint,
                    "HF_HUB_OFFLINE": ""}
        self.client = boto3.client("s3", endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id=ACCESS, aws_secret_access_key=SECRET,
                                   config=config.Config(proxies={}, s3={"addressing_style": "path"}))
        self.client.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": REGION})
        self.requests.clear()

    def close(self):
        for upload in self.uploads():
            self.client.abort_multipart_upload(Bucket="models", Key=upload["Key"], UploadId=upload["UploadId"])
        for key in self.keys():
            self.client.delete_object(Bucket="models", Key=key)
        self.client.delete_bucket(Bucket="models")
        self._server.shutdown()
        self._server.server_close()

    def keys(self):
        return [o["Key"] for page in self.client.get_paginator("list_objects_v2").paginate(Bucket="models") for o in page.get("Contents", [])]

    def uploads(self):
        return self.client.list_multipart_uploads(Bucket="models").get("Uploads", [])

    def put(self, key, content):
        self.client.put_object(Bucket="models", Key=key, Body=content)

    def get(self, key):
        return self.client.get_object(Bucket="models", Key=key)["Body"].read()

    def seen(self, method, part=""):
        """Requests of hearth."""
        return [r for r in self.requests if r[0] == method and part in r[1] + "?" + r[2]]

    def _serve(self, environ, start):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        # As it came: WSGI's own path is decoded.
        path, _, query = environ["RAW_URI"].partition("?")
        method, key = environ["REQUEST_METHOD"], urllib.parse.unquote(path).partition("/models/")[2]
        ours = environ.get("HTTP_USER_AGENT", "").startswith("hearth/")
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            fault = None
            if ours:
                self.requests.append((method, key, query, len(body), environ.get("HTTP_RANGE", "")))
                self.before(method, key, query)
                fault = self.fault(method, key, query) or self._refusal(environ, method, path, query, body)
                if self.public and "X-Amz-Signature" not in query:  # moto wants somebody
                    environ["HTTP_AUTHORIZATION"] = f"AWS4-HMAC-SHA256 Credential={ACCESS}/20260101/{REGION}/s3/aws4_request"
            return self._answer(environ, start, fault)
        finally:
            with self._lock:
                self._now -= 1

    def _answer(self, environ, start, fault):
        if fault in NAMES:
            status = NAMES[fault]
            text = f"<Error><Code>{fault}</Code><Message>no</Message><Region>{REGION}</Region></Error>".encode()
            start(f"{status} X", [("content-length", str(len(text))), ("content-type", "application/xml")])
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else text]
        if fault != "drop":
            answer = list(self._moto(environ, start))
            if fault is None:
                return answer
            if fault != "lost":
                return self._cut(environ, b"".join(answer)[: fault[1]])
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        start("500 X", [])
        return []

    @staticmethod
    def _cut(environ, part):
        yield part
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)

    def _refusal(self, environ, method, path, query, body):
        """What a real store says of a request that is not signed as it should be."""
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
        given = dict(pairs)
        header = environ.get("HTTP_AUTHORIZATION", "")
        if not header and "X-Amz-Signature" not in given:
            return None if self.public else "AccessDenied"
        names = given.get("X-Amz-SignedHeaders") or header.partition("SignedHeaders=")[2].partition(",")[0]
        scope = given.get("X-Amz-Credential") or header.partition("Credential=")[2].partition(",")[0]
        signature = given.get("X-Amz-Signature") or header.partition("Signature=")[2]
        time = given.get("X-Amz-Date") or environ.get("HTTP_X_AMZ_DATE", "")
        access, _, region, service, _ = scope.split("/")
        if access != ACCESS:
            return "InvalidAccessKeyId"
        if region != REGION or service != "s3":
            return "AuthorizationHeaderMalformed"
        now = datetime.datetime.now(datetime.timezone.utc) + self.skew
        if not header and int(given["X-Amz-Expires"]) > 7 * 24 * 3600:
            return "AuthorizationQueryParametersError"
        if abs(now - datetime.datetime.strptime(time + "+0000", "%Y%m%dT%H%M%SZ%z")) > datetime.timedelta(minutes=15):
            return "RequestTimeTooSkewed"
        sha256 = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
        if header and sha256 != hashlib.sha256(body).hexdigest():
            return "XAmzContentSHA256Mismatch"
        headers = {n: environ["HTTP_HOST"] if n == "host" else environ.get(n.upper().replace("-", "_") if n == "content-type" else
                                                                            "HTTP_" + n.upper().replace("-", "_"), "") for n in names.split(";")}
        if missing := [k for k in environ if k.startswith("HTTP_X_AMZ_") and k[5:].lower().replace("_", "-") not in headers]:
            raise AssertionError(f"not signed: {missing}")
        unsigned = "&".join(p for p in query.split("&") if p and not p.startswith("X-Amz-Signature="))
        request = awsrequest.AWSRequest(method, f"http://{environ['HTTP_HOST']}{path}{'?' if unsigned else ''}{unsigned}", headers=headers, data=body)
        signer = (auth.S3SigV4Auth if header else auth.S3SigV4QueryAuth)(credentials.Credentials(ACCESS, SECRET), "s3", REGION)
        request.context["timestamp"] = time
        request.context["payload_signing_enabled"] = True
        canonical = signer.canonical_request(request)
        if not header:
            canonical = canonical.rsplit("\n", 1)[0] + "\nUNSIGNED-PAYLOAD"
        expected = signer.signature(signer.string_to_sign(request, canonical), request)
        return None if signature == expected else "SignatureDoesNotMatch"


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()
