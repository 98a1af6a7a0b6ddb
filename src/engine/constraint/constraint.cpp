#include "engine/constraint/constraint.hpp"

#include <algorithm>
#include <exception>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <xgrammar/xgrammar.h>

#include "base/guarded.hpp"
#include "base/recent.hpp"
#include "base/strings.hpp"
#include "engine/constraint/grammars.hpp"
#include "engine/constraint/schema.hpp"

namespace hearth::engine::constraint {
namespace {

using Kind = domain::ResponseFormat::Kind;

constexpr std::int64_t kCacheBytes = 64 << 20;  // of the masks of rules, for each set of control tokens
constexpr std::size_t kKnownBytes = 64 << 20;
constexpr std::size_t kVocabulariesMax = 4;
constexpr unsigned kThreadsMax = 4;
constexpr std::size_t kTextMax = 1 << 20;

// "[12:00:00] /a/b.cc:12: the message" -> "the message"
std::string complaint_of(std::string_view what) {
  constexpr std::size_t kLongest = 400;
  constexpr std::string_view kFile = ".cc:";
  if (const auto file = what.find(kFile); file != std::string_view::npos) {
    if (const auto end = what.find(": ", file); end != std::string_view::npos) what.remove_prefix(end + 2);
  }
  constexpr std::string_view kCondition = ") is false: ";
  if (const auto end = what.find(kCondition); end != std::string_view::npos)
    what.remove_prefix(end + kCondition.size());
  return base::one_line(base::to_valid_utf8(base::trim(what.substr(0, what.find("\n\n"))).substr(0, kLongest)));
}

std::unexpected<Error> refused(const domain::ResponseFormat& format, std::string message) {
  return fail(ErrorCode::kInvalidRequest, std::move(message), format.field);
}
std::unexpected<Error> calls_refused(const std::exception& e) {
  return fail(ErrorCode::kUnsupported,
              fmt::format("the parameters of these tools cannot be enforced: {}", complaint_of(e.what())), "tools");
}

// Of formats that have one.
Result<std::string> plain_schema(const domain::ResponseFormat& format) {
  if (format.text.size() > kTextMax)
    return refused(format, fmt::format("{} has {} bytes; allowed: {}", format.field, format.text.size(), kTextMax));
  if (format.kind != Kind::kJsonSchema) return std::string(R"({"type":"object"})");
  auto normal = normalise_schema(format.text);
  if (!normal) return refused(format, normal.error().message);
  return *std::move(normal);
}

bool has_form(const domain::ResponseFormat& format, const AnswerShape& shape) {
  return format.kind != Kind::kText && !shape.must_call;
}
bool is_any(const domain::ResponseFormat& format, const AnswerShape& shape) {
  return !has_form(format, shape) && !shape.must_call;
}
bool is_any_call(const AnswerShape& shape) { return shape.format == nullptr || shape.format->call_grammar.empty(); }

// All that a constraint is made from, as one text; parts have their length before them.
std::string key_of(std::initializer_list<std::string_view> parts, std::span<const domain::Token> visible) {
  std::string key;
  const auto out = std::back_inserter(key);
  for (const auto part : parts) fmt::format_to(out, "{}:{}", part.size(), part);
  fmt::format_to(out, "{}", fmt::join(visible, ","));
  return key;
}
std::string key_of(const domain::ResponseFormat& format, const AnswerShape& shape) {
  const auto flags = [](auto... flag) { return std::string{(flag ? 'y' : 'n')...}; };
  const std::string kind = fmt::format("{}{}", static_cast<int>(format.kind), flags(shape.may_call, shape.must_call));
  const std::string_view text = shape.must_call ? std::string_view() : format.text;
  if (shape.format == nullptr) return key_of({kind, text}, shape.visible);
  const auto& f = *shape.format;
  return key_of({kind, text, flags(f.thinking.opened, f.thinking.possible), f.thinking.begin, f.thinking.end,
                 f.after_thinking, f.text_begin, f.required_grammar},
                shape.visible);
}
std::string call_key_of(const AnswerShape& shape) {
  return key_of({"call", shape.format->call_grammar}, shape.visible);
}

}  // namespace

struct Constraint::Impl {
  xgrammar::CompiledGrammar grammar;
};
Constraint::Constraint(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Constraint::~Constraint() = default;

struct Compiler::Impl {
  // By the control tokens that count as text. A model has one chat template or two, so there are few.
  using Compilers = std::map<domain::Tokens, xgrammar::GrammarCompiler>;
  Texts texts;
  base::Guarded<Compilers> compilers;
  base::Guarded<base::Recent<SharedConstraint>> known{kKnownBytes};

  // Thread-safe itself, and shares what it has inside.
  xgrammar::GrammarCompiler compiler(const domain::Tokens& visible) {
    return compilers.with([&](Compilers& made) { return compiler(made, visible); });
  }
  xgrammar::GrammarCompiler compiler(Compilers& made, const domain::Tokens& visible) const {
    if (const auto there = made.find(visible); there != made.end()) return there->second;
    const TokenTexts all = texts(visible);
    const xgrammar::TokenizerInfo info(all.pieces, xgrammar::VocabType::RAW, static_cast<int>(all.pieces.size()),
                                       std::vector<std::int32_t>(all.ends.begin(), all.ends.end()));
    const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1U, kThreadsMax);
    if (made.size() >= kVocabulariesMax) made.clear();
    return made.emplace(visible, xgrammar::GrammarCompiler(info, static_cast<int>(threads), false, kCacheBytes))
        .first->second;
  }

  bool knows(std::string_view key) const {
    return known.with([&](const auto& recent) { return recent.has(key); });
  }
  // What is known by that key, or what `compile` gives.
  template <class Compile>
  Result<SharedConstraint> find(std::string key, Compile compile) {
    auto found = known.with([&](auto& recent) {
      const auto* const there = recent.find(key);
      return there == nullptr ? SharedConstraint() : *there;
    });
    if (found) return found;
    HEARTH_TRY(found, compile());
    const std::size_t bytes = found->impl().grammar.MemorySizeBytes();
    known.with([&](auto& recent) { recent.add(std::move(key), found, bytes); });
    return found;
  }

  Result<SharedConstraint> compile(const domain::ResponseFormat& format, const AnswerShape& shape) {
    const bool formed = has_form(format, shape);
    std::optional<xgrammar::Grammar> calls;
    if (shape.must_call || (shape.may_call && formed)) {
      try {
        calls = calls_of(*shape.format);
        if (!formed) return compile(shape.visible, *calls);
      } catch (const std::exception& e) {
        return calls_refused(e);
      }
    }
    HEARTH_TRY(const std::string schema, plain_schema(format));
    try {
      if (shape.format == nullptr) return compile(format, schema);
      auto text = framed(*shape.format, grammar_of(format, schema));
      if (!calls) return compile(shape.visible, text);
      return compile(shape.visible, xgrammar::Grammar::Union({std::move(text), *std::move(calls)}));
    } catch (const std::exception& e) {
      const char* const what = format.kind == Kind::kGrammar ? "grammar"
                               : format.kind == Kind::kRegex ? "regular expression"
                                                             : "schema";
      return refused(format, fmt::format("the {} cannot be used: {}", what, complaint_of(e.what())));
    }
  }
  SharedConstraint compile(const domain::ResponseFormat& format, const std::string& schema) {
    auto all_text = compiler({});
    switch (format.kind) {
      case Kind::kGrammar: return shared(all_text.CompileGrammar(format.text));
      case Kind::kRegex: return shared(all_text.CompileRegex(format.text));
      default: return shared(all_text.CompileJSONSchema(schema, true, std::nullopt, std::nullopt, false, kSpacesMax));
    }
  }
  SharedConstraint compile(const domain::Tokens& visible, const xgrammar::Grammar& grammar) {
    return shared(compiler(visible).CompileGrammar(grammar));
  }
  static SharedConstraint shared(xgrammar::CompiledGrammar grammar) {
    return std::make_shared<const Constraint>(std::make_unique<const Constraint::Impl>(std::move(grammar)));
  }
};
Compiler::Compiler(Texts texts) : impl_(std::make_unique<Impl>()) { impl_->texts = std::move(texts); }
Compiler::~Compiler() = default;

Result<SharedConstraint> Compiler::compile(const domain::ResponseFormat& format, const AnswerShape& shape) {
  if (is_any(format, shape)) return SharedConstraint();
  return impl_->find(key_of(format, shape), [&] { return impl_->compile(format, shape); });
}

bool Compiler::knows(const domain::ResponseFormat& format, const AnswerShape& shape) const {
  return is_any(format, shape) || impl_->knows(key_of(format, shape));
}

Result<SharedConstraint> Compiler::compile_call(const AnswerShape& shape) {
  if (is_any_call(shape)) return SharedConstraint();
  return impl_->find(call_key_of(shape), [&]() -> Result<SharedConstraint> {
    try {
      return Impl::shared(impl_->compiler(shape.visible).CompileGrammar(shape.format->call_grammar));
    } catch (const std::exception& e) {
      return calls_refused(e);
    }
  });
}

bool Compiler::knows_call(const AnswerShape& shape) const {
  return is_any_call(shape) || impl_->knows(call_key_of(shape));
}

struct Matcher::Impl {
  SharedConstraint constraint;
  xgrammar::GrammarMatcher matcher;
  std::vector<std::int32_t> allowed;  // bit i % 32 of word i / 32: token i may come next
  bool is_filled = false;
  bool is_any = false;
  bool is_lost = false;  // a step took too long; what may come next is not known

