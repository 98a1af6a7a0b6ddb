"""Models with settings of their own: Modelfiles, /api/create, and what requests and answers make of them."""
import hashlib
import json
import os
import socket
import subprocess

import ollama
import pytest

from support import server as servers
from support.text import ASK
from support.wait import until

MODELFILE = """
# one that is brief
FROM ember
PARAMETER temperature 0
PARAMETER num_predict 3
PARAMETER stop "<never>"
PARAMETER num_gpu 99
SYSTEM \"\"\"You are "brief".\"\"\"
MESSAGE user 1+1?
MESSAGE assistant 2
LICENSE Do as you like.
"""
CHAT = {"messages": ASK, "stream": False}


@pytest.fixture
def made(serve):
    """A server whose model `brief` was made by Ollama's client."""
    server = serve()
    ollama.Client(host=server.url).create("brief", from_="ember", system='You are "brief".', license=["Do as", "you like."],
                                          parameters={"temperature": 0, "num_predict": 3, "stop": ["<never>"]},
                                          messages=[{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}])
    return server


class Cli:
    """The command line on a home without a server."""

    def __init__(self, home):
        self.home = home
        self.env = servers.clean_environment(home)

    def run(self, *args, **more):
        return subprocess.run([servers.HEARTH, *args], env=self.env, text=True, capture_output=True, timeout=60, **more)


@pytest.fixture
def cli(home):
    return Cli(home)


def rendered(server, model, messages):
    answer = server.http.post("/apply-template", json={"model": model, "messages": messages})
    assert answer.status_code == 200, answer.text
    return answer.json()["prompt"]


def test_settings_reach_every_dialect(made):
    http = made.http
    counts = {
        "ollama chat": http.post("/api/chat", json={"model": "brief", **CHAT}).json()["eval_count"],
        "ollama raw": http.post("/api/generate", json={"model": "brief", "prompt": "Once", "raw": True, "stream": False}).json()["eval_count"],
        "openai": http.post("/v1/chat/completions", json={"model": "brief", **CHAT}).json()["usage"]["completion_tokens"],
        "completions": http.post("/v1/completions", json={"model": "brief", "prompt": "Once"}).json()["usage"]["completion_tokens"],
    }
    assert counts == dict.fromkeys(counts, 3)
    anthropic = http.post("/v1/messages", json={"model": "brief", "messages": ASK, "max_tokens": 5}).json()
    assert anthropic["usage"]["output_tokens"] == 5, "what the client says wins"
    assert http.post("/api/chat", json={"model": "brief", **CHAT, "options": {"num_predict": 4}}).json()["eval_count"] == 4


def test_temperature_of_the_model_is_used(made):
    answers = {made.http.post("/v1/chat/completions", json={"model": "brief", **CHAT, "max_tokens": 24}).text.split('"content":')[1].split('"}')[0]
               for _ in range(4)}
    assert len(answers) == 1


def test_system_and_messages_stand_first(made):
    prompt = rendered(made, "brief", ASK)
    places = [prompt.find(text) for text in ('You are "brief".', "1+1?", "2", ASK[-1]["content"])]
    assert -1 not in places and places == sorted(places), prompt
    own = rendered(made, "brief", [{"role": "system", "content": "You are long."}, *ASK])
    assert "You are long." in own and "brief" not in own
    assert "brief" not in rendered(made, "ember", ASK)


def test_show_says_what_was_set(made):
    shown = ollama.Client(host=made.url).show("brief")
    raw = made.http.post("/api/show", json={"model": "brief"}).json()
    assert raw["system"] == 'You are "brief".' and shown.license == "Do as\n\nyou like."
    assert raw["messages"] == [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]
    assert [line.split(maxsplit=1) for line in shown.parameters.split("\n")] == [
        ["temperature", "0"], ["num_predict", "3"], ["stop", '"<never>"']]
    # The text makes the same model again.
    again = made.http.post("/api/create", json={"model": "again", "modelfile": shown.modelfile, "stream": False})
    assert again.json() == {"status": "success"}
    other = made.http.post("/api/show", json={"model": "again"}).json()
    assert {k: v for k, v in other.items() if k != "modified_at"} == {k: v for k, v in raw.items() if k != "modified_at"}


TURNS = """{{ if .System }}<|system|>
{{ .System }}
{{ end }}<|user|>
{{ .Prompt }}
<|assistant|>
{{ .Response }}
"""
TALK = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
SPOKEN = "<|system|>\nBe brief.\n<|user|>\na\n<|assistant|>\nb\n<|user|>\nc\n<|assistant|>\n"


