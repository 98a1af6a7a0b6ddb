"""Trains ember on OUT/train.jsonl: tokenizer, packed batches, AdamW; one thread, fixed seed.

  train.py OUT --steps N
Writes OUT/tokenizer.json and OUT/ember.pt.
"""
import argparse
import json
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import chat
import model as ember
import tokenizer as bpe
import warmstart

SHORT, LONG = 256, 1024  # row lengths
STEP_TOKENS = 2048


def documents(path, encode, spell, rng):
    """Yields (ids, targets); a target of -1 carries no loss."""
    for line in open(path, encoding="utf-8"):
        item = json.loads(line)
        ids, learn = [], []

        def add(part, wanted=False):
            ids.extend(part)
            learn.extend([wanted] * len(part))

        if item["system"]:
            add([chat.IM_START] + encode("system\n" + item["system"]) + [chat.IM_END] + encode("\n"))
        for question, answer in item["turns"]:
            asked = spell(question, rng) if rng.random() < 0.2 else encode(question)
            add([chat.IM_START] + encode("user\n") + asked + [chat.IM_END] + encode("\n"))
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


def rate(step, steps, warm=100):
    return min(1.0, (step + 1) / warm) * max(0.02, 1 - step / steps)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("out", type=Path)
    options.add_argument("--steps", type=int, default=100)
    options.add_argument("--lr", type=float, default=3e-3)
    options.add_argument("--threads", type=int, default=1)
    given = options.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(given.threads)
    data = given.out / "train.jsonl"
    texts = [t for line in open(data, encoding="utf-8").readlines()[:60000] for turn in json.loads(line)["turns"] for t in turn]
    tokenizer = bpe.train(texts, given.out / "tokenizer.json")
    spell = bpe.Dropout(tokenizer, given.out / "tokenizer.json").encode
    cache = {}

    def encode(text):
        if len(text) < 120 and text in cache:
            return cache[text]
        ids = cache[text] = tokenizer.encode(text).ids
        return ids

    net = ember.Ember(ember.Shape(vocabulary=bpe.VOCABULARY))
    vectors = warmstart.vectors(data, encode, spell, bpe.VOCABULARY, net.shape.width)
    net.embedding.weight.data.copy_(vectors)
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters", flush=True)
    decay = [p for p in net.parameters() if p.dim() == 2]
    plain = [p for p in net.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}],
                                  lr=given.lr, betas=(0.9, 0.95))
    began, mean, step = time.time(), None, 0
    for tokens, targets, positions, document in batches(documents(data, encode, spell, random.Random(1))):
        for group in optimizer.param_groups:
            group["lr"] = given.lr * rate(step, given.steps)
        hidden = net(tokens, positions, document)
        wanted = targets >= 0
        loss = F.cross_entropy(net.logits(hidden[wanted]), targets[wanted])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        step += 1
        if step % 50 == 0:
            print(f"step {step} loss {mean:.4f} {time.time() - began:.0f} s", flush=True)
        if step % 1000 == 0 or step == given.steps:
            net.save(given.out / "ember.pt")
        if step == given.steps:
            return
    raise SystemExit(f"data for {step} steps only: raise --samples")


if __name__ == "__main__":
    main()
