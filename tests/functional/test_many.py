"""Many at once."""
import asyncio
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx

from support.text import ASK
from support.wait import until

STREAMS = 200
IDLE = 1000


def test_many_streams_all_finish(serve):
    server = serve("--parallel", 4, "--queue", 1024)
    body = {"model": "ember", "messages": ASK, "temperature": 0, "stream": True}

    async def one(client):
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            assert response.status_code == 200, await response.aread()
            lines = [line async for line in response.aiter_lines() if line.startswith("data: ")]
        assert lines[-1] == "data: [DONE]"
        return "".join(json.loads(x[6:])["choices"][0]["delta"].get("content", "") for x in lines[:-1])

    async def all_of_them():
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=server.url, timeout=300, limits=limits, trust_env=False) as client:
            return await asyncio.gather(*(one(client) for _ in range(STREAMS)))

    texts = asyncio.run(all_of_them())
    assert len(texts) == STREAMS and len(set(texts)) == 1 and texts[0]
    server.until_metric("hearth_engine_requests_finished_total", STREAMS)
    assert server.metric("hearth_engine_requests_failed_total") == 0 and server.metric("hearth_requests_refused_total") == 0


def test_a_full_queue_refuses_with_retry_after(serve, gate):
    """While the model loads, the queue can only fill."""
    server = serve("--parallel", 1, "--queue", 2, env=gate.env)
    body = {"model": "ember", "messages": ASK, "max_tokens": 1}
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(server.http.post, "/v1/chat/completions", json=body) for _ in range(8)]
        until(lambda: sum(f.done() for f in asked) >= 5, "more than the queue holds is refused at once")
        ollama = server.http.post("/api/chat", json={"model": "ember", "messages": ASK})
        anthropic = server.http.post("/v1/messages", json={"model": "ember", "messages": ASK, "max_tokens": 1})
        gate.open()
        answers = [f.result() for f in asked]
    refused = [a for a in answers if a.status_code != 200]
    assert len(refused) >= 5 and {a.status_code for a in refused} <= {429, 503}
    for answer in [*refused, ollama, anthropic]:
        assert answer.status_code in (429, 503, 529) and int(answer.headers["retry-after"]) >= 1, answer.text
    assert refused[0].json()["error"]["code"] == "overloaded" and anthropic.json()["error"]["type"] == "overloaded_error"
    assert server.metric("hearth_requests_refused_total") == len(refused) + 2


def test_a_thousand_idle_connections(serve):
    server = serve()
    idle = []
    try:
        for _ in range(IDLE):
            idle.append(socket.create_connection(("127.0.0.1", server.port), 30))
        until(lambda: server.metric("hearth_http_connections") >= IDLE, "all connections are accepted")
        assert server.http.get("/health").json()["status"] == "ok"
        assert server.http.post("/v1/chat/completions", json={"model": "ember", "messages": ASK}).status_code == 200
        assert server.metric("hearth_http_connections_shed_total") == 0
    finally:
        for s in idle:
            s.close()
    until(lambda: server.metric("hearth_http_connections") <= 2, "closed connections are gone")


def test_beyond_the_limit_silent_connections_go_first(serve):
    server = serve(env={"HEARTH_SERVER_CONNECTIONS_MAX": "20"})
    idle = [socket.create_connection(("127.0.0.1", server.port), 30) for _ in range(40)]
    until(lambda: server.metric("hearth_http_connections_shed_total") >= 20, "silent ones are closed")
    assert httpx.get(f"{server.url}/health", trust_env=False).json()["status"] == "ok"
    for s in idle:
        s.close()