  explicit Impl(SharedConstraint shared)
      : constraint(std::move(shared)),
        matcher(constraint->impl().grammar),
        allowed(static_cast<std::size_t>(
            xgrammar::GetBitmaskSize(constraint->impl().grammar.GetTokenizerInfo().GetVocabSize()))) {}

  void fill() {
    if (std::exchange(is_filled, true) || is_lost) return;
    std::int64_t shape = static_cast<std::int64_t>(allowed.size());
    DLTensor bits{.data = allowed.data(),
                  .device = {.device_type = kDLCPU, .device_id = 0},
                  .ndim = 1,
                  .dtype = xgrammar::GetBitmaskDLType(),
                  .shape = &shape,
                  .strides = nullptr,
                  .byte_offset = 0};
    try {
      is_any = !matcher.IsTerminated() && !matcher.FillNextTokenBitmask(&bits);
    } catch (const std::exception&) {
      lose();
    }
  }
  // Whether `next` can come.
  template <class Next>
  bool accept(Next next) {
    is_filled = false;
    if (is_lost || matcher.IsTerminated()) return false;
    try {
      return next();
    } catch (const std::exception&) {
      lose();
      return false;
    }
  }
  void lose() {
    is_lost = true;
    is_any = false;
    std::ranges::fill(allowed, 0);
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

bool Matcher::accept(std::string_view text) {
  return impl_->accept([&] { return impl_->matcher.AcceptString(std::string(text)); });
}

bool Matcher::accept(domain::Token token) {
  return impl_->accept([&] { return impl_->matcher.AcceptToken(token); });
}

}  // namespace hearth::engine::constraint
