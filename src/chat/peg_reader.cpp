#include "chat/peg_reader.hpp"

#include <algorithm>
#include <chat-peg-parser.h>
#include <exception>
#include <utility>

namespace hearth::chat {
namespace {

using Kind = AnswerPiece::Kind;

// Of a call that is longer than kWhole bytes, the parser is shown a further kShare-th of it at a time.
constexpr std::size_t kWhole = 512;
constexpr std::size_t kShare = 32;

struct Parsed {
  common_chat_msg message;
  bool failed = false;    // nothing that may follow makes it an answer of this format
  bool complete = false;  // as it stands
  std::size_t read = 0;   // bytes of the input, where it failed
};

// Whether a letter or digit begins there that stands for itself in all formats. Of UTF-8 by first bytes: the scripts,
// without the blocks of punctuation and symbols, from which formats take marks.
bool begins_word(std::string_view text) {
  const auto c = static_cast<unsigned char>(text.front());
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const bool is_ideographic_punctuation = text.starts_with("\xE3\x80");
  return c >= 0xC3 && c <= 0xED && c != 0xE2 && !is_ideographic_punctuation;
}

// Where the last of these begins; npos: nowhere.
std::size_t last_word(std::string_view text) {
  for (std::size_t at = text.size(); at > 0; --at)
    if (begins_word(text.substr(at - 1))) return at - 1;
  return std::string_view::npos;
}

class PegReader final : public AnswerReader {
 public:
  explicit PegReader(std::shared_ptr<const AnswerGrammar> grammar)
      : grammar_(std::move(grammar)), input_(grammar_->head), begin_(input_.size()) {
    // An answer that continues one begins with what is there already.
    const Parsed before = parse(true);
    text_ = before.message.content;
    thinking_ = before.message.reasoning_content;
  }

  std::vector<AnswerPiece> feed(std::string_view text) override {
    if (text.empty()) return {};
    if (lost_) return {{.kind = Kind::kText, .text = std::string(text), .id = {}}};
    input_ += text;
    pending_ += text.size();
    if (calls_ > 0 && input_.size() > kWhole && pending_ < input_.size() / kShare) return {};
    pending_ = 0;
    const Parsed parsed = parse(true);
    auto out = difference(parsed.message, false);
    if (parsed.failed)
      give_up(parsed, out);
    else
      forget();
    return out;
  }

  std::vector<AnswerPiece> finish() override {
    if (lost_ || input_.size() == begin_) return {};
    const Parsed whole = parse(false);
    if (whole.complete && extends(whole.message)) return difference(whole.message, true);
    const Parsed part = parse(true);
    auto out = difference(part.message, true);
    if (part.failed) {
      give_up(part, out);
    } else if (part.message.tool_calls.empty()) {
      release(out);
    }
    return out;
  }

 private:
  [[nodiscard]] Parsed parse(bool partial) const {
    common_peg_parse_context context(input_, partial ? COMMON_PEG_PARSE_FLAG_LENIENT : COMMON_PEG_PARSE_FLAG_NONE);
    Parsed out;
    try {
      const auto result = grammar_->rules.parse(context);
      // Some grammars have no end: what they leave over is as wrong as what they cannot read.
      const bool rest = input_.find_first_not_of(" \t\r\n", result.end) != std::string::npos;
      out.failed = result.fail() || (result.success() && rest);
      out.complete = result.success() && !rest;
      out.read = result.end;
      map(context.ast, result, out.message);
    } catch (const std::exception&) {
      out = {};
      out.failed = true;
    }
    return out;
  }

  void map(const common_peg_ast_arena& tree, const common_peg_parse_result& result, common_chat_msg& message) const {
    if (grammar_->format == COMMON_CHAT_FORMAT_PEG_GEMMA4)
      common_chat_peg_gemma4_mapper(message).from_ast(tree, result);
    else if (grammar_->format == COMMON_CHAT_FORMAT_PEG_MINIMAX_M3)
      common_chat_peg_minimax_m3_mapper(message).from_ast(tree, result);
    else
      common_chat_peg_mapper(message).from_ast(tree, result);
  }

