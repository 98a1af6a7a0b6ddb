"""Greedy text is llama.cpp's own, alone and among others. Where it departs, teacher forcing must show a near tie there."""
import functools
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import llama
from support import server as servers
from support.wire import Stream, text_in

TOKENS = 64
LONG = 300
GAP = 0.01  # between the two likeliest tokens, in logits: rounding decides
STREAMS = 32
PROMPTS = [
    "Once upon a time", "Lily and Tom went to the park", "The little dog was", "One day, a big bear", "Mom said,", "\"Can I play?\" asked Sam.",
    "There was a red ball", "He wanted to", "It was a sunny day and", "The cat sat on", "In the garden,", "Tim had a toy car.", "She was very sad because",
    "A bird sang in the tree.", "They saw a fish", "The end",
]


@pytest.fixture(scope="module")
def reference(stories_path, tmp_path_factory):
    path = llama.program()
    if path is None:
        pytest.skip("llama-server is not built: scripts/llama llama-server")
    server = llama.LlamaServer(path, stories_path, tmp_path_factory.mktemp("llama"))
    try:
        yield functools.cache(lambda prompt, count: (server.tokens(prompt), *server.greedy(prompt, count)))
    finally:
        server.stop()


@pytest.fixture(scope="module")
def served(stories_path):
    server = servers.Server("--parallel", STREAMS)
    server.import_model(stories_path, "stories")
    yield server
    server.stop()


def post(server, path, **body):
    answer = server.http.post(path, json={"model": "stories", **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def complete(server, prompt):
    return post(server, "/v1/completions", prompt=prompt, max_tokens=TOKENS, temperature=0)["choices"][0]["text"]


def streamed(server, prompt, count):
    with Stream(server, "completions", model="stories", prompt=prompt, limit=count) as stream:
        return "".join(text_in("completions", e) for e in stream if e != "[DONE]")


def gap_at(server, tokens):
    """How far apart the two likeliest tokens are after `tokens`."""
    forced = post(server, "/v1/completions", prompt=tokens, max_tokens=1, temperature=0, logprobs=2)
    first, second = sorted(forced["choices"][0]["logprobs"]["top_logprobs"][0].values(), reverse=True)[:2]
    return first - second


def departure(server, prompt, text, expected):
    """None where `text` is the reference's; else the number of tokens that agree, once the tie there is proved."""
    prompt_tokens, tokens, reference_text = expected
    if text == reference_text:
        return None
    start = len(post(server, "/detokenize", tokens=prompt_tokens)["content"])
    agreed = 0
    for place in range(1, len(tokens) + 1):
        if not text.startswith(post(server, "/detokenize", tokens=[*prompt_tokens, *tokens[:place]])["content"][start:]):
            break
        agreed = place
    gap = gap_at(server, [*prompt_tokens, *tokens[:agreed]])
    assert gap < GAP, f"{prompt!r}: departs after {agreed} tokens where the gap is {gap}\n  here:  {text!r}\n  there: {reference_text!r}"
    return agreed


def test_prompts_have_the_same_tokens(served, reference):
    for prompt in PROMPTS:
        assert post(served, "/tokenize", content=prompt, add_special=True)["tokens"] == reference(prompt, TOKENS)[0]


def judge(what, server, answers, reference, capsys, count=TOKENS):
    found = [departure(server, prompt, text, reference(prompt, count)) for prompt, text in answers]
    ties = [f for f in found if f is not None]
    with capsys.disabled():
        print(f"\n{what}: {len(answers)} greedy answers, {len(answers) - len(ties)} as llama.cpp's, {len(ties)} depart at a near tie {ties}")


def test_alone(served, reference, capsys):
    judge("alone", served, [(p, complete(served, p)) for p in PROMPTS], reference, capsys)


def test_among_concurrent_streams(served, reference, capsys):
    with ThreadPoolExecutor(STREAMS) as pool:
        answers = list(pool.map(lambda p: (p, streamed(served, p, TOKENS)), PROMPTS * (STREAMS // len(PROMPTS))))
    judge(f"{STREAMS} at once", served, answers, reference, capsys)


def test_long_answers_among_concurrent_streams(served, reference, capsys):
    """Long enough that near ties do occur."""
    with ThreadPoolExecutor(STREAMS) as pool:
        answers = list(pool.map(lambda p: (p, streamed(served, p, LONG)), PROMPTS[:4]))
    judge(f"4 at once, {LONG} tokens", served, answers, reference, capsys, LONG)


def test_a_real_departure_is_found(served, reference):
    """The judge itself: another word where no tie is."""
    tokens, expected, text = reference(PROMPTS[0], TOKENS)
    with pytest.raises(AssertionError, match="departs after"):
        departure(served, PROMPTS[0], text[:40].replace("girl", "boat") + text[40:], (tokens, expected, text))
