#include "store/provision/ollama_registry.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/bytes.hpp"
#include "base/strings.hpp"
#include "domain/template_language.hpp"
#include "json/reader.hpp"
#include "store/fetch/url.hpp"

namespace hearth::store::provision {

namespace {

constexpr const char* kManifestType = "accept: application/vnd.docker.distribution.manifest.v2+json";
constexpr int kUnauthorized = 401;

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
  const auto answer = fetch::get({.url = address, .headers = {}}, options_.net, kOllamaManifestBytesMax, stop);
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
                      options_.net, kOllamaManifestBytesMax, stop);
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

// A layer that is not weights, as its manifest promises it.
Result<std::string> OllamaRegistry::small_blob(Place& place, const OllamaManifest::Layer& layer,
                                               const std::stop_token& stop) const {
  HEARTH_TRY(auto answer, ask(place, "blobs/" + to_text(layer.digest), stop));
  fetch::Hasher hasher(layer.digest.kind, answer.body.size());
  hasher.add(answer.body);
  if (hasher.finish() != layer.digest)
    return fail(ErrorCode::kBackendError,
                fmt::format("{} gave another {} of ollama:{} than its manifest says; nothing was fetched",
                            fetch::host_of(options_.endpoint), layer.kind, place.shown));
  return std::move(answer.body);
}

// The code of Ollama's that writes this model's prompts; a template beside it is a stand-in. Empty: none.
Result<std::string> OllamaRegistry::renderer(Place& place, const OllamaManifest& manifest,
                                             const std::stop_token& stop) const {
  if (!manifest.config || manifest.config->size > kOllamaSettingsBytesMax) return std::string();
  HEARTH_TRY(const auto config, small_blob(place, *manifest.config, stop));
  return renderer_in(config);
}

Result<domain::ModelSettings> OllamaRegistry::settings(Place& place, const OllamaManifest& manifest,
                                                       const std::stop_token& stop,
                                                       std::vector<std::string>& notes) const {
  domain::ModelSettings out;
  std::uint64_t total = 0;
  for (const auto& layer : manifest.layers) {
    if (!holds_settings(layer.kind)) continue;
    total += layer.size;
    if (total > kOllamaSettingsBytesMax)
      return fail(ErrorCode::kPayloadTooLarge, fmt::format("ollama:{}: its settings are larger than {}", place.shown,
                                                           base::human({kOllamaSettingsBytesMax})));
    HEARTH_TRY(const auto content, small_blob(place, layer, stop));
    if (const auto added = add_layer(layer.kind, content, out); !added)
      notes.push_back(fmt::format("its {} is left out: {}", layer.kind, added.error().message));
  }
  if (domain::is_go_template(out.chat_template)) {
    HEARTH_TRY(const auto name, renderer(place, manifest, stop));
    if (!name.empty()) {
      out.chat_template.clear();
      notes.push_back(fmt::format("its template is left out: Ollama renders it with code of its own, '{}'",
                                  base::one_line(name.substr(0, 100))));
    }
  }
  return out;
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
  HEARTH_TRY(const auto settings, this->settings(place, *manifest, stop, out.notes));
  const auto weights = manifest->weights();
  if (!weights)
    return fail(weights.error().code, fmt::format("ollama:{} {}", place.shown, weights.error().message), "model");
  const auto add = [&](const OllamaManifest::Layer& layer, std::string_view prefix, domain::ModelSettings its) {
    out.files.push_back(
        {.name = fmt::format("{}{}@{}.gguf", prefix, model, tag),
         .size = layer.size,
         .digest = layer.digest,
         .url = fmt::format("{}/v2/{}/blobs/{}", options_.endpoint, place.repository, to_text(layer.digest)),
         .settings = std::move(its)});
  };
  add(*weights, "", settings);  // first: the model is called after them
  for (const auto& layer : manifest->layers) {
    if (layer.kind == "projector") add(layer, "mmproj-", {});
  }
  out.headers = place.headers;
  return out;
}

}  // namespace hearth::store::provision
