#include "store/provision/web_file.hpp"

#include <fmt/format.h>

#include "base/strings.hpp"
#include "store/fetch/url.hpp"
#include "store/scan.hpp"

namespace hearth::store::provision {

namespace {

// What "bytes 0-0/1234" says of the whole.
std::optional<std::uint64_t> size_in(const fetch::Headers& headers) {
  const auto it = headers.find("content-range");
  const auto slash = it == headers.end() ? std::string::npos : it->second.rfind('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto size = base::parse_int(it->second.substr(slash + 1));
  return size && *size >= 0 ? std::optional(static_cast<std::uint64_t>(*size)) : std::nullopt;
}

}  // namespace

// Asked with GET, for one byte: addresses that are signed hold for GET only.
Result<Publication> WebFile::look_up(const Reference& reference, std::stop_token stop) const {
  HEARTH_TRY(auto out, describe(reference));
  auto& file = out.files.front();
  constexpr std::size_t kBytesMax = 64 << 10;
  const fetch::Call call{.url = file.url, .headers = {}, .plain_headers = {"range: bytes=0-0"}};
  const auto answer = fetch::get(call, net_, kBytesMax, std::move(stop));
  // Who sends it all knows no ranges, and says the rest when it is fetched.
  if (!answer && answer.error().code == ErrorCode::kPayloadTooLarge) return out;
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 206) return out;
  file.size = size_in(answer->headers);
  if (const auto etag = answer->headers.find("etag"); etag != answer->headers.end()) file.etag = etag->second;
  return out;
}

Result<Publication> WebFile::describe(const Reference& reference) {
  const std::string& url = reference.name;
  HEARTH_TRY(const std::string path, fetch::path_of(url));
  const std::string name = path.substr(path.rfind('/') + 1);
  if (!base::ends_with_ignore_case(name, ".gguf"))
    return fail(ErrorCode::kInvalidRequest, fmt::format("{} is no address of a .gguf file", fetch::printable(url)),
                "model");
  std::string model;
  (void)quantization_in(name.substr(0, name.size() - 5), &model);
  return Publication{.source = fetch::printable(url),
                     .folder = model,
                     .revision = {},
                     .license = {},
                     .files = {{.name = name, .size = std::nullopt, .digest = {}, .url = url}},
                     .headers = {}};
}

}  // namespace hearth::store::provision
