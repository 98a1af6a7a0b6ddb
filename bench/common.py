"""What the benchmarks of the engine and of the front share: servers, load, figures. Needs: make (release build), make bench-peers."""
import argparse, http.client, json, os, pathlib, re, resource, signal, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build/release/bin"
STORIES = ROOT.parent / "shared/models/stories260K.gguf"
LLAMA = pathlib.Path(subprocess.run([ROOT / "scripts/llama", "--plain", "--print"], capture_output=True, text=True, check=True).stdout.strip())
RAW = {"machine": {"cpu": next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?"),
                   "cores": os.cpu_count(), "kernel": os.uname().release}, "rows": {}}
RAISED = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (RAISED, RAISED))


def arguments(doc, rows):
    ap = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--reps", type=int, default=3)
    ap.add_argument("--rows", default=rows)
    ap.add_argument("--out", default=str(ROOT / "build/bench"))
    return ap


def parse(ap):
    """The arguments; OUT is there from now on."""
    global OUT
    args = ap.parse_args()
    OUT = pathlib.Path(args.out)
    OUT.mkdir(parents=True, exist_ok=True)
    return args


def loadgen():
    exe = OUT / "loadgen"
    if not exe.exists():
        subprocess.run(["cc", "-O2", "-o", exe, ROOT / "bench/tools/loadgen.c"], check=True)
    return exe


def bare():
    """bench/tools/bare.cpp on the published llama.cpp."""
    exe = OUT / "bare"
    if not exe.exists():
        libraries = [LLAMA / "src/libllama.a", *(LLAMA / f"ggml/src/{n}.a" for n in ("libggml", "libggml-cpu", "libggml-base"))]
        subprocess.run(["clang++-19", "-std=c++20", "-O2", "-I", LLAMA / "source/include", "-I", LLAMA / "source/ggml/include", "-o", exe,
                        ROOT / "bench/tools/bare.cpp", *libraries, "-lpthread", "-ldl", "-lm"], check=True)
    return exe


def best_of_bare(mode, model, count, tokens, batches=(1, 4, 8, 16, 32)):
    """Operations/s of the bare engine at the number of sequences in a batch that suits it best."""
    best = 0.0
    for sequences in batches:
        out = subprocess.run([bare(), mode, model, str(count), str(tokens), str(sequences)], capture_output=True, text=True, check=True).stdout
        best = max(best, statistics.median(float(line) for line in out.split()))
    return best


def prompt_tokens(port, path, body):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    c.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    return json.loads(c.getresponse().read())["usage"]["prompt_tokens"]


def random_model(size, quant):
    """A model of a true shape with random weights."""
    file = OUT / f"{size}-{quant}.gguf"
    if not file.exists():
        venv = OUT / "venv"
        if not venv.exists():
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            subprocess.run([venv / "bin/pip", "install", "-q", "gguf==0.19.0", "numpy"], check=True)
        subprocess.run([venv / "bin/python", ROOT / "bench/tools/make_random_gguf.py", "--size", size, "--quant", quant, "--out", file],
                       check=True, stdout=subprocess.DEVNULL)
    return file


def get(port, path="/health", timeout=5.0):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        c.request("GET", path)
        r = c.getresponse()
        return r.status, r.read()
    finally:
        c.close()


def wait_ready(port, deadline=60):
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        try:
            if get(port, timeout=1)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.001)
    sys.exit(f"nothing ready on port {port}")


class Server:
    """One server process; ended by its own id."""
    def __init__(self, argv, port, name, env=None):
        self.log = open(OUT / f"{name}.log", "w")
        self.started = time.monotonic()
        self.p = subprocess.Popen([str(a) for a in argv], stdout=self.log, stderr=self.log, env={**os.environ, **(env or {})})
        self.port = port
        wait_ready(port)
        self.ready_s = time.monotonic() - self.started

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        try:
            self.p.wait(20)
        except subprocess.TimeoutExpired:
            self.p.kill()
        self.log.close()


