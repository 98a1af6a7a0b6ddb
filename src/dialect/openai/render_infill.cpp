#include <chrono>
#include <utility>

#include "dialect/common/render.hpp"
#include "dialect/openai/render.hpp"

namespace hearth::dialect::openai {
namespace {

using json::Writer;

// What ended it: the end token, a stop string, or a limit.
std::string_view stop_type(domain::FinishReason reason, std::string_view stop_sequence) {
  if (reason == domain::FinishReason::kLength) return "limit";
  return stop_sequence.empty() ? "eos" : "word";
}

void write_phase(Writer& w, std::string_view name, std::int32_t tokens, std::chrono::nanoseconds took) {
  const double ms = std::chrono::duration<double, std::milli>(took).count();
  const std::string prefix(name);
  w.field(prefix + "_n", tokens).field(prefix + "_ms", ms);
  w.field(prefix + "_per_token_ms", tokens > 0 ? ms / tokens : 0.0);
  w.field(prefix + "_per_second", ms > 0 ? tokens * 1e3 / ms : 0.0);
}

// One text; of a stream the last event has no text, but all that is known at the end.
class InfillRenderer final : public Renderer {
 public:
  explicit InfillRenderer(Style style) : style_(std::move(style)) {}

  std::string body(const domain::Answer& answer) override {
    const domain::Choice choice = answer.choices.empty() ? domain::Choice{} : answer.choices.front();
    finish_ = {.choice = 0, .reason = choice.reason, .stop_sequence = choice.stop_sequence};
    return last(choice.text(), common::model_of(answer.started, style_.model), answer.usage, answer.timings);
  }

  std::vector<Frame> frames(const domain::Event& event) override {
    std::vector<Frame> out;
    std::visit([&](const auto& e) { add(out, e); }, event);
    return out;
  }

 private:
  void add(std::vector<Frame>&, const domain::Started& e) {
    model_ = common::model_of(e, style_.model);
    evaluated_ = e.prompt_tokens;
  }
  void add(std::vector<Frame>& out, const domain::Delta& e) {
    predicted_ += e.tokens;
    if (e.choice != 0 || e.text.empty()) return;
    Writer w;
    w.begin_object().field("index", 0).field("content", e.text).field("stop", false);
    w.field("tokens_predicted", predicted_).field("tokens_evaluated", evaluated_).end_object();
    out.push_back({.event = {}, .data = std::move(w).take()});
  }
  void add(std::vector<Frame>&, const domain::ChoiceFinished& e) { finish_ = e; }
  void add(std::vector<Frame>& out, const domain::Finished& e) {
    out.push_back({.event = {}, .data = last("", model_, e.usage, e.timings)});
  }
  void add(std::vector<Frame>& out, const domain::Failed& e) { out.push_back(error_frame(e.error)); }
  void add(std::vector<Frame>&, const auto&) {}

  [[nodiscard]] std::string last(std::string_view text, std::string_view model, const domain::Usage& usage,
                                 const domain::Timings& timings) const {
    Writer w;
    w.begin_object().field("index", 0).field("content", text).field("stop", true).field("model", model);
    w.field("tokens_predicted", usage.completion).field("tokens_evaluated", usage.prompt);
    w.field("tokens_cached", usage.cached);
    w.field("truncated", usage.dropped > 0).field("tokens_dropped", usage.dropped);
    w.field("stop_type", stop_type(finish_.reason, finish_.stop_sequence));
    w.field("stopping_word", finish_.stop_sequence);
    w.key("timings").begin_object().field("cache_n", usage.cached);
    write_phase(w, "prompt", usage.prompt - usage.cached, timings.prompt);
    write_phase(w, "predicted", usage.completion, timings.decode);
    w.end_object().end_object();
    return std::move(w).take();
  }

  Style style_;
  std::string model_{style_.model};
  std::int32_t evaluated_ = 0;
  std::int32_t predicted_ = 0;
  domain::ChoiceFinished finish_;
};

}  // namespace

std::unique_ptr<Renderer> infill_renderer(Style style) { return std::make_unique<InfillRenderer>(std::move(style)); }

}  // namespace hearth::dialect::openai
