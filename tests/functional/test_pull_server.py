"""Downloads through a server: by clients of several kinds at once, as jobs, and what it knows of them."""
import hashlib
import json

import ollama
import pytest

from support.puller import Puller, noise
from support.wait import until


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


@pytest.mark.parametrize("body, says", [({}, "model"), ({"model": 3}, "model"), ({"model": ""}, "empty"), ({"model": "hf:"}, "names no repository"),
                                        ({"model": "/etc/passwd"}, "is a file"), ({"model": "s3://"}, "names no bucket")])
def test_wrong_pulls(serving, body, says):
    answer = serving.http.post("/api/pull", json={**body, "stream": False})
    assert answer.status_code in (400, 501) and says in answer.json()["error"], answer.text