  [[nodiscard]] bool extends(const common_chat_msg& message) const {
    return message.content.starts_with(text_) && message.reasoning_content.starts_with(thinking_) &&
           message.tool_calls.size() >= calls_;
  }

  // What `message` has more than was sent. A parser that changed its mind about what was sent adds nothing.
  std::vector<AnswerPiece> difference(const common_chat_msg& message, bool last) {
    std::vector<AnswerPiece> out;
    const auto add = [&out](Kind kind, const std::string& now, std::string& sent) {
      if (now.size() <= sent.size() || !now.starts_with(sent)) return;
      out.push_back({.kind = kind, .text = now.substr(sent.size()), .id = {}});
      sent = now;
    };
    add(Kind::kThinking, message.reasoning_content, thinking_);
    add(Kind::kText, message.content, text_);
    for (std::size_t i = calls_ == 0 ? 0 : calls_ - 1; i < message.tool_calls.size(); ++i) {
      const auto& call = message.tool_calls[i];
      if (i >= calls_) {
        // A name may be the beginning of another one until something follows it.
        if (call.name.empty() || (call.arguments.empty() && !last && i + 1 == message.tool_calls.size())) break;
        out.push_back({.kind = Kind::kCall, .text = call.name, .id = call.id});
        arguments_.clear();
        calls_ = i + 1;
      }
      add(Kind::kArguments, call.arguments, arguments_);
    }
    return out;
  }

  // What was sent as it was written need not be parsed again. A word character of it stays, so that what follows does
  // not look like the beginning of an answer.
  void forget() {
    if (calls_ > 0) return;
    std::string& sent = text_.empty() ? thinking_ : text_;
    if (sent.empty() || !input_.ends_with(sent)) return;
    const std::size_t keep = last_word(sent);
    if (keep == std::string::npos) return;
    const std::size_t at = input_.size() - sent.size();
    input_.erase(at, keep);
    if (at < begin_) begin_ -= std::min(keep, begin_ - at);
    sent.erase(0, keep);
  }

  void give_up(const Parsed& parsed, std::vector<AnswerPiece>& out) {
    lost_ = true;
    // What failed may not say what it read before: if nothing was sent of it, all is text.
    const bool said = calls_ > 0 || !text_.empty() || !thinking_.empty();
    const std::size_t from = said ? std::max(parsed.read, begin_) : begin_;
    if (from < input_.size()) out.push_back({.kind = Kind::kText, .text = input_.substr(from), .id = {}});
  }

  // At the end: what might have become a marker and did not.
  void release(std::vector<AnswerPiece>& out) const {
    const bool is_text = !text_.empty();
    const std::string& sent = is_text ? text_ : thinking_;
    const auto at = sent.empty() ? std::string::npos : input_.rfind(sent);
    if (at == std::string::npos) return;
    auto rest = input_.substr(at + sent.size());
    const auto has = [&rest](const std::string& mark) { return rest.find(mark) != std::string::npos; };
    if (rest.empty() || std::ranges::any_of(grammar_->marks, has)) return;  // of a call that was never whole
    out.push_back({.kind = is_text ? Kind::kText : Kind::kThinking, .text = std::move(rest), .id = {}});
  }

  std::shared_ptr<const AnswerGrammar> grammar_;
  std::string input_;        // the head and the answer, without what was forgotten
  std::size_t begin_ = 0;    // of the answer
  std::size_t pending_ = 0;  // bytes that the parser has not seen
  // What was sent of that.
  std::string thinking_;
  std::string text_;
  std::size_t calls_ = 0;
  std::string arguments_;  // of the last call
  bool lost_ = false;      // not an answer of this format: all else is text
};

}  // namespace

std::unique_ptr<AnswerReader> make_peg_reader(std::shared_ptr<const AnswerGrammar> grammar) {
  return std::make_unique<PegReader>(std::move(grammar));
}

}  // namespace hearth::chat
