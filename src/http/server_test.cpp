#include "http/server.hpp"

#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "http/test_support.hpp"
#include "rt/signal_flag.hpp"

namespace hearth::http::test {
namespace {

// /echo answers with what came, /stream in three chunks, /fail throws, /silent says nothing, /half stops in mid-stream.
rt::Task<void> serve_all(Request request, ResponseWriter& writer) {
  if (request.path == "/fail") throw std::runtime_error("a bug");
  if (request.path == "/silent") co_return;
  if (request.path == "/stream" || request.path == "/half") {
    ResponseHead head;
    head.headers.set("Content-Type", "text/plain");
    std::ignore = co_await writer.start(head);
    for (const char* piece : {"one,", "two,", "three"}) std::ignore = co_await writer.write(piece);
    if (request.path == "/stream") std::ignore = co_await writer.finish();
    co_return;
  }
  if (request.path == "/nope") {
    co_await reply(writer, "no such thing", 404);
    co_return;
  }
  std::string body = request.method_text + " " + request.path + "?" + request.query + " " + request.body;
  co_await reply(writer, std::move(body));
}

std::string body_of(const std::string& response) {
  const std::size_t at = response.find("\r\n\r\n");
  return at == std::string::npos ? "" : response.substr(at + 4);
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

constexpr std::string_view kGet = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(Server, answersAndKeepsTheConnection) {
  TestServer server(serve_all);
  RawClient client(server.endpoint());
  for (const char* path : {"/echo", "/nope", "/stream", "/fail", "/silent", "/echo"}) {
    client.send(std::string("GET ") + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string response = client.read_response();
    EXPECT_TRUE(has(response, "HTTP/1.1 ")) << path;
    EXPECT_FALSE(has(response, "Connection: close")) << path;
  }
  EXPECT_EQ(server.server.stats().connections_total, 1U);
  EXPECT_EQ(server.server.stats().requests_total, 6U);
  EXPECT_TRUE(server.log.has(base::LogLevel::kError, "a bug"));
}

TEST(Server, readsARequestInPiecesOfAnySize) {
  TestServer server(serve_all);
  const std::string declared = "\r\nPOST /echo?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunked =
      "POST /echo?a=1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2;x=\"y\"\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: t\r\n\r\n";
  const std::string empty = "POST /echo?a=1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  for (std::size_t piece = 1; piece < 12; ++piece) {
    RawClient client(server.endpoint());
    client.send_in_pieces(declared, piece);
    EXPECT_EQ(body_of(client.read_response()), "POST /echo?a=1 hello") << piece;
    client.send_in_pieces(chunked, piece);
    EXPECT_EQ(body_of(client.read_response()), "POST /echo?a=1 hello") << piece;
    client.send_in_pieces(empty, piece);
    EXPECT_EQ(body_of(client.read_response()), "POST /echo?a=1 ") << piece;
  }
}

TEST(Server, answersPipelinedRequestsInOrder) {
  TestServer server(serve_all);
  RawClient client(server.endpoint());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += "POST /echo?" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  }
  client.send(all);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(body_of(client.read_response()), "POST /echo?" + std::to_string(i) + " abc");
  }
}

TEST(Server, speaksHttp10WithoutChunks) {
  TestServer server(serve_all);
  RawClient plain(server.endpoint());
  plain.send("GET /echo HTTP/1.0\r\n\r\n");
  const std::string once = plain.read_to_end();
  EXPECT_TRUE(has(once, "Connection: close"));
  EXPECT_EQ(body_of(once), "GET /echo? ");

  RawClient kept(server.endpoint());
  kept.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(has(kept.read_response(), "Connection: keep-alive"));
  kept.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string stream = kept.read_to_end();
  EXPECT_FALSE(has(stream, "chunked"));
  EXPECT_EQ(body_of(stream), "one,two,three");
}

TEST(Server, sendsNoBodyToHead) {
  TestServer server(serve_all);
  RawClient client(server.endpoint());
  client.send("HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(has(client.read_response(true), "Content-Length: 12\r\n"));
  client.send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(has(client.read_response(true), "Transfer-Encoding: chunked"));
  client.send(kGet);
  EXPECT_EQ(body_of(client.read_response()), "GET /echo? ");
}

TEST(Server, framesAStreamInChunks) {
  TestServer server(serve_all);
  RawClient client(server.endpoint());
  client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body_of(client.read_response()), "4\r\none,\r\n4\r\ntwo,\r\n5\r\nthree\r\n0\r\n\r\n");
}

TEST(Server, anUnfinishedStreamIsVisiblyBroken) {
  TestServer server(serve_all);
  RawClient client(server.endpoint());
  client.send("GET /half HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_FALSE(has(client.read_to_end(), "0\r\n\r\n"));
}

TEST(Server, asksForABodyThatWaitsForIt) {
  TestServer server(serve_all);
  RawClient client(server.endpoint());
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hi");
  EXPECT_EQ(body_of(client.read_response()), "POST /echo? hi");
}

TEST(Server, closesWhenAsked) {
  TestServer server(serve_all);
  RawClient client(server.endpoint());
  client.send("GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(has(client.read_to_end(), "Connection: close"));
}

TEST(Server, refusesWhatIsNotHttp) {
  TestServer server(serve_all);
  struct Row {
    const char* request;
    const char* part;
  };
  for (const Row& row : {
           Row{"nonsense\r\n\r\n", "malformed HTTP request"},
           Row{"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", "malformed request target"},
           Row{"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "HTTP/1.1 and HTTP/1.0"},
           Row{"GET / HTTP/1.1\r\n\r\n", "Host header is missing"},
           Row{"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "more than one Host"},
           Row{"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", "%00"},
           Row{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "Content-Length"},
           Row{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "Content-Length"},
           Row{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
               "Content-Length"},
           Row{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding"},
           Row{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "Transfer-Encoding"},
           Row{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", "chunked request body"},
           Row{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0 has no Transfer-Encoding"},
           Row{"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", "malformed HTTP request"},
       }) {
    RawClient client(server.endpoint());
    client.send(row.request);
    const std::string response = client.read_to_end();
    EXPECT_TRUE(has(response, "HTTP/1.1 400 Bad Request")) << row.request << response;
    EXPECT_TRUE(has(response, row.part)) << row.request << response;
    EXPECT_TRUE(has(response, "Connection: close")) << row.request;
    EXPECT_FALSE(has(response, "beast")) << response;
  }
}

TEST(Server, splitsAndDecodesTheTarget) {
  std::vector<std::string> seen;
  TestServer server([&](Request request, ResponseWriter& writer) -> rt::Task<void> {
    std::string text = request.path + " " + request.query;
    co_await reply(writer, std::move(text));
  });
  RawClient client(server.endpoint());
  struct Row {
    const char* target;
    const char* want;
  };
  for (const Row& row : {Row{"/a%20b?c%20d", "/a b c%20d"}, Row{"/o%2fn%2Fx", "/o%2Fn%2Fx "},
                         Row{"http://host:1/p?q", "/p q"}, Row{"http://host", "/ "}, Row{"*", "* "}, Row{"/?", "/ "}}) {
    client.send(std::string("GET ") + row.target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(body_of(client.read_response()), row.want);
  }
}

class EachTransport : public testing::TestWithParam<Transport> {};
INSTANTIATE_TEST_SUITE_P(Server, EachTransport, testing::Values(Transport::kTcp, Transport::kTls, Transport::kUnix),
                         [](const auto& row) { return to_string(row.param); });

TEST_P(EachTransport, carriesLargeBodiesBothWays) {
  TestServer server([](Request request,
                       ResponseWriter& writer) -> rt::Task<void> { co_await reply(writer, std::move(request.body)); },
                    {}, GetParam(), 2);
  server.service.body_max = base::Bytes{16ULL << 20};
  std::string big(5'000'000, 'x');
  for (std::size_t i = 0; i < big.size(); i += 997) big[i] = static_cast<char>('a' + i % 26);
  ClientOptions options;
  options.verify_tls = false;
  with_client(
      server.endpoint(),
      [&](Client& client) -> rt::Task<void> {
        for (int round = 0; round < 3; ++round) {
          Request request = post("/", big);
          const auto response = co_await client.fetch(std::move(request), soon());
          EXPECT_TRUE(response.has_value() && response->body == big);
        }
      },
      options);
  EXPECT_EQ(server.server.stats().connections_total, 1U);
}

TEST_P(EachTransport, closesInGoodOrderWhenAsked) {
  TestServer server(serve_all, {}, GetParam());
  RawClient client(server.endpoint());
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body_of(client.read_to_end()), "one,two,three");
  EXPECT_TRUE(client.saw_orderly_end());
}

TEST(Server, twoInOneProcess) {
  TestServer first([](Request, ResponseWriter& writer) { return reply(writer, "first"); });
  TestServer second([](Request, ResponseWriter& writer) { return reply(writer, "second"); });
  RawClient a(first.endpoint());
  RawClient b(second.endpoint());
  a.send(kGet);
  b.send(kGet);
  EXPECT_EQ(body_of(a.read_response()), "first");
  EXPECT_EQ(body_of(b.read_response()), "second");
}

TEST(Server, startsAgainAfterAStop) {
  TestServer server(serve_all);
  const ListenAddress same{.host = "127.0.0.1", .port = server.server.port(), .unix_path = {}};
  for (int round = 0; round < 3; ++round) {
    RawClient client(server.endpoint());
    client.send(kGet);
    EXPECT_EQ(body_of(client.read_response()), "GET /echo? ");
    server.stop();
    EXPECT_TRUE(client.closed_by_peer());
    EXPECT_EQ(server.server.stats().connections_open, 0U);
    const auto again = server.server.listen(same);
    ASSERT_TRUE(again.has_value()) << again.error().message;
  }
}

TEST(Server, finishesRequestsInFlightBeforeItStops) {
  std::promise<void> arrived;
  rt::SignalFlag go_on;
  TestServer server([&](Request, ResponseWriter& writer) -> rt::Task<void> {
    arrived.set_value();
    std::ignore = co_await go_on.wait();
    co_await reply(writer, "done");
  });
  RawClient idle(server.endpoint());
  RawClient busy(server.endpoint());
  busy.send(kGet);
  auto at_work = arrived.get_future();
  ASSERT_EQ(at_work.wait_for(kPatience), std::future_status::ready);
  std::thread stopper([&] { server.stop(kPatience); });
  EXPECT_TRUE(idle.closed_by_peer());
  go_on.set();
  EXPECT_TRUE(has(busy.read_to_end(), "done"));
  stopper.join();
}

TEST(Server, cancelsWhatOutlastsTheGrace) {
  std::promise<CancelReason> ended;
  std::promise<void> arrived;
  TestServer server([&](Request, ResponseWriter& writer) -> rt::Task<void> {
    struct AtEnd {
      std::promise<CancelReason>& ended;
      ResponseWriter& writer;
      ~AtEnd() { ended.set_value(writer.reason()); }
    } at_end{ended, writer};
    arrived.set_value();
    co_await rt::sleep_for(std::chrono::hours(1));
  });
  RawClient client(server.endpoint());
  client.send(kGet);
  arrived.get_future().wait();
  server.stop(1ms);
  auto reason = ended.get_future();
  EXPECT_EQ(value_of(reason), CancelReason::kShutdown);
  EXPECT_TRUE(client.closed_by_peer());
}

TEST(Server, answersThatEndWithTheirWorkArriveWhole) {
  std::promise<void> arrived;
  rt::SignalFlag ended;
  TestServer server([&](Request, ResponseWriter& writer) -> rt::Task<void> {
    arrived.set_value();
    std::ignore = co_await ended.wait();
    co_await reply(writer, "ended");
  });
  RawClient client(server.endpoint());
  client.send(kGet);
  arrived.get_future().wait();
  server.stop(1ms, [&]() -> rt::Task<void> {
    ended.set();
    co_return;
  });
  EXPECT_TRUE(has(client.read_to_end(), "ended"));
}

TEST(Server, namesWhyItCannotListen) {
  TestServer server(serve_all);
  const auto port = server.server.port();
  const auto taken = server.server.listen({.host = "127.0.0.1", .port = port, .unix_path = {}});
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, ErrorCode::kIo);
  EXPECT_EQ(taken.error().message, "cannot listen on 127.0.0.1:" + std::to_string(port) + ": address already in use");
}

TEST(Server, bindsEveryKindOfName) {
  TestServer server(serve_all);
  for (const char* host : {"localhost", "::1", "[::1]", "", "*"}) {
    const auto bound = server.server.listen({.host = host, .port = 0, .unix_path = {}});
    if (!bound.has_value() && std::string(host).find("::1") != std::string::npos) continue;  // no IPv6 on this machine
    EXPECT_TRUE(bound.has_value()) << host;
    EXPECT_NE(server.server.port(), 0);
  }
}

TEST(UnixSocket, isPrivateAndGoesWithTheServer) {
  TestServer server(serve_all, {}, Transport::kUnix);
  const auto path = server.endpoint().unix_path;
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  server.stop();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(UnixSocket, replacesADeadOneOnly) {
  TestServer live(serve_all, {}, Transport::kUnix);
  const auto path = live.endpoint().unix_path;
  const auto taken = live.server.listen({.host = {}, .port = 0, .unix_path = path});
  ASSERT_FALSE(taken.has_value());
  EXPECT_TRUE(has(taken.error().message, "address already in use"));

  const auto dead = live.folder.path() / "dead";
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, dead.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  EXPECT_TRUE(live.server.listen({.host = {}, .port = 0, .unix_path = dead}).has_value());

  const auto file = live.folder.path() / "file";
  std::ofstream(file) << "keep me";
  EXPECT_FALSE(live.server.listen({.host = {}, .port = 0, .unix_path = file}).has_value());
  EXPECT_TRUE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace hearth::http::test
