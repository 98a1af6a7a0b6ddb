#include "store/fetch/send.hpp"

#include <atomic>
#include <gtest/gtest.h>

#include "store/fetch/digest.hpp"
#include "store/fetch/testing/file_server.hpp"
#include "store/test_folder.hpp"

namespace hearth::store::fetch {
namespace {

using testing::FileServer;
using testing::Reply;
using testing::Seen;
using namespace std::chrono_literals;

const Net kQuick{.retry = {.attempts_max = 4, .first = 1ms, .longest = 2ms}};

std::string sha256(const std::string& content) {
  Hasher hasher(Digest::Kind::kSha256, content.size());
  hasher.add(content);
  return hasher.finish().hex;
}

Outgoing request(const FileServer& server, std::string method, Body body = {}) {
  return {.method = std::move(method),
          .call = [&server] { return Call{.url = server.url("/k?x=1"), .headers = {"x-a: b"}}; },
          .body = std::move(body)};
}

TEST(Send, EveryMethod) {
  const FileServer server([](const Seen& seen) { return Reply{.headers = {"ETag: \"e\""}, .content = seen.body}; });
  for (const auto* method : {"GET", "HEAD", "PUT", "POST", "DELETE"}) {
    const std::string sent = *method == 'P' ? "a text" : "";
    const auto answer = send(request(server, method, {.text = sent}), {.net = kQuick});
    ASSERT_TRUE(answer) << method << ": " << answer.error().message;
    EXPECT_EQ(answer->status, 200) << method;
    EXPECT_EQ(answer->headers.at("etag"), "\"e\"") << method;
    EXPECT_EQ(answer->body, sent) << method;
    const Seen seen = server.requests().back();
    EXPECT_EQ(seen.method, method);
    EXPECT_EQ(seen.path, "/k?x=1");
    EXPECT_EQ(seen.header("x-a"), "b");
  }
  ASSERT_TRUE(send(request(server, "PUT"), {.net = kQuick}));
  EXPECT_EQ(server.requests().back().header("content-length"), "0");
}

TEST(Send, APartOfAFile) {
  const TestFolder folder;
  std::string content;
  for (int i = 0; content.size() < 3'000'000; ++i) content += std::to_string(i);
  const auto file = folder.touch("f", content);
  const FileServer server([](const Seen&) { return Reply{}; });
  std::uint64_t sent = 0;
  const auto answer = send(request(server, "PUT", {.file = file, .offset = 1000, .size = 2'500'000}),
                           {.net = kQuick, .on_sent = [&](std::uint64_t n) { sent = n; }});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(server.requests().back().body == content.substr(1000, 2'500'000));
  EXPECT_EQ(sent, 2'500'000U);
  const Body known{.file = file, .offset = 1000, .size = 2'500'000, .sha256 = sha256(content.substr(1000, 2'500'000))};
  ASSERT_TRUE(send(request(server, "PUT", known), {.net = kQuick}));
  const auto missing = send(request(server, "PUT", {.file = folder.path() / "none", .size = 1}), {.net = kQuick});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kIo);
  const auto shorter = send(request(server, "PUT", {.file = file, .size = content.size() + 1}), {.net = kQuick});
  ASSERT_FALSE(shorter);
  EXPECT_EQ(shorter.error().code, ErrorCode::kIo);
  EXPECT_NE(shorter.error().message.find("shorter"), std::string::npos) << shorter.error().message;
}

TEST(Send, TheEndOfAChangedFileIsKeptBack) {
  const TestFolder folder;
  for (const std::size_t size : {1UL, 1000UL, 3'000'000UL}) {
    const auto file = folder.touch("f", std::string(size, 'b'));
    const FileServer server([](const Seen&) { return Reply{}; });
    const Body body{.file = file, .size = size, .sha256 = sha256(std::string(size, 'a'))};
    const auto sent = send(request(server, "PUT", body), {.net = kQuick});
    ASSERT_FALSE(sent) << size;
    EXPECT_EQ(sent.error().code, ErrorCode::kConflict) << sent.error().message;
    EXPECT_NE(sent.error().message.find("has changed"), std::string::npos) << sent.error().message;
    for (const auto& seen : server.requests()) EXPECT_LT(seen.body.size(), size);
  }
}

TEST(Send, TransientFailuresAreTriedAgain) {
  const TestFolder folder;
  const auto file = folder.touch("f", std::string(200'000, 'x'));
  std::atomic<int> count = 0;
  const FileServer server([&](const Seen&) -> Reply {
    switch (++count) {
      case 1: return {.no_answer = true};
      case 2: return {.status = 503};
      case 3: return {.status = 400, .content = "again"};
      default: return {.content = "done"};
    }
  });
  int calls = 0;
  int troubles = 0;
  auto outgoing = request(server, "PUT", {.file = file, .size = 200'000, .sha256 = sha256(std::string(200'000, 'x'))});
  outgoing.call = [&] {
    ++calls;
    return Call{.url = server.url("/"), .headers = {}};
  };
  const auto answer = send(outgoing, {.net = kQuick,
                                      .try_again = [](const Answer& a) { return a.body == "again"; },
                                      .on_trouble = [&](const std::string&) { ++troubles; }});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "done");
  EXPECT_EQ(calls, 4) << "headers are made for each attempt";
  EXPECT_EQ(troubles, 3);
  EXPECT_EQ(server.requests().back().body.size(), 200'000U);
}

TEST(Send, FailuresForGood) {
  const FileServer refusing([](const Seen&) { return Reply{.status = 403, .content = "no"}; });
  const auto refused = send(request(refusing, "PUT", {.text = "x"}), {.net = kQuick});
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 403);
  EXPECT_EQ(refusing.requests().size(), 1U);
  const FileServer busy([](const Seen&) { return Reply{.status = 503}; });
  EXPECT_EQ(send(request(busy, "GET"), {.net = kQuick})->status, 503);
  EXPECT_EQ(busy.requests().size(), 4U);
  const FileServer silent([](const Seen&) { return Reply{.no_answer = true}; });
  const auto nobody = send(request(silent, "GET"), {.net = kQuick});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(nobody.error().message.find("x=1"), std::string::npos) << "queries may be secrets";
  const FileServer chatty([](const Seen&) { return Reply{.content = std::string(2000, 'x')}; });
  const auto large = send(request(chatty, "GET"), {.net = kQuick, .answer_max = 1000});
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::kPayloadTooLarge);
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = send(request(busy, "GET"), {.net = kQuick, .stop = stop.get_token()});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace hearth::store::fetch
