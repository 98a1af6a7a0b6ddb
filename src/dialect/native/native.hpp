#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "domain/capabilities.hpp"
#include "domain/event.hpp"
#include "domain/request.hpp"

// hearth's own dialect: the domain values themselves as JSON. It is what the gateway and a runner speak, and what one
// hearth speaks to another; POST /hearth/v1/run takes a request and answers with one event per line (NDJSON). Nothing
// is lost on the way: read(write(x)) == x. Unknown fields of a newer peer are skipped.
namespace hearth::dialect::native {

[[nodiscard]] std::string write_request(const domain::Request& request);
// `ignored` gets the paths of unknown fields.
[[nodiscard]] Result<domain::Request> read_request(std::string_view text, std::vector<std::string>* ignored = nullptr);

[[nodiscard]] std::string write_event(const domain::Event& event);
[[nodiscard]] Result<domain::Event> read_event(std::string_view text);

[[nodiscard]] std::string write_error(const Error& error);  // {"error": {...}}
[[nodiscard]] Error read_error(std::string_view text, std::string_view fallback);

[[nodiscard]] std::string write_capabilities(const domain::Capabilities& capabilities);
[[nodiscard]] Result<domain::Capabilities> read_capabilities(std::string_view text);

}  // namespace hearth::dialect::native
