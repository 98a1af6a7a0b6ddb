#include "engine/core/token_engine.hpp"

#include <algorithm>
#include <optional>
#include <type_traits>
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

  [[nodiscard]] Result<Ticket> submit(const domain::Request& work, std::shared_ptr<Sink> sink) override {
    HEARTH_TRY(const auto ticket, submit(work, std::move(sink), Compiling::kAll));
    return *ticket;
  }
  [[nodiscard]] Result<std::optional<Ticket>> submit_known(const domain::Request& work,
                                                           std::shared_ptr<Sink> sink) override {
    return submit(work, std::move(sink), Compiling::kNothing);
  }
  void cancel(Ticket ticket) override { inbox_.cancel(ticket); }
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
    out.waiting += static_cast<std::uint32_t>(inbox_.waiting());
    return out;
  }

  bool step() override { return scheduler_.step(); }
  [[nodiscard]] bool failed() const override { return scheduler_.failed(); }
  void wait(std::stop_token stop) override {
    if (scheduler_.idle()) inbox_.wait(std::move(stop));
  }
  void shut_down() override { scheduler_.shut_down(); }

 private:
  enum class Compiling { kAll, kNothing };

  // None: something would have to be compiled, and is not to be.
  [[nodiscard]] Result<std::optional<Ticket>> submit(const domain::Request& work, std::shared_ptr<Sink> sink,
                                                     Compiling compiling) {
    const auto submitted = clock_.now();
    HEARTH_CHECK(domain::check_supported(work, info_.capabilities));
    HEARTH_CHECK(inbox_.check_room());
    HEARTH_TRY(auto prepared, std::visit([&](const auto& request) { return prepare_any(request, compiling); }, work));
    if (!prepared) return std::nullopt;
    return inbox_.submit({.sink = std::move(sink),
                          .priority = domain::envelope_of(work).priority,
                          .submitted = submitted,
                          .work = *std::move(prepared)});
  }

  using MaybePrepared = Result<std::optional<Prepared>>;
  template <class Task>
    requires std::is_same_v<Task, domain::EmbedRequest> || std::is_same_v<Task, domain::RerankRequest> ||
             std::is_same_v<Task, domain::ClassifyRequest>
  [[nodiscard]] MaybePrepared prepare_any(const Task& request, Compiling) {
    return prepare(*model_, limits_, request);
  }
  template <class Task>
    requires std::is_same_v<Task, domain::TokenizeRequest> || std::is_same_v<Task, domain::DetokenizeRequest> ||
             std::is_same_v<Task, domain::RenderRequest>
  [[nodiscard]] MaybePrepared prepare_any(const Task&, Compiling) {
    return fail(ErrorCode::kUnsupported, "this is not for a queue: the engine answers it at once");
  }
  [[nodiscard]] MaybePrepared prepare_any(const domain::ChatRequest& request, Compiling compiling) {
    using Mode = domain::ToolChoice::Mode;
    HEARTH_TRY(auto prepared, prepare(*model_, limits_, request));
    auto& work = std::get<PreparedGeneration>(prepared);
    const auto mode = request.tool_choice.mode;
    const bool may_call = !request.tools.empty() && mode != Mode::kNone;
    const constraint::AnswerShape shape{.format = work.format.get(),
                                        .visible = work.visible,
                                        .may_call = may_call,
                                        .must_call = may_call && mode != Mode::kAuto};
    HEARTH_TRY(const bool constrained, constrain(request.response_format, shape, compiling, work));
    if (!constrained) return std::nullopt;
    find_breakers(work);
    return prepared;
  }
  [[nodiscard]] MaybePrepared prepare_any(const domain::CompletionRequest& request, Compiling compiling) {
    HEARTH_TRY(auto prepared, prepare(*model_, limits_, request));
    auto& work = std::get<PreparedGeneration>(prepared);
    HEARTH_TRY(const bool constrained, constrain(request.response_format, {}, compiling, work));
    if (!constrained) return std::nullopt;
    find_breakers(work);
    return prepared;
  }
  // false: as prepare_any's none.
  [[nodiscard]] Result<bool> constrain(const domain::ResponseFormat& format, const constraint::AnswerShape& shape,
                                       Compiling compiling, PreparedGeneration& work) {
    const bool all = compiling == Compiling::kAll;
    if (!all && !compiler_.knows(format, shape)) return false;
    HEARTH_TRY(work.constraint, compiler_.compile(format, shape));
    if (work.constraint || !shape.may_call) return true;
    if (!all && !compiler_.knows_call(shape)) return false;
    HEARTH_TRY(work.call, compiler_.compile_call(shape));
    return true;
  }
  void find_breakers(PreparedGeneration& work) {
    const auto& sampling = work.generation.sampling;
    if (Dry::wanted(sampling)) work.breakers = breakers_.find(sampling.dry.sequence_breakers);
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
