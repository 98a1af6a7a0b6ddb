"""Writes a checkpoint as a Q8_0 GGUF (llama architecture, GPT-2 byte-level BPE, ChatML).

  export.py OUT FILE
"""
import argparse
import json
from pathlib import Path

import gguf
import numpy as np

import chat
import model as ember


def interleave(weight, heads):
    """llama.cpp pairs neighbouring rows where training pairs the two halves of a head."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def tensors(net):
    """(GGUF name, float32 array)"""
    s = net.shape
    yield "token_embd.weight", net.embedding.weight
    yield "output_norm.weight", net.norm.weight
    for i, block in enumerate(net.blocks):
        yield f"blk.{i}.attn_norm.weight", block.attention_norm.weight
        yield f"blk.{i}.attn_q.weight", interleave(block.q.weight, s.heads)
        yield f"blk.{i}.attn_k.weight", interleave(block.k.weight, s.kv_heads)
        yield f"blk.{i}.attn_v.weight", block.v.weight
        yield f"blk.{i}.attn_output.weight", block.o.weight
        yield f"blk.{i}.ffn_norm.weight", block.ffn_norm.weight
        yield f"blk.{i}.ffn_gate.weight", block.gate.weight
        yield f"blk.{i}.ffn_up.weight", block.up.weight
        yield f"blk.{i}.ffn_down.weight", block.down.weight


def describe(writer, shape, tokenizer):
    writer.add_name("ember")
    writer.add_description("hearth's bundled demo model: answers a few questions about hearth")
    writer.add_license("apache-2.0")
    writer.add_size_label("3M")
    writer.add_float32("general.sampling.temp", 0.2)  # a small model that is asked for one right answer
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    vocabulary = sorted(tokenizer["model"]["vocab"].items(), key=lambda item: item[1])
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in vocabulary])
    kinds = (gguf.TokenType.CONTROL, gguf.TokenType.NORMAL)
    writer.add_token_types([kinds[number >= len(chat.SPECIALS)] for _, number in vocabulary])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(chat.END_OF_TEXT)
    writer.add_eos_token_id(chat.IM_END)
    writer.add_pad_token_id(chat.END_OF_TEXT)
    writer.add_add_bos_token(False)
    writer.add_chat_template(chat.TEMPLATE)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("out", type=Path)
    options.add_argument("file", type=Path)
    given = options.parse_args()
    net = ember.load(given.out / "ember.pt")
    writer = gguf.GGUFWriter(str(given.file), "llama")
    describe(writer, net.shape, json.loads((given.out / "tokenizer.json").read_text(encoding="utf-8")))
    for name, tensor in tensors(net):
        values = np.ascontiguousarray(tensor.detach().numpy().astype(np.float32))
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            quantised = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
