#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth::engine::core {

// Turns token bytes into text that can be sent: never part of a character, never part of what may become a stop string.
// What is held back is delivered by finish() when the answer ends otherwise (length, end token). One per choice.
// The stop string that is complete first wins; among those that end at the same byte the longest. So the cutting of the
// text into tokens never matters. Empty stop strings are ignored. Bytes that cannot become a character are sent as
// U+FFFD.
class TextAssembler {
 public:
  explicit TextAssembler(std::vector<std::string> stops);

  struct Piece {
    std::string text;           // may be sent now
    std::string stop_sequence;  // not empty: this stop string was found; `text` is all before it; the choice is over
  };
  [[nodiscard]] Piece feed(std::string_view bytes);
  // The rest. An unfinished character becomes U+FFFD.
  [[nodiscard]] std::string finish();

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::size_t scanned_ = 0;  // stop strings cannot begin before this offset of held_
};

}  // namespace hearth::engine::core
