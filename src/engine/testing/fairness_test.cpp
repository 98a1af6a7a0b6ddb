// Who waits how long, on a machine whose steps take what a formula says and whose clock the model moves.
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <map>
#include <random>
#include <utility>

#include "engine/core/scheduler/scheduler.hpp"
#include "engine/core/scheduler/step_pace.hpp"
#include "engine/testing/harness.hpp"

namespace hearth::engine::testing {
namespace {

using core::BatchToken;
using core::DecodeStatus;
using core::StepPace;

// What a step takes, in milliseconds.
struct Machine {
  double stream = 8;        // a token of an answer
  double token = 1;         // a token of a prompt
  double deep = 0;          // more for each, per token that lies before it
  double small_factor = 1;  // tokens of chunks below StepPace::kChunk cost so many times as much
  [[nodiscard]] double prompt_token(double depth, bool small) const {
    return (token + deep * depth) * (small ? small_factor : 1);
  }
};

struct Setup {
  Machine machine;
  std::chrono::milliseconds target{200};
  std::chrono::milliseconds limit{270};
  std::int32_t parallel = 4;
};

constexpr std::int32_t kContext = 4096;

// What is allowed, as scheduler.hpp states it, and how often it was not.
struct Verdict {
  std::size_t steps = 0;  // beside answers
  std::size_t late = 0;   // longer than stated for costs that are known
  std::vector<std::string> broken;
};

// An engine on such a machine, whose model checks each step.
struct Timed {
  Setup setup;
  Harness h;
  Verdict verdict;

