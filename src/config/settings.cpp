#include "config/settings.hpp"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/strings.hpp"

namespace hearth::config {
namespace {

std::optional<bool> parse_flag(std::string_view text) {
  for (const auto* yes : {"true", "1", "yes", "on"}) {
    if (base::equals_ignore_case(text, yes)) return true;
  }
  for (const auto* no : {"false", "0", "no", "off"}) {
    if (base::equals_ignore_case(text, no)) return false;
  }
  return std::nullopt;
}

// What is wrong with `text` as a value of `setting`; empty if nothing.
std::string problem_with(const Setting& setting, const std::string& text) {
  switch (setting.kind) {
    case Kind::kInteger: {
      const auto n = base::parse_int(text);
      if (!n || *n < setting.min || *n > setting.max)
        return fmt::format("must be a whole number from {} to {}, not '{}'", setting.min, setting.max, text);
      return {};
    }
    case Kind::kFlag: return parse_flag(text) ? "" : fmt::format("must be true or false, not '{}'", text);
    case Kind::kDuration:
      return base::parse_duration(text) ? "" : fmt::format("must be a duration such as 30s, 5m or -1, not '{}'", text);
    case Kind::kBytes:
      return base::parse_bytes(text) ? "" : fmt::format("must be a size such as 512MiB, 2GB or 0, not '{}'", text);
    case Kind::kChoice: {
      const auto choices = base::split(setting.choices, '|');
      const bool known = std::ranges::any_of(choices, [&](auto c) { return base::equals_ignore_case(c, text); });
      return known ? "" : fmt::format("must be one of {}, not '{}'", fmt::join(choices, ", "), text);
    }
    case Kind::kText:
    case Kind::kList: return {};
  }
  return {};
}

Result<void> check(const Setting& setting, const std::vector<std::string>& texts, std::string_view where) {
  if (texts.size() > 1 && setting.kind != Kind::kList)
    return fail(ErrorCode::kInvalidRequest, fmt::format("{} takes one value, not {}", where, texts.size()),
                std::string(setting.key));
  for (const auto& text : texts) {
    if (setting.secret && base::trim(text).empty())
      return fail(ErrorCode::kInvalidRequest, fmt::format("{} is empty; leave it out, or give a key", where),
                  std::string(setting.key));
    if (auto problem = problem_with(setting, text); !problem.empty())
      return fail(ErrorCode::kInvalidRequest, fmt::format("{} {}", where, problem), std::string(setting.key));
  }
  return {};
}

using Flat = std::map<std::string, std::vector<std::string>>;

Result<void> flatten(const YAML::Node& node, const std::string& prefix, const std::string& file, Flat& out) {
  for (const auto& pair : node) {
    const auto key = prefix.empty() ? pair.first.as<std::string>() : prefix + "." + pair.first.as<std::string>();
    const Setting* setting = find_setting(key);
    if (setting != nullptr && setting->secret)
      return fail(ErrorCode::kInvalidRequest,
                  fmt::format("{}: {} is a secret and does not belong in this file; set {} instead", file, key,
                              setting->variable()),
                  key);
    if (pair.second.IsMap()) {
      HEARTH_CHECK(flatten(pair.second, key, file, out));
    } else if (setting == nullptr) {
      return fail(ErrorCode::kInvalidRequest, fmt::format("{}: unknown setting '{}'; see: hearth config", file, key),
                  key);
    } else if (pair.second.IsSequence()) {
      for (const auto& item : pair.second) out[key].push_back(item.as<std::string>());
    } else if (!pair.second.IsNull()) {
      out[key] = {pair.second.as<std::string>()};
    }
  }
  return {};
}

Result<Flat> read_file(const std::filesystem::path& file, bool required) {
  std::error_code error;
  if (file.empty() || (!required && !std::filesystem::exists(file, error))) return Flat{};
  HEARTH_TRY(const std::string text, base::read_file(file));
  Flat out;
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return out;
    if (!root.IsMap())
      return fail(ErrorCode::kInvalidRequest, fmt::format("{}: must be a map of settings", file.string()));
    HEARTH_CHECK(flatten(root, "", file.string(), out));
  } catch (const YAML::Exception& e) {
    return fail(ErrorCode::kInvalidRequest, fmt::format("{}:{}: not valid YAML", file.string(), e.mark.line + 1));
  }
  return out;
}

}  // namespace

