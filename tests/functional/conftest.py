import os
import shutil
import signal

import anthropic
import ollama
import openai
import pytest

from support import server as servers
from support.hub import Hub
from support.processes import alive
from support.puller import EMBER, Puller
from support.wait import until

SHOWN = 4000  # characters of a log that a failure shows


@pytest.fixture(scope="session", autouse=True)
def programs():
    for program in (servers.HEARTH, servers.RUNNER):
        if not program.exists():
            pytest.exit(f"{program} is not built", returncode=3)


def _show(request, *running):
    if getattr(request.node, "failed", False):
        for server in running:
            print(f"\n--- log of {server.url} ---\n{server.log_text()[-SHOWN:]}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.failed = True
        shared = item.funcargs.get("server") if hasattr(item, "funcargs") else None
        if shared is not None:
            report.sections.append(("hearth serve", shared.log_text()[-SHOWN:]))


@pytest.fixture(scope="session")
def shared_server():
    server = servers.Server("--keep-alive", "10m")
    yield server
    server.stop()


@pytest.fixture
def server(shared_server):
    """The server that most tests share. They leave it as they found it."""
    assert shared_server.process.poll() is None, shared_server.log_text()[-SHOWN:]
    return shared_server


@pytest.fixture
def serve(request):
    """Starts servers for this test alone: serve("--parallel", 2, env={...})."""
    running = []

    def start(*flags, **options):
        running.append(servers.Server(*flags, **options))
        return running[-1]

    yield start
    _show(request, *running)
    problems = []
    for server in running:
        try:
            server.stop()
        except AssertionError as problem:
            problems.append(str(problem))
        finally:
            for pid in [server.pid, *server.runners_seen]:
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)
    assert not problems, problems


@pytest.fixture(scope="session")
def stories_path():
    path = servers.STORIES
    if not path.exists():
        pytest.skip("../shared/models/stories260K.gguf is not here")
    return path.resolve()


@pytest.fixture
def home():
    made = servers.make_home()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def openai_client(shared_server):
    with openai.OpenAI(base_url=f"{shared_server.url}/v1", api_key="unused", max_retries=0, timeout=120) as made:
        yield made


@pytest.fixture(scope="session")
def ollama_client(shared_server):
    return ollama.Client(host=shared_server.url, timeout=120, trust_env=False)


@pytest.fixture(scope="session")
def anthropic_client(shared_server):
    with anthropic.Anthropic(base_url=shared_server.url, api_key="unused", max_retries=0, timeout=120) as made:
        yield made


class Gate:
    """A hearth-runner that waits at a gate before it starts, so that a test can act while a model loads."""

    def __init__(self, folder):
        self.fifo = folder / "gate"
        os.mkfifo(self.fifo)
        script = folder / "hearth-runner"
        script.write_text(f'#!/bin/sh\nread _ <"{self.fifo}"\nexec "{servers.RUNNER}" "$@"\n')
        script.chmod(0o755)
        self.env = {"HEARTH_BINARY_DIR": str(folder)}

    def try_open(self):
        """Lets one runner pass, if one waits."""
        try:
            gate = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads
            return False
        os.write(gate, b"\n")
        os.close(gate)
        return True

    def open(self):
        until(self.try_open, "a runner waits at the gate")


@pytest.fixture
def gate(home):
    return Gate(home)


@pytest.fixture
def hub():
    stand_in = Hub()
    yield stand_in
    stand_in.close()


@pytest.fixture
def weights():
    return EMBER.read_bytes()


@pytest.fixture
def puller(home, hub):
    return Puller(home, hub)
