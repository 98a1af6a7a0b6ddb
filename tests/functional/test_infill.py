"""Text between a beginning and an end: OpenAI's and Ollama's suffix, llama-server's /infill, by models that have tokens for it and by one that has none."""
import httpx
import ollama
import openai
import pytest

from support import scripted
from support import server as servers
from support.wire import events_of

MIDDLE = "return before + after"
MARKS = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>")
CODE = {"prompt": "def join(before, after):\n    ", "suffix": "\n\nprint(join(1, 2))"}


@pytest.fixture(scope="module")
def server():
    home = servers.make_home()
    folder = home / "hearth" / "models"
    folder.mkdir(parents=True)
    scripted.write(folder / "coder.gguf", MIDDLE, "{{ messages[0].content }}", MARKS, context=512)
    made = servers.Server("--keep-alive", "10m", home=home)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0, timeout=120) as made:
        yield made


def tokens(server, text):
    return server.http.post("/tokenize", json={"model": "coder", "content": text, "parse_special": False}).json()["tokens"]


def mark(server, text):
    (token,) = server.http.post("/tokenize", json={"model": "coder", "content": text}).json()["tokens"]
    return token


def test_openai(server, client):
    answer = client.completions.create(model="coder", temperature=0, max_tokens=100, **CODE)
    assert answer.choices[0].text == MIDDLE and answer.choices[0].finish_reason == "stop"
    whole = [mark(server, MARKS[0]), *tokens(server, CODE["prompt"]), mark(server, MARKS[1]), *tokens(server, CODE["suffix"]), mark(server, MARKS[2])]
    assert answer.usage.prompt_tokens == len(whole)
    by_hand = client.completions.create(model="coder", prompt=whole, temperature=0, max_tokens=100)
    assert by_hand.choices[0].text == MIDDLE


def test_openai_streamed(client):
    chunks = list(client.completions.create(model="coder", temperature=0, max_tokens=100, stream=True, **CODE))
    assert "".join(c.choices[0].text for c in chunks) == MIDDLE


def test_ollama(server):
    client = ollama.Client(host=server.url)
    answer = client.generate("coder", options={"temperature": 0}, **CODE)
    assert answer.response == MIDDLE and answer.done_reason == "stop"
    assert "insert" in client.show("coder").capabilities


INFILL = {"input_prefix": CODE["prompt"], "input_suffix": CODE["suffix"], "temperature": 0, "n_predict": 100}


def test_infill(server):
    answer = server.http.post("/infill", json=INFILL).json()  # the only model that can
    assert (answer["content"], answer["stop"], answer["stop_type"], answer["truncated"]) == (MIDDLE, True, "eos", False)
    assert answer["tokens_predicted"] > 0 and answer["timings"]["predicted_n"] == answer["tokens_predicted"] and answer["model"] == "coder"
    events = events_of(server.http.post("/infill", json={**INFILL, "stream": True}))
    assert "".join(e["content"] for e in events) == MIDDLE
    assert [e["stop"] for e in events] == [False] * (len(events) - 1) + [True]


def test_infill_with_files(server):
    plain = server.http.post("/infill", json=INFILL).json()["tokens_evaluated"]
    answer = server.http.post("/infill", json={**INFILL, "input_extra": [{"filename": "a.py", "text": "x = 1"}]}).json()
    assert answer["content"] == MIDDLE
    files = [*tokens(server, "myproject\n"), *tokens(server, "a.py\n"), *tokens(server, "x = 1"), *tokens(server, "filename\n")]
    assert answer["tokens_evaluated"] == plain + len(files) + 3  # a repository and two files begin with a token each


def test_infill_leaves_out_what_does_not_fit(server):
    answer = server.http.post("/infill", json={**INFILL, "input_extra": [{"text": "y = 2\n" * 400}]}).json()
    assert answer["content"] == MIDDLE and answer["truncated"] is True and answer["tokens_dropped"] > 0
    refused = server.http.post("/v1/completions", json={"model": "coder", "prompt": "y = 2\n" * 400, "suffix": "z"})
    assert refused.status_code == 400 and refused.json()["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize("path, body", [
    ("/v1/completions", {"model": "ember", "prompt": "a", "suffix": "b"}), ("/infill", {"model": "ember", "input_prefix": "a", "input_suffix": "b"}),
    ("/api/generate", {"model": "ember", "prompt": "a", "suffix": "b"}),
])
def test_a_model_without_the_tokens(server, path, body):
    refused = server.http.post(path, json=body)
    error = refused.json()["error"]
    assert refused.status_code == 400 and "does not support insert" in (error if isinstance(error, str) else error["message"])


def test_listings_tell(server):
    tags = {m["name"]: m for m in httpx.get(f"{server.url}/hearth/v1/models").json()["models"]}
    assert "infill" in tags["coder"]["capabilities"] and "infill" not in tags["ember"]["capabilities"]
