#include "domain/answer.hpp"

#include <fmt/format.h>
#include <iterator>

namespace hearth::domain {
namespace {

std::string joined(const std::vector<Block>& blocks, BlockKind kind) {
  std::string out;
  for (const auto& block : blocks) {
    if (block.kind == kind) out += block.text;
  }
  return out;
}

std::unexpected<Error> out_of_order(std::string_view what) {
  return fail(ErrorCode::kBackendError, fmt::format("the engine sent {} out of order", what));
}

// A choice index is an engine's word: bounded, so that a broken one cannot make us allocate without limit.
constexpr std::int32_t kChoicesMax = 4096;

}  // namespace

std::string Choice::text() const { return joined(blocks, BlockKind::kText); }
std::string Choice::thinking() const { return joined(blocks, BlockKind::kThinking); }

Result<void> AnswerBuilder::add(Event event) {
  if (complete_) return out_of_order("an event after the end");
  auto choice_at = [this](std::int32_t index) -> Choice* {
    if (index < 0 || index >= kChoicesMax) return nullptr;
    if (static_cast<std::size_t>(index) >= answer_.choices.size())
      answer_.choices.resize(static_cast<std::size_t>(index) + 1);
    return &answer_.choices[static_cast<std::size_t>(index)];
  };
  auto block_at = [&](std::int32_t choice, std::int32_t index) -> Block* {
    Choice* c = choice_at(choice);
    if (c == nullptr || index < 0 || static_cast<std::size_t>(index) >= c->blocks.size()) return nullptr;
    return &c->blocks[static_cast<std::size_t>(index)];
  };
  struct Visitor {
    AnswerBuilder& self;
    decltype(choice_at)& choice;
    decltype(block_at)& block;

    Result<void> operator()(Started&& e) {
      self.answer_.started = std::move(e);
      return {};
    }
    Result<void> operator()(BlockOpened&& e) {
      Choice* c = choice(e.choice);
      if (c == nullptr || e.index != static_cast<std::int32_t>(c->blocks.size())) return out_of_order("a block");
      c->blocks.push_back(Block{.kind = e.kind, .tool_id = std::move(e.tool_id), .tool_name = std::move(e.tool_name)});
      return {};
    }
    Result<void> operator()(Delta&& e) {
      Block* b = block(e.choice, e.index);
      if (b == nullptr) return out_of_order("a delta");
      b->text += e.text;
      auto& all = choice(e.choice)->logprobs;
      choice(e.choice)->logprob_blocks.resize(all.size() + e.logprobs.size(), e.index);
      all.insert(all.end(), std::make_move_iterator(e.logprobs.begin()), std::make_move_iterator(e.logprobs.end()));
      return {};
    }
    Result<void> operator()(BlockClosed&& e) {
      Block* b = block(e.choice, e.index);
      if (b == nullptr) return out_of_order("the end of a block");
      b->signature = std::move(e.signature);
      return {};
    }
    Result<void> operator()(ChoiceFinished&& e) {
      Choice* c = choice(e.choice);
      if (c == nullptr || c->finished) return out_of_order("the end of a choice");
      c->reason = e.reason;
      c->stop_sequence = std::move(e.stop_sequence);
      c->finished = true;
      return {};
    }
    Result<void> operator()(Finished&& e) {
      for (const auto& c : self.answer_.choices) {
        if (!c.finished) return out_of_order("the end before all choices were finished");
      }
      self.answer_.usage = e.usage;
      self.answer_.timings = e.timings;
      self.complete_ = true;
      return {};
    }
    Result<void> operator()(Failed&& e) { return fail(std::move(e.error)); }
    Result<void> operator()(Embedded&& e) {
      self.answer_.embeddings.push_back(std::move(e));
      return {};
    }
    Result<void> operator()(Ranked&& e) {
      self.answer_.ranking.push_back(e);
      return {};
    }
    Result<void> operator()(Classified&& e) {
      self.answer_.classified.push_back(std::move(e));
      return {};
    }
    Result<void> operator()(Tokenized&& e) {
      self.answer_.tokenized = std::move(e);
      return {};
    }
    Result<void> operator()(Rendered&& e) {
      self.answer_.rendered = std::move(e);
      return {};
    }
  };
  return std::visit(Visitor{*this, choice_at, block_at}, std::move(event));
}

Result<Answer> AnswerBuilder::take() && {
  if (!complete_) return fail(ErrorCode::kStreamCut, "the answer ended before it was complete");
  return std::move(answer_);
}

}  // namespace hearth::domain
