#pragma once

#include <memory>
#include <string>

#include "dialect/dialect.hpp"
#include "domain/event.hpp"

// The renderers of this folder. Private to it.
namespace hearth::dialect::anthropic {

struct Style {
  Edge edge;
  std::string model;           // as asked for
  bool hide_thinking = false;  // thinking blocks keep their signature and lose their text
};
[[nodiscard]] std::unique_ptr<Renderer> message_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> count_renderer();

[[nodiscard]] Frame error_frame(const Error& error);

}  // namespace hearth::dialect::anthropic
