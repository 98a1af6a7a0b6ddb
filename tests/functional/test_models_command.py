"""`hearth models ... --json` on folders of every shape: the cases that a model provisioner must pass."""
import json
import os
import shutil
import struct
import subprocess

import pytest

from support import server as servers

EMBER = servers.ROOT / "models" / "ember" / "ember-q8_0.gguf"
GRAPH = """<net name="m" version="11"><layers><layer id="0" name="c" type="Const"><data element_type="f16" shape="2"
 offset="0" size="4"/></layer></layers></net>"""


def gguf():
    """A small valid file: one tensor of 32 bytes."""
    def text(t):
        return struct.pack("<Q", len(t)) + t.encode()
    out = b"GGUF" + struct.pack("<IQQ", 3, 1, 3)
    out += text("general.architecture") + struct.pack("<I", 8) + text("llama")
    out += text("llama.context_length") + struct.pack("<II", 4, 2048)
    out += text("tokenizer.ggml.model") + struct.pack("<I", 8) + text("llama")
    out += text("token_embd.weight") + struct.pack("<IQIQ", 1, 8, 0, 0)
    return out + b"\0" * (-len(out) % 32) + b"\1" * 32


GGUF = gguf()


class Models:
    def __init__(self, home):
        self.env = servers.clean_environment(home)
        self.base = home / "hearth" / "models"

    def put(self, name, content=GGUF):
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def __call__(self, *arguments, code=0):
        done = subprocess.run([servers.HEARTH, "--json", "models", *map(str, arguments)], env=self.env, text=True, capture_output=True,
                              timeout=120)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        self.said = done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def names(self):
        return [m["name"] for m in self("list") if not m["path"].startswith(str(servers.ROOT))]


@pytest.fixture
def models(home):
    return Models(home)


@pytest.mark.parametrize("files, names", [
    ({}, []),
    ({"a/b/m.gguf": GGUF}, ["a/b"]),
    ({"a/b/m.gguf": GGUF, "a/c/m.gguf": GGUF, "flat/m.gguf": GGUF, "Loose-Q4_0.gguf": GGUF}, ["Loose", "a/b", "a/c", "flat"]),
    ({"a/b/m.gguf": GGUF, "a/b/README.md": "x", "a/b/x.gguf.partial": "x", "n/todo.txt": "x"}, ["a/b"]),
    ({"a/b/m-Q8_0.gguf": GGUF, "a/b/m-Q4_K_M.gguf": GGUF}, ["a/b", "a/b:q8_0"]),
    ({"o/ir/openvino_model.xml": GRAPH, "o/ir/openvino_model.bin": "1234"}, ["o/ir"]),
    ({"two words/My Model.gguf": GGUF, "größe/模型/模型.gguf": GGUF}, ["größe/模型", "two words"]),
], ids=["absent", "one", "several", "others", "quantisations", "ir", "names"])
def test_list(models, files, names):
    for name, content in files.items():
        models.put(name, content)
    assert sorted(models.names()) == sorted(names)
    for row in models("list"):
        assert {"name", "path", "reference", "format", "size", "task", "quantization"} <= row.keys()
        assert os.path.isabs(row["path"]) and row["size"] == os.path.getsize(row["path"]) or row["format"] != "gguf"


def test_list_of_an_empty_folder(models):
    models.base.mkdir(parents=True)
    assert models.names() == []


def hub_layout(models, commit="1234"):
    models.put("models--org--name/blobs/abc")
    link = models.base / "models--org--name" / "snapshots" / commit / "m-Q8_0.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../blobs/abc")
    models.put("models--org--name/refs/main", commit)
    return link


def test_the_hubs_own_layout(models):
    link = hub_layout(models)
    assert models.names() == ["org/name"]
    assert models("find", "org/name") == {"path": str(link)}
    info = models("info", "org/name")
    assert info["total_size"] == len(GGUF) and info["file_count"] == 1 and info["gguf_files"] == [str(link)]
    assert models("verify", "org/name")[0]["ok"]
    models("delete", "org/name")
    assert models.names() == [] and not (models.base / "models--org--name").exists()


