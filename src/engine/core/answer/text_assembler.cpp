#include "engine/core/answer/text_assembler.hpp"

#include <algorithm>
#include <utility>

#include "base/strings.hpp"

namespace hearth::engine::core {
namespace {

struct Match {
  std::size_t begin = std::string::npos;
  std::size_t end = std::string::npos;
  const std::string* stop = nullptr;
};

Match first_match(std::string_view text, std::size_t from, const std::vector<std::string>& stops) {
  Match best;
  for (const auto& stop : stops) {
    const auto begin = text.find(stop, from);
    if (begin == std::string::npos) continue;
    const auto end = begin + stop.size();
    if (best.stop == nullptr || end < best.end || (end == best.end && begin < best.begin)) best = {begin, end, &stop};
  }
  return best;
}

// Where the earliest possible beginning of a stop string lies that the end of `text` leaves open; text.size() if none.
std::size_t open_match(std::string_view text, std::size_t from, const std::vector<std::string>& stops) {
  std::size_t open = text.size();
  for (const auto& stop : stops) {
    for (std::size_t length = std::min(stop.size() - 1, text.size() - from); length > 0; --length) {
      if (!text.ends_with(std::string_view(stop).substr(0, length))) continue;
      open = std::min(open, text.size() - length);
      break;
    }
  }
  return open;
}

}  // namespace

TextAssembler::TextAssembler(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const auto& stop) { return stop.empty(); });
}

TextAssembler::Piece TextAssembler::feed(std::string_view bytes) {
  held_ += bytes;
  if (const Match match = first_match(held_, scanned_, stops_); match.stop != nullptr) {
    Piece out{.text = base::to_valid_utf8(std::string_view(held_).substr(0, match.begin)),
              .stop_sequence = *match.stop};
    held_.clear();
    scanned_ = 0;
    return out;
  }
  const std::size_t open = open_match(held_, scanned_, stops_);
  const std::size_t ready = base::complete_utf8_prefix(std::string_view(held_).substr(0, open));
  Piece out{.text = base::to_valid_utf8(std::string_view(held_).substr(0, ready)), .stop_sequence = {}};
  held_.erase(0, ready);
  scanned_ = open - ready;
  return out;
}

std::string TextAssembler::finish() {
  scanned_ = 0;
  return base::to_valid_utf8(std::exchange(held_, {}));
}

}  // namespace hearth::engine::core
