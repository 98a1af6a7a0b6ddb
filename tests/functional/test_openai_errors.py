"""Every error class as the official client of OpenAI sees it."""
import openai
import pytest

from support.text import ASK, PNG, TOO_LONG, TOOL, UNKNOWN

CHAT = {"model": "ember", "messages": ASK}


@pytest.fixture
def client(openai_client):
    return openai_client


def user(content):
    return {"messages": [{"role": "user", "content": content}]}


def refused(kind, call, **body):
    with pytest.raises(kind) as caught:
        answer = call(**body)
        if body.get("stream"):
            list(answer)
    return caught.value


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", ["chat", "completions", "embeddings"])
def test_unknown_model(client, route, stream):
    if route == "chat":
        error = refused(openai.NotFoundError, client.chat.completions.create, model=UNKNOWN, messages=ASK, stream=stream)
    elif route == "completions":
        error = refused(openai.NotFoundError, client.completions.create, model=UNKNOWN, prompt="x", stream=stream)
    else:
        error = refused(openai.NotFoundError, client.embeddings.create, model=UNKNOWN, input="x")
    assert error.code == "model_not_found" and error.param == "model" and UNKNOWN in error.message
    assert "hearth pull" in error.message or "hearth import" in error.message  # a remedy
    assert error.request_id


def test_unknown_model_retrieved(client):
    assert refused(openai.NotFoundError, client.models.retrieve, model=UNKNOWN).code == "model_not_found"


# What is wrong with a chat request, and the path that the error names.
WRONG = [
    ("model is no string", {"model": 7}, "model"),
    ("messages missing", {"messages": None}, "messages"),
    ("no messages", {"messages": []}, "messages"),
    ("messages no array", {"messages": "hi"}, "messages"),
    ("content is a number", {"messages": [*ASK, {"role": "user", "content": 7}]}, "messages[1].content"),
    ("a part is no object", user([3]), "messages[0].content[0]"),
    ("part of unknown type", user([{"type": "video"}]), "messages[0].content[0].type"),
    ("unknown role", {"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
    ("temperature as text", {"temperature": "hot"}, "temperature"),
    ("temperature too high", {"temperature": 2.5}, "temperature"),
    ("top_p too high", {"top_p": 1.5}, "top_p"),
    ("n is zero", {"n": 0}, "n"),
    ("n too large", {"n": 1000}, "n"),
    ("max_tokens negative", {"max_tokens": -1}, "max_tokens"),
    ("max_tokens a fraction", {"max_tokens": 1.5}, "max_tokens"),
    ("stop is a number", {"stop": 3}, "stop"),
    ("stop of numbers", {"stop": [3]}, "stop[0]"),
    ("stream as text", {"stream": "yes"}, "stream"),
    ("top_logprobs alone", {"top_logprobs": 2}, "top_logprobs"),
    ("logit_bias key", {"logit_bias": {"x": 1}}, "logit_bias.x"),
    ("logit_bias token not in the vocabulary", {"logit_bias": {"99999": 1}}, "logit_bias"),
    ("tool_choice without tools", {"tool_choice": "required"}, "tool_choice"),
    ("response_format of unknown type", {"response_format": {"type": "xml"}}, "response_format.type"),
    ("seed is a text", {"seed": "lucky"}, "seed"),
    ("keep_alive is no duration", {"keep_alive": "soon"}, "keep_alive"),
]


@pytest.mark.parametrize("what, fields, path", WRONG, ids=[w[0] for w in WRONG])
def test_wrong_value_names_its_path(client, what, fields, path):
    body = {k: v for k, v in {**CHAT, **fields}.items() if v is not None}
    error = refused(openai.BadRequestError, client.post, path="/chat/completions", cast_to=object, body=body)
    assert error.type == "invalid_request_error" and error.param == path


UNSUPPORTED = [
    ("tools", {"tools": [{"type": "function", "function": TOOL}]}),
    ("functions", {"functions": [TOOL]}),
    ("image", user([{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}])),
    ("audio", user([{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}])),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("what, fields", UNSUPPORTED, ids=[u[0] for u in UNSUPPORTED])
def test_what_no_model_here_can_do_is_refused(client, what, fields, stream):
    error = refused(openai.BadRequestError, client.chat.completions.create, **{**CHAT, **fields, "stream": stream})
    assert error.code == "unsupported" and error.message


@pytest.mark.parametrize("stream", [False, True])
def test_context_overflow_has_both_numbers(client, server, stream):
    error = refused(openai.BadRequestError, client.chat.completions.create, **{**CHAT, **user(TOO_LONG), "stream": stream})
    prompt = server.http.post("/apply-template", json={"model": "ember", **user(TOO_LONG)}).json()["prompt"]
    tokens = server.http.post("/tokenize", json={"model": "ember", "content": prompt, "parse_special": True}).json()["tokens"]
    assert error.code == "context_length_exceeded"
    assert str(len(tokens)) in error.message and "1024" in error.message


def test_context_overflow_of_text_and_embeddings(client):
    for call, body in ((client.completions.create, {"prompt": TOO_LONG}), (client.completions.create, {"prompt": [5] * 1100}),
                       (client.embeddings.create, {"input": TOO_LONG})):
        error = refused(openai.BadRequestError, call, model="ember", **body)
        assert error.code == "context_length_exceeded" and "1024" in error.message


def test_token_not_in_the_vocabulary(client):
    error = refused(openai.BadRequestError, client.completions.create, model="ember", prompt=[1, 2, 999999])
    assert error.param == "prompt" and "999999" in error.message


def test_empty_prompt(client):
    for prompt in ("", []):
        refused(openai.BadRequestError, client.completions.create, model="ember", prompt=prompt)


def test_dimensions_out_of_range(client):
    for dimensions in (0, 100000):
        error = refused(openai.BadRequestError, client.embeddings.create, model="ember", input="x", dimensions=dimensions)
        assert error.param == "dimensions"


def test_fields_not_honoured_are_named(client):
    answer = client.chat.completions.with_raw_response.create(**CHAT, user="me", max_tokens=1, metadata={"a": "b"},
                                                              extra_body={"no_such_field": 1})
    named = set(answer.headers["hearth-ignored-parameters"].split(", "))
    assert named == {"user", "metadata", "no_such_field"}


def test_strict_refuses_them(client):
    error = refused(openai.BadRequestError, client.chat.completions.create, **CHAT, user="me", extra_headers={"hearth-strict": "1"})
    assert "user" in error.message
    client.chat.completions.create(**CHAT, max_tokens=1, extra_headers={"hearth-strict": "1"})


def test_unknown_routes(client):
    error = refused(openai.NotFoundError, client.images.generate, model="ember", prompt="a fox")
    assert error.code == "not_found"


def test_connection_refused_is_a_connection_error():
    with openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="unused", max_retries=0) as client:
        refused(openai.APIConnectionError, client.models.list)


def test_authentication(serve):
    server = serve(env={"HEARTH_API_KEY": "secret-key"})
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0) as client:
        assert refused(openai.AuthenticationError, client.models.list).code == "invalid_api_key"
        assert refused(openai.AuthenticationError, client.chat.completions.create, **CHAT).code == "invalid_api_key"
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="secret-key", max_retries=0) as client:
        assert client.models.list().data
        assert client.chat.completions.create(**CHAT, max_tokens=1).choices
    assert "secret-key" not in server.log_text() and "wrong" not in server.log_text()
