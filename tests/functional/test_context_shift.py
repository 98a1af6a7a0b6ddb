"""Answers that fill their context: ended by default, shifted where the request or the server asks."""
import ollama
import pytest

PROMPT = "Once upon a time there was a small kettle."
CONTEXT = 128


def complete(server, **more):
    body = {"model": "stories", "prompt": PROMPT, "temperature": 0, "max_tokens": 300, "ignore_eos": True, **more}
    answer = server.http.post("/v1/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("flags, fields, shifted", [
    ((), {}, False), ((), {"context_shift": True, "n_keep": 8}, True), (("--context-shift",), {}, True), (("--context-shift",), {"context_shift": False}, False),
])
def test_openai(serve, stories_path, flags, fields, shifted):
    server = serve("--ctx", CONTEXT, *flags)
    server.import_model(stories_path, "stories")
    answer = complete(server, **fields)
    usage = answer["usage"]
    assert answer["choices"][0]["finish_reason"] == "length"
    if shifted:
        assert usage["completion_tokens"] == 300
    else:
        assert usage["prompt_tokens"] + usage["completion_tokens"] == CONTEXT
    begins = complete(server, max_tokens=20)["choices"][0]["text"]
    assert answer["choices"][0]["text"].startswith(begins)


def test_ollama(serve, stories_path):
    server = serve("--ctx", CONTEXT)
    server.import_model(stories_path, "stories")
    client = ollama.Client(host=server.url)

    def count(**more):
        body = {"model": "stories", "prompt": PROMPT, "raw": True, "stream": False, "options": {"num_predict": 300, "num_keep": 4, "ignore_eos": True}, **more}
        return client._client.post("/api/generate", json=body).json()

    assert count()["eval_count"] < CONTEXT
    assert count(shift=True)["eval_count"] == 300 or count(shift=True)["done_reason"] == "stop"
