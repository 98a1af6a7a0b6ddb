// Who decides what runs: cancellation at every stage, slow readers, neighbours, priorities, the end.
#include <algorithm>

#include "engine/testing/contract.hpp"

namespace hearth::engine::testing {

void detail::link_control() {}

namespace {

const std::string kLong = [] {
  std::string out;
  for (int i = 0; i < 24; ++i) out += "a word and ";
  return out;
}();

TEST_P(EngineContract, CancelWhileQueued) {
  make({.parallel = 1, .step_tokens = 64});
  const auto running = submit(completion("Once upon a time", 20));
  const auto queued = submit(completion("Another story", 20));
  engine_->step();
  EXPECT_EQ(engine_->stats().waiting, 1U);
  engine_->cancel(queued.ticket);
  run();
  EXPECT_TRUE(queued.sink->events().empty());
  EXPECT_EQ(answer_of(running).usage.completion, 20);
  EXPECT_EQ(engine_->stats().requests_cancelled, 1U);
  EXPECT_EQ(engine_->stats().waiting, 0U);
}

TEST_P(EngineContract, CancelBeforeTheFirstStep) {
  const auto client = submit(completion("Once upon a time", 20));
  engine_->cancel(client.ticket);
  run();
  EXPECT_TRUE(client.sink->events().empty());
  EXPECT_EQ(engine_->stats().prompt_tokens, 0U);
}

TEST_P(EngineContract, CancelWhilePrefilling) {
  make({.parallel = 4, .step_tokens = 16});
  const auto client = submit(completion(kLong, 20));
  engine_->step();
  EXPECT_TRUE(client.sink->events().empty()) << "the prompt takes several steps";
  engine_->cancel(client.ticket);
  const auto evaluated = engine_->stats().prompt_tokens;
  run();
  EXPECT_TRUE(client.sink->events().empty());
  EXPECT_EQ(engine_->stats().prompt_tokens, evaluated);
  EXPECT_EQ(engine_->stats().running, 0U);
}

TEST_P(EngineContract, CancelAtTheFirstTokenAndWhileDecoding) {
  for (const std::size_t offers : {1U, 5U}) {
    const auto client = submit(completion("Once upon a time", 50));
    ASSERT_TRUE(run_until([&] { return client.sink->offers() == offers; }));
    engine_->cancel(client.ticket);
    run();
    EXPECT_EQ(client.sink->offers(), offers);
    EXPECT_FALSE(client.sink->ended());
    EXPECT_EQ(client.sink.use_count(), 1) << "the engine still holds the sink";
  }
  EXPECT_EQ(engine_->stats().requests_cancelled, 2U);
}

TEST_P(EngineContract, CancelWhilePaused) {
  const auto client = submit(completion("Once upon a time", 50));
  client.sink->refuse_after(2);
  run();
  EXPECT_EQ(engine_->stats().paused, 1U);
  engine_->cancel(client.ticket);
  client.sink->refuse(false);
  engine_->resume(client.ticket);
  run();
  EXPECT_EQ(client.sink->offers(), 2U);
  EXPECT_EQ(engine_->stats().paused, 0U);
  EXPECT_EQ(client.sink.use_count(), 1);
}

TEST_P(EngineContract, CancelOfSomethingUnknownOrEndedIsIgnored) {
  const auto client = submit(completion("Once upon a time", 3));
  engine_->cancel(client.ticket + 1000);
  run();
  engine_->cancel(client.ticket);
  engine_->resume(client.ticket);
  run();
  EXPECT_EQ(answer_of(client).usage.completion, 3);
  EXPECT_EQ(engine_->stats().requests_cancelled, 0U);
}

TEST_P(EngineContract, NeighboursOfACancelledRequestGoOn) {
  const auto alone = answer(completion("The second story begins", 16)).choices.at(0).text();
  const auto gone = submit(completion("Once upon a time", 50));
  const auto stays = submit(completion("The second story begins", 16));
  ASSERT_TRUE(run_until([&] { return gone.sink->offers() == 4; }));
  engine_->cancel(gone.ticket);
  run();
  if (exact()) EXPECT_EQ(answer_of(stays).choices.at(0).text(), alone);
  EXPECT_EQ(answer_of(stays).usage.completion, 16);
}

TEST_P(EngineContract, SlowReaderPausesOnlyItself) {
  const auto alone = answer(completion("Once upon a time", 20)).choices.at(0).text();
  const auto slow = submit(completion("Once upon a time", 20));
  const auto quick = submit(completion("Another story", 20));
  slow.sink->refuse_after(3);
  run();
  EXPECT_EQ(answer_of(quick).usage.completion, 20);
  EXPECT_FALSE(slow.sink->ended());
  EXPECT_EQ(slow.sink->refused(), 1U) << "asked again only after resume()";
  const auto steps = engine_->stats().steps;
  engine_->resume(slow.ticket);
  run();
  EXPECT_EQ(slow.sink->refused(), 2U);
  EXPECT_EQ(engine_->stats().steps, steps) << "who still refuses gets no further work";
  slow.sink->refuse(false);
  engine_->resume(slow.ticket);
  run();
  const auto out = answer_of(slow);
  EXPECT_EQ(out.usage.completion, 20);
  if (exact()) EXPECT_EQ(out.choices.at(0).text(), alone);
}

TEST_P(EngineContract, SlowReadersDoNotHoldTheSlots) {
  make({.parallel = 2, .step_tokens = 64});
  std::vector<Client> slow;
  for (int i = 0; i < 6; ++i) {
    slow.push_back(submit(completion("Once upon a time", 20)));
    slow.back().sink->refuse_after(2);
  }
  run();
  const auto quick = submit(completion("Another story", 5));
  run();
  EXPECT_EQ(answer_of(quick).usage.completion, 5);
  for (const auto& client : slow) {
    EXPECT_EQ(client.sink->refused(), 1U);
    client.sink->refuse(false);
    engine_->resume(client.ticket);
  }
  run();
  for (const auto& client : slow) EXPECT_EQ(answer_of(client).usage.completion, 20);
}

TEST_P(EngineContract, GreedyAloneAndAmongSixteen) {
  if (!exact()) GTEST_SKIP() << "answers depend on the batch";
  const auto prompt = [](int i) { return "Story number " + std::to_string(i) + " begins"; };
  std::vector<std::string> alone;
  for (int i = 0; i < 16; ++i) alone.push_back(answer(completion(prompt(i), 12)).choices.at(0).text());
  make({.parallel = 16, .step_tokens = 32});
  std::vector<Client> clients;
  for (int i = 0; i < 16; ++i) clients.push_back(submit(completion(prompt(i), 12)));
  run();
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(answer_of(clients[i]).choices.at(0).text(), alone[i]) << i;
}

TEST_P(EngineContract, LongPromptDoesNotStallAStream) {
  make({.parallel = 2, .step_tokens = 16});
  const auto stream = submit(completion("Once upon a time", 60));
  ASSERT_TRUE(run_until([&] { return stream.sink->offers() == 1; }));
  const auto heavy = submit(completion(kLong, 1));
  const auto offers = stream.sink->offers();
  std::size_t steps = 0;
  while (!heavy.sink->ended() && engine_->step()) ++steps;
  EXPECT_GT(steps, 2U);
  EXPECT_EQ(stream.sink->offers(), offers + steps) << "a token in each step";
}

TEST_P(EngineContract, SharedPrefixIsReusedAndChangesNothing) {
  if (!GetParam().reuses_prefixes) GTEST_SKIP() << "keeps no prefixes";
  const auto first = answer(completion(kLong + "cats", 8));
  EXPECT_EQ(first.usage.cached, 0);
  const auto repeat = submit(completion(kLong + "cats", 8));  // not on a new engine
  run();
  const auto again = answer_of(repeat);
  if (exact()) EXPECT_EQ(again.choices.at(0).text(), first.choices.at(0).text());
  EXPECT_EQ(again.usage.cached, again.usage.prompt - 1);
  EXPECT_EQ(again.started.cached_tokens, again.usage.cached);
  EXPECT_EQ(again.usage.prompt, first.usage.prompt);
  const auto partly = submit(completion(kLong + "dogs bark", 8));
  run();
  const auto other = answer_of(partly);
  EXPECT_GT(other.usage.cached, 10);
  make({.parallel = 4, .step_tokens = 64});
  if (exact()) {
    EXPECT_EQ(answer(completion(kLong + "dogs bark", 8)).choices.at(0).text(), other.choices.at(0).text());
  }
}

TEST_P(EngineContract, HighPriorityGoesFirst) {
  make({.parallel = 1, .step_tokens = 64});
  std::vector<Client> clients;
  std::vector<int> order;
  for (const auto priority :
       {domain::Priority::kLow, domain::Priority::kNormal, domain::Priority::kHigh, domain::Priority::kNormal}) {
    auto request = completion("Once upon a time", 2);
    request.envelope.priority = priority;
    clients.push_back(submit(request));
    const int index = static_cast<int>(clients.size()) - 1;
    clients.back().sink->on_offer = [&order, index](const auto&) {
      if (order.empty() || order.back() != index) order.push_back(index);
    };
  }
  run();
  EXPECT_EQ(order, (std::vector{2, 1, 3, 0}));
}

TEST_P(EngineContract, ShutDownWhileBusy) {
  make({.parallel = 2, .step_tokens = 16});
  std::vector<Client> clients{submit(completion("Once upon a time", 50)), submit(completion(kLong, 50))};
  engine_->step();
  clients.push_back(submit(completion("Queued", 50)));
  clients.push_back(submit(completion("Queued as well", 50)));
  clients[0].sink->refuse(true);
  engine_->step();
  engine_->shut_down();
  clients[0].sink->refuse(false);
  engine_->resume(clients[0].ticket);
  engine_->step();
  for (const auto& client : clients) {
    ASSERT_EQ(client.sink->ends(), 1U);
    const auto out = client.sink->answer();
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().code, ErrorCode::kShuttingDown);
    EXPECT_EQ(order_violation(client.sink->events(), 1), "");
  }
  EXPECT_EQ(refusal(completion("Too late", 1)).code, ErrorCode::kShuttingDown);
  EXPECT_FALSE(engine_->step());
}

TEST_P(EngineContract, CountersAddUp) {
  const auto whole = submit(completion("Once upon a time", 7));
  run();
  const auto ended = answer_of(whole);
  const auto gone = submit(completion("Once upon a time", 50));
  ASSERT_TRUE(run_until([&] { return gone.sink->offers() == 3; }));
  engine_->cancel(gone.ticket);
  run();
  const Stats stats = engine_->stats();
  EXPECT_EQ(stats.requests_finished, 1U);
  EXPECT_EQ(stats.requests_cancelled, 1U);
  EXPECT_EQ(stats.requests_failed, 0U);
  EXPECT_EQ(stats.generated_tokens, 10U);
  EXPECT_EQ(stats.prompt_tokens + stats.cached_prompt_tokens, static_cast<std::uint64_t>(2 * ended.usage.prompt));
  EXPECT_EQ(stats.running + stats.waiting + stats.paused, 0U);
  EXPECT_EQ(stats.slots, 4U);
  EXPECT_GT(stats.steps, 0U);
  EXPECT_LE(stats.kv_cells_used, stats.kv_cells);
}

}  // namespace
}  // namespace hearth::engine::testing
