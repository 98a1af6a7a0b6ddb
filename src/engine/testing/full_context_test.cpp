// Answers that fill their context, and prompts whose own probabilities are asked for.
#include <algorithm>
#include <limits>

#include "engine/testing/harness.hpp"

namespace hearth::engine::testing {
namespace {

using Misuses = std::vector<std::string>;

domain::CompletionRequest endless(std::string_view prompt, std::int32_t tokens) {
  auto out = completion(std::string(prompt), tokens);
  out.generation.sampling.temperature = 0;
  out.generation.sampling.ignore_eos = true;
  out.generation.logprobs = true;
  return out;
}

domain::Tokens ids_of(const domain::Choice& choice) {
  domain::Tokens out;
  for (const auto& token : choice.logprobs) out.push_back(token.id);
  return out;
}

TEST(FullContext, EndsAnAnswerUnlessAsked) {
  for (const bool by_server : {false, true}) {
    Harness h({.context_tokens = 32}, {.parallel = 4, .step_tokens = 64, .context_shift = by_server});
    auto request = endless("abcdefghij", 60);
    if (by_server) request.generation.shift = false;
    const auto client = h.submit(request);
    h.run();
    EXPECT_EQ(client.answer().usage.completion, 21) << "32 less the prompt and its first token";
    EXPECT_EQ(client.answer().choices.at(0).reason, domain::FinishReason::kLength);
  }
}

// What comes after a shift is what a fresh request with the text that is left gives.
TEST(FullContext, ShiftedGoesOnAsIfTheRestHadNeverBeen) {
  for (const bool shares : {true, false}) {
    for (const std::int32_t keep : {0, 4, -1}) {
      Harness h({.context_tokens = 32, .shares_prefixes = shares}, {.parallel = 2, .step_tokens = 64});
      auto request = endless("abcdefghij", 60);
      request.generation.shift = true;
      request.generation.keep_tokens = keep;
      const auto client = h.submit(request);
      h.run();
      const auto answer = client.answer();
      ASSERT_EQ(answer.usage.completion, 60);
      EXPECT_GT(answer.usage.dropped, 0);
      auto all = h.engine->tokenize({.text = "abcdefghij", .add_special = true, .parse_special = true})->tokens;
      const auto said = ids_of(answer.choices.at(0));
      const auto prompt = static_cast<std::ptrdiff_t>(all.size());
      all.insert(all.end(), said.begin(), said.end());
      const std::ptrdiff_t kept = keep < 0 ? prompt : keep + 1;
      domain::Tokens left(all.begin(), all.begin() + kept);
      left.insert(left.end(), all.begin() + kept + (32 - kept) / 2, all.begin() + 32);
      auto fresh = endless("", 5);
      fresh.prompts[0] = left;
      Harness other({.context_tokens = 32});
      const auto again = other.submit(fresh);
      other.run();
      EXPECT_EQ(ids_of(again.answer().choices.at(0)), domain::Tokens(all.begin() + 32, all.begin() + 37)) << keep;
      EXPECT_EQ(h.control->misuses(), Misuses{});
    }
  }
}

// What was kept of the sequence before the shift is of other tokens.
TEST(FullContext, ShiftedIsNotTakenForWhatItWas) {
  for (const bool shares : {true, false}) {
    core::PrefixCacheOptions cache{.memory = base::Bytes{1 << 20}, .tokens_min = 4};
    Harness h({.context_tokens = 64, .shares_prefixes = shares},
              {.parallel = 1, .step_tokens = 64, .prefix_cache = cache});
    const std::string prompt(40, 'x');
    auto request = endless(prompt, 30);
    request.generation.shift = true;
    request.generation.keep_tokens = 0;
    const auto client = h.submit(request);
    h.run();
    auto all = h.engine->tokenize({.text = prompt, .add_special = true, .parse_special = true})->tokens;
    const auto said = ids_of(client.answer().choices.at(0));
    all.insert(all.end(), said.begin(), said.end());
    auto next = endless("", 5);
    next.prompts[0].emplace<domain::Tokens>(all.begin(), all.begin() + 1);
    auto& tokens = std::get<domain::Tokens>(next.prompts[0]);
    tokens.insert(tokens.end(), all.begin() + 1 + 31, all.begin() + 64 - 2);
    tokens.push_back(all[5]);
    const auto after = h.submit(next);
    h.run();
    Harness other({.context_tokens = 64});
    const auto fresh = other.submit(next);
    other.run();
    EXPECT_EQ(ids_of(after.answer().choices.at(0)), ids_of(fresh.answer().choices.at(0)));
    if (shares) EXPECT_GT(after.answer().usage.cached, 0);
    EXPECT_EQ(h.control->misuses(), Misuses{}) << "no checkpoint of what is gone";
  }
}

TEST(FullContext, ShiftedHasAnEndWithoutALimit) {
  Harness h({.context_tokens = 32}, {.parallel = 4, .step_tokens = 64, .context_shift = true});
  auto request = endless("abc", 1);
  request.generation.max_tokens.reset();
  const auto client = h.submit(request);
  h.run();
  EXPECT_EQ(client.answer().usage.completion, 320);
}

TEST(FullContext, ShiftsInTheSmallestOnesWhateverIsToBeKept) {
  for (std::int32_t context = 3; context <= 9; ++context) {
    for (const std::int32_t keep : {-1, 0, 3, std::numeric_limits<std::int32_t>::max()}) {
      Harness h({.context_tokens = context}, {.parallel = 2, .step_tokens = 64});
      auto request = endless("a", 20);
      request.generation.shift = true;
      request.generation.keep_tokens = keep;
      const auto client = h.submit(request);
      h.run();
      EXPECT_EQ(client.answer().usage.completion, 20) << context << " tokens, " << keep << " kept";
      EXPECT_EQ(h.control->misuses(), Misuses{}) << context << " tokens, " << keep << " kept";
    }
  }
}

TEST(PromptLogprobs, AreThoseOfGeneratingTheSame) {
  for (const std::int32_t step : {64, 7}) {
    Harness h({}, {.parallel = 2, .step_tokens = step});
    auto request = endless("the prompt, which is longer than what is scored in one step, and then some", 12);
    request.generation.top_logprobs = 2;
    const auto plain = h.submit(request);
    h.run();
    const auto said = plain.answer().choices.at(0);
    auto whole =
        h.engine
            ->tokenize({.text = std::get<std::string>(request.prompts[0]), .add_special = true, .parse_special = true})
            ->tokens;
    const std::size_t before = whole.size();
    for (const auto& token : said.logprobs) whole.push_back(token.id);
    request.prompts[0] = whole;
    request.echo = true;
    request.generation.max_tokens = 0;
    request.generation.n = 2;
    const auto echoed = h.submit(request);
    h.run();
    const auto answer = echoed.answer();
    for (const auto& choice : answer.choices) {
      ASSERT_EQ(choice.logprobs.size(), whole.size());
      EXPECT_TRUE(choice.logprobs[0].first);
      for (std::size_t i = 0; i < said.logprobs.size(); ++i) {
        const auto& token = choice.logprobs[before + i];
        EXPECT_EQ(token.id, said.logprobs[i].id) << i;
        EXPECT_NEAR(token.logprob, said.logprobs[i].logprob, 1e-5) << i;  // the end token was held back there
        EXPECT_EQ(token.top.size(), 2U);
      }
    }
    EXPECT_EQ(answer.usage.cached, 0) << "what is cached has no logits";
    EXPECT_EQ(h.control->misuses(), Misuses{});
  }
}

// However many prompts are scored beside however many answers.
TEST(PromptLogprobs, AStepAsksForFewRows) {
  for (const std::int32_t prompts : {1, 3, 8, 40}) {
    Harness h({.sequences = 96}, {.parallel = 48});
    std::ptrdiff_t most = 0;
    h.control->on_batch = [&most](std::uint64_t, std::span<const core::BatchToken> batch) {
      most = std::max(most, std::ranges::count_if(batch, &core::BatchToken::output));
      return core::DecodeStatus::kOk;
    };
    const auto beside = h.submit(endless("beside", 100));
    std::vector<Harness::Client> clients;
    for (std::int32_t i = 0; i < prompts; ++i) {
      auto request = endless("prompt " + std::to_string(i) + ", which is longer than what is scored in one step", 0);
      request.echo = true;
      clients.push_back(h.submit(request));
    }
    h.run();
    for (const auto& client : clients) EXPECT_GT(client.answer().choices.at(0).logprobs.size(), 40U);
    EXPECT_LE(most, std::max(32, prompts + 1)) << prompts;
    EXPECT_GT(most, 16) << prompts;
    EXPECT_EQ(h.control->misuses(), Misuses{});
  }
}

// A text without the beginning-of-text token that the tokeniser put before it: its tokens are the text.
TEST(PromptLogprobs, AreOfTheTextAlone) {
  Harness h;
  auto request = endless("hello world", 0);
  request.echo = true;
  const auto client = h.submit(request);
  h.run();
  const auto choice = client.answer().choices.at(0);
  std::string text;
  for (const auto& token : choice.logprobs) text += token.text;
  EXPECT_EQ(text, "hello world");
  EXPECT_EQ(choice.text(), text);
  EXPECT_FALSE(choice.logprobs.at(0).first);
}

}  // namespace
}  // namespace hearth::engine::testing
