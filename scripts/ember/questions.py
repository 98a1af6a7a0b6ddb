"""Draws questions: an intent's template in a frame, then the noise of real typing."""
import random

import grammar
import offtopic

INTENT_FILES = ["model_use.txt", "server.txt", "models.txt", "settings.txt", "project.txt", "social.txt",
                "more.txt", "wording.txt", "wording2.txt"]
OFF_FILES = ["offtopic_world.txt", "offtopic_life.txt", "offtopic_tech.txt", "offtopic_more.txt",
             "offtopic_wide.txt"]
OFF = "off_topic"
SOCIAL = ("greeting", "thanks", "bye", "about_ember")
CASE = {"gguf": "GGUF", "i": "I", "i'm": "I'm", "i'd": "I'd", "i've": "I've", "api": "API", "openai": "OpenAI",
        "anthropic": "Anthropic", "llm": "LLM", "llms": "LLMs", "url": "URL", "http": "HTTP", "ram": "RAM",
        "french": "French", "german": "German", "ctrl-c": "Ctrl-C", "ollama": "Ollama", "tls": "TLS", "ai": "AI"}
KEYS = {c: n for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm") for c, n in zip(row, row[1:] + row[-2])}


class Questions:
    def __init__(self, seed, ordinary=0.0):
        """ordinary: share of the questions that come from plain.txt"""
        self.rng = random.Random(seed)
        self.ordinary, self.plainest = ordinary, grammar.load_intents(["plain.txt"])
        self.slots = grammar.Slots("slots.txt", "slots_offtopic.txt")
        found = grammar.load_intents(INTENT_FILES + OFF_FILES)
        self.off = found.pop(OFF)
        self.intents = found
        self.names = list(found)
        self.frames = {kind: [] for kind in "ATPSX"}
        for line in grammar.lines("frames.txt"):
            self.frames[line[0]].append(grammar.parse(line[2:]))
        self.thesaurus = {}
        for line in grammar.lines("thesaurus.txt"):
            word, _, others = line.partition(" = ")
            self.thesaurus.setdefault(word, []).extend(others.split("|"))
        self.held = {key(q) for intent in [*found.values(), self.off] for q in intent.held}

    def answer(self, name):
        return self.off.answer if name == OFF else self.intents[name].answer

    def draw(self, name=None, noise=True):
        """(intent name, question)"""
        rng = self.rng
        while True:
            chosen = name or (OFF if rng.random() < 0.28 else rng.choice(self.names))
            text = self.plain(chosen)
            if noise:
                text = self.spoil(text, chosen)
            if text and key(text) not in self.held:
                return chosen, text

    def plain(self, name):
        rng = self.rng
        if self.ordinary and rng.random() < self.ordinary:
            return grammar.tidy(grammar.expand(rng.choice(self.plainest[name].templates)[1], rng, self.slots))
        if name == OFF and rng.random() < 0.12:
            return offtopic.gibberish(rng)
        intent = self.off if name == OFF else self.intents[name]
        kind, tree = rng.choice(intent.templates)
        text = grammar.tidy(grammar.expand(tree, rng, self.slots))
        if kind == "V":
            given = {"V": text, "G": gerund(text)}
            text = self.some("A", given)
        elif kind == "N":
            text = self.some("T", {"N": text})
        if rng.random() < 0.13:
            text = self.some("P") + " " + text
        if name not in SOCIAL:
            chance = rng.random()
            if chance < 0.1:
                text += " " + self.some("S")
            elif chance < 0.26 and name != OFF and kind != "N":
                text += " " + self.some("X")
        return grammar.tidy(text)

    def some(self, kind, given=None):
        return grammar.expand(self.rng.choice(self.frames[kind]), self.rng, self.slots, given)

    def spoil(self, text, name):
        rng = self.rng
        words = text.split(" ")
        if name not in SOCIAL and rng.random() < 0.3:
            words = [rng.choice(self.thesaurus[w]) if w in self.thesaurus and rng.random() < 0.5 else w for w in words]
        if rng.random() < 0.1:
            words = [w for w in words if w not in ("a", "the", "my", "do", "i", "is", "to") or rng.random() < 0.5] or words
        if len(words) > 4 and rng.random() < 0.07:
            words[rng.randrange(len(words))] = offtopic.pseudo_word(rng)
        if rng.random() < 0.14:
            for _ in range(rng.choice((1, 1, 2))):
                at = rng.randrange(len(words))
                words[at] = typo(words[at], rng)
        case = rng.random()
        if case < 0.45:
            words = [CASE.get(w, w) for w in words]
            words[0] = words[0][:1].upper() + words[0][1:]
            if rng.random() < 0.2:
                words = ["Hearth" if w == "hearth" else w for w in words]
        elif case < 0.48:
            words = [w.upper() for w in words]
        text = " ".join(w for w in words if w)
        if text and text[-1] not in "?.!":
            text += rng.choice(("?", "?", "?", "?", "", "", "", "", "", ".", "!", "??", " ?", "..."))
        return text


def key(text):
    """What makes two questions the same: letters and digits."""
    return "".join(c for c in text.lower() if c.isalnum())


def gerund(phrase):
    """'set up a server' -> 'setting up a server'"""
    verb, space, rest = phrase.partition(" ")
    if verb.endswith("ie"):
        verb = verb[:-2] + "y"
    elif verb.endswith("e") and verb[-2:] not in ("ee", "oe", "ye") and verb != "be":
        verb = verb[:-1]
    elif len(verb) > 2 and verb[-1] in "tnpmgdb" and verb[-2] in "aeiou" and verb[-3] not in "aeiou" and \
            (len(verb) < 5 or verb in ("unplug", "forget", "begin", "commit", "submit", "permit")):
        verb += verb[-1]
    return verb + "ing" + space + rest


def typo(word, rng):
    if len(word) < 4:
        return word
    at = rng.randrange(len(word) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2:]
    if kind == 1:
        return word[:at] + word[at + 1:]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + KEYS.get(word[at], word[at]) + word[at + 1:]
