#include <utility>

#include "dialect/common/render.hpp"
#include "dialect/openai/render.hpp"

namespace hearth::dialect::openai {
namespace {

using json::Writer;

class RerankRenderer final : public UnaryRenderer {
 public:
  explicit RerankRenderer(Style style) : style_(std::move(style)) {}
  std::string body(const domain::Answer& answer) override {
    Writer w;
    w.begin_object().field("id", "rerank-" + style_.edge.id).field("object", "list");
    w.field("model", common::model_of(answer.started, style_.model)).key("results").begin_array();
    for (const auto& ranked : answer.ranking) {
      w.begin_object().field("index", ranked.index).field("relevance_score", ranked.score);
      const auto place = static_cast<std::size_t>(ranked.index);
      if (place < style_.documents.size())
        w.key("document").begin_object().field("text", style_.documents[place]).end_object();
      w.end_object();
    }
    w.end_array().key("usage").begin_object();
    w.field("prompt_tokens", answer.usage.prompt).field("total_tokens", answer.usage.prompt);
    if (answer.usage.dropped > 0) w.field("dropped_tokens", answer.usage.dropped);  // hearth's own: what cutting cost
    w.end_object();
    // Cohere's place for the same.
    w.key("meta").begin_object().key("tokens").begin_object().field("input_tokens", answer.usage.prompt);
    w.field("output_tokens", 0).end_object().end_object().end_object();
    return std::move(w).take();
  }

 private:
  Style style_;
};

}  // namespace

std::unique_ptr<Renderer> rerank_renderer(Style style) { return std::make_unique<RerankRenderer>(std::move(style)); }

}  // namespace hearth::dialect::openai
