"""A stand-in for Ollama's model registry: manifests by tag, blobs by digest behind a redirect to storage, tokens where they are asked for."""
import hashlib
import http.server
import json
import re
import threading

MEDIA = "application/vnd.ollama.image."
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class OllamaRegistry:
    def __init__(self, token=None):
        self.token, self.manifests, self.blobs, self.requests = token, {}, {}, []
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.requests.append((self.path, dict(self.headers)))
                registry._serve(self)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def add(self, name, tag, config=None, **layers):
        """`layers`: content by kind ("model", "system", "params", ...); a list where there are several."""
        entries = []
        for kind, contents in layers.items():
            for content in contents if isinstance(contents, list) else [contents]:
                content = content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else json.dumps(content).encode()
                self.blobs[sha256(content)] = content
                entries.append({"mediaType": MEDIA + kind, "digest": sha256(content), "size": len(content)})
        config = json.dumps({"model_format": "gguf", **(config or {})}).encode()
        self.blobs[sha256(config)] = config
        self.manifests[name, tag] = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": entries,
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": sha256(config), "size": len(config)}}).encode()

    def _serve(self, handler):
        if handler.path.startswith("/token?"):
            return self._send(handler, 200, json.dumps({"token": self.token}).encode())
        if m := re.fullmatch(r"/storage/(sha256:[0-9a-f]{64})", handler.path):
            assert "authorization" not in handler.headers, "a secret went to the storage"
            return self._content(handler, self.blobs[m[1]])
        if self.token and handler.headers.get("authorization") != f"Bearer {self.token}":
            challenge = f'Bearer realm="{self.endpoint}/token",service="registry",scope="repository:x:pull"'
            return self._send(handler, 401, b'{"errors":[{"code":"UNAUTHORIZED"}]}', {"www-authenticate": challenge})
        if m := re.fullmatch(r"/v2/([^/]+/[^/]+)/manifests/([^/]+)", handler.path):
            found = self.manifests.get((m[1], m[2])) if handler.headers.get("accept") == MANIFEST else None
            if found:
                return self._send(handler, 200, found, {"content-type": MANIFEST})
        if m := re.fullmatch(r"/v2/[^/]+/[^/]+/blobs/(sha256:[0-9a-f]{64})", handler.path):
            if m[1] in self.blobs:
                # As the real one: the content lies elsewhere ("localhost" is another origin than 127.0.0.1).
                return self._send(handler, 307, b"", {"location": f"http://localhost:{self._server.server_port}/storage/{m[1]}"})
        self._send(handler, 404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')

    def _content(self, handler, content):
        headers = {"accept-ranges": "bytes"}
        if m := re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("range", "")):
            begin, last = int(m[1]), min(int(m[2] or len(content) - 1), len(content) - 1)
            headers["content-range"] = f"bytes {begin}-{last}/{len(content)}"
            return self._send(handler, 206, content[begin : last + 1], headers)
        self._send(handler, 200, content, headers)

    def _send(self, handler, status, body, headers=None):
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