std::string_view to_string(Source source) {
  switch (source) {
    case Source::kDefault: return "default";
    case Source::kFile: return "file";
    case Source::kEnvironment: return "environment";
    case Source::kFlag: return "flag";
  }
  return "default";
}

Result<Settings> Settings::load(const Sources& sources) {
  Settings out;
  HEARTH_TRY(const Flat file, read_file(sources.file, sources.file_required));
  for (const auto& setting : all_settings()) {
    Value value;
    if (!setting.fallback.empty()) value.texts = {std::string(setting.fallback)};
    const auto take = [&](const std::vector<std::string>& texts, Source source,
                          const std::string& where) -> Result<void> {
      HEARTH_CHECK(check(setting, texts, where));
      value = {.texts = texts, .source = source};
      return {};
    };
    const std::string key(setting.key);
    if (const auto it = file.find(key); it != file.end())
      HEARTH_CHECK(take(it->second, Source::kFile, fmt::format("{}: {}", sources.file.string(), key)));
    const std::string variable = setting.variable();
    if (const auto text = sources.environment ? sources.environment(variable) : std::nullopt) {
      std::vector<std::string> texts;
      if (setting.kind != Kind::kList)
        texts = {*text};
      else
        for (const auto piece : base::split(*text, ',')) {
          if (!base::trim(piece).empty()) texts.emplace_back(base::trim(piece));
        }
      HEARTH_CHECK(take(texts, Source::kEnvironment, variable));
    }
    if (const auto it = sources.flags.find(key); it != sources.flags.end())
      HEARTH_CHECK(take(it->second, Source::kFlag, std::string(setting.flag)));
    out.values_.emplace(key, std::move(value));
  }
  return out;
}

const Settings::Value& Settings::at(std::string_view key) const { return values_.find(key)->second; }

const std::string& Settings::text(std::string_view key) const {
  static const std::string kEmpty;
  const auto& texts = at(key).texts;
  return texts.empty() ? kEmpty : texts.front();
}
long long Settings::integer(std::string_view key) const { return base::parse_int(text(key)).value_or(0); }
bool Settings::flag(std::string_view key) const { return parse_flag(text(key)).value_or(false); }
std::chrono::nanoseconds Settings::duration(std::string_view key) const {
  return base::parse_duration(text(key)).value_or(std::chrono::nanoseconds{});
}
base::Bytes Settings::bytes(std::string_view key) const { return base::parse_bytes(text(key)).value_or(base::Bytes{}); }
const std::vector<std::string>& Settings::list(std::string_view key) const { return at(key).texts; }
Source Settings::source(std::string_view key) const { return at(key).source; }

std::string Settings::display(std::string_view key) const {
  const auto* setting = find_setting(key);
  const auto& texts = at(key).texts;
  if (setting != nullptr && setting->secret) return texts.empty() ? "" : fmt::format("({} set)", texts.size());
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::filesystem::path default_config_file() {
  const auto base = base::env_or("XDG_CONFIG_HOME", "");
  return (base.empty() ? base::home_folder() / ".config" : std::filesystem::path(base)) / "hearth" / "config.yaml";
}

std::filesystem::path default_home() {
  const auto base = base::env_or("XDG_DATA_HOME", "");
  return (base.empty() ? base::home_folder() / ".local" / "share" : std::filesystem::path(base)) / "hearth";
}

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

}  // namespace hearth::config
