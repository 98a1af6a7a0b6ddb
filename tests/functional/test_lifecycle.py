"""Loading, unloading, limits, and runners that are killed."""
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import processes
from support import server as servers
from support.text import ASK
from support.wait import until
from support.wire import DIALECTS, Stream, events_of, is_end, is_error, text_in

CHAT = {"model": "ember", "messages": ASK, "temperature": 0}
# What each dialect has for a runner that died; Ollama and Anthropic know no 502.
CRASHED = {"chat": 502, "responses": 502, "completions": 502, "ollama": 500, "ollama chat": 500, "anthropic": 500}


def chat(server, **more):
    return server.http.post("/v1/chat/completions", json={**CHAT, **more})


def test_concurrent_first_requests_load_once(serve, gate):
    server = serve(env=gate.env)
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(chat, server) for _ in range(16)]
        until(lambda: server.metric("hearth_http_requests_in_flight") >= 17, "16 requests that wait for one load")
        gate.open()
        assert [f.result().status_code for f in asked] == [200] * 16
    assert server.metric("hearth_model_loads_total") == 1 and len(server.runners()) == 1


def test_two_models_have_two_runners(serve, stories_path):
    server = serve()
    server.import_model(stories_path, "stories")
    assert chat(server).status_code == chat(server, model="stories", max_tokens=1).status_code == 200
    assert set(server.loaded()) == {"ember", "stories"} and len(server.runners()) == 2


def test_idle_model_is_unloaded(serve):
    server = serve("--keep-alive", "1s")
    assert chat(server).status_code == 200
    runner = server.runner()
    until(lambda: not server.loaded(), "ember unloaded")
    processes.wait_gone([runner], "runner")
    assert chat(server).status_code == 200  # and comes back
    assert server.metric("hearth_model_loads_total") == 2 and server.metric("hearth_model_crashes_total") == 0


@pytest.mark.parametrize("path, body", [
    ("/v1/chat/completions", {**CHAT, "keep_alive": 0}),
    ("/v1/messages", {"model": "ember", "messages": ASK, "max_tokens": 2, "keep_alive": 0}),
    ("/api/chat", {"model": "ember", "messages": ASK, "stream": False, "keep_alive": "0s"}),
], ids=["openai", "anthropic", "ollama"])
def test_keep_alive_zero_on_every_dialect(serve, path, body):
    server = serve()
    assert server.http.post(path, json=body).status_code == 200
    until(lambda: not server.loaded(), "ember unloaded")
    assert server.http.post(path, json={**body, "keep_alive": -1}).status_code == 200
    assert server.loaded()["ember"]["expires_at"] is None


def test_keep_alive_header(serve):
    server = serve()
    server.http.post("/v1/chat/completions", json=CHAT, headers={"hearth-keep-alive": "0"})
    until(lambda: not server.loaded(), "ember unloaded")
    refused = server.http.post("/v1/chat/completions", json=CHAT, headers={"hearth-keep-alive": "soon"})
    assert refused.status_code == 400 and "hearth-keep-alive" in refused.text


def test_load_and_unload_routes(serve):
    server = serve()
    loaded = server.http.post("/hearth/v1/models/ember/load", json={"keep_alive": "1h"})
    assert loaded.status_code == 200 and loaded.json()["context"] == 1024
    assert set(server.loaded()) == {"ember"}
    assert server.http.post("/hearth/v1/models/ember/unload").status_code == 200
    assert server.loaded() == {} and server.runners() == []
    again = server.http.post("/hearth/v1/models/ember/unload")
    assert again.status_code in (200, 404) and "ember:" not in again.text  # the name as it was asked for
    assert server.http.post("/hearth/v1/models/nothing/load").status_code == 404


def test_max_loaded_evicts_the_idle_one(serve, stories_path):
    server = serve("--max-loaded", 1)
    server.import_model(stories_path, "stories")
    for model in ("ember", "stories", "ember"):
        assert chat(server, model=model, max_tokens=1).status_code == 200
        assert set(server.loaded()) == {model}
    assert server.metric("hearth_model_evictions_total") == 2 and len(server.runners()) == 1


def test_a_busy_model_is_not_evicted(serve, stories_path):
    server = serve("--max-loaded", 1)
    server.import_model(stories_path, "stories")
    with Stream(server, "completions", model="stories", limit=1500) as stream, ThreadPoolExecutor(1) as pool:
        events = stream.until_text()
        other = pool.submit(chat, server, max_tokens=1)
        events += stream
        assert events[-1] == "[DONE]" and other.result().status_code == 200
    assert server.metric("hearth_model_crashes_total") == 0


def test_larger_num_ctx_reloads_once(serve, stories_path):
    server = serve("--ctx", 256)
    server.import_model(stories_path, "stories")
    body = {"model": "stories", "prompt": "Once", "stream": False, "options": {"num_predict": 1}}
    assert server.http.post("/api/generate", json=body).status_code == 200
    assert server.loaded()["stories"]["context"] == 256
    for _ in range(2):
        wide = {**body, "options": {"num_predict": 1, "num_ctx": 512}}
        assert server.http.post("/api/generate", json=wide).status_code == 200
    assert server.loaded()["stories"]["context"] == 512 and server.metric("hearth_model_loads_total") == 2


