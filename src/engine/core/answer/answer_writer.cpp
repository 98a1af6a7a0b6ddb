#include "engine/core/answer/answer_writer.hpp"

#include <algorithm>
#include <utility>

#include "base/strings.hpp"

namespace hearth::engine::core {
namespace {

using domain::BlockKind;

constexpr std::size_t kShortId = 9;
constexpr std::string_view kBlanks = " \t\r\n";

std::vector<std::string> joined(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

AnswerWriter::AnswerWriter(std::int32_t choice, Rules rules)
    : choice_(choice),
      rules_(std::move(rules)),
      reader_(rules_.format ? rules_.format->read() : nullptr),
      raw_(reader_ ? rules_.model_stops : joined(rules_.stops, rules_.model_stops)),
      said_(reader_ ? rules_.stops : std::vector<std::string>()) {}

void AnswerWriter::begin(const std::string& echo, std::vector<domain::TokenLogprob> logprobs, Events& out) {
  if (reader_) return;
  enter(BlockKind::kText, out);
  if (!echo.empty())
    out.emplace_back(domain::Delta{.choice = choice_, .index = 0, .text = echo, .logprobs = std::move(logprobs)});
}

AnswerWriter::Outcome AnswerWriter::add(std::string_view bytes, std::optional<domain::TokenLogprob> logprob,
                                        Events& out) {
  ++tokens_;
  if (logprob) logprobs_.push_back(*std::move(logprob));
  note_character(bytes);
  auto piece = raw_.feed(bytes);
  if (!reader_) {
    emit(std::move(piece.text), out);
    const bool over = !piece.stop_sequence.empty();
    // What the chat template asks to stop at is the model's own end, not the client's.
    const bool asked = over && std::ranges::find(rules_.stops, piece.stop_sequence) != rules_.stops.end();
    return {.over = over, .stop = asked ? std::move(piece.stop_sequence) : std::string()};
  }
  auto outcome = take(reader_->feed(piece.text), out);
  over_ = outcome.over;
  if (!piece.stop_sequence.empty()) outcome.over = true;
  return outcome;
}

void AnswerWriter::finish(Events& out) {
  if (reader_) {
    if (!over_) over_ = take(reader_->feed(raw_.finish()), out).over;
    if (!over_) (void)take(reader_->finish(), out);
    if (blocks_ == 0 && !open_) enter(BlockKind::kText, out);
  } else if (auto rest = raw_.finish(); !rest.empty()) {
    emit(std::move(rest), out);
  }
  leave(out);
}

AnswerWriter::Outcome AnswerWriter::take(std::vector<chat::AnswerPiece> pieces, Events& out) {
  using Kind = chat::AnswerPiece::Kind;
  for (auto& piece : pieces) {
    switch (piece.kind) {
      case Kind::kThinking:
        enter(BlockKind::kThinking, out);
        say(std::move(piece.text), out);
        break;
      case Kind::kText:
        if (auto outcome = take_text(std::move(piece.text), out); outcome.over) return outcome;
        break;
      case Kind::kCall:
        if (called_ && rules_.one_call) return {.over = true, .stop = {}};
        called_ = true;
        if (piece.id.empty() && rules_.format->short_ids) piece.id = base::random_id(kShortId);
        blanks_.clear();
        if (open_ == BlockKind::kToolCall) leave(out);
        enter(BlockKind::kToolCall, out, std::move(piece.id), std::move(piece.text));
        break;
      case Kind::kArguments: emit(std::move(piece.text), out); break;
    }
  }
  return {};
}

AnswerWriter::Outcome AnswerWriter::take_text(std::string text, Events& out) {
  if (open_ != BlockKind::kText) {
    blanks_ += text;
    const auto begins = blanks_.find_first_not_of(kBlanks);
    if (begins == std::string::npos) return {};
    text = std::exchange(blanks_, {});
    if (blocks_ > 0 || open_) text.erase(0, begins);  // what separates it from thinking or a call
    enter(BlockKind::kText, out);
  }
  auto piece = said_.feed(text);
  say(std::move(piece.text), out);
  return {.over = !piece.stop_sequence.empty(), .stop = std::move(piece.stop_sequence)};
}

// Blanks wait for what follows them.
void AnswerWriter::say(std::string text, Events& out) {
  blanks_ += text;
  const auto last = blanks_.find_last_not_of(kBlanks);
  if (last == std::string::npos) return;
  std::string rest = blanks_.substr(last + 1);
  blanks_.resize(last + 1);
  emit(std::exchange(blanks_, std::move(rest)), out);
}

// The last token is the one that begins the block; those before it that no event stands for yet were a mark.
void AnswerWriter::enter(BlockKind kind, Events& out, std::string id, std::string name) {
  if (open_ == kind) return;
  const std::int32_t first = std::min(tokens_, 1);
  std::vector<domain::TokenLogprob> first_logprob;
  if (!logprobs_.empty()) first_logprob.push_back(std::move(logprobs_.back()));
  tokens_ -= first;
  logprobs_.clear();
  leave(out);
  tokens_ += first;
  logprobs_ = std::move(first_logprob);
  open_ = kind;
  out.emplace_back(domain::BlockOpened{
      .choice = choice_, .index = blocks_, .kind = kind, .tool_id = std::move(id), .tool_name = std::move(name)});
}

void AnswerWriter::leave(Events& out) {
  if (!open_) return;
  if (open_ == BlockKind::kText && reader_) say(said_.finish(), out);
  auto rest = std::exchange(blanks_, {});
  if (open_ != BlockKind::kText) rest.clear();
  if (tokens_ > 0 || !rest.empty()) emit(std::move(rest), out);
  out.emplace_back(domain::BlockClosed{.choice = choice_, .index = blocks_, .signature = {}});
  open_.reset();
  ++blocks_;
}

// Probabilities are of the text alone, as its readers expect.
void AnswerWriter::emit(std::string text, Events& out) {
  if (open_ != BlockKind::kText) logprobs_.clear();
  domain::Delta delta{.choice = choice_,
                      .index = blocks_,
                      .text = std::move(text),
                      .tokens = std::exchange(tokens_, 0),
                      .logprobs = std::exchange(logprobs_, {})};
  out.emplace_back(std::move(delta));
}

// Of the last character: its first byte says how many follow.
void AnswerWriter::note_character(std::string_view bytes) {
  constexpr std::size_t kLongest = 4;
  const std::string_view tail = bytes.substr(bytes.size() - std::min(bytes.size(), kLongest));
  if (!tail.empty()) in_character_ = base::complete_utf8_prefix(tail) != tail.size();
}

}  // namespace hearth::engine::core
