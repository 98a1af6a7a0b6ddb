#include "engine/testing/contract.hpp"

#include <utility>

namespace hearth::engine::testing {
namespace {

constexpr int kStepsMax = 100'000;

}  // namespace

void EngineContract::SetUp() {
  detail::link_streams();
  detail::link_control();
  detail::link_limits();
  detail::link_formats();
  detail::link_encoders();
  detail::link_prefixes();
  make({.parallel = 4, .step_tokens = 64});
}

void EngineContract::TearDown() {
  EXPECT_EQ(engine_->stats().steps_after_cancel, 0U);
  if (GetParam().check) {
    EXPECT_EQ(GetParam().check(), "");
  }
}

void EngineContract::make(const core::TokenEngineOptions& options) {
  engine_.reset();
  options_ = options;
  engine_ = GetParam().make(options);
  ASSERT_NE(engine_, nullptr);
}

void EngineContract::refresh() {
  if (!exact() && engine_->stats().steps > 0) make(options_);
}

EngineContract::Client EngineContract::submit(domain::Request request) {
  Client client{.sink = std::make_shared<TestSink>(), .ticket = 0};
  auto ticket = engine_->submit(std::move(request), client.sink);
  EXPECT_TRUE(ticket) << ticket.error().message;
  if (ticket) client.ticket = *ticket;
  return client;
}

Error EngineContract::refusal(domain::Request request) {
  auto ticket = engine_->submit(std::move(request), std::make_shared<TestSink>());
  EXPECT_FALSE(ticket);
  return ticket ? Error{.message = "was not refused"} : ticket.error();
}

EngineContract::Client EngineContract::submit_and_run(domain::Request request) {
  auto client = submit(std::move(request));
  run();
  return client;
}

void EngineContract::run() {
  for (int i = 0; i < kStepsMax; ++i) {
    if (!engine_->step()) return;
    engine_->wait({});
  }
  FAIL() << "the engine has not come to rest";
}

bool EngineContract::run_until(const std::function<bool()>& done) {
  for (int i = 0; i < kStepsMax && !done(); ++i) {
    if (!engine_->step()) return done();
    engine_->wait({});
  }
  return done();
}

domain::Answer EngineContract::answer(domain::Request request) {
  const auto* completion = std::get_if<domain::CompletionRequest>(&request);
  const auto* chat = std::get_if<domain::ChatRequest>(&request);
  std::int32_t choices = chat != nullptr ? chat->generation.n : 0;
  if (completion != nullptr) choices = static_cast<std::int32_t>(completion->prompts.size()) * completion->generation.n;
  refresh();
  const auto client = submit(std::move(request));
  run();
  return answer_of(client, choices);
}

domain::Answer EngineContract::answer_of(const Client& client, std::int32_t choices) {
  EXPECT_EQ(order_violation(client.sink->events(), choices), "");
  auto out = client.sink->answer();
  EXPECT_TRUE(out) << out.error().message;
  return out ? *std::move(out) : domain::Answer{};
}

domain::CompletionRequest completion(std::string prompt, std::int32_t max_tokens) {
  domain::CompletionRequest out;
  out.prompts.emplace_back(std::move(prompt));
  out.generation.max_tokens = max_tokens;
  out.generation.sampling.temperature = 0;
  out.generation.sampling.ignore_eos = true;
  return out;
}

std::string factory_name(const ::testing::TestParamInfo<EngineFactory>& info) { return info.param.name; }

}  // namespace hearth::engine::testing
