// Disks that take their time, or never answer: what waits for them, and what does not.
#include <fstream>
#include <semaphore>
#include <sys/stat.h>
#include <thread>

#include "engine/core/prefix/test_folder.hpp"
#include "engine/testing/harness.hpp"

namespace hearth::engine::testing {
namespace {

using core::test_support::Folder;

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kLong = 60s;

core::TokenEngineOptions options(const fs::path& folder, std::uint64_t memory) {
  return {.parallel = 2,
          .step_tokens = 64,
          .prefix_cache = {.memory = {memory}, .folder = folder, .disk = {1 << 20}, .tokens_min = 4}};
}

// Drives an engine on its own thread, as a runner does.
class Driver {
 public:
  explicit Driver(
      Engine& engine, std::function<void()> after_step = [] {})
      : thread_([&engine, after_step = std::move(after_step)](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            (void)engine.step();
            after_step();
            engine.wait(stop);
          }
        }) {}

 private:
  std::jthread thread_;
};

struct Ended {
  std::binary_semaphore signal{0};
  Harness::Client client;
};

void submit(Harness& h, domain::Request request, Ended& out) {
  out.client.sink = std::make_shared<TestSink>();
  out.client.sink->on_offer = [&out](const auto& events) {
    if (!events.empty() && domain::ends_stream(events.back())) out.signal.release();
  };
  ASSERT_TRUE(h.engine->submit(std::move(request), out.client.sink));
}

const std::string kPrompt = "a prompt whose beginning is on a disk that takes its time";

// Opening a pipe to read takes until somebody opens it to write.
TEST(SlowDisk, DelaysOnlyWhoWaitsForIt) {
  const Folder folder;
  std::string expected;
  {
    Harness first({}, options(folder.path(), 1 << 20));
    expected = first.text_alone(completion(kPrompt, 4));
    first.engine->shut_down();
  }
  ASSERT_EQ(folder.files().size(), 1U);
  const auto file = folder.files().front();
  Harness h({}, options(folder.path(), 1 << 20));
  fs::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  Ended waits;
  Ended other;
  {
    submit(h, completion(kPrompt, 4), waits);
    const Driver driver(*h.engine);
    submit(h, completion("short", 4), other);
    EXPECT_TRUE(other.signal.try_acquire_for(kLong)) << "it waits for somebody else's disk";
    EXPECT_FALSE(waits.client.sink->ended());
    std::ofstream(file).close();
    EXPECT_TRUE(waits.signal.try_acquire_for(kLong));
  }
  EXPECT_EQ(waits.client.answer().choices.at(0).text(), expected);
  EXPECT_LE(waits.client.answer().usage.cached, 1) << "nothing came from it; the first token is that of all prompts";
}

TEST(SlowDisk, WhatItHasWrittenTakesNoMemoryEvenIfNobodyAsksForAnything) {
  const Folder folder;
  Harness h({.sequences = 2}, options(folder.path(), 1));
  std::binary_semaphore empty{0};
  std::atomic<bool> saved = false;
  std::vector<Ended> sent(6);
  {
    const Driver driver(*h.engine, [&] {
      const auto stats = h.engine->stats();
      saved = saved || stats.prefix_memory_bytes > 0;
      if (saved && stats.requests_finished == sent.size() && stats.prefix_memory_bytes == 0) empty.release();
    });
    for (std::size_t i = 0; i < sent.size(); ++i) {
      submit(h, completion(std::to_string(i) + kPrompt, 4), sent[i]);
      ASSERT_TRUE(sent[i].signal.try_acquire_for(kLong));
    }
    EXPECT_TRUE(empty.try_acquire_for(kLong));
  }
  EXPECT_GE(folder.files().size(), 3U);
}

// More wait for the disk than can run at once; each finds what was read for it.
TEST(SlowDisk, WhatWasReadIsUsed) {
  constexpr int kMany = 8;
  const Folder folder;
  const auto prompt = [](int i) { return std::to_string(i) + kPrompt; };
  {
    Harness first({}, options(folder.path(), 1 << 20));
    for (int i = 0; i < kMany; ++i) (void)first.text_alone(completion(prompt(i), 4));
    first.engine->shut_down();
  }
  Harness h({.sequences = 4}, options(folder.path(), 1));  // no memory but for what is waited for
  std::vector<Harness::Client> sent;
  for (int i = 0; i < kMany; ++i) sent.push_back(h.submit(completion(prompt(i), 20)));
  h.run();
  for (const auto& client : sent) EXPECT_EQ(client.answer().usage.cached, client.answer().usage.prompt - 1);
  EXPECT_EQ(h.engine->stats().prefix_reads, static_cast<std::uint64_t>(kMany));
}

}  // namespace
}  // namespace hearth::engine::testing
