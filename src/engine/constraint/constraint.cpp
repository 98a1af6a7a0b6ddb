#include "engine/constraint/constraint.hpp"

#include <algorithm>
#include <exception>
#include <fmt/format.h>
#include <limits>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <xgrammar/xgrammar.h>

#include "base/strings.hpp"
#include "engine/constraint/schema.hpp"

namespace hearth::engine::constraint {
namespace {

using Kind = domain::ResponseFormat::Kind;

constexpr std::int64_t kCacheBytes = 128 << 20;
constexpr unsigned kThreadsMax = 4;
// White space in a row: enough for a line break and some indentation, and an end for models that love it.
constexpr int kSpacesMax = 10;
constexpr std::size_t kTextMax = 1 << 20;

// "[12:00:00] /a/b.cc:12: the message" -> "the message"
std::string complaint_of(std::string_view what) {
  constexpr std::size_t kLongest = 400;
  constexpr std::string_view kFile = ".cc:";
  if (const auto file = what.find(kFile); file != std::string_view::npos) {
    if (const auto end = what.find(": ", file); end != std::string_view::npos) what.remove_prefix(end + 2);
  }
  return base::one_line(base::to_valid_utf8(base::trim(what.substr(0, what.find("\n\n"))).substr(0, kLongest)));
}

std::unexpected<Error> refused(std::string message) {
  return fail(ErrorCode::kInvalidRequest, std::move(message), "response_format");
}

}  // namespace

struct Constraint::Impl {
  xgrammar::CompiledGrammar grammar;
};
Constraint::Constraint(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Constraint::~Constraint() = default;

struct Compiler::Impl {
  std::function<TokenTexts()> texts;
  std::once_flag once;
  std::optional<xgrammar::GrammarCompiler> compiler;  // set under `once`; thread-safe itself

  xgrammar::GrammarCompiler& ready() {
    std::call_once(once, [this] {
      const TokenTexts all = texts();
      const xgrammar::TokenizerInfo info(all.pieces, xgrammar::VocabType::RAW, static_cast<int>(all.pieces.size()),
                                         std::vector<std::int32_t>(all.ends.begin(), all.ends.end()));
      const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1U, kThreadsMax);
      compiler.emplace(info, static_cast<int>(threads), true, kCacheBytes);
    });
    return *compiler;
  }
};
Compiler::Compiler(std::function<TokenTexts()> texts) : impl_(std::make_unique<Impl>()) {
  impl_->texts = std::move(texts);
}
Compiler::~Compiler() = default;

Result<SharedConstraint> Compiler::compile(const domain::ResponseFormat& format) {
  if (format.kind == Kind::kText) return SharedConstraint();
  if (format.text.size() > kTextMax)
    return refused(fmt::format("response_format has {} bytes; allowed: {}", format.text.size(), kTextMax));
  std::string schema = R"({"type":"object"})";
  if (format.kind == Kind::kJsonSchema) {
    auto normal = normalise_schema(format.text);
    if (!normal) return refused(normal.error().message);
    schema = *std::move(normal);
  }
  const bool is_grammar = format.kind == Kind::kGrammar;
  try {
    auto& compiler = impl_->ready();
    auto compiled = is_grammar ? compiler.CompileGrammar(format.text)
                    : format.kind == Kind::kRegex
                        ? compiler.CompileRegex(format.text)
                        : compiler.CompileJSONSchema(schema, true, std::nullopt, std::nullopt, false, kSpacesMax);
    return std::make_shared<const Constraint>(std::make_unique<const Constraint::Impl>(std::move(compiled)));
  } catch (const std::exception& e) {
    const char* const what = is_grammar ? "grammar" : format.kind == Kind::kRegex ? "regular expression" : "schema";
    return refused(fmt::format("the {} cannot be used: {}", what, complaint_of(e.what())));
  }
}

struct Matcher::Impl {
  SharedConstraint constraint;
  xgrammar::GrammarMatcher matcher;
  std::vector<std::int32_t> allowed;  // bit i % 32 of word i / 32: token i may come next
  bool is_filled = false;
  bool is_any = false;

  explicit Impl(SharedConstraint shared)
      : constraint(std::move(shared)),
        matcher(constraint->impl().grammar),
        allowed(static_cast<std::size_t>(
            xgrammar::GetBitmaskSize(constraint->impl().grammar.GetTokenizerInfo().GetVocabSize()))) {}

  void fill() {
    if (std::exchange(is_filled, true)) return;
    std::int64_t shape = static_cast<std::int64_t>(allowed.size());
    DLTensor bits{.data = allowed.data(),
                  .device = {.device_type = kDLCPU, .device_id = 0},
                  .ndim = 1,
                  .dtype = xgrammar::GetBitmaskDLType(),
                  .shape = &shape,
                  .strides = nullptr,
                  .byte_offset = 0};
    is_any = !matcher.IsTerminated() && !matcher.FillNextTokenBitmask(&bits);
  }
};
Matcher::Matcher(SharedConstraint constraint) : impl_(std::make_unique<Impl>(std::move(constraint))) {}
Matcher::~Matcher() = default;
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;

void Matcher::mask(std::span<float> logits) {
  impl_->fill();
  if (impl_->is_any) return;
  constexpr float kImpossible = -std::numeric_limits<float>::infinity();
  constexpr std::size_t kBits = 32;
  for (std::size_t word = 0; word * kBits < logits.size(); ++word) {
    const auto bits = word < impl_->allowed.size() ? static_cast<std::uint32_t>(impl_->allowed[word]) : 0U;
    if (bits == ~0U) continue;
    const auto part = logits.subspan(word * kBits, std::min(kBits, logits.size() - word * kBits));
    for (std::size_t i = 0; i < part.size(); ++i) part[i] = ((bits >> i) & 1U) != 0 ? part[i] : kImpossible;
  }
}

bool Matcher::accept(domain::Token token) {
  impl_->is_filled = false;
  return !impl_->matcher.IsTerminated() && impl_->matcher.AcceptToken(token);
}

}  // namespace hearth::engine::constraint
