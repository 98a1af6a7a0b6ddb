"""Files that are no models, or no longer: a clear error, and the server goes on."""
import struct

import pytest

from support import server as servers
from support.text import ASK
from support.wait import until

EMBER = servers.ROOT / "models" / "ember" / "ember-q8_0.gguf"


def header(tensors=1, keys=0, version=3, magic=b"GGUF"):
    return magic + struct.pack("<IQQ", version, tensors, keys)


def cut(at):
    return lambda: EMBER.read_bytes()[:at]


# What stands in a file of the name *.gguf.
BROKEN = {
    "empty": lambda: b"",
    "garbage": lambda: bytes(range(256)) * 64,
    "magic only": lambda: b"GGUF",
    "other magic": lambda: header(magic=b"GGML"),
    "version 99": lambda: header(version=99),
    "no metadata": lambda: header(0, 0),
    "2^60 tensors": lambda: header(1 << 60, 0),
    "2^60 keys": lambda: header(1, 1 << 60),
    "key of 2^62 bytes": lambda: header(1, 1) + struct.pack("<Q", 1 << 62) + b"x",
    "cut in the header": cut(2000),
    "cut in the tensors": cut(2_000_000),
    "one byte short": lambda: EMBER.read_bytes()[:-1],
    "a web page": lambda: b"<!doctype html><title>404</title>",
}


def lives(server):
    answer = server.http.post("/v1/chat/completions", json={"model": "ember", "messages": ASK, "max_tokens": 1})
    return answer.status_code == 200


@pytest.mark.parametrize("what", BROKEN)
def test_import_refuses_it(server, home, what):
    file = home / "broken.gguf"
    file.write_bytes(BROKEN[what]())
    answer = server.http.post("/hearth/v1/models/import", json={"path": str(file), "name": "broken"})
    assert 400 <= answer.status_code < 600 and answer.status_code != 502, answer.text
    assert "broken" in answer.json()["error"]["message"], answer.text
    assert server.http.get("/hearth/v1/models/broken").status_code == 404 and lives(server)


@pytest.mark.parametrize("what", BROKEN)
def test_a_model_that_broke_after_its_import(server, home, what):
    file = home / "broken.gguf"
    file.write_bytes(EMBER.read_bytes())
    server.import_model(file, "broken")
    file.write_bytes(BROKEN[what]())
    crashes = server.metric("hearth_model_crashes_total")
    try:
        for path, body in (("/v1/chat/completions", {"messages": ASK}), ("/api/chat", {"messages": ASK}), ("/v1/messages", {"messages": ASK, "max_tokens": 1})):
            answer = server.http.post(path, json={"model": "broken", **body})
            assert answer.status_code in (400, 500, 507), answer.text
            assert "broken" in answer.text and answer.headers["content-type"].startswith("application/json")
        assert any(m["id"] == "ember" for m in server.http.get("/v1/models").json()["data"])
        assert lives(server)
        assert server.metric("hearth_model_crashes_total") == crashes, "found before a runner was started for it"
    finally:
        assert server.http.delete("/hearth/v1/models/broken").status_code == 200
    assert file.exists(), "an imported file is never touched"


def test_the_file_is_gone(server, home):
    file = home / "gone.gguf"
    file.write_bytes(EMBER.read_bytes())
    server.import_model(file, "gone")
    file.unlink()
    answer = server.http.post("/v1/chat/completions", json={"model": "gone", "messages": ASK})
    assert 400 <= answer.status_code < 600 and "gone" in answer.text
    server.http.delete("/hearth/v1/models/gone")
    assert lives(server)


@pytest.mark.parametrize("path", ["/nowhere/x.gguf", "relative.gguf", "", "/proc/self/mem", "/dev/zero"])
def test_paths_that_are_no_files(server, path):
    answer = server.http.post("/hearth/v1/models/import", json={"path": path, "name": "x"})
    assert 400 <= answer.status_code <= 500 and answer.json()["error"]["message"], answer.text
    assert lives(server)


def test_a_runner_that_cannot_start(serve, home):
    server = serve(env={"HEARTH_BINARY_DIR": str(home)})
    assert f"no runner at {home}/hearth-runner, so no model can be loaded" in server.log_text()
    answer = server.http.post("/v1/chat/completions", json={"model": "ember", "messages": ASK})
    assert answer.status_code == 500 and "hearth-runner" in answer.json()["error"]["message"], answer.text
    assert server.http.get("/health").json()["status"] == "ok"


@pytest.mark.parametrize("script, why", [("exit 3", "3"), ("kill -9 $$", "9"), ("echo no luck today; exit 1", "runner-ember.log")])
def test_a_runner_that_ends_at_once(serve, home, script, why):
    program = home / "hearth-runner"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    server = serve(env={"HEARTH_BINARY_DIR": str(home)})
    answer = server.http.post("/v1/chat/completions", json={"model": "ember", "messages": ASK})
    assert answer.status_code == 500 and why in answer.json()["error"]["message"], answer.text
    assert server.metric("hearth_model_load_failures_total") == 1
    until(lambda: not server.loaded(), "nothing left of it")
