#include "http/detail/connection.hpp"

#include <gtest/gtest.h>

#include "http/detail/exchange.hpp"
#include "http/detail/memory_stream.hpp"
#include "rt/io_threads.hpp"

namespace hearth::http::detail {
namespace {

// Answers with a stream of two chunks; counts the handlers that live.
class Streaming final : public Service {
 public:
  int alive = 0;
  int served = 0;
  [[nodiscard]] RoutePolicy policy(const RequestHead&) const override { return {.body_max = base::Bytes{100}}; }
  rt::Task<void> serve(Request request, ResponseWriter& writer) override {
    struct Alive {
      int& n;
      ~Alive() { --n; }
    } here{++alive};
    ++served;
    co_await rt::yield();
    std::ignore = co_await writer.start({});
    std::ignore = co_await writer.write(request.path);
    std::ignore = co_await writer.write(request.body);
    std::ignore = co_await writer.finish();
  }
};

// Serves one scripted connection until it is closed.
rt::Task<void> serve_one(std::shared_ptr<ServerShared> shared, MemoryStream::Script script,
                         std::shared_ptr<MemoryStream::Seen> seen) {
  auto stream = std::make_unique<MemoryStream>(co_await rt::current_executor(), std::move(script), std::move(seen));
  Connection::create(shared, std::move(stream), Peer{.text = "test", .loopback = true})->start();
  while (shared->registry.size() > 0) {
    shared->registry.changed().reset();
    if (shared->registry.size() > 0) std::ignore = co_await shared->registry.changed().wait();
  }
}

constexpr std::string_view kTwoRequests =
    "POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    "POST /second HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    "GET /third HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

// Whatever operation fails, the handler unwinds and the connection ends.
TEST(Connection, survivesAFailureAtAnyOperation) {
  for (const std::size_t piece : {1UL, 7UL, 64UL, 1000UL}) {
    for (std::size_t fail_at = 0;; ++fail_at) {
      Streaming service;
      base::NullLog log;
      const auto shared = std::make_shared<ServerShared>(service, Limits{}, log);
      const auto seen = std::make_shared<MemoryStream::Seen>();
      MemoryStream::Script script{.input = std::string(kTwoRequests), .piece = piece, .fail_at = fail_at};
      script.end_after_input = false;  // the server closes, because the last request asks for it
      rt::run_here([](auto s, auto sc, auto se) -> rt::Task<void> {
        // The client never leaves by itself; after "Connection: close" the server lingers until it is closed.
        auto stream = std::make_unique<MemoryStream>(co_await rt::current_executor(), std::move(sc), se);
        const auto connection = Connection::create(s, std::move(stream), Peer{.text = "test", .loopback = true});
        connection->start();
        while (s->registry.size() > 0) {
          co_await rt::yield();
          if (se->output.find("/third") != std::string::npos && se->output.ends_with("0\r\n\r\n")) {
            connection->cancel(CancelReason::kShutdown);
          }
        }
      }(shared, std::move(script), seen));
      EXPECT_EQ(service.alive, 0);
      EXPECT_EQ(shared->requests_in_flight, 0U);
      EXPECT_TRUE(seen->closed);
      if (seen->operations <= fail_at) {  // nothing failed: the whole dialogue took place
        EXPECT_EQ(service.served, 3);
        break;
      }
    }
  }
}

TEST(Connection, aClientThatSendsAndLeavesIsGone) {
  Streaming service;
  base::NullLog log;
  const auto shared = std::make_shared<ServerShared>(service, Limits{}, log);
  const auto seen = std::make_shared<MemoryStream::Seen>();
  MemoryStream::Script script{.input = "GET / HTTP/1.1\r\nHost: x\r\n\r\n", .piece = 1000};
  rt::run_here(serve_one(shared, std::move(script), seen));
  EXPECT_EQ(shared->clients_gone, 1U);
  EXPECT_EQ(service.alive, 0);
}

// The client's side: an answer cut anywhere is an error, never a shorter answer.
TEST(Exchange, survivesAFailureAtAnyOperation) {
  const std::string answer =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
  for (const std::size_t piece : {1UL, 5UL, 1000UL}) {
    for (std::size_t fail_at = 0;; ++fail_at) {
      const auto seen = std::make_shared<MemoryStream::Seen>();
      MemoryStream::Script script{.input = answer, .piece = piece, .fail_at = fail_at, .end_after_input = false};
      std::optional<std::string> whole;
      rt::run_here([](auto sc, auto se, std::optional<std::string>& out) -> rt::Task<void> {
        auto wire =
            std::make_shared<Wire>(std::make_unique<MemoryStream>(co_await rt::current_executor(), std::move(sc), se));
        Exchange exchange(wire, "test", {}, false, [](const std::shared_ptr<Wire>& w) { w->close(); });
        const Request request;
        std::string body;
        const auto begun = co_await exchange.begin(request, "x", {});
        if (!begun) co_return;
        while (true) {
          const auto more = co_await exchange.read({});
          if (!more) co_return;
          if (more->empty()) break;
          body += *more;
        }
        out = body;
      }(std::move(script), seen, whole));
      EXPECT_TRUE(seen->closed);
      if (whole) EXPECT_EQ(*whole, "hello world");
      if (seen->operations <= fail_at) {
        EXPECT_TRUE(whole.has_value());
        break;
      }
    }
  }
}

}  // namespace
}  // namespace hearth::http::detail
