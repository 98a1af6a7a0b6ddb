"""Commands that start a server where none answers; and conversations on a terminal."""
import os
import pty
import select
import signal
import socket
import subprocess
import termios
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import processes
from support import server as servers
from support.wait import DEADLINE_S, until


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Detached:
    """An environment in which commands start their server; whatever they start is ended."""

    def __init__(self, home):
        self.home, self.port = home, free_port()
        self.env = servers.clean_environment(home, HEARTH_SERVER_PORT=str(self.port), HEARTH_ENGINE_THREADS="1")

    def run(self, *arguments):
        return subprocess.run([servers.HEARTH, *arguments], env=self.env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=180)

    def servers(self):
        """Pids of hearth that serve this port."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                words = open(f"/proc/{entry}/cmdline", "rb").read().split(b"\0") if entry.isdigit() else []
            except OSError:
                continue
            if b"serve" in words and str(self.port).encode() in words and processes.alive(entry):
                found.append(int(entry))
        return found


@pytest.fixture
def detached(home):
    made = Detached(home)
    yield made
    left = made.servers()
    for pid in left:
        os.kill(pid, signal.SIGTERM)
    processes.wait_gone(left, "servers that a test left")
    assert not processes.sanitizer_reports(home / "hearth" / "logs")


def test_run_starts_a_server_that_stays(detached):
    first = detached.run("run", "--temperature", "0", "ember", "What can you do?")
    assert first.returncode == 0 and first.stdout.strip(), first.stderr
    assert f"started a hearth server at http://127.0.0.1:{detached.port}" in first.stderr
    (pid,) = detached.servers()
    second = detached.run("run", "--temperature", "0", "ember", "What can you do?")
    assert (second.stdout, second.stderr) == (first.stdout, "") and detached.servers() == [pid]
    assert "ember" in detached.run("ps").stdout, "the model stays loaded between commands"
    runners = processes.children(pid)
    stopped = detached.run("stop")
    assert stopped.returncode == 0, stopped.stderr
    processes.wait_gone([pid, *runners], "server and runners")
    assert detached.run("ps").returncode == 1


def test_concurrent_starts_yield_one(detached):
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: detached.run("run", "--max-tokens", "1", "ember", "Hello"), range(6)))
    assert [d.returncode for d in done] == [0] * 6, [d.stderr for d in done]
    assert len(detached.servers()) == 1 and len([d for d in done if "started" in d.stderr]) == 1


def test_the_pid_file_names_it(detached):
    detached.run("run", "--max-tokens", "1", "ember", "Hello")
    files = [*detached.home.rglob("server*.pid")]
    assert [int(f.read_text()) for f in files] == detached.servers()


def test_the_server_outlives_its_starters_terminal(detached):
    """Ctrl-C at the terminal must not end it: it has a session of its own."""
    detached.run("run", "--max-tokens", "1", "ember", "Hello")
    (pid,) = detached.servers()
    assert os.getsid(pid) == pid != os.getsid(0)


def test_idle_exit(serve):
    server = serve("--idle-exit", "1s")
    assert server.process.wait(60) == 0


class Terminal:
    """`hearth chat` on a pseudo terminal."""

    def __init__(self, env, *arguments):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execve(servers.HEARTH, [str(servers.HEARTH), *arguments], {**env, "TERM": "dumb"})
        self.pid, self.seen = pid, ""

    def expect(self, text):
        """Reads until `text` appears; what came before it."""
        end = time.monotonic() + DEADLINE_S
        while text not in self.seen:
            assert time.monotonic() < end, f"no {text!r} in {self.seen!r}"
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:  # the other end is closed
                    raise AssertionError(f"it ended without {text!r}: {self.seen!r}") from None
        before, _, self.seen = self.seen.partition(text)
        return before

    def prompt(self):
        """Waits until it asks for a line: the prompt, and a terminal that gives it each key."""
        before = self.expect("> ")
        until(lambda: not termios.tcgetattr(self.fd)[3] & termios.ICANON, "it reads keys")
        return before

    def type(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        """Waits for its end; the exit status."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, signal.SIGKILL)
        raise AssertionError(f"chat did not end: {self.seen!r}")


