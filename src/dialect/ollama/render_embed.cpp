#include <utility>

#include "dialect/common/render.hpp"
#include "dialect/ollama/render.hpp"

namespace hearth::dialect::ollama {
namespace {

using json::Writer;

// Never streamed; a failure still has its line.
class UnaryRenderer : public Renderer {
 public:
  std::vector<Frame> frames(const domain::Event& event) final {
    if (const auto* failed = std::get_if<domain::Failed>(&event)) return {error_frame(failed->error)};
    return {};
  }
};

class EmbedRenderer final : public UnaryRenderer {
 public:
  explicit EmbedRenderer(Style style) : style_(std::move(style)), began_(common::steady(style_.edge)) {}
  std::string body(const domain::Answer& answer) override {
    Writer w;
    w.begin_object().field("model", common::model_of(answer.started, style_.model)).key("embeddings").begin_array();
    for (const auto* e : common::in_order(answer.embeddings)) w.array(e->values);
    w.end_array();
    write_duration(w, "total_duration", common::steady(style_.edge) - began_);
    write_duration(w, "load_duration", answer.timings.loaded);
    write_count(w, "prompt_eval_count", answer.usage.prompt);
    write_count(w, "prompt_dropped_count", answer.usage.dropped);  // hearth's own: what `truncate` cost
    w.end_object();
    return std::move(w).take();
  }

 private:
  Style style_;
  base::SteadyTime began_;
};

class LegacyRenderer final : public UnaryRenderer {
 public:
  std::string body(const domain::Answer& answer) override {
    Writer w;
    w.begin_object().key("embedding");
    w.array(answer.embeddings.empty() ? std::span<const float>()
                                      : std::span<const float>(answer.embeddings.front().values));
    w.end_object();
    return std::move(w).take();
  }
};

}  // namespace

std::unique_ptr<Renderer> embed_renderer(Style style) { return std::make_unique<EmbedRenderer>(std::move(style)); }
std::unique_ptr<Renderer> legacy_embedding_renderer() { return std::make_unique<LegacyRenderer>(); }

}  // namespace hearth::dialect::ollama
