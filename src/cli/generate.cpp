#include "cli/generate.hpp"

#include <filesystem>
#include <fmt/format.h>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "cli/pull.hpp"
#include "cli/terminal.hpp"

namespace hearth::cli {
namespace {

void print_statistics(const domain::Finished& finished) {
  const double seconds = std::chrono::duration<double>(finished.timings.decode).count();
  const auto first = std::chrono::duration<double, std::milli>(finished.timings.first_token).count();
  fmt::print(stderr, "\n{} prompt tokens ({} cached), {} tokens, first after {:.0f} ms", finished.usage.prompt,
             finished.usage.cached, finished.usage.completion, first);
  if (seconds > 0 && finished.usage.completion > 1)
    fmt::print(stderr, ", {:.1f} tokens/s", static_cast<double>(finished.usage.completion - 1) / seconds);
  fmt::print(stderr, "\n");
}

}  // namespace

Result<std::string> here_or_pulled(const Context& context, const std::string& model) {
  if (context.remote_asked()) return model;
  const store::Library library(context.home, *context.log);
  const auto entry = library.find(model);
  if (entry) return entry->id();
  if (entry.error().code != ErrorCode::kModelNotFound || library.registered_file(model))
    return std::unexpected(entry.error());
  const auto pulled = pull_model(context, model);
  if (pulled) return library.id_of(std::string(pulled->get_object().at("path").as_string()));
  if (pulled.error().code == ErrorCode::kCancelled) return std::unexpected(pulled.error());
  const std::string near = library.name_near(model);
  return fail(pulled.error().code,
              fmt::format("model '{}' is not here{}, and cannot be fetched: {}", model,
                          near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), pulled.error().message),
              "model");
}

Result<std::string> resolve_model(const Context& context, const std::string& model) {
  std::error_code error;
  const bool is_path =
      model.starts_with('/') || model.starts_with("./") || model.starts_with("../") || model.starts_with("~/");
  const bool exists = std::filesystem::exists(base::expand_user(model), error);
  const bool is_file = is_path || (base::ends_with_ignore_case(model, ".gguf") && !model.contains(':'));
  if (is_file && !exists && !context.remote_asked())
    return fail(ErrorCode::kInvalidRequest, fmt::format("{}: no such file", model), "model");
  if (!is_path && (!exists || !base::ends_with_ignore_case(model, ".gguf"))) return here_or_pulled(context, model);
  store::Library library(context.home, *context.log);
  HEARTH_TRY(const auto entry, library.import(base::expand_user(model), ""));
  if (!context.globals.quiet) fmt::print(stderr, "imported {} as {}\n", model, entry.id());
  return entry.id();
}

namespace {

// Writes an answer as it comes. Thinking is for people who watch: dim on a terminal, and nowhere else.
class Printer {
 public:
  explicit Printer(bool color) : color_(color) {}

  void operator()(const domain::BlockOpened& opened) {
    kind_ = opened.kind;
    if (thinks() && color_) write("\x1b[2m");
  }
  void operator()(const domain::Delta& delta) {
    if (kind_ == domain::BlockKind::kText) text_ += delta.text;
    if (kind_ == domain::BlockKind::kText || thinks()) write(delta.text);
  }
  void operator()(const domain::BlockClosed&) {
    if (thinks()) write(color_ ? "\x1b[0m\n\n" : "\n\n");
    kind_ = domain::BlockKind::kText;
  }
  void operator()(const domain::ChoiceFinished& finished) { cut_ = finished.reason == domain::FinishReason::kLength; }
  void operator()(const domain::Finished&) {
    if (!text_.ends_with('\n')) write("\n");
  }
  template <class Other>
  void operator()(const Other&) {}

  [[nodiscard]] bool cut() const { return cut_; }
  [[nodiscard]] std::string take_text() { return std::move(text_); }

 private:
  [[nodiscard]] bool thinks() const { return on_terminal_ && kind_ == domain::BlockKind::kThinking; }
  static void write(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  bool on_terminal_ = stdout_is_terminal();
  bool color_;
  bool cut_ = false;
  domain::BlockKind kind_ = domain::BlockKind::kText;
  std::string text_;
};

}  // namespace

Result<GenerateOutcome> stream_chat(const Context& context, const sdk::Client& client, const GenerateOptions& options,
                                    const std::vector<domain::Message>& messages) {
  domain::ChatRequest request;
  request.envelope.model = options.model;
  if (!options.system.empty()) request.messages.push_back({domain::Role::kSystem, {domain::TextPart{options.system}}});
  request.messages.insert(request.messages.end(), messages.begin(), messages.end());
  auto& generation = request.generation;
  using domain::Parameter;
  const auto given = [&](Parameter parameter, bool is_given) {
    if (is_given) generation.given.add(parameter);
  };
  given(Parameter::kMaxTokens, options.max_tokens.has_value());
  given(Parameter::kTemperature, options.temperature.has_value());
  given(Parameter::kTopP, options.top_p.has_value());
  given(Parameter::kTopK, options.top_k.has_value());
  given(Parameter::kSeed, options.seed.has_value());
  given(Parameter::kStop, !options.stop.empty());
  generation.max_tokens = options.max_tokens;
  // As Ollama's and llama-server's terminals do: a little restraint, unless the model says otherwise.
  generation.sampling.temperature = options.temperature.value_or(0.8);
  generation.sampling.top_p = options.top_p.value_or(0.95);
  generation.sampling.top_k = options.top_k.value_or(40);
  if (options.seed) generation.sampling.seed = static_cast<std::uint64_t>(*options.seed);
  generation.stop = options.stop;
  generation.truncate = options.truncate;
  GenerateOutcome outcome;
  const InterruptScope interrupt;
  Printer printer(!context.globals.no_color);
  const auto print = [&](const domain::Event& event) {
    std::visit(printer, event);
    const auto* finished = std::get_if<domain::Finished>(&event);
    if (finished == nullptr) return;
    outcome.dropped = finished->usage.dropped;
    if (context.globals.verbose) print_statistics(*finished);
  };
  HEARTH_TRY(outcome.interrupted, client.run(request, print, interrupt.token()));
  outcome.text = printer.take_text();
  if (outcome.interrupted) fmt::print("\n");
  if (printer.cut() && !options.max_tokens)
    fmt::print(stderr, "hearth: the answer ends here: the context is full; a larger one: hearth serve --ctx\n");
  return outcome;
}

}  // namespace hearth::cli