def test_templates_in_gos_language(serve):
    server = serve()
    client = ollama.Client(host=server.url)
    client.create("turns", from_="ember", template=TURNS, system="Be brief.")
    assert rendered(server, "turns", TALK) == SPOKEN
    shown = client.show("turns")
    assert shown.template == TURNS and TURNS in shown.modelfile
    assert server.http.post("/api/chat", json={"model": "turns", "messages": TALK, "stream": False}).status_code == 200
    again = server.http.post("/api/create", json={"model": "again", "modelfile": shown.modelfile, "stream": False})
    assert again.json() == {"status": "success"} and "hearth-ignored-parameters" not in again.headers
    assert rendered(server, "again", TALK) == SPOKEN and client.show("again").template == TURNS
    client.create("whole", from_="ember", template="{{ range .Messages }}[{{ .Role }}] {{ json .Content }}\n{{ end }}")
    assert rendered(server, "whole", TALK) == '[user] "a"\n[assistant] "b"\n[user] "c"\n'
    tools = {"model": "whole", "messages": TALK, "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]}
    assert "tools" in server.http.post("/apply-template", json=tools).text
    # A template that fails with a conversation is a refusal, not the end of the runner.
    client.create("odd", from_="ember", template="{{ range .Messages }}{{ .Rol }}{{ end }}")
    failed = server.http.post("/apply-template", json={"model": "odd", "messages": TALK})
    assert failed.status_code == 400 and "line 1: a message has no field 'Rol'" in failed.text


def test_broken_templates_are_refused(server, cli):
    body = {"model": "m", "from": "ember", "template": "a\n{{ if .Prompt }}"}
    answer = server.http.post("/api/create", json=body)
    assert answer.status_code == 400 and "line 2: {{if}} has no {{end}}" in answer.json()["error"], answer.text
    (cli.home / "Modelfile").write_text('FROM ember\nTEMPLATE """{{ foo .Prompt }}"""\n')
    said = cli.run("create", "m", cwd=cli.home)
    assert said.returncode == 1 and "Modelfile, line 2: TEMPLATE" in said.stderr and "function 'foo' not defined" in said.stderr
    (cli.home / "Modelfile").write_text("FROM ember\nTEMPLATE {{ .Prompt }}\nRENDERER x\n")
    said = cli.run("create", "m", cwd=cli.home)
    assert said.returncode == 0 and "without effect: TEMPLATE beside RENDERER x" in said.stderr


def test_progress_and_what_is_left_out(serve):
    server = serve()
    lines = [line.status for line in ollama.Client(host=server.url).create("m", from_="ember", system="x", stream=True)]
    assert lines[-1] == "success"
    answer = server.http.post("/api/create", json={"model": "m", "from": "ember", "template": "{{ .Prompt }}", "renderer": "x"})
    assert answer.headers["hearth-ignored-parameters"] == "renderer, template"


@pytest.mark.parametrize("body, status, text", [
    ({"model": "m", "from": "absent"}, 404, "model 'absent' not found"),
    ({"model": "m"}, 400, "from"),
    ({"model": "m", "from": "ember", "modelfile": "FROM ember"}, 400, "from"),
    ({"model": "m", "modelfile": "FROM ember\nPARAMETER heat 1"}, 400, "line 2: parameter 'heat' is unknown"),
    ({"model": "m", "modelfile": "SYSTEM x"}, 400, "no FROM"),
    ({"model": "m", "from": "ember", "parameters": {"top_k": "x"}}, 400, "parameters.top_k"),
    ({"model": "m", "from": "ember", "quantize": "q4_K_M"}, 400, "is Q8_0 already"),
    ({"model": "m", "from": "ember", "quantize": "q9"}, 400, "'q9' is no quantisation; there are F16, BF16, Q8_0"),
    ({"model": "a:b:c", "from": "ember"}, 400, "model"),
    ({"model": "m", "from": "/etc/passwd"}, 400, "/etc/passwd"),
    ({"model": "m", "from": "/absent.gguf"}, 400, "/absent.gguf"),
], ids=str)
def test_errors_name_what_is_wrong(server, body, status, text):
    answer = server.http.post("/api/create", json=body)
    assert answer.status_code == status and text in answer.json()["error"], answer.text
    assert server.http.post("/api/show", json={"model": "m"}).status_code == 404, "nothing was made"


def test_on_the_command_line(cli, stories_path):
    (cli.home / "Modelfile").write_text(MODELFILE)
    done = cli.run("create", "brief", cwd=cli.home)
    assert done.returncode == 0 and "created brief" in done.stdout and "without effect: PARAMETER num_gpu" in done.stderr
    entry = json.loads((cli.home / "hearth" / "registry.json").read_text())["models"]["brief"]
    assert entry["settings"]["parameters"] == {"temperature": 0, "num_predict": 3, "stop": ["<never>"], "num_gpu": 99}
    shown = cli.run("show", "brief").stdout
    assert shown[shown.index("settings\n"):].splitlines()[1:5] == [
        "  temperature       0", "  num_predict       3", '  stop              ["<never>"]', "  num_gpu           99"], shown
    # A file beside the Modelfile.
    (cli.home / "x.gguf").write_bytes(stories_path.read_bytes())
    (cli.home / "Other").write_text("FROM ./x.gguf\nSYSTEM tell stories\n")
    assert cli.run("create", "tales", "-f", str(cli.home / "Other")).returncode == 0
    tales = json.loads(cli.run("--json", "show", "tales").stdout)
    assert tales["path"] == str(cli.home / "x.gguf") and tales["architecture"] == "llama"
    assert cli.run("create", "none", "-f", "-", input="FROM absent\n").returncode == 1
    assert "no-such-file" in cli.run("create", "none", "-f", str(cli.home / "no-such-file")).stderr


def test_weights_outlive_the_name_they_came_under(cli, stories_path):
    """As with Ollama: a model that was made of another one goes on without it; the last one takes the file along."""
    folder = cli.home / "hearth" / "models" / "org" / "tales"
    folder.mkdir(parents=True)
    file = folder / "tales-Q8_0.gguf"
    file.write_bytes(stories_path.read_bytes())
    assert cli.run("create", "mine", "-f", "-", input="FROM org/tales\nSYSTEM x\n").returncode == 0
    assert cli.run("copy", "mine", "too").returncode == 0
    names = lambda: {m["name"] for m in json.loads(cli.run("--json", "list").stdout)}  # noqa: E731
    assert cli.run("rm", "org/tales").returncode == 0
    assert file.exists() and names() == {"ember", "mine", "too"}
    assert cli.run("rm", "mine").returncode == 0 and file.exists()
    assert cli.run("rm", "too").returncode == 0
    assert not file.exists() and not folder.exists() and names() == {"ember"}
    assert "hidden" not in json.loads((cli.home / "hearth" / "registry.json").read_text())


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def blobs_of(server):
    folder = server.home / "hearth" / "models" / ".blobs"
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_a_file_is_sent_and_made_a_model(serve, stories_path):
    """As `ollama create` does with a GGUF file."""
    server = serve()
    client = ollama.Client(host=server.url)
    digest = client.create_blob(stories_path)
    assert digest == sha256(stories_path.read_bytes())
    assert server.http.head(f"/api/blobs/{digest}").status_code == 200 and len(blobs_of(server)) == 1
    assert server.http.post(f"/api/blobs/{digest}", content=stories_path.read_bytes()).status_code == 200, "it is there"
    assert client.create("me/tales:v1", files={"stories.gguf": digest}, system="Tell.", parameters={"num_predict": 2}).status == "success"
    assert blobs_of(server) == [] and server.http.head(f"/api/blobs/{digest}").status_code == 404
    folder = server.home / "hearth" / "models" / "me" / "tales"
    assert sorted(p.name for p in folder.iterdir()) == ["hearth.json", "tales@v1.gguf"]
    assert [m.model for m in client.list().models if "tales" in m.model] == ["me/tales:v1"]
    assert client.generate("me/tales:v1", "Once").eval_count == 2
    assert client.show("me/tales:v1").modelfile.count("SYSTEM Tell.") == 1
    client.delete("me/tales:v1")
    assert not folder.exists()


def test_an_upload_in_pieces_is_not_held_in_memory(serve):
    """More than all bodies together may hold, and never much of it in memory."""
    server = serve()
    size, piece = 1 << 30, os.urandom(1 << 20)
    hashed = hashlib.sha256()
    for _ in range(size // len(piece)):
        hashed.update(piece)
    url = f"/api/blobs/sha256:{hashed.hexdigest()}"
    answer = server.http.post(url, content=(piece for _ in range(size // len(piece))))
    assert answer.status_code == 201, answer.text
    peak = int(next(line for line in open(f"/proc/{server.pid}/status") if line.startswith("VmHWM")).split()[1])
    # AddressSanitizer keeps what was freed for a while, some 256 MB; the body would be 1 GiB.
    assert peak < (700_000 if b"__asan_init" in servers.HEARTH.read_bytes() else 60_000), f"{peak} kB"


@pytest.mark.parametrize("length", [0, 100_000], ids=["empty", "content"])
def test_a_wrong_upload_leaves_nothing(serve, length):
    server = serve()
    answer = server.http.post("/api/blobs/" + sha256(b"other"), content=b"x" * length)
    assert answer.status_code == 400 and ("has digest" in answer.text or "empty" in answer.text), answer.text
    assert server.http.post("/api/blobs/sha256:12", content=b"x").status_code == 400
    assert blobs_of(server) == []


def test_an_upload_that_breaks_off_leaves_nothing(serve):
    server = serve()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(f"POST /api/blobs/{sha256(b'x')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n".encode() + b"y" * 100_000)
        until(lambda: blobs_of(server), "the upload has begun")
    until(lambda: not blobs_of(server), "what had come is gone")


def test_a_file_that_is_no_model_stays_a_blob(serve):
    server = serve()
    client = ollama.Client(host=server.url)
    content = b"GGUF, it says, and is not" * 100
    server.http.post("/api/blobs/" + sha256(content), content=content)
    with pytest.raises(ollama.ResponseError, match="GGUF"):
        client.create("bad", files={"x.gguf": sha256(content)})
    assert len(blobs_of(server)) == 1 and not (server.home / "hearth" / "models" / "bad").exists()
    with pytest.raises(ollama.ResponseError, match="POST /api/blobs"):
        client.create("bad", files={"x.gguf": sha256(b"never sent")})
    with pytest.raises(ollama.ResponseError, match="safetensors"):
        client.create("bad", files={"x.safetensors": sha256(content)})


@pytest.fixture
def whole(home):
    """The bundled model with weights of 16 bits."""
    runner = servers.HEARTH.parent / "hearth-runner"
    path = home / "whole.gguf"
    subprocess.run([runner, "quantize", "--from-quantized", "--from", servers.ROOT / "models/ember/ember-q8_0.gguf", "--to", path, "--type", "F16"],
                   check=True, capture_output=True, timeout=120)
    return path


def test_quantising(serve, whole):
    server = serve()
    server.import_model(whole, "whole")
    client = ollama.Client(host=server.url)
    lines = list(client.create("small", from_="whole", quantize="q4_K_M", system="Be brief.", stream=True))
    assert [line.status for line in lines][-3:] == ["verifying conversion", "writing manifest", "success"]
    progress = [line for line in lines if line.status == "quantizing F16 model to Q4_K_M"]
    assert progress[-1].completed == progress[-1].total > 0
    small = client.show("small")
    assert small.details.quantization_level == "Q4_K_M" and "Be brief." in small.modelfile
    assert client.chat("small", messages=ASK, options={"temperature": 0}).message.content
    blobs = server.home / "hearth" / "models" / ".blobs"
    assert list(blobs.iterdir()) == [], "nothing is left over"
    assert server.http.post("/api/create", json={"model": "tiny", "from": "small", "quantize": "q2_K"}).status_code == 400


def test_quantising_stops_when_its_client_leaves(serve, whole, monkeypatch):
    """A quantiser that never ends by itself stands in for a large model."""
    server = serve()
    server.import_model(whole, "whole")
    folder = server.home / "slow"
    folder.mkdir()
    script = folder / "hearth-runner"
    script.write_text("#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = --to ] && head -c 1000 /dev/zero >\"$2\"; shift; done\nexec sleep 1000\n")
    script.chmod(0o755)
    slow = serve(home=server.home, env={"HEARTH_BINARY_DIR": str(folder)})
    blobs = server.home / "hearth" / "models" / ".blobs"
    with slow.http.stream("POST", "/api/create", json={"model": "small", "from": "whole", "quantize": "q4_0"}) as answer:
        lines = answer.iter_lines()
        assert json.loads(next(lines))["status"] == "quantizing F16 model to Q4_0"
        assert len(list(blobs.iterdir())) == 1
        busy = slow.http.post("/api/create", json={"model": "other", "from": "whole", "quantize": "q4_0"})
        assert busy.status_code == 503 and busy.headers["retry-after"]
    until(lambda: not list(blobs.iterdir()), "the unfinished file goes")
    assert slow.http.post("/api/show", json={"model": "small"}).status_code == 404


def test_quantising_on_the_command_line(cli, whole):
    (cli.home / "Modelfile").write_text("FROM ./whole.gguf\nSYSTEM Be brief.\n")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        cli.env["HEARTH_SERVER_PORT"] = str(s.getsockname()[1])
    try:
        done = cli.run("create", "small", "-q", "q8_0", cwd=cli.home)
        assert done.returncode == 0 and "created small" in done.stdout, done.stderr
        assert json.loads(cli.run("--json", "show", "small").stdout)["quantization"] == "Q8_0"
        wrong = cli.run("create", "small", "-q", "q77", cwd=cli.home)
        assert wrong.returncode == 1 and "'q77' is no quantisation" in wrong.stderr
    finally:
        cli.run("stop")
