// The contract suite over the test engine, in the shapes that models come in.
#include "engine/testing/contract.hpp"

#include "engine/testing/test_model.hpp"

namespace hearth::engine::testing {
namespace {

EngineFactory factory(std::string name, TestModelOptions options, base::Bytes saved = {}) {
  struct Parts {
    base::SystemClock clock;
    base::NullLog log;
    std::shared_ptr<TestControl> control;
  };
  auto parts = std::make_shared<Parts>();
  const bool shares = options.shares_prefixes;
  return {
      .name = std::move(name),
      .make =
          [parts, options = std::move(options), saved](core::TokenEngineOptions engine) {
            if (engine.prefix_cache.tokens_min == core::PrefixCacheOptions{}.tokens_min) {  // not the test's subject
              engine.prefix_cache.memory = saved;
              engine.prefix_cache.tokens_min = 4;
            }
            parts->control = std::make_shared<TestControl>();
            return core::make_token_engine(std::make_unique<TestModel>(options, parts->control), engine, parts->clock,
                                           parts->log);
          },
      .prompt_for = TestModel::prompt_for,
      .reuses_prefixes = shares,
      .check =
          [parts] {
            std::string out;
            for (const auto& misuse : parts->control->misuses()) out += misuse + "; ";
            return out;
          }};
}

const auto kShapes = ::testing::Values(
    factory("Test", {}), factory("FewCells", {.kv_cells = 700}), factory("FewSequences", {.sequences = 4}),
    factory("SmallBatches", {.batch_tokens = 7}), factory("Recurrent", {.shares_prefixes = false}),
    factory("FewSequencesSaved", {.sequences = 4, .kv_cells = 700}, {20'000}),
    factory("RecurrentSaved", {.sequences = 4, .shares_prefixes = false}, {20'000}));
INSTANTIATE_TEST_SUITE_P(Test, EngineContract, kShapes, factory_name);

using domain::Task;
const auto kEncoders = ::testing::Values(
    factory("Embedder", {.kv_cells = 0, .tasks = {Task::kEmbed}}),
    factory("Reranker", {.kv_cells = 0, .tasks = {Task::kRerank, Task::kClassify}}),
    factory("Classifier", {.kv_cells = 0, .labels = {"sad", "glad", "calm"}, .tasks = {Task::kClassify}}),
    factory("RerankerOfFewSequences", {.sequences = 2, .batch_tokens = 40, .tasks = {Task::kRerank}}),
    factory("AllInOne", {.tasks = {Task::kChat, Task::kComplete, Task::kEmbed}}));
INSTANTIATE_TEST_SUITE_P(Test, EncoderContract, kEncoders, factory_name);

}  // namespace
}  // namespace hearth::engine::testing
