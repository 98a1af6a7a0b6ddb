"""A server under everything at once: random requests in every dialect, clients that leave, readers that are slow. What must hold at the end."""
import collections
import json
import os
import random
import socket
import statistics
import threading
import time

import httpx

from .server import METRIC
from .text import TOO_LONG
from .wait import until
from .wire import DIALECTS, event_of, is_end, is_error, request_bytes

WORDS = "the old keeper of a lamp sees one ship that asks how far it is to the harbour and why".split()
SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 12}, "n": {"type": "integer", "minimum": 0, "maximum": 99}}, "required": ["name", "n"]}
OWN = ("/metrics", "/hearth/v1/models")  # routes that the soak itself asks
MIB = 1 << 20


def words(rng, most=30):
    return " ".join(rng.choices(WORDS, k=rng.randint(1, most)))


def chat(rng, dialect, model="ember", **more):
    path, body = DIALECTS[dialect](model, words(rng), rng.randint(1, 60))
    return path, {**body, **more}


def openai_chat(rng, model="ember", **more):
    messages = [{"role": "user", "content": words(rng)}]
    return "/v1/chat/completions", {"model": model, "messages": messages, "max_tokens": rng.randint(1, 60), **more}


# name: (how often, the statuses it may have, the dialect of its stream or None, request). A pair of path and body; a body of bytes goes as it is.
KINDS = {
    **{f"stream {d}": (6, {200}, d, lambda rng, d=d: chat(rng, d)) for d in DIALECTS},
    "chat": (6, {200}, None, lambda rng: openai_chat(rng)),
    "several": (3, {200}, None, lambda rng: openai_chat(rng, n=rng.randint(2, 3), temperature=1)),
    "logprobs": (2, {200}, "chat", lambda rng: openai_chat(rng, stream=True, logprobs=True, top_logprobs=2)),
    "schema": (3, {200}, None, lambda rng: openai_chat(rng, response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}})),
    "ollama schema": (2, {200}, "ollama chat", lambda rng: chat(rng, "ollama chat", format=SCHEMA)),
    "tools": (3, {200}, "chat", lambda rng: openai_chat(rng, "calls", stream=True, max_tokens=200, tools=[{"type": "function", "function": {"name": "lamp", "parameters": {"type": "object", "properties": {"on": {"type": "boolean"}}}}}])),
    "embed": (4, {200}, None, lambda rng: ("/v1/embeddings", {"model": "mean", "input": [words(rng, 8) for _ in range(rng.randint(1, 8))]})),
    "ollama embed": (2, {200}, None, lambda rng: ("/api/embed", {"model": "mean", "input": words(rng, 8)})),
    "rerank": (3, {200}, None, lambda rng: ("/v1/rerank", {"model": "ranks", "query": words(rng, 4), "documents": [words(rng, 6) for _ in range(rng.randint(1, 6))]})),
    "tokens": (2, {200}, None, lambda rng: ("/tokenize", {"model": "ember", "content": words(rng)})),
    "no model": (1, {404}, None, lambda rng: openai_chat(rng, "no-such-model")),
    "no JSON": (1, {400}, None, lambda rng: ("/v1/chat/completions", b'{"model": "ember", ')),
    "too long": (1, {400}, None, lambda rng: ("/v1/completions", {"model": "ember", "prompt": TOO_LONG, "max_tokens": 4})),
}
WITHOUT_STEPS = {"tokens"}  # answered at once: the engine does not count them as requests
ENGINE = {"finished", "cancelled", "failed"}


