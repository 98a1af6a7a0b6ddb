#pragma once

#include <string>
#include <vector>

#include "engine/llama/llama_test_files.hpp"

// Tiny decoders with random weights whose state cannot be cut back.
namespace hearth::engine::llama::test_support {

inline constexpr std::int64_t kStateWidth = 32;
inline constexpr std::int64_t kStateWide = 64;

inline GgufFile decoder(const std::string& architecture, std::uint32_t layers) {
  GgufFile out;
  const auto& a = architecture;
  out.text("general.architecture", a).number(a + ".block_count", layers).number(a + ".context_length", 1024);
  out.number(a + ".embedding_length", kStateWidth).number(a + ".feed_forward_length", kStateWide);
  out.real(a + ".attention.layer_norm_rms_epsilon", 1e-6F);
  const std::int64_t tokens = add_bytes(out);
  out.tensor("token_embd.weight", kStateWidth, tokens, 0, 1.0F);
  return std::move(out.ones("output_norm.weight", kStateWidth));
}

inline constexpr std::int64_t kInner = 2 * kStateWidth;
inline constexpr std::int64_t kConvolution = 4;
inline constexpr std::int64_t kStates = 8;
inline constexpr std::int64_t kRank = 4;

inline void add_mamba_settings(GgufFile& out, const std::string& architecture) {
  out.number(architecture + ".ssm.conv_kernel", kConvolution).number(architecture + ".ssm.inner_size", kInner);
  out.number(architecture + ".ssm.state_size", kStates).number(architecture + ".ssm.time_step_rank", kRank);
}

inline void add_mamba_layer(GgufFile& out, const std::string& block) {
  out.tensor(block + "ssm_in.weight", kStateWidth, 2 * kInner)
      .tensor(block + "ssm_conv1d.weight", kConvolution, kInner);
  out.tensor(block + "ssm_conv1d.bias", kInner).tensor(block + "ssm_x.weight", kInner, kRank + 2 * kStates);
  out.tensor(block + "ssm_dt.weight", kRank, kInner).tensor(block + "ssm_dt.bias", kInner);
  out.tensor(block + "ssm_a", kStates, kInner, -0.3F, 0.05F).tensor(block + "ssm_d", kInner);
  out.tensor(block + "ssm_out.weight", kInner, kStateWidth);
}

inline void add_feed_forward(GgufFile& out, const std::string& block) {
  out.ones(block + "ffn_norm.weight", kStateWidth).tensor(block + "ffn_gate.weight", kStateWidth, kStateWide);
  out.tensor(block + "ffn_up.weight", kStateWidth, kStateWide)
      .tensor(block + "ffn_down.weight", kStateWide, kStateWidth);
}

inline void add_attention(GgufFile& out, const std::string& block, std::int64_t keys) {
  out.tensor(block + "attn_q.weight", kStateWidth, kStateWidth).tensor(block + "attn_k.weight", kStateWidth, keys);
  out.tensor(block + "attn_v.weight", kStateWidth, keys).tensor(block + "attn_output.weight", kStateWidth, kStateWidth);
}

// Recurrent.
inline GgufFile mamba() {
  GgufFile out = decoder("mamba", 2);
  add_mamba_settings(out, "mamba");
  for (const std::string block : {"blk.0.", "blk.1."}) {
    out.ones(block + "attn_norm.weight", kStateWidth);
    add_mamba_layer(out, block);
  }
  return out;
}

// Hybrid: a recurrent layer and one of attention.
inline GgufFile jamba() {
  GgufFile out = decoder("jamba", 2);
  add_mamba_settings(out, "jamba");
  out.number("jamba.attention.head_count", 4).numbers("jamba.attention.head_count_kv", {0, 2});
  for (const std::string block : {"blk.0.", "blk.1."}) {
    out.ones(block + "attn_norm.weight", kStateWidth);
    add_feed_forward(out, block);
  }
  add_mamba_layer(out, "blk.0.");
  out.ones("blk.0.ssm_dt_norm.weight", kRank).ones("blk.0.ssm_b_norm.weight", kStates);
  out.ones("blk.0.ssm_c_norm.weight", kStates);
  add_attention(out, "blk.1.", kStateWidth / 2);
  return out;
}

// Six layers, of which five look back 32 tokens only.
inline GgufFile gemma3() {
  GgufFile out = decoder("gemma3", 6);
  out.number("gemma3.attention.head_count", 4).number("gemma3.attention.head_count_kv", 2);
  out.number("gemma3.attention.key_length", 8).number("gemma3.attention.value_length", 8);
  out.number("gemma3.attention.sliding_window", 32);
  for (int i = 0; i < 6; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    out.ones(block + "attn_norm.weight", kStateWidth).ones(block + "post_attention_norm.weight", kStateWidth);
    out.ones(block + "attn_q_norm.weight", 8).ones(block + "attn_k_norm.weight", 8);
    out.ones(block + "post_ffw_norm.weight", kStateWidth);
    add_attention(out, block, kStateWidth / 2);
    add_feed_forward(out, block);
  }
  return out;
}

}  // namespace hearth::engine::llama::test_support
