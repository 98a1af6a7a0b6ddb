"""Answers that must have a form, through every dialect: JSON, JSON schemas, grammars, regular expressions."""
import datetime
import ipaddress
import json
import re
import uuid

import anthropic
import jsonschema
import ollama
import openai
import pytest
from pydantic import BaseModel

from support.schemas import SCHEMAS
from support.text import ASK

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}, "count": {"type": "integer", "minimum": 0, "maximum": 99}}, "required": ["ok", "count"],
          "additionalProperties": False}


FORMATS = jsonschema.FormatChecker(formats=())
for _name, _read in {"date": datetime.date.fromisoformat, "time": datetime.time.fromisoformat, "date-time": datetime.datetime.fromisoformat,
                     "ipv4": ipaddress.IPv4Address, "uuid": uuid.UUID}.items():
    FORMATS.checks(_name, raises=ValueError)(lambda text, read=_read: bool(read(text)) or True)


class Lamp(BaseModel):
    on: bool
    level: int


def chat(client, **more):
    return client.chat.completions.create(**{"model": "ember", "messages": ASK, "max_tokens": 1500, **more})


def test_the_corpus_is_large():
    assert len(SCHEMAS) >= 100


@pytest.mark.parametrize("name", SCHEMAS)
def test_corpus(openai_client, name):
    """Whatever the schema, the answer fits it: greedy, and by chance."""
    for temperature, seed in ((0, 1), (1, 1), (1.5, 2)):
        answer = chat(openai_client, temperature=temperature, seed=seed,
                      response_format={"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": SCHEMAS[name]}}).choices[0]
        assert answer.finish_reason == "stop", answer.message.content
        jsonschema.Draft202012Validator(SCHEMAS[name], format_checker=FORMATS).validate(json.loads(answer.message.content))


def test_a_class_of_pydantic(openai_client):
    answer = openai_client.chat.completions.parse(model="ember", messages=ASK, response_format=Lamp, max_tokens=300)
    assert isinstance(answer.choices[0].message.parsed, Lamp)


def test_json_mode(openai_client):
    answer = chat(openai_client, response_format={"type": "json_object"}, temperature=0, max_tokens=40).choices[0]
    text = answer.message.content
    assert text.lstrip().startswith("{")
    if answer.finish_reason == "stop":
        assert isinstance(json.loads(text), dict)


def test_streams_too(openai_client):
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    whole = chat(openai_client, response_format=form, temperature=0).choices[0].message.content
    parts = [c.choices[0].delta.content or "" for c in chat(openai_client, response_format=form, temperature=0, stream=True) if c.choices]
    assert "".join(parts) == whole and len([p for p in parts if p]) > 3
    jsonschema.validate(json.loads(whole), SCHEMA)


def test_completions_with_llama_servers_and_vllms_fields(openai_client):
    complete = lambda **body: openai_client.completions.create(model="ember", prompt="Say", max_tokens=200, extra_body=body).choices[0].text
    assert re.fullmatch("[ab]{3} [0-9]", complete(grammar='root ::= [ab]{3} " " [0-9]'))
    assert re.fullmatch("(left|right)", complete(guided_regex="(left|right)"))
    assert complete(guided_choice=["left\n", 'say "right"']) in ("left\n", 'say "right"')
    assert complete(structured_outputs={"choice": ["left", "right"]}) in ("left", "right")
    assert re.fullmatch("x+", complete(structured_outputs={"regex": "x{1,4}"}))
    assert re.fullmatch("x+", complete(guided_grammar='root ::= "x"{1,4}'))
    jsonschema.validate(json.loads(complete(json_schema=SCHEMA)), SCHEMA)
    jsonschema.validate(json.loads(complete(guided_json=SCHEMA)), SCHEMA)


def test_several_answers(openai_client):
    answer = chat(openai_client, n=3, temperature=1, seed=3, response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}})
    for choice in answer.choices:
        jsonschema.validate(json.loads(choice.message.content), SCHEMA)


def test_logprobs_are_of_what_is_possible(openai_client):
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"const": "fixed"}}}
    answer = chat(openai_client, response_format=form, logprobs=True, top_logprobs=3).choices[0]
    assert json.loads(answer.message.content) == "fixed"
    assert all(t.logprob <= 0 for t in answer.logprobs.content)
    for token in answer.logprobs.content:  # where one can come, the others are impossible
        others = [other.logprob for other in token.top_logprobs if other.token != token.token]
        assert len(others) >= 2 and all(logprob < 0 for logprob in others)
        assert token.logprob < -1e-6 or max(others) == -9999


def test_ollama(server):
    client = ollama.Client(server.url)
    options = {"num_predict": 300, "seed": 4}
    jsonschema.validate(json.loads(client.chat("ember", ASK, format=SCHEMA, options=options).message.content), SCHEMA)
    jsonschema.validate(json.loads(client.generate("ember", "Lamp?", format=SCHEMA, options=options).response), SCHEMA)
    Lamp.model_validate_json(client.chat("ember", ASK, format=Lamp.model_json_schema(), options=options).message.content)
    assert client.chat("ember", ASK, format="json", options={"num_predict": 20}).message.content.lstrip().startswith("{")
    parts = "".join(p.message.content for p in client.chat("ember", ASK, format=SCHEMA, options=options, stream=True))
    jsonschema.validate(json.loads(parts), SCHEMA)


def test_anthropic(server):
    client = anthropic.Anthropic(base_url=server.url, api_key="none")
    answer = client.messages.create(model="ember", messages=ASK, max_tokens=300, output_config={"format": {"type": "json_schema", "schema": SCHEMA}})
    jsonschema.validate(json.loads(answer.content[0].text), SCHEMA)


@pytest.mark.parametrize("fields, what", [
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"properties": {"a": {"not": {"type": "null"}}}}}}}, "properties.a.not"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "array", "uniqueItems": True}}}}, "uniqueItems"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"$ref": "#/$defs/none"}}}}, "not there"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "string", "pattern": "(a"}}}}, "schema cannot be used"),
    ({"extra_body": {"grammar": "root ::= ("}}, "grammar cannot be used"),
    ({"extra_body": {"guided_regex": "(a"}}, "regular expression cannot be used"),
])
def test_what_cannot_be_kept_to_is_refused(openai_client, fields, what):
    with pytest.raises(openai.BadRequestError) as refused:
        chat(openai_client, **fields)
    assert refused.value.param == next(iter(fields.get("extra_body", fields))) and what in refused.value.message
