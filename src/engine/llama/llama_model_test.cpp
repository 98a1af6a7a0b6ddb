#include "engine/llama/llama_model.hpp"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <llama.h>
#include <thread>

#include "engine/llama/llama_test_support.hpp"

namespace hearth::engine::llama {
namespace {

using core::DecodeStatus;
using domain::Task;
using namespace test_support;

class LlamaModel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_stories()) GTEST_SKIP() << "no model at " << kStories;
  }
  MemoryLog log_;
};

// What a program that uses llama.h as its examples do gets: the reference.
domain::Tokens plain_llama(const std::string& text, int count) {
  llama_model* model = llama_model_load_from_file(kStories.c_str(), llama_model_default_params());
  auto params = llama_context_default_params();
  params.n_ctx = 256;
  params.n_threads = params.n_threads_batch = 1;
  llama_context* context = llama_init_from_model(model, params);
  const llama_vocab* vocab = llama_model_get_vocab(model);
  domain::Tokens tokens(text.size() + 8);
  tokens.resize(
      static_cast<std::size_t>(llama_tokenize(vocab, text.data(), static_cast<std::int32_t>(text.size()), tokens.data(),
                                              static_cast<std::int32_t>(tokens.size()), true, false)));
  domain::Tokens out;
  llama_batch batch = llama_batch_get_one(tokens.data(), static_cast<std::int32_t>(tokens.size()));
  for (int i = 0; i < count; ++i) {
    if (llama_decode(context, batch) != 0) break;
    out.push_back(best({llama_get_logits_ith(context, -1), static_cast<std::size_t>(llama_vocab_n_tokens(vocab))}));
    tokens = {out.back()};
    batch = llama_batch_get_one(tokens.data(), 1);
  }
  llama_free(context);
  llama_model_free(model);
  return out;
}

TEST_F(LlamaModel, ContinuesAsPlainLlamaDoes) {
  auto model = load({}, log_);
  const std::string prompt = "Once upon a time";
  const auto mine = greedy(*model, model->vocab().tokenize(prompt, true, false), 0, 64);
  EXPECT_EQ(mine, plain_llama(prompt, 64));
  EXPECT_NE(model->vocab().detokenize(mine).find("there was a little girl named"), std::string::npos);
}

TEST_F(LlamaModel, TellsWhatItCanDo) {
  auto model = load({.name = "tiny", .context_tokens = 256, .parallel = 2}, log_);
  const auto& info = model->info();
  EXPECT_EQ(info.name, "tiny");
  EXPECT_EQ(info.capabilities.tasks, (domain::TaskSet{Task::kChat, Task::kComplete, Task::kEmbed}));
  EXPECT_EQ(info.capabilities.context_tokens, 256);
  EXPECT_EQ(info.capabilities.trained_context_tokens, 2048);
  EXPECT_EQ(info.capabilities.embedding_dimensions, 64);
  EXPECT_EQ(info.capabilities.vocabulary, 512);
  EXPECT_EQ(info.capabilities.slots, 2);
  EXPECT_EQ(info.capabilities.device, "CPU");
  EXPECT_EQ(info.capabilities.format, "gguf");
  EXPECT_EQ(info.capabilities.architecture, "llama");
  EXPECT_EQ(model->sequences_max(), 4);
  EXPECT_EQ(model->batch_tokens_max(), 512);
  EXPECT_EQ(model->kv_cells(), 512);
  EXPECT_TRUE(model->can_share_prefixes());
  EXPECT_TRUE(info.chat_template.empty());
  EXPECT_NE(log_.text().find("using ChatML"), std::string::npos);
}

