#pragma once

#include <string>
#include <string_view>

#include "domain/model_settings.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"

namespace hearth::domain {

// What a model brings with it, as registry.json and hearth.json hold it:
// {parameters: {temperature: 0.7, stop: ["END"]}, system, template, messages: [{role, content}], license}.
void read_settings(json::Object& in, ModelSettings& out);
// Fields of an object that is open.
void write_settings(json::Writer& w, const ModelSettings& settings);
[[nodiscard]] std::string settings_json(const ModelSettings& settings);

// A parameters object alone, as Ollama's params layer and /api/create have it.
void read_parameters(json::Object& in, ModelSettings& out);
void read_settings_messages(const json::Item& in, std::vector<Message>& out);

// "system", "user", "assistant"; nothing for another word.
[[nodiscard]] std::optional<Role> role_of(std::string_view name);

}  // namespace hearth::domain
