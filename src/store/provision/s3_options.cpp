#include "store/provision/s3_options.hpp"

#include <filesystem>

#include "base/files.hpp"
#include "base/strings.hpp"

namespace hearth::store::provision {

namespace {

using Environment = std::function<std::string(const char*)>;

std::string first_of(const Environment& environment, std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    if (auto value = environment(name); !value.empty()) return value;
  }
  return {};
}

// The profile's lines: those of the configuration under those of the credentials.
std::map<std::string, std::string> profile_of(const Environment& environment) {
  const auto read = [&](const char* variable, const char* fallback) {
    const std::string named = environment(variable);
    const auto path = named.empty() ? base::home_folder() / ".aws" / fallback : base::expand_user(named);
    return base::read_file(path).value_or(std::string());
  };
  std::string name = first_of(environment, {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"});
  if (name.empty()) name = "default";
  auto out = ini_section(read("AWS_SHARED_CREDENTIALS_FILE", "credentials"), name);
  out.merge(ini_section(read("AWS_CONFIG_FILE", "config"), name == "default" ? name : "profile " + name));
  return out;
}

}  // namespace

std::string s3_endpoint(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text.empty() || text.contains("://") ? "" : "https://") + std::string(text);
}

std::map<std::string, std::string> ini_section(std::string_view text, std::string_view section) {
  std::map<std::string, std::string> out;
  bool inside = false;
  for (auto line : base::split(text, '\n')) {
    const bool nested = line.starts_with(' ') || line.starts_with('\t');  // belongs to the line before
    line = base::trim(line);
    if (line.starts_with('[') && line.ends_with(']')) {
      inside = base::trim(line.substr(1, line.size() - 2)) == section;
    } else if (const auto equals = line.find('='); inside && !nested && equals != std::string_view::npos &&
                                                   !line.starts_with('#') && !line.starts_with(';')) {
      out.emplace(base::to_lower(base::trim(line.substr(0, equals))), base::trim(line.substr(equals + 1)));
    }
  }
  return out;
}

S3Options s3_options(const Environment& environment) {
  auto profile = profile_of(environment);
  S3Options out;
  out.credentials = {.access_key = environment("AWS_ACCESS_KEY_ID"),
                     .secret_key = environment("AWS_SECRET_ACCESS_KEY"),
                     .session_token = environment("AWS_SESSION_TOKEN")};
  if (out.credentials.anonymous())
    out.credentials = {.access_key = environment("S3_ACCESS_KEY"), .secret_key = environment("S3_SECRET_KEY")};
  if (out.credentials.anonymous())
    out.credentials = {.access_key = profile["aws_access_key_id"],
                       .secret_key = profile["aws_secret_access_key"],
                       .session_token = profile["aws_session_token"]};
  const std::string endpoint = first_of(environment, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT"});
  out.endpoint = s3_endpoint(endpoint.empty() ? profile["endpoint_url"] : endpoint);
  const std::string region = first_of(environment, {"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (!region.empty() || !profile["region"].empty()) out.region = region.empty() ? profile["region"] : region;
  return out;
}

}  // namespace hearth::store::provision
