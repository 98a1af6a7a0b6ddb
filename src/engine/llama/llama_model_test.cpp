#include "engine/llama/llama_model.hpp"

#include <gtest/gtest.h>

namespace hearth::engine::llama {
namespace {
TEST(Llama, Loads) {
  base::NullLog log;
  auto m = load_llama_model({.path = HEARTH_SHARED_DIR "/models/stories260K.gguf"}, log);
  ASSERT_TRUE(m) << m.error().message;
  auto& model = **m;
  auto tokens = model.vocab().tokenize("Once upon a time", true, false);
  std::vector<core::BatchToken> batch;
  for (std::size_t i = 0; i < tokens.size(); ++i) batch.push_back({tokens[i], static_cast<int>(i), 0, i + 1 == tokens.size()});
  for (int n = 0; n < 64; ++n) {
    ASSERT_EQ(model.decode(batch), core::DecodeStatus::kOk);
    auto row = model.logits(batch.size() - 1);
    int best = static_cast<int>(std::max_element(row.begin(), row.end()) - row.begin());
    tokens.push_back(best);
    batch = {{best, static_cast<int>(tokens.size()) - 1, 0, true}};
  }
  printf("%s\n", model.vocab().detokenize(tokens).c_str());
  auto mem = model.info().memory.at(0);
  printf("%lu %lu %lu\n", mem.weights.count, mem.kv_cache.count, mem.compute.count);
}
}
}
