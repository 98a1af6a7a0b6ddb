// States of sequences, over models of each kind of memory: attention, recurrent, hybrid, sliding window.
#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <iostream>
#include <map>

#include "base/clock.hpp"
#include "engine/core/token_engine.hpp"
#include "engine/llama/llama_state_files.hpp"
#include "engine/llama/llama_test_support.hpp"

namespace hearth::engine::llama {
namespace {

using core::StatePart;
using namespace test_support;

struct Kind {
  std::string name;
  std::function<std::string()> path;  // empty: it is not here
  bool cuttable = false;
};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

std::function<std::string()> made(GgufFile (*make)()) {
  return [make] {
    static std::map<GgufFile (*)(), std::unique_ptr<TestFile>> files;
    auto& file = files[make];
    if (!file) file = std::make_unique<TestFile>(make());
    return file->path();
  };
}
std::function<std::string()> file(std::string path) {
  return [path] { return std::filesystem::exists(path) ? path : std::string(); };
}

class LlamaState : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    path_ = GetParam().path();
    if (path_.empty()) GTEST_SKIP() << "this model is not here";
  }
  std::unique_ptr<core::TokenModel> model() {
    return load({.path = path_, .context_tokens = 512, .parallel = 2}, log_);
  }
  std::string path_;
  MemoryLog log_;
};

const std::string kText =
    "Once upon a time there was a little girl who had a red ball and a small dog, and every day they went to the park "
    "to play with the other children and their dogs until the sun went down.";

domain::Tokens tokens_of(const core::TokenModel& model, const std::string& text) {
  return model.vocab().tokenize(text, true, false);
}
core::Position size_of(const domain::Tokens& tokens) { return static_cast<core::Position>(tokens.size()); }

TEST_P(LlamaState, ASequenceGoesOnElsewhereAsItWas) {
  auto model = this->model();
  EXPECT_EQ(model->can_share_prefixes(), GetParam().cuttable);
  const auto prompt = tokens_of(*model, kText);
  const auto first = greedy(*model, prompt, 0, 1);
  std::string state;
  ASSERT_TRUE(model->save(0, StatePart::kWhole, state));
  EXPECT_EQ(state.size(), model->state_bytes(0, StatePart::kWhole));
  const auto expected = greedy(*model, first, 0, 24, size_of(prompt));
  ASSERT_TRUE(model->remove(0, 0, -1));
  for (const core::SequenceId sequence : {1, 0}) {
    ASSERT_TRUE(model->restore(sequence, StatePart::kWhole, state, size_of(prompt)));
    EXPECT_EQ(greedy(*model, first, sequence, 24, size_of(prompt)), expected);
  }
}

TEST_P(LlamaState, AnotherProcessCanGoOnWithIt) {
  std::string state;
  domain::Tokens expected;
  std::string key;
  {
    auto one = model();
    const auto prompt = tokens_of(*one, kText);
    const auto first = greedy(*one, prompt, 0, 1);
    ASSERT_TRUE(one->save(0, StatePart::kWhole, state));
    expected = greedy(*one, first, 0, 24, size_of(prompt));
    expected.insert(expected.begin(), first.front());
    key = one->state_key();
  }
  auto two = model();
  EXPECT_EQ(two->state_key(), key);
  const auto length = size_of(tokens_of(*two, kText));
  ASSERT_TRUE(two->restore(0, StatePart::kWhole, state, length));
  EXPECT_EQ(greedy(*two, {expected.front()}, 0, 24, length), domain::Tokens(expected.begin() + 1, expected.end()));
}

// Back to a point in the middle, after other tokens have come: as if these had never been.
TEST_P(LlamaState, ACheckpointIsComeBackTo) {
  auto model = this->model();
  const auto begin = tokens_of(*model, kText);
  const auto one = model->vocab().tokenize(" And then the girl saw a very large cat in the tree.", false, false);
  const auto two = model->vocab().tokenize(" But it began to rain", false, false);
  (void)greedy(*model, begin, 1, 1);
  const auto expected = greedy(*model, two, 1, 24, size_of(begin));
  ASSERT_TRUE(model->remove(1, 0, -1));

  (void)greedy(*model, begin, 0, 1);
  std::string state;
  if (!GetParam().cuttable) ASSERT_TRUE(model->save(0, StatePart::kUncuttable, state));
  const auto other = greedy(*model, one, 0, 40, size_of(begin));
  if (GetParam().cuttable)
    ASSERT_TRUE(model->remove(0, size_of(begin), -1));
  else
    ASSERT_TRUE(model->restore(0, StatePart::kUncuttable, state, size_of(begin)));
  EXPECT_EQ(greedy(*model, two, 0, 24, size_of(begin)), expected);
}

