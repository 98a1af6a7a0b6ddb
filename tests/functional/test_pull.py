"""Models from the hub: what is fetched, what is kept, and what a person is told."""
import hashlib
import json
import os
import random
import signal
import subprocess

import huggingface_hub
import pytest

from support import server as servers
from support.hub import git_blob
from support.puller import free_port, noise
from support.wait import until


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
