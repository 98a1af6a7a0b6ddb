#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "domain/request.hpp"

namespace hearth::chat {

// How a template wants what can be said in two ways.
struct TemplateTraits {
  bool typed_content = false;     // contents as [{"type": "text", "text": ...}] instead of a string
  bool object_arguments = false;  // arguments of tool calls as an object instead of JSON text
  bool thinking_field = false;    // thinking of the history under "thinking" too
  bool needs_ids = false;         // tool calls and results without an id are refused
  bool null_content = false;      // messages that are nothing but calls have none as their content, not an empty text
};

struct PromptFrame {
  std::string_view bos;
  std::string_view eos;
  bool add_generation_prompt = true;
  std::string_view append;  // to the text of the last message
};

// The variables that a template sees, as one JSON object, named as the transformers library names them.
// kUnsupported names the part that cannot be passed on (all but text, for now).
[[nodiscard]] Result<std::string> template_variables(const domain::ChatRequest& request, const TemplateTraits& traits,
                                                     const PromptFrame& frame);

// Further variables by name, as JSON: what the request says of thinking, and its template_arguments, which win.
[[nodiscard]] std::map<std::string, std::string> extra_variables(const domain::ChatRequest& request);

}  // namespace hearth::chat
