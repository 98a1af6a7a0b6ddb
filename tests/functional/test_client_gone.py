"""Clients that leave, at every stage: the engine stops within one step, and counts it."""
import concurrent.futures
import json
import os
import signal
import socket

import httpx
import pytest

from support.processes import children
from support.wait import until
from support.wire import DIALECTS, Stream, ask, request_bytes

LONG = 1900
PROBE = 5  # tokens of the request that comes after


def connect(server, dialect, model, limit=LONG, **more):
    """A raw connection with a request sent, so that it can be left at any point."""
    path, body = DIALECTS[dialect](model, "Once upon a time", limit)
    s = socket.socket()
    s.settimeout(60)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", server.port))
    s.sendall(request_bytes("POST", path, [("content-type", "application/json")], json.dumps({**body, **more}).encode(), close=False))
    return s


def tokens(server, model):
    return server.metric("hearth_engine_generated_tokens_total", model=model)


def assert_stopped(server, model, cancelled=1):
    """The engine dropped the request, and works for nobody but the next one: that adds its own tokens and no others."""
    server.until_metric("hearth_engine_requests_cancelled_total", cancelled, model=model)
    server.until_metric("hearth_engine_running", 0, model=model)
    before = tokens(server, model)
    finished = server.metric("hearth_engine_requests_finished_total", model=model)
    body = {"model": model, "prompt": "Another", "max_tokens": PROBE, "ignore_eos": True}
    assert server.http.post("/v1/completions", json=body).status_code == 200
    server.until_metric("hearth_engine_requests_finished_total", finished + 1, model=model)
    assert tokens(server, model) == before + PROBE
    assert server.metric("hearth_engine_steps_after_cancel_total") == 0
    assert server.metric("hearth_engine_requests_cancelled_total", model=model) == cancelled
    return before


@pytest.fixture
def ready(serve, stories_path):
    server = serve("--parallel", 2)
    server.import_model(stories_path, "stories")
    assert server.http.post("/hearth/v1/models/stories/load").status_code == 200
    return server


def test_a_client_that_has_its_answer_is_not_gone(ready):
    for method, path, body in (("GET", "/health", b""), ("POST", "/tokenize", b'{"model":"ember","content":"x"}'), ("POST", "/v1/chat/completions", b"{")):
        assert ask(ready.port, method, path, body=body).status in (200, 400)
        assert httpx.request(method, ready.url + path, content=body, trust_env=False).status_code in (200, 400)  # closes when it has read
    ready.until_metric("hearth_http_connections", 1)
    assert ready.metric("hearth_http_clients_gone_total") == 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_after_the_first_token(ready, dialect):
    with Stream(ready, dialect, model="stories", limit=LONG) as stream:
        stream.until_text()
    assert assert_stopped(ready, "stories") < LONG


def test_in_mid_stream(ready):
    with Stream(ready, "completions", model="stories", limit=LONG) as stream:
        for count, _ in enumerate(stream):
            if count == 40:
                break
    assert 40 <= assert_stopped(ready, "stories") < LONG


@pytest.mark.parametrize("dialect", DIALECTS)
def test_unary(ready, dialect):
    with connect(ready, dialect, "stories", stream=False):
        until(lambda: tokens(ready, "stories") > 0, "the engine works on it")
    assert assert_stopped(ready, "stories") < LONG


def test_half_closed_counts_as_gone(ready):
    with connect(ready, "completions", "stories", stream=False) as s:
        until(lambda: tokens(ready, "stories") > 0, "the engine works on it")
        s.shutdown(socket.SHUT_WR)
        assert assert_stopped(ready, "stories") < LONG


def test_several_choices_are_one_request(ready):
    with connect(ready, "completions", "stories", n=6, stream=False):
        until(lambda: tokens(ready, "stories") > 0, "the engine works on it")
    assert_stopped(ready, "stories")


def test_while_it_waits_for_a_slot(ready):
    """What runs is not disturbed. It takes long on the fastest machine: gauges are published ten times a second."""
    body = {"model": "stories", "prompt": "Once upon a time", "max_tokens": LONG, "n": 8, "ignore_eos": True}
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(httpx.post, f"{ready.url}/v1/completions", json=body, timeout=300, trust_env=False)
        ready.until_metric("hearth_engine_running", 2)
        with connect(ready, "anthropic", "stories"):
            ready.until_metric("hearth_engine_waiting", 1)
        ready.until_metric("hearth_engine_waiting", 0)
        assert [c["finish_reason"] for c in running.result().json()["choices"]] == ["length"] * 8
    assert assert_stopped(ready, "stories") == 8 * LONG


def test_before_the_runner_took_it(ready):
    """The runner is stopped for a while: the request is in its socket when its client leaves."""
    gone = ready.metric("hearth_http_clients_gone_total")
    runner = ready.runner()
    os.kill(runner, signal.SIGSTOP)
    try:
        with connect(ready, "completions", "stories"):
            until(lambda: ready.metric("hearth_http_requests_in_flight") == 2, "the request is under way")
        until(lambda: ready.metric("hearth_http_clients_gone_total") > gone, "its client has left")
        ready.until_metric("hearth_http_requests_in_flight", 1)
    finally:
        os.kill(runner, signal.SIGCONT)
    body = {"model": "stories", "prompt": "Another", "max_tokens": PROBE, "ignore_eos": True}
    assert ready.http.post("/v1/completions", json=body).status_code == 200
    ready.until_metric("hearth_engine_requests_finished_total", 1)
    ready.until_metric("hearth_engine_running", 0)
    assert tokens(ready, "stories") < LONG and ready.metric("hearth_engine_steps_after_cancel_total") == 0


def test_while_the_model_loads(serve, gate):
    server = serve(env=gate.env)
    with connect(server, "chat", "ember"):
        until(lambda: children(server.pid), "a runner waits at the gate")
        until(lambda: server.metric("hearth_http_requests_in_flight") == 2, "the request is under way")
    server.until_metric("hearth_http_requests_in_flight", 1)
    until(lambda: gate.try_open() or not children(server.pid), "the load goes on, or was given up")
    until(lambda: server.loaded().get("ember", {}).get("state") != "loading", "it has ended")
    assert server.http.get("/health").json()["status"] == "ok" and server.metric("hearth_engine_generated_tokens_total") == 0


def test_a_slow_reader_holds_up_nobody_and_gets_everything(ready):
    limit, choices = 150, 4
    with connect(ready, "completions", "stories", limit=limit, n=choices, logprobs=20, stream_options={"include_usage": True}) as slow:
        quick = ready.http.post("/v1/completions", json={"model": "stories", "prompt": "Once", "max_tokens": 3})
        assert quick.status_code == 200
        data = b""
        while b"[DONE]" not in data[-200:]:
            piece = slow.recv(1 << 20)
            assert piece, data[-300:]
            data += piece
    events = [json.loads(line[6:]) for line in data.decode().split("\n") if line.startswith("data: {")]
    assert events[-1]["usage"]["completion_tokens"] == limit * choices
    counted = [sum(len(c["logprobs"]["tokens"]) for e in events for c in e["choices"] if c["index"] == i and c["logprobs"]) for i in range(choices)]
    assert counted == [limit] * choices
