"""Byte-level BPE with GPT-2 splitting: training, and encoding with seeded BPE dropout."""
import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import chat

VOCABULARY = 4096


def train(texts, path):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=chat.SPECIALS, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), min_frequency=2)
    tokenizer.train_from_iterator(texts, trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY
    tokenizer.save(str(path))
    return tokenizer


def load(path):
    return Tokenizer.from_file(str(path))


class Dropout:
    """Splits some words at random into smaller known pieces, so that unusual spellings are seen in training."""

    def __init__(self, tokenizer, path):
        model = json.loads(open(path, encoding="utf-8").read())["model"]
        self.vocab = model["vocab"]
        self.ranks = {tuple(m if isinstance(m, list) else m.split(" ")): r for r, m in enumerate(model["merges"])}
        self.split = tokenizer.pre_tokenizer
        self.whole = {}

    def encode(self, text, rng, words=0.06, rate=0.15):
        """words: share of the words that are split; rate: share of the merges that are left out in such a word"""
        ids = []
        for word, _ in self.split.pre_tokenize_str(text):
            if rng.random() < words:
                ids += self.pieces(word, rng, rate)
            else:
                if word not in self.whole:
                    self.whole[word] = self.pieces(word, rng, -1)
                ids += self.whole[word]
        return ids

    def pieces(self, word, rng, rate):
        parts = list(word)
        while len(parts) > 1:
            ranked = [(self.ranks[pair], i) for i, pair in enumerate(zip(parts, parts[1:]))
                      if pair in self.ranks and rng.random() >= rate]
            if not ranked:
                break
            _, i = min(ranked)
            parts[i:i + 2] = [parts[i] + parts[i + 1]]
        return [self.vocab[p] for p in parts]
