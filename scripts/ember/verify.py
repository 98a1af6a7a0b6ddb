"""Compares a served GGUF with the training side: token ids, the template, greedy answers.

  verify.py MODELS URL     URL: a llama.cpp server with models/ember/ember-q8_0.gguf
"""
import argparse
import json
import sys
import urllib.request
from pathlib import Path

import chat
import evaluate


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("models", type=Path)
    options.add_argument("url")
    given = options.parse_args()
    read = lambda name: json.loads((given.models / name).read_text(encoding="utf-8"))
    failures = 0
    for item in read("tokens.json"):
        got = post(given.url + "/tokenize", {"content": item["text"], "add_special": True})["tokens"]
        if got != item["ids"]:
            failures += 1
            print(f"tokens differ: {item['text']!r} {got} {item['ids']}")
    for system in (None, "Be brief."):
        messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": "Hi there"}]
        got = post(given.url + "/apply-template", {"messages": messages})["prompt"]
        if got != chat.prompt("Hi there", system):
            failures += 1
            print(f"template differs: {got!r}")
    ask = evaluate.server_model(given.url)
    different = [i for i in read("verbatim.json") if ask(i["question"]) != i["answer"]]
    failures += len(different)
    for item in different:
        print(f"answer differs: {item['question']}")
    answers = read("answers.json")
    same = sum(ask(item["question"]) == item["answer"] for item in answers)
    print(f"greedy answers: {same} of {len(answers)} the same; other failures: {failures}")
    sys.exit(failures > 0 or same < 0.97 * len(answers))


if __name__ == "__main__":
    main()
