#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/token_engine.hpp"
#include "engine/testing/contract.hpp"
#include "engine/testing/test_model.hpp"
#include "engine/testing/test_sink.hpp"

namespace hearth::engine::testing {

// A clock that stands still until it is told otherwise. Thread-safe.
class TestClock final : public base::Clock {
 public:
  [[nodiscard]] base::SteadyTime now() const override {
    return base::SteadyTime(base::SteadyTime::duration(ticks_.load()));
  }
  [[nodiscard]] base::WallTime wall() const override { return {}; }
  void advance(std::chrono::nanoseconds span) { ticks_ += span.count(); }

 private:
  std::atomic<std::int64_t> ticks_ = 1'000'000'000;
};

// A token engine over a TestModel, driven by the test.
struct Harness {
  explicit Harness(TestModelOptions model = {}, core::TokenEngineOptions options = {.parallel = 4, .step_tokens = 64})
      : engine(core::make_token_engine(std::make_unique<TestModel>(std::move(model), control), options, clock, log)) {}

  struct Client {
    std::shared_ptr<TestSink> sink;
    Ticket ticket = 0;
    Error refused{};
    [[nodiscard]] domain::Answer answer() const {
      EXPECT_EQ(sink->ends(), 1U);
      auto out = sink->answer();
      EXPECT_TRUE(out) << out.error().message;
      return out ? *std::move(out) : domain::Answer{};
    }
    [[nodiscard]] Error error() const {
      EXPECT_EQ(sink->ends(), 1U);
      auto out = sink->answer();
      return out ? Error{.message = "it succeeded"} : out.error();
    }
  };
  Client submit(domain::Request request) {
    Client out{.sink = std::make_shared<TestSink>()};
    auto ticket = engine->submit(std::move(request), out.sink);
    if (ticket) {
      out.ticket = *ticket;
    } else {
      out.refused = ticket.error();
    }
    return out;
  }
  void run() {
    for (int i = 0; engine->step(); ++i) {
      ASSERT_LT(i, 100'000) << "the engine has not come to rest";
      engine->wait({});
    }
  }
  std::string text_alone(domain::Request request) {
    const auto client = submit(std::move(request));
    run();
    return client.answer().choices.at(0).text();
  }

  TestClock clock;
  base::NullLog log;
  std::shared_ptr<TestControl> control = std::make_shared<TestControl>();  // shared with the model
  std::unique_ptr<Engine> engine;
};

[[nodiscard]] inline domain::ChatRequest chat_of(std::initializer_list<std::pair<domain::Role, std::string>> messages,
                                                 std::int32_t max_tokens) {
  domain::ChatRequest out;
  for (const auto& [role, text] : messages) out.messages.push_back({.role = role, .parts = {domain::TextPart{text}}});
  out.generation = completion("", max_tokens).generation;
  return out;
}

}  // namespace hearth::engine::testing
