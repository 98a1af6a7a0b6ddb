#include "chat/template.hpp"

#include <string_view>
#include <utility>

#include "chat/entries.hpp"
#include "chat/go_prompt.hpp"
#include "chat/jinja_template.hpp"
#include "chat/prompt_writer.hpp"
#include "domain/template_language.hpp"

namespace hearth::chat {
namespace {

// The format that llama.cpp assumes for a model that has no template.
constexpr std::string_view kChatMl =
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}";

bool continues(const domain::ChatRequest& request) {
  if (request.messages.empty() || request.messages.back().role != domain::Role::kAssistant) return false;
  for (const auto& part : request.messages.back().parts)
    if (std::holds_alternative<domain::ToolCallPart>(part)) return false;
  return true;
}

}  // namespace

Result<std::string> cut(std::string prompt) {
  const auto mark = prompt.rfind(kCut);
  if (mark == std::string::npos)
    return fail(ErrorCode::kUnsupported, "this model's chat template cannot continue an answer that has begun",
                "messages");
  prompt.resize(mark);
  return prompt;
}

struct ChatTemplate::Impl {
  std::unique_ptr<const PromptWriter> writer;
  bool is_default = false;
};

ChatTemplate::ChatTemplate(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

bool ChatTemplate::is_default() const { return impl_->is_default; }
const std::string& ChatTemplate::source() const { return impl_->writer->source(); }
bool ChatTemplate::shows_tools() const { return impl_->writer->shows_tools(); }
bool ChatTemplate::reads_tools() const { return impl_->writer->reads_tools(); }
bool ChatTemplate::reads_thinking() const { return impl_->writer->reads_thinking(); }

Result<ChatTemplate> ChatTemplate::create(std::string source, std::string bos, std::string eos) {
  auto impl = std::make_unique<Impl>();
  impl->is_default = source.empty();
  if (source.empty()) source = kChatMl;
  if (domain::is_go_template(source)) {
    HEARTH_TRY(impl->writer, make_go_writer(std::move(source)));
  } else {
    HEARTH_TRY(impl->writer, make_jinja_writer(source, std::move(bos), std::move(eos)));
  }
  return ChatTemplate(std::move(impl));
}

Result<SharedAnswerFormat> ChatTemplate::format(const domain::ChatRequest& request) const {
  return impl_->writer->format(request, continues(request));
}

Result<RenderedPrompt> ChatTemplate::render(const domain::ChatRequest& request, Ending ending,
                                            std::chrono::system_clock::time_point now) const {
  if (offers_tools(request) && !shows_tools())
    return fail(ErrorCode::kUnsupported, "this model's chat template does not take tools", "tools");
  return impl_->writer->write(request, ending, ending == Ending::kAuto && continues(request), now);
}

}  // namespace hearth::chat
