#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "store/fetch/net.hpp"
#include "store/provision/s3_sign.hpp"

namespace hearth::store::provision {

struct S3Options {
  S3Credentials credentials{};
  std::string endpoint{};  // "http://host:9000"; empty = Amazon's own
  std::string region = "us-east-1";
  fetch::Net net{};
};

// As Amazon's own tools find them. Keys: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; S3_ACCESS_KEY,
// S3_SECRET_KEY; else the profile AWS_PROFILE ("default") of AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials).
// Endpoint: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, S3_ENDPOINT, the profile's endpoint_url. Region: AWS_REGION,
// AWS_DEFAULT_REGION, the profile's region (also of AWS_CONFIG_FILE, ~/.aws/config). What cannot be read counts as
// empty.
[[nodiscard]] S3Options s3_options(const std::function<std::string(const char*)>& environment);

// "http://host" of "host/", in the form that S3Options has; without a scheme https is meant.
[[nodiscard]] std::string s3_endpoint(std::string_view text);

// The lines `name = value` of "[section]" in an INI file, names in lower case.
[[nodiscard]] std::map<std::string, std::string> ini_section(std::string_view text, std::string_view section);

}  // namespace hearth::store::provision
