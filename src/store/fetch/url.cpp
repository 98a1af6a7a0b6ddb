#include "store/fetch/url.hpp"

#include <fmt/format.h>
#include <memory>

#include "base/strings.hpp"
#include "store/fetch/curl_library.hpp"

namespace hearth::store::fetch {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl().url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

// nullptr: no URL.
Url parse(std::string_view text) {
  Url url(curl().url());
  const bool ok =
      curl().url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
  return ok ? std::move(url) : nullptr;
}

std::string part(const Url& url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (url == nullptr || curl().url_get(url.get(), which, &text, flags) != CURLUE_OK) return {};
  std::string out(text);
  curl().free(text);
  return out;
}

}  // namespace

Result<std::string> origin_of(std::string_view url) {
  HEARTH_CHECK(load_curl());
  const Url parsed = parse(url);
  const std::string scheme = base::to_lower(part(parsed, CURLUPART_SCHEME));
  if (scheme != "http" && scheme != "https")
    return fail(ErrorCode::kInvalidRequest, fmt::format("{}: not a http or https URL", printable(url)));
  return fmt::format("{}://{}:{}", scheme, base::to_lower(part(parsed, CURLUPART_HOST)),
                     part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

Result<std::string> path_of(std::string_view url) {
  HEARTH_TRY(const auto origin, origin_of(url));
  (void)origin;
  return part(parse(url), CURLUPART_PATH, CURLU_URLDECODE);
}

std::string host_of(std::string_view url) {
  if (!load_curl()) return printable(url);
  return base::one_line(part(parse(url), CURLUPART_HOST));
}

Result<std::string> redirect_target(std::string_view url, std::string_view location) {
  HEARTH_CHECK(load_curl());
  const Url parsed = parse(url);
  const bool was_secure = part(parsed, CURLUPART_SCHEME) == "https";
  if (parsed == nullptr || curl().url_set(parsed.get(), CURLUPART_URL, std::string(location).c_str(), 0) != CURLUE_OK)
    return fail(ErrorCode::kBackendError, fmt::format("{}: redirects to what is no URL", printable(url)));
  const std::string scheme = part(parsed, CURLUPART_SCHEME);
  if (scheme != "https" && (was_secure || scheme != "http"))
    return fail(ErrorCode::kForbidden, fmt::format("{}: redirects from https to {}, which is not followed",
                                                   printable(url), printable(location)));
  return part(parsed, CURLUPART_URL);
}

std::string escape(std::string_view text, bool keep_slashes) {
  constexpr std::string_view kUnreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string out;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos || (keep_slashes && c == '/'))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string printable(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  std::string out(url);
  const auto scheme = out.find("://");
  const auto host = scheme == std::string::npos ? 0 : scheme + 3;
  const auto host_end = std::min(out.find('/', host), out.size());
  if (const auto at = out.rfind('@', host_end); at != std::string::npos && at >= host && at < host_end)
    out.erase(host, at + 1 - host);
  return base::one_line(out);
}

}  // namespace hearth::store::fetch
