"""Responses, by the official Python client: items in and out, typed streams, tools to their end, forms, what is refused."""
import json
import pathlib
import subprocess

import openai
import pytest
from pydantic import BaseModel

from support import scripted
from support import server as servers
from support.text import ASK, QUESTION

TEMPLATES = pathlib.Path(subprocess.run([servers.ROOT / "scripts" / "llama", "--print"], capture_output=True, text=True, check=True).stdout.strip(),
                         "source", "models", "templates")
WEATHER = {"type": "function", "name": "get_weather", "description": "The weather of a city.", "strict": True,
           "parameters": {"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"], "additionalProperties": False}}
LAMP = {"type": "function", "name": "switch_lamp", "parameters": {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}}
THOUGHT, SAID = "Let me look it up.", "One moment, please."
CALLS = [("get_weather", {"city": "Rome"}), ("switch_lamp", {"on": True})]
WRITTEN = "\n".join(f'<tool_call>\n{json.dumps({"name": n, "arguments": a})}\n</tool_call>' for n, a in CALLS)
SCRIPT = f"<think>\n{THOUGHT}\n</think>\n\n{SAID}\n{WRITTEN}"


class Lamp(BaseModel):
    on: bool
    level: int


@pytest.fixture(scope="module")
def agent():
    """A client of a model that thinks, speaks and calls two functions."""
    home = servers.make_home()
    folder = home / "hearth" / "models"
    folder.mkdir(parents=True)
    scripted.write(folder / "agent.gguf", SCRIPT, (TEMPLATES / "Qwen-Qwen3-0.6B.jinja").read_text(), ("<|im_start|>", "<|im_end|>"))
    server = servers.Server("--keep-alive", "10m", home=home)
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="unused", max_retries=0, timeout=120) as made:
        yield made
    server.stop()


@pytest.fixture
def client(openai_client):
    return openai_client


def greedy(client, **more):
    return client.responses.create(**{"model": "ember", "input": QUESTION, "temperature": 0, **more})


def chat_text(client, messages=ASK, **more):
    return client.chat.completions.create(model="ember", messages=messages, temperature=0, **more).choices[0].message.content


def ask_agent(client, **more):
    return client.responses.create(**{"model": "agent", "input": "What is the weather?", "tools": [WEATHER, LAMP], "temperature": 0, "max_output_tokens": 400, **more})


def test_text(client):
    answer = greedy(client, metadata={"run": "7"}, instructions=None)
    assert answer.object == "response" and answer.id.startswith("resp_") and answer.model == "ember"
    assert (answer.status, answer.error, answer.incomplete_details) == ("completed", None, None)
    assert answer.output_text == chat_text(client)
    (message,) = answer.output
    assert (message.type, message.role, message.status) == ("message", "assistant", "completed")
    assert message.id.startswith("msg_") and message.content[0].annotations == []
    assert answer.metadata == {"run": "7"} and answer.temperature == 0 and answer.parallel_tool_calls is True and answer.tools == []
    usage = answer.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens and usage.output_tokens > 0
    assert usage.output_tokens_details.reasoning_tokens == 0 and 0 <= usage.input_tokens_details.cached_tokens < usage.input_tokens


def test_cached_tokens_are_told(client):
    asked = "How would I see which models I have, and how much room each of them takes on this disk?"
    greedy(client, input=asked)
    assert greedy(client, input=asked).usage.input_tokens_details.cached_tokens > 0


@pytest.mark.parametrize("items", [
    ASK, [{"type": "message", **ASK[0]}], [{"role": "user", "content": [{"type": "input_text", "text": "What can "}, {"type": "input_text", "text": "you do?"}]}],
])
def test_input_forms(client, items):
    assert greedy(client, input=items).output_text == chat_text(client)


def test_instructions_are_a_system_message(client):
    wanted = chat_text(client, [{"role": "system", "content": "You are brief."}, *ASK])
    answer = greedy(client, instructions="You are brief.")
    assert answer.output_text == wanted and answer.instructions == "You are brief."
    assert greedy(client, input=[{"role": "developer", "content": "You are brief."}, *ASK]).output_text == wanted


