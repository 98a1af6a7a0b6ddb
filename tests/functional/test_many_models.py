"""Ten thousand models: every one is listed, and every change is seen at once."""
import json
import shutil
import struct
import subprocess

import pytest

from support import server as servers

MANY = 10_000


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def small_model(context):
    """A valid GGUF file of a few hundred bytes."""
    def key(name, kind, value):
        return text(name) + struct.pack("<I", kind) + value

    keys = [key("general.architecture", 8, text("llama")), key("tokenizer.ggml.model", 8, text("llama")),
            key("llama.context_length", 4, struct.pack("<I", context))]
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(keys)) + b"".join(keys)
    head += text("token_embd.weight") + struct.pack("<IQQIQ", 2, 8, 4, 0, 0)
    return head + b"\0" * (-len(head) % 32) + b"\1" * 128


@pytest.fixture(scope="module")
def crowd():
    home = servers.make_home()
    for i in range(MANY):
        folder = home / "hearth" / "models" / f"model-{i:05}"
        folder.mkdir(parents=True)
        (folder / f"model-{i:05}-Q8_0.gguf").write_bytes(small_model(i + 1))
    yield home
    shutil.rmtree(home)


def listed(home):
    done = subprocess.run([servers.HEARTH, "models", "list", "--json"], env=servers.clean_environment(home), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return {m["name"]: m["context"] for m in json.loads(done.stdout) if m["name"] != "ember"}


def test_all_are_listed_and_changes_are_seen(crowd):
    expected = {f"model-{i:05}": i + 1 for i in range(MANY)}
    assert listed(crowd) == expected
    remembered = crowd / "hearth" / "cache" / "listing.tsv"
    assert remembered.exists()
    assert listed(crowd) == expected, "and from what the first listing remembered"
    models = crowd / "hearth" / "models"
    (models / "model-00001" / "model-00001-Q8_0.gguf").write_bytes(small_model(7))
    shutil.rmtree(models / "model-00002")
    (models / "new").mkdir()
    (models / "new" / "new.gguf").write_bytes(small_model(8))
    changed = {**expected, "model-00001": 7, "new": 8}
    del changed["model-00002"]
    assert listed(crowd) == changed
    remembered.write_text("hearth-listing 1\nnonsense\n")
    assert listed(crowd) == changed, "a broken memory is none"
    remembered.unlink()
    assert listed(crowd) == changed


def test_a_server_sees_changes_among_them(crowd, serve):
    server = serve(home=crowd)
    def names():
        return {m["id"] for m in server.http.get("/v1/models").json()["data"]}
    before = names()
    assert len(before) >= MANY
    folder = crowd / "hearth" / "models" / "just-now"
    for i in range(20):
        folder.mkdir()
        (folder / "just-now.gguf").write_bytes(small_model(100 + i))
        assert server.http.get("/hearth/v1/models/just-now").json()["context"] == 100 + i
        assert names() == before | {"just-now"}
        shutil.rmtree(folder)
        assert server.http.get("/hearth/v1/models/just-now").status_code == 404
    assert names() == before
