"""The official Python client of Anthropic."""
import asyncio

import anthropic
import pytest

from support.text import ASK, PNG, TOO_LONG, TOOL, UNKNOWN

BODY = {"model": "ember", "messages": ASK, "max_tokens": 64, "extra_body": {"temperature": 0}}  # the client has no name for it
PLAIN = {k: v for k, v in BODY.items() if k != "extra_body"}


@pytest.fixture
def client(anthropic_client):
    return anthropic_client


def ask(client, **more):
    return client.messages.create(**{**BODY, **more})


def text_of(message):
    return "".join(b.text for b in message.content)


def prompt_tokens(usage):
    return usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens


def refused(kind, call, **body):
    with pytest.raises(kind) as caught:
        answer = call(**body)
        if body.get("stream"):
            list(answer)
    error = caught.value
    assert error.body["type"] == "error" and error.body["request_id"] == error.request_id
    return error.body["error"]


def test_message(client):
    message = ask(client)
    assert message.type == "message" and message.role == "assistant" and message.id.startswith("msg_") and message.model == "ember"
    assert [b.type for b in message.content] == ["text"] and text_of(message)
    assert message.stop_reason == "end_turn" and message.stop_sequence is None
    assert prompt_tokens(message.usage) > 0 and message.usage.output_tokens > 0


def test_stream_events(client):
    whole = ask(client)
    events = list(ask(client, stream=True))
    kinds = [e.type for e in events if e.type != "ping"]
    deltas = [e for e in events if e.type == "content_block_delta"]
    assert kinds == ["message_start", "content_block_start", *["content_block_delta"] * len(deltas), "content_block_stop",
                     "message_delta", "message_stop"]
    assert "".join(d.delta.text for d in deltas) == text_of(whole)
    start = events[0].message
    assert start.content == [] and start.stop_reason is None and start.model == "ember"
    assert prompt_tokens(start.usage) == prompt_tokens(whole.usage)
    end = next(e for e in events if e.type == "message_delta")
    assert end.delta.stop_reason == "end_turn" and end.usage.output_tokens == whole.usage.output_tokens


def test_stream_helper(client):
    with client.messages.stream(**BODY) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == text_of(final) == text_of(ask(client))


@pytest.mark.parametrize("system", ["Be brief.", [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]])
def test_system(client, system):
    assert prompt_tokens(ask(client, system=system).usage) > prompt_tokens(ask(client).usage)


def test_count_tokens_is_what_message_start_says(client):
    messages = [*ASK, {"role": "assistant", "content": "Many things."}, {"role": "user", "content": [{"type": "text", "text": "Which?"}]}]
    counted = client.messages.count_tokens(model="ember", messages=messages, system="Be brief.").input_tokens
    start = next(iter(ask(client, messages=messages, system="Be brief.", stream=True)))
    assert counted == prompt_tokens(start.message.usage)


def test_limit(client):
    message = ask(client, max_tokens=2)
    assert message.stop_reason == "max_tokens" and message.usage.output_tokens == 2


@pytest.mark.parametrize("stream", [False, True])
def test_stop_sequence_is_told(client, stream):
    whole = text_of(ask(client))
    cut = whole[5:9]
    if stream:
        with client.messages.stream(**BODY, stop_sequences=["never", cut]) as events:
            message = events.get_final_message()
    else:
        message = ask(client, stop_sequences=["never", cut])
    assert text_of(message) == whole[: whole.index(cut)]
    assert message.stop_reason == "stop_sequence" and message.stop_sequence == cut


def test_prefill_goes_on(client):
    whole = text_of(ask(client))
    message = ask(client, messages=[*ASK, {"role": "assistant", "content": whole[:10]}])
    assert message.content is not None and message.stop_reason in ("end_turn", "max_tokens")


def test_models(client):
    page = client.models.list()
    assert any(m.id == "ember" and m.type == "model" and m.display_name for m in page.data) and page.has_more is False
    assert client.models.retrieve("ember").id == "ember"
    assert refused(anthropic.NotFoundError, client.models.retrieve, model_id=UNKNOWN)["type"] == "not_found_error"


