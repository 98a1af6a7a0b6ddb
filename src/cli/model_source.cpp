#include "cli/model_source.hpp"

#include <filesystem>

#include "domain/json/settings_json.hpp"
#include "http/message.hpp"
#include "json/writer.hpp"
#include "store/card_json.hpp"

namespace hearth::cli {
namespace {

Result<json::Value> parsed(Result<std::string> text) {
  if (!text) return std::unexpected(std::move(text).error());
  return json::parse(*text);
}

std::string path_of(const std::string& name) { return "/hearth/v1/models/" + http::percent_encode(name); }

}  // namespace

Result<json::Value> ModelSource::list() const {
  if (context_.remote_asked()) {
    HEARTH_TRY(const auto client, context_.client());
    HEARTH_TRY(auto value, parsed(client.models()));
    return std::move(value.get_object()["models"]);
  }
  const store::Library library(context_.home, *context_.log);
  HEARTH_TRY(const auto entries, library.entries());
  json::Writer w;
  w.begin_array();
  for (const auto& entry : entries) {
    const auto card = library.card(entry);
    if (!card) {
      context_.log->warn("model {}: {}", entry.id(), card.error().message);
      continue;
    }
    w.begin_object();
    store::write_card_fields(w, *card);
    w.end_object();
  }
  w.end_array();
  return json::parse(w.text());
}

Result<json::Value> ModelSource::info(const std::string& name) const {
  if (context_.remote_asked()) {
    HEARTH_TRY(const auto client, context_.client());
    return parsed(client.get(path_of(name)));
  }
  const store::Library library(context_.home, *context_.log);
  HEARTH_TRY(const auto entry, library.find(name));
  HEARTH_TRY(const auto card, library.card(entry));
  return json::parse(store::card_json(card));
}

Result<json::Value> ModelSource::import(const std::string& path, const std::string& name) const {
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(path, error).string();
  if (context_.remote_asked()) {
    HEARTH_TRY(const auto client, context_.client());
    json::Writer w;
    w.begin_object().field("path", absolute);
    if (!name.empty()) w.field("name", name);
    w.end_object();
    return parsed(client.post("/hearth/v1/models/import", std::move(w).take()));
  }
  store::Library library(context_.home, *context_.log);
  HEARTH_TRY(const auto entry, library.import(absolute, name));
  HEARTH_TRY(const auto card, library.card(entry));
  return json::parse(store::card_json(card));
}

Result<void> ModelSource::remove(const std::string& name) const {
  if (!context_.remote_asked()) {
    store::Library library(context_.home, *context_.log);
    return library.remove(name);
  }
  HEARTH_TRY(const auto client, context_.client());
  HEARTH_TRY(const auto done, client.remove(path_of(name)));
  (void)done;
  return {};
}

Result<void> ModelSource::create(const std::string& name, const std::string& from,
                                 const domain::ModelSettings& settings) const {
  if (!context_.remote_asked()) {
    store::Library library(context_.home, *context_.log);
    HEARTH_TRY(const auto made, library.create(name, from, settings));
    (void)made;
    return {};
  }
  HEARTH_TRY(const auto client, context_.client());
  json::Writer w;
  w.begin_object().field("model", name).field("from", from).field("stream", false);
  domain::write_settings(w, settings);
  w.end_object();
  HEARTH_TRY(const auto done, client.post("/api/create", std::move(w).take()));
  (void)done;
  return {};
}

Result<void> ModelSource::copy(const std::string& from, const std::string& to) const {
  if (!context_.remote_asked()) {
    store::Library library(context_.home, *context_.log);
    return library.copy(from, to);
  }
  HEARTH_TRY(const auto client, context_.client());
  json::Writer w;
  w.begin_object().field("source", from).field("destination", to).end_object();
  HEARTH_TRY(const auto done, client.post("/api/copy", std::move(w).take()));
  (void)done;
  return {};
}

}  // namespace hearth::cli
