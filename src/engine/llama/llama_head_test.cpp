// Models that end in a classifier's head: rerankers and classifiers.
#include <cmath>
#include <gtest/gtest.h>
#include <llama.h>

#include "engine/llama/llama_test_files.hpp"
#include "engine/llama/llama_test_support.hpp"

namespace hearth::engine::llama {
namespace {

using core::DecodeStatus;
using domain::Task;
using namespace test_support;

std::vector<core::BatchToken> batch_of_pair(const core::PairPrompt& pair, core::SequenceId sequence) {
  auto batch = batch_of(pair.tokens, sequence);
  for (auto& token : batch) token.second = pair.second >= 0 && token.position >= pair.second;
  return batch;
}

std::vector<float> values_of(core::TokenModel& model, core::SequenceId sequence) {
  const auto values = model.embedding(sequence);
  return {values.begin(), values.end()};
}

constexpr std::uint32_t kChunk = 128;  // as the engine reads what looks back: chunks of other sizes round differently

// What llama.h gives for the tokens, all of the first type.
std::vector<float> plain_head(const std::string& path, domain::Tokens tokens, std::size_t outputs) {
  llama_model* model = llama_model_load_from_file(path.c_str(), llama_model_default_params());
  auto params = llama_context_default_params();
  params.n_ctx = params.n_batch = 1024;
  params.n_ubatch = kChunk;
  params.n_threads = params.n_threads_batch = 1;
  params.embeddings = true;
  params.pooling_type = LLAMA_POOLING_TYPE_RANK;
  llama_context* context = llama_init_from_model(model, params);
  const llama_batch batch = llama_batch_get_one(tokens.data(), static_cast<std::int32_t>(tokens.size()));
  const int status = llama_get_memory(context) == nullptr ? llama_encode(context, batch) : llama_decode(context, batch);
  std::vector<float> out;
  if (const float* values = status == 0 ? llama_get_embeddings_seq(context, 0) : nullptr; values != nullptr)
    out.assign(values, values + outputs);
  llama_free(context);
  llama_model_free(model);
  return out;
}

TEST(LlamaHead, TellsWhatItCanDo) {
  base::NullLog log;
  const TestFile ranks(bert({.pooling = 4, .head = true}));
  const auto reranker = load({.path = ranks.path()}, log);
  EXPECT_EQ(reranker->info().capabilities.tasks, (domain::TaskSet{Task::kRerank, Task::kClassify}));
  EXPECT_EQ(reranker->info().capabilities.embedding_dimensions, 0);
  EXPECT_FALSE(reranker->info().scores_are_probabilities);
  const TestFile puts(bert({.pooling = 4, .head = true, .labels = {"sad", "glad", "calm"}}));
  const auto classifier = load({.path = puts.path()}, log);
  EXPECT_EQ(classifier->info().capabilities.tasks, domain::TaskSet{Task::kClassify});
  EXPECT_EQ(classifier->info().capabilities.labels, (std::vector<std::string>{"sad", "glad", "calm"}));
  const TestFile says(qwen3_reranker());
  const auto decoder = load({.path = says.path()}, log);
  EXPECT_EQ(decoder->info().capabilities.tasks, domain::TaskSet{Task::kRerank});
  EXPECT_TRUE(decoder->info().scores_are_probabilities);
  domain::ChatRequest chat;
  chat.messages = {{.role = domain::Role::kUser, .parts = {domain::TextPart{"x"}}}};
  EXPECT_NE(decoder->render(chat).error().message.find("reranking"), std::string::npos);
}

TEST(LlamaHead, PairsOfBertHaveOneSeparatorAndAnEnd) {
  base::NullLog log;
  const TestFile file(bert({.pooling = 4, .head = true}));
  const auto model = load({.path = file.path()}, log);
  const auto pair = model->pair("ab", "c");
  const auto a = model->vocab().tokenize("ab", false, false);
  const auto b = model->vocab().tokenize("c", false, false);
  domain::Tokens wanted{2};
  wanted.insert(wanted.end(), a.begin(), a.end());
  wanted.push_back(3);
  EXPECT_EQ(pair.second, static_cast<std::int32_t>(wanted.size()));
  wanted.insert(wanted.end(), b.begin(), b.end());
  wanted.push_back(3);
  EXPECT_EQ(pair.tokens, wanted);
}

TEST(LlamaHead, OneTypeOfTokensIsAsLlamaHasIt) {
  base::NullLog log;
  const TestFile file(bert({.pooling = 4, .head = true, .types = 1}));
  const auto model = load({.path = file.path()}, log);
  const auto pair = model->pair("who keeps it", "the keeper");
  EXPECT_EQ(pair.second, -1);
  ASSERT_EQ(model->embed(batch_of_pair(pair, 0), {}), DecodeStatus::kOk);
  const auto plain = plain_head(file.path(), pair.tokens, 1);
  ASSERT_EQ(plain.size(), 1U);
  EXPECT_NEAR(model->embedding(0)[0], plain[0], 1e-4);
}

TEST(LlamaHead, TheSecondTextHasItsOwnType) {
  base::NullLog log;
  for (const auto type : {GGML_TYPE_F32, GGML_TYPE_F16}) {
    const TestFile file(bert({.pooling = 4, .head = true, .types = 2, .embeddings = type}));
    const auto model = load({.path = file.path()}, log);
    const auto pair = model->pair("who keeps it", "the keeper");
    ASSERT_GT(pair.second, 0);
    auto batch = batch_of_pair(pair, 0);
    ASSERT_EQ(model->embed(batch, {}), DecodeStatus::kOk);
    const float score = model->embedding(0)[0];
    const auto plain = plain_head(file.path(), pair.tokens, 1);
    EXPECT_GT(std::abs(score - plain.at(0)), 1e-3) << "llama.cpp gives all tokens the first type";
    // Rows of the file in place of token ids change nothing by themselves.
    for (auto& token : batch) token.second = false;
    auto marked = batch_of_pair(model->pair("other", "text"), 1);
    batch.insert(batch.end(), marked.begin(), marked.end());
    ASSERT_EQ(model->embed(batch, {}), DecodeStatus::kOk);
    EXPECT_NEAR(model->embedding(0)[0], plain.at(0), 1e-4);
  }
}

TEST(LlamaHead, PairsInOneBatchDoNotMix) {
  base::NullLog log;
  const TestFile file(bert({.pooling = 4, .head = true, .labels = {"a", "b", "c"}}));
  const auto model = load({.path = file.path()}, log);
  const std::vector<core::PairPrompt> pairs{model->pair("who", "a keeper of lights"), model->pair("who", "x"),
                                            model->pair("where is it", "here")};
  std::vector<std::vector<float>> alone;
  std::vector<core::BatchToken> all;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ASSERT_EQ(model->embed(batch_of_pair(pairs[i], 0), {}), DecodeStatus::kOk);
    alone.push_back(values_of(*model, 0));
    ASSERT_EQ(alone.back().size(), 3U);
    const auto batch = batch_of_pair(pairs[i], static_cast<core::SequenceId>(i));
    all.insert(all.end(), batch.begin(), batch.end());
  }
  ASSERT_EQ(model->embed(all, {}), DecodeStatus::kOk);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    for (std::size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(model->embedding(static_cast<core::SequenceId>(i))[c], alone[i][c], 1e-4);
  }
}

TEST(LlamaHead, ATemplateIsFilledOnceAndReadInChunks) {
  base::NullLog log;
  const TestFile file(qwen3_reranker());
  const auto model = load({.path = file.path()}, log);
  const std::string document(200, 'd');  // more than a chunk
  const auto pair = model->pair("{document}?", document);
  EXPECT_EQ(pair.second, -1);
  const std::string text = "judge " + document + " for {document}?. the document is " + document +
                           "; is it what was asked for? answer yes or no: ";
  EXPECT_EQ(pair.tokens, model->vocab().tokenize(text, false, true));
  ASSERT_EQ(model->embed(batch_of(pair.tokens, 0), {}), DecodeStatus::kOk);
  const auto plain = plain_head(file.path(), pair.tokens, 2);
  ASSERT_EQ(plain.size(), 2U);
  EXPECT_NEAR(model->embedding(0)[0], plain[0], 1e-4);
  EXPECT_NEAR(model->embedding(0)[0] + model->embedding(0)[1], 1, 1e-5);
  const auto short_pair = model->pair("q", "d");
  auto batch = batch_of(short_pair.tokens, 1);
  for (const auto& token : batch_of(pair.tokens, 0)) batch.push_back(token);
  ASSERT_EQ(model->embed(batch, {}), DecodeStatus::kOk);
  EXPECT_NEAR(model->embedding(0)[0], plain[0], 0.01) << "its chunks begin elsewhere";
  EXPECT_NEAR(model->embedding(1)[0], plain_head(file.path(), short_pair.tokens, 2).at(0), 1e-4);
}

TEST(LlamaHead, FilesThatCannotRankAreRefused) {
  base::NullLog log;
  const TestFile headless(bert({.pooling = 4, .head = false}));
  const auto none = load_llama_model({.path = headless.path()}, log);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(none.error().message.find("classifier's head"), std::string::npos) << none.error().message;
  const TestFile odd(qwen3_reranker("judge {query}"));
  const auto wrong = load_llama_model({.path = odd.path()}, log);
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("{document}"), std::string::npos) << wrong.error().message;
}

