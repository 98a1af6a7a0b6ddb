"""The official Python client of OpenAI: chat, streams, models."""
import asyncio
import math

import openai
import pytest

from support.text import ASK, QUESTION


@pytest.fixture
def client(openai_client):
    return openai_client


def greedy(client, **more):
    return client.chat.completions.create(**{"model": "ember", "messages": ASK, "temperature": 0, **more})


def test_chat(client):
    answer = greedy(client)
    choice = answer.choices[0]
    assert answer.object == "chat.completion" and answer.model == "ember" and answer.id.startswith("chatcmpl-")
    assert choice.message.role == "assistant" and choice.message.content and choice.finish_reason == "stop"
    usage = answer.usage
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_ids_differ(client):
    assert greedy(client).id != greedy(client).id


def test_stream_folds_to_the_whole_answer(client):
    whole = greedy(client)
    chunks = list(greedy(client, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert all(c.object == "chat.completion.chunk" and c.id == chunks[0].id for c in chunks)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == whole.choices[0].message.content
    assert [c.choices[0].finish_reason for c in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(c.usage is None for c in chunks)


def test_stream_usage_when_asked(client):
    chunks = list(greedy(client, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and all(c.usage is None for c in chunks[:-1])
    whole = greedy(client).usage
    told = chunks[-1].usage
    assert (told.prompt_tokens, told.completion_tokens) == (whole.prompt_tokens, whole.completion_tokens)


@pytest.mark.parametrize("content", [QUESTION, [{"type": "text", "text": QUESTION}],
                                     [{"type": "text", "text": "What can "}, {"type": "text", "text": "you do?"}]])
def test_content_forms(client, content):
    answer = greedy(client, messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content == greedy(client).choices[0].message.content


def test_roles(client):
    answer = greedy(client, messages=[{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello"},
                                      {"role": "assistant", "content": "Hello."}, {"role": "user", "content": QUESTION}])
    assert answer.choices[0].message.content


def test_several_choices(client):
    answer = greedy(client, n=3, temperature=1.5, seed=5)
    assert [c.index for c in answer.choices] == [0, 1, 2]
    one = greedy(client, max_tokens=1)
    assert answer.usage.prompt_tokens == one.usage.prompt_tokens
    limited = greedy(client, n=3, max_tokens=2)
    assert limited.usage.completion_tokens == 6


def test_several_choices_streamed(client):
    texts, ends = {}, {}
    chunks = greedy(client, n=3, stream=True, stream_options={"include_usage": True})
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
            if choice.finish_reason:
                ends[choice.index] = ends.get(choice.index, []) + [choice.finish_reason]
    whole = greedy(client).choices[0].message.content
    assert texts == {0: whole, 1: whole, 2: whole} and ends == {0: ["stop"], 1: ["stop"], 2: ["stop"]}


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("count", [1, 3])
def test_limits(client, limit, count):
    answer = greedy(client, **{limit: count})
    assert answer.usage.completion_tokens == count and answer.choices[0].finish_reason == "length"


def test_no_tokens_asked(client):
    answer = greedy(client, max_tokens=0)
    assert answer.choices[0].message.content == "" and answer.usage.completion_tokens == 0
    assert answer.choices[0].finish_reason == "length" and answer.usage.prompt_tokens > 0


def test_the_newer_limit_wins(client):
    assert greedy(client, max_tokens=1, max_completion_tokens=2).usage.completion_tokens == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("many", [False, True])
def test_stop_strings(client, stream, many):
    whole = greedy(client).choices[0].message.content
    cut = whole[5:9]
    answer = greedy(client, stop=["never there", cut] if many else cut, stream=stream)
    if stream:
        chunks = list(answer)
        text, reason = "".join(c.choices[0].delta.content or "" for c in chunks), chunks[-1].choices[0].finish_reason
    else:
        text, reason = answer.choices[0].message.content, answer.choices[0].finish_reason
    assert text == whole[: whole.index(cut)] and reason == "stop"


def test_seed_repeats(client):
    def said(seed):
        return greedy(client, temperature=2, seed=seed, max_tokens=24).choices[0].message.content

    assert said(7) == said(7)
    assert len({said(seed) for seed in range(6)}) > 1


def test_logprobs(client):
    answer = greedy(client, logprobs=True, top_logprobs=3)
    content = answer.choices[0].logprobs.content
    assert b"".join(bytes(t.bytes) for t in content).decode() == answer.choices[0].message.content
    for token in content:
        assert token.logprob <= 0 and len(token.top_logprobs) == 3
        best = token.top_logprobs[0]
        assert best.token == token.token and math.isclose(best.logprob, token.logprob, abs_tol=1e-5)  # greedy takes the first
        assert [t.logprob for t in token.top_logprobs] == sorted((t.logprob for t in token.top_logprobs), reverse=True)
        assert sum(math.exp(t.logprob) for t in token.top_logprobs) <= 1.0001


def test_logprobs_streamed(client):
    whole = greedy(client, logprobs=True).choices[0].logprobs.content
    streamed = [t for c in greedy(client, logprobs=True, stream=True) if c.choices[0].logprobs for t in c.choices[0].logprobs.content]
    assert [t.token for t in streamed] == [t.token for t in whole]


def test_logit_bias_forbids_a_token(client):
    first = greedy(client, max_tokens=1, logprobs=True).choices[0].message.content
    tokens = client.post("/../tokenize", body={"model": "ember", "content": first}, cast_to=object)["tokens"]
    assert len(tokens) == 1
    assert greedy(client, max_tokens=1, logit_bias={str(tokens[0]): -100}).choices[0].message.content != first


def test_cached_tokens_are_told(client):
    messages = [{"role": "user", "content": "How do I import a model of my own, and how do I see which models I have?"}]
    greedy(client, messages=messages)
    assert greedy(client, messages=messages).usage.prompt_tokens_details.cached_tokens > 0


def test_models(client, server):
    listed = client.models.list().data
    assert any(m.id == "ember" and m.object == "model" and m.owned_by for m in listed)
    one = client.models.retrieve("ember")
    assert one.id == "ember" and one.created > 0


async def _gather(url):
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as client:
        async def one():
            stream = await client.chat.completions.create(model="ember", messages=ASK, temperature=0, stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream])

        return await asyncio.gather(*(one() for _ in range(8)))


def test_async_client(server, client):
    assert set(asyncio.run(_gather(server.url))) == {greedy(client).choices[0].message.content}
