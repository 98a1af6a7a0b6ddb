// The contract suite of all engines, over a real model.
#include "engine/llama/llama_test_files.hpp"
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

EngineFactory encoder(std::string name, const llama::test_support::GgufFile& content) {
  auto file = std::make_shared<llama::test_support::TestFile>(content);  // for as long as engines are made of it
  auto parts = std::make_shared<Parts>();
  auto out = factory();
  out.name = std::move(name);
  out.make = [file, parts](const core::TokenEngineOptions& options) {
    auto model =
        llama::test_support::load({.path = file->path(), .parallel = options.parallel, .threads = 1}, parts->log);
    return core::make_token_engine(std::move(model), options, parts->clock, parts->log);
  };
  return out;
}

using llama::test_support::bert;
using llama::test_support::qwen3_reranker;
INSTANTIATE_TEST_SUITE_P(
    Llama, EncoderContract,
    ::testing::Values(encoder("Bert", bert()), encoder("BertReranker", bert({.pooling = 4, .head = true})),
                      encoder("BertClassifier", bert({.pooling = 4, .head = true, .labels = {"sad", "glad"}})),
                      encoder("Qwen3Reranker", qwen3_reranker("{query}|{document}?"))),
    factory_name);

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EngineContract);
INSTANTIATE_TEST_SUITE_P(Llama, EngineContract, ::testing::ValuesIn(factories()), factory_name);

}  // namespace
}  // namespace hearth::engine::testing
