#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "chat/go/budget.hpp"
#include "chat/go/value.hpp"

namespace hearth::chat::go {

struct Program;

// A template in the language of Go's text/template, with Ollama's functions, parsed once. It takes strangers'
// templates: size, nesting, steps and output are bounded. Differences to Go: printf takes no value that does not go
// with its verb; no `call` and `js`; no complex numbers. Thread-safe. Source of the language: the documentation of Go's
// packages text/template and fmt.
class Template {
 public:
  // kInvalidRequest with the line: "line 3: function 'foo' not defined".
  [[nodiscard]] static Result<Template> parse(std::string source);

  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // Appends to `out`. kInvalidRequest with the line: a field that is not there, a value of the wrong kind, or the
  // budget is used up. With `to_response` everything after the first {{ .Response }} is left out.
  [[nodiscard]] Result<void> render(const Value& data, Budget& budget, std::string& out,
                                    bool to_response = false) const;

  // Whether a field of this name, in upper or lower case, stands anywhere in it.
  [[nodiscard]] bool mentions(std::string_view field) const;
  // Adds {{ .Response }} at the end.
  void append_response();
  [[nodiscard]] const std::string& source() const;

 private:
  explicit Template(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
  std::optional<std::size_t> response_;  // where the first {{ .Response }} stands
};

}  // namespace hearth::chat::go