def hearth(port, *flags, home=None):
    home = home or tempfile.mkdtemp(prefix="hearth-bench-")
    return Server([BIN / "hearth", "serve", "--port", port, "--log-level", "WARN", *flags], port, f"hearth-{port}", {"HEARTH_HOME": home}), home


def hearth_import(home, file, name):
    subprocess.run([BIN / "hearth", "import", file, "--name", name, "-q"], check=True, env={**os.environ, "HEARTH_HOME": home})


def llama_server(port, model, *flags):
    return Server([LLAMA / "bin/llama-server", "-m", model, "--port", port, "--host", "127.0.0.1", *flags], port, f"llama-server-{port}")


def load(port, body, conns, requests, path="/v1/chat/completions", warmup=None):
    """What the load generator says of these requests. Those that warm up have ended before: what is left of them would count as time, but
    not as work."""
    warmup = 4 * conns if warmup is None else warmup
    if warmup:
        load(port, body, conns, warmup, path, 0)
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as f:
        json.dump(body, f)
    p = subprocess.run([loadgen(), "--url", f"http://127.0.0.1:{port}{path}", "--body", f.name, "--conns", str(conns), "--requests",
                        str(requests), "--timeout", "300", "--start-counter", str(int(time.time() * 1000) % 10**8)],
                       capture_output=True, text=True)
    os.unlink(f.name)
    try:
        return json.loads(p.stdout)
    except ValueError:
        sys.exit(f"loadgen failed: {p.stdout} {p.stderr}")


def mmm(values):
    return {"min": min(values), "med": statistics.median(values), "max": max(values)}


def show(name, value, unit=""):
    RAW["rows"][name] = value
    text = " / ".join(f"{value[k]:.4g}" for k in ("min", "med", "max")) if isinstance(value, dict) and "med" in value else json.dumps(value)
    print(f"{name:58s} {text} {unit}", flush=True)


def tree(pid):
    kids = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                kids.setdefault(int(open(f"/proc/{d}/stat").read().rsplit(")", 1)[1].split()[1]), []).append(int(d))
            except OSError:
                pass
    out, todo = [], [pid]
    while todo:
        x = todo.pop()
        out.append(x)
        todo += kids.get(x, [])
    return out


def thread_seconds(pid):
    """[(thread id, name, CPU seconds)] of a process."""
    out = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        folder = pathlib.Path(f"/proc/{pid}/task/{thread}")
        out.append((int(thread), (folder / "comm").read_text().strip(), int((folder / "schedstat").read_text().split()[0]) / 1e9))
    return sorted(out)


def outside_the_model(pid, port):
    """CPU seconds since the start of a hearth with one loaded model, and its tokens. The engine's own thread is its process's first of that
    name; the others of that name compute inside the model only. What it does besides is a difference to the clock's time of the model: it is
    too small where it had to wait for a core inside the model."""
    counters = {m[1]: float(m[2]) for m in re.finditer(r"^hearth_engine_(\w+?)_total\{[^}]*\} (\S+)$", get(port, "/metrics")[1].decode(), re.M)}
    drawing = counters["sampling_seconds"]
    serving, scheduling = 0.0, -counters["model_seconds"] - drawing
    for process in tree(pid):
        engine = False
        for _, name, seconds in thread_seconds(process):
            if name != "hearth-engine":
                serving += seconds
            elif not engine:
                scheduling += seconds
                engine = True
    return {"threads that serve": serving, "engine thread": scheduling, "drawing": drawing, "tokens": counters["generated_tokens"]}


def memory(pid, field):
    for line in open(f"/proc/{pid}/smaps_rollup"):
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024  # MiB
    return 0.0


def run_rows(args, rows, file):
    """Each row by its name; then the raw results, those of rows that were not asked for this time kept."""
    for row in args.rows.split(","):
        rows[f"row_{row}"]()
    results = OUT / file
    if results.exists():
        RAW["rows"] = {**json.loads(results.read_text())["rows"], **RAW["rows"]}
    results.write_text(json.dumps(RAW, indent=1))
    print("raw results:", results)
