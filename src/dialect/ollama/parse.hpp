#pragma once

#include <vector>

#include "domain/request.hpp"
#include "json/reader.hpp"

// The parts of an Ollama request body, one reader each. Private to this folder.
namespace hearth::dialect::ollama {

// Ollama's defaults for everything that a request leaves out.
[[nodiscard]] domain::Generation default_generation();
// options{...}: samplers, limits, and the context size.
void read_options(json::Object& in, domain::Generation& generation, domain::Envelope& envelope);
// stream (default true), keep_alive, truncate, shift, logprobs and what generate and chat have in common besides.
void read_common(json::Object& in, domain::Generation& generation, domain::Envelope& envelope, bool& stream);
void read_format(json::Object& in, domain::ResponseFormat& out);
void read_think(json::Object& in, domain::Reasoning& out);
// images: base64 strings, put before what is already there.
void read_images(json::Object& in, std::vector<domain::Part>& parts);
void read_messages(json::Object& in, std::vector<domain::Message>& out);
void read_tools(json::Object& in, std::vector<domain::Tool>& out);

}  // namespace hearth::dialect::ollama
