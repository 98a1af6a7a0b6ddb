#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace hearth::config {

enum class Kind { kText, kInteger, kFlag, kDuration, kBytes, kList, kChoice };

// One setting, declared once: key in the file ("server.port"), variable ("HEARTH_SERVER_PORT"), flag ("--port"), help.
// The command line, `hearth config` and docs/settings.md are made from this table.
struct Setting {
  std::string_view key;
  Kind kind;
  std::string_view fallback;  // as text
  std::string_view flag;      // of `hearth serve`; empty = none
  std::string_view metavar;   // what stands behind the flag in help
  std::string_view help;
  long long min = 0;  // kInteger
  long long max = 0;
  std::string_view choices{};        // kChoice: "DEBUG|INFO"
  bool secret = false;               // never in the file, never printed
  std::string_view variable_name{};  // where it is not HEARTH_ + KEY
  [[nodiscard]] std::string variable() const;
};
[[nodiscard]] std::span<const Setting> all_settings();
[[nodiscard]] const Setting* find_setting(std::string_view key);
// docs/settings.md, made from the table; a test compares the two.
[[nodiscard]] std::string settings_markdown();

enum class Source { kDefault, kFile, kEnvironment, kFlag };
[[nodiscard]] std::string_view to_string(Source source);

// Effective settings: flag > environment > file > default. Values are checked when they come in; later reads cannot
// fail.
class Settings {
 public:
  struct Sources {
    std::filesystem::path file;  // absent file = no settings from it, unless `file_required`
    bool file_required = false;
    std::function<std::optional<std::string>(const std::string&)> environment;
    std::map<std::string, std::vector<std::string>> flags;  // by key
  };
  // kInvalidRequest names the file, variable or flag and what it should be; an unknown key in the file is an error.
  [[nodiscard]] static Result<Settings> load(const Sources& sources);

  [[nodiscard]] const std::string& text(std::string_view key) const;
  [[nodiscard]] long long integer(std::string_view key) const;
  [[nodiscard]] bool flag(std::string_view key) const;
  [[nodiscard]] std::chrono::nanoseconds duration(std::string_view key) const;
  [[nodiscard]] base::Bytes bytes(std::string_view key) const;
  [[nodiscard]] const std::vector<std::string>& list(std::string_view key) const;
  [[nodiscard]] Source source(std::string_view key) const;
  // For people: secrets masked, lists joined.
  [[nodiscard]] std::string display(std::string_view key) const;

 private:
  struct Value {
    std::vector<std::string> texts;
    Source source = Source::kDefault;
  };
  [[nodiscard]] const Value& at(std::string_view key) const;
  std::map<std::string, Value, std::less<>> values_;
};

[[nodiscard]] std::filesystem::path default_config_file();  // ~/.config/hearth/config.yaml, XDG_CONFIG_HOME honoured
[[nodiscard]] std::filesystem::path default_home();         // ~/.local/share/hearth, XDG_DATA_HOME honoured
[[nodiscard]] std::optional<std::string> process_environment(const std::string& name);

}  // namespace hearth::config
