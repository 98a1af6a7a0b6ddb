// What the model reports as its memory against the memory of a process that loaded it and used all of it.
#include <array>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iostream>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/llama/llama_test_support.hpp"

namespace hearth::engine::llama {
namespace {

using namespace test_support;

std::uint64_t resident_bytes() {
  std::ifstream in("/proc/self/smaps_rollup");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("Pss:")) return std::stoull(line.substr(4)) * 1024;
  return 0;
}

struct Numbers {
  std::uint64_t reported = 0;
  std::uint64_t grown = 0;
};

// In a process of its own, because the test's own memory is anything.
Numbers load_and_fill() {
  base::NullLog log;
  const std::uint64_t before = resident_bytes();
  auto model = load({.context_tokens = 2048, .parallel = 4, .threads = 1}, log);
  const auto& memory = model->info().memory.at(0);
  for (core::SequenceId sequence = 0; sequence < 4; ++sequence) {
    for (core::Position from = 0; from < 2048; from += 512)
      if (model->decode(batch_of(domain::Tokens(512, 300), sequence, from)) != core::DecodeStatus::kOk) return {};
  }
  return {.reported = (memory.weights + memory.kv_cache + memory.compute).count, .grown = resident_bytes() - before};
}

TEST(LlamaMemory, IsReportedAsItIsTaken) {
  if (!has_stories()) GTEST_SKIP() << "no model at " << kStories;
#ifdef HEARTH_SANITIZED
  GTEST_SKIP() << "a sanitizer's own memory hides the model's";
#endif
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const Numbers numbers = load_and_fill();
    ::_exit(::write(ends[1], &numbers, sizeof numbers) == sizeof numbers ? 0 : 1);
  }
  Numbers numbers;
  const auto got = ::read(ends[0], &numbers, sizeof numbers);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(got, static_cast<ssize_t>(sizeof numbers));
  ASSERT_GT(numbers.reported, 0U);
  // Code pages and llama.cpp's tables come to some megabytes, whatever the model.
  constexpr double kProcess = 7e6;
  const double reported = static_cast<double>(numbers.reported) + kProcess;
  std::cout << "reported " << reported / 1e6 << " MB, taken " << static_cast<double>(numbers.grown) / 1e6 << " MB\n";
  EXPECT_NEAR(static_cast<double>(numbers.grown) / reported, 1.0, 0.15);
}

}  // namespace
}  // namespace hearth::engine::llama
