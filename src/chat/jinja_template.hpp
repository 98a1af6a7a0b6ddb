#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "chat/prompt_writer.hpp"

namespace hearth::chat {

// A jinja template, run by llama.cpp's engine. kModelLoadFailed has the parser's complaint.
[[nodiscard]] Result<std::unique_ptr<const PromptWriter>> make_jinja_writer(const std::string& source, std::string bos,
                                                                            std::string eos);

}  // namespace hearth::chat
