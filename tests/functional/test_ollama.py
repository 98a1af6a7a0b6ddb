"""The official Python client of Ollama."""
import asyncio
import re

import ollama
import pytest

from support.text import ASK, PNG, QUESTION, TOO_LONG, TOOL, UNKNOWN
from support.wait import until

GREEDY = {"temperature": 0}
METRICS = ("total_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration")


@pytest.fixture
def client(ollama_client):
    return ollama_client


def chat(client, **more):
    return client.chat(**{"model": "ember", "messages": ASK, "options": GREEDY, **more})


def generate(client, **more):
    return client.generate(**{"model": "ember", "prompt": QUESTION, "options": GREEDY, **more})


def options(**more):
    return {"options": {**GREEDY, **more}}


def refused(status, call, *args, **more):
    with pytest.raises(ollama.ResponseError) as caught:
        answer = call(*args, **more)
        if more.get("stream"):
            list(answer)
    assert caught.value.status_code == status, caught.value
    assert caught.value.error
    return caught.value.error


def test_chat(client):
    answer = chat(client)
    assert answer.model == "ember" and answer.message.role == "assistant" and answer.message.content
    assert answer.done and answer.done_reason == "stop"
    assert all(answer[m] > 0 for m in METRICS), answer
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", answer.created_at)


def test_chat_streamed(client):
    whole = chat(client)
    parts = list(chat(client, stream=True))
    assert "".join(p.message.content for p in parts) == whole.message.content
    assert [p.done for p in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].done_reason == "stop" and all(parts[-1][m] > 0 for m in METRICS)
    assert parts[-1].eval_count == whole.eval_count


def test_generate(client):
    whole = generate(client)
    parts = list(generate(client, stream=True))
    assert whole.response == "".join(p.response for p in parts) == chat(client).message.content
    assert whole.done and parts[-1].done and whole.eval_count == parts[-1].eval_count


def test_generate_raw_is_a_completion(client, openai_client):
    prompt = "<|im_start|>user\nWhat can you do?<|im_end|>\n<|im_start|>assistant\n"
    assert generate(client, prompt=prompt, raw=True).response == chat(client).message.content


def test_system(client):
    assert generate(client, system="Be brief.").prompt_eval_count > generate(client).prompt_eval_count


@pytest.mark.parametrize("name", ["num_predict", "max_tokens"])
def test_limits(client, server, name):
    body = {"model": "ember", "prompt": QUESTION, "stream": False, "options": {**GREEDY, name: 2}}
    answer = server.http.post("/api/generate", json=body).json()
    assert answer["eval_count"] == 2 and answer["done_reason"] == "length"


def test_negative_limit_is_none(client):
    assert generate(client, **options(num_predict=-1)).done_reason == "stop"


def test_stop(client):
    whole = generate(client).response
    answer = generate(client, **options(stop=[whole[5:9]]))
    assert answer.response == whole[: whole.index(whole[5:9])] and answer.done_reason == "stop"


def test_seed_repeats(client):
    def said(seed):
        return generate(client, options={"temperature": 50, "top_p": 1, "min_p": 0, "seed": seed, "num_predict": 24}).response

    # At this temperature the last bit counts, and a prompt from the cache may differ in it: the first answer puts it there.
    assert len({said(seed) for seed in range(6)}) > 1
    assert said(7) == said(7)


def test_logprobs(client):
    answer = chat(client, logprobs=True, top_logprobs=2)
    assert "".join(t.token for t in answer.logprobs) == answer.message.content
    assert all(t.logprob <= 0 and len(t.top_logprobs) == 2 for t in answer.logprobs)


def test_smaller_num_ctx_limits_the_request(client, server):
    loads = server.metric("hearth_model_loads_total")
    error = refused(400, chat, client, messages=[{"role": "user", "content": "What is a model? " * 20}], **options(num_ctx=32))
    assert "32" in error and server.metric("hearth_model_loads_total") == loads


def test_embed(client):
    answer = client.embed("ember", ["What is a model?", "Goodbye."])
    assert len(answer.embeddings) == 2 and answer.prompt_eval_count > 0
    one = client.embed("ember", "Goodbye.")
    assert list(one.embeddings[0]) == pytest.approx(list(answer.embeddings[1]), abs=1e-5)
    legacy = client.embeddings("ember", "Goodbye.")
    assert len(legacy.embedding) == len(one.embeddings[0])
    assert len(client.embed("ember", "Goodbye.", dimensions=8).embeddings[0]) == 8
    assert client.embed("ember", []).embeddings == []


def test_embed_truncates_unless_told_not_to(client):
    assert client.embed("ember", TOO_LONG).embeddings
    assert "1024" in refused(400, client.embed, "ember", TOO_LONG, truncate=False)


def test_list_show_ps(client):
    generate(client)
    listed = next(m for m in client.list().models if m.model == "ember:latest")
    assert listed.size > 0 and re.fullmatch(r"[0-9a-f]{64}", listed.digest) and listed.details.format == "gguf"
    shown = client.show("ember")
    assert shown.details.family == "llama" and shown.details.quantization_level == "Q8_0"
    assert "im_start" in shown.template and "completion" in shown.capabilities and "embedding" in shown.capabilities
    assert shown.modelinfo["general.architecture"] == "llama" and shown.modelinfo["llama.context_length"] == 1024
    loaded = next(m for m in client.ps().models if m.model == "ember:latest")
    assert loaded.size > 0 and loaded.expires_at and loaded.context_length == 1024


