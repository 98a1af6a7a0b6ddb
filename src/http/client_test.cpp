#include "http/client.hpp"

#include <array>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "http/test_support.hpp"
#include "rt/race.hpp"
#include "rt/signal_flag.hpp"

namespace hearth::http::test {
namespace {

// A listening socket whose connections are answered by hand, one after the other: each gets one text, then FIN.
class Scripted {
 public:
  explicit Scripted(std::vector<std::string> answers, bool wait_for_request = true)
      : answers_(std::move(answers)), wait_(wait_for_request), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(fd_, 16);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Scripted() {
    thread_.join();
    ::close(fd_);
  }
  Scripted(const Scripted&) = delete;
  Scripted& operator=(const Scripted&) = delete;

  [[nodiscard]] Endpoint endpoint() const {
    Endpoint out;
    out.host = "127.0.0.1";
    out.port = port_;
    return out;
  }

 private:
  void run() {
    for (const std::string& answer : answers_) {
      const int peer = ::accept(fd_, nullptr, nullptr);
      std::string_view rest = answer;
      while (true) {  // '|' : wait for the next request on this connection
        std::array<char, 4096> request{};
        if (wait_ && ::recv(peer, request.data(), request.size(), 0) < 0) return;
        const auto part = rest.substr(0, rest.find('|'));
        if (::send(peer, part.data(), part.size(), MSG_NOSIGNAL) < 0) return;
        if (part.size() == rest.size()) break;
        rest.remove_prefix(part.size() + 1);
      }
      ::close(peer);
    }
  }
  std::vector<std::string> answers_;
  bool wait_;
  int fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(EndpointParse, table) {
  struct Row {
    const char* url;
    const char* want;  // describe(), or null for an error
  };
  for (const Row& row : {
           Row{"http://a", "http://a:80"},
           Row{"https://a/", "https://a:443"},
           Row{"HTTP://a:8080/v1?x", "http://a:8080"},
           Row{"http://[::1]:9", "http://[::1]:9"},
           Row{"unix:/run/x", "unix:/run/x"},
           Row{"unix:///run/x", "unix:/run/x"},
           Row{"a:80", nullptr},
           Row{"ftp://a", nullptr},
           Row{"http://", nullptr},
           Row{"http://:80", nullptr},
           Row{"http://a:0", nullptr},
           Row{"http://a:70000", nullptr},
           Row{"http://a:x", nullptr},
           Row{"http://u:p@a", nullptr},
           Row{"http://[::1", nullptr},
           Row{"unix:", nullptr},
       }) {
    const auto parsed = Endpoint::parse(row.url);
    if (row.want == nullptr) {
      ASSERT_FALSE(parsed.has_value()) << row.url;
      EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidRequest);
    } else {
      ASSERT_TRUE(parsed.has_value()) << row.url;
      EXPECT_EQ(parsed->describe(), row.want);
    }
  }
}

TEST(Client, reusesItsConnection) {
  TestServer server([](Request request, ResponseWriter& writer) -> rt::Task<void> {
    std::string text = request.method_text + request.target + request.body;
    co_await reply(writer, std::move(text));
  });
  with_client(server.endpoint(), [](Client& client) -> rt::Task<void> {
    for (int i = 0; i < 5; ++i) {
      Request request = post("/x?y", "z");
      const auto answer = co_await client.fetch(std::move(request), soon());
      EXPECT_TRUE(answer.has_value() && answer->body == "POST/x?yz");
    }
    Request head = get("/");
    head.method = Method::kHead;
    const auto answer = co_await client.fetch(std::move(head), soon());
    EXPECT_TRUE(answer.has_value() && answer->body.empty());
  });
  EXPECT_EQ(server.server.stats().connections_total, 1U);
}

TEST(Client, givesPiecesAsTheyArrive) {
  rt::SignalFlag more;
  TestServer server([&](Request, ResponseWriter& writer) -> rt::Task<void> {
    std::ignore = co_await writer.start({});
    for (const char* piece : {"a", "b", "c"}) {
      std::ignore = co_await writer.write(piece);
      std::ignore = co_await more.wait();
      more.reset();
    }
    std::ignore = co_await writer.finish();
  });
  with_client(server.endpoint(), [&](Client& client) -> rt::Task<void> {
    auto answer = co_await client.send(get("/"), soon());
    if (!answer) co_return;
    for (const char* want : {"a", "b", "c"}) {
      const auto piece = co_await (*answer)->read(soon());
      EXPECT_TRUE(piece.has_value() && *piece == want);
      more.set();
    }
    const auto end = co_await (*answer)->read(soon());
    EXPECT_TRUE(end.has_value() && end->empty());
  });
}

TEST(Client, aReadThatWasGivenUpCanBeRepeated) {
  rt::SignalFlag more;
  TestServer server([&](Request, ResponseWriter& writer) -> rt::Task<void> {
    std::ignore = co_await writer.start({});
    std::ignore = co_await more.wait();
    std::ignore = co_await writer.write("late");
    std::ignore = co_await writer.finish();
  });
  with_client(server.endpoint(), [&](Client& client) -> rt::Task<void> {
    auto answer = co_await client.send(get("/"), soon());
    if (!answer) co_return;
    const auto early = co_await (*answer)->read(base::Deadline::after(1ms));
    EXPECT_TRUE(!early.has_value() && early.error().code == ErrorCode::kTimeout);
    const auto cancelled = co_await rt::with_deadline((*answer)->read(), base::Deadline::after(1ms));
    EXPECT_FALSE(cancelled.has_value());
    more.set();
    const auto piece = co_await (*answer)->read(soon());
    EXPECT_TRUE(piece.has_value() && *piece == "late");
  });
}

TEST(Client, droppingAnAnswerTellsTheServer) {
  std::promise<CancelReason> ended;
  TestServer server([&](Request, ResponseWriter& writer) -> rt::Task<void> {
    struct AtEnd {
      std::promise<CancelReason>& ended;
      ResponseWriter& writer;
      ~AtEnd() { ended.set_value(writer.reason()); }
    } at_end{ended, writer};
    std::ignore = co_await writer.start({});
    co_await rt::sleep_for(std::chrono::hours(1));
  });
  with_client(server.endpoint(), [&](Client& client) -> rt::Task<void> {
    auto answer = co_await client.send(get("/"), soon());
    EXPECT_TRUE(answer.has_value());
    answer->reset();
    auto reason = ended.get_future();
    EXPECT_EQ(value_of(reason), CancelReason::kClientGone);
  });
}

TEST(Client, aDeadlineEndsTheWait) {
  TestServer server([](Request, ResponseWriter&) -> rt::Task<void> { co_await rt::sleep_for(std::chrono::hours(1)); });
  with_client(server.endpoint(), [](Client& client) -> rt::Task<void> {
    const auto answer = co_await client.fetch(get("/"), base::Deadline::after(20ms));
    EXPECT_TRUE(!answer.has_value() && answer.error().code == ErrorCode::kTimeout);
  });
  EXPECT_TRUE(server.wait_for([](const ServerStats& s) { return s.clients_gone == 1; }));
}

TEST(Client, canBeCancelledAtAnyPoint) {
  TestServer server([](Request, ResponseWriter&) -> rt::Task<void> { co_await rt::sleep_for(std::chrono::hours(1)); });
  with_client(server.endpoint(), [](Client& client) -> rt::Task<void> {
    for (int i = 0; i < 30; ++i) {
      const auto answer = co_await rt::with_deadline(client.fetch(get("/"), {}),
                                                     base::Deadline::after(std::chrono::microseconds(50 * i)));
      EXPECT_FALSE(answer.has_value());
    }
  });
  EXPECT_TRUE(server.wait_for([](const ServerStats& s) { return s.connections_open == 0; }));
}

TEST(Client, namesWhoDoesNotAnswer) {
  Endpoint nobody;
  nobody.unix_path = "/nonexistent/socket";
  with_client(nobody, [](Client& client) -> rt::Task<void> {
    const auto answer = co_await client.fetch(get("/"), soon());
    EXPECT_TRUE(!answer.has_value() && answer.error().code == ErrorCode::kUnavailable);
    EXPECT_NE(answer.error().message.find("unix:/nonexistent/socket"), std::string::npos);
  });
}

TEST(Client, aConnectionClosedWhileIdleIsReplacedOnce) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  Scripted server({ok, ok, ok});
  with_client(server.endpoint(), [](Client& client) -> rt::Task<void> {
    for (int i = 0; i < 3; ++i) {
      const auto answer = co_await client.fetch(get("/"), soon());
      EXPECT_TRUE(answer.has_value() && answer->body == "ok") << (answer ? "" : answer.error().message);
    }
  });
}

TEST(Client, whatWasReadAndNotAnsweredIsSentAgainOnlyIfThatIsHarmless) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  for (const bool resend : {true, false}) {
    Scripted server(resend ? std::vector{ok + "|", ok} : std::vector{ok + "|"});
    with_client(server.endpoint(),
                [&](Client& client) -> rt::Task<void> {
                  EXPECT_TRUE((co_await client.fetch(get("/"), soon())).has_value());
                  const auto answer = co_await client.fetch(get("/"), soon());
                  EXPECT_EQ(answer.has_value(), resend);
                  if (!resend) EXPECT_EQ(answer.error().code, ErrorCode::kStreamCut);
                },
                {.resend = resend});
  }
}

