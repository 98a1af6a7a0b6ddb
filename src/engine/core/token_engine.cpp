#include "engine/core/token_engine.hpp"

#include <algorithm>
#include <utility>

#include "engine/core/prepare.hpp"
#include "engine/core/sampling/dry.hpp"
#include "engine/core/sampling/dry_breakers.hpp"
#include "engine/core/scheduler/scheduler.hpp"

namespace hearth::engine::core {
namespace {

// The model's info with what this engine makes of it.
ModelInfo effective_info(const TokenModel& model, const TokenEngineOptions& options) {
  ModelInfo info = model.info();
  auto& can = info.capabilities;
  can.slots = std::clamp(options.parallel, 1, std::max(model.sequences_max(), 1));
  if (options.context_tokens > 0) {
    can.context_tokens =
        can.context_tokens > 0 ? std::min(can.context_tokens, options.context_tokens) : options.context_tokens;
  }
  if (model.kv_cells() > 0) {
    can.context_tokens = can.context_tokens > 0 ? std::min(can.context_tokens, model.kv_cells()) : model.kv_cells();
  }
  if (can.tasks.has(domain::Task::kComplete) || can.tasks.has(domain::Task::kChat))
    can.tasks.add(domain::Task::kGrammar);
  if (can.context_tokens <= 0) can.context_tokens = model.batch_tokens_max();
  return info;
}

// Tokens of control give no text, so that no answer writes them by accident; but for those that its format has.
constraint::TokenTexts texts_of(const Vocab& vocab, const domain::Tokens& visible) {
  constraint::TokenTexts out;
  out.pieces.reserve(static_cast<std::size_t>(vocab.size()));
  for (domain::Token t = 0; t < vocab.size(); ++t) {
    const bool ends = vocab.is_end(t);
    out.pieces.push_back(ends ? std::string() : vocab.piece(t, std::ranges::binary_search(visible, t)));
    if (ends) out.ends.push_back(t);
  }
  return out;
}

class TokenEngine final : public Engine {
 public:
  TokenEngine(std::unique_ptr<TokenModel> model, const TokenEngineOptions& options, const base::Clock& clock,
              base::Log& log)
      : model_(std::move(model)),
        clock_(clock),
        info_(effective_info(*model_, options)),
        limits_{.context_tokens = info_.capabilities.context_tokens,
                .embed_tokens = info_.capabilities.context_tokens,
                .shift = options.context_shift},
        inbox_(*model_, std::max(options.queue, 0),
               {.idle_slots = info_.capabilities.slots, .slots = info_.capabilities.slots}),
        scheduler_({.model = *model_, .inbox = inbox_, .stats = stats_, .info = info_, .clock = clock, .log = log},
                   options) {}

  [[nodiscard]] const ModelInfo& info() const override { return info_; }

  [[nodiscard]] Result<Ticket> submit(domain::Request work, std::shared_ptr<Sink> sink) override {
    const auto submitted = clock_.now();
    HEARTH_CHECK(domain::check_supported(work, info_.capabilities));
    HEARTH_CHECK(inbox_.check_room());
    HEARTH_TRY(auto prepared, std::visit([this](const auto& request) { return prepare_any(request); }, work));
    return inbox_.submit({.sink = std::move(sink),
                          .priority = domain::envelope_of(work).priority,
                          .submitted = submitted,
                          .work = std::move(prepared)});
  }
  void cancel(Ticket ticket, CancelReason) override { inbox_.cancel(ticket); }
  void resume(Ticket ticket) override { inbox_.resume(ticket); }

  [[nodiscard]] Result<domain::Tokenized> tokenize(const domain::TokenizeRequest& work) const override {
    const Vocab& vocab = model_->vocab();
    domain::Tokenized out{.tokens = vocab.tokenize(work.text, work.add_special, work.parse_special), .pieces = {}};
    out.pieces.reserve(out.tokens.size());
    for (const domain::Token token : out.tokens) out.pieces.push_back(vocab.piece(token, true));
    return out;
  }
  [[nodiscard]] Result<std::string> detokenize(const domain::DetokenizeRequest& work) const override {
    HEARTH_CHECK(detail::check_tokens(model_->vocab(), work.tokens, "tokens"));
    return model_->vocab().detokenize(work.tokens);
  }
  [[nodiscard]] Result<domain::Rendered> render(const domain::RenderRequest& work) const override {
    HEARTH_CHECK(domain::check_supported(work, info_.capabilities));
    HEARTH_TRY(auto rendered, model_->render(work.chat));
    const auto tokens = static_cast<std::int32_t>(tokenize_prompt(model_->vocab(), rendered.prompt).size());
    return domain::Rendered{.text = std::move(rendered.prompt), .tokens = tokens};
  }
  [[nodiscard]] Stats stats() const override {
    Stats out = stats_.with([](const Stats& s) { return s; });
    out.waiting = static_cast<std::uint32_t>(inbox_.waiting());
    return out;
  }

