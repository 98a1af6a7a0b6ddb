"""A tiny GGUF model that says one thing: whatever it is asked, its answer is the script, in tokens that are cut anywhere."""
import struct

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def _text(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _field(key, kind, value):
    types = {"u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<?")}
    if kind == "str":
        return _text(key) + struct.pack("<I", 8) + _text(value)
    if kind == "strs":
        return _text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
    if kind in ("i32s", "f32s"):
        number, form = types[kind[:-1]]
        return _text(key) + struct.pack("<IIQ", 9, number, len(value)) + struct.pack(f"<{len(value)}{form[1]}", *value)
    number, form = types[kind]
    return _text(key) + struct.pack("<I", number) + struct.pack(form, value)


def pieces(script, marks):
    """The script in pieces that each occur once: a mark is one piece, all else is cut every few characters. None has less than three, so that a
    tokeniser, which joins two tokens to one, never comes to one of them in a prompt."""
    out, seen, at = [], set(), 0
    while at < len(script):
        mark = next((m for m in marks if script.startswith(m, at)), None)
        length = len(mark) if mark else 3 + at % 4
        while not mark and at + length < len(script) and (script[at:at + length] in seen or len(script) - at - length < 3):
            length += 1
        piece = script[at:at + length]
        if piece in seen:  # the end says again what was said before: it is one with the piece before it
            at -= len(out[-1])
            piece = out.pop() + piece
            length = len(piece)
        assert piece not in seen and len(piece) > 2, f"{piece!r} cannot be a piece"
        seen.add(piece)
        out.append(piece)
        at += length
    return out


def write(path, script, template, marks=(), context=8192):
    """`marks`: texts that are control tokens of the vocabulary, as real ones have them; each at most once in the script."""
    said = pieces(script, marks)
    vocabulary = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    vocabulary += [(f"<0x{i:02X}>", BYTE) for i in range(256)]
    vocabulary += [(m, CONTROL) for m in marks if m not in said]
    first = len(vocabulary)
    vocabulary += [(p, CONTROL if p in marks else NORMAL) for p in said]
    count = len(vocabulary)
    width = -(-(len(said) + 1) // 32) * 32
    # State i of the script is axis i; what is no part of the script leads to its beginning.
    state = [0] * first + list(range(1, len(said) + 1))
    embeddings, outputs = bytearray(), bytearray()
    for token in range(count):
        axis = state[token]
        embeddings += struct.pack(f"<{width}f", *(1.0 if i == axis else 0.0 for i in range(width)))
        before = token - first if token >= first else len(said) if token == 2 else None  # the state that this token follows
        outputs += struct.pack(f"<{width}f", *(8.0 if i == before else 0.0 for i in range(width)))
    zeros = bytes(4 * width * width)
    ones = struct.pack(f"<{width}f", *([1.0] * width))
    tensors = [("token_embd.weight", (width, count), bytes(embeddings)), ("output_norm.weight", (width,), ones), ("output.weight", (width, count), bytes(outputs)),
               ("blk.0.attn_norm.weight", (width,), ones), ("blk.0.ffn_norm.weight", (width,), ones)]
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        tensors.append((f"blk.0.{name}.weight", (width, width), zeros))
    fields = [("general.architecture", "str", "llama"), ("general.name", "str", "scripted"), ("general.file_type", "u32", 0),
              ("llama.context_length", "u32", context), ("llama.embedding_length", "u32", width), ("llama.block_count", "u32", 1),
              ("llama.feed_forward_length", "u32", width), ("llama.attention.head_count", "u32", 1), ("llama.attention.head_count_kv", "u32", 1),
              ("llama.rope.dimension_count", "u32", width), ("llama.attention.layer_norm_rms_epsilon", "f32", 1e-5), ("llama.vocab_size", "u32", count),
              ("tokenizer.ggml.model", "str", "llama"), ("tokenizer.ggml.tokens", "strs", [t for t, _ in vocabulary]),
              ("tokenizer.ggml.scores", "f32s", [0.0] * count), ("tokenizer.ggml.token_type", "i32s", [k for _, k in vocabulary]),
              ("tokenizer.ggml.bos_token_id", "u32", 1), ("tokenizer.ggml.eos_token_id", "u32", 2), ("tokenizer.ggml.unknown_token_id", "u32", 0),
              ("tokenizer.ggml.add_bos_token", "bool", False), ("tokenizer.ggml.add_space_prefix", "bool", False), ("tokenizer.chat_template", "str", template)]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields)) + b"".join(_field(*f) for f in fields)
    offset = 0
    for name, shape, data in tensors:
        head += _text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", 0, offset)
        offset += -(-len(data) // 32) * 32
    with open(path, "wb") as out:
        out.write(head + bytes(-len(head) % 32))
        for _, _, data in tensors:
            out.write(data + bytes(-len(data) % 32))
    return path
