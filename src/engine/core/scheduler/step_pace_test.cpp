#include "engine/core/scheduler/step_pace.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace hearth::engine::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using Step = StepPace::Step;

// A machine: milliseconds of a step.
struct Machine {
  double stream = 8;        // per stream
  double token = 2;         // per token of a prompt
  double deep = 0.0005;     // more per token and depth
  double small_factor = 1;  // tokens of small chunks cost so many times as much
  [[nodiscard]] nanoseconds time(const Step& s) const {
    const double factor = s.prefill < StepPace::kChunk ? small_factor : 1;
    const double ms = s.decoding * stream + s.prefill * factor * (token + deep * s.depth);
    return std::chrono::duration_cast<nanoseconds>(std::chrono::duration<double, std::milli>(ms));
  }
};

struct Run {
  std::vector<double> steps;        // milliseconds
  std::vector<std::int32_t> takes;  // tokens
};
// Streams run; then a prompt arrives and is taken in.
Run take_in(StepPace& pace, const Machine& machine, std::int32_t streams, std::int32_t prompt) {
  Run run;
  for (int i = 0; i < 5; ++i) pace.record({.decoding = streams}, machine.time({.decoding = streams}));
  for (std::int32_t done = 0; done < prompt;) {
    const auto tokens = pace.prefill_tokens(streams, done, std::min(512, prompt - done));
    const Step step{.decoding = streams, .prefill = tokens, .depth = done};
    const auto took = machine.time(step);
    pace.record(step, took);
    run.steps.push_back(std::chrono::duration<double, std::milli>(took).count());
    run.takes.push_back(tokens);
    done += tokens;
  }
  return run;
}

TEST(StepPace, WithoutStreamsOrATargetNothingIsHeldBack) {
  StepPace pace(milliseconds(100), milliseconds(133));
  EXPECT_EQ(pace.prefill_tokens(0, 0, 512), 512);
  StepPace free(milliseconds(0), milliseconds(0));
  EXPECT_EQ(free.prefill_tokens(4, 0, 512), 512);
}

TEST(StepPace, StepsAreAsLongAsTheTarget) {
  StepPace pace(milliseconds(300), milliseconds(400));
  const auto run = take_in(pace, {}, 4, 6000);
  EXPECT_EQ(run.takes.front(), StepPace::kChunk) << "nothing is known yet";
  for (std::size_t i = 2; i + 1 < run.steps.size(); ++i) {
    EXPECT_LE(run.steps[i], 400) << i;
    EXPECT_GE(run.steps[i], 200) << i;
  }
}

TEST(StepPace, AWholeChunkMayTakeUpToTheLimit) {
  const Machine machine{.stream = 10, .token = 4.5, .deep = 0, .small_factor = 3};  // 64 tokens: 328 ms
  StepPace pace(milliseconds(260), milliseconds(346));
  const auto run = take_in(pace, machine, 4, 2000);
  for (std::size_t i = 0; i + 1 < run.takes.size(); ++i) EXPECT_EQ(run.takes[i], StepPace::kChunk);
}

TEST(StepPace, ATightTargetIsKeptWhateverThePromptTakes) {
  const Machine machine{.stream = 10, .token = 4.5, .deep = 0, .small_factor = 1.5};
  StepPace pace(milliseconds(120), milliseconds(160));
  const auto run = take_in(pace, machine, 4, 2000);
  std::size_t above = 0;
  for (const double ms : run.steps) above += ms > 160 ? 1 : 0;
  EXPECT_LE(above, 3U) << "the first ones, and what is tried again";
}

TEST(StepPace, EveryPromptArrives) {
  StepPace pace(milliseconds(10), milliseconds(13));
  const auto run = take_in(pace, {.stream = 100}, 4, 500);
  for (std::size_t i = 1; i + 1 < run.takes.size(); ++i) EXPECT_GE(run.takes[i], StepPace::kLeast);
}

TEST(StepPace, ABusyMachineIsTriedAgain) {
  StepPace pace(milliseconds(150), milliseconds(200));
  (void)take_in(pace, {.token = 10, .deep = 0, .small_factor = 1}, 2, 4000);
  const auto after = take_in(pace, {.token = 1, .deep = 0, .small_factor = 2}, 2, 40000);
  EXPECT_GE(after.takes[after.takes.size() - 2], 100);
}

TEST(StepPace, WhatIsDeepDoesNotSlowWhatIsShallow) {
  StepPace pace(milliseconds(150), milliseconds(200));
  const Machine machine{.token = 1, .deep = 0.002};
  (void)take_in(pace, machine, 2, 16000);
  EXPECT_GE(pace.prefill_tokens(2, 0, 512), 90);
}

}  // namespace
}  // namespace hearth::engine::core