TEST_P(LlamaState, NonsenseIsRefused) {
  auto model = this->model();
  const auto prompt = tokens_of(*model, kText);
  (void)greedy(*model, prompt, 0, 1);
  std::string state;
  ASSERT_TRUE(model->save(0, StatePart::kWhole, state));
  for (const std::string& bad : {std::string(), std::string("nonsense"), state.substr(0, state.size() / 2)}) {
    EXPECT_FALSE(model->restore(1, StatePart::kWhole, bad, size_of(prompt))) << bad.size();
    EXPECT_TRUE(model->remove(1, 0, -1));
  }
  EXPECT_FALSE(model->restore(-1, StatePart::kWhole, state, size_of(prompt)));
  EXPECT_FALSE(model->restore(1000, StatePart::kWhole, state, size_of(prompt)));
  EXPECT_FALSE(model->save(1, StatePart::kWhole, state) && model->restore(1, StatePart::kWhole, state, 5));
  EXPECT_TRUE(model->remove(1, 0, -1));
  ASSERT_TRUE(model->save(0, StatePart::kWhole, state));
  EXPECT_TRUE(model->restore(1, StatePart::kWhole, state, size_of(prompt))) << "and nothing is broken by that";
}

TEST_P(LlamaState, TheKeyTellsContextsAndModelsApart) {
  const auto key = model()->state_key();
  EXPECT_NE(key, "");
  EXPECT_NE(load({.path = path_, .context_tokens = 768, .parallel = 2}, log_)->state_key(), key);
  const std::filesystem::path copy = path_ + ".copy.gguf";
  std::filesystem::path put = std::filesystem::temp_directory_path() / copy.filename();
  std::filesystem::copy_file(path_, put, std::filesystem::copy_options::overwrite_existing);
  EXPECT_NE(load({.path = put.string(), .context_tokens = 512, .parallel = 2}, log_)->state_key(), key)
      << "another file, with another time";
  std::filesystem::remove(put);
}

// What an engine answers with prefixes kept outside the KV cache is what it answers without.
class Conversations {
 public:
  Conversations(std::unique_ptr<core::TokenModel> model, base::Bytes memory, base::Log& log)
      : engine_(core::make_token_engine(
            std::move(model), {.parallel = 1, .step_tokens = 512, .prefix_cache = {.memory = memory, .tokens_min = 16}},
            clock_, log)) {}
  struct Answer {
    std::string text;
    std::int32_t cached = 0;
  };
  Answer ask(const std::string& prompt) {
    struct Reader final : Sink {
      bool offer(std::vector<domain::Event>& events) override {
        for (const auto& event : events) {
          if (const auto* delta = std::get_if<domain::Delta>(&event)) answer.text += delta->text;
          if (const auto* end = std::get_if<domain::Finished>(&event)) answer.cached = end->usage.cached;
        }
        events.clear();
        return true;
      }
      Answer answer;
    };
    domain::CompletionRequest request;
    request.prompts.emplace_back(prompt);
    request.generation.max_tokens = 20;
    request.generation.sampling.temperature = 0;
    request.generation.sampling.ignore_eos = true;
    const auto reader = std::make_shared<Reader>();
    EXPECT_TRUE(engine_->submit(std::move(request), reader));
    while (engine_->step()) engine_->wait({});
    return reader->answer;
  }
  [[nodiscard]] Stats stats() const { return engine_->stats(); }
  [[nodiscard]] std::int32_t tokens(const std::string& text) const {
    const auto all = engine_->tokenize({.text = text, .add_special = true, .parse_special = true});
    return static_cast<std::int32_t>(all->tokens.size());
  }

 private:
  base::SystemClock clock_;
  std::unique_ptr<Engine> engine_;
};

TEST_P(LlamaState, GreedyAnswersAreTheSameWithAndWithoutTheCache) {
  using base::operator""_MiB;
  Conversations cached(load({.path = path_, .context_tokens = 1024, .parallel = 1}, log_), 256_MiB, log_);
  const std::vector<std::string> ends{" One day", " The dog", " Then they", " One day the", " Nobody", " One day"};
  const std::string others = "A different story altogether, about a bear who lived in the woods and liked honey. ";
  const auto prompt = [&](std::size_t i) { return kText + ends[i]; };
  for (std::size_t i = 0; i < ends.size(); ++i) {
    // Every prompt begins from nothing on a new engine, where all of it is evaluated.
    Conversations plain(load({.path = path_, .context_tokens = 1024, .parallel = 1}, log_), {}, log_);
    const auto expected = plain.ask(prompt(i));
    const auto got = cached.ask(prompt(i));
    EXPECT_EQ(got.text, expected.text) << i;
    EXPECT_EQ(expected.cached, 0);
    if (i > 0) EXPECT_GE(got.cached, cached.tokens(prompt(i)) - 40) << i;
    for (int k = 0; k < 3; ++k) (void)cached.ask(others + std::to_string(i) + " " + std::to_string(k) + others + kText);
  }
  EXPECT_GT(cached.stats().prefix_restores, 4U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, LlamaState,
                         ::testing::Values(Kind{"Stories", file(kStories), true},
                                           Kind{"Ember", file(HEARTH_SOURCE_DIR "/models/ember/ember-q8_0.gguf"), true},
                                           Kind{"Mamba", made(mamba)}, Kind{"Jamba", made(jamba)},
                                           Kind{"Gemma3", made(gemma3)}),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace hearth::engine::llama
