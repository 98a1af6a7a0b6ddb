#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "dialect/dialect.hpp"
#include "domain/event.hpp"
#include "json/writer.hpp"

// The renderers of this folder and what they share. Private to this folder.
namespace hearth::dialect::ollama {

struct Style {
  Edge edge;
  std::string model;  // as asked for
  bool chat = false;  // message instead of response
  bool logprobs = false;
};
[[nodiscard]] std::unique_ptr<Renderer> generate_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> embed_renderer(Style style);
[[nodiscard]] std::unique_ptr<Renderer> legacy_embedding_renderer();

[[nodiscard]] Frame error_frame(const Error& error);
// Integer nanoseconds; zero is left out.
void write_duration(json::Writer& w, std::string_view name, std::chrono::nanoseconds span);
void write_count(json::Writer& w, std::string_view name, std::int64_t count);  // zero is left out

}  // namespace hearth::dialect::ollama
