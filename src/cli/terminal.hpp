#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::cli {

[[nodiscard]] bool stdin_is_terminal();
[[nodiscard]] bool stdout_is_terminal();
[[nodiscard]] std::string read_all_stdin();
// One line from the terminal that nobody sees typed, `prompt` before it on stderr.
[[nodiscard]] std::string read_secret(std::string_view prompt);

// Left-aligned columns as wide as their longest cell; columns named in `right` are right-aligned.
void print_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows,
                 const std::vector<std::size_t>& right = {});

// While it lives, Ctrl-C requests a stop instead of ending the program. One at a time in a process.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
  [[nodiscard]] std::stop_token token() const;

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace hearth::cli
