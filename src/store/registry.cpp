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
  if (const auto read = out.read_entries(); !read)
    return fail(read.error().code,
                fmt::format("registry {}: {}; repair it or move it away", file.string(), read.error().message));
  return out;
}

// One broken entry leaves the others; where it is not even clear what the entries are, the next write would lose them.
Result<void> Registry::read_entries() {
  json::Report report;
  json::Item(document_, "", report).object([&](json::Object& root) {
    root.object("models", [](json::Object&) {});
    root.each("hidden", [&](const json::Item& name) { hidden_.push_back(name.text()); });
  });
  if (report.error) return std::unexpected(*report.error);
  const auto* models = document_.get_object().if_contains("models");
  if (models == nullptr || !models->is_object()) return {};
  for (const auto& [slug, value] : models->get_object()) read_entry(std::string(slug), value);
  return {};
}

void Registry::read_entry(const std::string& slug, const json::Value& value) {
  const auto warn = [&](std::string_view why) {
    warnings_.push_back(fmt::format("entry '{}' skipped: {}", slug, why));
  };
  if (!value.is_object()) return warn("not an object");
  RegistryEntry entry;
  json::Report report;
  json::Item(value, slug, report).object([&](json::Object& in) {
    in.text("name", entry.name);
    in.text("path", entry.path);
    in.text("format", entry.format);
    in.text("task", entry.task);
    in.text("source", entry.source);
    in.object("settings", [&](json::Object& settings) { domain::read_settings(settings, entry.settings); });
  });
  if (report.error) return warn(report.error->message);
  if (entry.name.empty()) entry.name = slug;
  if (entry.path.empty()) return warn("no path");
  if (!domain::ModelName::parse(entry.name)) return warn("its name is not a model name");
  models_.emplace(slug, std::move(entry));
}

Result<void> Registry::update(const fs::path& file, const std::function<Result<void>(Registry&)>& change) {
  HEARTH_TRY(const auto lock, FileLock::take(fs::path(file) += ".lock"));
  HEARTH_TRY(Registry registry, load(file));
  const std::string before = registry.text();
  HEARTH_CHECK(change(registry));
  return registry.text() == before ? Result<void>{} : base::write_file_atomically(file, registry.text());
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
