#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace hearth::cli {

// Lines typed on a terminal, with editing and a history that outlives the program. Text is UTF-8 whatever the locale
// says. One at a time (the library below has one state for the whole process).
class LineEditor {
 public:
  explicit LineEditor(std::filesystem::path history);
  ~LineEditor();  // writes the history
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  struct Line {
    std::string text;
    bool interrupted = false;  // Ctrl-C: what was typed is gone
  };
  // Nothing at the end of input (Ctrl-D).
  [[nodiscard]] std::optional<Line> read(const char* prompt);

 private:
  std::filesystem::path history_;
};

}  // namespace hearth::cli
