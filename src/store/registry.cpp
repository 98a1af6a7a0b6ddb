#include "store/registry.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "domain/json/settings_json.hpp"
#include "domain/model_name.hpp"
#include "store/file_lock.hpp"

namespace hearth::store {

namespace bj = boost::json;
namespace fs = std::filesystem;

namespace {

std::string text_field(const bj::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return {};
  return std::string(value->get_string());
}

std::string key_of(std::string_view name) {
  const auto parsed = domain::ModelName::parse(name);
  return parsed ? parsed->key() : base::to_lower(name);
}

}  // namespace

Result<Registry> Registry::load(const fs::path& file) {
  Registry out;
  std::error_code error;
  if (!fs::exists(file, error)) {
    out.document_ = bj::object{{"version", 1}, {"models", bj::object{}}};
    return out;
  }
  HEARTH_TRY(const std::string text, base::read_file(file));
  auto document = json::parse(text);
  if (!document || !document->is_object())
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("registry {} is not a JSON object; repair it or move it away", file.string()));
  out.document_ = *std::move(document);
  const auto* version = out.document_.get_object().if_contains("version");
  if (version != nullptr && (!version->is_int64() || version->get_int64() != 1))
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("registry {} has a version that this hearth does not know (only 1)", file.string()));
  out.read_entries();
  return out;
}

void Registry::read_entries() {
  auto& root = document_.get_object();
  if (const auto* models = root.if_contains("models"); models != nullptr && models->is_object()) {
    for (const auto& [slug, value] : models->get_object()) {
      const auto warn = [&](std::string_view why) {
        warnings_.push_back(fmt::format("entry '{}' skipped: {}", std::string(slug), why));
      };
      if (!value.is_object()) {
        warn("not an object");
        continue;
      }
      const auto& o = value.get_object();
      RegistryEntry entry{.name = text_field(o, "name"),
                          .path = text_field(o, "path"),
                          .format = text_field(o, "format"),
                          .task = text_field(o, "task"),
                          .source = text_field(o, "source")};
      if (entry.name.empty()) entry.name = std::string(slug);
      json::Report report;
      json::Item(value, std::string(slug), report).object([&](json::Object& in) {
        in.object("settings", [&](json::Object& settings) { domain::read_settings(settings, entry.settings); });
      });
      if (report.error) {
        warn(report.error->message);
        continue;
      }
      if (entry.path.empty())
        warn("no path");
      else if (!domain::ModelName::parse(entry.name))
        warn("its name is not a model name");
      else
        models_.emplace(std::string(slug), std::move(entry));
    }
  }
  if (const auto* hidden = root.if_contains("hidden"); hidden != nullptr && hidden->is_array()) {
    for (const auto& name : hidden->get_array()) {
      if (name.is_string()) hidden_.emplace_back(name.get_string());
    }
  }
}

Result<void> Registry::update(const fs::path& file, const std::function<Result<void>(Registry&)>& change) {
  HEARTH_TRY(const auto lock, FileLock::take(fs::path(file) += ".lock"));
  HEARTH_TRY(Registry registry, load(file));
  HEARTH_CHECK(change(registry));
  return base::write_file_atomically(file, registry.text());
}

void Registry::put(const RegistryEntry& entry) {
  auto& root = document_.get_object();
  if (!root.contains("models") || !root["models"].is_object()) root["models"] = bj::object{};
  auto& models = root["models"].get_object();
  std::string slug;
  const std::string wanted = domain::slug_of(entry.name);
  for (int n = 1;; ++n) {
    slug = n == 1 ? wanted : fmt::format("{}-{}", wanted, n);
    const auto there = models_.find(slug);
    if (there == models_.end() ? !models.contains(slug) : key_of(there->second.name) == key_of(entry.name)) break;
  }
  if (!models.contains(slug) || !models[slug].is_object()) models[slug] = bj::object{};
  auto& o = models[slug].get_object();
  o["name"] = entry.name;
  o["path"] = entry.path;
  o["format"] = entry.format;
  o["task"] = entry.task;
  o["source"] = entry.source;
  if (entry.settings.empty())
    o.erase("settings");
  else
    o["settings"] = json::parse(domain::settings_json(entry.settings)).value();
  models_.insert_or_assign(slug, entry);
}

bool Registry::remove(std::string_view name) {
  const std::string key = key_of(name);
  const auto it = std::ranges::find_if(models_, [&](const auto& e) { return key_of(e.second.name) == key; });
  if (it == models_.end()) return false;
  document_.get_object()["models"].get_object().erase(it->first);
  models_.erase(it);
  return true;
}

void Registry::set_hidden(std::string_view name, bool hidden) {
  const std::string lower = base::to_lower(name);
  std::erase(hidden_, lower);
  if (hidden) hidden_.push_back(lower);
  bj::array list;
  for (const auto& n : hidden_) list.emplace_back(n);
  if (list.empty())
    document_.get_object().erase("hidden");
  else
    document_.get_object()["hidden"] = std::move(list);
}

std::string Registry::text() const { return json::to_text(document_) + "\n"; }

}  // namespace hearth::store
