// What a stream says: order, text, stop strings, counts, logprobs, seeds.
#include <cmath>
#include <set>

#include "engine/testing/contract.hpp"

namespace hearth::engine::testing {

void detail::link_streams() {}

namespace {

std::int32_t tokens_in(const TestSink& sink) {
  std::int32_t out = 0;
  for (const auto& event : sink.events()) {
    if (const auto* delta = std::get_if<domain::Delta>(&event)) out += delta->tokens;
  }
  return out;
}

domain::CompletionRequest hot(std::string prompt, std::int32_t max_tokens, std::uint64_t seed) {
  auto out = completion(std::move(prompt), max_tokens);
  out.generation.sampling.temperature = 1.5;
  out.generation.sampling.seed = seed;
  return out;
}

domain::CompletionRequest to_the_end(std::string prompt) {
  auto out = completion(std::move(prompt), 200);
  out.generation.sampling.ignore_eos = false;
  return out;
}

// Programs that use only the test model link this too.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EngineContract);

TEST_P(EngineContract, CompletionHasItsEventsInOrder) {
  const auto client = submit(completion("Once upon a time", 12));
  run();
  const auto out = answer_of(client);
  EXPECT_EQ(out.started.model, engine_->info().name);
  EXPECT_EQ(out.started.device, engine_->info().capabilities.device);
  EXPECT_EQ(out.started.prompt_tokens, out.usage.prompt);
  EXPECT_GT(out.usage.prompt, 0);
  EXPECT_EQ(out.usage.completion, 12);
  EXPECT_EQ(out.usage.source, domain::Usage::Source::kCounted);
  EXPECT_EQ(tokens_in(*client.sink), 12);
  ASSERT_EQ(out.choices.size(), 1U);
  EXPECT_EQ(out.choices[0].blocks.size(), 1U);
  EXPECT_EQ(out.choices[0].reason, domain::FinishReason::kLength);
  EXPECT_GE(out.timings.first_token, out.timings.queued + out.timings.prompt);
}

TEST_P(EngineContract, ChatHasItsEventsInOrder) {
  if (!can(domain::Task::kChat)) GTEST_SKIP() << "no chat";
  domain::ChatRequest chat;
  chat.messages.push_back({.role = domain::Role::kSystem, .parts = {domain::TextPart{"Be brief."}}});
  chat.messages.push_back({.role = domain::Role::kUser, .parts = {domain::TextPart{"Hello"}}});
  chat.generation = completion("", 8).generation;
  const auto out = answer(chat);
  EXPECT_EQ(out.usage.completion, 8);
  const auto rendered = engine_->render({.chat = chat});
  ASSERT_TRUE(rendered) << rendered.error().message;
  EXPECT_EQ(rendered->tokens, out.usage.prompt);
}

TEST_P(EngineContract, ChoicesCountThePromptOnce) {
  const std::string prompt = "The best thing about the sea is";
  const auto one = answer(completion(prompt, 4));
  auto request = hot(prompt, 6, 7);
  request.generation.n = 3;
  const auto out = answer(request);
  ASSERT_EQ(out.choices.size(), 3U);
  EXPECT_EQ(out.usage.prompt, one.usage.prompt);
  EXPECT_EQ(out.usage.completion, 18);
  EXPECT_NE(out.choices[0].text(), out.choices[1].text());
}

TEST_P(EngineContract, PromptsTimesChoices) {
  auto request = completion("First", 3);
  request.prompts.emplace_back("The second prompt");
  request.generation.n = 2;
  const auto out = answer(request);
  ASSERT_EQ(out.choices.size(), 4U);
  if (exact()) {
    EXPECT_EQ(out.choices[0].text(), out.choices[1].text()) << "greedy choices of one prompt are equal";
    EXPECT_EQ(out.choices[2].text(), answer(completion("The second prompt", 3)).choices[0].text());
  }
  EXPECT_EQ(out.usage.completion, 12);
}

TEST_P(EngineContract, TokenIdsAreTheSamePrompt) {
  const auto text = answer(completion("Once upon a time", 6));
  const auto tokens = engine_->tokenize({.text = "Once upon a time", .add_special = true, .parse_special = true});
  ASSERT_TRUE(tokens);
  EXPECT_EQ(static_cast<std::int32_t>(tokens->tokens.size()), text.usage.prompt);
  auto request = completion("", 6);
  request.prompts[0] = tokens->tokens;
  EXPECT_EQ(answer(request).choices[0].text(), text.choices[0].text());
}

TEST_P(EngineContract, MaxTokensZeroEvaluatesThePromptOnly) {
  const auto out = answer(completion("Once upon a time", 0));
  EXPECT_EQ(out.choices.at(0).text(), "");
  EXPECT_EQ(out.choices.at(0).blocks.size(), 1U);
  EXPECT_EQ(out.choices.at(0).reason, domain::FinishReason::kLength);
  EXPECT_EQ(out.usage.completion, 0);
  EXPECT_GT(out.usage.prompt, 0);
}

TEST_P(EngineContract, MaxTokensOne) {
  const auto out = answer(completion("Once upon a time", 1));
  EXPECT_EQ(out.usage.completion, 1);
  EXPECT_EQ(out.choices.at(0).reason, domain::FinishReason::kLength);
}

TEST_P(EngineContract, EchoComesFirst) {
  auto request = completion("Once upon a time", 3);
  const auto plain = answer(request).choices.at(0).text();
  request.echo = true;
  EXPECT_EQ(answer(request).choices.at(0).text(), "Once upon a time" + plain);
}

TEST_P(EngineContract, StopStringAcrossTokens) {
  if (!scripted()) GTEST_SKIP() << "cannot be told what to say";
  auto request = to_the_end(GetParam().prompt_for("one two STOP three"));
  request.generation.stop = {"", "never", " STOP"};
  const auto client = submit(request);
  run();
  const auto out = answer_of(client);
  EXPECT_EQ(out.choices.at(0).text(), "one two");
  EXPECT_EQ(out.choices.at(0).reason, domain::FinishReason::kStop);
  EXPECT_EQ(out.choices.at(0).stop_sequence, " STOP");
  EXPECT_EQ(tokens_in(*client.sink), out.usage.completion);
}

TEST_P(EngineContract, WhatLookedLikeAStopStringIsDelivered) {
  if (!scripted()) GTEST_SKIP() << "cannot be told what to say";
  auto request = to_the_end(GetParam().prompt_for("almost STO"));
  request.generation.stop = {"STOP"};
  const auto out = answer(request);
  EXPECT_EQ(out.choices.at(0).text(), "almost STO");
  EXPECT_EQ(out.choices.at(0).reason, domain::FinishReason::kStop);
  EXPECT_EQ(out.choices.at(0).stop_sequence, "");
}

TEST_P(EngineContract, CharactersAreNeverSplit) {
  if (!scripted()) GTEST_SKIP() << "cannot be told what to say";
  const std::string text = "ä€😀, 中文 и ещё";
  EXPECT_EQ(answer(to_the_end(GetParam().prompt_for(text))).choices.at(0).text(),
            text);  // order_violation checks each delta
}

TEST_P(EngineContract, EndTokenEndsUnlessIgnored) {
  if (!scripted()) GTEST_SKIP() << "cannot be told what to say";
  auto request = to_the_end(GetParam().prompt_for("short"));
  const auto ended = answer(request);
  EXPECT_EQ(ended.choices.at(0).reason, domain::FinishReason::kStop);
  EXPECT_EQ(ended.choices.at(0).text(), "short");
  request.generation.sampling.ignore_eos = true;
  request.generation.max_tokens = ended.usage.completion + 5;
  const auto longer = answer(request);
  EXPECT_EQ(longer.choices.at(0).reason, domain::FinishReason::kLength);
  EXPECT_EQ(longer.usage.completion, ended.usage.completion + 5);
}

TEST_P(EngineContract, SeedsAreReproducible) {
  const auto first = answer(hot("Once upon a time", 24, 42)).choices.at(0).text();
  EXPECT_EQ(answer(hot("Once upon a time", 24, 42)).choices.at(0).text(), first);
  EXPECT_NE(answer(hot("Once upon a time", 24, 43)).choices.at(0).text(), first);
  auto no_seed = hot("Once upon a time", 24, 0);
  no_seed.generation.sampling.seed.reset();
  EXPECT_NE(answer(no_seed).choices.at(0).text(), answer(no_seed).choices.at(0).text());
}

TEST_P(EngineContract, SecondChoiceIsTheNextSeed) {
  if (!exact()) GTEST_SKIP() << "the second choice is computed after the first";
  auto request = hot("Once upon a time", 12, 100);
  request.generation.n = 2;
  const auto both = answer(request);
  EXPECT_EQ(both.choices.at(1).text(), answer(hot("Once upon a time", 12, 101)).choices.at(0).text());
}

TEST_P(EngineContract, LogprobsAreOfTheModel) {
  auto request = hot("Once upon a time", 10, 5);
  request.generation.logprobs = true;
  request.generation.top_logprobs = 5;
  const auto out = answer(request);
  ASSERT_EQ(out.choices.at(0).logprobs.size(), 10U);
  std::string bytes;
  for (const auto& token : out.choices[0].logprobs) {
    bytes += token.text;
    EXPECT_LE(token.logprob, 1e-4);
    ASSERT_EQ(token.top.size(), 5U);
    double mass = 0;
    std::set<domain::Token> ids;
    for (std::size_t i = 0; i < token.top.size(); ++i) {
      mass += std::exp(token.top[i].logprob);
      ids.insert(token.top[i].id);
      if (i > 0) EXPECT_LE(token.top[i].logprob, token.top[i - 1].logprob);
      if (token.top[i].id == token.id) EXPECT_DOUBLE_EQ(token.top[i].logprob, token.logprob);
    }
    EXPECT_EQ(ids.size(), 5U);
    EXPECT_LE(mass, 1.001);
    if (!ids.contains(token.id)) EXPECT_LE(token.logprob, token.top.back().logprob);
  }
  request.generation.sampling.temperature = 0;
  const auto greedy = answer(request);
  for (const auto& token : greedy.choices.at(0).logprobs) EXPECT_EQ(token.id, token.top.at(0).id);
  request.generation.top_logprobs = 0;
  EXPECT_TRUE(answer(request).choices.at(0).logprobs.at(0).top.empty());
}

TEST_P(EngineContract, LogitBiasForcesAndBans) {
  const auto tokens = engine_->tokenize({.text = "a", .add_special = false, .parse_special = false});
  ASSERT_TRUE(tokens);
  ASSERT_FALSE(tokens->tokens.empty());
  const domain::Token forced = tokens->tokens.back();
  auto request = completion("Once upon a time", 5);
  request.generation.logprobs = true;
  request.generation.sampling.logit_bias = {{forced, 100.0}};
  for (const auto& token : answer(request).choices.at(0).logprobs) EXPECT_EQ(token.id, forced);
  request.generation.sampling.logit_bias = {{forced, -100.0}};
  for (const auto& token : answer(request).choices.at(0).logprobs) EXPECT_NE(token.id, forced);
}

TEST_P(EngineContract, EmbeddingsAreUnitVectorsInOrder) {
  if (!can(domain::Task::kEmbed)) GTEST_SKIP() << "no embeddings";
  domain::EmbedRequest request;
  for (const char* text : {"apples and pears", "the sea", "apples and pears", "a third text that is a little longer"}) {
    request.inputs.emplace_back(text);
  }
  const auto out = answer(request);
  ASSERT_EQ(out.embeddings.size(), 4U);
  const auto length = [](const std::vector<float>& v) {
    double sum = 0;
    for (const float x : v) sum += static_cast<double>(x) * static_cast<double>(x);
    return std::sqrt(sum);
  };
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(out.embeddings[i].index, static_cast<std::int32_t>(i));
    EXPECT_EQ(out.embeddings[i].values.size(),
              static_cast<std::size_t>(engine_->info().capabilities.embedding_dimensions));
    EXPECT_NEAR(length(out.embeddings[i].values), 1, 1e-4);
  }
  for (std::size_t d = 0; d < out.embeddings[0].values.size(); ++d) {
    EXPECT_NEAR(out.embeddings[0].values[d], out.embeddings[2].values[d], 1e-3) << "the same text at dimension " << d;
  }
  EXPECT_NE(out.embeddings[0].values, out.embeddings[1].values);
  EXPECT_GT(out.usage.prompt, 4);
  request.dimensions = 2;
  const auto cut = answer(request);
  EXPECT_EQ(cut.embeddings.at(1).values.size(), 2U);
  EXPECT_NEAR(length(cut.embeddings.at(1).values), 1, 1e-4);
}

TEST_P(EngineContract, TokensAndTextGoBothWays) {
  const std::string text = "Hello world, ä€😀!";
  const auto tokens = engine_->tokenize({.text = text, .add_special = false, .parse_special = false});
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->pieces.size(), tokens->tokens.size());
  const auto back = engine_->detokenize({.envelope = {}, .tokens = tokens->tokens});
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, text);
  EXPECT_FALSE(engine_->detokenize({.envelope = {}, .tokens = {engine_->info().capabilities.vocabulary + 1'000'000}}));
}

}  // namespace
}  // namespace hearth::engine::testing
