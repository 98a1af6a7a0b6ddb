"""llama.cpp's own server: the reference for greedy text."""
import pathlib
import socket
import subprocess

import httpx

from .server import ROOT
from .wait import until


def program():
    """llama-server of the llama.cpp that hearth is built with, or None where it was not built."""
    printed = subprocess.run([ROOT / "scripts" / "llama", "--print"], capture_output=True, text=True, check=True).stdout.strip()
    path = pathlib.Path(printed) / "bin" / "llama-server"
    return path if path.exists() else None


class LlamaServer:
    def __init__(self, path, model, folder, context=2048):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.log = folder / "llama-server.log"
        command = [path, "-m", model, "--host", "127.0.0.1", "--port", port, "-c", context, "-t", 1, "-np", 1, "--no-webui"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False)
        try:
            until(self._ready, "llama-server is ready")
        except AssertionError:
            self.stop()
            raise

    def _ready(self):
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        try:
            return self.http.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    def greedy(self, prompt, count):
        """Token ids of the greedy answer; `prompt` is text or ids."""
        body = {"prompt": prompt, "n_predict": count, "temperature": 0, "return_tokens": True, "cache_prompt": False, "seed": 1}
        answer = self.http.post("/completion", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["tokens"], answer.json()["content"]

    def tokens(self, text):
        return self.http.post("/tokenize", json={"content": text, "add_special": True}).json()["tokens"]

    def stop(self):
        self.http.close()
        self.process.terminate()
        self.process.wait(60)
