// What the contract leaves open: reuse, truncation, timings, embeddings beside generation.
#include <algorithm>
#include <thread>

#include "engine/testing/harness.hpp"

namespace hearth::engine::testing {
namespace {

using domain::Role;
using Misuses = std::vector<std::string>;

TEST(TokenEngine, NextTurnOfAChatEvaluatesOnlyWhatIsNew) {
  Harness h;
  const auto first = h.submit(chat_of({{Role::kUser, "Tell me about the sea"}}, 10));
  h.run();
  const auto answer = first.answer();
  const auto second = h.submit(
      chat_of({{Role::kUser, "Tell me about the sea"}, {Role::kAssistant, "It is wet"}, {Role::kUser, "More"}}, 10));
  h.run();
  EXPECT_GE(second.answer().usage.cached, answer.usage.prompt);
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(TokenEngine, CachedSequenceIsTakenOverWithoutCopy) {
  Harness h({.sequences = 1}, {.parallel = 1, .step_tokens = 64});
  const auto prompt = std::string("the first prompt, long enough to matter");
  const auto one = h.text_alone(completion(prompt, 5));
  EXPECT_EQ(h.text_alone(completion(prompt, 5)), one);
  const auto longer = h.submit(completion(prompt + " and more", 5));
  h.run();
  EXPECT_GT(longer.answer().usage.cached, 30);
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(TokenEngine, AConversationThatGoesOnTakesNoOthersPlace) {
  Harness h({.sequences = 2},
            {.parallel = 1, .step_tokens = 64, .prefix_cache = {.memory = {1U << 20U}, .folder = {}, .disk = {}}});
  const auto of = [](const char* who) {
    return std::string("the first prompt of ") + who + ", long enough to be kept";
  };
  (void)h.text_alone(completion(of("one"), 5));
  (void)h.text_alone(completion(of("another"), 5));
  const auto longer = h.submit(completion(of("another") + " and more", 5));
  h.run();
  EXPECT_GT(longer.answer().usage.cached, 40);
  EXPECT_EQ(h.engine->stats().prefix_saves, 0U);
  const auto other = h.submit(completion(of("one"), 5));
  h.run();
  EXPECT_GT(other.answer().usage.cached, 40);
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(TokenEngine, ThreadsDrawWhatOneWouldDraw) {
  std::vector<std::string> texts;
  for (const std::int32_t threads : {1, 4}) {
    Harness h({}, {.parallel = 8, .step_tokens = 64, .threads = threads, .logits_per_thread = 1});
    auto request = completion("several answers to one prompt", 12);
    request.generation.n = 8;
    request.generation.sampling.temperature = 1.5F;
    request.generation.sampling.seed = 7;
    const auto client = h.submit(request);
    h.run();
    for (const auto& choice : client.answer().choices) texts.push_back(choice.text());
  }
  ASSERT_EQ(texts.size(), 16U);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(texts[i], texts[i + 8]);
  EXPECT_NE(texts[0], texts[1]);
}

TEST(TokenEngine, RecurrentModelContinuesWhatItHolds) {
  Harness h({.shares_prefixes = false});
  const auto tokens =
      h.engine->tokenize({.text = "a story about rain", .add_special = true, .parse_special = true})->tokens;
  auto first = completion("", 1);
  first.prompts[0] = tokens;
  (void)h.text_alone(first);
  auto longer = tokens;
  longer.insert(longer.end(), {'x', 'y'});
  auto second = completion("", 4);
  second.prompts[0] = longer;
  const auto client = h.submit(second);
  h.run();
  EXPECT_EQ(client.answer().usage.cached, static_cast<std::int32_t>(tokens.size()));
  Harness fresh({.shares_prefixes = false});
  EXPECT_EQ(fresh.text_alone(second), client.answer().choices[0].text());
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(TokenEngine, ChoicesShareTheirPrompt) {
  Harness h;
  auto request = completion("a prompt of some length that is shared by all", 4);
  request.generation.n = 4;
  const auto client = h.submit(request);
  h.run();
  const auto out = client.answer();
  EXPECT_EQ(out.usage.cached, 0) << "of the client's prompt nothing was cached";
  EXPECT_EQ(h.engine->stats().prompt_tokens, static_cast<std::uint64_t>(out.usage.prompt + 3));
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(TokenEngine, DryKeepsFromRepeating) {
  Harness h;
  auto request = completion(TestModel::prompt_for("abcdabcdabcd"), 12);
  auto& sampling = request.generation.sampling;
  sampling.temperature = 0;
  EXPECT_EQ(h.text_alone(request), "abcdabcdabcd");
  sampling.dry.multiplier = 100;
  EXPECT_NE(h.text_alone(request), "abcdabcdabcd");
  sampling.dry.sequence_breakers = {"a", "b", "c", "d"};
  EXPECT_EQ(h.text_alone(request), "abcdabcdabcd") << "breakers are never held back";
}

TEST(TokenEngine, MoreChoicesThanSlots) {
  Harness h({}, {.parallel = 2, .step_tokens = 64});
  auto request = completion("a prompt", 4);
  request.generation.n = 7;
  request.prompts.emplace_back("another");
  const auto client = h.submit(request);
  h.run();
  EXPECT_EQ(client.answer().choices.size(), 14U);
  EXPECT_EQ(client.answer().usage.completion, 56);
}

// What is urgent goes first, but nothing waits for ever: a priority is a lead of some seconds.
TEST(TokenEngine, LowPriorityArrivesHoweverMuchIsUrgent) {
  Harness h({}, {.parallel = 1, .step_tokens = 64});
  auto low = completion("the patient one", 4);
  low.envelope.priority = domain::Priority::kLow;
  const auto patient = h.submit(low);
  std::vector<Harness::Client> urgent;
  int waited = 0;
  for (; patient.sink->ends() == 0; ++waited) {
    ASSERT_LT(waited, 100);
    auto high = completion("urgent", 1);
    high.envelope.priority = domain::Priority::kHigh;
    urgent.push_back(h.submit(high));
    h.clock.advance(std::chrono::seconds(1));
    h.engine->step();
  }
  EXPECT_GT(waited, 30) << "urgent ones went first";
  EXPECT_LT(waited, 50) << "for twice the lead";
}

// A prompt that is taken in by chunks beside streams.
TEST(TokenEngine, LongPromptsAreCutToTheStepTime) {
  Harness h({.batch_tokens = 512}, {.parallel = 4,
                                    .step_tokens = 512,
                                    .step_time = std::chrono::milliseconds(100),
                                    .step_limit = std::chrono::milliseconds(134)});
  std::vector<std::int64_t> gaps;
  h.control->on_batch = [&](std::uint64_t, std::span<const core::BatchToken> batch) {
    h.clock.advance(std::chrono::milliseconds(batch.size()));
    gaps.push_back(static_cast<std::int64_t>(batch.size()));
    return core::DecodeStatus::kOk;
  };
  const auto stream = h.submit(completion("a stream", 60));
  for (int i = 0; i < 5; ++i) h.engine->step();
  gaps.clear();
  const auto whole = h.submit(completion(std::string(450, 'x'), 1));
  while (whole.sink->ends() == 0) h.engine->step();
  EXPECT_LE(*std::ranges::max_element(gaps), 134);
  EXPECT_GE(gaps.size(), 5U);
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(TokenEngine, StopStringOfTheTemplateIsNotTheClients) {
  Harness h({.template_stops = {"<|end|>"}});
  auto chat = chat_of({{Role::kUser, TestModel::prompt_for("done<|end|>more")}}, 50);
  chat.generation.stop = {"never"};
  const auto client = h.submit(chat);
  h.run();
  const auto out = client.answer();
  EXPECT_EQ(out.choices[0].text(), "done");
  EXPECT_EQ(out.choices[0].reason, domain::FinishReason::kStop);
  EXPECT_EQ(out.choices[0].stop_sequence, "");
}

TEST(TokenEngine, TruncationKeepsSystemMessagesTheLastOneAndWhatTheTemplateWants) {
  Harness h({.strict_template = true}, {.parallel = 4, .step_tokens = 64, .context_tokens = 100});
  auto chat = chat_of({{Role::kSystem, "SYS"}}, 4);
  for (int i = 0; i < 10; ++i) {
    chat.messages.push_back({.role = i % 2 == 0 ? Role::kUser : Role::kAssistant,
                             .parts = {domain::TextPart{"turn number " + std::to_string(i)}}});
  }
  chat.messages.push_back({.role = Role::kUser, .parts = {domain::TextPart{"LAST"}}});
  chat.generation.truncate = true;
  std::string prompt;
  h.control->on_batch = [&](std::uint64_t, std::span<const core::BatchToken> batch) {
    for (const auto& token : batch) prompt += token.token < 256 ? std::string(1, static_cast<char>(token.token)) : "";
    return core::DecodeStatus::kOk;
  };
  const auto client = h.submit(chat);
  ASSERT_EQ(client.refused.message, "");
  h.run();
  EXPECT_TRUE(prompt.starts_with("system: SYS\nuser: turn number 8\n")) << prompt;
  EXPECT_NE(prompt.find("user: LAST\nassistant:"), std::string::npos) << prompt;
  EXPECT_GT(client.answer().usage.dropped, 0);
  chat.messages = {chat.messages[0], {.role = Role::kUser, .parts = {domain::TextPart{std::string(200, 'x')}}}};
  EXPECT_EQ(h.submit(chat).refused.code, ErrorCode::kContextLength) << "nothing may be dropped";
}

TEST(TokenEngine, BeginningOfTextIsNeverDoubled) {
  Harness h;
  const auto plain = h.submit(completion("words", 1));
  const auto written = h.submit(completion("<s>words", 1));
  h.run();
  EXPECT_EQ(plain.answer().usage.prompt, 6);
  EXPECT_EQ(written.answer().usage.prompt, 6);
}

TEST(TokenEngine, Timings) {
  using std::chrono::milliseconds;
  Harness h({}, {.parallel = 1, .step_tokens = 16});
  h.control->on_batch = [&](std::uint64_t, std::span<const core::BatchToken>) {
    h.clock.advance(milliseconds(10));
    return core::DecodeStatus::kOk;
  };
  const auto client = h.submit(completion(std::string(31, 'x'), 4));  // 32 tokens: two steps
  h.clock.advance(milliseconds(7));
  h.run();
  const auto t = client.answer().timings;
  EXPECT_EQ(t.queued, milliseconds(7));
  EXPECT_EQ(t.prompt, milliseconds(20));
  EXPECT_EQ(t.first_token, milliseconds(27));
  EXPECT_EQ(t.decode, milliseconds(30));
  EXPECT_EQ(h.engine->stats().step_nanoseconds, 50'000'000U);
}

TEST(TokenEngine, EmbeddingsAndGenerationTakeTurns) {
  Harness h({.sequences = 3}, {.parallel = 2, .step_tokens = 32});
  std::string turns;
  h.control->on_batch = [&](std::uint64_t, std::span<const core::BatchToken> batch) {
    const bool embeds = std::ranges::all_of(batch, &core::BatchToken::output) && batch.size() > 1;
    turns += embeds ? 'e' : 'g';
    return core::DecodeStatus::kOk;
  };
  const auto story = h.submit(completion("once", 12));
  h.engine->step();
  domain::EmbedRequest inputs;
  for (int i = 0; i < 12; ++i) inputs.inputs.emplace_back("an input to embed " + std::to_string(i));
  const auto vectors = h.submit(inputs);
  h.run();
  EXPECT_EQ(story.answer().usage.completion, 12);
  ASSERT_EQ(vectors.answer().embeddings.size(), 12U);
  for (std::int32_t i = 0; i < 12; ++i) EXPECT_EQ(vectors.answer().embeddings[static_cast<std::size_t>(i)].index, i);
  EXPECT_NE(turns.find("egegeg"), std::string::npos) << turns;
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(TokenEngine, EmbeddingsOfSeveralRequestsShareABatch) {
  Harness h({.kv_cells = 0, .tasks = {domain::Task::kEmbed}}, {.parallel = 8, .step_tokens = 64});
  std::vector<Harness::Client> clients;
  for (int i = 0; i < 6; ++i)
    clients.push_back(h.submit(domain::EmbedRequest{.inputs = {"text " + std::to_string(i)}}));
  h.run();
  for (const auto& client : clients) EXPECT_EQ(client.answer().embeddings.size(), 1U);
  EXPECT_EQ(h.control->batches, 1U);
  EXPECT_EQ(h.submit(completion("x", 1)).refused.code, ErrorCode::kUnsupported);
}

// Whichever way they are pooled, and neither ever stands still.
TEST(TokenEngine, ShortEmbeddingsDoNotWaitForLongOnes) {
  for (const auto pooling : {domain::Pooling::kMean, domain::Pooling::kNone}) {
    Harness h({.kv_cells = 0, .tasks = {domain::Task::kEmbed}}, {.parallel = 4, .step_tokens = 64});
    domain::EmbedRequest many{.inputs = {}, .pooling = domain::Pooling::kMean};
    for (int i = 0; i < 400; ++i) many.inputs.emplace_back("an input to embed " + std::to_string(i));
    const auto bulk = h.submit(many);
    for (int i = 0; i < 10; ++i) h.engine->step();
    for (int i = 0; i < 20; ++i) {
      const auto done = bulk.sink->events().size();
      const auto before = h.control->batches.load();
      const auto one = h.submit(domain::EmbedRequest{.inputs = {std::string("short")}, .pooling = pooling});
      while (!one.sink->answer()) h.engine->step();
      EXPECT_LE(h.control->batches - before, 2U);
      h.engine->step();
      EXPECT_GT(bulk.sink->events().size(), done);
    }
    EXPECT_FALSE(bulk.sink->answer());
    h.run();
    EXPECT_EQ(bulk.answer().embeddings.size(), 400U);
    EXPECT_EQ(h.control->misuses(), Misuses{});
  }
}

TEST(TokenEngine, PairsOfARankingShareBatchesAndChatsGoOn) {
  Harness h({.tasks = {domain::Task::kComplete, domain::Task::kRerank}}, {.parallel = 4, .step_tokens = 64});
  std::string turns;
  std::size_t pairs = 0;
  h.control->on_batch = [&](std::uint64_t, std::span<const core::BatchToken> batch) {
    const auto seconds = std::ranges::count_if(batch, &core::BatchToken::second);
    turns += seconds > 0 ? 'r' : 'g';
    std::set<core::SequenceId> sequences;
    for (const auto& token : batch) sequences.insert(token.sequence);
    if (seconds > 0) pairs = std::max(pairs, sequences.size());
    EXPECT_LE(batch.size(), 64U);
    return core::DecodeStatus::kOk;
  };
  const auto story = h.submit(completion("once", 12));
  h.engine->step();
  domain::RerankRequest request{.query = "who", .documents = {}};
  for (int i = 0; i < 30; ++i) request.documents.push_back("document " + std::to_string(i));
  const auto ranking = h.submit(request);
  h.run();
  EXPECT_EQ(story.answer().usage.completion, 12);
  EXPECT_EQ(ranking.answer().ranking.size(), 30U);
  EXPECT_NE(turns.find("rgrgrg"), std::string::npos) << turns;
  EXPECT_GT(pairs, 2U) << "several pairs go into one batch";
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(TokenEngine, VectorsThatArePooledDifferentlyShareNoBatch) {
  Harness h({.kv_cells = 0, .tasks = {domain::Task::kEmbed}}, {.parallel = 4, .step_tokens = 64});
  std::vector<Harness::Client> clients;
  for (const auto pooling : {domain::Pooling::kMean, domain::Pooling::kNone, domain::Pooling::kMean})
    clients.push_back(h.submit(domain::EmbedRequest{.inputs = {std::string("a text")}, .pooling = pooling}));
  h.run();
  EXPECT_EQ(h.control->batches, 2U);
  EXPECT_EQ(clients[0].answer().embeddings.at(0).values, clients[2].answer().embeddings.at(0).values);
  EXPECT_GT(clients[1].answer().embeddings.size(), 1U);
}

TEST(TokenEngine, ValuesThatAreNoNumbersAreAnError) {
  Harness h({.kv_cells = 0, .embedding_dimensions = 0, .tasks = {domain::Task::kEmbed}}, {.parallel = 4});
  const auto client = h.submit(domain::EmbedRequest{.inputs = {std::string("a"), std::string("b")}});
  h.run();
  EXPECT_EQ(client.error().code, ErrorCode::kBackendError);
}

TEST(TokenEngine, EmbeddingReaderMayBeSlow) {
  Harness h({.sequences = 2}, {.parallel = 1, .step_tokens = 16});
  domain::EmbedRequest inputs;
  for (int i = 0; i < 5; ++i) inputs.inputs.emplace_back("an input to embed " + std::to_string(i));
  const auto slow = h.submit(inputs);
  slow.sink->refuse_after(1);
  h.run();
  const auto other = h.submit(completion("once", 2));
  h.run();
  EXPECT_EQ(other.answer().usage.completion, 2) << "it holds no slot";
  slow.sink->refuse(false);
  h.engine->resume(slow.ticket);
  h.run();
  EXPECT_EQ(slow.answer().embeddings.size(), 5U);
  EXPECT_EQ(slow.sink->refused(), 1U);
  EXPECT_EQ(h.control->misuses(), Misuses{});
}

TEST(TokenEngine, NoInputsNoEmbeddings) {
  Harness h;
  const auto client = h.submit(domain::EmbedRequest{});
  h.run();
  EXPECT_TRUE(client.answer().embeddings.empty());
  EXPECT_EQ(h.engine->stats().requests_finished, 1U);
}

TEST(TokenEngine, WaitEndsWithMailOrAStop) {
  Harness h;
  EXPECT_FALSE(h.engine->step());
  std::stop_source stop;
  stop.request_stop();
  h.engine->wait(stop.get_token());  // returns at once
  std::jthread submitter([&] { h.engine->cancel(99); });
  h.engine->wait({});
  EXPECT_TRUE(h.engine->step());
}

TEST(TokenEngine, InfoSaysWhatThisEngineMakesOfTheModel) {
  Harness h({.sequences = 3, .kv_cells = 300, .context_tokens = 512}, {.parallel = 8});
  EXPECT_EQ(h.engine->info().capabilities.slots, 3);
  EXPECT_EQ(h.engine->info().capabilities.context_tokens, 300);
}

}  // namespace
}  // namespace hearth::engine::testing
