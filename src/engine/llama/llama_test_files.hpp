#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <ggml.h>
#include <gguf.h>
#include <memory>
#include <random>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

// Tiny GGUF files with random weights, in the forms that converters write.
namespace hearth::engine::llama::test_support {

class GgufFile {
 public:
  GgufFile() : gguf_(gguf_init_empty(), gguf_free), tensors_(ggml_init({.mem_size = 8U << 20}), ggml_free) {}

  GgufFile& text(const std::string& key, const std::string& value) {
    gguf_set_val_str(gguf_.get(), key.c_str(), value.c_str());
    return *this;
  }
  GgufFile& number(const std::string& key, std::uint32_t value) {
    gguf_set_val_u32(gguf_.get(), key.c_str(), value);
    return *this;
  }
  GgufFile& real(const std::string& key, float value) {
    gguf_set_val_f32(gguf_.get(), key.c_str(), value);
    return *this;
  }
  GgufFile& flag(const std::string& key, bool value) {
    gguf_set_val_bool(gguf_.get(), key.c_str(), value);
    return *this;
  }
  GgufFile& texts(const std::string& key, const std::vector<std::string>& values) {
    std::vector<const char*> pointers;
    for (const auto& value : values) pointers.push_back(value.c_str());
    gguf_set_arr_str(gguf_.get(), key.c_str(), pointers.data(), pointers.size());
    return *this;
  }
  GgufFile& numbers(const std::string& key, const std::vector<std::int32_t>& values) {
    gguf_set_arr_data(gguf_.get(), key.c_str(), GGUF_TYPE_INT32, values.data(), values.size());
    return *this;
  }
  GgufFile& reals(const std::string& key, const std::vector<float>& values) {
    gguf_set_arr_data(gguf_.get(), key.c_str(), GGUF_TYPE_FLOAT32, values.data(), values.size());
    return *this;
  }
  GgufFile& bytes(const std::string& key, const std::vector<std::int8_t>& values) {
    gguf_set_arr_data(gguf_.get(), key.c_str(), GGUF_TYPE_INT8, values.data(), values.size());
    return *this;
  }
  // Around `middle`; `rows` 0: one row.
  GgufFile& tensor(const std::string& name, std::int64_t width, std::int64_t rows = 0, float middle = 0,
                   float spread = 0.3F, ggml_type type = GGML_TYPE_F32) {
    ggml_tensor* const tensor = rows == 0 ? ggml_new_tensor_1d(tensors_.get(), type, width)
                                          : ggml_new_tensor_2d(tensors_.get(), type, width, rows);
    ggml_set_name(tensor, name.c_str());
    std::normal_distribution<float> value(middle, spread);
    for (std::int64_t i = 0; i < ggml_nelements(tensor); ++i) {
      if (type == GGML_TYPE_F16)
        static_cast<ggml_fp16_t*>(tensor->data)[i] = ggml_fp32_to_fp16(value(random_));
      else
        static_cast<float*>(tensor->data)[i] = value(random_);
    }
    gguf_add_tensor(gguf_.get(), tensor);
    return *this;
  }
  GgufFile& ones(const std::string& name, std::int64_t width) { return tensor(name, width, 0, 1, 0.1F); }
  // Weight and bias.
  GgufFile& layer(const std::string& name, std::int64_t from, std::int64_t to) {
    return tensor(name + ".weight", from, to).tensor(name + ".bias", to);
  }
  GgufFile& norm(const std::string& name, std::int64_t width) {
    return ones(name + ".weight", width).tensor(name + ".bias", width);
  }
  void write(const std::filesystem::path& path) const { gguf_write_to_file(gguf_.get(), path.c_str(), false); }

