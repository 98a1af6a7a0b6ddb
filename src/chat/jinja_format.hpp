#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "chat/format/answer_format.hpp"
#include "domain/request.hpp"

namespace hearth::chat {

// What Mistral's templates say of ids of calls that are not nine characters long: they refuse them.
inline constexpr std::string_view kShortIds = "length != 9";

// What llama.cpp finds out about a jinja template's answers: how a model that follows it writes its thinking and its
// calls of tools. Thread-safe.
class AnswerAnalysis {
 public:
  // Never fails: a template that cannot be analysed has no formats.
  explicit AnswerAnalysis(const std::string& source);
  AnswerAnalysis(AnswerAnalysis&&) noexcept;
  ~AnswerAnalysis();

  // null: an answer is all text. `continued`: the last message is an answer that goes on.
  // kUnsupported: tools are offered, and their calls could not be told from text. kInvalidRequest names a tool whose
  // schema cannot be used.
  [[nodiscard]] Result<SharedAnswerFormat> format(const domain::ChatRequest& request, bool continued) const;

  [[nodiscard]] bool reads_tools() const;
  [[nodiscard]] bool reads_thinking() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace hearth::chat