TEST(LlamaEncoder, PoolsAsTheFileSays) {
  base::NullLog log;
  for (const std::uint32_t pooling : {1U, 2U, 3U}) {
    const TestFile file(bert({.pooling = pooling}));
    const auto model = load({.path = file.path()}, log);
    const auto tokens = model->vocab().tokenize("a small text", true, false);
    const auto batch = batch_of(tokens, 0);
    const auto get = [&](std::optional<domain::Pooling> wanted) {
      EXPECT_EQ(model->embed(batch, wanted), DecodeStatus::kOk);
      return values_of(*model, 0);
    };
    const auto own = get({});
    ASSERT_EQ(own.size(), static_cast<std::size_t>(kBertWidth));
    const auto rows = get(domain::Pooling::kNone);
    ASSERT_EQ(rows.size(), tokens.size() * static_cast<std::size_t>(kBertWidth));
    EXPECT_EQ(own, get(pooling == 1   ? domain::Pooling::kMean
                       : pooling == 2 ? domain::Pooling::kCls
                                      : domain::Pooling::kLast));
    if (pooling == 2) EXPECT_EQ(own, std::vector<float>(rows.begin(), rows.begin() + kBertWidth));
    if (pooling == 3) EXPECT_EQ(own, std::vector<float>(rows.end() - kBertWidth, rows.end()));
  }
}

}  // namespace
}  // namespace hearth::engine::llama