 private:
  std::unique_ptr<gguf_context, decltype(&gguf_free)> gguf_;
  std::unique_ptr<ggml_context, decltype(&ggml_free)> tensors_;
  std::mt19937 random_{7};
};

// Ends with the test.
class TestFile {
 public:
  explicit TestFile(const GgufFile& content)
      : path_(std::filesystem::temp_directory_path() /
              ("hearth-" + std::to_string(::getpid()) + "-" + std::to_string(++made_) + ".gguf")) {
    content.write(path_);
  }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;
  ~TestFile() { std::filesystem::remove(path_); }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  inline static int made_ = 0;
  std::filesystem::path path_;
};

struct BertShape {
  std::uint32_t pooling = 1;  // llama.cpp's numbers: mean 1, cls 2, last 3, rank 4
  bool head = false;
  std::vector<std::string> labels;
  std::int64_t types = 2;
  ggml_type embeddings = GGML_TYPE_F32;
};

inline constexpr std::int64_t kBertWidth = 32;

// Letters and their continuations are tokens.
inline GgufFile bert(const BertShape& shape = {}) {
  constexpr std::int64_t kWide = 64;
  constexpr std::int64_t kContext = 512;
  constexpr std::int32_t kControl = 3;
  constexpr std::int32_t kNormal = 1;
  GgufFile out;
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (char c = 'a'; c <= 'z'; ++c) tokens.push_back(std::string("\xE2\x96\x81") + c);
  for (char c = 'a'; c <= 'z'; ++c) tokens.emplace_back(1, c);
  for (char c = '0'; c <= '9'; ++c) tokens.push_back(std::string("\xE2\x96\x81") + c);
  for (char c = '0'; c <= '9'; ++c) tokens.emplace_back(1, c);
  std::vector<std::int32_t> kinds(tokens.size(), kNormal);
  std::fill(kinds.begin(), kinds.begin() + 5, kControl);
  out.text("general.architecture", "bert").text("general.name", "tiny bert");
  out.number("bert.block_count", 2).number("bert.context_length", kContext).number("bert.embedding_length", kBertWidth);
  out.number("bert.feed_forward_length", kWide).number("bert.attention.head_count", 4);
  out.real("bert.attention.layer_norm_epsilon", 1e-12F).flag("bert.attention.causal", false);
  out.number("bert.pooling_type", shape.pooling);
  if (!shape.labels.empty()) out.texts("bert.classifier.output_labels", shape.labels);
  out.text("tokenizer.ggml.model", "bert").text("tokenizer.ggml.pre", "default");
  out.texts("tokenizer.ggml.tokens", tokens).numbers("tokenizer.ggml.token_type", kinds);
  out.number("tokenizer.ggml.token_type_count", static_cast<std::uint32_t>(shape.types));
  out.number("tokenizer.ggml.padding_token_id", 0).number("tokenizer.ggml.unknown_token_id", 1);
  out.number("tokenizer.ggml.bos_token_id", 2).number("tokenizer.ggml.seperator_token_id", 3);
  out.number("tokenizer.ggml.cls_token_id", 2).number("tokenizer.ggml.mask_token_id", 4);
  out.tensor("token_embd.weight", kBertWidth, static_cast<std::int64_t>(tokens.size()), 0, 0.7F, shape.embeddings);
  out.tensor("token_types.weight", kBertWidth, shape.types, 0, 0.7F);
  out.tensor("position_embd.weight", kBertWidth, kContext, 0, 0.2F).norm("token_embd_norm", kBertWidth);
  for (int i = 0; i < 2; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"})
      out.layer(block + name, kBertWidth, kBertWidth);
    out.norm(block + "attn_output_norm", kBertWidth).norm(block + "layer_output_norm", kBertWidth);
    out.layer(block + "ffn_up", kBertWidth, kWide).layer(block + "ffn_down", kWide, kBertWidth);
  }
  if (!shape.head) return out;
  const auto outputs = static_cast<std::int64_t>(std::max<std::size_t>(shape.labels.size(), 1));
  return std::move(out.layer("cls", kBertWidth, kBertWidth).layer("cls.output", kBertWidth, outputs));
}

inline constexpr const char* kRerankTemplate =
    "judge {document} for {query}. the document is {document}; is it what was asked for? answer yes or no: ";

// A vocabulary in which every byte is a token; how many tokens it has.
inline std::int64_t add_bytes(GgufFile& out) {
  constexpr std::int32_t kNormal = 1;
  constexpr std::int32_t kUnknown = 2;
  constexpr std::int32_t kControl = 3;
  constexpr std::int32_t kByte = 6;
  std::vector<std::string> tokens{"<unk>", "<s>", "</s>", "\xE2\x96\x81"};
  std::vector<std::int32_t> kinds{kUnknown, kControl, kControl, kNormal};
  for (int byte = 0; byte < 256; ++byte) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "<0x%02X>", static_cast<unsigned>(byte));
    tokens.emplace_back(text.data());
    kinds.push_back(kByte);
  }
  out.text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", tokens);
  out.numbers("tokenizer.ggml.token_type", kinds).reals("tokenizer.ggml.scores", std::vector(tokens.size(), 0.0F));
  out.number("tokenizer.ggml.bos_token_id", 1).number("tokenizer.ggml.eos_token_id", 2);
  return std::ssize(tokens);
}

// A decoder that says "yes" or "no" to a template, as Qwen3-Reranker does.
inline GgufFile qwen3_reranker(const std::string& rerank_template = kRerankTemplate) {
  constexpr std::int64_t kWidth = 32;
  constexpr std::int64_t kWide = 64;
  GgufFile out;
  out.text("general.architecture", "qwen3").number("qwen3.block_count", 2).number("qwen3.context_length", 1024);
  out.number("qwen3.embedding_length", kWidth).number("qwen3.feed_forward_length", kWide);
  out.number("qwen3.attention.head_count", 4).number("qwen3.attention.head_count_kv", 2);
  out.number("qwen3.attention.key_length", 8).number("qwen3.attention.value_length", 8);
  out.real("qwen3.attention.layer_norm_rms_epsilon", 1e-6F).number("qwen3.pooling_type", 4);
  out.texts("qwen3.classifier.output_labels", {"yes", "no"}).text("tokenizer.chat_template.rerank", rerank_template);
  const std::int64_t tokens = add_bytes(out);
  out.flag("tokenizer.ggml.add_bos_token", false);
  out.tensor("token_embd.weight", kWidth, tokens).ones("output_norm.weight", kWidth);
  out.tensor("cls.output.weight", kWidth, 2);
  for (int i = 0; i < 2; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    out.ones(block + "attn_norm.weight", kWidth).ones(block + "ffn_norm.weight", kWidth);
    out.ones(block + "attn_q_norm.weight", 8).ones(block + "attn_k_norm.weight", 8);
    out.tensor(block + "attn_q.weight", kWidth, 32).tensor(block + "attn_k.weight", kWidth, 16);
    out.tensor(block + "attn_v.weight", kWidth, 16).tensor(block + "attn_output.weight", 32, kWidth);
    out.tensor(block + "ffn_gate.weight", kWidth, kWide).tensor(block + "ffn_up.weight", kWidth, kWide);
    out.tensor(block + "ffn_down.weight", kWide, kWidth);
  }
  return out;
}

}  // namespace hearth::engine::llama::test_support
