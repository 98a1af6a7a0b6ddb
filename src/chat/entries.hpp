#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/request.hpp"

namespace hearth::chat {

// One message as a template sees it.
struct Entry {
  std::string role;
  std::string content;
  bool has_content = false;  // a text was said, be it empty
  std::string thinking;
  std::vector<domain::ToolCallPart> calls;
  std::string tool_call_id;
  std::string tool_name;
};

// At least one. kUnsupported names the part that cannot be passed on (all but text, for now).
[[nodiscard]] Result<std::vector<Entry>> entries_of(const domain::ChatRequest& request);

// Whether the template is shown tools with this request.
[[nodiscard]] bool offers_tools(const domain::ChatRequest& request);
// Its schema, of an empty object where the client gave none.
[[nodiscard]] std::string_view parameters_of(const domain::Tool& tool);

// "high"; nothing for the default and for none.
[[nodiscard]] std::string_view effort_name(domain::Reasoning::Effort effort);

}  // namespace hearth::chat
