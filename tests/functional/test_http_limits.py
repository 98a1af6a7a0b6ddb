"""What is too large, too odd, or no HTTP at all: refused in the dialect's shape, and the server lives."""
import socket

import pytest

from support.wire import Answer, ask, exchange, read_all, request_bytes

BIG = 64 << 20
SHAPES = {"/v1/chat/completions": lambda b: b["error"]["code"] == "payload_too_large", "/api/chat": lambda b: isinstance(b["error"], str),
          "/v1/messages": lambda b: b["error"]["type"] == "request_too_large"}


def alive(server):
    return server.http.get("/health").json()["status"] == "ok"


@pytest.mark.parametrize("path", SHAPES)
def test_body_too_large_by_its_own_word(server, path):
    """Refused before it is sent."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BIG + 1}\r\n\r\n".encode()
    answer = Answer(exchange(server.port, head))
    assert answer.status == 413 and SHAPES[path](answer.json()), answer.body
    assert answer.headers.get("x-request-id") and alive(server)


def test_body_too_large_in_chunks(server):
    with socket.create_connection(("127.0.0.1", server.port), 60) as s:
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        try:
            for _ in range(66):
                s.sendall(piece)
        except ConnectionError:
            pass  # it has refused already
        data = read_all(s)
    assert (not data or Answer(data).status == 413) and alive(server)


def test_a_route_without_a_body_takes_none(server):
    answer = ask(server.port, "GET", "/v1/models", body=b"x" * (2 << 20))
    assert answer.status in (200, 413) and alive(server)


def test_header_too_large(server):
    answer = ask(server.port, "GET", "/v1/models", [("x-long", "x" * 200_000)])
    assert answer.status == 431 and "error" in answer.json() and alive(server)


def test_too_many_headers(server):
    answer = ask(server.port, "GET", "/v1/models", [(f"x-{i}", "y") for i in range(5000)])
    assert answer.status == 431 and alive(server)


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 100,
                                  b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
                                  b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
                                  b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                                  b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])
def test_what_is_no_http(server, data):
    with socket.create_connection(("127.0.0.1", server.port), 60) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        told = read_all(s)
    assert (not told or Answer(told).status == 400 or Answer(told).status == 505) and alive(server), told


@pytest.mark.parametrize("path", ["/v1/models/" + "a/" * 500, "/%00", "/%zz", "/..%2f..%2fetc/passwd", "/v1/models/%ff%fe", "/?" + "a=b&" * 500])
def test_odd_paths(server, path):
    answer = ask(server.port, "GET", path)
    assert answer.status in (200, 400, 404, 431) and alive(server)


def test_deep_json(server):
    for body in (b"[" * 100_000, b'{"a":' * 50_000, b'{"model":"ember","messages":' + b"[" * 5000 + b"]" * 5000 + b"}"):
        assert ask(server.port, "POST", "/v1/chat/completions", body=body).status == 400
    assert alive(server)


def test_invalid_utf8(server):
    body = b'{"model":"ember","messages":[{"role":"user","content":"\xff\xfe"}]}'
    assert ask(server.port, "POST", "/v1/chat/completions", body=body).status == 400


def test_pipelined_requests_are_answered_in_order(server):
    first = request_bytes("GET", "/api/version", close=False)
    data = exchange(server.port, first * 3 + request_bytes("GET", "/ready"))
    assert data.count(b"HTTP/1.1 200") == 4 and data.index(b"version") < data.index(b'"ready"')


def test_a_body_in_single_bytes(server):
    data = request_bytes("POST", "/tokenize", body=b'{"model":"ember","content":"hearth"}')
    with socket.create_connection(("127.0.0.1", server.port), 60) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(data)):
            s.sendall(data[i : i + 1])
        assert Answer(read_all(s)).json()["tokens"]
