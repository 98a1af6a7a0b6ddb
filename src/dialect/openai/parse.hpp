#pragma once

#include <string>
#include <string_view>
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
// `file_data`: a data URL, or base64 alone.
void read_file_data(const json::Item& item, domain::FilePart& out);

// One function: name, description, parameters, strict.
[[nodiscard]] domain::Tool read_function(json::Object& in);
// `auto`, `none`, `required`; false for another word.
[[nodiscard]] bool read_mode(std::string_view word, domain::ToolChoice& choice);
// A choice that the tools cannot meet is a mistake of the caller's, told at its field.
void check_choice(const json::Object& in, std::string_view field, const std::vector<domain::Tool>& tools,
                  const domain::ToolChoice& choice);
// tools and tool_choice, and their old forms functions and function_call. True if the old forms were used.
[[nodiscard]] bool read_tools(json::Object& in, std::vector<domain::Tool>& tools, domain::ToolChoice& choice);

// What a Responses request asks: a text or items, after the instructions.
void read_input(json::Object& in, std::vector<domain::Message>& out);
// tools and tool_choice as Responses have them: functions without a wrapper, hosted tools refused.
void read_flat_tools(json::Object& in, std::vector<domain::Tool>& tools, domain::ToolChoice& choice);
// What a client may rightly ask of OpenAI, but not here: kUnsupported with the item's path. `problem` follows the path.
void refuse(const json::Item& item, std::string_view problem);

// A whole chat body but for its stream fields. True if the answer is to use function_call.
[[nodiscard]] bool read_chat(json::Object& in, domain::ChatRequest& out);

}  // namespace hearth::dialect::openai
