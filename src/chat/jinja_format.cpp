#include "chat/jinja_format.hpp"

#include <algorithm>
#include <chat.h>
#include <exception>
#include <fmt/format.h>
#include <log.h>
#include <mutex>
#include <utility>
#include <vector>

#include "base/strings.hpp"
#include "chat/entries.hpp"
#include "chat/gbnf.hpp"
#include "chat/listed_values.hpp"
#include "chat/peg_reader.hpp"
#include "chat/variables.hpp"

namespace hearth::chat {
namespace {

using Mode = domain::ToolChoice::Mode;

// It would print what it finds out about templates, and each answer that is not in its format.
void silence_llama_common() {
  static std::once_flag once;
  std::call_once(once, [] { common_log_set_verbosity_thold(-1); });
}

struct PegFormat final : AnswerFormat {
  std::shared_ptr<const AnswerGrammar> grammar;
  [[nodiscard]] std::unique_ptr<AnswerReader> read() const override { return make_peg_reader(grammar); }
};

// Formats in which a text is a message of its own, with a head that the model writes.
struct TextHead {
  std::string_view in_source;
  std::string_view begin;
};
constexpr TextHead kTextHeads[] = {{"<|channel|>", "<|channel|>final<|message|>"}};

// Formats in which what follows the thinking is a message of its own begin it as the prompt begins the first one.
bool repeats_head(const common_chat_params& required) {
  return required.grammar.find("\nroot ::= (start ") != std::string::npos;
}

common_chat_msg message_of(const Entry& entry) {
  common_chat_msg out;
  out.role = entry.role;
  out.content = entry.content;
  out.reasoning_content = entry.thinking;
  out.tool_name = entry.tool_name;
  out.tool_call_id = entry.tool_call_id;
  for (const auto& call : entry.calls)
    out.tool_calls.push_back({.name = call.name, .arguments = call.arguments, .id = call.id});
  return out;
}

// How an answer begins depends on how the conversation ends, not on all that was said before.
std::vector<common_chat_msg> tail_of(const std::vector<Entry>& entries) {
  auto from = std::find_if(entries.rbegin(), entries.rend(), [](const Entry& e) { return e.role == "user"; });
  const auto begin = from == entries.rend() ? entries.begin() : std::prev(from.base());
  std::vector<common_chat_msg> out;
  std::transform(begin, entries.end(), std::back_inserter(out), message_of);
  return out;
}

bool offers(const domain::ChatRequest& request, const domain::Tool& tool) {
  return request.tool_choice.mode != Mode::kNamed || tool.name == request.tool_choice.name;
}

common_chat_templates_inputs inputs_of(const domain::ChatRequest& request, const std::vector<Entry>& entries,
                                       bool continued) {
  common_chat_templates_inputs in;
  in.messages = tail_of(entries);
  in.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
  in.enable_thinking = request.reasoning.effort != domain::Reasoning::Effort::kNone;
  in.chat_template_kwargs = extra_variables(request);
  in.parallel_tool_calls = request.tool_choice.parallel;
  if (continued) in.continue_final_message = COMMON_CHAT_CONTINUATION_AUTO;
  if (offers_tools(request)) {
    for (const auto& tool : request.tools) {
      if (offers(request, tool))
        in.tools.push_back(
            {.name = tool.name, .description = tool.description, .parameters = std::string(parameters_of(tool))});
    }
  }
  return in;
}

// Of calls, with all that the tools' schemas ask where it asks less.
std::string grammar_of(const std::string& grammar, const std::vector<common_chat_tool>& tools) {
  std::string out = with_explicit_nothing(grammar);
  for (std::size_t i = 0; i < tools.size(); ++i) out = with_listed_values(std::move(out), i, tools[i].parameters);
  return out;
}

std::vector<std::string> marks_of(const common_chat_params& params) {
  std::vector<std::string> out = params.thinking_end_tags;
  out.push_back(params.thinking_start_tag);
  for (const auto& trigger : params.grammar_triggers)
    if (trigger.type == COMMON_GRAMMAR_TRIGGER_TYPE_WORD) out.push_back(trigger.value);
  std::erase(out, "");
  return out;
}

AnswerFormat::Thinking thinking_of(const common_chat_params& params, bool wanted) {
  AnswerFormat::Thinking out;
  if (!params.supports_thinking || params.thinking_end_tags.empty()) return out;
  out.begin = params.thinking_start_tag;
  out.end = params.thinking_end_tags.front();
  const auto begins = out.begin.empty() ? std::string::npos : params.generation_prompt.rfind(out.begin);
  const bool begun = begins != std::string::npos;
  const bool ended = begun && params.generation_prompt.find(out.end, begins) != std::string::npos;
  out.opened = begun && !ended;
  out.possible = out.opened || (wanted && !ended && !out.begin.empty());
  return out;
}

}  // namespace

struct AnswerAnalysis::Impl {
  common_chat_templates_ptr templates;
  std::string source;
  bool reads_tools = false;
  bool reads_thinking = false;

  // May throw.
  [[nodiscard]] common_chat_params apply(common_chat_templates_inputs in, common_chat_tool_choice choice) const {
    in.tool_choice = choice;
    try {
      return common_chat_templates_apply(templates.get(), in);
    } catch (const std::exception&) {
      // A template may refuse the end of a conversation that it would take as a whole.
      common_chat_msg question;
      question.role = "user";
      question.content = "?";
      std::vector<common_chat_msg> shortest{question};
      if (in.continue_final_message != COMMON_CHAT_CONTINUATION_NONE) shortest.push_back(in.messages.back());
      in.messages = std::move(shortest);
      return common_chat_templates_apply(templates.get(), in);
    }
  }

