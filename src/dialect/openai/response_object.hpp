#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/event.hpp"
#include "json/writer.hpp"

// The objects of Responses, as they stand whole in an answer and again and again in its stream. Private to this folder.
namespace hearth::dialect::openai {

// A message, the reasoning before it, or a call: one block of an answer.
struct OutputItem {
  domain::BlockKind kind = domain::BlockKind::kText;
  std::string id;
  std::string call_id;  // of a call
  std::string name;     // of the function that is called
  std::string text;     // what was said so far; of a call: its arguments
  std::vector<domain::TokenLogprob> logprobs;
  std::string_view status = "in_progress";
};

struct ResponseObject {
  std::string id;
  std::int64_t created = 0;               // seconds since 1970
  std::optional<std::int64_t> completed;  // the same, with status "completed"
  std::string model;
  std::string_view status = "in_progress";
  std::string_view incomplete_reason;                     // with status "incomplete"
  std::optional<Error> error;                             // with status "failed"
  std::vector<std::pair<std::string, std::string>> echo;  // fields of the request, as JSON
  std::vector<OutputItem> output;
  std::optional<domain::Usage> usage;  // none before the end
};

// The prefix of ids of items of that kind.
[[nodiscard]] std::string_view id_prefix(domain::BlockKind kind);
// Where a message or reasoning has its text: a part of the item's content. REQUIRES: no call.
void write_part(json::Writer& w, const OutputItem& item);
void write_item(json::Writer& w, const OutputItem& item);
// The item as it is announced: with nothing in it yet.
void write_new_item(json::Writer& w, const OutputItem& item);
void write_response(json::Writer& w, const ResponseObject& response);

}  // namespace hearth::dialect::openai
