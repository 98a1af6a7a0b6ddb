#include "engine/core/infill_prompt.hpp"

#include <algorithm>
#include <string_view>

namespace hearth::engine::core {
namespace {

// Names that no client of llama-server's form sends; models were trained to see some.
constexpr std::string_view kRepository = "myproject\n";
constexpr std::string_view kFile = "filename";
constexpr std::string_view kSnippet = "\n\n--- snippet ---\n\n";  // between files, where no token separates them

void append(domain::Tokens& out, const domain::Tokens& tokens) { out.insert(out.end(), tokens.begin(), tokens.end()); }

void append_text(const Vocab& vocab, domain::Tokens& out, std::string_view text) {
  append(out, vocab.tokenize(text, false, false));
}

void begin_file(const Vocab& vocab, domain::Tokens& out, std::string_view name) {
  const domain::Token separator = vocab.infill().file;
  if (separator < 0) return append_text(vocab, out, kSnippet);
  out.push_back(separator);
  append_text(vocab, out, std::string(name) + "\n");
}

}  // namespace

InfillParts infill_parts(const Vocab& vocab, domain::Tokens prefix, const domain::CompletionRequest& request) {
  InfillParts out{.prefix = std::move(prefix), .suffix = vocab.tokenize(request.suffix, false, false), .files = {}};
  if (request.files.empty()) return out;
  const InfillTokens marks = vocab.infill();
  if (marks.repository >= 0) {
    out.files.push_back(marks.repository);
    append_text(vocab, out.files, kRepository);
  }
  for (const auto& file : request.files) {
    begin_file(vocab, out.files, file.name.empty() ? kFile : std::string_view(file.name));
    append_text(vocab, out.files, file.text);
  }
  begin_file(vocab, out.files, kFile);
  return out;
}

std::size_t cut_infill(InfillParts& parts, std::size_t most) {
  const std::size_t whole = parts.files.size() + parts.prefix.size() + parts.suffix.size();
  const auto cut_front = [](domain::Tokens& tokens, std::size_t kept) {
    if (tokens.size() > kept) tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(kept));
  };
  const std::size_t around = parts.prefix.size() + parts.suffix.size();
  cut_front(parts.files, around >= most ? 0 : most - around);
  if (around > most) {
    const std::size_t before = std::max(most - most / 4, most - std::min(most, parts.suffix.size()));
    cut_front(parts.prefix, before);
    parts.suffix.resize(std::min(parts.suffix.size(), most - parts.prefix.size()));
  }
  return whole - (parts.files.size() + parts.prefix.size() + parts.suffix.size());
}

domain::Tokens infill_prompt(const Vocab& vocab, const InfillParts& parts) {
  const InfillTokens marks = vocab.infill();
  domain::Tokens out = vocab.begin();
  append(out, parts.files);
  out.push_back(marks.prefix);
  append(out, parts.prefix);
  out.push_back(marks.suffix);
  append(out, parts.suffix);
  out.push_back(marks.middle);
  return out;
}

std::size_t infill_marks(const Vocab& vocab) { return vocab.begin().size() + 3; }

}  // namespace hearth::engine::core