def test_a_context_beyond_the_trained_one_is_named(server):
    body = {"model": "ember", "prompt": "Hi", "stream": False, "options": {"num_predict": 1, "num_ctx": 100_000}}
    answer = server.http.post("/api/generate", json=body)
    assert answer.status_code == 200 and answer.headers["hearth-ignored-parameters"] == "options.num_ctx"
    assert server.http.post("/api/generate", json=body, headers={"hearth-strict": "1"}).status_code == 400


def test_a_model_that_the_library_has_lost_can_still_be_unloaded(serve, stories_path):
    server = serve()
    server.import_model(stories_path, "lost")
    assert server.http.post("/hearth/v1/models/lost/load").status_code == 200
    subprocess.run([servers.HEARTH, "rm", "lost"], env=servers.clean_environment(server.home), check=True, capture_output=True, timeout=60)
    assert "lost" in server.loaded()
    assert server.http.post("/hearth/v1/models/lost/unload").status_code == 200
    assert "lost" not in server.loaded()
    assert server.http.post("/hearth/v1/models/lost/unload").status_code == 404


@pytest.mark.parametrize("dialect", DIALECTS)
def test_runner_killed_in_mid_stream(serve, stories_path, dialect):
    server = serve()
    server.import_model(stories_path, "stories")
    with Stream(server, "chat", model="ember", limit=400) as other, Stream(server, dialect, model="stories", limit=1900) as stream:
        other.until_text()
        events = stream.until_text()
        victim = next(p for p in server.runners() if b"stories260K" in open(f"/proc/{p}/cmdline", "rb").read())
        os.kill(victim, signal.SIGKILL)
        events += stream
        assert is_error(dialect, events[-1]), events[-2:]
        assert not any(is_end(dialect, e) for e in events), "a cut answer must not claim that it is complete"
        assert not any(isinstance(e, dict) and "error" in e for e in events[:-1])
        rest = list(other)  # of another model: goes on to its end
        assert rest[-1] == "[DONE]" and not any(is_error("chat", e) for e in rest[:-1])
    with Stream(server, dialect, model="stories", limit=4) as again:
        events = list(again)
        assert any(text_in(dialect, e) for e in events[:-1]) and is_end(dialect, events[-1])
    assert server.metric("hearth_model_crashes_total") == 1 and server.metric("hearth_model_loads_total") == 3
    assert server.process.poll() is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_runner_killed_before_the_first_token(serve, dialect):
    """Nothing was answered yet: the failure is an HTTP status in the dialect's shape, or a fresh runner answers in full."""
    server = serve()
    assert chat(server, max_tokens=1).status_code == 200
    until(lambda: server.loaded()["ember"]["busy"] == 0, "it is idle")
    runner = server.runner()
    os.kill(runner, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        path, body = DIALECTS[dialect]("ember", "Hello", 8)
        asked = pool.submit(server.http.post, path, json=body)
        until(lambda: asked.done() or server.loaded()["ember"]["busy"] == 1, "the runner has the request")
        os.kill(runner, signal.SIGKILL)
        answer = asked.result()
    if answer.status_code == 200:
        assert server.metric("hearth_model_loads_total") == 2 and not any(is_error(dialect, e) for e in events_of(answer)), answer.text
        assert is_end(dialect, events_of(answer)[-1]), answer.text
    else:
        assert answer.status_code == CRASHED[dialect] and is_error(dialect, answer.json()), answer.text
    assert chat(server, max_tokens=1).status_code == 200


def test_all_streams_of_a_killed_runner_end_with_an_error(serve, stories_path):
    server = serve("--parallel", 4, "--context-shift")
    server.import_model(stories_path, "stories")

    def run(dialect):
        with Stream(server, dialect, model="stories", limit=15_000) as stream:
            return stream.response.status_code, list(stream)

    def under_way():
        states = server.metrics("hearth_engine_running", "hearth_engine_waiting", "hearth_engine_paused")
        return states[0] >= 4 and sum(states) == len(dialects)  # a slow reader's place goes to another meanwhile

    dialects = [*DIALECTS] * 2
    with ThreadPoolExecutor(len(dialects)) as pool:
        asked = [(d, pool.submit(run, d)) for d in dialects]
        until(under_way, "4 run, the others wait")
        os.kill(server.runner(), signal.SIGKILL)
        begun = False
        for dialect, future in asked:
            status, events = future.result()
            if status == 200:
                begun = True
                assert is_error(dialect, events[-1]) and not any(is_end(dialect, e) for e in events)
            else:
                assert status == CRASHED[dialect], (dialect, status)
    assert ("ends with an error: " in server.log_text()) == begun
    assert chat(server, max_tokens=1).status_code == 200


def test_runners_end_with_a_killed_gateway(serve):
    server = serve()
    assert chat(server).status_code == 200
    runners = server.runners()
    server.kill()
    assert runners
    processes.wait_gone(runners, "runners of a killed gateway")


def test_leftovers_of_a_killed_server_are_removed(serve):
    killed = serve()
    assert chat(killed, max_tokens=1).status_code == 200
    folders = lambda: {f.name.split("-")[0] for f in killed.home.glob("hearth-*/*-*")}
    killed.kill()
    assert folders() == {str(killed.pid)}
    lives = serve(home=killed.home)
    also_lives = serve(home=killed.home)
    assert folders() == {str(lives.pid), str(also_lives.pid)}
    assert chat(lives, max_tokens=1).status_code == 200
