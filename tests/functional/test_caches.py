"""Models of other programs: read in place, found by name, never touched."""
import json
import os
import subprocess

import pytest

from support import server as servers

EMBER = servers.ROOT / "models" / "ember" / "ember-q8_0.gguf"
SYSTEM = "Always be brief."


def put(path, content=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(EMBER.read_bytes() if content is None else content.encode())
    return path


def hub_cache(folder):
    """As huggingface_hub leaves it: blobs, links to them by revision, refs."""
    repo = folder / "models--org--fox-GGUF"
    put(repo / "blobs" / ("c" * 64))
    put(repo / "refs" / "main", "rev2")
    for revision, file in (("rev1", "fox-F16.gguf"), ("rev2", "fox-Q8_0.gguf")):
        (repo / "snapshots" / revision).mkdir(parents=True)
        (repo / "snapshots" / revision / file).symlink_to(f"../../blobs/{'c' * 64}")
    (repo / "snapshots" / "rev2" / "gone-Q4_0.gguf").symlink_to("../../blobs/gone")
    put(folder / "datasets--org--fox" / "snapshots" / "r" / "x.gguf")


def ollama_models(folder):
    def layer(kind, name):
        return {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{name * 64}", "size": 1}

    put(folder / "blobs" / f"sha256-{'a' * 64}")
    put(folder / "blobs" / f"sha256-{'b' * 64}", SYSTEM)
    put(folder / "blobs" / f"sha256-{'d' * 64}", '{"temperature":0,"num_predict":3}')
    library = folder / "manifests" / "registry.ollama.ai" / "library"
    put(library / "vixen" / "latest", json.dumps({"layers": [layer("model", "a"), layer("system", "b"), layer("params", "d")]}))
    put(library / "broken" / "latest", "{")
    put(library / "gone" / "latest", json.dumps({"layers": [layer("model", "e")]}))


def lm_studio(folder):
    put(folder / "publisher" / "cub-GGUF" / "cub-Q4_K_M.gguf")
    put(folder / "publisher" / "cub-GGUF" / "mmproj-cub-f16.gguf")


@pytest.fixture
def cli(home):
    hub_cache(home / ".cache" / "huggingface" / "hub")
    ollama_models(home / ".ollama" / "models")
    lm_studio(home / ".lmstudio" / "models")

    class Cli:
        env = servers.clean_environment(home)

        def run(self, *arguments, fails=False, **env):
            done = subprocess.run([servers.HEARTH, *map(str, arguments)], env={**self.env, **env}, capture_output=True, text=True, timeout=120)
            assert (done.returncode != 0) == fails, done.stderr
            return done

        def json(self, *arguments, **env):
            return json.loads(self.run("--json", *arguments, **env).stdout)

    return Cli()


def snapshot(home):
    """Names, times and contents' sizes of everything that is not hearth's."""
    return {(str(p), p.lstat().st_mtime_ns, p.lstat().st_size) for top in (".cache", ".ollama", ".lmstudio") for p in (home / top).rglob("*")}


FOREIGN = {"org/fox-GGUF": "huggingface", "org/fox-GGUF:f16": "huggingface", "vixen": "ollama", "publisher/cub-GGUF": "lmstudio"}


def test_are_listed_when_asked_for(cli):
    assert {m["name"]: m["origin"] for m in cli.json("list")} == {"ember": "bundled"}
    assert {m["name"]: m["origin"] for m in cli.json("models", "list", "--all")} == {"ember": "bundled", **FOREIGN}
    shown = cli.run("list", "--all")
    assert "SOURCE" in shown.stdout and "lmstudio" in shown.stdout
    assert "broken" in shown.stderr and "gone" in shown.stderr, "what is passed over is said"
    assert "SOURCE" not in cli.run("list").stdout
    assert {m["name"] for m in cli.json("list", "--all", HEARTH_STORE_CACHES="false")} == {"ember"}
    assert cli.json("models", "disk-usage") == {"total_size": 0, "models": []}


def test_are_found_and_never_touched(cli, home):
    before = snapshot(home)
    for name, origin in FOREIGN.items():
        assert cli.json("show", name)["origin"] == origin
        assert os.path.exists(cli.json("models", "find", name)["path"])
        cli.run("models", "find", name, fails=True, HEARTH_STORE_CACHES="false")
        refused = cli.run("rm", name, fails=True).stderr
        assert {"huggingface": "hf cache rm model/org/fox-GGUF", "ollama": "ollama rm vixen:latest", "lmstudio": "LM Studio"}[origin] in refused
    assert cli.json("models", "verify", "publisher/cub-GGUF")[0]["digests_known"] is False
    for name in ("vixen", "org/fox-GGUF"):  # called after digests that they do not have
        checked = json.loads(cli.run("--json", "models", "verify", name, fails=True).stdout)[0]
        assert "fetch it again" in checked["problems"][0]["what"]
    (home / "Modelfile").write_text("FROM vixen\nPARAMETER seed 1\n")
    cli.run("create", "mine", "-f", home / "Modelfile")
    cli.run("copy", "publisher/cub-GGUF", "mine:too")
    assert {m["name"]: m["origin"] for m in cli.json("list") if m["name"] != "ember"} == {"mine": "registry", "mine:too": "registry"}
    cli.run("rm", "mine", "mine:too")
    assert snapshot(home) == before


def test_ones_own_models_win(cli, home):
    own = put(home / "hearth" / "models" / "org" / "fox-GGUF" / "fox-Q4_0.gguf")
    assert cli.json("models", "find", "org/fox-GGUF")["path"] == str(own)
    names = {m["name"]: m["origin"] for m in cli.json("list", "--all")}
    assert names["org/fox-GGUF"] == "hearth" and names["org/fox-GGUF:q8_0"] == "huggingface"


def test_are_served_by_name(cli, home, serve):
    server = serve(home=home)
    body = {"model": "vixen", "messages": [{"role": "user", "content": "Hello"}]}
    answer = server.http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200 and answer.json()["usage"]["completion_tokens"] == 3, "with Ollama's settings"
    assert server.http.post("/api/show", json={"model": "vixen"}).json()["system"] == SYSTEM
    assert [m["name"] for m in server.http.get("/api/tags").json()["models"]] == ["ember:latest"]
    assert [m["id"] for m in server.http.get("/v1/models").json()["data"]] == ["ember"]
    assert len(server.http.get("/hearth/v1/models").json()["models"]) == 1
    assert {m["name"] for m in server.http.get("/hearth/v1/models?all=1").json()["models"]} == {"ember", *FOREIGN}
    assert {m["name"] for m in cli.json("list", "--all", HEARTH_SERVER=server.url)} == {"ember", *FOREIGN}
    refused = server.http.request("DELETE", "/api/delete", json={"model": "vixen"})
    assert refused.status_code == 403 and "ollama rm" in refused.json()["error"]
    assert server.http.get("/api/ps").json()["models"], "it stays loaded"
