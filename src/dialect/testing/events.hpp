#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/answer.hpp"
#include "domain/event.hpp"

// Events as test data: one JSON object per line, in a short form of its own so that goldens do not hang on any dialect.
//   {"started":"tiny","prompt":9,"cached":2}
//   {"open":"text|thinking|tool|refusal","choice":0,"index":0,"id":"call_1","name":"lamp"}
//   {"delta":"Ket","choice":0,"index":0,"tokens":1,
//   "logprobs":[{"text":"Ket","lp":-0.5,"top":[{"text":"Ket","lp":-0.5}]}]}
//   {"close":0,"choice":0,"signature":"s"}          close names the block's index
//   {"finish":"stop|length|tool_calls|content_filter","choice":0,"stop_sequence":"END"}
//   {"finished":{"prompt":9,"cached":2,"completion":3,"reasoning":1,
//   "dropped":0,"estimated":false,"loaded":1,"prompt_ns":1,"decode":1}}
//   {"failed":"backend_crashed","message":"..."}
//   {"embedded":0,"values":[0.5,-1]}   {"tokenized":[1,2],"pieces":["a","b"]}   {"rendered":"text","tokens":2}
// A token that is no whole character is {"bytes":[226,130]} instead of "text".
namespace hearth::dialect::testing {

[[nodiscard]] Result<std::vector<domain::Event>> read_events(std::string_view lines);
[[nodiscard]] Result<domain::Answer> fold(std::span<const domain::Event> events);

}  // namespace hearth::dialect::testing
