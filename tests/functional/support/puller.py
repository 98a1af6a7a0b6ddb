"""The command line with a home of its own, which fetches from a stand-in of the hub."""
import json
import random
import socket
import subprocess

from support import server as servers

EMBER = servers.ROOT / "models" / "ember" / "ember-q8_0.gguf"


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


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
