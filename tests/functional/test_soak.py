"""Everything at once for a while: nothing leaks, memory stays, and the counters add up. `scripts/soak` runs it for longer."""
import os

from support import bert, scripted
from support.soak import Soak
from test_tools import CALLS, MARKS, QWEN, qwen_call

SECONDS = float(os.environ.get("SOAK_SECONDS", 20))
SEED = os.environ.get("SOAK_SEED", "1")


def test_soak(serve, tmp_path, capfd):
    # What AddressSanitizer keeps back of freed memory would look like a leak.
    server = serve("--parallel", 4, "--queue", 256, "--keep-alive", "24h", "--prefix-cache-memory", "8MiB", env={"ASAN_OPTIONS": "quarantine_size_mb=4"})
    server.import_model(bert.make(tmp_path / "mean.gguf", pooling=1, outputs=0), "mean")
    server.import_model(bert.make(tmp_path / "ranks.gguf"), "ranks")
    scripted.write(tmp_path / "calls.gguf", qwen_call(*CALLS[0]), QWEN, MARKS)
    server.import_model(tmp_path / "calls.gguf", "calls")
    soak = Soak(server, SECONDS, SEED, growth_mib=16 if SECONDS >= 120 else 48)  # caches are still filling in a short one
    text = soak.run()
    with capfd.disabled():
        print(f"\nsoak of seed {SEED}, {text}")
    assert not soak.problems, "\n".join(soak.problems)
