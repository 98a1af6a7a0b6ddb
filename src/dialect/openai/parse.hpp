#pragma once

#include <string>
#include <vector>

#include "domain/request.hpp"
#include "json/reader.hpp"

// The parts of an OpenAI request body, one reader each. Private to this folder.
namespace hearth::dialect::openai {

struct StreamOptions {
  bool stream = false;
  bool include_usage = false;
};
void read_stream(json::Object& in, StreamOptions& out);

// What chat and completions have in common, llama-server's further samplers included.
void read_generation(json::Object& in, domain::Generation& out);
// grammar and json_schema, llama-server's short forms of a response format.
void read_short_formats(json::Object& in, domain::ResponseFormat& out);
void read_response_format(json::Object& in, domain::ResponseFormat& out);
void read_reasoning(json::Object& in, domain::Reasoning& out);

void read_messages(json::Object& in, std::vector<domain::Message>& out);

// tools and tool_choice, and their old forms functions and function_call. True if the old forms were used.
[[nodiscard]] bool read_tools(json::Object& in, std::vector<domain::Tool>& tools, domain::ToolChoice& choice);

// A whole chat body but for its stream fields. True if the answer is to use function_call.
[[nodiscard]] bool read_chat(json::Object& in, domain::ChatRequest& out);

}  // namespace hearth::dialect::openai
