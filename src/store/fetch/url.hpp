#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hearth::store::fetch {

// Scheme, host and port of a URL as one text ("https://host:443"): what may see a secret. kInvalidRequest: no URL of
// http or https.
[[nodiscard]] Result<std::string> origin_of(std::string_view url);
// The decoded path, "/" at least.
[[nodiscard]] Result<std::string> path_of(std::string_view url);
[[nodiscard]] std::string host_of(std::string_view url);  // for messages; empty if there is none

// The URL that `location` (absolute or relative) means at `url`. Never from https to http (kForbidden).
[[nodiscard]] Result<std::string> redirect_target(std::string_view url, std::string_view location);

// `text` with everything but unreserved characters (RFC 3986) as %XX; with `keep_slashes` slashes stay.
[[nodiscard]] std::string escape(std::string_view text, bool keep_slashes = false);
// Without user, password and query, which may be secrets; control characters escaped.
[[nodiscard]] std::string printable(std::string_view url);

}  // namespace hearth::store::fetch
