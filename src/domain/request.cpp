#include "domain/request.hpp"

namespace hearth::domain {
namespace {

template <class R>
auto& envelope_in(R& request) {
  return std::visit(
      [](auto& r) -> auto& {
        if constexpr (requires { r.chat; }) {
          return r.chat.envelope;
        } else {
          return r.envelope;
        }
      },
      request);
}

}  // namespace

const Envelope& envelope_of(const Request& request) { return envelope_in(request); }
Envelope& envelope_of(Request& request) { return envelope_in(request); }

std::string_view to_string(Role role) {
  switch (role) {
    case Role::kSystem: return "system";
    case Role::kUser: return "user";
    case Role::kAssistant: return "assistant";
    case Role::kTool: return "tool";
  }
  return "user";
}

std::string text_of(const Message& message) {
  std::string out;
  for (const auto& part : message.parts) {
    if (const auto* text = std::get_if<TextPart>(&part)) out += text->text;
  }
  return out;
}

}  // namespace hearth::domain
