"""A small template language: (a|b) one of, [a] or nothing, {slot} a word from the slot lists."""
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

DATA = Path(__file__).parent / "data"
_TOKEN = re.compile(r"[()\[\]|]|\{\w+\}|[^()\[\]|{]+|\{")


def parse(text):
    """Template text -> tree: str, ('slot', name) or ('alt', [sequence, ...])."""
    tokens = _TOKEN.findall(text)
    position = 0

    def alternatives(closing):
        nonlocal position
        branches, sequence = [], []
        while position < len(tokens):
            token = tokens[position]
            position += 1
            if token == closing:
                return branches + [sequence]
            if token == "|" and closing:
                branches.append(sequence)
                sequence = []
            elif token == "(":
                sequence.append(("alt", alternatives(")")))
            elif token == "[":
                sequence.append(("alt", alternatives("]") + [[]]))
            elif token in (")", "]"):
                raise ValueError(f"unbalanced {token} in: {text}")
            elif re.fullmatch(r"\{\w+\}", token):
                sequence.append(("slot", token[1:-1]))
            else:
                sequence.append(token)
        if closing:
            raise ValueError(f"missing {closing} in: {text}")
        return branches + [sequence]

    return alternatives(None)[0]


class Slots:
    """Named word lists; a value may itself be a template."""

    def __init__(self, *files):
        self.values = {}
        for file in files:
            for line in lines(file):
                name, _, value = line.partition(" = ")
                self.values[name] = [parse(v) for v in value.split("|")]


def lines(file):
    text = (DATA / file).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def expand(tree, rng: random.Random, slots: Slots, given=None):
    parts = []
    for node in tree:
        if isinstance(node, str):
            parts.append(node)
        elif node[0] == "slot":
            if given and node[1] in given:
                parts.append(given[node[1]])
            else:
                parts.append(expand(rng.choice(slots.values[node[1]]), rng, slots, given))
        else:
            branches = node[1]
            parts.append(expand(branches[int(rng.random() * len(branches))], rng, slots, given))
    return "".join(parts)


def tidy(text):
    return re.sub(r"\s+([,.?!])", r"\1", re.sub(r"\s+", " ", text)).strip(" ,")


@dataclass
class Intent:
    name: str
    answer: str = ""
    templates: list = field(default_factory=list)  # (kind, tree), kind V, N or Q
    held: list = field(default_factory=list)  # plain questions kept out of training


def load_intents(files):
    """Reads intent files; one intent may be spread over several files."""
    found = {}
    for file in files:
        intent = None
        for line in lines(file):
            kind, _, text = line.partition(" ")
            if kind == "@":
                intent = found.setdefault(text, Intent(text))
            elif kind == "!":
                if intent.answer not in ("", text):
                    raise ValueError(f"two answers for {intent.name}")
                intent.answer = text
            elif kind == "H":
                intent.held.append(text)
            elif kind in ("V", "N", "Q"):
                intent.templates.append((kind, parse(text)))
            else:
                raise ValueError(f"{file}: unknown line: {line}")
    return found
