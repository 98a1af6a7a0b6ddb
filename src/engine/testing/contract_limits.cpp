// What does not fit: context, queue, values, tasks.
#include <fmt/format.h>

#include "engine/testing/contract.hpp"

namespace hearth::engine::testing {

void detail::link_limits() {}

namespace {

std::string words(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += "word" + std::to_string(i % 7) + " ";
  return out;
}

TEST_P(EngineContract, TooLongPromptIsRefusedWithBothNumbers) {
  make({.parallel = 2, .step_tokens = 64, .context_tokens = 64});
  const auto tokens = engine_->tokenize({.text = words(100), .add_special = true, .parse_special = true});
  ASSERT_TRUE(tokens);
  const auto error = refusal(completion(words(100), 4));
  EXPECT_EQ(error.code, ErrorCode::kContextLength);
  EXPECT_EQ(error.param, "prompt");
  EXPECT_TRUE(error.message.starts_with(fmt::format("prompt has {} tokens, context is 64;", tokens->tokens.size())))
      << error.message;
}

// Without tokenising megabytes first.
TEST_P(EngineContract, FarTooLongPromptIsRefusedByItsLength) {
  const auto error = refusal(completion(std::string(8U << 20, 'a'), 4));
  EXPECT_EQ(error.code, ErrorCode::kContextLength);
  EXPECT_EQ(error.param, "prompt");
  EXPECT_TRUE(error.message.starts_with("prompt has at least ")) << error.message;
}

TEST_P(EngineContract, RequestMayAskForASmallerContext) {
  auto request = completion(words(20), 4);
  request.envelope.context_tokens = 16;
  EXPECT_EQ(refusal(request).code, ErrorCode::kContextLength);
  request.envelope.context_tokens = 1 << 20;  // a larger one than there is changes nothing
  EXPECT_EQ(answer(request).usage.completion, 4);
}

TEST_P(EngineContract, GenerationEndsWithTheContext) {
  make({.parallel = 2, .step_tokens = 64, .context_tokens = 48});
  auto request = completion("Once upon a time", 0);
  request.generation.max_tokens.reset();
  const auto out = answer(request);
  EXPECT_EQ(out.choices.at(0).reason, domain::FinishReason::kLength);
  EXPECT_EQ(out.usage.prompt + out.usage.completion, 48);
}

TEST_P(EngineContract, PromptAsLongAsTheContext) {
  make({.parallel = 2, .step_tokens = 64, .context_tokens = 48});
  const auto tokens = engine_->tokenize({.text = words(100), .add_special = true, .parse_special = true});
  ASSERT_TRUE(tokens);
  ASSERT_GE(tokens->tokens.size(), 48U);
  auto request = completion("", 1);
  const auto with = [&](std::ptrdiff_t count) {
    request.prompts[0] = domain::Tokens(tokens->tokens.begin(), tokens->tokens.begin() + count);
    return request;
  };
  EXPECT_EQ(refusal(with(48)).code, ErrorCode::kContextLength) << "no cell is left for a token";
  EXPECT_EQ(answer(with(47)).usage.completion, 1);
  request.generation.max_tokens = 0;
  EXPECT_EQ(answer(with(48)).usage.prompt, 48);
}

TEST_P(EngineContract, CompletionIsTruncatedWhenAsked) {
  make({.parallel = 2, .step_tokens = 64, .context_tokens = 64});
  const auto tokens = engine_->tokenize({.text = words(100), .add_special = true, .parse_special = true});
  ASSERT_TRUE(tokens);
  auto request = completion(words(100), 4);
  request.generation.truncate = true;
  const auto out = answer(request);
  EXPECT_EQ(out.usage.completion, 4);
  EXPECT_GT(out.usage.dropped, 0);
  EXPECT_EQ(out.usage.prompt + out.usage.dropped, static_cast<std::int32_t>(tokens->tokens.size()));
  EXPECT_LE(out.usage.prompt + 4, 64);
}

TEST_P(EngineContract, ChatLosesItsOldestMessagesWhenAsked) {
  if (!can(domain::Task::kChat)) GTEST_SKIP() << "no chat";
  make({.parallel = 2, .step_tokens = 64, .context_tokens = 192});
  domain::ChatRequest chat;
  const auto say = [&](domain::Role role, std::string text) {
    chat.messages.push_back({.role = role, .parts = {domain::TextPart{std::move(text)}}});
  };
  say(domain::Role::kSystem, "Be kind.");
  for (int i = 0; i < 30; ++i)
    say(i % 2 == 0 ? domain::Role::kUser : domain::Role::kAssistant, "some words of turn " + std::to_string(i));
  say(domain::Role::kUser, "the last");
  chat.generation = completion("", 3).generation;
  const auto error = refusal(chat);
  EXPECT_EQ(error.code, ErrorCode::kContextLength);
  EXPECT_EQ(error.param, "messages");
  chat.generation.truncate = true;
  const auto out = answer(chat);
  EXPECT_GT(out.usage.dropped, 0);
  EXPECT_EQ(out.usage.completion, 3);
}

TEST_P(EngineContract, FullQueueIsOverloaded) {
  make({.parallel = 1, .queue = 2, .step_tokens = 64});
  const auto first = submit(completion("Once upon a time", 5));
  engine_->step();
  const std::vector clients{submit(completion("Two", 5)), submit(completion("Three", 5))};
  const auto error = refusal(completion("Four", 5));
  EXPECT_EQ(error.code, ErrorCode::kOverloaded);
  ASSERT_TRUE(error.retry_after);
  EXPECT_GE(error.retry_after->count(), 1);
  engine_->cancel(clients[0].ticket);
  engine_->step();
  const auto fourth = submit(completion("Four", 5));
  run();
  for (const auto* client : {&first, &clients[1], &fourth}) EXPECT_EQ(answer_of(*client).usage.completion, 5);
}

TEST_P(EngineContract, BadValuesAreNamed) {
  const auto vocabulary = engine_->info().capabilities.vocabulary;
  struct Case {
    const char* param;
    std::function<void(domain::CompletionRequest&)> change;
  };
  const std::vector<Case> cases{
      {"n", [](auto& r) { r.generation.n = 0; }},
      {"n", [](auto& r) { r.generation.n = 100'000; }},
      {"max_tokens", [](auto& r) { r.generation.max_tokens = -1; }},
      {"top_logprobs", [](auto& r) { r.generation.top_logprobs = 21; }},
      {"prompt", [](auto& r) { r.prompts.clear(); }},
      {"prompt", [](auto& r) { r.prompts[0] = domain::Tokens{}; }},
      {"prompt", [&](auto& r) { r.prompts[0] = domain::Tokens{1, vocabulary}; }},
      {"prompt[1]", [](auto& r) { r.prompts.emplace_back(domain::Tokens{-1}); }},
      {"samplers",
       [](auto& r) { r.generation.sampling.samplers = domain::SamplerChain(33, domain::SamplerStage::kTopK); }},
      {"dry_sequence_breakers",
       [](auto& r) { r.generation.sampling.dry.sequence_breakers = std::vector<std::string>(65, "x"); }},
      {"logit_bias", [&](auto& r) { r.generation.sampling.logit_bias = {{vocabulary, 1.0}}; }},
  };
  for (const auto& c : cases) {
    auto request = completion("Once", 1);
    c.change(request);
    const auto error = refusal(request);
    EXPECT_EQ(error.code, ErrorCode::kInvalidRequest) << c.param;
    EXPECT_EQ(error.param, c.param) << error.message;
  }
}

// What a prompt's own probabilities take grows with the choices, the alternatives and the prompts.
TEST_P(EngineContract, EchoedProbabilitiesHaveABound) {
  auto request = completion("Once", 0);
  request.prompts.assign(30, domain::Tokens(64, 1));
  request.echo = true;
  request.generation.n = 128;
  request.generation.top_logprobs = 20;
  request.generation.logprobs = true;
  const auto error = refusal(request);
  EXPECT_EQ(error.code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(error.param, "logprobs");
}

TEST_P(EngineContract, WhatTheModelCannotDoIsUnsupported) {
  EXPECT_EQ(refusal(domain::RerankRequest{.query = "q", .documents = {"d"}}).code, ErrorCode::kUnsupported);
  EXPECT_EQ(refusal(domain::ClassifyRequest{.inputs = {{.text = "x", .pair = {}}}}).code, ErrorCode::kUnsupported);
  if (!can(domain::Task::kEmbed)) {
    EXPECT_EQ(refusal(domain::EmbedRequest{.inputs = {std::string("x")}}).code, ErrorCode::kUnsupported);
  }
  if (can(domain::Task::kChat) && !can(domain::Task::kTools)) {
    domain::ChatRequest chat;
    chat.messages.push_back({.role = domain::Role::kUser, .parts = {domain::TextPart{"Hello"}}});
    chat.tools.push_back({.name = "f"});
    EXPECT_EQ(refusal(chat).code, ErrorCode::kUnsupported);
  }
}

TEST_P(EngineContract, TooLongEmbeddingInput) {
  if (!can(domain::Task::kEmbed)) GTEST_SKIP() << "no embeddings";
  make({.parallel = 2, .step_tokens = 64, .context_tokens = 32});
  domain::EmbedRequest request{.inputs = {std::string("short"), words(100)}};
  EXPECT_EQ(refusal(request).code, ErrorCode::kContextLength);
  request.truncate = true;
  const auto out = answer(request);
  EXPECT_EQ(out.embeddings.size(), 2U);
  EXPECT_GT(out.usage.dropped, 0);
}

}  // namespace
}  // namespace hearth::engine::testing
