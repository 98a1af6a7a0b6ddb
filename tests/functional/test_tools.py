"""Tools and thinking through every dialect's official client: models that say what they are told to, and real weights that are made to call."""
import json
import os
import pathlib
import pty
import subprocess

import anthropic
import jsonschema
import ollama
import openai
import pytest

from support import scripted
from support import server as servers

TEMPLATES = pathlib.Path(subprocess.run([servers.ROOT / "scripts" / "llama", "--print"], capture_output=True, text=True, check=True).stdout.strip(),
                         "source", "models", "templates")
QWEN = (TEMPLATES / "Qwen-Qwen3-0.6B.jinja").read_text()
MARKS = ("<|im_start|>", "<|im_end|>")
ASK = [{"role": "user", "content": "What is the weather?"}]
SCHEMA = {"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}, "days": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["city", "days"]}
WEATHER = {"name": "get_weather", "description": "The weather of a city.", "parameters": SCHEMA}
LAMP = {"name": "switch_lamp", "description": "Switches a lamp.", "parameters": {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}}
OPENAI_TOOLS = [{"type": "function", "function": WEATHER}, {"type": "function", "function": LAMP}]
ANTHROPIC_TOOLS = [{"name": t["name"], "description": t["description"], "input_schema": t["parameters"]} for t in (WEATHER, LAMP)]
CALLS = [("get_weather", {"city": "Rome", "days": 2}), ("switch_lamp", {"on": True})]
THOUGHT, SAID = "Let me look it up.", "One moment, please."


def qwen_call(name, arguments):
    return f'<tool_call>\n{json.dumps({"name": name, "arguments": arguments})}\n</tool_call>'


SCRIPTS = {
    "talks": "Rain, I am afraid.",
    "thinks": f"<think>\n{THOUGHT}\n</think>\n\nRain, I am afraid.",
    "calls-once": qwen_call(*CALLS[0]),
    "calls": f"<think>\n{THOUGHT}\n</think>\n\n{SAID}\n" + "\n".join(qwen_call(*c) for c in CALLS),
}


@pytest.fixture(scope="module")
def url():
    home = servers.make_home()
    folder = home / "hearth" / "models"
    folder.mkdir(parents=True)
    for name, script in SCRIPTS.items():
        scripted.write(folder / f"{name}.gguf", script, QWEN, MARKS)
    server = servers.Server("--keep-alive", "10m", home=home)
    ollama.Client(host=server.url).create("forced", from_="ember", template=(TEMPLATES / "Qwen-Qwen2.5-7B-Instruct.jinja").read_text())
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def openai_client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0, timeout=120) as made:
        yield made


@pytest.fixture(scope="module")
def anthropic_client(url):
    with anthropic.Anthropic(base_url=url, api_key="unused", max_retries=0, timeout=120) as made:
        yield made


def chat(client, model="calls", **more):
    return client.chat.completions.create(**{"model": model, "messages": ASK, "tools": OPENAI_TOOLS, "temperature": 0, "max_tokens": 400, **more})


def openai_calls(message):
    return [(c.function.name, json.loads(c.function.arguments)) for c in message.tool_calls or []]


def folded(stream):
    """A stream's deltas as one message."""
    thinking, content, calls, reason = "", "", [], None
    for chunk in stream:
        if not chunk.choices:
            continue
        choice = chunk.choices[0]
        thinking += getattr(choice.delta, "reasoning_content", None) or ""
        content += choice.delta.content or ""
        for part in choice.delta.tool_calls or []:
            if part.id:
                assert part.index == len(calls)
                calls.append([part.id, part.function.name, ""])
            calls[part.index][2] += part.function.arguments or ""
        reason = choice.finish_reason or reason
    return thinking, content, calls, reason


def test_openai_auto(openai_client):
    answer = chat(openai_client).choices[0]
    assert answer.finish_reason == "tool_calls"
    assert answer.message.content == SAID
    assert answer.message.reasoning_content == THOUGHT
    assert openai_calls(answer.message) == CALLS
    assert len({c.id for c in answer.message.tool_calls}) == 2


def test_openai_streams_calls(openai_client):
    thinking, content, calls, reason = folded(chat(openai_client, stream=True))
    assert (thinking, content, reason) == (THOUGHT, SAID, "tool_calls")
    assert [(name, json.loads(arguments)) for _, name, arguments in calls] == CALLS
    assert len({i for i, _, _ in calls}) == 2


