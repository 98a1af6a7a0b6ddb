// Formats: any schema, grammar or regular expression is compiled or refused, and a matcher of it lets no token by that
// it then does not take.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/constraint/constraint.hpp"
#include "engine/constraint/schema.hpp"

namespace {

using namespace hearth;
using Kind = domain::ResponseFormat::Kind;

constexpr domain::Token kEnd = 256;

engine::constraint::TokenTexts texts(const domain::Tokens&) {
  engine::constraint::TokenTexts out;
  for (int byte = 0; byte < kEnd; ++byte) out.pieces.emplace_back(1, static_cast<char>(byte));
  out.pieces.emplace_back();
  out.pieces.insert(out.pieces.end(), {"{\"", "\":", "true", " ,", "}]", "12", "\xC3\xA9"});
  out.ends = {kEnd};
  return out;
}

}  // namespace

// The first byte: which kind of format; the rest: its text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static engine::constraint::Compiler compiler(texts);
  if (size < 2) return 0;
  constexpr std::array kKinds{Kind::kJsonSchema, Kind::kJsonSchema, Kind::kGrammar, Kind::kRegex};
  const domain::ResponseFormat format{.kind = kKinds[data[0] % kKinds.size()],
                                      .text = std::string(reinterpret_cast<const char*>(data) + 1, size - 1)};
  if (format.kind == Kind::kJsonSchema && data[0] % 8 != 0) {
    (void)engine::constraint::normalise_schema(format.text);
    return 0;
  }
  const auto compiled = compiler.compile(format);
  if (!compiled) return 0;
  engine::constraint::Matcher matcher(*compiled);
  std::vector<float> row(texts({}).pieces.size());
  for (std::size_t step = 0; step < 40; ++step) {
    row.assign(row.size(), 0);
    matcher.mask(row);
    // The last byte of the input decides which of those that may come comes.
    const std::size_t from = (data[size - 1] * 7 + step * 31) % row.size();
    std::size_t token = row.size();
    for (std::size_t i = 0; i < row.size() && token == row.size(); ++i)
      if (row[(from + i) % row.size()] == 0) token = (from + i) % row.size();
    if (token == row.size()) return 0;
    if (!matcher.accept(static_cast<domain::Token>(token))) std::abort();
    if (token == kEnd) return 0;
  }
  return 0;
}
