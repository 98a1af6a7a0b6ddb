#include "config/credentials.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>
#include <system_error>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "config/settings.hpp"

namespace hearth::config {

namespace fs = std::filesystem;

namespace {

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}
bool is_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F; });
}

}  // namespace

fs::path credentials_file() { return default_config_file().parent_path() / "credentials"; }

Result<std::map<std::string, std::string>> load_credentials(const fs::path& file) {
  std::map<std::string, std::string> out;
  std::error_code error;
  const auto status = fs::status(file, error);
  if (!fs::exists(status)) return out;
  constexpr auto kOthers = fs::perms::group_all | fs::perms::others_all;
  if ((status.permissions() & kOthers) != fs::perms::none)
    return fail(ErrorCode::kForbidden,
                fmt::format("{} holds secrets and others may read it; mend that with: chmod 600 {}", file.string(),
                            file.string()));
  HEARTH_TRY(const auto text, base::read_file(file));
  std::size_t number = 0;
  for (const auto raw : base::split(text, '\n')) {
    ++number;
    const auto line = base::trim(raw);
    if (line.empty() || line.starts_with('#')) continue;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || !is_name(line.substr(0, equals)))  // the line itself is not shown
      return fail(ErrorCode::kInvalidRequest, fmt::format("{}, line {}: no NAME=value", file.string(), number));
    out[std::string(line.substr(0, equals))] = base::trim(line.substr(equals + 1));
  }
  return out;
}

Result<void> save_credential(const fs::path& file, const std::string& name, const std::string& value) {
  if (!is_name(name) || !is_value(value))
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("what was given as {} has characters that no secret has", name));
  HEARTH_TRY(auto known, load_credentials(file));
  known.erase(name);
  if (!value.empty()) known[name] = value;
  std::string text;
  for (const auto& [key, secret] : known) text += fmt::format("{}={}\n", key, secret);
  return base::write_private_file(file, text);
}

}  // namespace hearth::config
