#include "http/limits.hpp"

#include <deque>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "http/test_support.hpp"
#include "rt/signal_flag.hpp"

namespace hearth::http::test {
namespace {

rt::Task<void> echo_size(Request request, ResponseWriter& writer) {
  std::string size = std::to_string(request.body.size());
  co_await reply(writer, std::move(size));
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string post_of(std::size_t size) {
  return "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'b');
}

TEST(Limits, aDeclaredBodyOverTheLimitIsRefusedAndTheConnectionKept) {
  TestServer server(echo_size);
  server.service.body_max = base::Bytes{1000};
  RawClient client(server.endpoint());
  client.send(post_of(1001));
  const std::string refused = client.read_response();
  EXPECT_TRUE(has(refused, "HTTP/1.1 413 ")) << refused;
  EXPECT_TRUE(has(refused, "1001 bytes"));
  client.send(post_of(1000));
  EXPECT_TRUE(has(client.read_response(), "\r\n\r\n1000"));
}

TEST(Limits, aRefusedBodyIsNotAskedFor) {
  TestServer server(echo_size);
  server.service.body_max = base::Bytes{10};
  RawClient client(server.endpoint());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
  const std::string answer = client.read_response();
  EXPECT_TRUE(has(answer, "HTTP/1.1 413 "));
  EXPECT_TRUE(has(answer, "Connection: close"));
}

TEST(Limits, theAnswerReachesAClientThatSendsFirst) {
  TestServer server(echo_size);
  server.service.body_max = base::Bytes{1000};
  for (const bool chunked : {false, true}) {
    RawClient client(server.endpoint());
    const std::string body(20'000'000, 'b');
    client.send(chunked ? "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1312d00\r\n"
                        : "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n");
    client.send(body);
    EXPECT_TRUE(has(client.read_response(), "HTTP/1.1 413 ")) << chunked;
  }
}

TEST(Limits, aChunkedBodyIsRefusedWhileItArrives) {
  TestServer server(echo_size);
  server.service.body_max = base::Bytes{1000};
  RawClient client(server.endpoint());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 11; ++i) client.send("64\r\n" + std::string(100, 'c') + "\r\n");  // no end
  EXPECT_TRUE(has(client.read_response(), "HTTP/1.1 413 "));
}

TEST(Limits, endlessChunkExtensionsAndTrailersAreRefused) {
  TestServer server(echo_size);
  for (const char* start : {"1;", "0\r\nA: "}) {
    RawClient client(server.endpoint());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(start + std::string(100'000, 'e'));
    EXPECT_TRUE(has(client.read_response(), "HTTP/1.1 400 ")) << start;
  }
}

TEST(Limits, aLargeHeaderIsRefused) {
  Limits limits;
  limits.header_max = base::Bytes{1024};
  TestServer server(echo_size, limits);
  RawClient client(server.endpoint());
  client.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(100'000, 'h') + "\r\n\r\n");
  const std::string answer = client.read_response();
  EXPECT_TRUE(has(answer, "HTTP/1.1 431 ")) << answer;
  EXPECT_TRUE(has(answer, "Connection: close"));
}

TEST(Limits, aSlowHeaderTimesOut) {
  Limits limits;
  limits.header_timeout = 30ms;
  TestServer server(echo_size, limits);
  RawClient client(server.endpoint());
  client.send("GET / HTTP/1.1\r\nHo");
  EXPECT_TRUE(has(client.read_to_end(), "HTTP/1.1 408 Request Timeout"));
}

TEST(Limits, aSlowBodyTimesOut) {
  Limits limits;
  limits.body_idle_timeout = 30ms;
  TestServer server(echo_size, limits);
  RawClient client(server.endpoint());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(has(client.read_to_end(), "HTTP/1.1 408 Request Timeout"));
}

TEST(Limits, anIdleConnectionIsClosedWithoutAWord) {
  Limits limits;
  limits.idle_timeout = 30ms;
  TestServer server(echo_size, limits);
  RawClient fresh(server.endpoint());
  EXPECT_EQ(fresh.read_to_end(), "");
  RawClient used(server.endpoint());
  used.send(post_of(3));
  EXPECT_TRUE(has(used.read_response(), "200 OK"));
  EXPECT_EQ(used.read_to_end(), "");
}

TEST(Limits, aReaderThatDoesNotReadIsGivenUp) {
  Limits limits;
  limits.write_timeout = 50ms;
  std::promise<ErrorCode> ended;
  TestServer server(
      [&](Request, ResponseWriter& writer) -> rt::Task<void> {
        std::ignore = co_await writer.start({});
        while (true) {
          std::string chunk(1 << 20, 'x');
          const auto sent = co_await writer.write(std::move(chunk));
          if (sent) continue;
          ended.set_value(sent.error().code);
          co_return;
        }
      },
      limits);
  RawClient client(server.endpoint());
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  auto code = ended.get_future();
  EXPECT_EQ(value_of(code), ErrorCode::kTimeout);
}

TEST(Limits, tooManyRequestsInFlightAre503) {
  Limits limits;
  limits.requests_in_flight_max = 1;
  std::promise<void> arrived;
  rt::SignalFlag go_on;
  TestServer server(
      [&](Request request, ResponseWriter& writer) -> rt::Task<void> {
        if (request.path == "/wait") {
          arrived.set_value();
          std::ignore = co_await go_on.wait();
        }
        co_await reply(writer, "ok");
      },
      limits);
  RawClient first(server.endpoint());
  first.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  arrived.get_future().wait();
  RawClient second(server.endpoint());
  second.send(post_of(1000));
  const std::string refused = second.read_response();
  EXPECT_TRUE(has(refused, "HTTP/1.1 503 ")) << refused;
  EXPECT_TRUE(has(refused, "Retry-After: 1"));
  go_on.set();
  EXPECT_TRUE(has(first.read_response(), "200 OK"));
  EXPECT_TRUE(server.wait_for([](const ServerStats& s) { return s.requests_in_flight == 0; }));
  second.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(has(second.read_response(), "200 OK"));
}

TEST(Limits, theOldestConnectionWithoutAHeaderGoesFirst) {
  Limits limits;
  limits.connections_max = 3;
  TestServer server(echo_size, limits);
  RawClient idle(server.endpoint());
  idle.send(post_of(1));
  EXPECT_TRUE(has(idle.read_response(), "200 OK"));
  RawClient silent(server.endpoint());
  ASSERT_TRUE(server.wait_for([](const ServerStats& s) { return s.connections_total == 2; }));
  RawClient slow(server.endpoint());
  slow.send("GET / HT");
  ASSERT_TRUE(server.wait_for([](const ServerStats& s) { return s.connections_total == 3; }));

  RawClient fourth(server.endpoint());
  EXPECT_TRUE(silent.closed_by_peer());
  RawClient fifth(server.endpoint());
  EXPECT_TRUE(slow.closed_by_peer());
  fourth.send(post_of(1));
  EXPECT_TRUE(has(fourth.read_response(), "200 OK"));
  fifth.send(post_of(1));
  EXPECT_TRUE(has(fifth.read_response(), "200 OK"));
  RawClient sixth(server.endpoint());  // only idle ones are left: the oldest of them
  EXPECT_TRUE(idle.closed_by_peer());
  sixth.send(post_of(1));
  EXPECT_TRUE(has(sixth.read_response(), "200 OK"));
  EXPECT_EQ(server.server.stats().connections_shed, 3U);
}

TEST(Limits, aBodyMustNotTakeForEver) {
  Limits limits;
  limits.body_grace = std::chrono::milliseconds(50);  // far below what silence may last
  TestServer server(echo_size, limits);
  RawClient slow(server.endpoint());
  slow.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
  const std::string refused = slow.read_response();
  EXPECT_TRUE(has(refused, "HTTP/1.1 408 ")) << refused;
  EXPECT_TRUE(has(refused, "too slowly")) << refused;
}

TEST(Limits, whatArrivesFastEnoughMayTakeLonger) {
  Limits limits;
  limits.body_grace = std::chrono::milliseconds(0);
  limits.body_rate_min = base::Bytes{1};  // a second for each byte
  TestServer server(echo_size, limits);
  RawClient client(server.endpoint());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200\r\n\r\n" + std::string(100, 'x'));
  ASSERT_TRUE(server.wait_for([](const ServerStats& s) { return s.requests_total == 1; }));
  client.send(std::string(100, 'x'));
  EXPECT_TRUE(has(client.read_response(), "200 OK"));
}

TEST(Limits, allBodiesTogetherAreBounded) {
  Limits limits;
  limits.bodies_max = base::Bytes{1000};
  TestServer server(echo_size, limits);
  RawClient first(server.endpoint());
  first.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n" + std::string(800, 'x'));
  ASSERT_TRUE(server.wait_for([](const ServerStats& s) { return s.body_bytes == 800; }));
  RawClient second(server.endpoint());
  second.send(post_of(500));
  const std::string refused = second.read_response();
  EXPECT_TRUE(has(refused, "HTTP/1.1 503 ")) << refused;
  first.send(std::string(100, 'x'));
  EXPECT_TRUE(has(first.read_response(), "200 OK"));
  EXPECT_TRUE(server.wait_for([](const ServerStats& s) { return s.body_bytes == 0; }));
  RawClient third(server.endpoint());
  third.send(post_of(500));
  EXPECT_TRUE(has(third.read_response(), "200 OK"));
}

// Counts what it takes, and refuses what goes beyond a limit.
class CountingSink final : public BodySink {
 public:
  explicit CountingSink(std::size_t max) : max_(max) {}
  rt::Task<Result<void>> take(std::string piece) override {
    bytes += piece.size();
    longest = std::max(longest, piece.size());
    if (bytes > max_) co_return fail(ErrorCode::kInvalidRequest, "the sink is full");
    co_return Result<void>{};
  }
  std::size_t bytes = 0;
  std::size_t longest = 0;

 private:
  std::size_t max_;
};

TEST(Limits, aBodyWithASinkIsHeldNowhere) {
  Limits limits;
  limits.bodies_max = base::Bytes{1000};
  TestServer server(
      [](Request request, ResponseWriter& writer) -> rt::Task<void> {
        const auto& sink = dynamic_cast<CountingSink&>(*request.sink);
        EXPECT_TRUE(request.body.empty());
        EXPECT_LT(sink.longest, 1'000'000U);
        co_await reply(writer, std::to_string(sink.bytes));
      },
      limits);
  server.service.body_max = base::Bytes{8'000'000};
  server.service.make_sink = [] { return std::make_shared<CountingSink>(5'000'000); };
  RawClient client(server.endpoint());
  client.send(post_of(5'000'000));
  EXPECT_TRUE(has(client.read_response(), "\r\n\r\n5000000"));
  client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n");
  EXPECT_TRUE(has(client.read_response(), "\r\n\r\n6"));
  client.send(post_of(0));
  EXPECT_TRUE(has(client.read_response(), "\r\n\r\n0"));
  client.send(post_of(6'000'000));
  const std::string refused = client.read_response();
  EXPECT_TRUE(has(refused, "HTTP/1.1 400 ") && has(refused, "the sink is full")) << refused;
}

TEST(Limits, aBodyThatIsStillArrivingMakesRoomLast) {
  Limits limits;
  limits.connections_max = 2;
  TestServer server(echo_size, limits);
  RawClient idle(server.endpoint());
  idle.send(post_of(1));
  EXPECT_TRUE(has(idle.read_response(), "200 OK"));
  RawClient half(server.endpoint());
  half.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
  ASSERT_TRUE(server.wait_for([](const ServerStats& s) { return s.requests_total == 2; }));
  RawClient third(server.endpoint());
  EXPECT_TRUE(idle.closed_by_peer());
  third.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
  ASSERT_TRUE(server.wait_for([](const ServerStats& s) { return s.requests_total == 3; }));
  RawClient fourth(server.endpoint());
  EXPECT_TRUE(half.closed_by_peer());
  fourth.send(post_of(1));
  EXPECT_TRUE(has(fourth.read_response(), "200 OK"));
}

TEST(Limits, aFloodOfHalfOpenConnectionsShutsNobodyOut) {
  Limits limits;
  limits.connections_max = 20;
  TestServer server(echo_size, limits, Transport::kTcp, 2);
  std::deque<RawClient> flood;
  for (int i = 0; i < 300; ++i) flood.emplace_back(server.endpoint()).send("GET / HTTP/1.1\r\nX: ");
  RawClient honest(server.endpoint());
  honest.send(post_of(5));
  EXPECT_TRUE(has(honest.read_response(), "200 OK"));
  EXPECT_TRUE(server.wait_for([](const ServerStats& s) { return s.connections_open <= 20; }));
}

// Clients take the last descriptors: the server drops the oldest silent ones instead of spinning or giving up.
TEST(Limits, survivesRunningOutOfDescriptors) {
  TestServer server(echo_size);
  std::vector<int> crowd;
  for (int i = 0; i < 20; ++i) crowd.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(crowd.back()) + 4;  // room for three connections
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.server.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (const int fd : crowd) {
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_TRUE(server.wait_for([](const ServerStats& s) { return s.connections_total == 20; }));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(server.log.has(base::LogLevel::kWarn, "accept failed"));
  RawClient honest(server.endpoint());
  honest.send(post_of(5));
  EXPECT_TRUE(has(honest.read_response(), "200 OK"));
  for (const int fd : crowd) ::close(fd);
}

TEST(Limits, busyConnectionsAreNotShed) {
  Limits limits;
  limits.connections_max = 1;
  std::promise<void> arrived;
  rt::SignalFlag go_on;
  TestServer server(
      [&](Request, ResponseWriter& writer) -> rt::Task<void> {
        arrived.set_value();
        std::ignore = co_await go_on.wait();
        co_await reply(writer, "ok");
      },
      limits);
  RawClient busy(server.endpoint());
  busy.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  arrived.get_future().wait();
  RawClient late(server.endpoint());
  EXPECT_TRUE(late.closed_by_peer());
  go_on.set();
  EXPECT_TRUE(has(busy.read_response(), "200 OK"));
}

}  // namespace
}  // namespace hearth::http::test