def test_names_with_tag_and_case(client):
    for name in ("ember:latest", "EMBER"):
        assert generate(client, model=name, **options(num_predict=1)).done


def test_copy_and_delete(client):
    client.copy("ember", "spark")
    assert client.show("spark").details.family == "llama"
    assert generate(client, model="spark", **options(num_predict=1)).model == "spark"
    client.delete("spark")
    assert "spark" in refused(404, client.show, "spark")
    assert "nothing" in refused(404, client.copy, "nothing", "x")
    assert "nothing" in refused(404, client.delete, "nothing")


def test_load_and_unload_only(client):
    loaded = client.generate(model="ember", prompt="")
    assert loaded.done and loaded.done_reason == "load" and loaded.response == ""
    assert "ember:latest" in [m.model for m in client.ps().models]
    gone = client.generate(model="ember", prompt="", keep_alive=0)
    assert gone.done_reason == "unload" and "ember:latest" not in [m.model for m in client.ps().models]
    assert client.chat(model="ember", messages=[]).done_reason == "load"
    assert client.chat(model="ember", messages=[], keep_alive=0).done_reason == "unload"
    assert "nothing" in refused(404, client.generate, model="nothing", prompt="")


def test_keep_alive_zero_unloads_after_the_answer(client, server):
    assert generate(client, keep_alive=0).response
    until(lambda: "ember" not in server.loaded(), "ember unloaded")


@pytest.mark.parametrize("stream", [False, True])
def test_unknown_model(client, stream):
    for call in (lambda: chat(client, model=UNKNOWN, stream=stream), lambda: generate(client, model=UNKNOWN, stream=stream)):
        with pytest.raises(ollama.ResponseError) as caught:
            answer = call()
            if stream:
                list(answer)
        assert caught.value.status_code == 404 and f"'{UNKNOWN}' not found" in caught.value.error
    assert UNKNOWN in refused(404, client.embed, UNKNOWN, "x")
    assert UNKNOWN in refused(404, client.show, UNKNOWN)


WRONG = [
    ("temperature", {"options": {"temperature": "hot"}}, "options.temperature"),
    ("stop", {"options": {"stop": [1]}}, "options.stop[0]"),
    ("num_predict", {"options": {"num_predict": 1.5}}, "options.num_predict"),
    ("options", {"options": []}, "options"),
    ("messages", {"messages": "hi"}, "messages"),
    ("content", {"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    ("role", {"messages": [{"role": "wizard", "content": ""}]}, "messages[0].role"),
    ("format", {"format": "xml"}, "format"),
    ("think", {"think": "enormously"}, "think"),
    ("a model that cannot think", {"think": True}, "does not support thinking"),
    ("keep_alive", {"keep_alive": "soon"}, "keep_alive"),
    ("stream", {"stream": 1}, "stream"),
    ("image not base64", {"messages": [{"role": "user", "content": "x", "images": ["*"]}]}, "messages[0].images[0]"),
]


@pytest.mark.parametrize("what, fields, path", WRONG, ids=[w[0] for w in WRONG])
def test_wrong_value_names_its_path(server, what, fields, path):
    answer = server.http.post("/api/chat", json={"model": "ember", "messages": ASK, **fields})
    assert answer.status_code == 400 and path in answer.json()["error"], answer.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fields", [
    {"tools": [{"type": "function", "function": TOOL}]},
    {"messages": [{"role": "user", "content": "What?", "images": [PNG]}]},
], ids=["tools", "image"])
def test_what_no_model_here_can_do_is_refused(client, fields, stream):
    refused(400, chat, client, stream=stream, **fields)


def test_context_overflow(server):
    body = {"model": "ember", "messages": [{"role": "user", "content": TOO_LONG}], "stream": False}
    answer = server.http.post("/api/chat", json={**body, "truncate": False})
    assert answer.status_code == 400
    prompt = server.http.post("/apply-template", json={"model": "ember", "messages": body["messages"]}).json()["prompt"]
    tokens = server.http.post("/tokenize", json={"model": "ember", "content": prompt, "parse_special": True}).json()["tokens"]
    assert str(len(tokens)) in answer.json()["error"] and "1024" in answer.json()["error"]


def test_truncation_when_asked_says_how_much(server):
    old = [{"role": "user", "content": "What is a model? " * 60}, {"role": "assistant", "content": "A file."}]
    body = {"model": "ember", "messages": [*old * 5, *ASK], "stream": False, "options": GREEDY}
    assert server.http.post("/api/chat", json={**body, "truncate": False}).status_code == 400
    answer = server.http.post("/api/chat", json={**body, "truncate": True})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["message"]["content"] and told["prompt_dropped_count"] > 0, told


def test_async_client(server, client):
    async def gather():
        asynchronous = ollama.AsyncClient(host=server.url, trust_env=False)

        async def one():
            stream = await asynchronous.chat("ember", ASK, stream=True, options=GREEDY)
            return "".join([p.message.content async for p in stream])

        return await asyncio.gather(*(one() for _ in range(8)))

    assert set(asyncio.run(gather())) == {chat(client).message.content}
