#include "chat/jinja_template.hpp"

#include <algorithm>
#include <exception>
#include <jinja/caps.h>
#include <jinja/lexer.h>
#include <jinja/parser.h>
#include <jinja/runtime.h>
#include <json.h>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.hpp"
#include "chat/jinja_format.hpp"
#include "chat/variables.hpp"

namespace hearth::chat {
namespace {

// Stop strings of formats whose models may spell the end of a turn out instead of giving its token.
struct ExtraStop {
  std::string_view in_source;
  std::string_view stop;
};
constexpr ExtraStop kExtraStops[] = {{"<role>ASSISTANT</role>", "<|role_end|>"},
                                     {"laguna_glm_thinking", "</assistant>"}};

// The complaint itself: the engine adds where in the template it arose, over several lines.
std::string complaint_of(std::string_view what) {
  constexpr std::size_t kLongest = 400;
  return base::to_valid_utf8(base::trim(what).substr(0, kLongest));
}

// Whether it asks if a message has a content at all, as DeepSeek's do: they show calls only of messages that have none.
// Others would write "None".
bool knows_null_content(std::string_view source) {
  constexpr std::string_view kFields[] = {".content", "['content']", "[\"content\"]"};
  constexpr std::string_view kTests[] = {" is none", " is not none"};
  return std::ranges::any_of(kFields, [&](std::string_view field) {
    return std::ranges::any_of(
        kTests, [&](std::string_view test) { return source.contains(std::string(field) + std::string(test)); });
  });
}

class JinjaWriter final : public PromptWriter {
 public:
  JinjaWriter(std::string bos, std::string eos) : bos_(std::move(bos)), eos_(std::move(eos)) {}

  // May throw what the engine throws.
  void parse(const std::string& source) {
    jinja::lexer lexer;
    const auto tokens = lexer.tokenize(source);
    program_ = jinja::parse_from_tokens(tokens);
    source_ = tokens.source;
    const auto can = jinja::caps_get(program_);
    traits_ = {.typed_content = can.supports_typed_content && !can.supports_string_content,
               .object_arguments = can.supports_object_arguments,
               .thinking_field = source_.contains("thinking"),
               .needs_ids = source_.contains(kShortIds),
               .null_content = knows_null_content(source_)};
    shows_tools_ = can.supports_tools;
    analysis_.emplace(source);
    for (const auto& extra : kExtraStops)
      if (source_.find(extra.in_source) != std::string::npos) stops_.emplace_back(extra.stop);
  }

  Result<RenderedPrompt> write(const domain::ChatRequest& request, Ending ending, bool continued,
                               std::chrono::system_clock::time_point now) const override {
    const PromptFrame frame{.bos = bos_,
                            .eos = eos_,
                            .add_generation_prompt = ending != Ending::kClosed && !continued,
                            .append = continued ? kCut : std::string_view()};
    HEARTH_TRY(const std::string variables, template_variables(request, traits_, frame));
    try {
      std::string prompt = run(variables, now);
      if (continued) {
        HEARTH_TRY(prompt, cut(std::move(prompt)));
      }
      return RenderedPrompt{.prompt = std::move(prompt), .stops = stops_};
    } catch (const std::exception& e) {
      return fail(ErrorCode::kInvalidRequest,
                  "the model's chat template refused the conversation: " + complaint_of(e.what()), "messages");
    }
  }
  Result<SharedAnswerFormat> format(const domain::ChatRequest& request, bool continued) const override {
    return analysis_->format(request, continued);
  }
  const std::string& source() const override { return source_; }
  bool shows_tools() const override { return shows_tools_; }
  bool reads_tools() const override { return analysis_->reads_tools(); }
  bool reads_thinking() const override { return analysis_->reads_thinking(); }

 private:
  [[nodiscard]] std::string run(const std::string& variables, std::chrono::system_clock::time_point now) const {
    jinja::context context(source_);
    context.current_time = std::chrono::system_clock::to_time_t(now);
    jinja::global_from_json(context, common_json::parse(variables), false);
    jinja::runtime runtime(context);
    return jinja::runtime::gather_string_parts(runtime.execute(program_))->as_string().str();
  }

  jinja::program program_;
  std::string source_;
  std::string bos_;
  std::string eos_;
  TemplateTraits traits_;
  std::optional<AnswerAnalysis> analysis_;
  std::vector<std::string> stops_;
  bool shows_tools_ = false;
};

}  // namespace

Result<std::unique_ptr<const PromptWriter>> make_jinja_writer(const std::string& source, std::string bos,
                                                              std::string eos) {
  auto writer = std::make_unique<JinjaWriter>(std::move(bos), std::move(eos));
  try {
    writer->parse(source);
  } catch (const std::exception& e) {
    return fail(ErrorCode::kModelLoadFailed,
                "the chat template cannot be used: " + complaint_of(e.what()) + "; give another one");
  }
  return writer;
}

}  // namespace hearth::chat
