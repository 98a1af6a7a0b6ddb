#include <bit>
#include <cstring>
#include <utility>

#include "base/strings.hpp"
#include "dialect/common/render.hpp"
#include "dialect/openai/render.hpp"

namespace hearth::dialect::openai {
namespace {

using json::Writer;

std::string float_bytes(std::span<const float> values) {
  static_assert(std::endian::native == std::endian::little, "the format is little-endian float32");
  std::string bytes(values.size_bytes(), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), values.size_bytes());
  return bytes;
}

class EmbeddingsRenderer final : public UnaryRenderer {
 public:
  explicit EmbeddingsRenderer(Style style) : style_(std::move(style)) {}
  std::string body(const domain::Answer& answer) override {
    Writer w;
    w.begin_object().field("object", "list").key("data").begin_array();
    for (const auto* e : common::in_order(answer.embeddings)) {
      w.begin_object().field("object", "embedding").field("index", e->index).key("embedding");
      if (style_.base64)
        w.value(base::base64_encode(float_bytes(e->values)));
      else
        w.array(e->values);
      w.end_object();
    }
    w.end_array().field("model", common::model_of(answer.started, style_.model)).key("usage").begin_object();
    w.field("prompt_tokens", answer.usage.prompt).field("total_tokens", answer.usage.prompt).end_object().end_object();
    return std::move(w).take();
  }

 private:
  Style style_;
};

class EmbeddingRowsRenderer final : public UnaryRenderer {
 public:
  std::string body(const domain::Answer& answer) override {
    Writer w;
    w.begin_array();
    std::int32_t open = -1;
    for (const auto* e : common::in_order(answer.embeddings)) {
      if (e->index != open) {
        if (open >= 0) w.end_array().end_object();
        open = e->index;
        w.begin_object().field("index", open).key("embedding").begin_array();
      }
      w.array(e->values);
    }
    if (open >= 0) w.end_array().end_object();
    w.end_array();
    return std::move(w).take();
  }
};

class TokenizeRenderer final : public UnaryRenderer {
 public:
  explicit TokenizeRenderer(bool with_pieces) : with_pieces_(with_pieces) {}
  std::string body(const domain::Answer& answer) override {
    const domain::Tokenized found = answer.tokenized.value_or(domain::Tokenized{});
    Writer w;
    w.begin_object().key("tokens").begin_array();
    for (std::size_t i = 0; i < found.tokens.size(); ++i) {
      if (!with_pieces_) {
        w.value(found.tokens[i]);
        continue;
      }
      w.begin_object().field("id", found.tokens[i]).key("piece");
      write_piece(w, i < found.pieces.size() ? std::string_view(found.pieces[i]) : std::string_view());
      w.end_object();
    }
    w.end_array().end_object();
    return std::move(w).take();
  }

 private:
  // Text, or the bytes of a token that is no whole character (as llama-server has it).
  static void write_piece(Writer& w, std::string_view piece) {
    if (base::is_valid_utf8(piece)) {
      w.value(piece);
      return;
    }
    w.begin_array();
    for (const char c : piece) w.value(static_cast<unsigned>(static_cast<unsigned char>(c)));
    w.end_array();
  }

  bool with_pieces_;
};

// {"<field>": text of the answer}
class TextRenderer final : public UnaryRenderer {
 public:
  explicit TextRenderer(std::string_view field) : field_(field) {}
  std::string body(const domain::Answer& answer) override {
    Writer w;
    w.begin_object()
        .field(field_, answer.rendered ? std::string_view(answer.rendered->text) : std::string_view())
        .end_object();
    return std::move(w).take();
  }

 private:
  std::string_view field_;
};

}  // namespace

std::unique_ptr<Renderer> embeddings_renderer(Style style) {
  return std::make_unique<EmbeddingsRenderer>(std::move(style));
}
std::unique_ptr<Renderer> embedding_rows_renderer() { return std::make_unique<EmbeddingRowsRenderer>(); }
std::unique_ptr<Renderer> tokenize_renderer(Style style) {
  return std::make_unique<TokenizeRenderer>(style.with_pieces);
}
std::unique_ptr<Renderer> detokenize_renderer() { return std::make_unique<TextRenderer>("content"); }
std::unique_ptr<Renderer> template_renderer() { return std::make_unique<TextRenderer>("prompt"); }

}  // namespace hearth::dialect::openai
