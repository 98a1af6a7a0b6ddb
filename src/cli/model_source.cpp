#include "cli/model_source.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "cli/progress_bar.hpp"
#include "cli/terminal.hpp"
#include "domain/json/settings_json.hpp"
#include "http/message.hpp"
#include "json/writer.hpp"
#include "store/card_json.hpp"
#include "store/model_info.hpp"

namespace hearth::cli {
namespace {

Result<json::Value> parsed(Result<std::string> text) {
  if (!text) return std::unexpected(std::move(text).error());
  return json::parse(*text);
}

std::string create_body(const std::string& name, const std::string& from, const domain::ModelSettings& settings,
                        const std::string& quantize) {
  json::Writer w;
  w.begin_object().field("model", name).field("from", from).field("stream", !quantize.empty());
  if (!quantize.empty()) w.field("quantize", quantize);
  domain::write_settings(w, settings);
  w.end_object();
  return std::move(w).take();
}

std::string path_of(const std::string& name) { return "/hearth/v1/models/" + http::percent_encode(name); }

}  // namespace

std::string text_in(const json::Value& object, std::string_view key) {
  const auto* const value = object.is_object() ? object.get_object().if_contains(key) : nullptr;
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Result<std::string> ModelSource::list(bool all) const {
  if (context_.remote_asked()) {
    HEARTH_TRY(const auto client, context_.client());
    HEARTH_TRY(auto value, parsed(client.models(all)));
    return json::to_text(value.get_object()["models"]);
  }
  const store::Library library(context_.home, *context_.log);
  HEARTH_TRY(const auto cards, library.list(all ? store::Scope::kAll : store::Scope::kOwn));
  return store::cards_json(cards);
}

Result<json::Value> ModelSource::info(const std::string& name) const {
  if (context_.remote_asked()) {
    HEARTH_TRY(const auto client, context_.client());
    return parsed(client.get(path_of(name)));
  }
  const store::Library library(context_.home, *context_.log);
  HEARTH_TRY(const auto entry, library.find(name));
  HEARTH_TRY(const auto model, model_info(library, entry));
  return json::parse(to_json(model));
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
  HEARTH_TRY(const auto model, model_info(library, entry));
  return json::parse(to_json(model));
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
  HEARTH_TRY(const auto done, client.post("/api/create", create_body(name, from, settings, "")));
  (void)done;
  return {};
}

Result<void> ModelSource::create_quantized(const std::string& name, const std::string& from,
                                           const domain::ModelSettings& settings, const std::string& type) const {
  HEARTH_TRY(const auto client, context_.remote_asked() ? context_.client() : context_.running_client());
  StatusLine line;
  const InterruptScope interrupt;
  Rate rate;
  const auto show = [&](const json::Value& said) {
    if (context_.globals.quiet) return;
    json::Report report;
    json::Item(said, "", report).object([&](json::Object& in) {
      const auto number = [&](const char* key) {
        const auto item = in.get(key);
        return item ? static_cast<std::uint64_t>(item->integer(0)) : 0;
      };
      const std::string status = in.required_text("status");
      const auto total = number("total");
      const auto done = number("completed");
      rate.add(done, std::chrono::steady_clock::now());
      const std::size_t room = StatusLine::width() - std::min(StatusLine::width(), status.size() + 3);
      line.show(total == 0 ? status : status + ": " + progress_line(done, total, rate.per_second(), room));
    });
  };
  HEARTH_TRY(const bool stopped,
             client.lines("/api/create", create_body(name, from, settings, type), show, interrupt.token()));
  if (stopped) return fail(ErrorCode::kCancelled, "stopped; nothing was made");
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