def test_a_conversation_goes_back_as_it_came(client):
    first = greedy(client)
    again = [*ASK, *first.output, {"role": "user", "content": "Thanks. Which models do I have?"}]
    messages = [*ASK, {"role": "assistant", "content": first.output_text}, again[-1]]
    assert greedy(client, input=again).output_text == chat_text(client, messages)


def test_limits(client):
    answer = greedy(client, max_output_tokens=3)
    assert (answer.status, answer.incomplete_details.reason, answer.usage.output_tokens) == ("incomplete", "max_output_tokens", 3)
    assert answer.output[0].status == "incomplete" and answer.max_output_tokens == 3


def test_logprobs(client):
    answer = greedy(client, include=["message.output_text.logprobs"], top_logprobs=2)
    tokens = answer.output[0].content[0].logprobs
    assert b"".join(bytes(t.bytes) for t in tokens).decode() == answer.output_text
    assert all(len(t.top_logprobs) == 2 and t.logprob <= 0 for t in tokens)
    streamed = [t for e in greedy(client, include=["message.output_text.logprobs"], stream=True) if e.type == "response.output_text.delta" for t in e.logprobs]
    assert [t.token for t in streamed] == [t.token for t in tokens]


def order(events):
    """Types of events, deltas that follow each other counted once."""
    types = [e.type.removeprefix("response.") for e in events]
    return [t for i, t in enumerate(types) if i == 0 or not (t.endswith(".delta") and types[i - 1] == t)]


TEXT_EVENTS = ["output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done", "output_item.done"]


def test_stream(client):
    events = list(greedy(client, stream=True))
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert order(events) == ["created", "in_progress", *TEXT_EVENTS, "completed"]
    assert len([e for e in events if e.type == "response.output_text.delta"]) > 3
    whole = greedy(client)
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == whole.output_text
    last = events[-1].response
    assert last.output_text == whole.output_text and last.usage.output_tokens == whole.usage.output_tokens
    assert events[0].response.id == last.id and events[0].response.status == "in_progress" and events[0].response.usage is None


def test_stream_that_is_cut(client):
    events = list(greedy(client, max_output_tokens=2, stream=True))
    assert events[-1].type == "response.incomplete" and events[-1].response.incomplete_details.reason == "max_output_tokens"
    assert events[-2].type == "response.output_item.done" and events[-2].item.status == "incomplete"


def test_the_clients_own_stream_helper(client):
    with client.responses.stream(model="ember", input=QUESTION, temperature=0) as stream:
        said = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert said == final.output_text == greedy(client).output_text


def test_a_class_of_pydantic(client):
    answer = client.responses.parse(model="ember", input=QUESTION, text_format=Lamp, max_output_tokens=300)
    assert isinstance(answer.output_parsed, Lamp)
    with client.responses.stream(model="ember", input=QUESTION, text_format=Lamp, max_output_tokens=300) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_response().output_parsed, Lamp)


def test_json_mode(client):
    answer = greedy(client, text={"format": {"type": "json_object"}}, max_output_tokens=60)
    assert answer.output_text.lstrip().startswith("{")


def test_input_tokens(client):
    counted = client.responses.input_tokens.count(model="ember", input=QUESTION, instructions="You are brief.")
    assert counted.input_tokens == greedy(client, instructions="You are brief.").usage.input_tokens


def test_thinking_and_calls(agent):
    answer = ask_agent(agent)
    assert answer.status == "completed"
    assert [i.type for i in answer.output] == ["reasoning", "message", "function_call", "function_call"]
    thought, said, *calls = answer.output
    assert "".join(c.text for c in thought.content) == THOUGHT and thought.summary == []
    assert answer.output_text == SAID
    assert [(c.name, json.loads(c.arguments)) for c in calls] == CALLS
    assert all(i.status == "completed" for i in answer.output)
    assert len({i.id for i in answer.output} | {c.call_id for c in calls}) == 6
    assert answer.usage.output_tokens_details.reasoning_tokens > 0


def test_calls_streamed(agent):
    events = list(ask_agent(agent, stream=True))
    reasoning = [e.replace("output_text", "reasoning_text") for e in TEXT_EVENTS]
    call = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"]
    assert order(events) == ["created", "in_progress", *reasoning, *TEXT_EVENTS, *call, *call, "completed"]
    items = {}
    for e in events:
        if e.type.endswith(".delta"):
            items[e.output_index] = items.get(e.output_index, "") + e.delta
    assert [items[0], items[1], *(json.loads(items[i]) for i in (2, 3))] == [THOUGHT, SAID, *(a for _, a in CALLS)]
    done = [e.item for e in events if e.type == "response.output_item.done"]
    assert [d.id for d in done] == [o.id for o in events[-1].response.output]


