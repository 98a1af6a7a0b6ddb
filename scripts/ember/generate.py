"""Writes the training conversations and the test questions.

  generate.py OUT --samples N --seed S
OUT/train.jsonl: {"system": text or null, "turns": [[question, answer], ...]}; OUT/test.json: {set: [{"q", "intent"}]};
OUT/intents.json: the answers; OUT/facts.json: how many templates there were.
"""
import argparse
import json
import random
from pathlib import Path

from questions import OFF, Questions, key

SYSTEMS = ["You are a helpful assistant.", "You are a helpful AI assistant. Answer briefly.", "Be concise.",
           "You are ember.", "You are an expert on everything.", "Answer in one sentence.", "You are a pirate.",
           "You are a friendly chatbot.", "Always answer truthfully.", "You are a large language model.",
           "Be polite and short.", "You answer questions about software.", "Speak like a teacher.",
           "You are a helpful, respectful and honest assistant. Always answer as helpfully as possible, while being safe.",
           "Answer the user's questions.", "You are an assistant for programmers.", "Use plain text.", "Du bist ein Assistent."]


def conversation(questions, rng):
    chance = rng.random()
    turns = 1 if chance < 0.8 else rng.randint(2, 4) if chance < 0.985 else rng.randint(12, 22)
    drawn = [questions.draw() for _ in range(turns)]
    system = rng.choice(SYSTEMS) if rng.random() < 0.12 else None
    return {"system": system, "turns": [[text, questions.answer(name)] for name, text in drawn]}


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
    rng = random.Random(given.seed)
    with open(given.out / "train.jsonl", "w", encoding="utf-8") as file:
        for _ in range(given.samples):
            file.write(json.dumps(conversation(questions, rng), ensure_ascii=False) + "\n")
    answers = {name: questions.answer(name) for name in [*questions.names, OFF]}
    facts = {"intents": len(questions.intents), "off_templates": len(questions.off.templates),
             "templates": sum(len(intent.templates) for intent in questions.intents.values())}
    (given.out / "facts.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    (given.out / "intents.json").write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")
    (given.out / "test.json").write_text(json.dumps(sets, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