def resident(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Soak:
    """`server` has the models ember, mean (embeds), ranks and calls. Run once; everything that is wrong is in `problems`."""

    def __init__(self, server, seconds, seed=1, clients=8, growth_mib=16):
        self.server, self.seconds, self.seed, self.clients, self.growth_mib = server, seconds, seed, clients, growth_mib
        self.lock = threading.Lock()
        self.sent = collections.Counter()  # by kind
        self.statuses = collections.Counter()  # of answers that were read to their end
        self.left = 0
        self.good, self.may_be_good = 0, 0  # requests that the engine counts: answered well, left
        self.problems = []
        self.memory = {}  # pid: samples

    def problem(self, text):
        with self.lock:
            if len(self.problems) < 20:
                self.problems.append(text)

    def done(self, kind, status, allowed, text=""):
        with self.lock:
            self.statuses[status] += 1
            self.good += status == 200 and kind not in WITHOUT_STEPS
        if status not in allowed:
            self.problem(f"{kind}: {status} {text[:300]}")

    # Clients.

    def client(self, number):
        rng = random.Random(f"{self.seed}/{number}")
        names, weights = zip(*((name, kind[0]) for name, kind in KINDS.items()))
        with httpx.Client(base_url=self.server.url, timeout=120, trust_env=False) as http:
            while time.monotonic() < self.end:
                name = rng.choices(names, weights)[0]
                with self.lock:
                    self.sent[name] += 1
                try:
                    self.one(http, rng, name)
                except Exception as e:  # noqa: BLE001: whatever it is, the soak goes on and says so
                    self.problem(f"{name}: {type(e).__name__} {e}")

    def one(self, http, rng, name):
        _, allowed, dialect, make = KINDS[name]
        path, body = make(rng)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        way = rng.choices(["read", "leave", "slow"], [8, 2, 1 if dialect else 0])[0]
        if way == "read" and dialect:
            with http.stream("POST", path, content=raw) as answer:
                events = [e for e in map(event_of, answer.iter_lines()) if e]
            self.done(name, answer.status_code, allowed)
            self.check_stream(name, dialect, events)
        elif way == "read":
            answer = http.post(path, content=raw)
            self.done(name, answer.status_code, allowed, answer.text)
        else:
            self.raw(rng, name, path, raw, dialect, allowed, leaves=way == "leave")

    def check_stream(self, name, dialect, events):
        if not events or not is_end(dialect, events[-1]) or any(is_error(dialect, e) for e in events):
            self.problem(f"{name}: the stream ends with {events[-1:]}")

    def raw(self, rng, name, path, body, dialect, allowed, leaves):
        """A connection with little room, read a bit at a time to its end, or left at any point."""
        pause = threading.Event()
        with socket.socket() as s:
            s.settimeout(120)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.connect(("127.0.0.1", self.server.port))
            s.sendall(request_bytes("POST", path, [("content-type", "application/json")], body))
            room = rng.choice([0, 1, 500, 3000]) if leaves else None
            data = b""
            while room is None or len(data) < room:
                piece = s.recv(256)
                if not piece:
                    break
                data += piece
                if not leaves:
                    pause.wait(rng.choice([0, 0, 0.02]))  # it reads slower than the model writes
        if leaves and not (room and len(data) < room):
            with self.lock:
                self.left += 1
                self.may_be_good += 200 in allowed and name not in WITHOUT_STEPS
            return
        status = int(data.split(b" ", 2)[1]) if data.startswith(b"HTTP/") else 0
        self.done(name, status, allowed, data[-300:].decode(errors="replace"))

    # The server.

    def counters(self):
        out = collections.Counter()
        for name, labels, value in METRIC.findall(self.server.http.get("/metrics").text):
            if name == "hearth_http_requests_total":
                labels = dict(part.split("=", 1) for part in labels.replace('"', "").split(","))
                if labels["route"] not in OWN:
                    out["requests"] += float(value)
                    out["status " + labels["status"]] += float(value)
            else:
                out[name] += float(value)
        return out

    def watch(self):
        """Samples the memory of each process, until the time is over."""
        pids = [self.server.pid, *self.server.runners()]
        tick = threading.Event()
        while time.monotonic() < self.end:
            for pid in pids:
                self.memory.setdefault(pid, []).append(resident(pid))
            tick.wait(max(self.seconds / 400, 0.05))

    def run(self):
        for name in KINDS:  # each once, so that all that is loaded at first use is loaded
            with httpx.Client(base_url=self.server.url, timeout=120, trust_env=False) as http:
                path, body = KINDS[name][3](random.Random(0))
                http.post(path, content=body if isinstance(body, bytes) else json.dumps(body).encode())
        self.at_rest()
        before, files = self.counters(), open_files(self.server.pid)
        self.end = time.monotonic() + self.seconds
        threads = [threading.Thread(target=self.client, args=(n,)) for n in range(self.clients)] + [threading.Thread(target=self.watch)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.at_rest()
        after = self.counters()
        self.check_counters(collections.Counter({k: after[k] - before[k] for k in after}), after)
        self.check_memory()
        pooled = self.clients * len(self.server.runners())  # connections to runners that wait for the next request
        until(lambda: open_files(self.server.pid) <= files + pooled, f"no descriptor is leaked (were {files}, are {open_files(self.server.pid)})")
        return self.report()

    def at_rest(self):
        """The server reads the counters of engines at rest once a second: at rest is what it shows for longer than that."""
        seen = [None, 0.0]

        def quiet():
            c = self.counters()
            ends = [c[f"hearth_engine_requests_{k}_total"] for k in ENGINE]
            if ends != seen[0]:
                seen[:] = ends, time.monotonic()
            busy = [k for k in ("hearth_engine_running", "hearth_engine_waiting", "hearth_engine_paused") if c[k]]
            return not busy and c["hearth_http_requests_in_flight"] <= 1 and time.monotonic() - seen[1] > 2.5

        until(quiet, "nothing runs, waits or is paused")

    def expect(self, holds, text):
        if not holds:
            self.problem(text)

    def check_counters(self, d, after):
        sent = sum(self.sent.values())
        self.expect(d["requests"] == sent, f"{sent} requests were sent, {d['requests']:.0f} counted")
        read = sum(self.statuses.values())
        self.expect(read + self.left == sent, f"{sent} requests were sent, {read} read and {self.left} left")
        for status, count in self.statuses.items():
            self.expect(count <= d[f"status {status}"] <= count + self.left, f"{count} answers had status {status}, {d[f'status {status}']:.0f} are counted, {self.left} were left")
        ends = {k: d[f"hearth_engine_requests_{k}_total"] for k in ENGINE}
        self.expect(ends["failed"] == 0, f"{ends['failed']:.0f} requests failed")
        begun = self.good + self.may_be_good
        self.expect(self.good <= ends["finished"] <= begun, f"{self.good} good answers, {self.may_be_good} left, {ends['finished']:.0f} finished")
        self.expect(ends["finished"] + ends["cancelled"] <= begun, f"more ended ({ends}) than began ({begun})")
        for name in ("hearth_engine_steps_after_cancel_total", "hearth_model_crashes_total", "hearth_requests_refused_total", "status 500"):
            self.expect(d[name] == 0, f"{name} is {d[name]:.0f}")
        self.expect(after["hearth_http_body_bytes"] == 0, f"{after['hearth_http_body_bytes']:.0f} bytes of bodies are held")
        self.ends = ends

    def check_memory(self):
        """The last fifth of the time against the third: allocators have what they need by then."""
        self.growth = {}
        for pid, samples in self.memory.items():
            fifth = len(samples) // 5
            if fifth < 3:
                continue
            early, late = statistics.median(samples[2 * fifth:3 * fifth]), statistics.median(samples[-fifth:])
            self.growth[pid] = (late - early) / MIB
            self.expect(self.growth[pid] <= self.growth_mib, f"process {pid} grew from {early / MIB:.1f} to {late / MIB:.1f} MiB")

    def report(self):
        growth = ", ".join(f"{g:+.1f}" for g in self.growth.values())
        return (f"{self.seconds:.0f} s: {sum(self.sent.values())} requests, {dict(sorted(self.statuses.items()))} read, {self.left} left; the engine's {self.good} read, {self.may_be_good} left, "
                f"{ {k: int(v) for k, v in sorted(self.ends.items())} }; memory of gateway and runners {growth} MiB")
