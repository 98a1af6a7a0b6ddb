#include "store/modelfile.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/strings.hpp"
#include "domain/json/settings_json.hpp"
#include "domain/template_language.hpp"
#include "store/template_check.hpp"

namespace hearth::store {
namespace {

constexpr std::string_view kFence = "\"\"\"";
constexpr std::size_t kTextMax = 4 << 20;

// What a line says before its value is known.
struct Instruction {
  std::size_t line = 0;  // counted from 1
  std::string word;      // in upper case
  std::string name;      // of PARAMETER, the role of MESSAGE
  std::string value;
};

std::unexpected<Error> bad(std::size_t line, std::string_view why) {
  return fail(ErrorCode::kInvalidRequest, fmt::format("Modelfile, line {}: {}", line, why), "modelfile");
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }

  // Nothing at the end.
  Result<std::optional<Instruction>> next() {
    std::string_view line;
    while (take_line(line)) {
      const auto text = base::trim(line);
      if (text.empty() || text.starts_with('#')) continue;
      return instruction(text);
    }
    return std::nullopt;
  }

 private:
  bool take_line(std::string_view& out) {
    if (rest_.empty()) return false;
    const auto end = rest_.find('\n');
    out = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (out.ends_with('\r')) out.remove_suffix(1);
    ++line_;
    return true;
  }

  static std::string_view take_word(std::string_view& text) {
    const auto end = text.find_first_of(" \t");
    const auto word = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : base::trim(text.substr(end));
    return word;
  }

  Result<std::optional<Instruction>> instruction(std::string_view text) {
    Instruction out{.line = line_, .word = base::to_upper(take_word(text)), .name = {}, .value = {}};
    const bool named = out.word == "PARAMETER" || out.word == "MESSAGE";
    if (named) out.name = take_word(text);
    if (text.empty()) return bad(out.line, fmt::format("{} has no value", out.word));
    HEARTH_TRY(out.value, value(text, out));
    return out;
  }

  // The rest of the line, in quotes or not; or, after three quotes, everything up to the next three.
  Result<std::string> value(std::string_view text, const Instruction& of) {
    if (!text.starts_with(kFence)) {
      const bool quoted = text.size() >= 2 && text.starts_with('"') && text.ends_with('"');
      return std::string(quoted ? text.substr(1, text.size() - 2) : text);
    }
    text.remove_prefix(kFence.size());
    std::string out;
    while (true) {
      if (auto end = text.find(kFence); end != std::string_view::npos) {
        while (text.substr(end + kFence.size()).starts_with('"')) ++end;  // a text may end in quotes of its own
        if (!base::trim(text.substr(end + kFence.size())).empty())
          return bad(line_, R"(there is text after the closing """)");
        return out + std::string(text.substr(0, end));
      }
      out += std::string(text);
      if (!take_line(text)) return bad(of.line, fmt::format(R"({} begins with """ that nothing closes)", of.word));
      if (out.empty() && of.line + 1 == line_) continue;  // the fence stood alone
      out += '\n';
    }
  }

  std::string_view rest_;
  std::size_t line_ = 0;
};

Result<void> take(const Instruction& in, Modelfile& out) {
  auto& settings = out.settings;
  if (in.word == "FROM") {
    if (!out.from.empty()) return bad(in.line, "a second FROM");
    out.from = in.value;
  } else if (in.word == "PARAMETER") {
    if (const auto added = settings.add(in.name, in.value); !added) return bad(in.line, added.error().message);
    if (!domain::is_honoured(base::to_lower(in.name))) out.without_effect.push_back("PARAMETER " + in.name);
  } else if (in.word == "SYSTEM") {
    settings.system = in.value;
  } else if (in.word == "TEMPLATE") {
    if (const auto fine = check_template(in.value); !fine) return bad(in.line, "TEMPLATE: " + fine.error().message);
    settings.chat_template = in.value;
  } else if (in.word == "MESSAGE") {
    const auto role = domain::role_of(in.name);
    if (!role) return bad(in.line, fmt::format("'{}' is no role: system, user or assistant", base::one_line(in.name)));
    settings.messages.push_back({*role, {domain::TextPart{in.value}}});
  } else if (in.word == "LICENSE") {
    settings.license += (settings.license.empty() ? "" : "\n\n") + in.value;
  } else if (in.word == "REQUIRES" || in.word == "RENDERER" || in.word == "PARSER") {
    out.without_effect.push_back(in.word + " " + in.value);
  } else if (in.word == "ADAPTER" || in.word == "DRAFT") {
    return fail(ErrorCode::kUnsupported, fmt::format("Modelfile, line {}: {} is not supported", in.line, in.word),
                "modelfile");
  } else {
    return bad(in.line, fmt::format("'{}' is no instruction", base::one_line(in.word.substr(0, 40))));
  }
  return {};
}

// In quotes where a bare line would be read otherwise. A line end right behind the fence is not part of a text.
std::string quoted(std::string_view text) {
  if (text.contains('\n')) return fmt::format("{0}{1}{2}{0}", kFence, text.starts_with('\n') ? "\n" : "", text);
  const bool bare = !text.empty() && base::trim(text) == text && !text.starts_with('"');
  if (!bare && text.contains('"')) return fmt::format("{0}{1}{0}", kFence, text);
  return bare ? std::string(text) : fmt::format("\"{}\"", text);
}

}  // namespace

Result<Modelfile> Modelfile::parse(std::string_view text) {
  if (text.size() > kTextMax) return fail(ErrorCode::kInvalidRequest, "the Modelfile is too long", "modelfile");
  if (!base::is_valid_utf8(text)) return fail(ErrorCode::kInvalidRequest, "the Modelfile is not UTF-8", "modelfile");
  Modelfile out;
  Parser parser(text);
  while (true) {
    HEARTH_TRY(const auto instruction, parser.next());
    if (!instruction) break;
    HEARTH_CHECK(take(*instruction, out));
  }
  // Beside a renderer, which is code of Ollama's, a template is a stand-in.
  const auto renderer =
      std::ranges::find_if(out.without_effect, [](const auto& line) { return line.starts_with("RENDERER "); });
  if (renderer != out.without_effect.end() && domain::is_go_template(out.settings.chat_template)) {
    out.without_effect.push_back("TEMPLATE beside " + *renderer);
    out.settings.chat_template.clear();
  }
  if (out.from.empty())
    return fail(ErrorCode::kInvalidRequest, "the Modelfile has no FROM line: it says which model to begin with",
                "modelfile");
  return out;
}

std::string modelfile_text(std::string_view from, const domain::ModelSettings& settings) {
  std::string out = fmt::format("FROM {}\n", from);
  if (!settings.chat_template.empty()) out += fmt::format("TEMPLATE {}\n", quoted(settings.chat_template));
  if (!settings.system.empty()) out += fmt::format("SYSTEM {}\n", quoted(settings.system));
  for (const auto& line : settings.parameters) out += fmt::format("PARAMETER {} {}\n", line.name, quoted(line.value));
  for (const auto& message : settings.messages)
    out += fmt::format("MESSAGE {} {}\n", domain::to_string(message.role), quoted(domain::text_of(message)));
  if (!settings.license.empty()) out += fmt::format("LICENSE {}\n", quoted(settings.license));
  return out;
}

}  // namespace hearth::store
