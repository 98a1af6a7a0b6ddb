// Everything at once, at random, for thousands of steps; and from several threads.
#include <algorithm>
#include <random>
#include <thread>

#include "engine/core/prefix/test_folder.hpp"
#include "engine/testing/harness.hpp"

namespace hearth::engine::testing {
namespace {

using core::DecodeStatus;
using core::test_support::Folder;
using Misuses = std::vector<std::string>;

struct Random {
  explicit Random(std::uint64_t seed) : engine(seed) {}
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  std::mt19937_64 engine;
};

std::string random_prompt(Random& random) {
  static constexpr const char* kStarts[] = {"the common beginning of many prompts ", "another way to begin ", ""};
  std::string out = kStarts[random.below(3)];
  out += std::string(1 + random.below(60), static_cast<char>('a' + random.below(26)));
  return out;
}

struct Sent {
  domain::Request request;
  Harness::Client client;
  std::int32_t choices = 0;
  bool cancelled = false;
};

domain::Request random_request(Random& random, std::int32_t& choices) {
  if (random.one_in(6)) {
    domain::EmbedRequest out;
    for (std::size_t i = random.below(5); i > 0; --i) out.inputs.emplace_back(random_prompt(random));
    choices = 0;
    return out;
  }
  auto out = completion(random_prompt(random), static_cast<std::int32_t>(random.below(25)));
  if (random.one_in(5)) out.prompts.emplace_back(random_prompt(random));
  if (random.one_in(4)) out.generation.n = static_cast<std::int32_t>(1 + random.below(4));
  if (random.one_in(3)) out.generation.stop = {"e", "th"};
  if (random.one_in(3)) out.generation.sampling.ignore_eos = false;
  if (random.one_in(4)) out.generation.logprobs = true;
  if (random.one_in(3)) {
    out.generation.sampling.temperature = 1;
    out.generation.sampling.top_p = 0.9;
    out.generation.sampling.seed = random.below(1000);
  }
  out.envelope.priority = static_cast<domain::Priority>(random.below(3));
  choices = static_cast<std::int32_t>(out.prompts.size()) * out.generation.n;
  return out;
}

void check_ends(const std::vector<Sent>& all) {
  for (const auto& sent : all) {
    ASSERT_EQ(order_violation(sent.client.sink->events(), sent.choices), "");
    ASSERT_LE(sent.client.sink->ends(), 1U);
    if (!sent.cancelled) ASSERT_EQ(sent.client.sink->ends(), 1U) << "a stream has not ended";
  }
}

// What a finished answer must be, computed alone on a new engine.
void check_against_alone(const TestModelOptions& model, const Sent& sent) {
  Harness alone(model);
  const auto again = alone.submit(sent.request);
  alone.run();
  const auto expected = again.answer();
  const auto got = sent.client.answer();
  ASSERT_EQ(got.choices.size(), expected.choices.size());
  for (std::size_t i = 0; i < got.choices.size(); ++i) ASSERT_EQ(got.choices[i], expected.choices[i]);
  ASSERT_EQ(got.embeddings, expected.embeddings);
  ASSERT_EQ(got.usage.prompt, expected.usage.prompt);
  ASSERT_EQ(got.usage.completion, expected.usage.completion);
}

// Of a few sequences, with or without a disk, or none.
core::PrefixCacheOptions random_cache(Random& random, const std::filesystem::path& folder) {
  if (random.one_in(3)) return {};
  core::PrefixCacheOptions out{.memory = {random.below(4000)}, .folder = {}, .disk = {}, .tokens_min = 4};
  if (random.one_in(2)) {
    out.folder = folder;
    out.disk = {1000 + random.below(10'000)};
  }
  return out;
}

void stress(std::uint64_t seed) {
  SCOPED_TRACE(seed);
  Random random(seed);
  const TestModelOptions roomy{.shares_prefixes = !random.one_in(3)};
  TestModelOptions model = roomy;
  model.kv_cells = static_cast<std::int32_t>(250 + random.below(600));
  model.sequences = static_cast<std::int32_t>(2 + random.below(8));
  model.context_tokens = 200;
  const Folder folder;
  Harness h(model, {.parallel = static_cast<std::int32_t>(1 + random.below(6)),
                    .queue = 20,
                    .step_tokens = static_cast<std::int32_t>(8 + random.below(60)),
                    .prefix_cache = random_cache(random, folder.path()),
                    .threads = static_cast<std::int32_t>(1 + random.below(3)),
                    .logits_per_thread = 1});
  h.control->on_batch = [&random](std::uint64_t, auto) {
    return random.one_in(40) ? DecodeStatus::kAborted : DecodeStatus::kOk;
  };
  std::vector<Sent> all;
  for (int step = 0; step < 1200; ++step) {
    if (random.one_in(4)) {
      Sent sent;
      sent.request = random_request(random, sent.choices);
      sent.client = h.submit(sent.request);
      if (sent.client.ticket != 0) all.push_back(std::move(sent));
    }
    if (!all.empty()) {
      Sent& any = all[all.size() - 1 - random.below(std::min<std::size_t>(all.size(), 12))];
      if (random.one_in(25)) {
        any.cancelled = any.cancelled || !any.client.sink->ended();
        h.engine->cancel(any.client.ticket);
      }
      if (random.one_in(10)) any.client.sink->refuse(true);
      if (random.one_in(5)) {
        any.client.sink->refuse(false);
        h.engine->resume(any.client.ticket);
      }
    }
    h.engine->step();
    ASSERT_EQ(h.control->misuses(), Misuses{}) << step;
    ASSERT_EQ(h.engine->stats().kv_cells_used, static_cast<std::uint32_t>(h.control->cells_used.load())) << step;
  }
  for (const auto& sent : all) {
    sent.client.sink->refuse(false);
    h.engine->resume(sent.client.ticket);
  }
  h.run();
  check_ends(all);
  const Stats stats = h.engine->stats();
  EXPECT_EQ(stats.requests_finished + stats.requests_failed + stats.requests_cancelled, all.size());
  EXPECT_EQ(stats.requests_failed, 0U);
  EXPECT_EQ(stats.steps_after_cancel, 0U);
  EXPECT_EQ(stats.running + stats.waiting + stats.paused, 0U);
  for (std::size_t i = 0; i < all.size(); i += 7) {
    if (!all[i].cancelled) check_against_alone(roomy, all[i]);
  }
}

TEST(Stress, RandomRequestsCancelsPausesAndAborts) {
  for (std::uint64_t seed = 1; seed <= 6 && !::testing::Test::HasFatalFailure(); ++seed) stress(seed);
}

// One thread drives; others submit, cancel, resume and look. Meant for ThreadSanitizer.
TEST(Stress, Threads) {
  Harness h({.kv_cells = 600}, {.parallel = 4, .queue = 1000, .step_tokens = 32});
  std::jthread driver([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      (void)h.engine->step();
      h.engine->wait(stop);
    }
  });
  std::vector<std::vector<Sent>> sent(3);
  std::atomic<std::size_t> ended = 0;
  {
    std::vector<std::jthread> submitters;
    for (std::size_t t = 0; t < sent.size(); ++t) {
      submitters.emplace_back([&, t] {
        Random random(t + 1);
        for (int i = 0; i < 60; ++i) {
          Sent one;
          one.request = random_request(random, one.choices);
          one.client.sink = std::make_shared<TestSink>();
          one.client.sink->on_offer = [&ended](const auto& events) {
            if (!events.empty() && domain::ends_stream(events.back())) {
              ++ended;
              ended.notify_all();
            }
          };
          const bool slow = random.one_in(5);
          if (slow) one.client.sink->refuse(true);
          auto ticket = h.engine->submit(one.request, one.client.sink);
          ASSERT_TRUE(ticket);
          one.client.ticket = *ticket;
          if (random.one_in(4)) {
            one.cancelled = true;
            h.engine->cancel(*ticket);
          }
          if (slow) {
            one.client.sink->refuse(false);
            h.engine->resume(*ticket);
          }
          (void)h.engine->stats();
          (void)h.engine->tokenize({.text = "abc"});
          sent[t].push_back(std::move(one));
        }
      });
    }
  }
  const auto at_rest = [&] {
    std::size_t open = 0;
    for (const auto& list : sent) {
      open += static_cast<std::size_t>(
          std::ranges::count_if(list, [](const Sent& s) { return !s.cancelled && !s.client.sink->ended(); }));
    }
    return open == 0;
  };
  for (std::size_t seen = ended; !at_rest(); seen = ended) ended.wait(seen);
  driver.request_stop();
  driver.join();
  h.run();
  for (const auto& list : sent) check_ends(list);
  const Stats stats = h.engine->stats();
  EXPECT_EQ(stats.requests_finished + stats.requests_failed + stats.requests_cancelled, 180U);
  EXPECT_EQ(stats.steps_after_cancel, 0U);
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

}  // namespace
}  // namespace hearth::engine::testing
