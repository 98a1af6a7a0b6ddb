"""Models from the hub: what is fetched, what is kept, and what a person is told."""
import hashlib
import json
import os
import random
import signal
import subprocess

import huggingface_hub
import ollama
import pytest

from support import server as servers
from support.hub import Hub, git_blob
from support.wait import until

EMBER = servers.ROOT / "models" / "ember" / "ember-q8_0.gguf"


@pytest.fixture
def hub():
    stand_in = Hub()
    yield stand_in
    stand_in.close()


@pytest.fixture
def weights():
    return EMBER.read_bytes()


class Puller:
    def __init__(self, home, hub):
        self.home, self.hub = home, hub
        self.models = home / "hearth" / "models"
        self.env = servers.clean_environment(home, HF_ENDPOINT=hub.endpoint, HF_HUB_OFFLINE="")

    def start(self, *arguments, **env):
        return subprocess.Popen([servers.HEARTH, *map(str, arguments)], env={**self.env, **env}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, code=0, **env):
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=240)
        assert process.returncode == code, (process.returncode, out, err)
        return subprocess.CompletedProcess(arguments, code, out, err)

    def pull(self, *arguments, **how):
        return json.loads(self.run("--json", "pull", *arguments, **how).stdout)


@pytest.fixture
def puller(home, hub):
    return Puller(home, hub)


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def test_the_stand_in_satisfies_the_hubs_own_client(hub, tmp_path, monkeypatch):
    files = {"model.gguf": noise(300_000), "config.json": b'{"a": 1}', "sub/x.txt": b"hello"}
    hub.add("org/name", files, gated=True)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    folder = huggingface_hub.snapshot_download("org/name", endpoint=hub.endpoint, token=hub.token, cache_dir=tmp_path)
    for name, content in files.items():
        assert open(f"{folder}/{name}", "rb").read() == content, name
    info = huggingface_hub.HfApi(endpoint=hub.endpoint).model_info("org/name", files_metadata=True)
    assert {s.rfilename: s.size for s in info.siblings} == {n: len(c) for n, c in files.items()}
    with pytest.raises(huggingface_hub.errors.GatedRepoError):
        huggingface_hub.hf_hub_download("org/name", "model.gguf", endpoint=hub.endpoint, token=False, cache_dir=tmp_path / "b")
    with pytest.raises(huggingface_hub.errors.RepositoryNotFoundError):
        huggingface_hub.hf_hub_download("org/none", "model.gguf", endpoint=hub.endpoint, token=False, cache_dir=tmp_path / "c")


def test_pull_then_run(puller, hub, weights):
    hub.add("org/Tiny-GGUF", {"tiny-Q8_0.gguf": weights, "README.md": b"hi", "config.json": b"{}"})
    said = puller.run("pull", "hf:org/Tiny-GGUF")
    assert said.stdout == 'org/Tiny-GGUF is here\ntry: hearth run org/Tiny-GGUF "Hello"\n'
    assert said.stderr.startswith("hf:org/Tiny-GGUF:Q8_0, 3.1 MB: the only one there\n")
    folder = puller.models / "org" / "Tiny-GGUF"
    assert sorted(p.name for p in folder.iterdir()) == ["hearth.json", "tiny-Q8_0.gguf"], "only what is needed"
    assert (folder / "tiny-Q8_0.gguf").read_bytes() == weights
    manifest = json.loads((folder / "hearth.json").read_text())
    assert manifest["source"] == "hf:org/Tiny-GGUF" and manifest["license"] == "apache-2.0"
    assert manifest["files"] == [{"name": "tiny-Q8_0.gguf", "size": len(weights), "digest": "sha256:" + hashlib.sha256(weights).hexdigest(),
                                  "revision": hub.repositories["org/Tiny-GGUF"].revisions["main"][0]}]
    port = str(free_port())
    answer = puller.run("run", "--temperature", "0", "org/tiny-gguf", "What is hearth?", HEARTH_SERVER_PORT=port)
    puller.run("stop", HEARTH_SERVER_PORT=port)
    assert len(answer.stdout) > 10


