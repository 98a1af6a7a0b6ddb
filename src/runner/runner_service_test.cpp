// The whole of a runner but the model: engine thread, unix socket, native dialect, and the backend that the gateway
// uses.
#include "runner/runner_service.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "domain/answer.hpp"
#include "engine/core/token_engine.hpp"
#include "engine/testing/test_model.hpp"
#include "http/server.hpp"
#include "http/test_support.hpp"
#include "remote/hearth_backend.hpp"
#include "rt/io_threads.hpp"
#include "runner/engine_thread.hpp"

namespace hearth::runner {
namespace {

using engine::testing::TestControl;
using engine::testing::TestModel;
using namespace std::chrono_literals;

class RunnerServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto model = std::make_unique<TestModel>(engine::testing::TestModelOptions{}, control_);
    engine_ = engine::core::make_token_engine(std::move(model), {.parallel = 4, .queue = 64, .step_tokens = 64}, clock_,
                                              log_);
    ASSERT_TRUE(server_.listen({.unix_path = socket_}));
  }
  void TearDown() override {
    thread_.reset();
    on_loop([](http::Server& server) -> rt::Task<void> { co_await server.stop(0ms); }(server_));
    EXPECT_TRUE(control_->misuses().empty());
  }
  // The engine starts to run; before that the service knows of no engine.
  void start_engine() {
    thread_ = std::make_unique<EngineThread>(*engine_);
    service_.set_engine(*engine_);
  }
  template <class T>
  T on_loop(rt::Task<T> task) {
    auto future = boost::asio::co_spawn(threads_.executor(0), std::move(task), boost::asio::use_future);
    if (future.wait_for(http::test::kPatience) != std::future_status::ready) {
      ADD_FAILURE() << "took too long";
      std::abort();
    }
    return future.get();
  }
  // It lives on the loop and dies there.
  std::shared_ptr<remote::HearthBackend> backend() {
    auto made = std::make_unique<remote::HearthBackend>(
        threads_.executor(0), http::Endpoint{.unix_path = socket_},
        remote::HearthBackend::Options{.cut_code = ErrorCode::kBackendCrashed, .cut_message = "runner died"});
    return {made.release(), [this](remote::HearthBackend* b) {
              on_loop([](std::unique_ptr<remote::HearthBackend> owned) -> rt::Task<void> {
                owned.reset();
                co_return;
              }(std::unique_ptr<remote::HearthBackend>(b)));
            }};
  }
  template <class Condition>
  static void until(Condition condition) {
    const auto deadline = base::Deadline::after(http::test::kPatience);
    while (!condition()) {
      if (deadline.passed(std::chrono::steady_clock::now())) {
        ADD_FAILURE() << "took too long";
        std::abort();
      }
      std::this_thread::yield();
    }
  }
  static rt::Task<Result<domain::Answer>> ask(backend::Backend& backend, domain::Request request) {
    HEARTH_CO_TRY(auto stream, co_await backend.run(request, {}));
    domain::AnswerBuilder builder;
    while (!builder.complete()) {
      auto events = co_await stream->next();
      for (auto& event : events) HEARTH_CO_CHECK(builder.add(std::move(event)));
    }
    co_return std::move(builder).take();
  }
  // Reads statistics until a line says `what`; false: they ended before.
  static rt::Task<bool> stats_until(remote::HearthBackend& backend, std::string what) {
    http::Request request;
    request.target = request.path = "/hearth/v1/stats";
    const auto response = co_await backend.client().send(std::move(request));
    std::string all;
    while (all.find(what) == std::string::npos) {
      const auto piece = co_await (*response)->read();
      if (!piece || piece->empty()) co_return false;
      all += *piece;
    }
    co_return true;
  }
  static domain::ChatRequest chat(std::string_view answer) {
    domain::ChatRequest request;
    request.messages = {{domain::Role::kUser, {domain::TextPart{TestModel::prompt_for(answer)}}}};
    return request;
  }

