#include "store/provision/ollama_registry.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/strings.hpp"
#include "domain/json/settings_json.hpp"
#include "json/reader.hpp"
#include "store/fetch/url.hpp"
#include "store/modelfile.hpp"

namespace hearth::store::provision {

namespace {

constexpr std::size_t kManifestBytesMax = 4 << 20;
constexpr std::size_t kSettingsBytesMax = 4 << 20;
constexpr std::size_t kLayersMax = 256;
constexpr const char* kManifestType = "accept: application/vnd.docker.distribution.manifest.v2+json";
constexpr std::string_view kMediaPrefix = "application/vnd.ollama.image.";
constexpr int kUnauthorized = 401;

constexpr std::array<std::string_view, 5> kSettingsKinds{"template", "system", "params", "messages", "license"};

bool holds_settings(std::string_view kind) { return std::ranges::find(kSettingsKinds, kind) != kSettingsKinds.end(); }

std::string header_of(const fetch::Answer& answer, const char* name) {
  const auto it = answer.headers.find(name);
  return it == answer.headers.end() ? std::string() : it->second;
}

// The value of name="..." in a challenge.
std::string quoted_part(std::string_view challenge, std::string_view name) {
  const auto at = challenge.find(fmt::format("{}=\"", name));
  if (at == std::string_view::npos) return {};
  const auto begin = at + name.size() + 2;
  return std::string(challenge.substr(begin, challenge.find('"', begin) - begin));
}

}  // namespace

// One tag of one model, while it is looked up.
struct OllamaRegistry::Place {
  std::string repository;  // "library/llama3.2"
  std::string shown;       // "llama3.2:1b"
  std::vector<std::string> headers;
};

Result<OllamaManifest> OllamaManifest::parse(std::string_view text) {
  OllamaManifest out;
  const auto report = json::read_object(text, [&](json::Object& in) {
    in.each("layers", [&](const json::Item& item) {
      item.object([&](json::Object& layer) {
        const std::string type = layer.required_text("mediaType");
        Layer known{.kind = type.starts_with(kMediaPrefix) ? type.substr(kMediaPrefix.size()) : type, .digest = {}};
        if (const auto digest = fetch::parse_digest(layer.required_text("digest")))
          known.digest = *digest;
        else
          layer.fail("digest", "is no digest");
        if (const auto size = layer.require("size")) known.size = static_cast<std::uint64_t>(size->integer(0));
        out.layers.push_back(std::move(known));
      });
    });
  });
  if (!report) return fail(ErrorCode::kBackendError, fmt::format("no manifest: {}", report.error().message));
  if (out.layers.empty() || out.layers.size() > kLayersMax)
    return fail(ErrorCode::kBackendError, fmt::format("no manifest: {} layers", out.layers.size()));
  return out;
}

void add_layer(std::string_view kind, const std::string& content, domain::ModelSettings& settings) {
  if (!base::is_valid_utf8(content)) return;
  if (kind == "system") {
    settings.system = content;
  } else if (kind == "license") {
    settings.license += (settings.license.empty() ? "" : "\n\n") + content;
  } else if (kind == "template") {
    if (!is_go_template(content)) settings.chat_template = content;
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
}

std::string token_address(std::string_view challenge) {
  if (!base::starts_with_ignore_case(challenge, "bearer ")) return {};
  const std::string realm = quoted_part(challenge, "realm");
  if (realm.empty()) return {};
  const std::string service = quoted_part(challenge, "service");
  const std::string scope = quoted_part(challenge, "scope");
  return fmt::format("{}{}service={}&scope={}", realm, realm.contains('?') ? '&' : '?', fetch::escape(service),
                     fetch::escape(scope));
}

Result<std::string> OllamaRegistry::token(const std::string& address, const std::stop_token& stop) const {
  std::string out;
  const auto here = fetch::origin_of(options_.endpoint);
  const auto there = fetch::origin_of(address);
  if (!there || (here && *there != *here && !there->starts_with("https://")))
    return fail(ErrorCode::kForbidden,
                fmt::format("{} sends to {} for a token; that is not followed", fetch::host_of(options_.endpoint),
                            fetch::printable(address)),
                "model");
  const auto answer = fetch::get({.url = address, .headers = {}}, options_.net, kManifestBytesMax, stop);
  if (answer && answer->status == 200)
    (void)json::read_object(answer->body, [&](json::Object& in) {
      in.text("token", out);
      if (out.empty()) in.text("access_token", out);
    });
  const bool plain = std::ranges::all_of(out, [](char c) { return c > 0x20 && c < 0x7F; });
  if (out.empty() || !plain)
    return fail(ErrorCode::kUnauthorized,
                fmt::format("{} lets nobody in without an account of its own", fetch::host_of(options_.endpoint)),
                "model");
  return out;
}

// GET below the repository; where the registry asks for a token, with one.
Result<fetch::Answer> OllamaRegistry::ask(Place& place, const std::string& path, const std::stop_token& stop) const {
  const auto get = [&] {
    return fetch::get({.url = fmt::format("{}/v2/{}/{}", options_.endpoint, place.repository, path),
                       .headers = place.headers,
                       .plain_headers = {kManifestType}},
                      options_.net, kManifestBytesMax, stop);
  };
  HEARTH_TRY(auto answer, get());
  const std::string address = token_address(header_of(answer, "www-authenticate"));
  if (answer.status == kUnauthorized && place.headers.empty() && !address.empty()) {
    HEARTH_TRY(const auto secret, token(address, stop));
    place.headers = {"authorization: Bearer " + secret};
    HEARTH_TRY(answer, get());
  }
  const std::string host = fetch::host_of(options_.endpoint);
  switch (answer.status) {
    case 200: return answer;
    case 404:
      return fail(ErrorCode::kModelNotFound,
                  fmt::format("Model 'ollama:{}' not found: {} has no such model or tag", place.shown, host), "model");
    case 401:
    case 403:
      return fail(ErrorCode::kForbidden, fmt::format("ollama:{}: {} does not let you read it", place.shown, host),
                  "model");
    case 429: return fail(ErrorCode::kRateLimited, fmt::format("{} asks to come back later", host));
    default:
      return fail(ErrorCode::kBackendError, fmt::format("{} answered {} for {}", host, answer.status, place.shown));
  }
}

Result<void> OllamaRegistry::add_settings(Place& place, const OllamaManifest& manifest, domain::ModelSettings& settings,
                                          const std::stop_token& stop) const {
  std::uint64_t total = 0;
  for (const auto& layer : manifest.layers) {
    if (!holds_settings(layer.kind)) continue;
    total += layer.size;
    if (total > kSettingsBytesMax)
      return fail(ErrorCode::kPayloadTooLarge, fmt::format("ollama:{}: its settings are larger than {}", place.shown,
                                                           base::human({kSettingsBytesMax})));
    HEARTH_TRY(const auto answer, ask(place, "blobs/" + to_text(layer.digest), stop));
    fetch::Hasher hasher(layer.digest.kind, answer.body.size());
    hasher.add(answer.body);
    if (hasher.finish() != layer.digest)
      return fail(ErrorCode::kBackendError,
                  fmt::format("{} gave another {} of ollama:{} than its manifest says; nothing was fetched",
                              fetch::host_of(options_.endpoint), layer.kind, place.shown));
    add_layer(layer.kind, answer.body, settings);
  }
  return {};
}

Result<Publication> OllamaRegistry::look_up(const Reference& reference, std::stop_token stop) const {
  const std::string tag = reference.selector.empty() ? "latest" : reference.selector;
  const std::string model = reference.name.substr(reference.name.rfind('/') + 1);
  Place place{.repository = reference.name.contains('/') ? reference.name : "library/" + reference.name,
              .shown = fmt::format("{}:{}", reference.name, tag),
              .headers = {}};
  HEARTH_TRY(const auto answer, ask(place, "manifests/" + tag, stop));
  const auto manifest = OllamaManifest::parse(answer.body);
  if (!manifest)
    return fail(ErrorCode::kBackendError, fmt::format("{} gave for {} {}", fetch::host_of(options_.endpoint),
                                                      place.shown, manifest.error().message));
  Publication out{.source = "ollama:" + reference.name, .folder = reference.name, .complete = true};
  fetch::Hasher hasher(fetch::Digest::Kind::kSha256, answer.body.size());
  hasher.add(answer.body);
  out.revision = hasher.finish().hex;
  domain::ModelSettings settings;
  HEARTH_CHECK(add_settings(place, *manifest, settings, stop));
  const auto unusable = [&](std::string_view why) {
    return fail(ErrorCode::kUnsupported, fmt::format("ollama:{} {}", place.shown, why), "model");
  };
  for (const auto& layer : manifest->layers) {
    const bool weights = layer.kind == "model";
    if (layer.kind == "adapter") return unusable("has an adapter, which hearth does not load");
    if (layer.kind == "tensor") return unusable("is published as single tensors, which only Ollama reads");
    if (!weights && layer.kind != "projector") continue;
    if (weights && !out.files.empty() && !out.files.front().name.starts_with("mmproj"))
      return unusable("has its weights in several layers");
    PublishedFile file{
        .name = fmt::format("{}{}@{}.gguf", weights ? "" : "mmproj-", model, tag),
        .size = layer.size,
        .digest = layer.digest,
        .url = fmt::format("{}/v2/{}/blobs/{}", options_.endpoint, place.repository, to_text(layer.digest)),
        .settings = weights ? settings : domain::ModelSettings{}};
    // Weights first: the model is called after them.
    out.files.insert(weights ? out.files.begin() : out.files.end(), std::move(file));
  }
  if (out.files.empty() || out.files.front().name.starts_with("mmproj"))
    return unusable("has no weights here; it runs on the makers' servers only");
  out.headers = place.headers;
  return out;
}

}  // namespace hearth::store::provision
