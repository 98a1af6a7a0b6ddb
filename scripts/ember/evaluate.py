"""Scores a model on questions: right means the answer of an accepted intent, word for word, and then the end.

  evaluate.py QUESTIONS --torch OUT | --server URL [--intents FILE] [--report FILE]
QUESTIONS: [{"q": text, "intent": name or [names]}], or {set: [...]} of such lists. URL: an OpenAI-compatible server.
"""
import argparse
import json
import urllib.request
from collections import Counter
from pathlib import Path


def torch_model(out):
    import torch

    import chat
    import model as ember
    import tokenizer as bpe
    torch.set_num_threads(1)
    net, tokenizer = ember.load(out / "ember.pt"), bpe.load(out / "tokenizer.json")

    answers = json.loads((out / "intents.json").read_text(encoding="utf-8"))
    guesses = [tokenizer.encode(answer).ids for answer in answers.values()]

    def ask(question, system=None):
        ids, stopped = net.answer(tokenizer.encode(chat.prompt(question, system)).ids, chat.IM_END, guesses)
        return tokenizer.decode(ids) if stopped else None

    return ask


def server_model(url):
    def ask(question, system=None):
        messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": question}]
        body = {"model": "ember", "messages": messages, "temperature": 0, "max_tokens": 100, "cache_prompt": False}
        request = urllib.request.Request(url + "/v1/chat/completions", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            choice = json.load(response)["choices"][0]
        return choice["message"]["content"] if choice["finish_reason"] == "stop" else None

    return ask


def score(items, answers, ask):
    name_of = {answer: name for name, answer in answers.items()}
    right, totals, wrong = Counter(), Counter(), []
    for item in items:
        wanted = item["intent"] if isinstance(item["intent"], list) else [item["intent"]]
        got = ask(item["q"])
        totals[wanted[0]] += 1
        if got in [answers[name] for name in wanted]:
            right[wanted[0]] += 1
        else:
            wrong.append({**item, "got": name_of.get(got, got)})
    on = [n for n in totals if n != "off_topic"]
    report = {"questions": len(items), "right": sum(right.values()),
              "on_topic": {"questions": sum(totals[n] for n in on), "right": sum(right[n] for n in on),
                           "refused": sum(w["got"] == "off_topic" for w in wrong)},
              "off_topic": {"questions": totals["off_topic"], "right": right["off_topic"]},
              "by_intent": {n: f"{right[n]}/{totals[n]}" for n in sorted(totals)}, "wrong": wrong}
    return report


def main():
    options = argparse.ArgumentParser()
    options.add_argument("questions", type=Path)
    options.add_argument("--torch", type=Path)
    options.add_argument("--server")
    options.add_argument("--intents", type=Path)
    options.add_argument("--report", type=Path)
    given = options.parse_args()
    ask = server_model(given.server) if given.server else torch_model(given.torch)
    intents = given.intents or given.torch / "intents.json"
    answers = json.loads(intents.read_text(encoding="utf-8"))
    questions = json.loads(given.questions.read_text(encoding="utf-8"))
    sets = questions if isinstance(questions, dict) else {given.questions.stem: questions}
    reports = {}
    for name, items in sets.items():
        r = reports[name] = score(items, answers, ask)
        print(f"{name}: {r['right']}/{r['questions']} = {100 * r['right'] / r['questions']:.1f} %"
              f" (on topic {r['on_topic']['right']}/{r['on_topic']['questions']}, refused {r['on_topic']['refused']};"
              f" off topic {r['off_topic']['right']}/{r['off_topic']['questions']})", flush=True)
    if given.report:
        given.report.write_text(json.dumps(reports, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
