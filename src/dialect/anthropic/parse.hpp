#pragma once

#include <vector>

#include "domain/request.hpp"
#include "json/reader.hpp"

// The parts of a Messages body, one reader each. Private to this folder.
namespace hearth::dialect::anthropic {

// system, as the first message.
void read_system(json::Object& in, std::vector<domain::Message>& out);
// messages. Consecutive ones of one role are one turn; each tool_result becomes a message of role tool.
void read_messages(json::Object& in, std::vector<domain::Message>& out);

}  // namespace hearth::dialect::anthropic
