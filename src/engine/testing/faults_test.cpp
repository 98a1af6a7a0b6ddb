// Each thing that a model can do wrong, at each step: no request is lost and no answer changes.
#include <set>

#include "engine/testing/harness.hpp"

namespace hearth::engine::testing {
namespace {

using core::DecodeStatus;
using Misuses = std::vector<std::string>;

std::string prompt(int i) {
  return "story " + std::to_string(i) + " which is long enough for more than one step of the engine";
}

std::vector<std::string> texts_alone(int count, const TestModelOptions& model) {
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) out.push_back(Harness(model).text_alone(completion(prompt(i), 20)));
  return out;
}

TEST(Faults, AbortAtAnyStepChangesNothing) {
  for (const bool shares : {true, false}) {
    const TestModelOptions model{.shares_prefixes = shares};
    const auto alone = texts_alone(3, model);
    for (std::uint64_t n = 1; n <= 26; ++n) {
      Harness h(model, {.parallel = 3, .step_tokens = 24});
      h.control->on_batch = [n](std::uint64_t at, auto) {
        return at == n ? DecodeStatus::kAborted : DecodeStatus::kOk;
      };
      std::vector<Harness::Client> clients;
      for (int i = 0; i < 3; ++i) clients.push_back(h.submit(completion(prompt(i), 20)));
      h.run();
      for (std::size_t i = 0; i < 3; ++i) ASSERT_EQ(clients[i].answer().choices[0].text(), alone[i]) << n;
      ASSERT_EQ(h.control->misuses(), Misuses{}) << n;
    }
  }
}

TEST(Faults, FailureAtAnyStepFailsEverything) {
  for (std::uint64_t n = 1; n <= 12; ++n) {
    Harness h({}, {.parallel = 2, .step_tokens = 24});
    h.control->on_batch = [n](std::uint64_t at, auto) { return at == n ? DecodeStatus::kFailed : DecodeStatus::kOk; };
    std::vector<Harness::Client> clients;
    for (int i = 0; i < 4; ++i) clients.push_back(h.submit(completion(prompt(i), 20)));
    EXPECT_FALSE(h.engine->failed());
    h.run();
    EXPECT_TRUE(h.engine->failed());
    for (const auto& client : clients) {
      EXPECT_EQ(client.error().code, ErrorCode::kBackendError);
      EXPECT_EQ(order_violation(client.sink->events(), 1), "");
    }
    EXPECT_EQ(h.submit(completion("more", 1)).refused.code, ErrorCode::kBackendError);
    EXPECT_EQ(h.engine->stats().requests_failed, 4U);
    EXPECT_EQ(h.control->batches, n) << "a broken model is not asked again";
  }
}

TEST(Faults, NoSpaceAtAnyStepChangesNothing) {
  const auto alone = texts_alone(3, {});
  for (std::uint64_t n = 1; n <= 30; ++n) {
    Harness h({}, {.parallel = 3, .step_tokens = 24});
    // Several in a row: reaches the later remedies.
    h.control->on_batch = [n](std::uint64_t at, auto) {
      return at >= n && at < n + 7 ? DecodeStatus::kNoSpace : DecodeStatus::kOk;
    };
    std::vector<Harness::Client> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(h.submit(completion(prompt(i), 20)));
    h.run();
    for (std::size_t i = 0; i < 3; ++i) {
      if (clients[i].error().code == ErrorCode::kContextLength) continue;  // was the last one left
      ASSERT_EQ(clients[i].answer().choices[0].text(), alone[i]) << n;
    }
    ASSERT_EQ(h.control->misuses(), Misuses{}) << n;
  }
}

TEST(Faults, FewCellsAreSharedInTurn) {
  const auto alone = texts_alone(6, {});
  for (const bool shares : {true, false}) {
    for (const std::int32_t cells : {90, 120, 200, 333}) {
      Harness h({.kv_cells = cells, .shares_prefixes = shares}, {.parallel = 6, .step_tokens = 24});
      std::vector<Harness::Client> clients;
      for (int i = 0; i < 6; ++i) clients.push_back(h.submit(completion(prompt(i), 20)));
      h.run();
      for (std::size_t i = 0; i < 6; ++i) {
        ASSERT_EQ(clients[i].answer().choices[0].text(), alone[i]) << cells;
        ASSERT_EQ(clients[i].answer().usage.completion, 20);
      }
      ASSERT_EQ(h.control->misuses(), Misuses{}) << cells;
      ASSERT_EQ(h.engine->stats().kv_cells_used, static_cast<std::uint32_t>(h.control->cells_used.load()));
    }
  }
}

TEST(Faults, AloneWithoutASingleCellFails) {
  Harness h;
  h.control->on_batch = [](std::uint64_t, auto) { return DecodeStatus::kNoSpace; };
  const auto client = h.submit(completion("story", 5));
  h.run();
  EXPECT_EQ(client.error().code, ErrorCode::kContextLength);
  const auto vectors = h.submit(domain::EmbedRequest{.inputs = {std::string("a"), std::string("b")}});
  h.run();
  EXPECT_EQ(vectors.error().code, ErrorCode::kContextLength);
}

TEST(Faults, SlowReaderGivesItsCellsFirst) {
  const auto alone = texts_alone(2, {});
  Harness h({.kv_cells = 110}, {.parallel = 2, .step_tokens = 64});
  const auto slow = h.submit(completion(prompt(0), 20));
  slow.sink->refuse_after(3);
  h.run();
  const auto quick = h.submit(completion(prompt(1), 20));
  h.run();
  EXPECT_EQ(quick.answer().choices[0].text(), alone[1]);
  slow.sink->refuse(false);
  h.engine->resume(slow.ticket);
  h.run();
  EXPECT_EQ(slow.answer().choices[0].text(), alone[0]);
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(Faults, WhoComesBackToNoRoomIsCountedAsWaiting) {
  Harness h({.kv_cells = 110}, {.parallel = 2, .step_tokens = 64});
  const auto slow = h.submit(completion(prompt(0), 20));
  slow.sink->refuse_after(3);
  h.run();
  const auto quick = h.submit(completion(prompt(1), 20));
  while (quick.sink->offers() == 0) h.engine->step();
  EXPECT_EQ(h.engine->stats().paused, 1U);
  slow.sink->refuse(false);
  h.engine->resume(slow.ticket);
  h.engine->step();
  const auto stats = h.engine->stats();
  EXPECT_FALSE(quick.sink->ended());
  EXPECT_EQ(stats.running, 1U);
  EXPECT_EQ(stats.waiting, 1U);
  EXPECT_EQ(stats.paused, 0U);
  h.run();
  EXPECT_EQ(h.engine->stats().waiting, 0U);
  EXPECT_EQ(slow.answer().usage.completion, 20);
}

TEST(Faults, SlowReadersMakeRoomForThoseWhoWait) {
  Harness h({.kv_cells = 200}, {.parallel = 3, .step_tokens = 64});
  const auto slow = h.submit(completion(prompt(0), 20));
  slow.sink->refuse_after(3);
  h.run();
  const auto quick = h.submit(completion(prompt(1), 30));
  while (quick.sink->offers() == 0) h.engine->step();
  const auto next = h.submit(completion(prompt(2), 5));
  while (!next.sink->ended()) h.engine->step();
  EXPECT_FALSE(quick.sink->ended()) << "they had room beside each other";
  h.run();
  slow.sink->refuse(false);
  h.engine->resume(slow.ticket);
  h.run();
  EXPECT_EQ(slow.answer().usage.completion, 20);
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(Faults, WithoutMemoryToEmbedOnlyThatFails) {
  Harness h({}, {.parallel = 3, .step_tokens = 64});
  (void)h.text_alone(completion(prompt(0), 5));
  const auto story = h.submit(completion(prompt(1), 20));
  h.engine->step();
  h.control->on_batch = [](std::uint64_t, auto batch) {
    return batch.size() > 1 ? DecodeStatus::kNoMemory : DecodeStatus::kOk;
  };
  const auto vectors = h.submit(domain::EmbedRequest{.inputs = {std::string("abc"), std::string("def")}});
  h.run();
  EXPECT_EQ(vectors.error().code, ErrorCode::kInsufficientMemory);
  EXPECT_EQ(story.answer().usage.completion, 20);
  h.control->on_batch = nullptr;
  const auto again = h.submit(completion(prompt(0), 5));
  h.run();
  EXPECT_GT(again.answer().usage.cached, 0) << "what was cached is there still";
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(Faults, EmbeddingSurvivesAbortAndNoSpace) {
  const auto vectors_with = [](std::uint64_t n, DecodeStatus fault) {
    Harness h({}, {.parallel = 2, .step_tokens = 32});
    h.control->on_batch = [=](std::uint64_t at, auto) { return at == n ? fault : DecodeStatus::kOk; };
    domain::EmbedRequest request;
    for (int i = 0; i < 6; ++i) request.inputs.emplace_back("input " + std::to_string(i));
    const auto client = h.submit(request);
    h.run();
    EXPECT_EQ(h.control->misuses(), Misuses{});
    return client.answer().embeddings;
  };
  const auto expected = vectors_with(0, DecodeStatus::kOk);
  for (std::uint64_t n = 1; n < 3; ++n) {
    EXPECT_EQ(vectors_with(n, DecodeStatus::kAborted), expected);
    EXPECT_EQ(vectors_with(n, DecodeStatus::kNoSpace), expected);
  }
}

TEST(Faults, EmbeddingNeedsNoCellsOfConversations) {
  Harness h({.sequences = 2, .kv_cells = 90}, {.parallel = 1, .step_tokens = 64});
  (void)h.text_alone(completion(prompt(0), 5));
  const auto vectors = h.submit(domain::EmbedRequest{.inputs = {prompt(1), prompt(2), prompt(3)}});
  const auto story = h.submit(completion(prompt(0), 5));
  h.run();
  EXPECT_EQ(vectors.answer().embeddings.size(), 3U);
  EXPECT_GT(story.answer().usage.cached, 0);
  EXPECT_EQ(h.engine->stats().prefix_evictions, 0U);
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(Faults, CancelOfAllInTheBatchInterruptsIt) {
  Harness h({}, {.parallel = 3, .step_tokens = 64});
  const auto a = h.submit(completion(prompt(0), 20));
  const auto b = h.submit(completion(prompt(1), 20));
  h.control->on_batch = [&](std::uint64_t n, auto) {
    if (n == 3) {
      h.engine->cancel(a.ticket);
      EXPECT_EQ(h.control->interrupts, 0U) << "the other one goes on";
      h.engine->cancel(b.ticket);
      EXPECT_EQ(h.control->interrupts, 1U);
    }
    return DecodeStatus::kOk;
  };
  h.run();
  EXPECT_EQ(h.control->interrupts, 1U);
  EXPECT_EQ(h.control->batches, 3U);
  EXPECT_FALSE(a.sink->ended() || b.sink->ended());
  const auto c = h.submit(completion(prompt(2), 5));
  h.run();
  EXPECT_EQ(c.answer().usage.completion, 5);
  EXPECT_EQ(h.engine->stats().steps_after_cancel, 0U);
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(Faults, WhoCancelsDuringADecodeGetsNothingOfIt) {
  Harness h;
  const auto gone = h.submit(completion(prompt(0), 20));
  const auto stays = h.submit(completion(prompt(1), 20));
  std::size_t offers = 0;
  h.control->on_batch = [&](std::uint64_t n, auto) {
    if (n == 8) {
      offers = gone.sink->offers();
      h.engine->cancel(gone.ticket);
    }
    return DecodeStatus::kOk;
  };
  h.run();
  EXPECT_GT(offers, 0U);
  EXPECT_EQ(gone.sink->offers(), offers);
  EXPECT_EQ(stays.answer().usage.completion, 20);
  EXPECT_EQ(h.control->interrupts, 0U);
}

// Of several choices one meets a form that takes too long: the request fails at once, and says nothing more.
TEST(Faults, AChoiceThatCannotGoOnFailsItsRequest) {
  Harness h({.kv_cells = 16384, .context_tokens = 2048}, {.parallel = 8});
  auto request = completion(prompt(0), 200);
  request.generation.n = 7;
  request.generation.sampling.temperature = 5;
  request.generation.sampling.seed = 5;
  request.generation.sampling.logit_bias = {{TestVocab::kEos, -100.0F}};
  request.response_format = {
      .kind = domain::ResponseFormat::Kind::kRegex,
      .text =
          "[a-t][12]{199}|[u-z](((((((([12]{1,60}1?){1,60}1?){1,60}1?){1,60}1?){1,60}1?){1,60}1?){1,60}1?){1,60}1?){1,"
          "60}",
  };
  const auto client = h.submit(request);
  const auto beside = h.submit(completion(prompt(1), 20));
  h.run();
  EXPECT_EQ(client.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(order_violation(client.sink->events(), 7), "");
  EXPECT_EQ(beside.answer().usage.completion, 20);
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

}  // namespace
}  // namespace hearth::engine::testing