def test_openai_arguments_come_in_pieces(openai_client):
    pieces = [p for chunk in chat(openai_client, stream=True) for p in (chunk.choices[0].delta.tool_calls or []) if not p.id]
    assert len(pieces) > 6


def test_openai_one_at_a_time(openai_client):
    answer = chat(openai_client, parallel_tool_calls=False).choices[0]
    assert openai_calls(answer.message) == CALLS[:1]
    assert answer.finish_reason == "tool_calls"


def test_openai_none(openai_client):
    answer = chat(openai_client, tool_choice="none").choices[0]
    assert not answer.message.tool_calls
    assert answer.message.reasoning_content == THOUGHT


def test_talking_is_allowed(openai_client):
    answer = chat(openai_client, model="talks").choices[0]
    assert answer.message.content == SCRIPTS["talks"] and not answer.message.tool_calls
    assert answer.finish_reason == "stop"


@pytest.mark.parametrize("stream", [False, True])
def test_openai_named(openai_client, stream):
    answer = chat(openai_client, model="forced", stream=stream, tool_choice={"type": "function", "function": {"name": "get_weather"}})
    if stream:
        _, content, calls, reason = folded(answer)
        made = [(name, json.loads(arguments)) for _, name, arguments in calls]
    else:
        content, made, reason = answer.choices[0].message.content, openai_calls(answer.choices[0].message), answer.choices[0].finish_reason
    assert not content
    assert len(made) == 1 and made[0][0] == "get_weather"
    jsonschema.validate(made[0][1], SCHEMA)
    assert reason == "tool_calls"


@pytest.mark.parametrize("seed", range(4))
def test_openai_required(openai_client, seed):
    answer = chat(openai_client, model="forced", tool_choice="required", parallel_tool_calls=False, temperature=1.5, seed=seed).choices[0]
    made = openai_calls(answer.message)
    assert len(made) == 1 and answer.finish_reason == "tool_calls"
    jsonschema.validate(made[0][1], {"get_weather": SCHEMA, "switch_lamp": LAMP["parameters"]}[made[0][0]])


def test_openai_results_go_back(openai_client):
    first = chat(openai_client).choices[0].message
    results = [{"role": "tool", "tool_call_id": c.id, "content": "fine"} for c in first.tool_calls]
    again = chat(openai_client, model="talks", messages=[*ASK, first.model_dump(exclude_none=True), *results]).choices[0]
    assert again.message.content == SCRIPTS["talks"]


def test_openai_tokens_of_thinking_are_counted(openai_client):
    usage = chat(openai_client, model="thinks").usage
    assert 0 < usage.completion_tokens_details.reasoning_tokens < usage.completion_tokens


def test_openai_thinking_can_be_hidden(openai_client):
    answer = chat(openai_client, model="thinks", extra_body={"reasoning": {"exclude": True}}).choices[0]
    assert answer.message.content == SCRIPTS["talks"]
    assert not getattr(answer.message, "reasoning_content", None)


def test_openai_thinking_has_a_budget(openai_client):
    answer = chat(openai_client, model="thinks", extra_body={"reasoning": {"max_tokens": 3}}, max_tokens=30).choices[0]
    assert 0 < len(answer.message.reasoning_content) < len(THOUGHT)


def test_openai_form_after_thinking(openai_client):
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    answer = openai_client.chat.completions.create(model="thinks", messages=ASK, response_format=form, max_tokens=400).choices[0]
    assert answer.message.reasoning_content == THOUGHT
    jsonschema.validate(json.loads(answer.message.content), SCHEMA)


def test_openai_logprobs_are_of_the_text(openai_client):
    answer = chat(openai_client, logprobs=True).choices[0]
    assert "".join(t.token for t in answer.logprobs.content).strip() == SAID


def test_tools_need_a_template(openai_client):
    with pytest.raises(openai.BadRequestError, match="tools"):
        chat(openai_client, model="ember")


def test_a_schema_that_is_none(openai_client):
    tools = [OPENAI_TOOLS[1], {"type": "function", "function": {"name": "bad", "parameters": {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}}}]
    with pytest.raises(openai.BadRequestError, match="bad"):
        chat(openai_client, tools=tools)


