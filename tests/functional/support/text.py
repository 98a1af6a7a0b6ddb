"""Prompts and other data that several modules share."""

QUESTION = "What can you do?"
ASK = [{"role": "user", "content": QUESTION}]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TOOL = {"name": "lamp", "description": "switches a lamp", "parameters": {"type": "object", "properties": {"on": {"type": "boolean"}}}}
# ember's context is 1024 tokens.
TOO_LONG = "What is a model? " * 400
UNKNOWN = "no-such-model"