  http::test::TempFolder folder_;
  std::filesystem::path socket_ = folder_.path() / "r.sock";
  base::NullLog log_;
  base::SystemClock clock_;
  std::shared_ptr<TestControl> control_ = std::make_shared<TestControl>();
  std::unique_ptr<engine::Engine> engine_;
  rt::IoThreads threads_{1};
  rt::WorkThreads work_{1, "test-work"};
  rt::WorkThreads slow_{1, "test-slow", 1};
  RunnerService service_{work_, slow_, {.apart = 0ms, .working = 100ms, .resting = 1h}};
  http::Server server_{threads_, service_, {}, log_};
  std::unique_ptr<EngineThread> thread_;
};

TEST_F(RunnerServiceTest, AnswersOverTheSocket) {
  start_engine();
  const auto b = backend();
  const auto answer = on_loop(ask(*b, chat("hello wörld")));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->choices.at(0).text(), "hello wörld");
  EXPECT_GT(answer->usage.prompt, 0);
  domain::TokenizeRequest tokenize;
  tokenize.text = "abc";
  const auto tokens = on_loop(ask(*b, tokenize));
  ASSERT_TRUE(tokens);
  domain::DetokenizeRequest back;
  back.tokens = tokens->tokenized->tokens;
  EXPECT_EQ(on_loop(ask(*b, back))->rendered->text, "abc");
}

TEST_F(RunnerServiceTest, RefusalsKeepTheirCode) {
  start_engine();
  const auto b = backend();
  domain::ChatRequest tools = chat("x");
  tools.tools.push_back({.name = "lamp"});
  const auto refused = on_loop(ask(*b, tools));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(refused.error().param, "tools");
}

TEST_F(RunnerServiceTest, InfoWaitsForTheModel) {
  const auto b = backend();
  auto info = boost::asio::co_spawn(threads_.executor(0), b->fetch_info({}), boost::asio::use_future);
  EXPECT_NE(info.wait_for(50ms), std::future_status::ready);
  start_engine();
  ASSERT_EQ(info.wait_for(http::test::kPatience), std::future_status::ready);
  EXPECT_NE(info.get().value().find("\"capabilities\""), std::string::npos);
}

TEST_F(RunnerServiceTest, AFailedLoadIsToldToEverybody) {
  service_.set_failure(Error{.code = ErrorCode::kModelLoadFailed, .message = "broken file"});
  const auto b = backend();
  EXPECT_EQ(on_loop(b->fetch_info({})).error().message, "broken file");
  EXPECT_EQ(on_loop(ask(*b, chat("x"))).error().code, ErrorCode::kModelLoadFailed);
}

// A schema that takes seconds to compile, played by what occupies the threads for that.
TEST_F(RunnerServiceTest, CompilingHoldsUpNobodyElse) {
  start_engine();
  const auto b = backend();
  const auto with_form = [](int i) {
    domain::ChatRequest out = chat("{}");
    out.response_format = {.kind = domain::ResponseFormat::Kind::kJsonSchema,
                           .text = R"({"type":"object","maxProperties":)" + std::to_string(i) + "}",
                           .field = "response_format"};
    return out;
  };
  ASSERT_EQ(on_loop(ask(*b, with_form(0)))->choices.at(0).text(), "{}");
  std::promise<void> compiled;
  auto occupy = [](rt::WorkThreads& threads, std::future<void> until) -> rt::Task<bool> {
    co_return co_await threads.run([&] { return until.wait_for(http::test::kPatience) == std::future_status::ready; });
  };
  const auto spawn = [&](auto task) {
    return boost::asio::co_spawn(threads_.executor(0), std::move(task), boost::asio::use_future);
  };
  auto occupied = spawn(occupy(slow_, compiled.get_future()));
  std::vector<std::future<Result<domain::Answer>>> forms;
  for (int i = 1; i <= 8; ++i) forms.push_back(spawn(ask(*b, with_form(i))));
  for (int i = 0; i < 4; ++i) forms.push_back(spawn(ask(*b, with_form(1))));  // the same is compiled once
  const auto too_many = on_loop(ask(*b, with_form(9)));
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().code, ErrorCode::kOverloaded);
  EXPECT_EQ(on_loop(ask(*b, chat("meanwhile")))->choices.at(0).text(), "meanwhile");
  EXPECT_EQ(on_loop(ask(*b, with_form(0)))->choices.at(0).text(), "{}") << "what is known needs no compiling";
  for (const auto& form : forms) EXPECT_NE(form.wait_for(0ms), std::future_status::ready);
  compiled.set_value();
  EXPECT_TRUE(occupied.get());
  for (auto& form : forms) {
    ASSERT_EQ(form.wait_for(http::test::kPatience), std::future_status::ready);
    EXPECT_EQ(form.get()->choices.at(0).text(), "{}");
  }
}

