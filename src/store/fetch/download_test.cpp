#include "store/fetch/download.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <mutex>
#include <random>

#include "base/files.hpp"
#include "store/fetch/testing/file_server.hpp"
#include "store/test_folder.hpp"

namespace hearth::store::fetch {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::FileServer;
using testing::Reply;
using testing::Seen;

std::string random_bytes(std::size_t count, std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::string out(count, '\0');
  for (auto& c : out) c = static_cast<char>(random());
  return out;
}

Digest sha256(std::string_view content) {
  Hasher hasher(Digest::Kind::kSha256, content.size());
  hasher.add(content);
  return hasher.finish();
}

// Small pieces and no waiting, so that small files meet everything that large ones do.
DownloadOptions quick() {
  DownloadOptions out;
  out.piece_min_bytes = 4 << 10;
  out.piece_max_bytes = 64 << 10;
  out.piece_first_bytes = 64 << 10;
  out.record_bytes = 1 << 10;
  out.net.retry = {.attempts_max = 4, .first = 1ms, .longest = 2ms};
  out.net.stall = 5s;
  return out;
}

class Download : public ::testing::Test {
 protected:
  [[nodiscard]] File file(const FileServer& server, const std::string& name, const std::string& content) const {
    return {.urls = {server.url("/" + name)},
            .headers = {},
            .path = folder_.path() / name,
            .size = content.size(),
            .digest = sha256(content)};
  }
  [[nodiscard]] std::string on_disk(const std::string& name) const {
    const auto text = base::read_file(folder_.path() / name);
    return text ? *text : "(absent)";
  }
  // Nothing but the finished file is left.
  [[nodiscard]] std::size_t files_left() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }
  TestFolder folder_;
};

TEST_F(Download, InParallelRanges) {
  const std::string content = random_bytes(1 << 20);
  const FileServer server([&](const Seen&) { return Reply{.content = content}; });
  const File wish = file(server, "a.bin", content);
  Progress last;
  auto options = quick();
  options.on_progress = [&](const Progress& p) { last = p; };
  const auto done = download({&wish, 1}, options);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->at(0).size, content.size());
  EXPECT_EQ(done->at(0).digest, sha256(content));
  EXPECT_TRUE(on_disk("a.bin") == content);
  EXPECT_EQ(files_left(), 1U);
  EXPECT_EQ(server.bytes_sent(), content.size()) << "a byte came twice";
  EXPECT_GT(server.connections_max(), 1);
  EXPECT_EQ(last.present, content.size());
  EXPECT_EQ(last.verified, content.size());
  EXPECT_EQ(last.total, content.size());
}

TEST_F(Download, SeveralFilesAndEmptyOnes) {
  std::map<std::string, std::string> contents{
      {"a", random_bytes(300'000)}, {"b", ""}, {"c", "x"}, {"sub/d", random_bytes(70'000, 3)}};
  const FileServer server([&](const Seen& seen) { return Reply{.content = contents.at(seen.path.substr(1))}; });
  std::vector<File> wishes;
  for (const auto& [name, content] : contents) {
    wishes.push_back(file(server, name, content));
    if (name == "b") wishes.back().size.reset();  // found out to be empty
  }
  const auto done = download(wishes, quick());
  ASSERT_TRUE(done) << done.error().message;
  for (const auto& [name, content] : contents) EXPECT_TRUE(on_disk(name) == content) << name;
}

// How a server may be, with what is published about the file.
struct Way {
  const char* name;
  bool size;
  bool digest;
  Reply reply;
};