TEST(Client, aFreshConnectionIsNotRetried) {
  Scripted server({""});
  with_client(server.endpoint(), [](Client& client) -> rt::Task<void> {
    const auto answer = co_await client.fetch(get("/"), soon());
    EXPECT_TRUE(!answer.has_value() && answer.error().code == ErrorCode::kStreamCut);
  });
}

TEST(Client, cutsAreSeen) {
  const std::vector<std::string> cut{
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nha",
      "HTTP/1.1 200 O",
  };
  Scripted server(cut);
  with_client(server.endpoint(), [&](Client& client) -> rt::Task<void> {
    for (std::size_t i = 0; i < cut.size(); ++i) {
      const auto answer = co_await client.fetch(get("/"), soon());
      EXPECT_TRUE(!answer.has_value() && answer.error().code == ErrorCode::kStreamCut) << cut[i];
    }
  });
}

TEST(Client, readsEveryKindOfAnswer) {
  struct Row {
    std::string answer;
    int status;
    std::string body;
  };
  const std::vector<Row> rows{
      {"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x"},
      {"HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
      {"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 404, "no"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, ""},
  };
  std::vector<std::string> answers;
  for (const Row& row : rows) answers.push_back(row.answer);
  Scripted server(answers);
  with_client(server.endpoint(), [&](Client& client) -> rt::Task<void> {
    for (const Row& row : rows) {
      const auto answer = co_await client.fetch(get("/"), soon());
      EXPECT_TRUE(answer.has_value() && answer->status == row.status && answer->body == row.body) << row.answer;
    }
  });
}

TEST(Client, refusesWhatIsNotHttpAndWhatIsTooLarge) {
  Scripted server({"SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x')});
  with_client(server.endpoint(), [](Client& client) -> rt::Task<void> {
    const auto nonsense = co_await client.fetch(get("/"), soon());
    EXPECT_TRUE(!nonsense.has_value() && nonsense.error().code == ErrorCode::kBackendError);
    const auto large = co_await client.fetch(get("/"), soon(), base::Bytes{99});
    EXPECT_TRUE(!large.has_value() && large.error().code == ErrorCode::kPayloadTooLarge);
  });
}

TEST(Client, anEarlyRefusalIsRead) {
  TestServer server([](Request, ResponseWriter& writer) { return reply(writer, "ok"); });
  server.service.body_max = base::Bytes{10};
  with_client(server.endpoint(), [](Client& client) -> rt::Task<void> {
    Request request = post("/", std::string(10'000'000, 'x'));
    const auto answer = co_await client.fetch(std::move(request), soon());
    EXPECT_TRUE(answer.has_value() && answer->status == 413);
  });
}

TEST(Client, checksCertificates) {
  TestServer server([](Request, ResponseWriter& writer) { return reply(writer, "ok"); }, {}, Transport::kTls);
  with_client(server.endpoint(), [](Client& client) -> rt::Task<void> {
    const auto answer = co_await client.fetch(get("/"), soon());
    EXPECT_TRUE(!answer.has_value() && answer.error().code == ErrorCode::kUnavailable);
  });
  ClientOptions lax;
  lax.verify_tls = false;
  with_client(
      server.endpoint(),
      [](Client& client) -> rt::Task<void> {
        const auto answer = co_await client.fetch(get("/"), soon());
        EXPECT_TRUE(answer.has_value() && answer->body == "ok");
      },
      lax);
}

}  // namespace
}  // namespace hearth::http::test
