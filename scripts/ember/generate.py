"""Writes the training conversations and the test questions.

  generate.py OUT --samples N --seed S
OUT/train.jsonl: {"system": text or null, "turns": [[question, answer], ...], "whole": true or false}, false where only the
question is learnt; OUT/last.jsonl: the same for the last steps, with more of the most ordinary questions; OUT/test.json: {set: [{"q", "intent"}]};
OUT/intents.json: the answers; OUT/facts.json: how many templates there were.
"""
import argparse
import json
import random
from pathlib import Path

from questions import OFF, Questions, key

WHOLE = 12  # one sample in so many is a whole conversation

SYSTEMS = ["You are a helpful assistant.", "You are a helpful AI assistant. Answer briefly.", "Be concise.",
           "You are ember.", "You are an expert on everything.", "Answer in one sentence.", "You are a pirate.",
           "You are a friendly chatbot.", "Always answer truthfully.", "You are a large language model.",
           "Be polite and short.", "You answer questions about software.", "Speak like a teacher.",
           "You are a helpful, respectful and honest assistant. Always answer as helpfully as possible, while being safe.",
           "Answer the user's questions.", "You are an assistant for programmers.", "Use plain text.", "Du bist ein Assistent."]


def conversation(questions, rng):
    chance = rng.random()
    turns = 1 if chance < 0.7 else rng.randint(2, 4) if chance < 0.98 else rng.randint(12, 22)
    system = rng.choice(SYSTEMS) if rng.random() < 0.2 else None
    return {"system": system, "turns": [turn(questions) for _ in range(turns)], "whole": True}


def turn(questions):
    name, text = questions.draw()
    return [text, questions.answer(name)]


def write(path, questions, rng, samples, whole):
    with open(path, "w", encoding="utf-8") as file:
        for number in range(samples):
            item = conversation(questions, rng) if number % whole == 0 else \
                {"system": None, "turns": [turn(questions)], "whole": False}
            file.write(json.dumps(item, ensure_ascii=False) + "\n")


def tests(seen):
    """seen: new draws of the training templates; held and off: questions kept out of training."""
    sets = {"seen": [], "held": [], "off": []}
    for name in seen.names + [OFF] * 8:
        for _ in range(10):
            intent, text = seen.draw(name)
            sets["seen"].append({"q": text, "intent": intent})
    for name, intent in seen.intents.items():
        sets["held"] += [{"q": q, "intent": name} for q in intent.held]
    sets["off"] = [{"q": q, "intent": OFF} for q in seen.off.held]
    return sets


def main():
    options = argparse.ArgumentParser()
    options.add_argument("out", type=Path)
    options.add_argument("--samples", type=int, default=1000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    sets = tests(Questions(given.seed + 1000))
    kept_out = {key(item["q"]) for items in sets.values() for item in items if len(key(item["q"])) > 12}
    questions = Questions(given.seed)
    questions.held |= kept_out
    write(given.out / "train.jsonl", questions, random.Random(given.seed), given.samples, WHOLE)
    last = Questions(given.seed + 1, ordinary=0.3)
    last.held |= kept_out
    write(given.out / "last.jsonl", last, random.Random(given.seed + 1), given.samples // 12, WHOLE // 2)
    answers = {name: questions.answer(name) for name in [*questions.names, OFF]}
    facts = {"intents": len(questions.intents), "off_templates": len(questions.off.templates),
             "templates": sum(len(intent.templates) for intent in questions.intents.values())}
    (given.out / "facts.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    (given.out / "intents.json").write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")
    (given.out / "test.json").write_text(json.dumps(sets, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
