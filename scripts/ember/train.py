"""Trains ember on OUT/train.jsonl: tokenizer, AdamW, one thread, fixed seed.

  train.py OUT --steps N [--phase P]
Writes OUT/tokenizer.json, OUT/phase1.pt, OUT/phase2.pt and OUT/ember.pt; --phase starts with what the phase before left.

Telling the intents apart is the hard part, and most of an answer's words add nothing to it. So most questions come
without their answer: in the first phase the state after the prompt must name the intent, through a head that is dropped
afterwards; in the second the model must write the answer as far as it differs from the other answers. Whole
conversations, now and then, teach the rest. The third phase is short and like the second, on OUT/last.jsonl.
"""
import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import chat
import model as ember
import tokenizer as bpe
import warmstart

SHORT, LONG = 256, 1024  # lengths of the rows that conversations are packed in
STEP_TOKENS = 1024  # of conversations, in every third step of the first phase and every second one of the second
STEP_QUESTIONS = 128
POOL = 8  # so many steps' questions are sorted by length together


def documents(items, encode, spell):
    """Yields (ids, targets); a target of -1 carries no loss."""
    for item in items:
        ids, learn = [], []

        def add(part, wanted=False):
            ids.extend(part)
            learn.extend([wanted] * len(part))

        if item["system"]:
            add([chat.IM_START] + encode("system\n" + item["system"]) + [chat.IM_END] + encode("\n"))
        for question, answer in item["turns"]:
            add([chat.IM_START] + encode("user\n") + spell(question) + [chat.IM_END] + encode("\n"))
            add([chat.IM_START] + encode("assistant\n"))
            add(encode(answer) + [chat.IM_END], True)
            add(encode("\n"))
            if len(ids) > LONG - 200:
                break
        targets = [n if w else -1 for n, w in zip(ids[1:], learn[1:])] + [-1]
        yield ids[:LONG], targets[:LONG]


def rows(docs):
    """Packs documents into rows of SHORT or LONG tokens: (length, tokens, targets, positions, document)."""
    open_rows = {SHORT: None, LONG: None}
    for ids, targets in docs:
        length = SHORT if len(ids) <= SHORT else LONG
        row = open_rows[length]
        if row is None or len(row[0]) + len(ids) > length:
            if row is not None:
                yield length, pad(row, length)
            row = open_rows[length] = ([], [], [], [])
        number = row[3][-1] + 1 if row[3] else 0
        for part, value in zip(row, (ids, targets, range(len(ids)), [number] * len(ids))):
            part.extend(value)


def pad(row, length):
    missing = length - len(row[0])
    last = row[3][-1] + 1
    return [part + [fill] * missing for part, fill in zip(row, (chat.END_OF_TEXT, -1, 0, last))]


def batches(docs):
    waiting = {SHORT: [], LONG: []}
    for length, row in rows(docs):
        waiting[length].append(row)
        if len(waiting[length]) * length == STEP_TOKENS:
            yield [torch.tensor(part) for part in zip(*waiting[length])]
            waiting[length] = []


def asked(ids, encode):
    return [chat.IM_START] + encode("user\n") + ids + [chat.IM_END] + encode("\n") + [chat.IM_START] + encode("assistant\n")


def stacked(chosen):
    """[(ids, label, prefix)] -> tokens padded on the right, indices of what is predicted, labels, predicted tokens or -1"""
    inputs = [ids + prefix[:-1] for ids, _, prefix in chosen]
    longest, ends = max(map(len, inputs)), max(max(len(prefix), 1) for _, _, prefix in chosen)
    tokens = torch.tensor([ids + [chat.END_OF_TEXT] * (longest - len(ids)) for ids in inputs])
    last = torch.tensor([[len(ids) - 1 + min(n, max(len(prefix) - 1, 0)) for n in range(ends)] for ids, _, prefix in chosen])
    wanted = torch.tensor([prefix + [-1] * (ends - len(prefix)) for _, _, prefix in chosen])
    return tokens, last, torch.tensor([label for _, label, _ in chosen]), wanted


def telling_prefixes(answers):
    """Token lists -> for each as many of its first tokens as no other list begins with."""
    found = []
    for own in answers:
        shared = [next((n for n, (a, b) in enumerate(zip(own, other)) if a != b), min(len(own), len(other)))
                  for other in answers if other is not own]
        found.append(own[:max(shared) + 1])
    return found


def question_batches(items, classes, prefixes, encode, spell, rng):
    """Questions of like length go together, which saves padding. prefixes: per class, what to write, or empty."""
    pool = []
    for item in items:
        question, answer = item["turns"][0]
        label = classes[answer]
        pool.append((asked(spell(question), encode)[:SHORT], label, prefixes[label]))
        if len(pool) == POOL * STEP_QUESTIONS:
            pool.sort(key=lambda entry: len(entry[0]))
            parts = [pool[at:at + STEP_QUESTIONS] for at in range(0, len(pool), STEP_QUESTIONS)]
            rng.shuffle(parts)
            for part in parts:
                yield stacked(part)
            pool = []


def rate(step, steps, warm=100):
    return min(1.0, (step + 1) / warm) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))))


