"""Starts, asks and ends one `hearth serve`."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import httpx

from . import processes
from .wait import until

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build" / "release"))
HEARTH = BUILD / "bin" / "hearth"
RUNNER = BUILD / "bin" / "hearth-runner"
STORIES = ROOT / ".." / "shared" / "models" / "stories260K.gguf"

METRIC = re.compile(r"^(\w+)(?:\{([^}]*)\})? (\S+)$", re.M)


def clean_environment(home, **more):
    """The caller's settings of hearth must not reach the programs under test."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTH_", "XDG_", "HF_", "HUGGINGFACE_", "OLLAMA_")) and not k.lower().endswith("_proxy")}
    env.update(HOME=str(home), HEARTH_HOME=str(home / "hearth"), XDG_CONFIG_HOME=str(home / "config"), XDG_RUNTIME_DIR=str(home),
               OLLAMA_MODELS=str(home / ".ollama" / "models"),  # nor the models of this machine's Ollama
               HF_HUB_OFFLINE="1")  # no test asks the world
    env.update({k: v for k, v in more.items() if v is not None})
    return env


def make_home():
    return pathlib.Path(tempfile.mkdtemp(prefix="hearth-"))  # short: unix socket paths have little room


class Server:
    """One server with a home of its own. `flags` go to `hearth serve`; the port is any free one."""

    def __init__(self, *flags, env=None, threads=1, home=None, port=0):
        self.home = home or make_home()
        self.owns_home = home is None
        self.env = clean_environment(self.home, **(env or {}))
        self.log = self.home / "serve.log"
        self.out = self.home / "serve.out"
        command = [HEARTH, "serve", "--port", str(port), *(["--threads", str(threads)] if threads else []), *map(str, flags)]
        with open(self.log, "ab") as err, open(self.out, "wb") as out:
            self.process = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.runners_seen = set()
        self.expect_exit = 0
        try:
            line = until(self._first_line, "the server's first line on stdout")
        except AssertionError:
            self.kill()
            raise
        self.url = re.match(r"hearth \S+ at (https?://\S+)\n", line).group(1)
        self.port = int(self.url.rsplit(":", 1)[1])
        key = self.env.get("HEARTH_API_KEY")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self.http = httpx.Client(base_url=self.url, timeout=120, headers=headers, trust_env=False)

    def _first_line(self):
        text = self.out.read_text()
        if "\n" in text:
            return text.split("\n")[0] + "\n"
        if self.process.poll() is not None:
            raise AssertionError(f"hearth serve ended with {self.process.returncode}: {self.log_text()}")
        return None

    def log_text(self):
        return self.log.read_text(errors="replace")

    @property
    def pid(self):
        return self.process.pid

    def runners(self):
        found = [p for p in processes.children(self.pid) if (stat := processes.stat_of(p)) and stat[0].startswith("hearth-runner")]
        self.runners_seen.update(found)
        return found

    def runner(self):
        """The pid of the only runner."""
        found = self.runners()
        assert len(found) == 1, found
        return found[0]

    def metrics(self, *names, **labels):
        """Of each name the sum of its samples that have `labels`, all of one moment."""
        totals = dict.fromkeys(names, 0.0)
        for found, text, value in METRIC.findall(self.http.get("/metrics").text):
            if found in totals and all(f'{k}="{v}"' in text for k, v in labels.items()):
                totals[found] += float(value)
        return [*totals.values()]

    def metric(self, name, **labels):
        return self.metrics(name, **labels)[0]

    def until_metric(self, name, value, **labels):
        return until(lambda: self.metric(name, **labels) == value, f"{name} == {value} (is {self.metric(name, **labels)})")

    def loaded(self):
        return {m["name"]: m for m in self.http.get("/hearth/v1/models").json()["loaded"]}

    def import_model(self, path, name):
        answer = self.http.post("/hearth/v1/models/import", json={"path": str(path), "name": name})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def kill(self):
        """kill -9, and no questions."""
        self.runners()
        self.process.kill()
        self.process.wait()
        self.expect_exit = -signal.SIGKILL

    def stop(self):
        """SIGTERM; the exit status, sanitizer reports and leftover runners are the last test of every server."""
        self.runners()
        self.process.send_signal(signal.SIGTERM) if self.process.poll() is None else None
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"hearth serve did not end within 60 s of SIGTERM: {self.log_text()[-2000:]}") from None
        finally:
            if hasattr(self, "http"):
                self.http.close()
        reports = processes.sanitizer_reports(self.log, self.home / "hearth" / "logs")
        assert not reports, reports
        processes.wait_gone(self.runners_seen, "runners")
        assert self.process.returncode == self.expect_exit, (self.process.returncode, self.log_text()[-2000:])
        if self.owns_home:
            shutil.rmtree(self.home, ignore_errors=True)
