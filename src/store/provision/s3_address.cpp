#include "store/provision/s3_address.hpp"

#include <algorithm>

#include "base/strings.hpp"
#include "store/scan.hpp"
#include "store/split_name.hpp"

namespace hearth::store::provision {

namespace {

constexpr std::string_view kScheme = "s3://";
constexpr std::string_view kWeights = ".gguf";
constexpr std::size_t kNameMax = 128;  // of a part of a model's name

}  // namespace

S3Address S3Address::of(const Reference& reference) {
  const auto text = std::string_view(reference.name).substr(kScheme.size());
  const auto slash = text.find('/');
  S3Address out{.bucket = std::string(text.substr(0, slash)), .prefix = {}};
  if (slash != std::string_view::npos) out.prefix = text.substr(slash + 1);
  return out;
}

std::string S3Address::text() const { return std::string(kScheme) + bucket + (prefix.empty() ? "" : "/" + prefix); }

bool S3Address::is_file() const { return base::ends_with_ignore_case(prefix, kWeights); }

std::string S3Address::key(std::string_view name) const {
  return prefix.empty() ? std::string(name) : prefix + "/" + std::string(name);
}

S3Address S3Address::folder() const {
  if (!is_file()) return *this;
  const auto slash = prefix.rfind('/');
  return {.bucket = bucket, .prefix = slash == std::string::npos ? std::string() : prefix.substr(0, slash)};
}

std::string S3Address::last_part() const { return prefix.empty() ? bucket : prefix.substr(prefix.rfind('/') + 1); }

std::string S3Address::model_name() const {
  std::string stem = last_part();
  if (is_file()) {
    const std::string whole = stem_of_parts(stem);
    if (whole.empty())
      stem.resize(stem.size() - kWeights.size());
    else
      stem = whole;
    (void)quantization_in(std::string(stem), &stem);
  }
  std::string out;
  for (const char c : stem) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    const bool inside = !out.empty() && (c == '.' || c == '-');
    if (plain || inside)
      out += c;
    else if (!out.empty())
      out += '-';
  }
  return out.empty() ? bucket : out.substr(0, kNameMax);
}

std::string stem_of_parts(std::string_view file_name) {
  if (!base::ends_with_ignore_case(file_name, kWeights)) return {};
  auto split = split_stem(file_name.substr(0, file_name.size() - kWeights.size()));
  return split ? std::move(split->prefix) : std::string();
}

}  // namespace hearth::store::provision