TEST_F(LlamaModel, TellsTheMemoryThatItTook) {
  auto model = load({.context_tokens = 512, .parallel = 4}, log_);
  const auto& memory = model->info().memory;
  ASSERT_EQ(memory.size(), 1U);
  EXPECT_EQ(memory[0].device, "CPU");
  EXPECT_EQ(memory[0].kv_cache.count, 2048U * 5 * 4 * (8 + 8) * 2);  // cells x layers x heads x (key + value) x f16
  EXPECT_GT(memory[0].weights.count, 1'000'000U);
  EXPECT_NEAR(static_cast<double>(memory[0].compute.count), 3.67 * 1024 * 1024, 400'000.0);
}

TEST_F(LlamaModel, ALongerContextThanTrainedIsCutAndSaid) {
  auto model = load({.context_tokens = 100'000}, log_);
  EXPECT_EQ(model->info().capabilities.context_tokens, 2048);
  EXPECT_NE(log_.text().find("100000 tokens was asked for"), std::string::npos) << log_.text();
}

TEST_F(LlamaModel, SharesAndCutsPrefixes) {
  auto model = load({}, log_);
  const auto prompt = model->vocab().tokenize("Once upon a time there was a dog", true, false);
  const auto expected = greedy(*model, prompt, 0, 8);
  model->copy(0, 1, static_cast<core::Position>(prompt.size()) - 1);
  EXPECT_EQ(greedy(*model, {prompt.back()}, 1, 8, static_cast<core::Position>(prompt.size()) - 1), expected);
  EXPECT_TRUE(model->remove(0, 5, -1));
  EXPECT_EQ(greedy(*model, {prompt.begin() + 5, prompt.end()}, 0, 8, 5), expected);
  EXPECT_TRUE(model->remove(0, 0, -1));
  EXPECT_TRUE(model->remove(0, 0, -1));
}

TEST_F(LlamaModel, SequencesInOneBatchDoNotMix) {
  auto model = load({}, log_);
  const auto one = model->vocab().tokenize("The cat", true, false);
  const auto two = model->vocab().tokenize("One day a big bird", true, false);
  const auto expected_one = greedy(*model, one, 0, 1);
  const auto expected_two = greedy(*model, two, 1, 1);
  auto batch = batch_of(one, 2);
  const std::size_t first = batch.size() - 1;
  for (const auto& token : batch_of(two, 3)) batch.push_back(token);
  ASSERT_EQ(model->decode(batch), DecodeStatus::kOk);
  EXPECT_EQ(best(model->logits(first)), expected_one[0]);
  EXPECT_EQ(best(model->logits(batch.size() - 1)), expected_two[0]);
  EXPECT_TRUE(model->logits(0).empty());
  EXPECT_TRUE(model->logits(1000).empty());
}

TEST_F(LlamaModel, GivesEveryRowThatIsAskedFor) {
  auto model = load({}, log_);
  domain::Tokens prompt = model->vocab().tokenize("Once upon a time", true, false);
  while (prompt.size() < 100) prompt.push_back(prompt[1 + prompt.size() % 4]);
  auto batch = batch_of(prompt, 0);
  for (auto& token : batch) token.output = true;
  ASSERT_EQ(model->decode(batch), DecodeStatus::kOk);
  for (const std::size_t i : {0UL, 31UL, 32UL, 63UL, 64UL, 99UL}) {
    const domain::Tokens head(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    const domain::Token here = best(model->logits(i));
    auto other = load({}, log_);
    EXPECT_EQ(greedy(*other, head, 0, 1)[0], here) << i;
  }
}

TEST_F(LlamaModel, AFullCacheIsToldAndChangesNothing) {
  auto model = load({.context_tokens = 256, .parallel = 1, .batch_tokens = 256}, log_);
  const domain::Tokens filler(200, 300);
  ASSERT_EQ(model->decode(batch_of(filler, 0)), DecodeStatus::kOk);
  EXPECT_EQ(model->decode(batch_of(filler, 1)), DecodeStatus::kNoSpace);
  auto rows = batch_of(domain::Tokens(100, 300), 1);  // taken in several pieces, of which the first would fit
  for (auto& token : rows) token.output = true;
  EXPECT_EQ(model->decode(rows), DecodeStatus::kNoSpace);
  EXPECT_EQ(model->decode(batch_of(domain::Tokens(56, 300), 1)), DecodeStatus::kOk);
  EXPECT_TRUE(model->remove(1, 0, -1));
  EXPECT_EQ(model->decode(batch_of({300}, 0, 200)), DecodeStatus::kOk);
}

TEST_F(LlamaModel, RefusesWhatLlamaWouldAbortOn) {
  auto model = load({.parallel = 1, .batch_tokens = 64}, log_);
  using Batch = std::vector<core::BatchToken>;
  const std::vector<Batch> wrong = {
      {},
      {{-1, 0, 0, true}},
      {{512, 0, 0, true}},
      {{5, -1, 0, true}},
      {{5, 0, -1, true}},
      {{5, 0, 2, true}},
      Batch(1000, core::BatchToken{5, 0, 0, false}),
  };
  for (const auto& batch : wrong) EXPECT_EQ(model->decode(batch), DecodeStatus::kFailed);
  for (const auto& batch : wrong) EXPECT_EQ(model->embed(batch, {}), DecodeStatus::kFailed);
  EXPECT_EQ(model->embed(Batch{{5, 1, 0, true}}, {}), DecodeStatus::kFailed);
  EXPECT_EQ(model->embed(Batch{{5, 0, 0, true}, {5, 0, 1, true}, {5, 1, 0, true}}, {}), DecodeStatus::kFailed);
  model->copy(0, 0, 1);
  model->copy(0, 99, 1);
  model->copy(-1, 0, 1);
  EXPECT_FALSE(model->remove(99, 0, -1));
  EXPECT_TRUE(model->embedding(99).empty());
  EXPECT_EQ(model->decode(batch_of({5, 6}, 0)), DecodeStatus::kOk);
}

TEST_F(LlamaModel, AnInterruptEndsADecodeThatRuns) {
  auto model = load({.context_tokens = 512, .parallel = 1, .batch_tokens = 512}, log_);
  const domain::Tokens filler(512, 300);
  std::atomic<bool> done = false;
  std::atomic<bool> decodes = false;
  std::thread interrupter([&] {
    while (!done) {
      if (decodes) model->interrupt();
    }
  });
  DecodeStatus status = DecodeStatus::kOk;
  for (int i = 0; i < 1000 && status == DecodeStatus::kOk; ++i) {
    ASSERT_TRUE(model->remove(0, 0, -1));
    model->clear_interrupt();
    decodes = true;
    status = model->decode(batch_of(filler, 0));
    decodes = false;
  }
  done = true;
  interrupter.join();
  EXPECT_EQ(status, DecodeStatus::kAborted);
  ASSERT_TRUE(model->remove(0, 0, -1));
  model->clear_interrupt();
  EXPECT_EQ(model->decode(batch_of(filler, 0)), DecodeStatus::kOk);
}

TEST_F(LlamaModel, AnInterruptBeforeADecodeEndsItToo) {
  auto model = load({.context_tokens = 512, .parallel = 1, .batch_tokens = 512}, log_);
  model->interrupt();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(model->decode(batch_of({5, 6}, 0)), DecodeStatus::kAborted);
    ASSERT_TRUE(model->remove(0, 0, -1));
  }
  model->clear_interrupt();
  EXPECT_EQ(model->decode(batch_of({5, 6}, 0)), DecodeStatus::kOk);
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

TEST_F(LlamaModel, EmbedsWholeSequences) {
  auto model = load({}, log_);
  const auto one = model->vocab().tokenize("The cat sat on the mat.", true, false);
  const domain::Tokens lengthy(300, 300);  // more than one chunk
  auto batch = batch_of(one, 0);
  for (const auto& token : batch_of(lengthy, 1)) batch.push_back(token);
  for (const auto& token : batch_of(one, 2)) batch.push_back(token);
  ASSERT_EQ(model->embed(batch, {}), DecodeStatus::kOk);
  const std::vector<float> first(model->embedding(0).begin(), model->embedding(0).end());
  ASSERT_EQ(first.size(), 64U);
  EXPECT_GT(cosine(first, model->embedding(2)), 0.99999);
  EXPECT_LT(cosine(first, model->embedding(1)), 0.99);
  EXPECT_TRUE(model->embedding(3).empty());
  // Generating goes on beside it.
  EXPECT_EQ(greedy(*model, one, 0, 4).size(), 4U);
  ASSERT_EQ(model->embed(batch_of(one, 1), {}), DecodeStatus::kOk);
  EXPECT_GT(cosine(first, model->embedding(1)), 0.99999);
  EXPECT_TRUE(model->embedding(0).empty());
  EXPECT_EQ(model->embed(batch_of(domain::Tokens(2049, 300), 0), {}), DecodeStatus::kNoSpace);
}

TEST_F(LlamaModel, CanBeAnEmbeddingModelOnly) {
  auto model = load({.embeddings = Embeddings::kOnly}, log_);
  EXPECT_EQ(model->info().capabilities.tasks, domain::TaskSet{Task::kEmbed});
  EXPECT_EQ(model->kv_cells(), 0);
  EXPECT_EQ(model->decode(batch_of({5}, 0)), DecodeStatus::kFailed);
  EXPECT_EQ(model->embed(batch_of({1, 5, 6}, 0), {}), DecodeStatus::kOk);
  EXPECT_EQ(model->embedding(0).size(), 64U);
  domain::ChatRequest chat;
  chat.messages = {{.role = domain::Role::kUser, .parts = {domain::TextPart{"x"}}}};
  EXPECT_EQ(model->render(chat).error().code, ErrorCode::kUnsupported);
}

TEST_F(LlamaModel, RendersWithItsTemplateOrTheRequests) {
  auto model = load({}, log_);
  domain::ChatRequest chat;
  chat.messages = {{.role = domain::Role::kUser, .parts = {domain::TextPart{"Hi"}}}};
  EXPECT_EQ(model->render(chat).value().prompt, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  chat.template_override = "{{ bos_token }}[{{ messages[0].content }}]";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(model->render(chat).value().prompt, "<s>[Hi]");
  chat.template_override = "{% if %}";
  EXPECT_EQ(model->render(chat).error().param, "template_override");
}

TEST_F(LlamaModel, TokenizesAndBack) {
  auto model = load({}, log_);
  const auto& vocab = model->vocab();
  for (const std::string text : {"Once upon a time", " leading",
                                 "Gr\xC3\xBC\xC3\x9F"
                                 "e \xF0\x9F\x98\x80",
                                 "a\nb"}) {
    const auto tokens = vocab.tokenize(text, false, false);
    EXPECT_EQ(vocab.detokenize(tokens), text);
  }
  EXPECT_EQ(vocab.tokenize("x", true, false).front(), 1);
  EXPECT_EQ(vocab.tokenize("<s>x", true, true), vocab.tokenize("x", true, true));  // not two beginnings
  EXPECT_NE(vocab.tokenize("<s>x", true, false), vocab.tokenize("x", true, false));
  EXPECT_EQ(vocab.detokenize(vocab.tokenize("x", true, false)), "<s>x");
  EXPECT_TRUE(vocab.is_end(2));
  EXPECT_FALSE(vocab.is_end(-1));
  EXPECT_EQ(vocab.piece(1, false), "");
  EXPECT_EQ(vocab.piece(1, true), "<s>");
  EXPECT_EQ(vocab.piece(100'000, true), "");
  EXPECT_TRUE(vocab.tokenize("", false, false).empty());
}

TEST_F(LlamaModel, TwoModelsLiveInOneProcess) {
  auto one = load({.parallel = 1}, log_);
  auto two = load({.parallel = 1}, log_);
  const auto prompt = one->vocab().tokenize("Once upon a time", true, false);
  domain::Tokens from_two;
  std::thread other([&] { from_two = greedy(*two, prompt, 0, 32); });
  const auto from_one = greedy(*one, prompt, 0, 32);
  other.join();
  EXPECT_EQ(from_one, from_two);
  one.reset();
  EXPECT_EQ(greedy(*two, prompt, 1, 32), from_one);
}

TEST_F(LlamaModel, ALoadCanBeCancelledAndWatched) {
  std::stop_source stop;
  std::vector<float> seen;
  LlamaOptions options{
      .path = kStories, .progress = [&](float done) { seen.push_back(done); }, .stop = stop.get_token()};
  EXPECT_TRUE(load_llama_model(options, log_));
  ASSERT_FALSE(seen.empty());
  EXPECT_FLOAT_EQ(seen.back(), 1);
  stop.request_stop();
  EXPECT_EQ(load_llama_model(options, log_).error().code, ErrorCode::kCancelled);
}

TEST_F(LlamaModel, BrokenFilesAreErrors) {
  std::ifstream in(kStories, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  const auto path = std::filesystem::temp_directory_path() / ("hearth-broken-" + std::to_string(::getpid()) + ".gguf");
  std::vector<std::string> contents = {"", "GGUF", std::string(5000, 'x'), "GGUF" + std::string(5000, '\xFF')};
  for (const double part : {0.001, 0.01, 0.1, 0.5, 0.9, 0.9999})
    contents.push_back(whole.substr(0, static_cast<std::size_t>(static_cast<double>(whole.size()) * part)));
  for (const auto& content : contents) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    const auto model = load_llama_model({.path = path.string()}, log_);
    ASSERT_FALSE(model) << content.size();
    EXPECT_EQ(model.error().code, ErrorCode::kModelLoadFailed);
    EXPECT_NE(model.error().message.find(path.string()), std::string::npos);
  }
  std::filesystem::remove(path);
  const auto absent = load_llama_model({.path = path.string()}, log_);
  EXPECT_NE(absent.error().message.find("no such file"), std::string::npos);
}

}  // namespace
}  // namespace hearth::engine::llama
