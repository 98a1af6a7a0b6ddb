"""Models that were fetched: verified, counted, deleted, and safe beside the files of others."""
import json
import os

from support.puller import noise
from support.wait import until


def test_verify(puller, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    hub.add("gpt2", {"model.safetensors": noise(70_000), "config.json": b"{}"})
    puller.pull("org/tiny")
    verified = {v["reference"]: v for v in json.loads(puller.run("--json", "models", "verify").stdout)}
    assert verified["org/tiny"] == {"reference": "org/tiny", "ok": True, "digests_known": True, "problems": []}
    assert verified["ember"]["ok"] and not verified["ember"]["digests_known"]
    assert puller.run("models", "verify", "org/tiny").stdout == "ok      org/tiny\n"
    puller.run("copy", "org/tiny", "mine")
    assert puller.run("models", "verify", "mine").stdout == "ok      mine\n", "by the digests of what it is a copy of"
    puller.run("rm", "mine")
    file = puller.models / "org/tiny/tiny-Q8_0.gguf"
    file.write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    (broken,) = json.loads(puller.run("--json", "models", "verify", "ORG/Tiny", code=1).stdout)
    assert not broken["ok"] and broken["problems"][0]["file"] == str(file) and "has the digest sha256:" in broken["problems"][0]["what"]
    puller.run("models", "verify", "org/tiny", code=1)
    file.write_bytes(weights)
    puller.run("models", "verify", "org/tiny")
    assert puller.pull("org/tiny")[0]["up_to_date"], "somebody has brought it back"
    file.write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    puller.run("models", "verify", "org/tiny", code=1)
    assert not puller.pull("org/tiny")[0]["up_to_date"] and file.read_bytes() == weights, "what is broken is fetched again"
    puller.run("models", "verify", "org/tiny")
    file.write_bytes(weights[:-1000])
    (broken,) = json.loads(puller.run("--json", "models", "verify", "org/tiny", code=1).stdout)
    assert any(p.get("offset") == len(weights) - 1000 for p in broken["problems"])
    assert "BROKEN  org/tiny" in puller.run("models", "verify", code=1).stdout
    assert "not found" in puller.run("models", "verify", "none", code=1).stderr


def test_cache(puller, hub, weights):
    """Of what was downloaded, and nothing else."""
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights, "tiny-Q4_0.gguf": weights + b"\0" * 32})
    hub.add("org/slow", {"model-Q8_0.gguf": noise(3_000_000)})
    for reference in ("org/tiny:Q8_0", "org/tiny:Q4_0"):
        puller.pull(reference)
    hub.bandwidth = 100_000
    process = puller.start("pull", "org/slow")
    until(lambda: list((puller.models / "org/slow").glob("*.partial")), "the download has begun")
    process.kill()
    process.communicate()
    (puller.home / "mine.gguf").write_bytes(weights)
    puller.run("import", puller.home / "mine.gguf")
    (puller.home / "Modelfile").write_text("FROM ember\nSYSTEM x\n")
    puller.run("create", "org/tiny", "-f", puller.home / "Modelfile")
    (puller.models / "own").mkdir()
    (puller.models / "own" / "own-Q8_0.gguf").write_bytes(weights)
    usage = json.loads(puller.run("--json", "cache", "list").stdout)
    assert [(m["reference"], m.get("source"), m.get("unfinished", False)) for m in usage["models"]] == [("org/tiny", "hf:org/tiny", False),
                                                                                                       ("org/slow", None, True)]
    assert "not all there yet" in puller.run("cache", "list").stdout
    for name in ("mine", "own", "ember", "none"):
        assert f"'{name}' was not downloaded" in puller.run("cache", "delete", "org/tiny", name, code=1).stderr
    assert puller.run("cache", "delete", "org/tiny:q4_0").stdout == "deleted org/tiny:q4_0\n"
    kept = puller.run("cache", "clear", code=1).stderr
    assert "kept 2 downloaded model(s)" in kept and "hearth cache clear --yes" in kept
    assert (puller.models / "org/tiny/tiny-Q8_0.gguf").exists()
    assert puller.run("cache", "clear", "--yes").stdout == "deleted org/tiny:q8_0\ndeleted org/slow\n"
    assert json.loads(puller.run("--json", "cache", "list").stdout) == {"total_size": 0, "models": []}
    assert puller.run("cache", "clear").stdout == ""
    assert [m["name"] for m in json.loads(puller.run("--json", "list").stdout)] == ["ember", "mine", "org/tiny", "own"], "what nobody else has stays"
    puller.pull("org/tiny:Q8_0")
    assert puller.run("cache", "delete", "org/tiny").stdout == "deleted org/tiny:q8_0\n"
    assert puller.run("rm", "none", "org/tiny", code=1).stdout == "deleted org/tiny\n", "the others go all the same"
    hub.bandwidth = None
    several = puller.run("pull", "org/none", "org/tiny:Q8_0", code=1)
    assert several.stdout.startswith("org/tiny is here\n") and "Model 'org/none' not found" in several.stderr


