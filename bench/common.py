"""What the benchmarks of the engine and of the front share: servers, load, figures. Needs: make (release build), make bench-peers."""
import argparse, http.client, json, os, pathlib, resource, signal, statistics, subprocess, sys, tempfile, time

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
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as f:
        json.dump(body, f)
    p = subprocess.run([loadgen(), "--url", f"http://127.0.0.1:{port}{path}", "--body", f.name, "--conns", str(conns), "--requests",
                        str(requests), "--warmup", str(4 * conns if warmup is None else warmup), "--timeout", "300", "--start-counter", str(int(time.time() * 1000) % 10**8)],
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
