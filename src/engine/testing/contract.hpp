#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include "engine/core/token_engine.hpp"
#include "engine/engine.hpp"
#include "engine/testing/test_sink.hpp"

namespace hearth::engine::testing {

// How the contract suite gets an engine, and what it may expect of it. The rest it reads from the engine's
// capabilities.
struct EngineFactory {
  std::string name;
  // An engine with one model. Its context (with context_tokens = 0) has at least 256 tokens per conversation.
  std::function<std::unique_ptr<Engine>(const core::TokenEngineOptions&)> make;
  // The prompt of a completion that the engine answers with exactly this text and then its end token. Empty: it cannot
  // be told what to say, and the parts of the suite that need it are skipped.
  std::function<std::string(std::string_view)> prompt_for;
  bool reuses_prefixes = true;  // of prompts that differ in their end
  // Logits do not depend, to the last bit, on what else is in the batch or on what was cached. Otherwise the suite
  // compares answers only where both were computed in the same way.
  bool exact_in_batches = true;
  // What is wrong inside after a test; empty: nothing. Called before the engine is destroyed.
  std::function<std::string()> check;
};

inline void PrintTo(const EngineFactory& factory, std::ostream* out) { *out << factory.name; }

// What every engine must do: INSTANTIATE_TEST_SUITE_P(Name, EngineContract, ::testing::Values(factory), factory_name).
class EngineContract : public ::testing::TestWithParam<EngineFactory> {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A new engine with these options; the one before is destroyed.
  void make(const core::TokenEngineOptions& options);
  // The same engine, or a new one where a used one would compute differently.
  void refresh();
  // What a client sent, and what it gets.
  struct Client {
    std::shared_ptr<TestSink> sink;
    Ticket ticket = 0;
  };
  // Fails the test if the engine refuses.
  Client submit(domain::Request request);
  [[nodiscard]] Error refusal(domain::Request request);
  // Steps until there is nothing to do. Fails the test if that takes suspiciously long.
  void run();
  // Steps until `done`; false if there was nothing to do before.
  bool run_until(const std::function<bool()>& done);
  // The whole answer to a request that runs alone on a refresh()ed engine.
  domain::Answer answer(domain::Request request);
  // On this engine, beside nothing else.
  Client submit_and_run(domain::Request request);
  // Fails the test if the stream is not complete and in order.
  domain::Answer answer_of(const Client& client, std::int32_t choices = 1);

  [[nodiscard]] bool scripted() const { return static_cast<bool>(GetParam().prompt_for); }
  [[nodiscard]] bool can(domain::Task task) const { return engine_->info().capabilities.tasks.has(task); }

  [[nodiscard]] bool exact() const { return GetParam().exact_in_batches; }

  std::unique_ptr<Engine> engine_;

 private:
  core::TokenEngineOptions options_;
};

// What engines without generation must do too, each as far as its model can: INSTANTIATE_TEST_SUITE_P as above.
class EncoderContract : public EngineContract {};

// Greedy, `max_tokens`, end tokens ignored: an answer of a known length.
[[nodiscard]] domain::CompletionRequest completion(std::string prompt, std::int32_t max_tokens);
[[nodiscard]] std::string factory_name(const ::testing::TestParamInfo<EngineFactory>& info);

// The suite's files refer to each other through these, so that a linker takes all or none of them.
namespace detail {
void link_streams();
void link_control();
void link_limits();
void link_formats();
void link_encoders();
void link_prefixes();
}  // namespace detail

}  // namespace hearth::engine::testing
