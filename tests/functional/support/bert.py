"""Tiny BERT models as GGUF files: random ones, and checkpoints of transformers, in the forms that llama.cpp reads."""
import json
import random
import struct

U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
CONTROL, NORMAL = 3, 1
ALIGNMENT = 32
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def _text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _value(kind, value):
    if kind == STRING:
        return _text(value)
    if kind == ARRAY:
        inner, values = value
        return struct.pack("<IQ", inner, len(values)) + b"".join(_value(inner, v) for v in values)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}[kind], value)


def write(path, keys, tensors):
    """`keys`: {name: (kind, value)}; `tensors`: {name: (shape with the row length first, float32 bytes)}."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    for name, (kind, value) in keys.items():
        head += _text(name) + struct.pack("<I", kind) + _value(kind, value)
    body = b""
    for name, (shape, data) in tensors.items():
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(body))
        body += data + bytes(-len(data) % ALIGNMENT)
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + body)
    return path


def keys(config, vocabulary, pooling, labels=()):
    """The header of a BERT of config.json's sizes; `pooling`: llama.cpp's number (mean 1, cls 2, last 3, rank 4)."""
    def shown(token):  # words begin with a mark, their continuations do not
        return token if token in SPECIAL else token[2:] if token.startswith("##") else "\u2581" + token

    out = {"general.architecture": (STRING, "bert"), "general.name": (STRING, "tiny bert"),
           "bert.block_count": (U32, config["num_hidden_layers"]), "bert.context_length": (U32, config["max_position_embeddings"]),
           "bert.embedding_length": (U32, config["hidden_size"]), "bert.feed_forward_length": (U32, config["intermediate_size"]),
           "bert.attention.head_count": (U32, config["num_attention_heads"]), "bert.attention.layer_norm_epsilon": (F32, 1e-12),
           "bert.attention.causal": (BOOL, False), "bert.pooling_type": (U32, pooling),
           "tokenizer.ggml.model": (STRING, "bert"), "tokenizer.ggml.pre": (STRING, "default"),
           "tokenizer.ggml.token_type_count": (U32, config["type_vocab_size"]),
           "tokenizer.ggml.tokens": (ARRAY, (STRING, [shown(t) for t in vocabulary])),
           "tokenizer.ggml.token_type": (ARRAY, (I32, [CONTROL if t in SPECIAL else NORMAL for t in vocabulary]))}
    for key, token in {"padding": "[PAD]", "unknown": "[UNK]", "bos": "[CLS]", "seperator": "[SEP]", "cls": "[CLS]", "mask": "[MASK]"}.items():
        out[f"tokenizer.ggml.{key}_token_id"] = (U32, vocabulary.index(token))
    if labels:
        out["bert.classifier.output_labels"] = (ARRAY, (STRING, list(labels)))
    return out


LAYER = {"attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
         "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
         "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm"}


def names(layers, head):
    """transformers' names of a model's tensors -> GGUF's."""
    out = {"embeddings.word_embeddings.weight": "token_embd.weight", "embeddings.position_embeddings.weight": "position_embd.weight",
           "embeddings.token_type_embeddings.weight": "token_types.weight"}
    modules = {"embeddings.LayerNorm": "token_embd_norm"}
    for i in range(layers):
        modules.update({f"encoder.layer.{i}.{theirs}": f"blk.{i}.{ours}" for theirs, ours in LAYER.items()})
    if head:
        modules.update({"pooler.dense": "cls", "classifier": "cls.output"})
    for theirs, ours in modules.items():
        out.update({f"{theirs}.{part}": f"{ours}.{part}" for part in ("weight", "bias")})
    return out


def read_safetensors(path):
    """{name: (shape, bytes)}"""
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    head = json.loads(data[8 : 8 + size])
    head.pop("__metadata__", None)
    return {name: (t["shape"], data[8 + size + t["data_offsets"][0] : 8 + size + t["data_offsets"][1]]) for name, t in head.items()}


def floats(tensor):
    shape, data = tensor
    flat = struct.unpack(f"<{len(data) // 4}f", data)
    for length in reversed(shape[1:]):
        flat = [flat[i : i + length] for i in range(0, len(flat), length)]
    return list(flat)


def convert(folder, path, pooling):
    """A folder of transformers with float32 weights."""
    config = json.loads((folder / "config.json").read_text())
    head = config["architectures"][0].endswith("ForSequenceClassification")
    labels = [config["id2label"][str(i)] for i in range(len(config["id2label"]))] if head else []
    vocabulary = (folder / "vocab.txt").read_text().splitlines()
    wanted = names(config["num_hidden_layers"], head)
    tensors = {}
    for name, (shape, data) in read_safetensors(folder / "model.safetensors").items():
        if ours := wanted.get(name.removeprefix("bert.")):
            tensors[ours] = (shape[::-1], data)
    return write(path, keys(config, vocabulary, pooling, labels), tensors)


def make(path, pooling=4, outputs=1, labels=(), width=16, context=64, seed=1):
    """Random weights over single letters; `outputs` 0: without a classifier's head."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,?"
    vocabulary = [*SPECIAL, *letters, *("##" + c for c in letters)]
    config = {"num_hidden_layers": 1, "max_position_embeddings": context, "hidden_size": width, "intermediate_size": 2 * width,
              "num_attention_heads": 2, "type_vocab_size": 2}
    wide = {"ffn_up.weight": (width, 2 * width), "ffn_up.bias": (2 * width,), "ffn_down.weight": (2 * width, width),
            "token_embd.weight": (width, len(vocabulary)), "position_embd.weight": (width, context), "token_types.weight": (width, 2),
            "cls.output.weight": (width, outputs), "cls.output.bias": (outputs,)}
    source = random.Random(seed)
    tensors = {}
    for name in names(1, outputs > 0).values():
        known = name if name in wide else name.removeprefix("blk.0.")
        norm = "norm" in name and name.endswith("weight")
        shape = wide.get(known) or ((width, width) if name.endswith("weight") and not norm else (width,))
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        tensors[name] = (shape, struct.pack(f"<{count}f", *(source.gauss(1 if norm else 0, 0.4) for _ in range(count))))
    return write(path, keys(config, vocabulary, pooling, labels), tensors)