  bool step() override { return scheduler_.step(); }
  [[nodiscard]] bool failed() const override { return scheduler_.failed(); }
  void wait(std::stop_token stop) override {
    if (scheduler_.idle()) inbox_.wait(std::move(stop));
  }
  void shut_down() override { scheduler_.shut_down(); }

 private:
  [[nodiscard]] Result<Prepared> prepare_any(const domain::EmbedRequest& request) {
    return prepare(*model_, limits_, request);
  }
  [[nodiscard]] Result<Prepared> prepare_any(const domain::RerankRequest& request) {
    return prepare(*model_, limits_, request);
  }
  [[nodiscard]] Result<Prepared> prepare_any(const domain::ClassifyRequest& request) {
    return prepare(*model_, limits_, request);
  }
  [[nodiscard]] Result<Prepared> prepare_any(const domain::ChatRequest& request) {
    using Mode = domain::ToolChoice::Mode;
    HEARTH_TRY(auto prepared, prepare(*model_, limits_, request));
    auto& work = std::get<PreparedGeneration>(prepared);
    const auto mode = request.tool_choice.mode;
    const bool may_call = !request.tools.empty() && mode != Mode::kNone;
    const constraint::AnswerShape shape{.format = work.format.get(),
                                        .visible = work.visible,
                                        .may_call = may_call,
                                        .must_call = may_call && mode != Mode::kAuto};
    HEARTH_TRY(work.constraint, compiler_.compile(request.response_format, shape));
    if (may_call && !work.constraint) {
      HEARTH_TRY(work.call, compiler_.compile_call(shape));
    }
    find_breakers(work);
    return prepared;
  }
  [[nodiscard]] Result<Prepared> prepare_any(const domain::CompletionRequest& request) {
    HEARTH_TRY(auto compiled, compiler_.compile(request.response_format));
    HEARTH_TRY(auto prepared, prepare(*model_, limits_, request));
    auto& work = std::get<PreparedGeneration>(prepared);
    work.constraint = std::move(compiled);
    find_breakers(work);
    return prepared;
  }
  void find_breakers(PreparedGeneration& work) {
    const auto& sampling = work.generation.sampling;
    if (Dry::wanted(sampling)) work.breakers = breakers_.find(sampling.dry.sequence_breakers);
  }
  [[nodiscard]] Result<Prepared> prepare_any(const domain::TokenizeRequest& request) const {
    HEARTH_TRY(auto tokenized, tokenize(request));
    const auto count = static_cast<std::int32_t>(tokenized.tokens.size());
    return reply(std::move(tokenized), count);
  }
  [[nodiscard]] Result<Prepared> prepare_any(const domain::DetokenizeRequest& request) const {
    HEARTH_TRY(auto text, detokenize(request));
    const auto count = static_cast<std::int32_t>(request.tokens.size());
    return reply(domain::Rendered{.text = std::move(text), .tokens = count}, count);
  }
  [[nodiscard]] Result<Prepared> prepare_any(const domain::RenderRequest& request) const {
    HEARTH_TRY(auto rendered, render(request));
    const std::int32_t count = rendered.tokens;
    return reply(std::move(rendered), count);
  }
  [[nodiscard]] Prepared reply(domain::Event event, std::int32_t tokens) const {
    PreparedReply out;
    out.events.emplace_back(domain::Started{.id = {},
                                            .model = info_.name,
                                            .served_by = info_.engine,
                                            .device = info_.capabilities.device,
                                            .prompt_tokens = tokens,
                                            .cached_tokens = 0});
    out.events.push_back(std::move(event));
    out.events.emplace_back(domain::Finished{.usage = {.prompt = tokens}, .timings = {}});
    return out;
  }

  const std::unique_ptr<TokenModel> model_;
  const base::Clock& clock_;
  const ModelInfo info_;
  const PrepareLimits limits_;
  constraint::Compiler compiler_{[this](const domain::Tokens& visible) { return texts_of(model_->vocab(), visible); }};
  DryBreakerFinder breakers_{model_->vocab()};
  base::Guarded<Stats> stats_;
  Inbox inbox_;
  Scheduler scheduler_;
};

}  // namespace

std::unique_ptr<Engine> make_token_engine(std::unique_ptr<TokenModel> model, TokenEngineOptions options,
                                          const base::Clock& clock, base::Log& log) {
  return std::make_unique<TokenEngine>(std::move(model), options, clock, log);
}

}  // namespace hearth::engine::core