  // All that a prompt does not show: whether a text with everything that looks like a marker stays as it is.
  [[nodiscard]] static bool reads_all_as_text(const AnswerFormat& format) {
    constexpr std::string_view kText = "A <tool_call> {\"name\": [1]} <think>b</think> [x] ```c``` >>>all\n<|d|> end";
    const auto reader = format.read();
    auto pieces = reader->feed(kText);
    for (auto& rest : reader->finish()) pieces.push_back(std::move(rest));
    std::string text;
    for (const auto& piece : pieces) {
      if (piece.kind != AnswerPiece::Kind::kText) return false;
      text += piece.text;
    }
    return text == kText;
  }

  // Which of several tools it is that cannot be used.
  [[nodiscard]] std::unexpected<Error> blame(const domain::ChatRequest& request, common_chat_templates_inputs in,
                                             const std::string& complaint) const {
    const auto all = std::exchange(in.tools, {});
    for (const auto& tool : all) {
      in.tools = {tool};
      try {
        (void)apply(in, COMMON_CHAT_TOOL_CHOICE_REQUIRED);
      } catch (const std::exception& e) {
        const auto found = std::ranges::find(request.tools, tool.name, &domain::Tool::name);
        return fail(ErrorCode::kInvalidRequest,
                    fmt::format("the parameters of tool '{}' cannot be used: {}", tool.name, base::one_line(e.what())),
                    fmt::format("tools[{}].parameters", found - request.tools.begin()));
      }
    }
    return fail(ErrorCode::kUnsupported, "this model's calls of tools cannot be read: " + base::one_line(complaint),
                "tools");
  }
};

AnswerAnalysis::AnswerAnalysis(const std::string& source) {
  silence_llama_common();
  auto impl = std::make_unique<Impl>();
  impl->source = source;
  try {
    // Without texts of the model's tokens: an end token after a call would be taken for a part of it.
    impl->templates = common_chat_templates_init(nullptr, source);
    common_chat_templates_inputs in;
    common_chat_msg question;
    question.role = "user";
    question.content = "?";
    in.messages = {question};
    in.reasoning_format = COMMON_REASONING_FORMAT_DEEPSEEK;
    in.tools = {
        {.name = "f", .description = "f", .parameters = R"({"type":"object","properties":{"x":{"type":"string"}}})"}};
    const auto params = impl->apply(in, COMMON_CHAT_TOOL_CHOICE_REQUIRED);
    impl->reads_tools = !params.grammar.empty();
    impl->reads_thinking = params.supports_thinking;
  } catch (const std::exception&) {
    impl->templates.reset();
  }
  impl_ = std::move(impl);
}
AnswerAnalysis::AnswerAnalysis(AnswerAnalysis&&) noexcept = default;
AnswerAnalysis::~AnswerAnalysis() = default;

bool AnswerAnalysis::reads_tools() const { return impl_->reads_tools; }
bool AnswerAnalysis::reads_thinking() const { return impl_->reads_thinking; }

Result<SharedAnswerFormat> AnswerAnalysis::format(const domain::ChatRequest& request, bool continued) const {
  const bool with_tools = offers_tools(request);
  if (with_tools && !impl_->reads_tools)
    return fail(ErrorCode::kUnsupported, "how this model calls tools cannot be told from its chat template", "tools");
  if (impl_->templates == nullptr) return SharedAnswerFormat();
  HEARTH_TRY(const auto entries, entries_of(request));
  const auto in = inputs_of(request, entries, continued);
  auto out = std::make_shared<PegFormat>();
  auto grammar = std::make_shared<AnswerGrammar>();
  try {
    auto params = impl_->apply(in, with_tools ? COMMON_CHAT_TOOL_CHOICE_AUTO : COMMON_CHAT_TOOL_CHOICE_NONE);
    *grammar = {.rules = std::move(params.parser),
                .format = params.format,
                .head = params.generation_prompt,
                .marks = marks_of(params)};
    out->grammar = std::move(grammar);
    out->visible = std::move(params.preserved_tokens);
    out->thinking = thinking_of(params, in.enable_thinking);
    for (const auto& head : kTextHeads) {
      if (impl_->source.find(head.in_source) == std::string::npos) continue;
      out->after_thinking = params.generation_prompt;
      out->text_begin = head.begin;
    }
    out->short_ids = impl_->source.contains(kShortIds);
    if (!with_tools) {
      if (!out->thinking.possible && !params.supports_thinking && Impl::reads_all_as_text(*out))
        return SharedAnswerFormat();
      return out;
    }
    if (params.grammar_lazy) out->call_grammar = grammar_of(params.grammar, in.tools);
    for (auto& trigger : params.grammar_triggers)
      out->triggers.push_back(
          {.text = std::move(trigger.value), .is_pattern = trigger.type != COMMON_GRAMMAR_TRIGGER_TYPE_WORD});
    const bool has_form = request.response_format.kind != domain::ResponseFormat::Kind::kText;
    if (request.tool_choice.mode == Mode::kAuto && !has_form) return out;
    const auto required = impl_->apply(in, COMMON_CHAT_TOOL_CHOICE_REQUIRED);
    if (repeats_head(required)) out->after_thinking = required.generation_prompt;
    if (const auto calls = calls_only(required.grammar))
      out->required_grammar = grammar_of(*calls, in.tools);
    else
      out->required_grammar = out->call_grammar;  // nothing but calls, if only from a mark on
    if (out->required_grammar.empty())
      return fail(ErrorCode::kUnsupported, "how this model begins a call cannot be told from its chat template",
                  "tool_choice");
  } catch (const std::exception& e) {
    if (!with_tools) return SharedAnswerFormat();
    return impl_->blame(request, in, e.what());
  }
  return out;
}

}  // namespace hearth::chat
