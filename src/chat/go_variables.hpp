#pragma once

#include <map>
#include <span>
#include <string>

#include "base/result.hpp"
#include "chat/entries.hpp"
#include "chat/go/value.hpp"
#include "domain/request.hpp"

namespace hearth::chat {

using GoVariables = std::map<std::string, go::Value, std::less<>>;

// What a template in Go's language sees of a request besides the turns, named as Ollama names it: Tools, Think,
// ThinkLevel, IsThinkSet, and the request's template_arguments under their own names.
// kInvalidRequest names a tool or an argument that cannot be passed on.
[[nodiscard]] Result<GoVariables> go_variables(const domain::ChatRequest& request);

// .Messages: Role, Content, Thinking, ToolCalls, ToolName, ToolCallID.
[[nodiscard]] go::Value go_messages(std::span<const Entry> entries);

}  // namespace hearth::chat
