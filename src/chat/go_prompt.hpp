#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "chat/prompt_writer.hpp"

namespace hearth::chat {

// A template in Go's language, given what Ollama gives it. One that names .Messages is rendered once; an older one, of
// .System, .Prompt and .Response, once per turn, the last time up to the response. kModelLoadFailed has the parser's
// complaint with the line.
[[nodiscard]] Result<std::unique_ptr<const PromptWriter>> make_go_writer(std::string source);

}  // namespace hearth::chat
