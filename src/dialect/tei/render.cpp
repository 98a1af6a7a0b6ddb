#include "dialect/tei/render.hpp"

#include <algorithm>
#include <utility>

#include "dialect/common/render.hpp"
#include "dialect/tei/tei.hpp"

namespace hearth::dialect::tei {
namespace {

using json::Writer;

// Never streamed; a failure still has its frame.
class UnaryRenderer : public Renderer {
 public:
  std::vector<Frame> frames(const domain::Event& event) final {
    if (const auto* failed = std::get_if<domain::Failed>(&event))
      return {{.event = {}, .data = error(failed->error).body}};
    return {};
  }
};

class EmbedRenderer final : public UnaryRenderer {
 public:
  std::string body(const domain::Answer& answer) override {
    Writer w;
    w.begin_array();
    for (const auto* e : common::in_order(answer.embeddings)) w.array(e->values);
    w.end_array();
    return std::move(w).take();
  }
};

class RerankRenderer final : public UnaryRenderer {
 public:
  explicit RerankRenderer(std::vector<std::string> texts) : texts_(std::move(texts)) {}
  std::string body(const domain::Answer& answer) override {
    Writer w;
    w.begin_array();
    for (const auto& ranked : answer.ranking) {
      w.begin_object().field("index", ranked.index);
      const auto place = static_cast<std::size_t>(ranked.index);
      if (place < texts_.size()) w.field("text", texts_[place]);
      w.field("score", ranked.score).end_object();
    }
    w.end_array();
    return std::move(w).take();
  }

 private:
  std::vector<std::string> texts_;
};

class PredictRenderer final : public UnaryRenderer {
 public:
  explicit PredictRenderer(bool batch) : batch_(batch) {}
  std::string body(const domain::Answer& answer) override {
    auto all = answer.classified;
    std::ranges::sort(all, {}, &domain::Classified::index);
    Writer w;
    if (batch_) w.begin_array();
    for (const auto& one : all) {
      w.begin_array();
      for (const auto& c : one.classes) w.begin_object().field("score", c.score).field("label", c.label).end_object();
      w.end_array();
    }
    if (batch_) w.end_array();
    return std::move(w).take();
  }

 private:
  bool batch_;
};

}  // namespace

std::unique_ptr<Renderer> embed_renderer() { return std::make_unique<EmbedRenderer>(); }
std::unique_ptr<Renderer> rerank_renderer(std::vector<std::string> texts) {
  return std::make_unique<RerankRenderer>(std::move(texts));
}
std::unique_ptr<Renderer> predict_renderer(bool batch) { return std::make_unique<PredictRenderer>(batch); }

}  // namespace hearth::dialect::tei
