"""Models from Ollama's registry, and by the short names of the catalogue."""
import json
import subprocess

import ollama
import pytest

from support import server as servers
from support.ollama_registry import OllamaRegistry, sha256
from support.puller import EMBER, Puller


@pytest.fixture
def registry():
    stand_in = OllamaRegistry(token="abc")
    yield stand_in
    stand_in.close()


@pytest.fixture
def puller(home, hub, registry):
    out = Puller(home, hub)
    out.env["HEARTH_PULL_OLLAMA_REGISTRY"] = registry.endpoint
    return out


WHOLE = dict(system="You are brief.", params={"num_predict": 3, "stop": ["<a>"]}, license=["MIT", "and more"], template="{{ if .System }}<s>{{ .System }}</s>{{ end }}<u>{{ .Prompt }}</u>{{ .Response }}",
             messages=json.dumps([{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]))


def test_a_model_of_ollamas_registry(puller, registry, weights):
    registry.add("library/tiny", "1b", model=weights, **WHOLE)
    registry.add("library/tiny", "latest", model=weights)
    (pulled,) = puller.pull("ollama:tiny:1b")
    assert pulled["name"] == "tiny:1b", "the tag stays, though it is the only one"
    assert pulled["source"] == "ollama:tiny" and not pulled["up_to_date"]
    manifest = json.loads((puller.models / "tiny" / "hearth.json").read_text())
    (file,) = manifest["files"]
    assert file["name"] == "tiny@1b.gguf" and file["digest"] == sha256(weights)
    assert file["settings"]["parameters"] == {"num_predict": 3, "stop": ["<a>"]} and file["settings"]["system"] == "You are brief."
    assert puller.pull("ollama:tiny:1b")[0]["up_to_date"]
    assert puller.pull("ollama:tiny:1b", HF_HUB_OFFLINE="1")[0]["up_to_date"]
    assert puller.pull("ollama:tiny")[0]["name"] == "tiny"
    assert {m["name"] for m in json.loads(puller.run("--json", "list").stdout)} == {"ember", "tiny", "tiny:1b"}
    # New settings for the same weights: not fetched again.
    sent = sum(path.startswith("/storage/") for path, _ in registry.requests)
    registry.add("library/tiny", "1b", model=weights, system="You are long.")
    puller.pull("ollama:tiny:1b")
    assert sum(path.startswith("/storage/") for path, _ in registry.requests) == sent + 1, "the system layer alone"
    assert "You are long." in (puller.models / "tiny" / "hearth.json").read_text()
    assert puller.run("rm", "tiny:1b").returncode == 0 and (puller.models / "tiny" / "tiny@latest.gguf").exists()


def test_its_settings_are_used(puller, registry, weights, serve):
    registry.add("me/tiny", "latest", model=weights, **WHOLE)
    server = serve(home=puller.home, env={"HEARTH_PULL_OLLAMA_REGISTRY": registry.endpoint, "HF_HUB_OFFLINE": ""})
    client = ollama.Client(host=server.url)
    lines = list(client.pull("ollama:me/tiny", stream=True))
    assert lines[-1].status == "success" and any(line.digest == sha256(weights) for line in lines)
    assert client.chat("me/tiny", [{"role": "user", "content": "hi"}]).eval_count == 3
    shown = client.show("me/tiny")
    assert shown.license == "MIT\n\nand more" and "num_predict" in shown.parameters
    prompt = server.http.post("/apply-template", json={"model": "me/tiny", "messages": [{"role": "user", "content": "hi"}]}).json()["prompt"]
    assert prompt == "<s>You are brief.</s><u>1+1?</u>2<u>hi</u>"
    assert shown.template == WHOLE["template"]


def test_templates_that_cannot_be_used(puller, registry, weights):
    registry.add("library/broken", "latest", model=weights, system="s", template="{{ if .Prompt }}")
    assert "ollama:broken: its template is left out: the template cannot be used: line 1: {{if}} has no {{end}}" in puller.run("pull", "ollama:broken").stderr
    registry.add("library/coded", "latest", config={"renderer": "qwen3"}, model=weights, system="s", template="{{ .Prompt }}")
    assert "its template is left out: Ollama renders it with code of its own, 'qwen3'" in puller.run("pull", "ollama:coded").stderr
    for name in ("broken", "coded"):
        (file,) = json.loads((puller.models / name / "hearth.json").read_text())["files"]
        assert file["settings"] == {"system": "s"}


@pytest.mark.parametrize("layers, text", [
    ({}, "has no such model or tag"),
    ({"model": b"x", "adapter": b"y"}, "adapter"),
    ({"system": "x"}, "no weights"),
], ids=["absent", "adapter", "cloud"])
def test_what_cannot_be_had_from_it(puller, registry, layers, text):
    if layers:
        registry.add("library/odd", "latest", **layers)
    assert text in puller.run("pull", "ollama:odd", code=1).stderr
    assert not (puller.models / "odd").exists()


def test_two_sources_of_one_name(puller, hub, registry, weights):
    registry.add("library/gpt2", "latest", model=weights)
    hub.add("gpt2", {"gpt2-Q8_0.gguf": weights})
    puller.pull("ollama:gpt2")
    said = puller.run("pull", "hf:gpt2", code=1).stderr
    assert "gpt2 is there already, from ollama:gpt2" in said and "hearth rm gpt2" in said


def test_short_names(puller, hub, weights):
    catalog = {m["name"]: m for m in json.loads(puller.run("--json", "models", "catalog").stdout)}
    repo = catalog["tinyllama"]["repo"]
    stem = repo.split("/")[1].removesuffix("-GGUF")
    hub.add(repo, {f"{stem}.Q8_0.gguf": weights, f"{stem}.Q4_K_M.gguf": weights[:-1] + b"x"})
    (pulled,) = puller.pull("tinyllama")
    assert pulled["source"] == f"hf:{repo}" and pulled["quantization"] == "Q8_0"
    assert puller.pull("tinyllama:latest")[0]["up_to_date"]
    assert puller.pull("TinyLlama:q4_k_m")[0]["quantization"] == "Q4_K_M"
    # What was fetched by a short name is found by it.
    found = json.loads(puller.run("--json", "models", "find", "tinyllama:q8_0").stdout)["path"]
    assert found.endswith("Q8_0.gguf")
    assert json.loads(puller.run("--json", "show", "tinyllama").stdout)["name"].startswith(repo)
    said = puller.run("pull", "tinyllama:99b", code=1).stderr
    assert "tinyllama has no '99b'; there are 1.1b" in said
    imported = puller.run("import", EMBER, "--name", "tinyllama")
    assert f"it stays in {EMBER}" in imported.stdout and "tinyllama is a name of the catalogue too" in imported.stderr
    assert json.loads(puller.run("--json", "show", "tinyllama").stdout)["path"] == str(EMBER)
    assert "try:" not in puller.run("run", "mistral", "hello", code=1, HF_ENDPOINT="http://127.0.0.1:9").stderr


def test_update_fetches_what_changed(puller, hub, registry, weights):
    repository = hub.add("org/tiny", {"tiny-Q8_0.gguf": weights, "tiny-Q4_0.gguf": weights + b"\0" * 32})
    hub.add("org/still", {"still-Q8_0.gguf": weights})
    registry.add("library/small", "1b", model=weights)
    for reference in ("org/tiny:Q8_0", "org/tiny:Q4_0", "org/still", "ollama:small:1b"):
        puller.pull(reference)
    update = lambda *more: {m["name"]: m for m in json.loads(puller.run("--json", "models", "update", *more).stdout)}  # noqa: E731
    assert all(m["up_to_date"] for m in update().values())
    repository.update({"tiny-Q8_0.gguf": weights + b"\0" * 64, "tiny-Q4_0.gguf": weights + b"\0" * 32})
    sent = hub.bytes_sent
    checked = update("--check")
    assert {n: m["up_to_date"] for n, m in checked.items()} == {"org/still": True, "org/tiny": True, "org/tiny:q8_0": False, "small:1b": True}
    assert checked["org/tiny:q8_0"]["files"] == ["tiny-Q8_0.gguf"] and checked["org/tiny:q8_0"]["size"] == len(weights) + 64
    assert hub.bytes_sent - sent < 20_000, "asking fetches nothing"
    assert puller.run("models", "update", "org/still").stdout == "org/still is up to date\n"
    assert "org/tiny:q8_0 is updated" in puller.run("models", "update").stdout
    assert (puller.models / "org/tiny/tiny-Q8_0.gguf").read_bytes() == weights + b"\0" * 64
    assert all(m["up_to_date"] for m in update("--check").values())


def test_update_of_other_formats_and_of_sources_that_are_gone(puller, hub, weights):
    hub.add("org/away", {"away-Q8_0.gguf": weights})
    tensors = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    content = lambda last: len(tensors).to_bytes(8, "little") + tensors + b"\0" * 7 + last  # noqa: E731
    repository = hub.add("org/bert", {"model.safetensors": content(b"1"), "config.json": b"{}"})
    puller.pull("org/away", "org/bert")
    del hub.repositories["org/away"]
    repository.update({"model.safetensors": content(b"2"), "config.json": b"{}"})
    checked = {m["name"]: m for m in json.loads(puller.run("--json", "models", "update", "--check", code=1).stdout)}
    assert "org/away' not found" in checked["org/away"]["error"] and checked["org/bert"]["files"] == ["model.safetensors"]
    said = puller.run("models", "update", code=1)
    assert said.stdout == "org/bert is updated\n" and "hearth: org/away: Model 'org/away' not found" in said.stderr
    assert (puller.models / "org/bert/model.safetensors").read_bytes() == content(b"2")
    assert json.loads(puller.run("--json", "models", "info", "org/bert").stdout)["pull_reference"] == "hf:org/bert"


def test_each_quantisation_keeps_its_revision(puller, hub, weights):
    files = {"tiny-Q8_0.gguf": weights, "tiny-Q4_0.gguf": weights + b"\0" * 32}
    repository = hub.add("org/tiny", files)
    repository.update(files, "v1")
    puller.pull("org/tiny@v1:Q4_0")
    puller.pull("org/tiny:Q8_0")
    repository.update({name: content + b"\0" * 32 for name, content in files.items()})
    puller.run("models", "update")
    sizes = {p.name: p.stat().st_size - len(weights) for p in (puller.models / "org/tiny").glob("*.gguf")}
    assert sizes == {"tiny-Q4_0.gguf": 32, "tiny-Q8_0.gguf": 32}, "what was asked for as v1 stays v1"
    assert puller.pull("org/tiny@main:Q4_0")[0]["up_to_date"] is False
    assert puller.pull("org/tiny@v1:Q8_0")[0]["up_to_date"] is False
    repository.update(files, "v2")
    assert puller.pull("org/tiny@v2:Q8_0")[0]["up_to_date"], "the same bytes"
    repository.update(files | {"tiny-Q8_0.gguf": weights + b"\0" * 96}, "v2")
    assert "org/tiny:q8_0 is updated" in puller.run("models", "update").stdout


def test_a_projector_is_checked_too(puller, registry, weights):
    registry.add("library/eye", "1b", model=weights, projector=b"GGUF projector")
    puller.pull("ollama:eye:1b")
    projector = puller.models / "eye/mmproj-eye@1b.gguf"
    assert puller.run("models", "verify", "eye:1b").stdout == "ok      eye:1b\n"
    projector.write_bytes(b"GGUF PROJECTOR")
    assert str(projector) in puller.run("models", "verify", "eye:1b", code=1).stdout
    puller.run("rm", "eye")
    assert not (puller.models / "eye").exists()


def test_a_relative_folder(puller, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    said = subprocess.run([servers.HEARTH, "pull", "org/tiny"], env={**puller.env, "HEARTH_CACHE_DIR": "m"}, cwd=puller.home, text=True,
                          capture_output=True, timeout=60)
    assert said.stdout.startswith("org/tiny is here\n"), said
    assert (puller.home / "m/org/tiny/tiny-Q8_0.gguf").exists()


def test_the_users_own_short_names(puller, hub, weights):
    hub.add("me/mine", {"mine-Q8_0.gguf": weights})
    (puller.home / "hearth").mkdir(exist_ok=True)
    file = puller.home / "hearth" / "catalog.yaml"
    file.write_text("models:\n  - {name: mine, description: my own, tags: {x: {repo: me/mine}}}\n")
    assert puller.pull("mine")[0]["source"] == "hf:me/mine"
    file.write_text("models:\n  - {name: mine}\n")
    said = puller.run("pull", "mine", code=1).stderr
    assert "catalog.yaml, line 2: 'mine' has no tags" in said
    assert puller.run("list").returncode == 0, "the rest goes on"


def test_the_catalogue_is_searched(puller, serve):
    names = lambda *words: [m["name"] for m in json.loads(puller.run("--json", "models", "search", *words).stdout)]  # noqa: E731
    assert "tinyllama" in names("tinyllama") and names("qwencoder") == names("QwenCoder") != []
    assert set(names("embed", "--tag", "feature-extraction")) <= set(names("embed"))
    assert names("no such model at all") == [] and puller.run("search", "nothing-like-it", code=1).stderr.startswith("hearth: the catalogue has nothing")
    server = serve(home=puller.home)
    assert server.http.get("/hearth/v1/catalog").json() == json.loads(puller.run("--json", "models", "catalog").stdout)
    assert [m["name"] for m in server.http.get("/hearth/v1/search", params={"q": "tinyllama"}).json()] == names("tinyllama")
    listed = json.loads(puller.run("--json", "list-models").stdout)
    assert {"ember", "tinyllama"} <= {m["name"] for m in listed}
    assert {m["name"]: m["installed"] for m in listed}["tinyllama"] is False
