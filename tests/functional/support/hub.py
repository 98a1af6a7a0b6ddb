"""A stand-in for the Hugging Face hub: its API as far as clients use it to fetch models, on loopback, with faults on demand.

Faithful where it matters: large files are answered by a redirect to another origin, small ones directly; digests and sizes stand where the hub has
them; refusals carry its `x-error-code`. test_pull.py lets the hub's own client download from it.
"""
import hashlib
import http.server
import json
import re
import socket
import threading
import time
import urllib.parse

LARGE = 1 << 16  # files from here on are kept as "LFS"
PIECE = 1 << 16


def git_blob(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Repository:
    def __init__(self, files, gated=False, private=False, license="apache-2.0"):
        self.gated, self.private, self.license = gated, private, license
        self.revisions = {}
        self.update(files)

    def update(self, files, revision="main"):
        commit = hashlib.sha1(repr(sorted((n, hashlib.sha256(c).hexdigest()) for n, c in files.items())).encode()).hexdigest()
        self.revisions[commit] = self.revisions[revision] = (commit, dict(files))


class Hub:
    """`faults`: called with each request for content, may return what Fault does instead of answering well."""

    def __init__(self, token="hf_secret"):
        self.repositories, self.token, self.fault = {}, token, None
        self.requests, self.bytes_sent, self.answering, self.lock = [], 0, 0, threading.Lock()
        self.bandwidth = None  # bytes/s of each connection
        self.endpoint = self._listen("endpoint")
        self.storage = self._listen("storage")

    def idle(self):
        """Nothing is being sent any more, not even to a client that is gone."""
        return self.answering == 0

    def add(self, name, files, **how):
        self.repositories[name] = Repository(files, **how)
        return self.repositories[name]

    def _listen(self, role):
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with hub.lock:
                    hub.requests.append((role, self.command, self.path, dict(self.headers)))
                    hub.answering += 1
                try:
                    hub._serve(self, role)
                finally:
                    with hub.lock:
                        hub.answering -= 1

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):  # clients may go at any time
                pass

        server = Listener(("127.0.0.1", 0), Handler)
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)  # what is sent is soon received
        threading.Thread(target=server.serve_forever, daemon=True).start()
        setattr(self, f"_{role}", server)
        return f"http://127.0.0.1:{server.server_port}"

    def close(self):
        for server in (self._endpoint, self._storage):
            server.shutdown()
            server.server_close()

    # What is asked.

    def _serve(self, handler, role):
        path = urllib.parse.urlsplit(handler.path).path
        if role == "storage":
            return self._send_content(handler, *self._blob(path))
        if m := re.fullmatch(r"/api/models/([^/]+(?:/[^/]+)?)(?:/revision/([^/]+))?", path):
            return self._listing(handler, m[1], urllib.parse.unquote(m[2] or "main"))
        if path == "/api/whoami-v2":
            known = handler.headers.get("authorization") == f"Bearer {self.token}"
            return self._send_json(handler, {"type": "user", "name": "somebody"}) if known else self._refuse(handler, 401, "Unauthorized")
        if m := re.fullmatch(r"/api/models/([^/]+(?:/[^/]+)?)/tree/([^/]+)", path):
            return self._tree(handler, m[1], urllib.parse.unquote(m[2]))
        if m := re.fullmatch(r"/((?:[^/]+/)?[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._resolve(handler, m[1], urllib.parse.unquote(m[2]), urllib.parse.unquote(m[3]))
        self._refuse(handler, 404, "EntryNotFound")

    def _found(self, handler, name, revision):
        """(commit, files), or None after a refusal."""
        repository = self.repositories.get(name)
        known = handler.headers.get("authorization") == f"Bearer {self.token}"
        if repository is None or repository.private and not known:
            return self._refuse(handler, 404 if known else 401, "RepoNotFound")
        if revision not in repository.revisions:
            return self._refuse(handler, 404, "RevisionNotFound")
        return repository.revisions[revision]

    def _listing(self, handler, name, revision):
        found = self._found(handler, name, revision)
        if not found:
            return
        commit, files = found
        siblings = []
        for file, content in files.items():
            entry = {"rfilename": file, "size": len(content), "blobId": git_blob(content)}
            if len(content) >= LARGE:
                entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
            siblings.append(entry)
        repository = self.repositories[name]
        self._send_json(handler, {"_id": "0" * 24, "id": name, "modelId": name, "sha": commit, "private": repository.private, "gated": repository.gated,
                                  "cardData": {"license": repository.license}, "tags": [], "siblings": siblings})

    def _tree(self, handler, name, revision):
        found = self._found(handler, name, revision)
        if not found:
            return
        entries = []
        for file, content in found[1].items():
            entry = {"type": "file", "path": file, "size": len(content), "oid": git_blob(content)}
            if len(content) >= LARGE:
                entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
            entries.append(entry)
        self._send_json(handler, entries)

    def _resolve(self, handler, name, revision, file):
        found = self._found(handler, name, revision)
        if not found:
            return
        commit, files = found
        if file not in files:
            return self._refuse(handler, 404, "EntryNotFound")
        if self.repositories[name].gated and handler.headers.get("authorization") != f"Bearer {self.token}":
            return self._refuse(handler, 401, "GatedRepo")
        content = files[file]
        if len(content) < LARGE:
            return self._send_content(handler, content, {"x-repo-commit": commit, "etag": f'"{git_blob(content)}"'})
        digest = hashlib.sha256(content).hexdigest()
        headers = {"x-repo-commit": commit, "x-linked-size": str(len(content)), "x-linked-etag": f'"{digest}"', "etag": f'"{git_blob(b"")}"',
                   "location": f"{self.storage}/{digest}?sig={commit[:8]}"}
        self._send(handler, 302, b"Found", headers)

    def _blob(self, path):
        for repository in self.repositories.values():
            for _, files in repository.revisions.values():
                for content in files.values():
                    if hashlib.sha256(content).hexdigest() == path[1:]:
                        return content, {"etag": f'"{path[1:]}"'}
        return b"", {}

    # What is answered.

    def _refuse(self, handler, status, code):
        self._send(handler, status, b'{"error":"no"}', {"x-error-code": code, "x-error-message": code, "content-type": "application/json"})

    def _send_json(self, handler, value):
        self._send(handler, 200, json.dumps(value).encode(), {"content-type": "application/json"})

    def _send_content(self, handler, content, headers):
        fault = self.fault(handler) if self.fault else None
        if fault == "drop":
            handler.close_connection = True
            return handler.connection.shutdown(socket.SHUT_RDWR)
        if isinstance(fault, int):
            return self._send(handler, fault, b"oops", {})
        status, headers = 200, {**headers, "accept-ranges": "bytes"}
        if m := re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("range", "")):
            begin, last = int(m[1]), min(int(m[2] or len(content) - 1), len(content) - 1)
            if begin >= len(content):
                return self._send(handler, 416, b"", {"content-range": f"bytes */{len(content)}"})
            headers["content-range"] = f"bytes {begin}-{last}/{len(content)}"
            status, content = 206, content[begin : last + 1]
        self._send(handler, status, content, headers, cut=fault[1] if isinstance(fault, tuple) else None, corrupt=fault == "corrupt")

    def _send(self, handler, status, body, headers, cut=None, corrupt=False):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if corrupt and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        for at in range(0, len(body), PIECE):
            piece = body[at : at + PIECE]
            if cut is not None and at + len(piece) > cut:
                handler.wfile.write(piece[: cut - at])
                handler.close_connection = True
                return handler.connection.shutdown(socket.SHUT_RDWR)
            handler.wfile.write(piece)
            if status in (200, 206):
                with self.lock:
                    self.bytes_sent += len(piece)
            if self.bandwidth:
                time.sleep(len(piece) / self.bandwidth)
