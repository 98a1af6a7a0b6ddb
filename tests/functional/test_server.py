"""What the server does as a process: addresses, keys, hosts, origins, signals, files that are no models."""
import http.server
import os
import signal
import socket
import subprocess
import threading

import httpx
import pytest

from support import server as servers
from support.text import ASK
from support.wait import until
from support.wire import DIALECTS, Stream, ask, is_error

CHAT = {"model": "ember", "messages": ASK, "temperature": 0}


def run(home, *arguments, **env):
    return subprocess.run([servers.HEARTH, *map(str, arguments)], env=servers.clean_environment(home, **env), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120)


def test_effort_that_a_model_cannot_make_is_named(server):
    chat = {"model": "ember", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
    for path, body, field in (
        ("/v1/chat/completions", {"reasoning_effort": "high"}, "reasoning_effort"),
        ("/v1/chat/completions", {"reasoning": {"effort": "low"}}, "reasoning"),
        ("/v1/messages", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking"),
    ):
        answer = server.http.post(path, json=chat | body)
        assert answer.status_code == 200 and answer.headers["hearth-ignored-parameters"] == field
        assert server.http.post(path, json=chat | body, headers={"hearth-strict": "1"}).status_code == 400
    off = server.http.post("/v1/chat/completions", json=chat | {"reasoning_effort": "none"})
    assert off.status_code == 200 and "hearth-ignored-parameters" not in off.headers


def test_banner(serve):
    server = serve()
    lines = server.out.read_text().splitlines()
    assert lines[0] == f"hearth 0.1.0 at {server.url}" and lines[1].startswith(f"try: curl {server.url}/v1/chat/completions")
    command = lines[1].removeprefix("try: ")
    shown = subprocess.run(["bash", "-c", command + " -s"], capture_output=True, text=True, timeout=60)
    assert '"choices"' in shown.stdout, shown  # what is printed works as it stands


def test_port_in_use_by_hearth(serve, home):
    server = serve()
    second = run(home, "serve", "--port", server.port)
    assert second.returncode == 1 and "already" in second.stderr and f"try: hearth serve --port {server.port + 1}" in second.stderr
    assert second.stderr.startswith("hearth: ") and str(server.port) in second.stderr
    assert server.http.get("/health").json()["status"] == "ok"


@pytest.fixture
def foreign():
    """A server that is not hearth, and what it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(f"{self.command} {self.path}")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"I am not hearth")

        do_POST = do_DELETE = do_GET

        def log_message(self, *_):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    listener.asked = asked
    yield listener
    listener.shutdown()
    listener.server_close()


def test_port_in_use_by_another_server(foreign, home):
    port = foreign.server_port
    tried = run(home, "serve", "--port", port)
    assert tried.returncode == 1 and "not hearth" in tried.stderr and f"try: hearth serve --port {port + 1}" in tried.stderr
    assert all(a.startswith("GET ") for a in foreign.asked)


def test_the_monitors_port_in_use(foreign, home):
    tried = run(home, "serve", "--port", 0, "--monitor", f"127.0.0.1:{foreign.server_port}")
    assert tried.returncode == 1 and "already in use" in tried.stderr and "try: hearth serve --monitor" in tried.stderr


@pytest.mark.parametrize("command", [("ps",), ("stop",), ("run", "ember", "hi")], ids=lambda c: c[0])
def test_a_port_that_takes_connections_and_never_answers(home, command):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        port = silent.getsockname()[1]
        tried = run(home, *command, HEARTH_SERVER_PORT=str(port))
    assert tried.returncode == 1
    assert tried.stderr == f"hearth: 127.0.0.1:{port}: takes connections, but does not answer\ntry: hearth serve --port 11435\n"


def test_banner_of_a_server_with_a_key(serve):
    server = serve(env={"HEARTH_API_KEY": "k-1"})
    command = server.out.read_text().splitlines()[1].removeprefix("try: ")
    shown = subprocess.run(["bash", "-c", command + " -s"], capture_output=True, text=True, timeout=60, env={**os.environ, "HEARTH_API_KEY": "k-1"})
    assert '"choices"' in shown.stdout, shown


@pytest.mark.parametrize("command", [["stop"], ["stop", "ember"], ["ps"], ["run", "ember", "Hello"], ["embed", "ember", "x"]], ids=" ".join)
def test_another_server_is_left_alone_by_every_command(foreign, home, command):
    tried = run(home, *command, HEARTH_SERVER_PORT=str(foreign.server_port))
    assert tried.returncode == 1
    assert tried.stderr == f"hearth: 127.0.0.1:{foreign.server_port}: answers, but is not hearth\ntry: hearth serve --port 11435\n"
    assert foreign.asked and all(a.startswith("GET ") for a in foreign.asked), foreign.asked


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_refuses_to_be_open_to_everybody(home, host):
    tried = run(home, "serve", "--host", host, "--port", "0")
    assert tried.returncode == 1 and "HEARTH_API_KEY" in tried.stderr and "--insecure-no-key" in tried.stderr
    assert tried.stderr.startswith("hearth: ") and tried.stdout == ""


@pytest.mark.parametrize("header", [("Authorization", "Bearer secret-key"), ("authorization", "bearer secret-key"), ("x-api-key", "secret-key")])
def test_key_in_either_header(serve, header):
    server = serve(env={"HEARTH_API_KEY": "secret-key"})
    assert ask(server.port, "GET", "/v1/models", [header]).status == 200
    assert ask(server.port, "POST", "/tokenize", [header], b'{"model":"ember","content":"x"}').status == 200


@pytest.mark.parametrize("method, path, body", [("GET", "/v1/models", b""), ("POST", "/v1/chat/completions", b"{}"), ("POST", "/api/chat", b"{}"),
                                                ("POST", "/v1/messages", b"{}"), ("GET", "/metrics", b""), ("GET", "/nowhere", b""),
                                                ("POST", "/hearth/v1/shutdown", b"{}"), ("DELETE", "/api/delete", b"{}")])
def test_no_key_no_answer(serve, method, path, body):
    server = serve(env={"HEARTH_API_KEY": "secret-key"})
    for headers in ([], [("Authorization", "Bearer wrong")], [("x-api-key", "")], [("Authorization", "Basic c2VjcmV0LWtleQ==")]):
        answer = ask(server.port, method, path, headers, body)
        assert answer.status == 401 and "error" in answer.json() and answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["x-request-id"]
    for path in ("/health", "/ready", "/"):
        assert ask(server.port, "GET", path).status == 200  # say nothing secret


def test_several_keys(serve):
    server = serve("--api-key", "one", "--api-key", "two")
    assert [ask(server.port, "GET", "/v1/models", [("x-api-key", k)]).status for k in ("one", "two", "three")] == [200, 200, 401]


@pytest.mark.parametrize("host, status", [("evil.example", 421), ("evil.example:80", 421), ("127.0.0.1.evil.example", 421), ("localhost", 200),
                                          ("LOCALHOST:1", 200), ("127.0.0.1:9", 200), ("[::1]:9", 200), ("host.docker.internal", 200),
                                          (socket.gethostname(), 200), ("192.168.1.7", 421), ("", 421), (None, 400)])
@pytest.mark.parametrize("method, path, body", [("GET", "/v1/models", b""), ("POST", "/v1/chat/completions", b"{"), ("POST", "/api/show", b"{")])
def test_host(server, host, status, method, path, body):
    answer = ask(server.port, method, path, [("Host", "")] if host == "" else [], body, host=host)
    expected = status if status != 200 or method == "GET" else 400  # 400: the body was looked at
    assert answer.status == expected, answer.body


def test_allowed_host(serve):
    server = serve("--allowed-host", "fox.example")
    assert ask(server.port, "GET", "/v1/models", host="fox.example").status == 200
    assert ask(server.port, "GET", "/v1/models", host="wolf.example").status == 421


PREFLIGHT = [("Origin", "https://fox.example"), ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization")]


def test_origins_are_closed_by_default(server):
    for answer in (ask(server.port, "OPTIONS", "/v1/chat/completions", PREFLIGHT), ask(server.port, "GET", "/v1/models", PREFLIGHT[:1])):
        assert not any(h.startswith("access-control-allow") for h in answer.headers)


def test_listed_origin(serve):
    server = serve("--cors-origin", "https://fox.example", env={"HEARTH_API_KEY": "secret-key"})
    allowed = ask(server.port, "OPTIONS", "/v1/chat/completions", PREFLIGHT)
    assert allowed.status == 204 and allowed.headers["access-control-allow-origin"] == "https://fox.example"
    assert "authorization" in allowed.headers["access-control-allow-headers"] and "POST" in allowed.headers["access-control-allow-methods"]
    answer = ask(server.port, "GET", "/v1/models", [PREFLIGHT[0], ("x-api-key", "secret-key")])
    assert answer.status == 200 and answer.headers["access-control-allow-origin"] == "https://fox.example" and "origin" in answer.headers["vary"]
    refused = ask(server.port, "POST", "/v1/chat/completions", PREFLIGHT[:1], b"{}")
    assert refused.status == 401 and refused.headers["access-control-allow-origin"] == "https://fox.example"  # so that a page can read why
    other = ask(server.port, "GET", "/v1/models", [("Origin", "https://wolf.example"), ("x-api-key", "secret-key")])
    assert "access-control-allow-origin" not in other.headers


def test_request_ids(server):
    assert ask(server.port, "GET", "/health", [("x-request-id", "mine-1")]).headers["x-request-id"] == "mine-1"
    made = {ask(server.port, "GET", "/health").headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3
    for bad in ("x" * 200, "a b", "ä"):
        assert ask(server.port, "GET", "/health", [("x-request-id", bad)]).headers["x-request-id"] != bad


def test_sigterm_lets_running_streams_end(serve, stories_path):
    server = serve()
    server.import_model(stories_path, "stories")
    with Stream(server, "completions", model="stories", limit=300) as stream:
        stream.until_text()
        server.runners()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: _refused(server.port), "new connections are refused")
        assert [*stream][-1] == "[DONE]"
    server.process.wait(30)
    assert server.process.returncode == 0


def _refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("dialect", DIALECTS)
def test_grace_has_an_end(serve, stories_path, dialect):
    server = serve(env={"HEARTH_SERVER_SHUTDOWN_GRACE": "100ms"})
    server.import_model(stories_path, "stories")
    with Stream(server, dialect, model="stories", limit=1900) as stream:
        events = stream.until_text()
        server.runners()
        server.process.send_signal(signal.SIGTERM)
        events += stream
        assert is_error(dialect, events[-1])
    assert server.process.wait(30) == 0


def test_shutdown_route(serve):
    server = serve()
    assert server.http.post("/v1/chat/completions", json=CHAT).status_code == 200
    server.runners()
    assert server.http.post("/hearth/v1/shutdown").status_code == 200
    assert server.process.wait(30) == 0


def test_monitor_answers_on_its_own_port(serve):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    serve("--monitor", f"127.0.0.1:{port}")
    for path, text in (("/health", b'"ok"'), ("/ready", b"ready"), ("/metrics", b"hearth_build_info")):
        answer = ask(port, "GET", path)
        assert answer.status == 200 and text in answer.body
    assert ask(port, "GET", "/v1/models").status == 404


def test_unix_socket(serve, home):
    path = str(home / "s")
    server = serve("--unix", path)
    with httpx.Client(transport=httpx.HTTPTransport(uds=path), base_url="http://localhost", timeout=60) as client:
        assert client.get("/v1/models").status_code == 200
        assert client.post("/v1/chat/completions", json=CHAT).status_code == 200
    server.stop()
    assert not os.path.exists(path)


NATIVE_CHAT = {"kind": "chat", "model": "ember", "messages": [{"role": "user", "parts": [{"text": "Hello"}]}]}


def test_templates_of_requests_are_refused_unless_allowed(server, serve):
    body = {**NATIVE_CHAT, "template_override": "{{ messages[0].content }}"}
    refused = server.http.post("/hearth/v1/run", json=body)
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "template_override", refused.text
    assert "--allow-templates" in refused.json()["error"]["message"]
    assert serve("--allow-templates").http.post("/hearth/v1/run", json=body).status_code == 200
    # What is in Go's language is bounded, and may come.
    lone = {"model": "ember", "prompt": "Hello", "stream": False, "options": {"num_predict": 1}}
    counts = {text: server.http.post("/api/generate", json={**lone, "template": text}).json()["prompt_eval_count"]
              for text in ("{{ .Prompt }}", "{{ .Prompt }} {{ .Prompt }} {{ .Prompt }}")}
    assert len(set(counts.values())) == 2, counts
    endless = server.http.post("/api/generate", json={**lone, "template": "{{ range 1000000000 }}{{ end }}{{ .Prompt }}"})
    assert endless.status_code == 400 and "too many steps" in endless.text
    plain = server.http.post("/api/generate", json={**lone, "template": "plain"})
    assert plain.status_code == 200 and plain.headers["hearth-ignored-parameters"] == "template"


def test_unknown_fields_of_the_native_dialect_are_named(server):
    body = {**NATIVE_CHAT, "max_token": 3}
    assert server.http.post("/hearth/v1/run", json=body).headers["hearth-ignored-parameters"] == "max_token"
    assert server.http.post("/hearth/v1/run", json=body, headers={"hearth-strict": "1"}).status_code == 400


def test_strict_holds_for_loading_too(server):
    body = {"model": "ember", "prompt": "", "options": {"numa": True}}
    loaded = server.http.post("/api/generate", json=body)
    assert loaded.status_code == 200 and "options.numa" in loaded.headers["hearth-ignored-parameters"]
    assert server.http.post("/api/generate", json=body, headers={"hearth-strict": "1"}).status_code == 400


def test_numbers_of_texts_are_bounded(server):
    many = server.http.post("/v1/embeddings", json={"model": "ember", "input": ["a"] * 2049})
    assert many.status_code == 400 and "2048" in many.text, many.text
    stops = server.http.post("/v1/completions", json={"model": "ember", "prompt": "a", "max_tokens": 1, "stop": ["s" * 20000]})
    assert stops.status_code == 400 and "stop" in stops.text, stops.text


def test_a_request_makes_one_line_of_the_log(server):
    server.http.get("/first%0Asecond%1B[2Jthird")
    until(lambda: "/first\\x0asecond\\x1b[2Jthird" in server.log_text(), "the line, which may come after the answer")
    assert "\nsecond" not in server.log_text()