def free_port():
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_pulling_twice_fetches_once(puller, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    (first,) = puller.pull("org/tiny")
    sent = hub.bytes_sent
    (second,) = puller.pull("org/tiny")
    assert not first["up_to_date"] and second["up_to_date"] and hub.bytes_sent - sent < 10_000
    assert puller.run("pull", "org/tiny").stdout == "org/tiny is up to date\n"


def test_a_name_of_one_word_is_a_repository(puller, hub):
    hub.add("oneword", {"model.safetensors": noise(100_000), "config.json": b"{}", "pytorch_model.bin": noise(1000)})
    (pulled,) = puller.pull("oneword")
    assert pulled["format"] == "safetensors" and sorted(p.name for p in (puller.models / "oneword").iterdir()) == ["config.json", "hearth.json", "model.safetensors"]


def test_openvino_repositories_are_fetched_as_ir(puller, hub):
    hub.add("OpenVINO/m", {"openvino_model.xml": b"<x/>", "openvino_model.bin": noise(100_000), "config.json": b"{}", "model.safetensors": noise(99)})
    (pulled,) = puller.pull("OpenVINO/m")
    assert pulled["format"] == "openvino" and not (puller.models / "OpenVINO/m/model.safetensors").exists()


def test_quantisations(puller, hub, weights):
    hub.add("org/q", {"q-Q4_0.gguf": weights, "q-Q8_0.gguf": weights + b"\0" * 32, "q-F16.gguf": weights + b"\0" * 64})
    (best,) = puller.pull("org/q")
    assert best["quantization"] == "Q8_0" and "the best of 3 that fits" in best["reason"]
    (named,) = puller.pull("org/q:f16")
    assert named["quantization"] == "F16" and named["name"] == "org/q:f16"
    (chosen,) = puller.pull("org/q", HEARTH_PULL_QUANTIZATIONS="Q4_0")
    assert chosen["quantization"] == "Q4_0"
    assert {m["name"] for m in json.loads(puller.run("--json", "list").stdout)} >= {"org/q", "org/q:f16", "org/q:q8_0"}
    refused = puller.run("pull", "org/q:Q5_K_M", code=1)
    assert refused.stderr == "hearth: hf:org/q has no 'Q5_K_M'; it has F16, Q4_0, Q8_0\n"


def test_revisions(puller, hub, weights):
    repository = hub.add("org/r", {"r-Q8_0.gguf": weights})
    old = repository.revisions["main"][0]
    repository.update({"r-Q8_0.gguf": weights + b"\0" * 32})
    (new,) = puller.pull("org/r")
    assert new["revision"] != old and (puller.models / "org/r/r-Q8_0.gguf").stat().st_size == len(weights) + 32
    (back,) = puller.pull(f"org/r@{old}")
    assert back["revision"] == old and (puller.models / "org/r/r-Q8_0.gguf").read_bytes() == weights
    assert "has no revision 'v9'" in puller.run("pull", "org/r@v9", code=1).stderr


def test_refusals(puller, hub, weights):
    hub.add("org/gated", {"g.gguf": weights}, gated=True)
    hub.add("org/private", {"p.gguf": weights}, private=True)
    hub.add("org/pickle", {"pytorch_model.bin": weights})
    gated = puller.run("pull", "org/gated", code=1).stderr
    assert f"accept its terms at {hub.endpoint}/org/gated" in gated and "hearth login hf" in gated
    assert "Model 'org/private' not found" in puller.run("pull", "org/private", code=1).stderr
    assert "Model 'org/none' not found" in puller.run("pull", "org/none", code=1).stderr
    assert "has no GGUF, OpenVINO or safetensors" in puller.run("pull", "org/pickle", code=1).stderr
    assert puller.run("pull", "org/../x", code=1).stderr.startswith("hearth: 'org/../x' names no repository")
    for reference in ("org/gated", "org/private"):
        assert not puller.pull(reference, HF_TOKEN=hub.token)[0]["up_to_date"]
    for role, _, _, headers in hub.requests:
        assert role == "endpoint" or "authorization" not in {k.lower() for k in headers}, "the token went to another origin"


def test_offline(puller, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    assert "HF_HUB_OFFLINE forbids" in puller.run("pull", "org/tiny", code=1, HF_HUB_OFFLINE="1").stderr
    puller.pull("org/tiny")
    asked = len(hub.requests)
    assert puller.pull("org/tiny", HF_HUB_OFFLINE="1")[0]["up_to_date"] and len(hub.requests) == asked


@pytest.mark.parametrize("name", ["../evil.gguf", "/etc/evil.gguf", "a/../../evil.gguf", ".hidden.gguf", "x\n.gguf", "a" * 300 + ".gguf"])
def test_hostile_file_names(puller, hub, weights, name):
    hub.add("org/evil", {name: weights})
    refused = puller.run("pull", "org/evil", code=1)
    assert "nothing was fetched" in refused.stderr and hub.bytes_sent < 10_000
    assert not list(puller.home.rglob("*evil*.gguf")) and not list(puller.models.rglob("*.partial"))


def test_names_that_differ_in_case_only(puller, hub):
    hub.add("org/case", {"model.safetensors": noise(10), "MODEL.safetensors": noise(20), "config.json": b"{}"})
    assert "upper and lower case" in puller.run("pull", "org/case", code=1).stderr


def test_faults_on_the_way(puller, hub):
    content = noise(5_000_000)
    hub.add("org/flaky", {"m-Q8_0.gguf": content})
    faults = random.Random(3)
    hub.fault = lambda _: faults.choice([None, None, None, None, 503, 500, "drop", ("cut", faults.randrange(1, 300_000))])
    puller.pull("org/flaky")
    assert (puller.models / "org/flaky/m-Q8_0.gguf").read_bytes() == content


def test_a_wrong_digest(puller, hub):
    hub.add("org/bad", {"m-Q8_0.gguf": noise(300_000)})
    hub.fault = lambda _: "corrupt"
    refused = puller.run("pull", "org/bad", code=1).stderr
    assert "has the digest sha256:" in refused and "nothing of it was kept" in refused
    assert not (puller.models / "org").exists()


def test_ctrl_c_keeps_what_came(puller, hub):
    content = noise(8_000_000)
    hub.add("org/slow", {"m-Q8_0.gguf": content})
    hub.bandwidth = 400_000
    process = puller.start("pull", "org/slow")
    until(lambda: hub.bytes_sent > 1_000_000, "a part has come")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "what has come is kept" in err
    hub.bandwidth = None
    until(hub.idle, "what was on its way has come")
    before = hub.bytes_sent
    puller.pull("org/slow")
    assert hub.bytes_sent - before < 8_000_000 - 500_000
    assert (puller.models / "org/slow/m-Q8_0.gguf").read_bytes() == content


def test_two_processes_fetch_one_copy(puller, hub):
    content = noise(4_000_000)
    hub.add("org/shared", {"m-Q8_0.gguf": content})
    hub.bandwidth = 1_000_000
    both = [puller.start("pull", "org/shared") for _ in range(2)]
    outs = [p.communicate(timeout=120) for p in both]
    assert [p.returncode for p in both] == [0, 0], outs
    assert sorted(out.splitlines()[0] for out, _ in outs) == ["org/shared is here", "org/shared is up to date"]
    assert hub.bytes_sent < 4_100_000 + 300_000


@pytest.mark.parametrize("kills", [int(os.environ.get("HEARTH_TEST_KILLS", "25"))])
def test_kills_cost_little(puller, hub, kills):
    size, connections, mib = kills * 1_000_000, 8, 1 << 20
    content = noise(size)
    hub.add("org/killed", {"m-Q8_0.gguf": content})
    hub.bandwidth = 500_000
    when = random.Random(11)
    record = puller.models / "org/killed/m-Q8_0.gguf.partial.json"
    have = killed = 0
    for _ in range(kills):
        before, target = hub.bytes_sent, when.randrange(1, 2_000_000)
        process = puller.start("pull", "org/killed")
        until(lambda: hub.bytes_sent >= before + target or process.poll() is not None, "some bytes")
        process.kill()
        process.communicate()
        until(hub.idle, "what was on its way has come")
        if not record.exists() and have:
            break  # it is complete
        killed += 1
        kept = sum(end - begin for begin, end in json.loads(record.read_text())["done"]) if record.exists() else 0
        fetched = hub.bytes_sent - before
        assert kept >= have, "what one process has fetched, the next one keeps"
        assert kept - have >= fetched - connections * mib, (killed, kept, have, fetched)
        have = kept
    hub.bandwidth = None
    before = hub.bytes_sent
    puller.pull("org/killed")
    assert hashlib.sha256((puller.models / "org/killed/m-Q8_0.gguf").read_bytes()).digest() == hashlib.sha256(content).digest()
    assert have > size // 3 and killed > kills // 3, (have, killed)
    assert hub.bytes_sent - before <= size - have + 300_000, "the last one fetches what is missing, and the listing"


def test_small_files_are_checked_too(puller, hub):
    content = b'{"x": 1}'
    hub.add("oneword", {"model.safetensors": noise(70_000), "config.json": content})
    puller.pull("oneword")
    files = {f["name"]: f for f in json.loads((puller.models / "oneword/hearth.json").read_text())["files"]}
    assert files["config.json"]["digest"] == "git:" + git_blob(content)


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


# Through a server.


@pytest.fixture
def serving(serve, hub):
    return serve(env={"HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": ""})


def test_ollamas_client_pulls(serving, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    client = ollama.Client(serving.url)
    steps = list(client.pull("org/tiny", stream=True))
    assert steps[0].status == "pulling manifest"
    assert [s.status for s in steps[-3:]] == ["verifying sha256 digest", "writing manifest", "success"]
    digest = hashlib.sha256(weights).hexdigest()
    shown = [s for s in steps if s.digest == "sha256:" + digest]
    assert shown and shown[0].status == f"pulling {digest[:12]}" and shown[-1].completed == shown[-1].total == len(weights)
    assert client.pull("org/tiny").status == "success"
    assert "org/tiny:latest" in {m.model for m in client.list().models}, "no restart was needed"
    assert len(client.generate("org/tiny", "What is hearth?", options={"temperature": 0, "num_predict": 5}).response) > 3
    with pytest.raises(ollama.ResponseError, match="Model 'org/none' not found"):
        list(client.pull("org/none", stream=True))
    with pytest.raises(ollama.ResponseError) as refused:
        client.pull("org/none")
    assert refused.value.status_code == 404


def test_a_job_goes_on_without_its_client(serving, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    hub.bandwidth = 3_000_000
    started = serving.http.post("/hearth/v1/models/pull", json={"reference": "org/tiny"})
    assert started.status_code == 202 and started.json()["status"] in ("queued", "running")
    job = f"/hearth/v1/jobs/{started.json()['id']}"
    done = until(lambda: serving.http.get(job).json()["status"] == "done" and serving.http.get(job).json(), "the download's end")
    assert done["result"]["name"] == "org/tiny" and done["progress"]["completed"] == len(weights)
    with serving.http.stream("GET", job, headers={"accept": "text/event-stream"}) as response:
        events = [json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: ")]
    assert [e["status"] for e in events] == ["done"]
    assert serving.http.get("/hearth/v1/jobs/job_none").status_code == 404


def test_a_pull_nobody_waits_for_stops(serving, hub):
    hub.add("org/slow", {"m-Q8_0.gguf": noise(8_000_000)})
    hub.bandwidth = 300_000
    with serving.http.stream("POST", "/api/pull", json={"model": "org/slow"}) as response:
        lines = response.iter_lines()
        next(lines)
        until(lambda: hub.bytes_sent > 500_000, "bytes come")
    until(lambda: "stopped" in serving.log_text(), "the server says that it stopped")


def test_two_clients_share_one_download(serving, hub):
    content = noise(2_000_000)
    hub.add("org/shared", {"m-Q8_0.gguf": content})
    hub.bandwidth = 1_000_000
    first, second = (ollama.Client(serving.url).pull("org/shared", stream=True) for _ in range(2))
    next(first), next(second)
    assert [list(c)[-1].status for c in (first, second)] == ["success", "success"]
    assert hub.bytes_sent < len(content) + 100_000


def test_the_command_line_pulls_through_a_server(serving, hub, weights, home):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    puller = Puller(home, hub)
    said = puller.run("--server", serving.url, "pull", "org/tiny", HF_ENDPOINT="http://127.0.0.1:9")
    assert said.stdout.startswith("org/tiny is here\n") and "the only one there" in said.stderr
    assert (serving.home / "hearth/models/org/tiny/tiny-Q8_0.gguf").exists() and not puller.models.exists()
    failed = puller.run("--server", serving.url, "pull", "org/none", code=1)
    assert failed.stderr.startswith("hearth: Model 'org/none' not found")


def test_verify_and_disk_usage_through_a_server(serving, hub, weights, home):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    ollama.Client(serving.url).pull("org/tiny")
    usage = serving.http.get("/hearth/v1/disk-usage").json()
    assert [m["reference"] for m in usage["models"]] == ["org/tiny"] and usage["total_size"] > len(weights)
    assert "org/tiny" in Puller(home, hub).run("--server", serving.url, "models", "disk-usage").stdout
    (verified,) = serving.http.post("/hearth/v1/models/org/tiny/verify").json()
    assert verified["ok"] and verified["digests_known"]
    assert serving.http.post("/hearth/v1/models/none/verify").status_code == 404


def test_the_store_of_a_server(serving, hub, weights, home):
    """verify, find and update with --server: what is meant lies there, not here."""
    repository = hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    serving.run = lambda *arguments, code=0: Puller(home, hub).run("--server", serving.url, *arguments, code=code, HF_ENDPOINT="http://127.0.0.1:9")
    serving.run("pull", "org/tiny")
    file = serving.home / "hearth/models/org/tiny/tiny-Q8_0.gguf"
    assert serving.run("models", "find", "org/TINY").stdout == f"{file}\n"
    assert "'org/none' not found" in serving.run("models", "find", "org/none", code=1).stderr
    assert json.loads(serving.run("--json", "models", "info", "org/tiny").stdout)["pull_reference"] == "hf:org/tiny:tiny-Q8_0.gguf"
    assert serving.run("models", "verify").stdout == "ok      ember  (structure only: no digests were published)\nok      org/tiny\n"
    file.write_bytes(weights[:-1] + b"?")
    broken = serving.run("--json", "models", "verify", "org/tiny", code=1)
    (model,) = json.loads(broken.stdout)
    assert not model["ok"] and model["problems"][0]["file"] == str(file)
    some = serving.run("models", "verify", "org/none", "ember", code=1)
    assert some.stdout.startswith("ok      ember") and "'org/none' not found" in some.stderr
    assert Puller(home, hub).run("--server", serving.url.removeprefix("http://"), "models", "verify", "ember").stdout.startswith("ok ")
    repository.update({"tiny-Q8_0.gguf": weights + b"\0" * 64})
    assert serving.run("models", "update").stdout == "org/tiny is updated\n"
    assert file.read_bytes() == weights + b"\0" * 64
    assert serving.run("models", "update", "org/tiny").stdout == "org/tiny is up to date\n"
    assert "leave out --check, or --server" in serving.run("models", "update", "--check", code=1).stderr
    assert not Puller(home, hub).models.exists()
    lost = serving.home / "lost.gguf"
    lost.write_bytes(weights)
    serving.run("import", lost)
    lost.unlink()
    assert "hearth rm lost" in serving.run("show", "lost", code=1).stderr
    serving.run("rm", "lost")
    assert serving.run("show", "lost", code=1).stderr.startswith("hearth: model 'lost' not found; fetch it")


def test_a_running_server_notices_what_is_deleted(serving, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    ollama.Client(serving.url).pull("org/tiny")
    ollama.Client(serving.url).generate("org/tiny", "What is hearth?", options={"num_predict": 1})
    loaded = lambda: [m["name"] for m in serving.http.get("/hearth/v1/models").json()["loaded"]]  # noqa: E731
    assert loaded() == ["org/tiny"]
    Puller(serving.home, hub).run("rm", "org/tiny")
    until(lambda: not loaded(), "its runner has let go of the file")


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


def test_one_wrong_name_is_no_reason_to_leave_out_the_others(puller, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    puller.run("pull", "org/tiny")
    verified = puller.run("models", "verify", "none", "org/tiny", code=1)
    assert verified.stdout == "ok      org/tiny\n" and "model 'none' not found" in verified.stderr
    updated = puller.run("models", "update", "--check", "org/tiny", "none", code=1)
    assert updated.stdout == "org/tiny is up to date\n" and "model 'none' not found" in updated.stderr


def test_what_is_final_is_not_tried_again(puller, hub, weights):
    hub.add("org/gated", {"tiny-Q8_0.gguf": weights}, gated=True)
    said = puller.run("pull", "org/gated", code=1).stderr
    assert "is gated" in said and "trying again" not in said


def test_an_update_asks_or_fails(puller, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    puller.run("pull", "org/tiny")
    assert "forbids" in puller.run("models", "update", code=1, HF_HUB_OFFLINE="1").stderr


def test_what_is_published_broken_is_said_at_once(puller, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights[:-10_000]})
    done = puller.run("pull", "org/tiny")
    assert "org/tiny is here as it is published, but nothing can run it: " in done.stderr and "bytes" in done.stderr


def test_a_stop_that_lasts_is_said_where_no_bar_is_seen(puller, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    answers = iter([None] * 2 + [503] * 3)
    hub.fault = lambda _: next(answers, None)
    assert "answered 503; trying again\n" in puller.run("pull", "org/tiny").stderr


def test_a_slip_in_a_short_name(puller):
    assert "names that hearth knows: hearth search llamma3" in puller.run("pull", "llamma3", code=1).stderr
    assert puller.run("search", "llamma3").stdout.splitlines()[1].startswith("llama3")
    assert "no such file" in puller.run("run", "models/tniy.gguf", "hi", code=1).stderr


def test_create_fetches_what_it_stands_on(puller, hub, weights, tmp_path):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    (tmp_path / "Modelfile").write_text("FROM hf:org/tiny\nSYSTEM Be brief.\n")
    made = json.loads(puller.run("--json", "create", "brief", "-f", tmp_path / "Modelfile").stdout)
    assert made == {"name": "brief", "without_effect": []}
    assert json.loads(puller.run("--json", "show", "brief").stdout)["settings"]["system"] == "Be brief."
    said = puller.run("rm", "org/tiny").stderr
    assert "org/tiny:q8_0: only the name was deleted; its weights stay, for brief" in said or "org/tiny: only the name" in said


def test_run_fetches_first(puller, hub, weights):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    port = str(free_port())
    answer = puller.run("run", "--temperature", "0", "org/tiny", "What is hearth?", HEARTH_SERVER_PORT=port)
    puller.run("stop", HEARTH_SERVER_PORT=port)
    assert len(answer.stdout) > 10 and "the only one there" in answer.stderr
    failed = puller.run("run", "org/none", "hi", code=1, HEARTH_SERVER_PORT=str(free_port()))
    assert failed.stderr.startswith("hearth: model 'org/none' is not here, and cannot be fetched: Model 'org/none' not found")


@pytest.mark.parametrize("body, says", [({}, "model"), ({"model": 3}, "model"), ({"model": ""}, "empty"), ({"model": "hf:"}, "names no repository"),
                                        ({"model": "/etc/passwd"}, "is a file"), ({"model": "s3://"}, "names no bucket")])
def test_wrong_pulls(serving, body, says):
    answer = serving.http.post("/api/pull", json={**body, "stream": False})
    assert answer.status_code in (400, 501) and says in answer.json()["error"], answer.text


def test_login_keeps_a_token_that_the_hub_knows(puller, hub, weights):
    def login(token, *flags):
        return subprocess.run([servers.HEARTH, "login", "hf", *flags], env=puller.env, input=token + "\n", text=True, capture_output=True, timeout=60)

    hub.add("org/gated", {"m-Q8_0.gguf": weights}, gated=True)
    assert "hearth login hf" in puller.run("pull", "org/gated", code=1).stderr
    wrong = login("hf_wrong")
    assert wrong.returncode == 1 and "does not know this token" in wrong.stderr and "hf_wrong" not in wrong.stderr
    done = login(hub.token)
    assert done.returncode == 0 and "logged in as somebody" in done.stdout and hub.token not in done.stdout
    kept = puller.home / "config" / "hearth" / "credentials"
    assert kept.read_text() == f"HF_TOKEN={hub.token}\n" and kept.stat().st_mode & 0o777 == 0o600
    assert not puller.pull("org/gated")[0]["up_to_date"]
    kept.chmod(0o644)
    assert "chmod 600" in login(hub.token).stderr
    kept.chmod(0o600)
    assert login("", "--forget").returncode == 0 and kept.read_text() == ""


def test_a_folder_of_ones_own(puller, hub, weights, tmp_path):
    hub.add("org/tiny", {"tiny-Q8_0.gguf": weights})
    folder = tmp_path / "mine"
    (pulled,) = puller.pull("org/tiny", "--local-dir", folder)
    assert pulled["model_dir"] == str(folder) and pulled["name"] == str(folder / "tiny-Q8_0.gguf")
    assert (folder / "tiny-Q8_0.gguf").read_bytes() == weights
    assert puller.pull("org/tiny", "--local-dir", folder)[0]["up_to_date"]
    assert not (puller.models / "org").exists(), "the store has none of it"
    hub.add("org/other", {"other-Q8_0.gguf": weights})
    assert "choose another folder" in puller.run("pull", "org/other", "--local-dir", folder, code=1).stderr
    assert "leave out --server" in puller.run("--server", "http://127.0.0.1:9", "pull", "org/tiny", "--local-dir", folder, code=1).stderr


def on_a_small_disk(puller, megabytes, *arguments, **env):
    """Runs hearth where $HEARTH_HOME is a tmpfs of its own; gives its output and what the disk held at the end."""
    home = puller.env["HEARTH_HOME"]
    script = f'mount -t tmpfs -o size={megabytes}m none "{home}" && "$@"; code=$?; ls -R "{home}/models" >&2; exit $code'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", servers.HEARTH, *map(str, arguments)], env={**puller.env, **env},
                          text=True, capture_output=True, timeout=120)
    if "mount:" in done.stderr or "unshare:" in done.stderr:
        pytest.skip("no mounts here: " + done.stderr.strip())
    return done


def test_a_disk_that_is_too_small_is_known_before(puller, hub):
    hub.add("org/big", {"big-Q8_0.gguf": noise(12_000_000)})
    os.makedirs(puller.env["HEARTH_HOME"], exist_ok=True)
    done = on_a_small_disk(puller, 8, "pull", "org/big")
    assert done.returncode == 1 and "not enough disk space for big-Q8_0.gguf: it takes 12.0 MB" in done.stderr, done.stderr
    assert hub.bytes_sent < 1_000_000 and "partial" not in done.stderr, done.stderr


def test_a_disk_that_fills_on_the_way(puller, hub):
    """Two pulls that fit one by one."""
    hub.add("org/one", {"one-Q8_0.gguf": noise(5_000_000)})
    hub.add("org/two", {"two-Q8_0.gguf": noise(5_000_000, 2)})
    os.makedirs(puller.env["HEARTH_HOME"], exist_ok=True)
    done = on_a_small_disk(puller, 8, "pull", "org/one", "org/two")
    assert done.returncode == 1 and "org/one is here" in done.stdout and "org/two" not in done.stdout, done
    assert "one-Q8_0.gguf\n" in done.stderr and "two-Q8_0.gguf\n" not in done.stderr, "what was fetched stays whole"