  explicit Timed(const Setup& s)
      : setup(s),
        h({.sequences = 2 * s.parallel,
           .batch_tokens = 512,
           .kv_cells = kContext * 2 * s.parallel,
           .context_tokens = kContext},
          {.parallel = s.parallel, .queue = 10'000, .step_time = s.target, .step_limit = s.limit}) {
    h.control->on_batch = [this](std::uint64_t, std::span<const BatchToken> batch) {
      const Step step = measure(batch);
      h.clock.advance(std::chrono::duration_cast<std::chrono::nanoseconds>(Milliseconds(step.time)));
      check(step);
      return DecodeStatus::kOk;
    };
  }

 private:
  using Milliseconds = std::chrono::duration<double, std::milli>;
  struct Step {
    bool embeds = false;
    double time = 0;
    std::int32_t prompts = 0;  // tokens of prompts
    std::size_t inputs = 0;    // that embed
    double depth = 0;          // of the deepest
    std::vector<core::SequenceId> decoding;
    [[nodiscard]] bool small() const { return prompts < StepPace::kChunk; }
  };
  // Prompts begin with a token without output; of what embeds every token has output.
  [[nodiscard]] Step measure(std::span<const BatchToken> batch) const {
    Step step{.embeds = batch.front().output && batch.front().position == 0};
    std::map<core::SequenceId, std::int32_t> tokens;
    for (const auto& token : batch) ++tokens[token.sequence];
    for (const auto& token : batch) {
      if (!step.embeds && token.output && tokens[token.sequence] == 1) {
        step.decoding.push_back(token.sequence);
      } else {
        ++step.prompts;
        step.depth = std::max(step.depth, static_cast<double>(token.position));
      }
    }
    step.inputs = tokens.size();
    step.time = static_cast<double>(step.decoding.size()) * setup.machine.stream;
    for (const auto& token : batch) {
      if (std::ranges::find(step.decoding, token.sequence) == step.decoding.end())
        step.time += setup.machine.prompt_token(token.position, step.small());
    }
    return step;
  }

  void check(const Step& step) {
    for (auto& [sequence, waits] : since_) ++(step.embeds ? waits.embeddings : waits.tokens);
    if (step.embeds) {
      embedded_ = step;
      return;
    }
    auto before = std::exchange(since_, {});
    bool goes_on = false;
    for (const auto sequence : step.decoding) {
      since_[sequence] = {};
      const auto waits = before[sequence];
      goes_on = goes_on || waits.embeddings == 1;
      if (waits.tokens > 1 || waits.embeddings > 1)
        verdict.broken.push_back(
            fmt::format("a token after {} steps of tokens and {} of embeddings", waits.tokens, waits.embeddings));
    }
    if (!step.decoding.empty()) check_tokens(step);
    if (goes_on) check_embeddings(embedded_);
  }
  void check_embeddings(const Step& step) {
    if (step.inputs == 1) return;
    ++verdict.steps;
    const auto target = static_cast<double>(setup.target.count());
    verdict.late += step.time > 1.25 * target ? 1 : 0;
    const double first = StepPace::kChunk * setup.machine.prompt_token(step.depth, step.small());
    if (step.time > std::max(2 * target, first)) broken(step, "embeddings");
  }
  void check_tokens(const Step& step) {
    const auto limit = static_cast<double>(setup.limit.count());
    const auto target = static_cast<double>(setup.target.count());
    const double streams = static_cast<double>(step.decoding.size()) * setup.machine.stream;
    const double least = StepPace::kLeast * setup.machine.prompt_token(step.depth, true);
    const double first = StepPace::kChunk * setup.machine.prompt_token(step.depth, step.small());
    ++verdict.steps;
    verdict.late += step.time > std::max(limit, streams + least) ? 1 : 0;
    if (step.time > std::max({limit, 2 * target, streams + first})) broken(step, "tokens");
  }
  void broken(const Step& step, const char* what) {
    verdict.broken.push_back(fmt::format(
        "a step of {} took {:.0f} ms: {} answers, {} tokens of prompts down to {} (target {}, limit {})", what,
        step.time, step.decoding.size(), step.prompts, step.depth, setup.target.count(), setup.limit.count()));
  }

  // Of sequences that had a token in the last step of tokens: steps since.
  struct Waits {
    int tokens = 0;
    int embeddings = 0;
  };
  std::map<core::SequenceId, Waits> since_;
  Step embedded_;  // the last one
};

std::string letters(std::mt19937& random, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += static_cast<char>('a' + random() % 26);
  return out;
}

struct Arrival {
  base::SteadyTime at;
  domain::Request request;
};

domain::Request random_request(std::mt19937& random) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  if (below(6) == 0) {
    domain::EmbedRequest out;
    for (std::size_t i = 1 + below(6); i > 0; --i) out.inputs.emplace_back(letters(random, 5 + below(115)));
    return out;
  }
  const std::size_t length = below(5) == 0 ? 400 + below(2500) : 5 + below(60);
  auto out = completion(letters(random, length), static_cast<std::int32_t>(5 + below(40)));
  out.envelope.priority = static_cast<domain::Priority>(below(3));
  return out;
}

Setup random_setup(std::mt19937& random) {
  const auto real = [&](double from, double to) { return std::uniform_real_distribution(from, to)(random); };
  Setup out;
  out.machine = {.stream = real(1, 15), .token = real(0.2, 4), .deep = 0, .small_factor = real(1, 3)};
  out.machine.deep = out.machine.token * real(0, 0.001);
  out.target = std::chrono::milliseconds(static_cast<int>(real(80, 400)));
  out.limit = random() % 2 == 0 ? std::chrono::milliseconds(1000) : out.target * 4 / 3;
  out.parallel = static_cast<std::int32_t>(2 + random() % 6);
  return out;
}

void run(Timed& timed, std::vector<Arrival> arrivals, std::vector<Harness::Client>& clients) {
  for (std::size_t next = 0, steps = 0;; ++steps) {
    ASSERT_LT(steps, 200'000U) << "somebody waits for ever";
    for (; next < arrivals.size() && arrivals[next].at <= timed.h.clock.now(); ++next)
      clients.push_back(timed.h.submit(std::move(arrivals[next].request)));
    if (timed.h.engine->step()) continue;
    if (next == arrivals.size()) return;
    timed.h.clock.advance(arrivals[next].at - timed.h.clock.now());
  }
}

TEST(Fairness, NoAnswerPausesLongerThanStated) {
  std::size_t steps = 0;
  std::size_t late = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Timed timed(random_setup(random));
    std::vector<Arrival> arrivals;
    auto at = timed.h.clock.now();
    for (int i = 0; i < 60; ++i) {
      at += std::chrono::milliseconds(random() % 1500);
      arrivals.push_back({at, random_request(random)});
    }
    std::vector<Harness::Client> clients;
    run(timed, std::move(arrivals), clients);
    for (const auto& client : clients) EXPECT_EQ(client.sink->ends(), 1U);
    EXPECT_THAT(timed.verdict.broken, ::testing::IsEmpty());
    steps += timed.verdict.steps;
    late += timed.verdict.late;
  }
  EXPECT_GE(steps, 10'000U);
  EXPECT_LE(late * 100, steps) << "of " << steps << " steps";
}

// Clients of high priority that never stop asking, more than there are slots, and one of low priority.
TEST(Fairness, WhatIsUrgentDelaysTheRestByItsLeadAndNoLonger) {
  constexpr std::size_t kUrgent = 6;
  for (const auto priority : {domain::Priority::kLow, domain::Priority::kNormal, domain::Priority::kHigh}) {
    SCOPED_TRACE(static_cast<int>(priority));
    std::mt19937 random(3);
    Timed timed({.parallel = 2});
    auto& clock = timed.h.clock;
    const auto ask = [&](domain::Priority urgency) {
      auto request = completion(letters(random, 30), 30);
      request.envelope.priority = urgency;
      return timed.h.submit(std::move(request));
    };
    std::vector<Harness::Client> urgent;
    for (std::size_t i = 0; i < kUrgent; ++i) urgent.push_back(ask(domain::Priority::kHigh));
    for (int i = 0; i < 50; ++i) timed.h.engine->step();
    const auto asked = clock.now();
    const auto patient = ask(priority);
    for (int i = 0; patient.sink->offers() == 0; ++i) {
      ASSERT_LT(i, 100'000) << "it waits for ever";
      timed.h.engine->step();
      for (auto& client : urgent)
        if (client.sink->ended()) client = ask(domain::Priority::kHigh);
    }
    const auto waited = std::chrono::duration<double>(clock.now() - asked).count();
    const auto ranks = static_cast<int>(domain::Priority::kHigh) - static_cast<int>(priority);
    const double lead = std::chrono::duration<double>(core::Scheduler::kPriorityLead).count() * ranks;
    EXPECT_GE(waited, lead);
    EXPECT_LE(waited, lead + 5) << "those who came first, and itself";
  }
}

}  // namespace
}  // namespace hearth::engine::testing
