// The contract suite of all engines, over a real model.
#include "engine/llama/llama_test_support.hpp"
#include "engine/testing/contract.hpp"

namespace hearth::engine::testing {
namespace {

struct Parts {
  base::SystemClock clock;
  base::NullLog log;
};

EngineFactory factory() {
  auto parts = std::make_shared<Parts>();
  return {.name = "Llama",
          .make =
              [parts](const core::TokenEngineOptions& options) {
                auto model = llama::test_support::load({.parallel = options.parallel, .threads = 1}, parts->log);
                return core::make_token_engine(std::move(model), options, parts->clock, parts->log);
              },
          .prompt_for = nullptr,
          .reuses_prefixes = true,
          .exact_in_batches = false,  // a row's sums depend on the shape of the batch
          .check = [] { return std::string(); }};
}

// Without the model file the suite has no instance; LlamaModel's tests say that they are skipped.
std::vector<EngineFactory> factories() {
  return llama::test_support::has_stories() ? std::vector{factory()} : std::vector<EngineFactory>{};
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EngineContract);
INSTANTIATE_TEST_SUITE_P(Llama, EngineContract, ::testing::ValuesIn(factories()), factory_name);

}  // namespace
}  // namespace hearth::engine::testing
