#include "engine/llama/pair_embeddings.hpp"

#include <ggml.h>
#include <gguf.h>
#include <memory>

namespace hearth::engine::llama {
namespace {

// The header of a file: names, types and places of its tensors.
struct Header {
  explicit Header(const std::string& path) {
    ggml_context* made = nullptr;
    gguf.reset(gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = &made}));
    tensors.reset(made);
  }
  [[nodiscard]] const ggml_tensor* find(const char* name) const {
    return tensors ? ggml_get_tensor(tensors.get(), name) : nullptr;
  }
  [[nodiscard]] std::uint64_t place(const char* name) const {
    return gguf_get_data_offset(gguf.get()) + gguf_get_tensor_offset(gguf.get(), gguf_find_tensor(gguf.get(), name));
  }

  struct Free {
    void operator()(gguf_context* c) const { gguf_free(c); }
    void operator()(ggml_context* c) const { ggml_free(c); }
  };
  std::unique_ptr<gguf_context, Free> gguf;
  std::unique_ptr<ggml_context, Free> tensors;
};

constexpr const char* kTokens = "token_embd.weight";
constexpr const char* kTypes = "token_types.weight";

bool is_readable(const ggml_tensor& tensor) {
  return tensor.type == GGML_TYPE_F32 || ggml_get_type_traits(tensor.type)->to_float != nullptr;
}

}  // namespace

bool has_tensor(const std::string& path, const char* name) { return Header(path).find(name) != nullptr; }

std::optional<PairEmbeddings> PairEmbeddings::open(const std::string& path, const llama_model* model,
                                                   std::string& why) {
  // Tokenizers of other kinds give both texts of a pair the first type.
  if (llama_vocab_type(llama_model_get_vocab(model)) != LLAMA_VOCAB_TYPE_WPM) return std::nullopt;
  const Header header(path);
  const ggml_tensor* const types = header.find(kTypes);
  if (types == nullptr || types->ne[1] < 2) return std::nullopt;
  const ggml_tensor* const tokens = header.find(kTokens);
  const auto width = static_cast<std::int64_t>(llama_model_n_embd(model));
  if (tokens == nullptr || tokens->ne[0] != width || types->ne[0] != width || !is_readable(*tokens) ||
      !is_readable(*types)) {
    why = "its token embeddings cannot be read from the file";
    return std::nullopt;
  }
  PairEmbeddings out;
  out.file_.open(path, std::ios::binary);
  out.rows_at_ = header.place(kTokens);
  out.row_bytes_ = tokens->nb[1];
  out.row_type_ = tokens->type;
  out.row_.resize(static_cast<std::size_t>(width));
  out.stored_.resize(types->nb[1]);
  std::vector<float> first(static_cast<std::size_t>(width));
  out.second_type_.resize(static_cast<std::size_t>(width));
  if (!out.read_row(header.place(kTypes), types->type, first) ||
      !out.read_row(header.place(kTypes) + types->nb[1], types->type, out.second_type_)) {
    why = "the rows of its token types cannot be read from the file";
    return std::nullopt;
  }
  for (std::size_t i = 0; i < first.size(); ++i) out.second_type_[i] -= first[i];
  out.stored_.resize(out.row_bytes_);
  return out;
}

bool PairEmbeddings::read_row(std::uint64_t offset, int type, std::vector<float>& out) {
  const auto kind = static_cast<ggml_type>(type);
  file_.clear();
  file_.seekg(static_cast<std::streamoff>(offset));
  if (kind == GGML_TYPE_F32)
    return static_cast<bool>(
        file_.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size() * sizeof(float))));
  if (!file_.read(stored_.data(), static_cast<std::streamsize>(stored_.size()))) return false;
  ggml_get_type_traits(kind)->to_float(stored_.data(), out.data(), static_cast<std::int64_t>(out.size()));
  return true;
}

std::span<const float> PairEmbeddings::row(domain::Token token, bool second) {
  if (!read_row(rows_at_ + static_cast<std::uint64_t>(token) * row_bytes_, row_type_, row_)) return {};
  if (second) {
    for (std::size_t i = 0; i < row_.size(); ++i) row_[i] += second_type_[i];
  }
  return row_;
}

}  // namespace hearth::engine::llama
