#pragma once

#include <cstddef>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "chat/format/answer_format.hpp"

namespace hearth::engine::core {

// Follows what a model writes by the marks of its format alone: whether it thinks, and where a call begins. One per
// choice. REQUIRES: the format outlives it.
class CallWatch {
 public:
  explicit CallWatch(const chat::AnswerFormat& format);

  // The text from where a call begins, once: the call may have begun in earlier bytes. Calls within the thinking are
  // none.
  [[nodiscard]] std::optional<std::string> feed(std::string_view bytes);
  [[nodiscard]] bool thinking() const { return thinking_; }

 private:
  void follow_thinking();
  [[nodiscard]] std::size_t find_call() const;

  struct Trigger {
    std::string word;  // empty: a pattern
    std::regex pattern;
  };
  const chat::AnswerFormat::Thinking& marks_;
  std::vector<Trigger> triggers_;  // none: nothing to find (any more)
  std::size_t longest_word_ = 0;
  bool thinking_;
  std::string text_;         // since the thinking began or ended; of a long one the end
  std::size_t scanned_ = 0;  // of text_
  bool shortened_ = false;   // text_ lacks its beginning
};

}  // namespace hearth::engine::core