def test_disk_usage_find_size_and_delete(puller, hub, weights):
    assert json.loads(puller.run("--json", "models", "disk-usage").stdout) == {"total_size": 0, "models": []}
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    (pulled,) = puller.pull("org/tiny")
    usage = json.loads(puller.run("--json", "models", "disk-usage").stdout)
    (model,) = usage["models"]
    assert model["reference"] == "org/tiny" and len(weights) < model["size"] == usage["total_size"] < len(weights) + 1000
    assert json.loads(puller.run("--json", "models", "find", "ORG/TINY").stdout) == {"path": pulled["path"]}
    assert json.loads(puller.run("--json", "models", "size", pulled["path"]).stdout) == {"size": len(weights)}
    assert "not found" in puller.run("models", "find", "none", code=1).stderr
    assert "No such file" in puller.run("models", "size", "/nowhere", code=1).stderr
    puller.run("models", "delete", "org/tiny")
    assert not (puller.models / "org").exists()


def test_the_bundled_model_comes_back(puller, hub):
    names = lambda: [m["name"] for m in json.loads(puller.run("--json", "list").stdout)]  # noqa: E731
    for name in ("ember", "ember:latest", "ember:Q8_0"):
        puller.run("rm", "ember")
        assert names() == []
        assert puller.run("pull", name).stdout == "ember is up to date\n"
    assert names() == ["ember"] and not hub.requests


def test_an_import_of_the_same_id_is_in_the_way(puller, hub, weights, tmp_path):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    (tmp_path / "mine.gguf").write_bytes(weights)
    puller.run("import", tmp_path / "mine.gguf", "--name", "org/tiny:q8_0")
    said = puller.run("pull", "org/tiny", code=1).stderr
    assert "'org/tiny:q8_0' is here already" in said and said.endswith("first with: hearth rm org/tiny:q8_0\n")
    assert not (puller.models / "org").exists()
    puller.run("rm", "org/tiny:q8_0")
    puller.run("import", tmp_path / "mine.gguf", "--name", "org/tiny")
    assert "'org/tiny' is here already" in puller.run("pull", "org/tiny", code=1).stderr, "the short name would mean the import"
    puller.run("pull", "org/tiny:Q8_0")
    puller.run("rm", "org/tiny:latest")
    puller.run("pull", "org/tiny")


def test_a_failure_leaves_a_linked_folder(puller, hub, weights, tmp_path):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    (puller.models / "org").mkdir(parents=True)
    (tmp_path / "disk").mkdir()
    (puller.models / "org" / "tiny").symlink_to(tmp_path / "disk")
    hub.fault = lambda _: "corrupt"
    puller.run("pull", "org/tiny", code=1)
    hub.fault = None
    puller.run("pull", "org/tiny")
    assert (tmp_path / "disk" / "tiny-Q8_0.gguf").read_bytes() == weights


def test_files_of_others_stay_where_a_fetch_fails(puller, hub, weights, tmp_path):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    hub.fault = lambda _: "corrupt"
    (tmp_path / "mine" / "empty").mkdir(parents=True)
    (tmp_path / "mine" / "file").write_text("mine")
    (tmp_path / "mine" / "link").symlink_to("empty")
    for name in ("empty", "file", "link"):
        puller.run("pull", "org/tiny", "--local-dir", tmp_path / "mine" / name, code=1)
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == ["empty", "file", "link"]
    (puller.models / "org").mkdir(parents=True)
    (puller.models / "org" / "tiny").write_text("mine")
    puller.run("pull", "org/tiny", code=1)
    assert (puller.models / "org" / "tiny").read_text() == "mine"
    hub.fault = None
    (tmp_path / "mine" / "empty" / "tiny-Q8_0.gguf").write_text("mine")
    said = puller.run("pull", "org/tiny", "--local-dir", tmp_path / "mine" / "empty", code=1).stderr
    assert said.endswith("tiny-Q8_0.gguf is there already, and is not what is published; move it away first\n")
    assert (tmp_path / "mine" / "empty" / "tiny-Q8_0.gguf").read_text() == "mine"


def test_a_fetch_that_goes_on_is_not_deleted(puller, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    hub.fault = lambda _: 503
    pull = puller.start("pull", "org/tiny")
    try:
        until(lambda: list((puller.models / "org/tiny").glob("*.partial")), "the fetch has begun")
        assert "model 'org/tiny' is being fetched" in puller.run("rm", "org/tiny", code=1).stderr
    finally:
        pull.kill()
        pull.communicate()


def test_what_nobody_fetched_outlives_a_model(puller, hub, weights):
    hub.add("org/tiny", {"q8/tiny-Q8_0.gguf": weights})
    puller.run("pull", "org/tiny")
    folder = puller.models / "org" / "tiny"
    (folder / "notes.txt").write_text("mine")
    (folder / "other-Q4_0.gguf").write_bytes(weights)
    puller.run("rm", "org/tiny")
    assert [p.name for p in folder.rglob("*")] == ["notes.txt"]


def test_a_download_that_somebody_deleted_is_missed(puller, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    (pulled,) = puller.pull("org/tiny")
    os.unlink(pulled["path"])
    said = puller.run("models", "verify", code=1).stdout
    assert "BROKEN  org/tiny\n" in said and "it is gone; fetch it again with: hearth pull hf:org/tiny, or forget it" in said
    puller.run("pull", "org/tiny")
    puller.run("models", "verify")