def test_stream_helper_with_calls(agent):
    with agent.responses.stream(model="agent", input="What is the weather?", tools=[WEATHER, LAMP], temperature=0, max_output_tokens=400) as stream:
        for _ in stream:
            pass
        final = stream.get_final_response()
    assert [(c.name, json.loads(c.arguments)) for c in final.output if c.type == "function_call"] == CALLS


def test_tools_to_their_end(agent):
    """The loop of every agent: calls, their results, all of it back. The prompt is the one that chat makes of the same turns."""
    first = ask_agent(agent)
    calls = [i for i in first.output if i.type == "function_call"]
    back = [{"role": "user", "content": "What is the weather?"}, *first.output,
            *({"type": "function_call_output", "call_id": c.call_id, "output": json.dumps({"done": c.name})} for c in calls)]
    second = ask_agent(agent, input=back)
    assert second.status == "completed"
    chat = agent.chat.completions.create(
        model="agent", temperature=0, max_tokens=1, tools=[{"type": "function", "function": {k: v for k, v in t.items() if k != "type"}} for t in (WEATHER, LAMP)],
        messages=[back[0],
                  {"role": "assistant", "content": SAID, "reasoning_content": THOUGHT,
                   "tool_calls": [{"id": c.call_id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in calls]},
                  *({"role": "tool", "tool_call_id": c.call_id, "content": json.dumps({"done": c.name})} for c in calls)])
    assert second.usage.input_tokens == chat.usage.prompt_tokens


@pytest.mark.parametrize("choice, names", [
    ("required", {"get_weather", "switch_lamp"}), ({"type": "function", "name": "switch_lamp"}, {"switch_lamp"}),
    ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "switch_lamp"}]}, {"switch_lamp"}),
])
def test_tool_choice(agent, choice, names):
    calls = [i for i in ask_agent(agent, tool_choice=choice, parallel_tool_calls=False).output if i.type == "function_call"]
    assert len(calls) == 1 and calls[0].name in names


def test_tools_that_may_not_be_called(agent):
    answer = ask_agent(agent, tool_choice="none")
    assert [i for i in answer.output if i.type == "function_call"] == []


@pytest.mark.parametrize("fields, param, word", [
    ({"store": True}, "store", "keeps no answers"),
    ({"previous_response_id": "resp_1"}, "previous_response_id", "keeps no answers"),
    ({"conversation": "conv_1"}, "conversation", "keeps no answers"),
    ({"background": True}, "background", "at once"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type", "web_search"),
    ({"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, "tools[0].type", "file_search"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type", "item"),
])
def test_what_needs_more_than_a_model_is_refused(client, fields, param, word):
    with pytest.raises(openai.BadRequestError) as refused:
        greedy(client, **fields)
    assert refused.value.param == param and refused.value.code == "unsupported" and word in refused.value.message


def test_store_false_is_what_happens_anyway(client):
    assert greedy(client, store=False).to_dict()["store"] is False


def test_what_is_not_honoured_is_named(client):
    raw = client.responses.with_raw_response.create(model="ember", input=QUESTION, max_output_tokens=1, user="u", reasoning={"summary": "auto"})
    assert set(raw.headers["hearth-ignored-parameters"].split(", ")) == {"user", "reasoning.summary"}


def test_unknown_model(client):
    with pytest.raises(openai.NotFoundError):
        greedy(client, model="nope")


def test_a_prompt_that_is_too_long(client):
    with pytest.raises(openai.BadRequestError) as refused:
        greedy(client, input="word " * 20000)
    assert refused.value.code == "context_length_exceeded" and refused.value.param == "input"
    long = [{"role": "user", "content": "word " * 3000}, {"role": "assistant", "content": "Yes."}] * 3 + ASK
    answer = greedy(client, input=long, truncation="auto", max_output_tokens=4)
    assert answer.usage.to_dict()["dropped_tokens"] > 0 and answer.truncation == "auto"
