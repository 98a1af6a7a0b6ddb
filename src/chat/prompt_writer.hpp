#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "chat/format/answer_format.hpp"
#include "chat/template.hpp"
#include "domain/request.hpp"

namespace hearth::chat {

// One language of templates. Const is thread-safe.
class PromptWriter {
 public:
  virtual ~PromptWriter() = default;
  // `continued`: the last message is an answer that goes on. REQUIRES: no tools where shows_tools() is false.
  [[nodiscard]] virtual Result<RenderedPrompt> write(const domain::ChatRequest& request, Ending ending, bool continued,
                                                     std::chrono::system_clock::time_point now) const = 0;
  // How the answer to what write() gives is to be read; as AnswerAnalysis::format.
  [[nodiscard]] virtual Result<SharedAnswerFormat> format(const domain::ChatRequest& request, bool continued) const = 0;
  [[nodiscard]] virtual const std::string& source() const = 0;
  [[nodiscard]] virtual bool shows_tools() const = 0;
  [[nodiscard]] virtual bool reads_tools() const = 0;
  [[nodiscard]] virtual bool reads_thinking() const = 0;
};

// Stands at the end of an answer that is to be continued: what the template writes after it is cut off.
inline constexpr std::string_view kCut = "HearthCutsHere";

// What the template wrote before the mark. Templates that trim an answer keep the mark but not the blank before it.
// kUnsupported: the mark is not there.
[[nodiscard]] Result<std::string> cut(std::string prompt);

}  // namespace hearth::chat
