#include "chat/template.hpp"

#include <exception>
#include <jinja/caps.h>
#include <jinja/lexer.h>
#include <jinja/parser.h>
#include <jinja/runtime.h>
#include <json.h>
#include <string_view>
#include <utility>

#include "base/strings.hpp"
#include "chat/variables.hpp"

namespace hearth::chat {
namespace {

// The format that llama.cpp assumes for a model that has no template.
constexpr std::string_view kChatMl =
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}";

// Stands at the end of an answer that is to be continued: what the template writes after it is cut off.
constexpr std::string_view kCut = "HearthCutsHere";

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

bool continues(const domain::ChatRequest& request) {
  if (request.messages.empty() || request.messages.back().role != domain::Role::kAssistant) return false;
  for (const auto& part : request.messages.back().parts)
    if (std::holds_alternative<domain::ToolCallPart>(part)) return false;
  return true;
}

// What the template wrote before the mark. Templates that trim an answer keep the mark but not the blank before it.
Result<std::string> cut(std::string prompt) {
  const auto mark = prompt.rfind(kCut);
  if (mark == std::string::npos)
    return fail(ErrorCode::kUnsupported, "this model's chat template cannot continue an answer that has begun",
                "messages");
  prompt.resize(mark);
  return prompt;
}

}  // namespace

struct ChatTemplate::Impl {
  jinja::program program;
  std::string source;
  std::string bos;
  std::string eos;
  TemplateTraits traits;
  std::vector<std::string> stops;
  bool is_default = false;
  bool shows_tools = false;

  [[nodiscard]] std::string run(const std::string& variables, std::chrono::system_clock::time_point now) const {
    jinja::context context(source);
    context.current_time = std::chrono::system_clock::to_time_t(now);
    jinja::global_from_json(context, common_json::parse(variables), false);
    jinja::runtime runtime(context);
    return jinja::runtime::gather_string_parts(runtime.execute(program))->as_string().str();
  }
};

ChatTemplate::ChatTemplate(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

bool ChatTemplate::is_default() const { return impl_->is_default; }
const std::string& ChatTemplate::source() const { return impl_->source; }
bool ChatTemplate::shows_tools() const { return impl_->shows_tools; }

Result<ChatTemplate> ChatTemplate::create(std::string source, std::string bos, std::string eos) {
  auto impl = std::make_unique<Impl>();
  impl->is_default = source.empty();
  impl->bos = std::move(bos);
  impl->eos = std::move(eos);
  try {
    jinja::lexer lexer;
    const auto tokens = lexer.tokenize(source.empty() ? std::string(kChatMl) : source);
    impl->program = jinja::parse_from_tokens(tokens);
    impl->source = tokens.source;
    const auto can = jinja::caps_get(impl->program);
    impl->traits = {.typed_content = can.supports_typed_content && !can.supports_string_content,
                    .object_arguments = can.supports_object_arguments,
                    .thinking_field = impl->source.find("thinking") != std::string::npos};
    impl->shows_tools = can.supports_tools;
  } catch (const std::exception& e) {
    return fail(ErrorCode::kModelLoadFailed,
                "the chat template cannot be used: " + complaint_of(e.what()) + "; give another one");
  }
  for (const auto& extra : kExtraStops)
    if (impl->source.find(extra.in_source) != std::string::npos) impl->stops.emplace_back(extra.stop);
  return ChatTemplate(std::move(impl));
}

Result<RenderedPrompt> ChatTemplate::render(const domain::ChatRequest& request, Ending ending,
                                            std::chrono::system_clock::time_point now) const {
  if (!request.tools.empty() && request.tool_choice.mode != domain::ToolChoice::Mode::kNone && !impl_->shows_tools)
    return fail(ErrorCode::kUnsupported, "this model's chat template does not take tools", "tools");
  const bool continued = ending == Ending::kAuto && continues(request);
  const PromptFrame frame{.bos = impl_->bos,
                          .eos = impl_->eos,
                          .add_generation_prompt = ending != Ending::kClosed && !continued,
                          .append = continued ? kCut : std::string_view()};
  HEARTH_TRY(const std::string variables, template_variables(request, impl_->traits, frame));
  try {
    std::string prompt = impl_->run(variables, now);
    if (continued) {
      HEARTH_TRY(prompt, cut(std::move(prompt)));
    }
    return RenderedPrompt{.prompt = std::move(prompt), .stops = impl_->stops};
  } catch (const std::exception& e) {
    return fail(ErrorCode::kInvalidRequest,
                "the model's chat template refused the conversation: " + complaint_of(e.what()), "messages");
  }
}

}  // namespace hearth::chat
