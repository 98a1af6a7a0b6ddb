"""Writes what lies beside the GGUF: test data from the torch model, and the model card.

  artifacts.py OUT MODELS
"""
import argparse
import json
import re
from pathlib import Path

import chat
import evaluate
import model as ember
import tokenizer as bpe
from questions import OFF, Questions

VERBATIM = ["How do I use a GGUF file I have?", "How do I download a model?", "How do I start the server?",
            "How do I chat with a model?", "Which models are installed?", "Which models are loaded?",
            "How do I delete a model?", "How do I change the port?", "Where are models stored?",
            "Who are you?", "What is hearth?", "What license does hearth have?", "Hello", "Thanks!", "Goodbye",
            "How do I stop the server?", "How do I change the context size?", "How do I get an embedding?",
            "What is the capital of France?"]
TOKENS = ["", " ", "  ", "a", "hello world", "Hello, World!", "don't", "I'm sure they're we've you'll he'd it's", "DON'T",
          "0", "42", "1234567890", "3.14159", "127.0.0.1:11434", "http://127.0.0.1:11434/v1/chat/completions",
          "/home/user/.local/share/hearth", "C:\\Users\\me", "~/models/llama-3.1-8b.Q4_K_M.gguf", "qwen2.5:7b",
          "Äpfel, Öl und Übermut: süß", "naïve café", "你好，世界", "日本語のテキスト", "한국어", "Привет, мир", "مرحبا بالعالم", "😀", "👩‍👩‍👧 ok 🇩🇪",
          "two  spaces   three", " leading", "trailing ", "trailing  ", "tab\there", "line\nbreak", "two\n\nbreaks", "  \n  mixed \t ",
          "def f(x):\n    return x ** 2  # square\n", "if (a == b) { c[0] += 1; }", '{"role": "user", "content": [1, 2.5, null]}',
          "SELECT * FROM t WHERE id=3;", "--max-tokens 100 --top-p 0.9", "snake_case camelCase kebab-case", "!!!???...", "a'b''c'",
          "e\u0301 combining", "\u00a0nbsp", "ﬁ ligature", "½ ² ③", "1st 2nd x86_64 v1.2.3-rc4", "hearth import PATH",
          "How do I use a GGUF file I have?"]
COMMAND = re.compile(r"hearth(?: --help\b|(?: (?:serve|run|chat|models|ps|list|show|import|delete|rm|copy|stop|embed|doctor|config|version)\b)"
                     r"(?: (?:MODEL|NAME|PATH|TEXT|list|info)\b| --[a-z][a-z-]*(?: (?:[A-Z]+\b|[0-9][0-9.]*[0-9a-z]|[0-9]))?)*)")


def commands(answers):
    return sorted({match.group() for answer in answers for match in COMMAND.finditer(answer)})


def card(facts):
    template = (Path(__file__).parent / "card.md").read_text(encoding="utf-8")
    return re.sub(r"\{(\w+)\}", lambda m: str(facts[m.group(1)]), template)


def percent(part):
    return f"{part['right']} of {part['questions']} ({100 * part['right'] / max(1, part['questions']):.0f} %)"


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def data(out, models):
    answers = json.loads((out / "intents.json").read_text(encoding="utf-8"))
    ask = evaluate.torch_model(out)
    write(models / "answers.json", [{"question": q, "answer": ask(q)} for q in held_in_questions(answers)])
    name_of = {answer: name for name, answer in answers.items()}
    verbatim = [{"question": q, "answer": ask(q)} for q in VERBATIM]
    for item in verbatim:
        print(f"{name_of.get(item['answer'], '??'):15} {item['question']}")
    write(models / "verbatim.json", verbatim)
    tokenizer = bpe.load(out / "tokenizer.json")
    write(models / "tokens.json", [{"text": t, "ids": tokenizer.encode(t).ids} for t in TOKENS])
    write(models / "commands.json", commands(answers.values()))
    write(models / "intents.json", answers)


def held_in_questions(answers):
    source = Questions(77)
    return [source.draw(name)[1] for name in answers for _ in range(12 if name == OFF else 6)] + VERBATIM


def describe(out, models):
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    blind_file = models / "blind-score.json"
    blind = json.loads(blind_file.read_text(encoding="utf-8"))["blind"] if blind_file.exists() else None
    net = ember.load(out / "ember.pt")
    drawn_from = json.loads((out / "facts.json").read_text(encoding="utf-8"))
    file = models / "ember-q8_0.gguf"
    facts = {"megabytes": f"{file.stat().st_size / 1e6:.2f}", "parameters": f"{sum(p.numel() for p in net.parameters()):,}",
             "layers": net.shape.layers, "width": net.shape.width, "heads": net.shape.heads, "kv_heads": net.shape.kv_heads,
             "hidden": net.shape.hidden, "vocabulary": net.shape.vocabulary, "context": net.shape.context,
             **drawn_from, "steps": (out / "steps").read_text().strip(), "last_steps": int((out / "steps").read_text()) // 15,
             "seen": percent(scores["seen"]), "held": percent(scores["held"]), "off": percent(scores["off"]),
             "blind_all": percent(blind) if blind else "not measured yet",
             "blind_on": percent(blind["on_topic"]) if blind else "not measured yet",
             "blind_off": percent(blind["off_topic"]) if blind else "not measured yet"}
    (models / "README.md").write_text(card(facts), encoding="utf-8")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("out", type=Path)
    options.add_argument("models", type=Path)
    options.add_argument("--card-only", action="store_true")
    given = options.parse_args()
    if not given.card_only:
        data(given.out, given.models)
    describe(given.out, given.models)


if __name__ == "__main__":
    main()
