"""A small llama: RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied embeddings."""
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Shape:
    vocabulary: int = 2048
    width: int = 256
    layers: int = 3
    heads: int = 8
    kv_heads: int = 4
    hidden: int = 512
    context: int = 1024
    rope_base: float = 10000.0
    epsilon: float = 1e-5

    @property
    def head(self):
        return self.width // self.heads


def rotate(x, cos, sin):
    """x: [batch, heads, time, head]; the two halves of a head form the pairs."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Block(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.shape = s
        kv = s.kv_heads * s.head
        self.attention_norm = nn.RMSNorm(s.width, s.epsilon)
        self.q = nn.Linear(s.width, s.width, bias=False)
        self.k = nn.Linear(s.width, kv, bias=False)
        self.v = nn.Linear(s.width, kv, bias=False)
        self.o = nn.Linear(s.width, s.width, bias=False)
        self.ffn_norm = nn.RMSNorm(s.width, s.epsilon)
        self.gate = nn.Linear(s.width, s.hidden, bias=False)
        self.up = nn.Linear(s.width, s.hidden, bias=False)
        self.down = nn.Linear(s.hidden, s.width, bias=False)

    def forward(self, x, cos, sin, mask, last=None):
        """mask None: plain causal attention. With last, indices per text, only the states at those are computed."""
        s, (batch, time, _) = self.shape, x.shape
        h = self.attention_norm(x)
        asking, turn = h, (cos, sin)
        if last is not None:
            rows = (torch.arange(batch)[:, None], last)
            asking, turn, x = h[rows], (cos[0, 0, last][:, None], sin[0, 0, last][:, None]), x[rows]
            mask = (torch.arange(time) <= last[:, :, None])[:, None]
        q = rotate(self.q(asking).view(batch, -1, s.heads, s.head).transpose(1, 2), *turn)
        k = rotate(self.k(h).view(batch, time, s.kv_heads, s.head).transpose(1, 2), cos, sin)
        v = self.v(h).view(batch, time, s.kv_heads, s.head).transpose(1, 2)
        groups = s.heads // s.kv_heads
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        h = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        x = x + self.o(h.transpose(1, 2).reshape(x.shape))
        h = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Ember(nn.Module):
    def __init__(self, shape, drop=0.0):
        super().__init__()
        self.shape = shape
        self.drop = nn.Dropout(drop)  # of embeddings, in training only
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, shape.epsilon)
        steps = torch.arange(0, shape.head, 2) / shape.head
        angles = torch.outer(torch.arange(shape.context), shape.rope_base ** -steps)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                scale = 0.02 if not name.endswith(("o.weight", "down.weight")) else 0.02 / (2 * shape.layers) ** 0.5
                nn.init.normal_(p, std=scale)

    def forward(self, tokens, positions=None, document=None, last=None):
        """tokens: [batch, time]; document numbers packed texts, which must not see each other. Returns hidden states;
        with last, [batch, n] indices per text, only those at the indices."""
        time = tokens.shape[1]
        if positions is None:
            positions = torch.arange(time).expand(tokens.shape)
        cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]
        mask = None
        if document is not None:
            mask = torch.ones(time, time, dtype=torch.bool).tril() & (document[:, None, :, None] == document[:, None, None, :])
        x = self.drop(self.embedding(tokens))
        for number, block in enumerate(self.blocks):
            x = block(x, cos, sin, mask, last if number == self.shape.layers - 1 else None)
        return self.norm(x)

    def logits(self, hidden):
        return hidden @ self.embedding.weight.T

    @torch.no_grad()
    def answer(self, ids, stop, guesses=(), limit=100):
        """Greedy continuation of ids up to the stop token: (ids, stopped). Guesses only save time: known answers whose
        tokens are checked in one pass."""
        out = []
        while len(out) < limit:
            draft = next((g[len(out):] for g in guesses if len(g) > len(out) and g[:len(out)] == out), [])
            hidden = self(torch.tensor([ids + out + draft]))[0, len(ids) + len(out) - 1:]
            for expected, token in zip(draft + [None], self.logits(hidden).argmax(-1).tolist()):
                if token == stop:
                    return out, True
                out.append(token)
                if token != expected:
                    break
        return out, False

    def save(self, path):
        torch.save({"shape": asdict(self.shape), "weights": self.state_dict()}, path)


def load(path):
    stored = torch.load(path, weights_only=True)
    model = Ember(Shape(**stored["shape"]))
    model.load_state_dict(stored["weights"])
    return model.eval()
