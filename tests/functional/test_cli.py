"""The command line, against a server of its own."""
import json
import os
import signal
import subprocess

import pytest

from support import server as servers
from support.wait import until

VERSION = "0.1.0"


class Cli:
    """`hearth` with a home and an environment."""

    def __init__(self, env):
        self.env = env

    def run(self, *arguments, text=None, code=0):
        done = subprocess.run([servers.HEARTH, *map(str, arguments)], env=self.env, capture_output=True, text=True, timeout=180,
                              **({"input": text} if text is not None else {"stdin": subprocess.DEVNULL}))
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *arguments, **more):
        return json.loads(self.run("--json", *arguments, **more).stdout)


@pytest.fixture(scope="module")
def hearth():
    """A server and a command line that share a home."""
    server = servers.Server()
    cli = Cli({**server.env, "HEARTH_SERVER": server.url})
    cli.server = server
    yield cli
    server.stop()


@pytest.fixture
def offline(home):
    """No server, and a home without one."""
    return Cli(servers.clean_environment(home, HEARTH_SERVER="http://127.0.0.1:9"))


GREEDY = ("--temperature", "0")


def test_run(hearth):
    said = hearth.run("run", *GREEDY, "ember", "What", "can", "you do?")
    assert len(said.stdout) > 5 and said.stdout.endswith("\n") and said.stderr == ""
    assert hearth.run("run", *GREEDY, "ember", text="What can you do?").stdout == said.stdout


@pytest.mark.parametrize("flags, check", [
    (("--max-tokens", "1"), lambda short, whole: len(short) < len(whole)),
    (("--system", "Be brief."), lambda short, whole: short.strip()),
    (("--seed", "3", "--top-k", "1", "--top-p", "0.5"), lambda short, whole: short == whole),
], ids=["max-tokens", "system", "top-k 1 is greedy"])
def test_run_flags(hearth, flags, check):
    whole = hearth.run("run", *GREEDY, "ember", "What can you do?").stdout
    given = flags if "--top-k" in flags else (*GREEDY, *flags)
    assert check(hearth.run("run", *given, "ember", "What can you do?").stdout, whole)


def test_the_bundled_model_names_pull(hearth):
    """Its default temperature, too."""
    assert "hearth pull MODEL" in hearth.run("run", "--seed", "1", "ember", "How do I download a model?").stdout


def test_run_stop(hearth):
    whole = hearth.run("run", *GREEDY, "ember", "What can you do?").stdout
    cut = whole[4:8]
    assert hearth.run("run", *GREEDY, "--stop", cut, "ember", "What can you do?").stdout.rstrip("\n") == whole[: whole.index(cut)].rstrip("\n")


def test_run_verbose_tells_figures(hearth):
    said = hearth.run("-v", "run", "ember", "Hello")
    assert "prompt tokens" in said.stderr and "tokens" not in said.stdout.split("\n")[-1]


def test_run_a_path(hearth, stories_path):
    said = hearth.run("run", *GREEDY, "--max-tokens", "5", stories_path, "Once upon a time")
    assert said.stdout.strip() and "imported" in said.stderr
    again = hearth.run("-q", "run", *GREEDY, "--max-tokens", "5", stories_path, "Once upon a time")
    assert again.stdout == said.stdout and again.stderr == ""
    names = [m["name"] for m in hearth.json("list")]
    assert len([n for n in names if "stories" in n.lower()]) == 1, "the second time it is known"


