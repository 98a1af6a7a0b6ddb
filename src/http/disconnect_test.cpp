#include <array>
#include <gtest/gtest.h>
#include <stop_token>
#include <thread>

#include "http/test_support.hpp"
#include "rt/signal_flag.hpp"

namespace hearth::http::test {
namespace {

enum class Stage { kBeforeFirstByte, kIdleStream, kBusyStream };
enum class Leaving { kFin, kReset, kCloseNotify, kHalfClose };

struct Row {
  Transport transport;
  Stage stage;
  Leaving leaving;
};

std::string name_of(const Row& row) {
  constexpr std::array<const char*, 3> kStages{"BeforeFirstByte", "IdleStream", "BusyStream"};
  constexpr std::array<const char*, 4> kLeavings{"Fin", "Reset", "CloseNotify", "HalfClose"};
  return to_string(row.transport) + kStages.at(static_cast<std::size_t>(row.stage)) +
         kLeavings.at(static_cast<std::size_t>(row.leaving));
}

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const auto transport : {Transport::kTcp, Transport::kTls, Transport::kUnix}) {
    for (const auto stage : {Stage::kBeforeFirstByte, Stage::kIdleStream, Stage::kBusyStream}) {
      for (const auto leaving : {Leaving::kFin, Leaving::kReset, Leaving::kCloseNotify, Leaving::kHalfClose}) {
        if (leaving == Leaving::kCloseNotify && transport != Transport::kTls) continue;
        if (leaving == Leaving::kReset && transport == Transport::kUnix) continue;
        rows.push_back({transport, stage, leaving});
      }
    }
  }
  return rows;
}

// What the handler saw, told from its destructors.
struct Witness {
  std::promise<void> at_work;
  std::promise<CancelReason> unwound;
  std::promise<void> stop_requested;
};

rt::Task<void> work(Stage stage, ResponseWriter& writer, Witness& witness) {
  struct AtEnd {
    Witness& witness;
    ResponseWriter& writer;
    ~AtEnd() { witness.unwound.set_value(writer.reason()); }
  } at_end{witness, writer};
  const std::stop_callback on_stop(writer.gone(), [&] { witness.stop_requested.set_value(); });
  if (stage != Stage::kBeforeFirstByte) {
    std::ignore = co_await writer.start({});
    std::ignore = co_await writer.write("first");
  }
  witness.at_work.set_value();
  while (stage == Stage::kBusyStream) {
    std::string chunk(10'000, 'x');
    const auto sent = co_await writer.write(std::move(chunk));
    if (!sent) co_return;
  }
  co_await rt::sleep_for(std::chrono::hours(1));
}

void leave(RawClient& client, Leaving leaving) {
  switch (leaving) {
    case Leaving::kFin: client.close(); break;
    case Leaving::kReset: client.reset(); break;
    case Leaving::kCloseNotify: client.close_notify(); break;
    case Leaving::kHalfClose: client.half_close(); break;
  }
}

class Disconnect : public testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Matrix, Disconnect, testing::ValuesIn(all_rows()),
                         [](const auto& info) { return name_of(info.param); });

TEST_P(Disconnect, cancelsTheHandler) {
  const Row row = GetParam();
  Witness witness;
  auto at_work = witness.at_work.get_future();
  auto unwound = witness.unwound.get_future();
  auto stopped = witness.stop_requested.get_future();
  TestServer server([&](Request, ResponseWriter& writer) { return work(row.stage, writer, witness); }, {},
                    row.transport);
  RawClient client(server.endpoint());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
  ASSERT_EQ(at_work.wait_for(kPatience), std::future_status::ready);
  leave(client, row.leaving);
  EXPECT_EQ(value_of(unwound), CancelReason::kClientGone);
  EXPECT_EQ(stopped.wait_for(kPatience), std::future_status::ready);
  EXPECT_TRUE(server.wait_for([](const ServerStats& s) { return s.clients_gone == 1 && s.connections_open == 0; }));
}

TEST(ReadAhead, bytesOfTheNextRequestAreKept) {
  rt::SignalFlag go_on;
  std::promise<void> arrived;
  TestServer server([&](Request request, ResponseWriter& writer) -> rt::Task<void> {
    if (request.path == "/first") {
      arrived.set_value();
      std::ignore = co_await go_on.wait();
    }
    std::string answer = request.path + " " + request.body;
    co_await reply(writer, std::move(answer));
  });
  RawClient client(server.endpoint());
  client.send("GET /first HTTP/1.1\r\nHost: x\r\n\r\n");
  arrived.get_future().wait();
  client.send_in_pieces("POST /second HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 7);
  go_on.set();
  EXPECT_TRUE(client.read_response().ends_with("/first "));
  EXPECT_TRUE(client.read_response().ends_with("/second hello"));
}

TEST(ReadAhead, stopsAtItsLimit) {
  Limits limits;
  limits.read_ahead_max = base::Bytes{4096};
  rt::SignalFlag go_on;
  std::promise<void> arrived;
  TestServer server(
      [&](Request request, ResponseWriter& writer) -> rt::Task<void> {
        if (request.path == "/first") {
          arrived.set_value();
          std::ignore = co_await go_on.wait();
        }
        std::string size = std::to_string(request.body.size());
        co_await reply(writer, std::move(size));
      },
      limits);
  server.service.body_max = base::Bytes{100ULL << 20};
  RawClient client(server.endpoint());
  client.send("GET /first HTTP/1.1\r\nHost: x\r\n\r\n");
  arrived.get_future().wait();
  const std::string body(50'000'000, 'z');
  std::thread sender([&] {
    client.send("POST /second HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n");
    client.send(body);
  });
  go_on.set();
  EXPECT_TRUE(client.read_response().ends_with("\r\n\r\n0"));
  EXPECT_TRUE(client.read_response().ends_with("\r\n\r\n50000000"));
  sender.join();
}

}  // namespace
}  // namespace hearth::http::test