def test_find(models):
    q4, q8 = models.put("Org/Name/m-Q4_K_M.gguf"), models.put("Org/Name/m-Q8_0.gguf")
    for reference in ("Org/Name", "org/name", "ORG/NAME:q4_K_M"):
        assert models("find", reference) == {"path": str(q4)}
    assert models("find", "org/name:Q8_0") == {"path": str(q8)}
    (models.base / "org" / "empty").mkdir(parents=True)
    for reference in ("org/absent", "org/empty", "org/name:q2_k"):
        assert models("find", reference, code=1) is None
        assert "not found" in models.said or "has no" in models.said


def test_size(models):
    assert models("size", models.put("a.gguf")) == {"size": len(GGUF)}
    assert models("size", models.put("b.gguf", b"x" * (1 << 20))) == {"size": 1 << 20}
    assert models("size", models.put("c.gguf", b"")) == {"size": 0}
    models("size", models.base / "absent", code=1)
    assert "absent" in models.said


def test_delete(models):
    for name in ("m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q8_0.gguf", "config.json"):
        models.put("org/name/" + name)
    other = models.put("org/other/m.gguf")
    assert models("delete", "org/name:q2_k") == {"deleted": ["org/name:q2_k"]}
    assert models.names() == ["org/name", "org/name:q8_0", "org/other"]
    models("delete", "org/NAME")
    assert models.names() == ["org/other"] and other.exists()
    models("delete", "org/name", code=1)
    assert "not found" in models.said


def test_info(models):
    path = models.put("org/name/m.gguf")
    models.put("org/name/config.json", "{}")
    info = models("info", "org/name")
    assert (info["reference"], info["model_dir"], info["gguf_files"]) == ("org/name", str(path.parent), [str(path)])
    assert (info["total_size"], info["file_count"]) == (len(GGUF) + 2, 2)
    assert (info["format"], info["architecture"], info["context"], info["source"]) == ("gguf", "llama", 2048, "")
    models.put("org/name/m-Q8_0.gguf")
    assert len(models("info", "org/name")["gguf_files"]) == 2
    models("info", "org/absent", code=1)
    assert "not found" in models.said


def test_verify(models):
    good = models.put("org/good/m-Q8_0.gguf")
    assert models("verify", "org/good") == [{"reference": "org/good", "ok": True, "digests_known": False, "problems": []}]
    models.put("org/good/m-Q4_0.gguf", GGUF[:-1])
    checked = {m["reference"]: m for m in models("verify", code=1)}
    (problem,) = checked["org/good"]["problems"]
    assert problem["file"].endswith("m-Q4_0.gguf") and problem["offset"] == len(GGUF) - 1 and "cut off" in problem["what"]
    assert checked["org/good:q8_0"]["ok"]
    models.put("org/empty/m.gguf", b"")
    assert not models("verify", "org/empty", code=1)[0]["ok"]
    models.put("org/text/readme.txt", "x")
    models("verify", "org/text", code=1)
    assert "no .gguf" in models.said
    models("verify", "org/absent", code=1)
    assert good.exists()