// The client goes while the engine is inside a step: the next step no longer has its sequence, and who reads the
// counters, which nobody asks the engine for while it rests, learns of it.
TEST_F(RunnerServiceTest, AClientThatLeavesStopsTheWork) {
  std::promise<void> in_step;
  std::promise<void> go_on;
  std::atomic<bool> blocked = false;
  control_->on_batch = [&](std::uint64_t n, std::span<const engine::core::BatchToken>) {
    if (n == 5 && !blocked.exchange(true)) {
      in_step.set_value();
      go_on.get_future().wait();
    }
    return engine::core::DecodeStatus::kOk;
  };
  start_engine();
  const auto b = backend();
  auto counters = boost::asio::co_spawn(threads_.executor(0), stats_until(*b, R"("requests_cancelled":1)"),
                                        boost::asio::use_future);
  domain::ChatRequest endless;
  endless.messages = {{domain::Role::kUser, {domain::TextPart{"noise"}}}};
  endless.generation.sampling.ignore_eos = true;
  auto begin = [](backend::Backend& bk, domain::Request r) -> rt::Task<Result<std::unique_ptr<backend::EventStream>>> {
    co_return co_await bk.run(r, {});
  };
  auto stream = on_loop(begin(*b, endless));
  ASSERT_TRUE(stream);
  in_step.get_future().wait();
  on_loop([](std::unique_ptr<backend::EventStream> s) -> rt::Task<void> {
    s.reset();
    co_return;
  }(*std::move(stream)));
  until([&] { return server_.stats().clients_gone > 0; });
  go_on.set_value();
  until([&] { return engine_->stats().requests_cancelled > 0; });
  EXPECT_EQ(engine_->stats().steps_after_cancel, 0U);
  EXPECT_EQ(engine_->stats().running, 0U);
  EXPECT_EQ(counters.wait_for(http::test::kPatience), std::future_status::ready);
  EXPECT_TRUE(on_loop(ask(*b, chat("still fine"))));
}

TEST_F(RunnerServiceTest, CountersFollowEachRequest) {
  start_engine();
  const auto b = backend();
  for (int i = 1; i <= 5; ++i) {
    auto counters = boost::asio::co_spawn(
        threads_.executor(0), stats_until(*b, fmt::format(R"("requests_finished":{},)", i)), boost::asio::use_future);
    ASSERT_TRUE(on_loop(ask(*b, chat("short"))));
    ASSERT_EQ(counters.wait_for(http::test::kPatience), std::future_status::ready) << i;
    EXPECT_TRUE(counters.get()) << i;
  }
}

TEST_F(RunnerServiceTest, CountersEndWithTheService) {
  start_engine();
  const auto b = backend();
  auto counters = boost::asio::co_spawn(threads_.executor(0), stats_until(*b, "never"), boost::asio::use_future);
  ASSERT_TRUE(on_loop(ask(*b, chat("x"))));
  service_.end();
  ASSERT_EQ(counters.wait_for(http::test::kPatience), std::future_status::ready);
  EXPECT_FALSE(counters.get());
}

TEST_F(RunnerServiceTest, ADeadRunnerIsAnHonestError) {
  start_engine();
  const auto b = backend();
  ASSERT_TRUE(on_loop(ask(*b, chat("x"))));
  on_loop([](http::Server& server) -> rt::Task<void> { co_await server.stop(0ms); }(server_));
  const auto after = on_loop(ask(*b, chat("x")));
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace hearth::runner