@torch.no_grad()
def watch(net, head, sets, classes_of, prefixes, encode):
    """Share of the held-out questions that are told apart: by the head, or by every token of the answer's prefix."""
    net.eval()
    shares = []
    for name, items in sets.items():
        right = 0
        entries = [(asked(encode(item["q"]), encode), classes_of[item["intent"]], prefixes[classes_of[item["intent"]]])
                   for item in items]
        for at in range(0, len(entries), 64):
            tokens, last, labels, wanted = stacked(entries[at:at + 64])
            hidden = net(tokens, last=last)
            if head:
                right += (head(hidden[:, 0]).argmax(-1) == labels).sum().item()
            else:
                right += ((net.logits(hidden).argmax(-1) == wanted) | (wanted < 0)).all(-1).sum().item()
        shares.append(f"{name} {100 * right / len(items):.1f}")
    net.train()
    return ", ".join(shares)


def optimizer_for(net, head, lr):
    decay = [p for p in net.parameters() if p.dim() == 2]
    plain = [p for p in net.parameters() if p.dim() != 2] + (list(head.parameters()) if head else [])
    return torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}], lr=lr, betas=(0.9, 0.98))


def train(net, head, questions, conversations, every, steps, schedule, lr, look):
    """One phase. With a head the questions name their intent, without it they begin their answer."""
    optimizer = optimizer_for(net, head, lr)
    params = [*net.parameters(), *(head.parameters() if head else [])]
    net.train()
    began, worked, means, step = time.time(), time.process_time(), (4.0, 8.0), 0
    telling = torch.tensor(8.0)
    for prompts, last, labels, wanted in questions:
        for group in optimizer.param_groups:
            group["lr"] = lr * rate(step, schedule)
        optimizer.zero_grad(set_to_none=True)
        hidden = net(prompts, last=last)
        if head:
            asking = F.cross_entropy(head(hidden[:, 0]), labels)
        else:
            there = wanted >= 0
            asking = F.cross_entropy(net.logits(hidden[there]), wanted[there], reduction="sum") / len(labels)
        asking.backward()
        if step % every == 0:
            tokens, targets, positions, document = next(conversations)
            there = targets >= 0
            telling = F.cross_entropy(net.logits(net(tokens, positions, document)[there]), targets[there])
            telling.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        now = asking.item(), telling.item()
        means = [0.98 * m + 0.02 * n for m, n in zip(means, now)]
        step += 1
        if step % 100 == 0:
            seen = look() if step % 400 == 0 or step == steps else ""
            print(f"step {step} loss {means[0]:.4f} {means[1]:.4f} {time.time() - began:.0f} s"
                  f" (processor {time.process_time() - worked:.0f} s) {seen}", flush=True)
        if step == steps:
            return
    raise SystemExit(f"data for {step} steps only: raise --samples")


def read(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("out", type=Path)
    options.add_argument("--steps", type=int, default=100, help="of the first two phases together")
    options.add_argument("--phase", type=int, default=1)
    given = options.parse_args()
    torch.set_num_threads(1)
    out, drop = given.out, 0.1
    data, last = read(out / "train.jsonl"), read(out / "last.jsonl")
    answers = json.loads((out / "intents.json").read_text(encoding="utf-8"))
    sets = json.loads((out / "test.json").read_text(encoding="utf-8"))
    classes = {answer: number for number, answer in enumerate(answers.values())}
    classes_of = {name: classes[answer] for name, answer in answers.items()}
    path = out / "tokenizer.json"
    texts = (t for item in data[:60000] for turn in item["turns"] for t in turn)
    tokenizer = bpe.train(texts, path) if given.phase == 1 else bpe.load(path)
    speller = bpe.Dropout(tokenizer, path)
    cache = {}

    def encode(text):
        if text not in cache:
            cache[text] = tokenizer.encode(text).ids
        return list(cache[text])

    def feeds(items, prefixes, rng):
        def spell(text):
            return speller.encode(text, rng)
        return (question_batches((i for i in items if not i["whole"]), classes, prefixes, encode, spell, rng),
                batches(documents((i for i in items if i["whole"]), encode, spell)))

    first, cut = given.steps * 2 // 3, len(data) * 2 // 3
    if given.phase == 1:
        torch.manual_seed(1)
        rng, empty = random.Random(1), [[] for _ in classes]
        net = ember.Ember(ember.Shape(vocabulary=bpe.VOCABULARY), drop)
        head = torch.nn.Linear(net.shape.width, len(classes))
        torch.nn.init.zeros_(head.bias)
        alone = [item for item in data[:70000] if not item["whole"]][:60000]
        net.embedding.weight.data.copy_(warmstart.vectors(alone, classes, lambda text: speller.encode(text, rng),
                                                          bpe.VOCABULARY, net.shape.width))
        print(f"{sum(p.numel() for p in net.parameters()):,} parameters", flush=True)
        train(net, head, *feeds(data[:cut], empty, rng), every=3, steps=first, schedule=given.steps, lr=3e-3,
              look=lambda: watch(net, head, sets, classes_of, empty, encode))
        net.save(out / "phase1.pt")
    prefixes = telling_prefixes([encode(answer) + [chat.IM_END] for answer in answers.values()])
    for phase, items, steps, lr, every in ((2, data[cut:], given.steps - first, 2e-3, 2), (3, last, given.steps // 15, 7e-4, 1)):
        if phase >= given.phase:
            torch.manual_seed(phase)
            net = ember.load(out / f"phase{phase - 1}.pt")
            net.drop.p = drop
            train(net, None, *feeds(items, prefixes, random.Random(phase)), every=every, steps=steps, schedule=steps, lr=lr,
                  look=lambda: watch(net, None, sets, classes_of, prefixes, encode))
            net.save(out / ("phase2.pt" if phase == 2 else "ember.pt"))


if __name__ == "__main__":
    main()