def test_interrupted_is_130(hearth, stories_path):
    hearth.run("import", stories_path, "--name", "teller")
    process = subprocess.Popen([servers.HEARTH, "run", "teller", "Once upon a time"], env=hearth.env, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert process.stdout.read(1)  # it speaks
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and b"hearth:" not in err, err
    hearth.server.until_metric("hearth_engine_requests_cancelled_total", 1, model="teller")
    hearth.run("delete", "teller")


def test_list_show_and_their_json(hearth):
    assert "ember" in hearth.run("list").stdout and "NAME" in hearth.run("models", "list").stdout
    model = next(m for m in hearth.json("list") if m["name"] == "ember")
    assert {"name", "path", "reference", "format", "size", "task", "quantization"} <= model.keys()
    assert model["size"] == os.path.getsize(model["path"]) and model["format"] == "gguf"
    assert hearth.json("models", "list") == hearth.json("list") == json.loads(hearth.run("list", "--json").stdout)
    shown = hearth.json("show", "ember")
    assert shown["name"] == "ember" and shown["context"] == 1024
    info = hearth.json("models", "info", "ember")
    assert info["reference"] == "ember" and info["total_size"] == model["size"] and info["file_count"] == 1
    assert info["gguf_files"] == [model["path"]] and os.path.samefile(info["model_dir"], os.path.dirname(model["path"]))
    assert "Q8_0" in hearth.run("show", "ember").stdout


def test_import_copy_delete(hearth, home):
    file = home / "fox.gguf"
    file.write_bytes((servers.ROOT / "models" / "ember" / "ember-q8_0.gguf").read_bytes())
    imported = hearth.json("import", file)
    assert imported["name"] == "fox" and imported["path"] == str(file)
    hearth.run("copy", "fox", "vixen")
    assert {"fox", "vixen"} <= {m["name"] for m in hearth.json("list")}
    assert hearth.run("-q", "run", *GREEDY, "--max-tokens", "2", "vixen", "Hello").stdout.strip()  # a running server notices
    hearth.run("delete", "fox", "vixen")
    assert not {"fox", "vixen"} & {m["name"] for m in hearth.json("list")} and file.exists()
    hearth.run("models", "import", file, "--name", "a/b:c")
    hearth.run("rm", "a/b:c")


def test_ps_and_stop_model(hearth):
    hearth.run("run", "ember", "Hello")
    loaded = next(m for m in hearth.json("ps") if m["name"] == "ember")
    assert {"name", "device", "size", "context", "slots", "expires_at"} <= loaded.keys() and loaded["slots"] == 4
    assert "ember" in hearth.run("models").stdout
    hearth.run("stop", "ember")
    assert "ember" not in {m["name"] for m in hearth.json("ps")}
    hearth.run("stop", "nothing", code=1)


def test_embed(hearth):
    vectors = json.loads(hearth.run("embed", "ember", "one text", "another").stdout)
    assert len(vectors) == 2 and len(vectors[0]) == len(vectors[1]) and vectors[0] != vectors[1]


def test_doctor_config_version(hearth):
    assert "ok" in hearth.run("doctor").stdout
    assert {"name", "status", "detail"} <= hearth.json("doctor")[0].keys()
    assert {"key": "server.port", "value": "11434"}.items() <= next(s for s in hearth.json("config") if s["key"] == "server.port").items()
    assert hearth.run("config", "engine.parallel").stdout == "4\n"
    assert hearth.run("version").stdout == f"hearth {VERSION}\n" and hearth.json("version") == {"version": VERSION}
    assert VERSION in hearth.run("--version").stdout


def test_config_shows_no_secret(hearth):
    cli = Cli({**hearth.env, "HEARTH_API_KEY": "secret-key"})
    assert "secret-key" not in cli.run("config").stdout + cli.run("--json", "config").stdout + cli.run("config", "api_key").stdout


def test_help_of_every_command(hearth):
    text = hearth.run("--help").stdout
    commands = [line.split()[0].rstrip(",") for line in text.split("Subcommands:")[1].splitlines() if line.startswith("  ") and line[2] != " "]
    assert {"serve", "run", "chat", "models", "list", "stop"} <= set(commands)
    for command in commands:
        assert "Usage: hearth" in hearth.run(command, "--help").stdout


# Arguments, exit status, what stderr begins with, what `try:` says.
ERRORS = [
    (("run", "no-such-model", "Hello"), 1, "hearth: ", None),
    (("show", "no-such-model"), 1, "hearth: ", None),
    (("delete", "no-such-model"), 1, "hearth: ", None),
    (("copy", "no-such-model", "x"), 1, "hearth: ", None),
    (("import", "/nowhere/x.gguf"), 1, "hearth: ", None),
    (("embed", "no-such-model", "x"), 1, "hearth: ", None),
    (("config", "no.such"), 1, "hearth: ", "hearth config"),
    (("frobnicate",), 2, "hearth: ", None),
    (("run",), 2, "hearth: ", None),
    (("run", "--temperature", "3", "ember", "x"), 2, "hearth: ", None),
    (("run", "--max-tokens", "-1", "ember", "x"), 2, "hearth: ", None),
    (("run", "--no-such-flag", "ember", "x"), 2, "hearth: ", None),
    (("serve", "--port", "99999"), 2, "hearth: ", None),
    (("serve", "--ctx", "many"), 2, "hearth: ", None),
    (("--server", "ftp://x", "ps"), 1, "hearth: ", None),
    (("--config", "/nowhere.yaml", "ps"), 2, "hearth: ", None),
]


@pytest.mark.parametrize("arguments, code, start, remedy", ERRORS, ids=[" ".join(e[0]) or "nothing" for e in ERRORS])
def test_errors(hearth, arguments, code, start, remedy):
    failed = hearth.run(*arguments, code=code)
    assert failed.stderr.startswith(start) and failed.stdout == ""
    lines = failed.stderr.splitlines()
    if start:
        assert len(lines) <= 2 and all(line.startswith("try: ") for line in lines[1:]), failed.stderr
    if remedy:
        assert lines[1] == f"try: {remedy}"
    if "no-such-model" in arguments:
        assert "no-such-model" in lines[0] and ("hearth pull" in failed.stderr or "hearth import" in failed.stderr)


def test_output_that_goes_nowhere(hearth):
    """A pipe that nobody reads is the end; a full disk is told."""
    def run(command):
        return subprocess.run(["sh", "-c", command, "sh", servers.HEARTH], env=hearth.env, text=True, capture_output=True, timeout=60)
    for command in ('"$1" models catalog | true', '"$1" models catalog | head -1'):
        assert run(command).stderr == ""
    for command in ('"$1" list >/dev/full', '"$1" --json models catalog >/dev/full', '"$1" list >&-'):
        done = run(command)
        assert done.returncode == 1 and done.stderr.startswith("hearth: cannot write the output: "), (command, done)


def test_no_command_is_help(hearth):
    assert "Usage: hearth" in hearth.run(code=2).stdout


def test_empty_prompt(hearth):
    assert "prompt is empty" in hearth.run("run", "ember", text="", code=2).stderr


def test_nobody_answers(offline):
    failed = offline.run("ps", code=1)
    assert failed.stderr.startswith("hearth: ") and failed.stderr.splitlines()[1] == "try: hearth serve"
    offline.run("stop", code=1)


def test_through_http_with_server(hearth, home, stories_path):
    """--server: another server's models, not this home's."""
    cli = Cli(servers.clean_environment(home))
    flags = ("--server", hearth.server.url)
    cli.run(*flags, "import", stories_path, "--name", "over-http")
    assert "over-http" in cli.run(*flags, "list").stdout and "over-http" not in cli.run("list").stdout
    assert cli.json(*flags, "show", "over-http")["name"] == "over-http"
    cli.run(*flags, "copy", "over-http", "twice")
    cli.run(*flags, "delete", "over-http", "twice")
    cli.run(*flags, "show", "twice", code=1)


def test_keys(serve, home):
    server = serve(env={"HEARTH_API_KEY": "secret-key"})
    for key, code in ((None, 1), ("wrong", 1), ("secret-key", 0)):
        cli = Cli(servers.clean_environment(home, HEARTH_SERVER=server.url, HEARTH_API_KEY=key))
        assert cli.run("ps", code=code).stderr.startswith("hearth: " if code else "")
        cli.run("run", "--max-tokens", "1", "ember", "Hello", code=code)
    until(lambda: server.metric("hearth_engine_requests_finished_total") == 1, "one answer")
