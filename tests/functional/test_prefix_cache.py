"""Conversations that others have pushed out of the KV cache: in memory, on disk, after a restart, from damaged files."""
import os
import re
import stat
import subprocess

import pytest

from support import server as servers
from support.wait import until

A = "Tell me everything about the lighthouse at the end of the long pier, its keeper, his dog, and the storm of that winter. "
OTHERS = 6  # more than --parallel 1 keeps


def chat(server, text, **body):
    answer = server.http.post("/v1/chat/completions", json={"model": "ember", "messages": [{"role": "user", "content": text}], "max_tokens": 8,
                                                            "temperature": 0, **body})
    assert answer.status_code == 200, answer.text
    out = answer.json()
    usage = out["usage"]
    return out["choices"][0]["message"]["content"], usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]


def push_out(server):
    for i in range(OTHERS):
        chat(server, f"Number {i}: how many boats are in the harbour number {i} today, and where have the fishermen of harbour {i} gone? " * 2)


@pytest.fixture
def cached(home, serve):
    """Servers of one home, which stays when they end."""
    folder = home / "prefixes"

    def start(*flags):
        return serve("--parallel", 1, "--prefix-cache-dir", folder, *flags, home=home)

    start.folder = folder
    return start


def logs(server):
    """Of its runners."""
    return "".join(p.read_text(errors="replace") for p in (server.home / "hearth" / "logs").iterdir())


def files(folder):
    return sorted(folder.glob("*.prefix"))


def test_what_was_pushed_out_comes_back(serve):
    server = serve("--parallel", 1)
    text, tokens, cached = chat(server, A * 6)
    assert cached == 0
    push_out(server)
    again, _, cached = chat(server, A * 6)
    assert again == text and cached == tokens - 1
    server.until_metric("hearth_engine_prefix_restores_total", 1)  # runners tell ten times a second
    assert server.metric("hearth_engine_prefix_saves_total") >= OTHERS - 1
    assert server.metric("hearth_engine_prefix_hits_total") >= 1
    assert server.metric("hearth_engine_prefix_memory_bytes") > 0
    assert server.metric("hearth_engine_prefix_disk_bytes") == 0


def test_it_is_memory_of_its_model(serve):
    server = serve("--parallel", 1)

    def size():
        return server.http.get("/api/ps").json()["models"][0]["size"]

    chat(server, "hello")
    alone = size()
    push_out(server)
    until(lambda: (kept := server.metric("hearth_engine_prefix_memory_bytes")) > 0 and size() == alone + kept, "the runner has told")


def test_every_dialect_counts_it(serve):
    server = serve("--parallel", 1)
    message = [{"role": "user", "content": A * 6}]
    asks = {
        "openai": ("/v1/chat/completions", {"messages": message, "max_tokens": 4}, lambda u: u["usage"]["prompt_tokens_details"]["cached_tokens"]),
        "anthropic": ("/v1/messages", {"messages": message, "max_tokens": 4}, lambda u: u["usage"]["cache_read_input_tokens"]),
        "ollama": ("/api/chat", {"messages": message, "stream": False, "options": {"num_predict": 4}}, lambda u: u["prompt_cached_count"]),
    }
    for name, (path, body, count) in asks.items():
        for turn in range(2):
            answer = server.http.post(path, json={"model": "ember", **body})
            assert answer.status_code == 200, answer.text
            if turn == 0:
                push_out(server)
        assert count(answer.json()) > 20, (name, answer.text)


def test_without_memory_nothing_is_kept(serve):
    server = serve("--parallel", 1, "--prefix-cache-memory", 0)
    _, tokens, _ = chat(server, A * 6)
    push_out(server)
    _, _, cached = chat(server, A * 6)
    assert cached < tokens / 2
    until(lambda: server.metric("hearth_engine_requests_finished_total") == OTHERS + 2, "the runner has told")
    assert server.metric("hearth_engine_prefix_saves_total") == 0


def test_a_restart_finds_the_files(cached):
    first = cached()
    text, tokens, _ = chat(first, A * 6)
    first.stop()
    assert files(cached.folder)
    second = cached()
    again, _, count = chat(second, A * 6)
    assert again == text and count == tokens - 1
    second.until_metric("hearth_engine_prefix_reads_total", 1)


def test_an_unloaded_model_finds_them_too(cached):
    server = cached("--prefix-cache-memory", "64MiB")
    text, tokens, _ = chat(server, A * 6)
    push_out(server)
    gone = server.runner()
    assert server.http.post("/api/generate", json={"model": "ember", "keep_alive": 0}).status_code == 200
    until(lambda: gone not in server.runners(), "the runner has ended")
    again, _, count = chat(server, A * 6)
    assert again == text and count == tokens - 1


def test_a_killed_server_leaves_what_was_written(cached):
    """Nothing in memory: what is pushed out goes to the disk at once."""
    first = cached("--prefix-cache-memory", 0)
    text, tokens, _ = chat(first, A * 6)
    push_out(first)
    until(lambda: len(files(cached.folder)) >= OTHERS - 1, "files are written")
    first.kill()
    second = cached()
    again, _, count = chat(second, A * 6)
    assert again == text and count == tokens - 1


@pytest.mark.parametrize("damage", ["byte", "cut", "empty"])
def test_damaged_files_are_deleted_and_said(cached, damage):
    first = cached()
    text, _, _ = chat(first, A * 6)
    first.stop()
    (file,) = files(cached.folder)
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes({"byte": content, "cut": content[: len(content) // 2], "empty": b""}[damage])
    second = cached()
    again, _, count = chat(second, A * 6)
    assert again == text and count == 0
    assert file not in files(cached.folder)
    log = logs(second)
    assert re.search(r"a saved prefix is of no use and is deleted: .*" + re.escape(file.name), log), log


def test_the_folder_is_made_for_its_owner_alone(cached):
    before = os.umask(0o002)
    try:
        cached()
    finally:
        os.umask(before)
    assert stat.S_IMODE(cached.folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_written_is_said_once(cached):
    cached.folder.write_text("a file where the folder should be")
    server = cached("--prefix-cache-memory", 0)
    assert "no prefix will be kept on disk: cannot write in" in server.log_text()
    text, _, _ = chat(server, A * 6)
    push_out(server)
    assert chat(server, A * 6)[0] == text
    log = until(lambda: (text := logs(server)) and "prefixes are not kept on disk" in text and text, "the log says it")
    assert log.count("prefixes are not kept on disk") == 1, log


def test_two_runners_share_a_folder(cached):
    one, two = cached(), cached()
    text, tokens, _ = chat(one, A * 6)
    assert chat(two, A * 6)[0] == text
    one.stop()
    two.stop()
    three = cached()
    again, _, count = chat(three, A * 6)
    assert again == text and count == tokens - 1


@pytest.mark.parametrize("value", ["much", "-1", "12XB"])
def test_sizes_are_checked(home, value):
    done = subprocess.run([servers.HEARTH, "serve", "--port", "0", "--prefix-cache-memory", value], env=servers.clean_environment(home),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "--prefix-cache-memory must be a size such as 512MiB" in done.stderr
