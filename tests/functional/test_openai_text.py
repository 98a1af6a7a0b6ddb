"""The official Python client of OpenAI: completions, embeddings; and llama-server's text tools."""
import base64
import struct

import pytest


@pytest.fixture
def client(openai_client):
    return openai_client


def complete(client, **more):
    return client.completions.create(**{"model": "ember", "prompt": "Run: hearth", "max_tokens": 6, "temperature": 0, **more})


def tokenize(server, text, **more):
    answer = server.http.post("/tokenize", json={"model": "ember", "content": text, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["tokens"]


def test_completion(client):
    answer = complete(client)
    assert answer.object == "text_completion" and answer.id.startswith("cmpl-") and answer.choices[0].text
    assert answer.usage.completion_tokens <= 6


def test_default_limit_is_16(client):
    answer = client.completions.create(model="ember", prompt="Run: hearth", temperature=0, extra_body={"ignore_eos": True})
    assert answer.usage.completion_tokens == 16 and answer.choices[0].finish_reason == "length"


def test_stream_folds_to_the_whole_answer(client):
    chunks = list(complete(client, stream=True, stream_options={"include_usage": True}))
    whole = complete(client)
    assert "".join(c.choices[0].text for c in chunks if c.choices) == whole.choices[0].text
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == [whole.choices[0].finish_reason]


def test_token_array_is_the_same_prompt(client, server):
    tokens = tokenize(server, "Run: hearth", add_special=True)
    for prompt in (tokens, [tokens]):
        answer = complete(client, prompt=prompt)
        assert answer.choices[0].text == complete(client).choices[0].text
        assert answer.usage.prompt_tokens == len(tokens)


def test_several_prompts_and_choices(client, server):
    prompts = ["Run: hearth", "Goodbye", "The server"]
    answer = complete(client, prompt=prompts, n=2, max_tokens=3, extra_body={"ignore_eos": True})
    assert [c.index for c in answer.choices] == list(range(6))
    alone = [complete(client, prompt=p, max_tokens=3, extra_body={"ignore_eos": True}) for p in prompts]
    assert [c.text for c in answer.choices] == [a.choices[0].text for a in alone for _ in range(2)]
    assert answer.usage.prompt_tokens == sum(a.usage.prompt_tokens for a in alone) and answer.usage.completion_tokens == 18


def test_several_token_prompts(client, server):
    texts = ["Run: hearth", "Goodbye"]
    by_tokens = complete(client, prompt=[tokenize(server, t, add_special=True) for t in texts])
    assert [c.text for c in by_tokens.choices] == [c.text for c in complete(client, prompt=texts).choices]


def test_echo(client):
    answer = complete(client, echo=True)
    assert answer.choices[0].text == "Run: hearth" + complete(client).choices[0].text


@pytest.mark.parametrize("count", [0, 1])
def test_small_limits(client, count):
    answer = complete(client, max_tokens=count)
    assert answer.usage.completion_tokens == count and answer.choices[0].finish_reason == "length"
    assert bool(answer.choices[0].text) == bool(count)


def test_logprobs(client):
    answer = complete(client, logprobs=2, echo=False)
    told = answer.choices[0].logprobs
    assert "".join(told.tokens) == answer.choices[0].text
    assert told.text_offset == [len("".join(told.tokens[:i])) for i in range(len(told.tokens))]
    for token, logprob, top in zip(told.tokens, told.token_logprobs, told.top_logprobs, strict=True):
        assert top[token] == pytest.approx(logprob, abs=1e-5) and logprob == max(top.values())


def test_stop(client):
    whole = complete(client, max_tokens=12).choices[0].text
    cut = whole.strip()[3:6]
    answer = complete(client, max_tokens=12, stop=[cut])
    assert answer.choices[0].text == whole[: whole.index(cut)] and answer.choices[0].finish_reason == "stop"


def test_embedding_float_and_base64_are_the_same_bits(client, server):
    texts = ["What is a model?", "Goodbye.", ""][:2]
    plain = client.embeddings.create(model="ember", input=texts, encoding_format="float")
    raw = server.http.post("/v1/embeddings", json={"model": "ember", "input": texts, "encoding_format": "base64"}).json()
    for mine, theirs in zip(plain.data, raw["data"], strict=True):
        packed = struct.pack(f"<{len(mine.embedding)}f", *mine.embedding)
        assert packed == base64.b64decode(theirs["embedding"])
    by_default = client.embeddings.create(model="ember", input=texts)  # the client asks for base64
    assert [e.embedding for e in by_default.data] == [list(struct.unpack(f"<{len(e.embedding)}f", struct.pack(f"<{len(e.embedding)}f", *e.embedding))) for e in plain.data]


def test_embeddings(client, server):
    answer = client.embeddings.create(model="ember", input=["What is a model?", "Goodbye.", "What is a model?"])
    assert [e.index for e in answer.data] == [0, 1, 2]
    first, second, third = (e.embedding for e in answer.data)
    assert first == third and first != second and len(first) == len(second)
    assert sum(x * x for x in first) == pytest.approx(1, abs=1e-4)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0


def test_embedding_of_tokens(client, server):
    tokens = tokenize(server, "What is a model?", add_special=True)
    by_tokens = client.embeddings.create(model="ember", input=[tokens]).data[0].embedding
    by_text = client.embeddings.create(model="ember", input="What is a model?").data[0].embedding
    assert by_tokens == pytest.approx(by_text, abs=1e-6)


def test_dimensions(client):
    whole = client.embeddings.create(model="ember", input="What is a model?").data[0].embedding
    short = client.embeddings.create(model="ember", input="What is a model?", dimensions=16).data[0].embedding
    assert len(short) == 16 and sum(x * x for x in short) == pytest.approx(1, abs=1e-4)
    assert [x / short[0] for x in short] == pytest.approx([x / whole[0] for x in whole[:16]], rel=1e-3)


@pytest.mark.parametrize("text", ["Run: hearth import PATH", "  two  blanks\n\nand lines\t", "äöü €, 你好 🦊", "127.0.0.1:11434 /v1/chat"])
def test_tokenize_and_back(server, text):
    tokens = tokenize(server, text)
    answer = server.http.post("/detokenize", json={"model": "ember", "tokens": tokens})
    assert answer.json() == {"content": text}
    pieces = tokenize(server, text, with_pieces=True)
    assert [p["id"] for p in pieces] == tokens


def test_apply_template(server):
    body = {"model": "ember", "messages": [{"role": "system", "content": "Short."}, {"role": "user", "content": "Hello"}]}
    answer = server.http.post("/apply-template", json=body).json()
    assert answer["prompt"] == "<|im_start|>system\nShort.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"


def test_the_rendered_prompt_is_the_chat(client, server):
    messages = [{"role": "user", "content": "What can you do?"}]
    prompt = server.http.post("/apply-template", json={"model": "ember", "messages": messages}).json()["prompt"]
    chat = client.chat.completions.create(model="ember", messages=messages, temperature=0)
    text = client.completions.create(model="ember", prompt=prompt, temperature=0, max_tokens=100)
    assert text.choices[0].text == chat.choices[0].message.content and text.usage.prompt_tokens == chat.usage.prompt_tokens
