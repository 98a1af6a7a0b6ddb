#include "store/ollama_manifest.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>

#include "base/strings.hpp"
#include "domain/json/settings_json.hpp"
#include "json/reader.hpp"
#include "store/template_check.hpp"

namespace hearth::store {

namespace {

constexpr std::size_t kLayersMax = 256;
constexpr std::string_view kMediaPrefix = "application/vnd.ollama.image.";
constexpr std::array<std::string_view, 5> kSettingsKinds{"template", "system", "params", "messages", "license"};

OllamaManifest::Layer read_layer(json::Object& in) {
  const std::string type = in.required_text("mediaType");
  OllamaManifest::Layer out{.kind = type.starts_with(kMediaPrefix) ? type.substr(kMediaPrefix.size()) : type,
                            .digest = {}};
  if (const auto digest = fetch::parse_digest(in.required_text("digest")))
    out.digest = *digest;
  else
    in.fail("digest", "is no digest");
  if (const auto size = in.require("size")) out.size = static_cast<std::uint64_t>(size->integer(0));
  return out;
}

}  // namespace

bool holds_settings(std::string_view kind) { return std::ranges::find(kSettingsKinds, kind) != kSettingsKinds.end(); }

Result<OllamaManifest> OllamaManifest::parse(std::string_view text) {
  OllamaManifest out;
  const auto report = json::read_object(text, [&](json::Object& in) {
    in.each("layers", [&](const json::Item& item) {
      item.object([&](json::Object& layer) { out.layers.push_back(read_layer(layer)); });
    });
    in.object("config", [&](json::Object& layer) { out.config = read_layer(layer); });
  });
  if (!report) return fail(ErrorCode::kBackendError, fmt::format("no manifest: {}", report.error().message));
  if (out.layers.empty() || out.layers.size() > kLayersMax)
    return fail(ErrorCode::kBackendError, fmt::format("no manifest: {} layers", out.layers.size()));
  return out;
}

Result<OllamaManifest::Layer> OllamaManifest::weights() const {
  const auto unusable = [](const char* why) { return fail(ErrorCode::kUnsupported, why, "model"); };
  std::optional<Layer> out;
  for (const auto& layer : layers) {
    if (layer.kind == "adapter") return unusable("has an adapter, which hearth does not load");
    if (layer.kind == "tensor") return unusable("is published as single tensors, which only Ollama reads");
    if (layer.kind != "model") continue;
    if (out) return unusable("has its weights in several layers");
    out = layer;
  }
  if (!out) return unusable("has no weights here; it runs on the makers' servers only");
  return *std::move(out);
}

Result<void> add_layer(std::string_view kind, const std::string& content, domain::ModelSettings& settings) {
  if (!base::is_valid_utf8(content)) return fail(ErrorCode::kBackendError, "it is not UTF-8");
  if (kind == "system") {
    settings.system = content;
  } else if (kind == "license") {
    settings.license += (settings.license.empty() ? "" : "\n\n") + content;
  } else if (kind == "template") {
    HEARTH_CHECK(check_template(content));
    settings.chat_template = content;
  } else if (kind == "params") {
    (void)json::read_object(content, [&](json::Object& in) {
      for (const auto& name : in.keys()) {
        const auto item = in.get(name);
        const auto take = [&](const json::Item& value) {
          (void)settings.add(name, value.is_string() ? value.text() : json::to_text(value.value()));
        };
        if (item && item->is_array())
          item->each(take);
        else if (item)
          take(*item);
      }
    });
  } else if (kind == "messages") {
    const auto value = json::parse(content);
    json::Report report;
    std::vector<domain::Message> messages;
    if (value) domain::read_settings_messages(json::Item(*value, "messages", report), messages);
    if (value && !report.error) settings.messages = std::move(messages);
  }
  return {};
}

std::string renderer_in(std::string_view config) {
  std::string out;
  (void)json::read_object(config, [&](json::Object& in) { in.text("renderer", out); });
  return out;
}

}  // namespace hearth::store
