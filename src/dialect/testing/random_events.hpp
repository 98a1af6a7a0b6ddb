#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "domain/event.hpp"

namespace hearth::dialect::testing {

struct StreamShape {
  std::int32_t choices = 1;
  bool thinking = true;
  bool tools = true;
  bool logprobs = false;
  bool interleaved = false;  // events of several choices mixed
};
// A well-formed stream with texts of every width of UTF-8; tool arguments are JSON objects.
[[nodiscard]] std::vector<domain::Event> random_stream(std::mt19937& random, const StreamShape& shape);
// The same stream with its texts cut elsewhere, at borders of characters; empty pieces included.
[[nodiscard]] std::vector<domain::Event> rechunked(std::mt19937& random, const std::vector<domain::Event>& events);

}  // namespace hearth::dialect::testing
