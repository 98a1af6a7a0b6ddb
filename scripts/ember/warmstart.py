"""First word vectors: the mean vector of a question's tokens must tell its answer. Seconds of work instead of minutes
of the transformer finding out the same, and rare words get a meaning early."""
import random

import torch
import torch.nn.functional as F
from torch import nn


def vectors(conversations, classes, spell, vocabulary, width, passes=5, batch=256):
    """[vocabulary, width], scaled like a fresh embedding."""
    rng = random.Random(2)
    items = [(spell(question), classes[answer]) for item in conversations for question, answer in item["turns"]]
    bag = nn.EmbeddingBag(vocabulary, width, mode="mean")
    nn.init.normal_(bag.weight, std=0.1)
    head = nn.Linear(width, len(classes))
    optimizer = torch.optim.Adam([*bag.parameters(), *head.parameters()], lr=5e-3)
    steps, step = passes * (len(items) // batch), 0
    for _ in range(passes):
        rng.shuffle(items)
        for at in range(0, len(items) - batch + 1, batch):
            for group in optimizer.param_groups:
                group["lr"] = 5e-3 * (1 - step / steps)
            chosen = items[at:at + batch]
            flat = torch.tensor([i for ids, _ in chosen for i in ids])
            starts = torch.tensor([0] + [len(ids) for ids, _ in chosen[:-1]]).cumsum(0)
            labels = torch.tensor([label for _, label in chosen])
            loss = F.cross_entropy(head(bag(flat, starts)), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
    print(f"word vectors: loss {loss.item():.3f}", flush=True)
    weight = bag.weight.detach()
    return (weight - weight.mean(0)) / weight.std() * 0.03
