#include "store/template_check.hpp"

#include <fmt/format.h>

#include "chat/go/template.hpp"
#include "domain/template_language.hpp"

namespace hearth::store {

Result<void> check_template(const std::string& text) {
  if (!domain::is_go_template(text)) return {};
  const auto parsed = chat::go::Template::parse(text);
  if (parsed) return {};
  return fail(ErrorCode::kInvalidRequest, fmt::format("the template cannot be used: {}", parsed.error().message),
              "template");
}

}  // namespace hearth::store
