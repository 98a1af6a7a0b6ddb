#include "engine/testing/test_sink.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

#include "base/strings.hpp"

namespace hearth::engine::testing {
namespace {

// One choice's events: one open block at a time, then its end.
struct ChoiceState {
  std::int32_t blocks = 0;
  bool open = false;
  bool finished = false;
};

struct OrderCheck {
  std::vector<ChoiceState> choices;
  bool started = false;
  bool ended = false;

  ChoiceState* at(std::int32_t choice) {
    return choice >= 0 && static_cast<std::size_t>(choice) < choices.size() ? &choices[static_cast<std::size_t>(choice)]
                                                                            : nullptr;
  }
  std::string operator()(const domain::Started&) {
    if (started) return "a second Started";
    started = true;
    return {};
  }
  std::string operator()(const domain::BlockOpened& e) {
    ChoiceState* c = at(e.choice);
    if (!started || c == nullptr || c->finished || c->open || e.index != c->blocks)
      return fmt::format("BlockOpened of choice {}", e.choice);
    c->open = true;
    ++c->blocks;
    return {};
  }
  std::string operator()(const domain::Delta& e) {
    const ChoiceState* c = at(e.choice);
    if (c == nullptr || !c->open || e.index != c->blocks - 1) return fmt::format("Delta of choice {}", e.choice);
    if (!base::is_valid_utf8(e.text)) return fmt::format("Delta of choice {} is not valid UTF-8", e.choice);
    return {};
  }
  std::string operator()(const domain::BlockClosed& e) {
    ChoiceState* c = at(e.choice);
    if (c == nullptr || !c->open) return fmt::format("BlockClosed of choice {}", e.choice);
    c->open = false;
    return {};
  }
  std::string operator()(const domain::ChoiceFinished& e) {
    ChoiceState* c = at(e.choice);
    if (c == nullptr || c->open || c->finished || c->blocks == 0)
      return fmt::format("ChoiceFinished of choice {}", e.choice);
    c->finished = true;
    return {};
  }
  std::string operator()(const domain::Finished&) {
    if (!started) return "Finished without Started";
    if (!std::ranges::all_of(choices, &ChoiceState::finished)) return "Finished before all choices were";
    ended = true;
    return {};
  }
  std::string operator()(const domain::Failed&) {
    ended = true;
    return {};
  }
  template <class Content>
  std::string operator()(const Content&) {
    return started ? "" : "content before Started";
  }
};

}  // namespace

bool TestSink::offer(std::vector<domain::Event>& events) {
  const std::scoped_lock lock(mutex_);
  if (refuse_ || offers_ >= refuse_after_) {
    ++refused_;
    return false;
  }
  ++offers_;
  if (on_offer) on_offer(events);
  events_.insert(events_.end(), std::make_move_iterator(events.begin()), std::make_move_iterator(events.end()));
  events.clear();
  return true;
}

void TestSink::refuse(bool refuse) {
  const std::scoped_lock lock(mutex_);
  refuse_ = refuse;
  if (!refuse) refuse_after_ = static_cast<std::size_t>(-1);
}

void TestSink::refuse_after(std::size_t offers) {
  const std::scoped_lock lock(mutex_);
  refuse_after_ = offers;
}

std::vector<domain::Event> TestSink::events() const {
  const std::scoped_lock lock(mutex_);
  return events_;
}

std::size_t TestSink::offers() const {
  const std::scoped_lock lock(mutex_);
  return offers_;
}

std::size_t TestSink::refused() const {
  const std::scoped_lock lock(mutex_);
  return refused_;
}

bool TestSink::ended() const { return ends() > 0; }

std::size_t TestSink::ends() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(events_, domain::ends_stream));
}

Result<domain::Answer> TestSink::answer() const {
  domain::AnswerBuilder builder;
  for (auto& event : events()) HEARTH_CHECK(builder.add(std::move(event)));
  return std::move(builder).take();
}

std::string TestSink::text(std::int32_t choice) const {
  std::string out;
  for (const auto& event : events()) {
    if (const auto* delta = std::get_if<domain::Delta>(&event); delta != nullptr && delta->choice == choice)
      out += delta->text;
  }
  return out;
}

std::string order_violation(const std::vector<domain::Event>& events, std::int32_t choices) {
  OrderCheck check;
  check.choices.resize(static_cast<std::size_t>(choices));
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (check.ended) return fmt::format("event {} after the end", i);
    if (auto wrong = std::visit(check, events[i]); !wrong.empty())
      return fmt::format("event {}: {} out of order", i, wrong);
  }
  return {};
}

}  // namespace hearth::engine::testing