@pytest.mark.parametrize("stream", [False, True])
def test_unknown_model(client, stream):
    error = refused(anthropic.NotFoundError, client.messages.create, **{**BODY, "model": UNKNOWN, "stream": stream})
    assert error["type"] == "not_found_error" and UNKNOWN in error["message"]
    refused(anthropic.NotFoundError, client.messages.count_tokens, model=UNKNOWN, messages=ASK)


def user(*blocks):
    return {"messages": [{"role": "user", "content": list(blocks)}]}


WRONG = [
    ("max_tokens missing", {"max_tokens": None}, "max_tokens"),
    ("max_tokens is text", {"max_tokens": "many"}, "max_tokens"),
    ("messages missing", {"messages": None}, "messages"),
    ("no messages", {"messages": []}, "messages"),
    ("content is a number", {"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    ("block of unknown type", user({"type": "dance"}), "messages[0].content[0].type"),
    ("unknown role", {"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    ("temperature above 1", {"temperature": 1.5}, "temperature"),
    ("system is a number", {"system": 1}, "system"),
    ("stop_sequences is text", {"stop_sequences": "x"}, "stop_sequences"),
    ("blank stop sequence", {"stop_sequences": [" "]}, "stop_sequences[0]"),
    ("tool_choice without tools", {"tool_choice": {"type": "any"}}, "tool_choice.type"),
    ("thinking of unknown type", {"thinking": {"type": "deep"}}, "thinking.type"),
]


@pytest.mark.parametrize("what, fields, path", WRONG, ids=[w[0] for w in WRONG])
def test_wrong_value_names_its_path(client, what, fields, path):
    body = {k: v for k, v in {**PLAIN, **fields}.items() if v is not None}
    error = refused(anthropic.BadRequestError, client.post, path="/v1/messages", cast_to=object, body=body)
    assert error["type"] == "invalid_request_error" and path in error["message"]


UNSUPPORTED = [
    ("tools", {"tools": [{"name": "lamp", "description": "d", "input_schema": TOOL["parameters"]}]}),
    ("image", user({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})),
    ("document", user({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}})),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("what, fields", UNSUPPORTED, ids=[u[0] for u in UNSUPPORTED])
def test_what_no_model_here_can_do_is_refused(client, what, fields, stream):
    body = {**PLAIN, **fields, "stream": stream}
    error = refused(anthropic.BadRequestError, client.post, path="/v1/messages", cast_to=object, body=body)
    assert error["type"] == "invalid_request_error" and error["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_context_overflow(client, stream):
    messages = [{"role": "user", "content": TOO_LONG}]
    error = refused(anthropic.BadRequestError, client.messages.create, **{**BODY, "messages": messages, "stream": stream})
    counted = client.messages.count_tokens(model="ember", messages=messages).input_tokens
    assert "prompt is too long" in error["message"] and str(counted) in error["message"] and "1024" in error["message"]


def test_fields_not_honoured_are_named(client):
    raw = client.messages.with_raw_response.create(**BODY, metadata={"user_id": "me"}, service_tier="auto")
    assert set(raw.headers["hearth-ignored-parameters"].split(", ")) == {"metadata", "service_tier"}
    error = refused(anthropic.BadRequestError, client.messages.create, **BODY, metadata={"user_id": "me"},
                    extra_headers={"hearth-strict": "1"})
    assert "metadata" in error["message"]


def test_authentication(serve):
    server = serve(env={"HEARTH_API_KEY": "secret-key"})
    with anthropic.Anthropic(base_url=server.url, api_key="wrong", max_retries=0) as client:
        assert refused(anthropic.AuthenticationError, client.messages.create, **BODY)["type"] == "authentication_error"
    for key in ({"api_key": "secret-key"}, {"auth_token": "secret-key"}):  # x-api-key, Authorization
        with anthropic.Anthropic(base_url=server.url, max_retries=0, **key) as client:
            assert ask(client, max_tokens=1).usage.output_tokens == 1


def test_async_client(server, client):
    async def gather():
        async with anthropic.AsyncAnthropic(base_url=server.url, api_key="unused", max_retries=0) as asynchronous:
            async def one():
                async with asynchronous.messages.stream(**BODY) as stream:
                    return text_of(await stream.get_final_message())

            return await asyncio.gather(*(one() for _ in range(8)))

    assert set(asyncio.run(gather())) == {text_of(ask(client))}