TEST_F(Download, FromServersOfEveryKind) {
  const std::string content = random_bytes(200'000);
  const Way ways[] = {
      {"ranges, size and digest", true, true, {}},
      {"no digest", true, false, {}},
      {"no size", false, true, {}},
      {"nothing published", false, false, {}},
      {"an etag", false, false, {.headers = {"ETag: \"v1\""}}},
      {"no ranges", true, true, {.ranges = false}},
      {"no ranges, nothing published", false, false, {.ranges = false}},
      {"no length either", false, false, {.ranges = false, .no_length = true}},
      {"no length, known size", true, true, {.ranges = false, .no_length = true}},
  };
  for (const auto& way : ways) {
    Reply reply = way.reply;
    reply.content = content;
    const FileServer server([&](const Seen&) { return reply; });
    File wish = file(server, "a.bin", content);
    if (!way.size) wish.size.reset();
    if (!way.digest) wish.digest = {};
    const auto done = download({&wish, 1}, quick());
    ASSERT_TRUE(done) << way.name << ": " << done.error().message;
    EXPECT_EQ(done->at(0).digest, sha256(content)) << way.name;
    EXPECT_TRUE(on_disk("a.bin") == content) << way.name;
    EXPECT_EQ(files_left(), 1U) << way.name;
    fs::remove(folder_.path() / "a.bin");
  }
}

// Faults that go away: each request fails with probability 1/2, in every way there is.
TEST_F(Download, GoesOnAfterFaults) {
  const std::string content = random_bytes(400'000);
  std::mutex mutex;
  std::mt19937 random(5);
  const FileServer server([&](const Seen&) {
    const std::scoped_lock lock(mutex);
    Reply reply{.content = content};
    switch (random() % 14) {
      case 0: return Reply{.status = 503, .headers = {"Retry-After: 0"}};
      case 1: return Reply{.status = 429};
      case 2: return Reply{.no_answer = true};
      case 3: return Reply{.status = 500, .content = "<html>oops</html>"};
      case 4:
      case 5:
      case 6: reply.cut_after = random() % 4000; return reply;
      default: return reply;
    }
  });
  const File wish = file(server, "a.bin", content);
  auto options = quick();
  options.net.retry.attempts_max = 100;
  const auto done = download({&wish, 1}, options);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(on_disk("a.bin") == content);
}

struct Refusal {
  const char* name;
  Reply reply;
  ErrorCode code;
  const char* says;
};

TEST_F(Download, ErrorsSayWhatIsWrong) {
  const std::string content = random_bytes(100'000);
  const Refusal refusals[] = {
      {"absent", {.status = 404, .content = "no"}, ErrorCode::kNotFound, "127.0.0.1 answered 404"},
      {"no key", {.status = 401}, ErrorCode::kUnauthorized, "answered 401"},
      {"gated", {.status = 403}, ErrorCode::kForbidden, "answered 403"},
      {"odd", {.status = 418}, ErrorCode::kBackendError, "answered 418"},
      {"broken", {.status = 503}, ErrorCode::kBackendError, "answered 503 (4 attempts)"},
      {"limited for long",
       {.status = 429, .headers = {"Retry-After: 86400"}},
       ErrorCode::kRateLimited,
       "asks to wait 86400 s"},
      {"dead", {.no_answer = true}, ErrorCode::kUnavailable, "(4 attempts)"},
      {"another length",
       {.content = random_bytes(99'999)},
       ErrorCode::kBackendError,
       "99999 bytes there, and 100000 were announced"},
      {"another length, no ranges",
       {.content = random_bytes(99'999), .ranges = false},
       ErrorCode::kBackendError,
       "were announced"},
      {"another content", {.content = random_bytes(100'000, 9)}, ErrorCode::kBackendError, "nothing of it was kept"},
      {"compressed",
       {.headers = {"Content-Encoding: gzip"}, .content = content},
       ErrorCode::kBackendError,
       "is sent as gzip"},
      {"always too short", {.content = content, .ranges = false, .cut_after = 0}, ErrorCode::kUnavailable, "attempts"},
      {"cut at the same place, no ranges",
       {.content = content, .ranges = false, .cut_after = 5000},
       ErrorCode::kUnavailable,
       "attempts"},
      {"redirect loop",
       {.status = 302, .headers = {"Location: /a.bin"}},
       ErrorCode::kBackendError,
       "redirects without end"},
      {"to a file",
       {.status = 302, .headers = {"Location: file:///etc/passwd"}},
       ErrorCode::kForbidden,
       "is not followed"},
  };
  for (const auto& refusal : refusals) {
    const FileServer server([&](const Seen&) { return refusal.reply; });
    const File wish = file(server, "a.bin", content);
    const auto done = download({&wish, 1}, quick());
    ASSERT_FALSE(done) << refusal.name;
    EXPECT_EQ(done.error().code, refusal.code) << refusal.name << ": " << done.error().message;
    EXPECT_NE(done.error().message.find(refusal.says), std::string::npos)
        << refusal.name << ": " << done.error().message;
    EXPECT_NE(done.error().message.find("a.bin"), std::string::npos) << refusal.name << ": " << done.error().message;
    EXPECT_EQ(on_disk("a.bin"), "(absent)") << refusal.name;
    EXPECT_EQ(fs::exists(folder_.path() / "a.bin.partial"), fs::exists(folder_.path() / "a.bin.partial.json"))
        << refusal.name << ": only what a later one can go on from stays";
  }
}

// The first failure ends all; what had not begun takes no space.
TEST_F(Download, AFailureLeavesOnlyWhatHasCome) {
  const std::string content = random_bytes(300'000);
  const FileServer server([&](const Seen& seen) {
    return seen.path == "/b.bin" ? Reply{.status = 403} : Reply{.status = 503, .headers = {"Retry-After: 9999"}};
  });
  const std::vector<File> wishes{file(server, "a.bin", content), file(server, "b.bin", content)};
  ASSERT_FALSE(download(wishes, quick()));
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(Download, WhatHasNoSizeHasALimit) {
  const std::string content = random_bytes(300'000);
  const FileServer server([&](const Seen&) { return Reply{.content = content, .ranges = false, .no_length = true}; });
  File wish = file(server, "a.bin", content);
  wish.size.reset();
  wish.digest = {};
  auto how = quick();
  how.size_max = 299'999;
  const auto done = download({&wish, 1}, how);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kPayloadTooLarge) << done.error().message;
  EXPECT_TRUE(fs::is_empty(folder_.path())) << "nothing could go on from there";
}

TEST_F(Download, SecretsStayWithTheirOrigin) {
  const std::string content = random_bytes(150'000);
  const FileServer store([&](const Seen&) { return Reply{.content = content}; });
  const FileServer hub(
      [&](const Seen&) { return Reply{.status = 302, .headers = {"Location: " + store.url("/blob?sig=1")}}; });
  File wish = file(hub, "a.bin", content);
  wish.headers = {"authorization: Bearer secret"};
  const auto done = download({&wish, 1}, quick());
  ASSERT_TRUE(done) << done.error().message;
  for (const auto& seen : hub.requests()) EXPECT_EQ(seen.header("authorization"), "Bearer secret");
  for (const auto& seen : store.requests()) EXPECT_EQ(seen.header("authorization"), "");
  EXPECT_EQ(hub.requests().size(), 1U) << "the address behind a redirect is asked for once";
}

TEST_F(Download, AnExpiredAddressIsAskedForAgain) {
  const std::string content = random_bytes(600'000);
  std::atomic<int> good_for{5};
  std::atomic<int> version{0};
  const FileServer store([&](const Seen& seen) {
    if (seen.path != "/blob" + std::to_string(version.load()) || --good_for < 0) return Reply{.status = 403};
    return Reply{.content = content};
  });
  const FileServer hub([&](const Seen&) {
    good_for = 5;
    return Reply{.status = 307, .headers = {"Location: " + store.url("/blob" + std::to_string(++version))}};
  });
  const File wish = file(hub, "a.bin", content);
  const auto done = download({&wish, 1}, quick());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(on_disk("a.bin") == content);
  EXPECT_GT(version, 1);
}

TEST_F(Download, TheNextMirrorHelps) {
  const std::string content = random_bytes(50'000);
  const FileServer bad([&](const Seen&) { return Reply{.content = random_bytes(50'000, 2)}; });
  const FileServer absent([&](const Seen&) { return Reply{.status = 404}; });
  const FileServer good([&](const Seen&) { return Reply{.content = content}; });
  File wish = file(bad, "a.bin", content);
  const FileServer shorter([&](const Seen&) { return Reply{.content = content.substr(1)}; });
  wish.urls = {absent.url("/a.bin"), shorter.url("/a.bin"), bad.url("/a.bin"), good.url("/a.bin")};
  const auto done = download({&wish, 1}, quick());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(on_disk("a.bin") == content);
}

// A server whose `after`-th request since reset() stops the download: some pieces are there then, and never all.
class StoppingServer {
 public:
  StoppingServer(FileServer::Handler handler, int after)
      : after_(after), server([this, handler = std::move(handler)](const Seen& seen) {
          if (++requests_ == after_) stop_.request_stop();
          return handler(seen);
        }) {}
  DownloadOptions options() {
    requests_ = 0;
    stop_ = std::stop_source();
    auto out = quick();
    out.stop = stop_.get_token();
    return out;
  }
  void stop_no_more() { after_ = -1; }

 private:
  std::atomic<int> requests_{0};
  std::atomic<int> after_;
  std::stop_source stop_;

 public:
  FileServer server;  // last: its threads use the rest
};

// Sum of the ranges of `path` asked for.
std::uint64_t bytes_asked(const std::vector<Seen>& requests, std::string_view path) {
  std::uint64_t out = 0;
  for (const auto& seen : requests) {
    unsigned long long begin = 0;
    unsigned long long last = 0;
    if (seen.path == path && std::sscanf(seen.header("range").c_str(), "bytes=%llu-%llu", &begin, &last) == 2)
      out += last - begin + 1;
  }
  return out;
}

// The next call fetches what is missing and nothing else.
TEST_F(Download, ResumesAfterAStop) {
  const std::string content = random_bytes(1 << 20);
  StoppingServer stopping([&](const Seen&) { return Reply{.content = content}; }, 4);
  File wish = file(stopping.server, "a.bin", content);
  for (int round = 0; round < 3; ++round) {
    auto options = stopping.options();
    options.connections = 2;
    const auto done = download({&wish, 1}, options);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kCancelled);
    EXPECT_EQ(on_disk("a.bin"), "(absent)");
  }
  stopping.stop_no_more();
  Progress first;
  auto options = quick();
  options.on_progress = [&](const Progress& p) {
    if (first.total == 0) first = p;
  };
  wish.urls = {stopping.server.url("/rest")};  // requests of a download that was stopped may still be on their way
  const auto done = download({&wish, 1}, options);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(on_disk("a.bin") == content);
  EXPECT_GT(first.resumed, 0U);
  EXPECT_EQ(bytes_asked(stopping.server.requests(), "/rest"), content.size() - first.resumed);
}

// honest: the server looks at If-Range.
void another_content_is_not_mixed_in(bool honest, std::size_t new_size, const std::filesystem::path& folder) {
  const std::string old_content = random_bytes(300'000, 1);
  const std::string new_content = random_bytes(new_size, 2);
  std::atomic<bool> is_new{false};
  StoppingServer stopping(
      [&](const Seen& seen) {
        const std::string etag = is_new ? "\"new\"" : "\"old\"";
        Reply reply{.headers = {"ETag: " + etag}, .content = is_new ? new_content : old_content};
        const std::string only_if = seen.header("if-range");
        if (honest && !only_if.empty() && only_if != etag) reply.ranges = false;
        return reply;
      },
      4);
  const File wish{
      .urls = {stopping.server.url("/a.bin")}, .headers = {}, .path = folder / "a.bin", .size = {}, .digest = {}};
  ASSERT_FALSE(download({&wish, 1}, stopping.options()));
  stopping.stop_no_more();
  is_new = true;
  const auto done = download({&wish, 1}, quick());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(*base::read_file(wish.path) == new_content);
}

TEST_F(Download, AnotherContentIsNotMixedIn) { another_content_is_not_mixed_in(true, 300'000, folder_.path()); }
TEST_F(Download, AnotherSizeIsNotMixedIn) { another_content_is_not_mixed_in(true, 200'000, folder_.path()); }
TEST_F(Download, NorWhereIfRangeIsIgnored) { another_content_is_not_mixed_in(false, 300'000, folder_.path()); }
TEST_F(Download, NorOfAnotherSizeWhereIfRangeIsIgnored) {
  another_content_is_not_mixed_in(false, 250'000, folder_.path());
}

// Nothing ties the pieces together: the second answer is another file, and shorter.
TEST_F(Download, WholeAnswersAreNotMixedEither) {
  const std::string first = random_bytes(20'000, 1);
  const std::string second = random_bytes(10'000, 2);
  std::atomic<int> requests{0};
  const FileServer server([&](const Seen&) {
    return ++requests == 1 ? Reply{.content = first, .ranges = false, .cut_after = 15'000}
                           : Reply{.content = second, .ranges = false};
  });
  const File wish{
      .urls = {server.url("/a.bin")}, .headers = {}, .path = folder_.path() / "a.bin", .size = {}, .digest = {}};
  const auto done = download({&wish, 1}, quick());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(on_disk("a.bin") == second);
  EXPECT_EQ(done->at(0).digest, sha256(second));
}

TEST_F(Download, DamageOnDiskIsFetchedAgain) {
  const std::string content = random_bytes(300'000);
  StoppingServer stopping([&](const Seen&) { return Reply{.content = content}; }, 4);
  const File wish = file(stopping.server, "a.bin", content);
  ASSERT_FALSE(download({&wish, 1}, stopping.options()));
  {
    std::fstream partial(folder_.path() / "a.bin.partial", std::ios::in | std::ios::out | std::ios::binary);
    partial.put(static_cast<char>(content[0] + 1));
  }
  stopping.stop_no_more();
  const auto done = download({&wish, 1}, quick());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(on_disk("a.bin") == content);
}

}  // namespace
}  // namespace hearth::store::fetch
