"""Completions that repeat their prompt, with the probabilities of its tokens: what harnesses that measure models ask for."""
import pytest

PROMPT = "Run: hearth pull a model, then ask it."


@pytest.fixture
def client(openai_client):
    return openai_client


def complete(client, **more):
    return client.completions.create(**{"model": "ember", "prompt": PROMPT, "temperature": 0, "max_tokens": 0, "extra_body": {"ignore_eos": True}, **more})


def ids_of(client, text, **more):
    return client.post("/../tokenize", body={"model": "ember", "content": text, **more}, cast_to=object)["tokens"]


def test_prompt_alone(client):
    choice = complete(client, echo=True, logprobs=2).choices[0]
    told = choice.logprobs
    assert choice.text == PROMPT and "".join(told.tokens) == PROMPT
    assert told.text_offset == [sum(map(len, told.tokens[:i])) for i in range(len(told.tokens))]
    assert len(told.tokens) == len(told.token_logprobs) == len(told.top_logprobs)
    assert all(p is None or p <= 0 for p in told.token_logprobs) and None not in told.token_logprobs[1:]


def test_probabilities_are_those_of_generating(client):
    """Greedy tokens have the same probability as part of a prompt."""
    prompt, plain = "Run: hearth", {"extra_body": {}}  # the end token keeps its share
    said = complete(client, prompt=prompt, max_tokens=4, logprobs=1, **plain).choices[0]
    ids = [*ids_of(client, prompt, add_special=True), *ids_of(client, said.text)]
    again = complete(client, prompt=ids, echo=True, logprobs=1, **plain).choices[0].logprobs
    count = len(said.logprobs.tokens)
    assert count > 0
    assert again.tokens[-count:] == said.logprobs.tokens
    assert again.token_logprobs[-count:] == pytest.approx(said.logprobs.token_logprobs, abs=5e-2)  # 8-bit activations round otherwise in another batch


def test_token_ids_line_up(client):
    ids = ids_of(client, PROMPT)
    told = complete(client, prompt=ids, echo=True, logprobs=1).choices[0].logprobs
    assert len(told.tokens) == len(ids)
    assert told.token_logprobs[0] is None and told.top_logprobs[0] is None  # nothing stands before it


@pytest.mark.parametrize("stream", [False, True])
def test_the_answer_follows(client, stream):
    plain = complete(client, max_tokens=4, logprobs=1).choices[0]
    answer = complete(client, max_tokens=4, echo=True, logprobs=1, stream=stream)
    choices = [c.choices[0] for c in answer] if stream else [answer.choices[0]]
    assert "".join(c.text for c in choices) == PROMPT + plain.text
    tokens = [t for c in choices if c.logprobs for t in c.logprobs.tokens]
    assert "".join(tokens) == PROMPT + plain.text


def test_again_and_in_batches(client):
    one = complete(client, echo=True, logprobs=1).choices[0].logprobs.token_logprobs
    assert complete(client, echo=True, logprobs=1).choices[0].logprobs.token_logprobs == pytest.approx(one, abs=5e-2)
    both = complete(client, prompt=[PROMPT, "Another one, a little longer than that."], n=2, echo=True, logprobs=1)
    assert [c.text for c in both.choices] == [PROMPT, PROMPT, *["Another one, a little longer than that."] * 2]
    assert both.choices[1].logprobs.token_logprobs == pytest.approx(one, abs=2e-2)


def test_best_of(client):
    assert complete(client, best_of=1, max_tokens=1).choices[0].text
    for fields, code in (({"best_of": 3}, "unsupported"), ({"n": 2, "best_of": 1}, "invalid_value")):
        with pytest.raises(Exception) as refused:
            complete(client, **fields)
        assert refused.value.status_code == 400 and refused.value.param == "best_of" and refused.value.code == code
