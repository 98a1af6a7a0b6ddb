#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.hpp"

namespace hearth::config {

// ~/.config/hearth/credentials, XDG_CONFIG_HOME honoured: what must not stand in the settings file. Lines of
// NAME=value;
// '#' begins a comment line. Nobody but its owner may read it.
[[nodiscard]] std::filesystem::path credentials_file();

// By name; an absent file has none. kForbidden: others may read the file; kInvalidRequest: a line is no NAME=value.
[[nodiscard]] Result<std::map<std::string, std::string>> load_credentials(const std::filesystem::path& file);
// Adds or replaces one, or takes it out where `value` is empty. kInvalidRequest: a name or value that is no such thing.
[[nodiscard]] Result<void> save_credential(const std::filesystem::path& file, const std::string& name,
                                           const std::string& value);

}  // namespace hearth::config