@pytest.fixture(scope="module")
def talked():
    server = servers.Server()
    server.cli_env = {**server.env, "HEARTH_SERVER": server.url}
    yield server
    server.stop()


@pytest.mark.parametrize("command", [("chat", "ember"), ("run", "ember")], ids=" ".join)
def test_chat_on_a_terminal(talked, command):
    chat = Terminal(talked.cli_env, *command, "--temperature", "0")
    chat.expect("/help for commands")
    chat.prompt()
    chat.type("What can you do?\n")
    chat.expect("What can you do?")
    assert len(chat.prompt().strip()) > 5
    chat.type("/help\n")
    chat.expect("/system TEXT")
    chat.prompt()
    chat.type("/exit\n")
    assert chat.close() == 0


def test_chat_commands(talked):
    file = talked.home / "talk.json"
    chat = Terminal(talked.cli_env, "chat", "ember", "--temperature", "0")
    for typed, answer in (("/system Be brief.", None), ("/system", "Be brief."), ("Hello", None), (f"/save {file}", None), ("/reset", None),
                          (f"/load {file}", "2 messages"), ("/dance", "no command /dance"), ("/load /nowhere", "hearth:")):
        chat.prompt()
        chat.type(typed + "\n")
        if answer:
            chat.expect(answer)
    chat.prompt()
    chat.type("\x04")  # Ctrl-D
    assert chat.close() == 0
    assert file.exists() and "Be brief." in file.read_text()


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", ""])
def test_chat_takes_any_language_under_any_locale(talked, locale):
    env = {k: v for k, v in talked.cli_env.items() if not k.startswith("LC_") and k != "LANG"}
    chat = Terminal({**env, **({"LC_ALL": locale} if locale else {})}, "chat", "ember")
    chat.prompt()
    chat.type("/system größe 日本 ñ 😀\n")
    chat.prompt()
    chat.type("/system\n")
    chat.expect("größe 日本 ñ 😀")
    chat.prompt()
    chat.type("/exit\n")
    assert chat.close() == 0


def test_ctrl_c_at_the_prompt_drops_the_line(talked):
    chat = Terminal(talked.cli_env, "chat", "ember")
    chat.prompt()
    chat.type("/system not this")
    chat.expect("not this")
    chat.type("\x03")
    chat.prompt()
    chat.type("/system\n")
    chat.expect("(no system message)")
    chat.prompt()
    chat.type("\x04")
    assert chat.close() == 0


def test_ctrl_c_stops_an_answer_and_not_the_chat(talked, stories_path):
    talked.import_model(stories_path, "teller")
    chat = Terminal(talked.cli_env, "chat", "teller")
    chat.prompt()
    chat.type("Once upon a time\n")
    until(lambda: talked.metric("hearth_engine_generated_tokens_total", model="teller") > 0, "it speaks")
    chat.type("\x03")
    talked.until_metric("hearth_engine_requests_cancelled_total", 1, model="teller")
    chat.prompt()
    chat.type("/exit\n")
    assert chat.close() == 0


def test_chat_from_a_pipe(talked):
    done = subprocess.run([servers.HEARTH, "chat", "ember", "--temperature", "0"], env=talked.cli_env, input="Hello\nWhat can you do?\n", text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == 0 and len(done.stdout.strip().splitlines()) >= 2 and done.stderr == ""


def test_chat_goes_on_where_its_context_is_full(talked):
    lines = "".join(f"{i}: {'tell me more about it ' * 40}\n" for i in range(10))
    done = subprocess.run([servers.HEARTH, "chat", "ember", "--temperature", "0", "--max-tokens", "12"], env=talked.cli_env, input=lines, text=True,
                          capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("oldest messages are left out") == 1 and len(done.stderr.splitlines()) == 1
    assert len(done.stdout.splitlines()) >= 10