def tensors(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize("name, content, what, offset", [
    ("m.gguf", b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "tensors", None),
    ("m.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "keys", None),
    ("m.gguf", b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62), "it claims 1 keys", 24),
    ("m.gguf", b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62) + b"x" * 64, "a text of 4611686018427387904 bytes", None),
    ("m.gguf", GGUF[:20], "", 16),
    ("m.gguf", b"PK\3\4" * 20, "does not begin with 'GGUF'", None),
    ("model.safetensors", tensors({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"x" * 15), "'a' ends 1 bytes after", None),
    ("model.safetensors", tensors({"a": {"dtype": "U8", "shape": [1 << 32, 1 << 32], "data_offsets": [0, 0]}}, b""), "not what the shape", 8),
    ("model.safetensors", struct.pack("<Q", 1 << 63) + b"{}", "header has 9223372036854775808 bytes", 0),
    ("model.safetensors", tensors(b"[]", b""), "no JSON object", 8),
    ("openvino_model.xml", GRAPH, "it has 3 bytes, and constant 'c' takes 4 at 0", 3),
    ("openvino_model.xml", "<net", "OpenVINO", None),
], ids=str)
def test_verify_of_hostile_headers(models, name, content, what, offset):
    models.put("org/name/" + name, content)
    if name.endswith(".xml"):
        models.put("org/name/openvino_model.bin", "123")
    (checked,) = models("verify", "org/name", code=1)
    problem = checked["problems"][0]
    assert what in problem["what"] and (offset is None or problem["offset"] == offset), problem
    assert str(models.base / "org" / "name") in problem["file"]


def test_disk_usage(models):
    assert models("disk-usage")["total_size"] == 0
    models.base.mkdir(parents=True)
    assert models("disk-usage") == {"total_size": 0, "models": []}
    models.put("a/b/m.gguf")
    models.put("a/c/m.gguf.partial", "1234")
    assert models("disk-usage") == {"total_size": len(GGUF) + 4, "models": [{"reference": "a/b", "size": len(GGUF), "names": ["a/b:latest"]},
                                                                             {"reference": "a/c", "size": 4, "unfinished": True}]}


def test_links(models, tmp_path):
    (models.base / "org" / "name").mkdir(parents=True)
    (models.base / "org" / "name" / "m.gguf").symlink_to(tmp_path / "absent.gguf")
    (models.base / "org" / "loop").symlink_to(models.base)
    assert models.names() == []
    (tmp_path / "absent.gguf").write_bytes(GGUF)
    assert models.names() == ["org/name"]


def test_a_folder_that_cannot_be_written(models):
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    path = models.put("org/name/m.gguf")
    path.parent.chmod(0o500)
    try:
        assert models.names() == ["org/name"]
        models("delete", "org/name", code=1)
        assert "denied" in models.said
    finally:
        path.parent.chmod(0o700)


def test_ten_thousand_models(models):
    first = models.put("m0/m.gguf")
    for i in range(1, 10_000):
        folder = models.base / f"m{i}"
        folder.mkdir()
        shutil.copy(first, folder / "m.gguf")
    assert len(models.names()) == 10_000
    assert models("find", "M9999")["path"].endswith("m9999/m.gguf")


def test_a_whole_life(models, home):
    """import, list, info, verify, copy, create, delete."""
    path = home / "mine.gguf"
    shutil.copy(EMBER, path)
    assert models("import", path, "--name", "mine")["name"] == "mine"
    assert models("info", "mine")["model_dir"] == str(home) and models("info", "mine")["file_count"] == 1
    assert models("verify", "mine")[0]["ok"]
    assert "mine" in models.names()
    models("delete", "mine")
    assert "mine" not in models.names() and path.exists()


def test_imports_whose_file_is_gone(models, tmp_path):
    file = tmp_path / "my model.gguf"
    file.write_bytes(GGUF)
    models("import", file)
    file.unlink()
    models("list")
    assert "it is gone; put it right, or forget the model with: hearth rm 'my model'" in models.said
    (lost,) = [m for m in models("verify", code=1) if not m["ok"]]
    assert lost["reference"] == "my model" and lost["problems"] == [{"file": str(file), "what": "it is gone"}]
    models("delete", "my model")
    models("list")
    assert models.said == ""


def test_sizes_of_files_and_models(models):
    path = models.put("org/tiny/tiny-Q8_0.gguf")
    models.put("org/tiny/config.json", "{}")
    assert models("size", path) == {"size": len(GGUF)} and models("size", "org/tiny") == {"size": len(GGUF) + 2}
    assert models("size", "org/tiny:q8_0") == {"size": len(GGUF)}
    models("size", "none", code=1)
    assert "no model here has that name" in models.said


def test_only_what_can_run_is_imported(models, tmp_path):
    (tmp_path / "model.xml").write_text(GRAPH)
    (tmp_path / "model.bin").write_bytes(b"abcd")
    models("import", tmp_path, code=1)
    assert "it is openvino, and this version runs GGUF files only" in models.said