def ollama_calls(message):
    return [(c.function.name, dict(c.function.arguments)) for c in message.tool_calls or []]


def test_ollama(url):
    answer = ollama.Client(host=url).chat("calls", messages=ASK, tools=OPENAI_TOOLS).message
    assert (answer.thinking, answer.content) == (THOUGHT, SAID)
    assert ollama_calls(answer) == CALLS


def test_ollama_streams(url):
    parts = [p.message for p in ollama.Client(host=url).chat("calls", messages=ASK, tools=OPENAI_TOOLS, stream=True)]
    assert "".join(p.thinking or "" for p in parts) == THOUGHT
    assert "".join(p.content or "" for p in parts) == SAID
    assert [c for p in parts for c in ollama_calls(p)] == CALLS


def test_ollama_takes_functions(url):
    def get_weather(city: str, days: int) -> str:
        """The weather of a city.

        Args:
          city: where
          days: how many
        """

    answer = ollama.Client(host=url).chat("calls-once", messages=ASK, tools=[get_weather]).message
    assert ollama_calls(answer) == CALLS[:1]
    history = [*ASK, answer, {"role": "tool", "content": "fine", "tool_name": "get_weather"}]
    assert ollama.Client(host=url).chat("talks", messages=history, tools=[get_weather]).message.content == SCRIPTS["talks"]


def test_ollama_thinking_can_be_off(url):
    answer = ollama.Client(host=url).chat("talks", messages=ASK, think=False).message
    assert answer.content == SCRIPTS["talks"] and not answer.thinking


def test_ollama_shows_what_a_model_can_do(url):
    assert {"completion", "tools", "thinking"} <= set(ollama.Client(host=url).show("calls").capabilities)


def message(client, model="calls", **more):
    return client.messages.create(**{"model": model, "messages": ASK, "tools": ANTHROPIC_TOOLS, "max_tokens": 400, **more})


def anthropic_calls(answer):
    return [(b.name, b.input) for b in answer.content if b.type == "tool_use"]


def test_anthropic(anthropic_client):
    answer = message(anthropic_client, thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=1500)
    assert [b.type for b in answer.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert answer.content[0].thinking == THOUGHT and answer.content[1].text == SAID
    assert anthropic_calls(answer) == CALLS
    assert answer.stop_reason == "tool_use"


def test_anthropic_streams(anthropic_client):
    with anthropic_client.messages.stream(model="calls", messages=ASK, tools=ANTHROPIC_TOOLS, max_tokens=400) as stream:
        answer = stream.get_final_message()
    assert anthropic_calls(answer) == CALLS and answer.stop_reason == "tool_use"


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
def test_anthropic_forced(anthropic_client, choice):
    answer = message(anthropic_client, model="forced", tool_choice={**choice, "disable_parallel_tool_use": True})
    made = anthropic_calls(answer)
    assert len(made) == 1 and answer.stop_reason == "tool_use"
    jsonschema.validate(made[0][1], {"get_weather": SCHEMA, "switch_lamp": LAMP["parameters"]}[made[0][0]])


def test_anthropic_none(anthropic_client):
    assert not anthropic_calls(message(anthropic_client, tool_choice={"type": "none"}))


def test_anthropic_results_go_back(anthropic_client):
    first = message(anthropic_client)
    results = [{"type": "tool_result", "tool_use_id": b.id, "content": "fine"} for b in first.content if b.type == "tool_use"]
    again = message(anthropic_client, model="talks", messages=[*ASK, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}])
    assert again.content[0].text == SCRIPTS["talks"]


def run_on_terminal(*command):
    """What the program writes on a pseudo terminal."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(command[0], [str(c) for c in command])
    seen = b""
    while True:
        try:
            piece = os.read(fd, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        seen += piece
    os.close(fd)
    assert os.waitpid(pid, 0)[1] == 0, seen
    return seen.decode().replace("\r\n", "\n")


def test_cli_shows_thinking_to_people_alone(url):
    command = [servers.HEARTH, "--server", url, "run", "thinks", "weather?"]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == SCRIPTS["talks"] + "\n"
    assert run_on_terminal(*command) == f"\x1b[2m{THOUGHT}\x1b[0m\n\n{SCRIPTS['talks']}\n"
    assert run_on_terminal(command[0], "--no-color", *command[1:]) == f"{THOUGHT}\n\n{SCRIPTS['talks']}\n"
