#include "store/provision/s3_push.hpp"

#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>
#include <latch>
#include <map>
#include <mutex>

#include "store/fetch/testing/file_server.hpp"
#include "store/test_folder.hpp"

namespace hearth::store::provision {
namespace {

using fetch::testing::FileServer;
using fetch::testing::Reply;
using fetch::testing::Seen;

const base::SystemClock kClock;

// A bucket "b" that keeps what is put into it.
class Bucket {
 public:
  Bucket() : server_([this](const Seen& seen) { return answer(seen); }) {}

  [[nodiscard]] S3Client client() const {
    return {{.credentials = {.access_key = "a", .secret_key = "b"},
             .endpoint = server_.url(""),
             .net = {.retry = {.attempts_max = 2, .first = std::chrono::milliseconds(1)}}},
            kClock};
  }
  [[nodiscard]] std::size_t count(const std::string& method, const std::string& part = "") const {
    std::size_t out = 0;
    for (const auto& seen : server_.requests()) out += seen.method == method && seen.path.contains(part) ? 1 : 0;
    return out;
  }
  [[nodiscard]] std::string content(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    const auto it = objects_.find(key);
    return it == objects_.end() ? std::string() : it->second.content;
  }
  std::string refuse;                         // requests whose address has this in it
  std::function<void(const Seen&)> before{};  // every answer

 private:
  struct Object {
    std::string content;
    std::string digest;
  };
  Reply answer(const Seen& seen) {
    if (before) before(seen);
    const std::scoped_lock lock(mutex_);
    const auto question = seen.path.find('?');
    const std::string key = seen.path.substr(3, question - 3);
    const std::string query = question == std::string::npos ? "" : seen.path.substr(question + 1);
    if (!refuse.empty() && seen.path.contains(refuse)) return {.status = 403};
    if ((seen.method == "PUT") && sha256_hex(seen.body) != seen.header("x-amz-content-sha256")) return {.status = 400};
    if (seen.method == "DELETE") return parts_.clear(), Reply{.status = 204};
    if (query == "uploads=") {
      begun_ = seen.header(kS3DigestHeader);
      return {.content = "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"};
    }
    if (query.starts_with("partNumber=")) {
      parts_[std::stoi(query.substr(11))] = seen.body;
      return {.headers = {"ETag: \"e\""}};
    }
    if (query == "uploadId=u") {
      auto& object = objects_[key] = {.content = {}, .digest = begun_};
      for (const auto& [number, content] : parts_) object.content += content;
      return {.content = "<CompleteMultipartUploadResult/>"};
    }
    if (seen.method == "PUT") objects_[key] = {.content = seen.body, .digest = seen.header(kS3DigestHeader)};
    const auto it = objects_.find(key);
    if (it == objects_.end()) return {.status = 404};
    return {.headers = {fmt::format("{}: {}", kS3DigestHeader, it->second.digest)}, .content = it->second.content};
  }
  std::mutex mutex_;
  std::map<std::string, Object> objects_;
  std::map<int, std::string> parts_;
  std::string begun_;
  FileServer server_;
};

class S3Push : public ::testing::Test {
 protected:
  S3Push() {
    for (int i = 0; content_.size() < 1'000'000; ++i) content_ += std::to_string(i);
    model_.id = "m";
    model_.license = "mit";
    add("a.gguf", content_);
    add("empty.json", "");
  }
  void add(const std::string& name, const std::string& content) {
    model_.files.push_back(
        {.path = folder_.touch(name, content), .known = {.name = name, .size = content.size(), .digest = {}}});
  }
  Result<Pushed> push(std::stop_token stop = {}) {
    PushOptions how{.upload = {.connections = 3, .part_bytes = 1 << 20}, .on_progress = {}, .stop = std::move(stop)};
    how.upload.part_bytes = part_bytes_;
    how.upload.give_up_max = give_up_max_;
    how.on_progress = [&](const PushProgress& progress) {
      last_ = progress;
      const bool hashed = progress.phase == PushProgress::Phase::kHashing && progress.done == progress.total;
      if (hashed && on_hashed_) on_hashed_();
    };
    return push_to_s3(bucket_.client(), model_, {.bucket = "b", .prefix = "x/m"}, kClock, how);
  }
  TestFolder folder_;
  ModelFiles model_;
  std::string content_;
  std::stop_source stop_;
  std::latch released_{1};
  Bucket bucket_;  // its threads may look at the two
  std::uint64_t part_bytes_ = 16 << 20;
  std::chrono::milliseconds give_up_max_{5'000};
  std::function<void()> on_hashed_;  // of each file
  PushProgress last_;
};

TEST_F(S3Push, InOneRequest) {
  const auto pushed = push();
  ASSERT_TRUE(pushed) << pushed.error().message;
  EXPECT_FALSE(pushed->up_to_date);
  EXPECT_EQ(bucket_.content("x/m/a.gguf"), content_);
  EXPECT_EQ(last_.done, content_.size());
  const auto manifest = Manifest::parse(bucket_.content("x/m/hearth.json"));
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->source, "s3://b/x/m");
  EXPECT_EQ(manifest->license, "mit");
  ASSERT_EQ(manifest->files.size(), 2U);
  EXPECT_EQ(manifest->files[0].digest.hex, sha256_hex(content_));
  const auto again = push();
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->up_to_date);
  EXPECT_EQ(bucket_.count("PUT"), 3U);
}

TEST_F(S3Push, InParts) {
  part_bytes_ = 150'000;
  const auto pushed = push();
  ASSERT_TRUE(pushed) << pushed.error().message;
  EXPECT_EQ(bucket_.count("PUT", "partNumber"), 7U);
  EXPECT_EQ(bucket_.count("POST", "?uploadId"), 1U);
  EXPECT_EQ(bucket_.content("x/m/a.gguf"), content_);
  const auto again = push();
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->up_to_date) << "the digest came with the beginning";
}

TEST_F(S3Push, FailuresLeaveNothing) {
  part_bytes_ = 150'000;
  for (const auto* refused : {"partNumber=4", "?uploadId=u"}) {
    bucket_.refuse = refused;
    const auto pushed = push();
    ASSERT_FALSE(pushed) << refused;
    EXPECT_EQ(pushed.error().code, ErrorCode::kForbidden) << pushed.error().message;
    EXPECT_GE(bucket_.count("DELETE"), 1U) << refused;
    EXPECT_EQ(bucket_.content("x/m/hearth.json"), "") << "no manifest of what is not there";
  }
}

TEST_F(S3Push, AStopIsNoSuccess) {
  part_bytes_ = 150'000;
  std::stop_source stop;
  stop.request_stop();
  const auto pushed = push(stop.get_token());
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().code, ErrorCode::kCancelled);
}

TEST_F(S3Push, OtherModelsOfTheManifestStay) {
  model_.source = "hf:org/m";
  ASSERT_TRUE(push());
  model_.files.clear();
  add("a-Q4_0.gguf", "b");
  ASSERT_TRUE(push());
  model_.source = "";  // quantised here
  add("a-Q8_0.gguf", "c");
  ASSERT_TRUE(push());
  const auto manifest = Manifest::parse(bucket_.content("x/m/hearth.json"));
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->files.size(), 4U);
  EXPECT_EQ(manifest->source, "hf:org/m");
}

TEST_F(S3Push, AnotherModelIsNotMixedIn) {
  model_.source = "hf:org/m";
  ASSERT_TRUE(push());
  const auto before = bucket_.content("x/m/hearth.json");
  model_.source = "hf:org/other";
  model_.files.clear();
  add("b.gguf", "b");
  const auto pushed = push();
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().code, ErrorCode::kConflict);
  EXPECT_NE(pushed.error().message.find("holds hf:org/m already"), std::string::npos) << pushed.error().message;
  EXPECT_EQ(bucket_.content("x/m/hearth.json"), before);
  EXPECT_EQ(bucket_.content("x/m/b.gguf"), "");
}

TEST_F(S3Push, DamagedFilesAreNotPushed) {
  const auto fine = model_.files[0].known;
  for (const auto& spoil : std::vector<std::function<void(Manifest::File&)>>{
           [](auto& file) { file.digest = {fetch::Digest::Kind::kSha256, std::string(64, '0')}; },
           [](auto& file) { file.digest = {fetch::Digest::Kind::kGitBlob, std::string(40, '0')}; },
           [](auto& file) { ++file.size; },
           [](auto& file) { file.broken = true; },
       }) {
    auto& known = model_.files[0].known = fine;
    spoil(known);
    const auto pushed = push();
    ASSERT_FALSE(pushed);
    EXPECT_EQ(pushed.error().code, ErrorCode::kBackendError) << pushed.error().message;
    EXPECT_NE(pushed.error().message.find("hearth models verify m"), std::string::npos) << pushed.error().message;
    EXPECT_EQ(bucket_.count("PUT"), 0U);
  }
}

TEST_F(S3Push, DigestsOfGitAreComparedAndPublishedAsSha256) {
  fetch::Hasher git(fetch::Digest::Kind::kGitBlob, content_.size());
  git.add(content_);
  model_.files[0].known.digest = git.finish();
  for (const std::uint64_t part_bytes : {16 << 20, 150'000}) {
    part_bytes_ = part_bytes;
    const auto pushed = push();
    ASSERT_TRUE(pushed) << pushed.error().message;
    EXPECT_EQ(pushed->files[0].digest.hex, sha256_hex(content_));
  }
}

// However a server checks: the object never says a digest that its content does not have.
TEST_F(S3Push, AFileThatChangesMeanwhileLeavesNothing) {
  for (const std::uint64_t part_bytes : {16 << 20, 150'000}) {
    part_bytes_ = part_bytes;
    folder_.touch("a.gguf", content_);
    on_hashed_ = [&] { folder_.touch("a.gguf", std::string(content_.size(), 'x')); };
    const auto pushed = push();
    ASSERT_FALSE(pushed);
    EXPECT_EQ(pushed.error().code, ErrorCode::kConflict) << pushed.error().message;
    EXPECT_NE(pushed.error().message.find("push it again"), std::string::npos) << pushed.error().message;
    EXPECT_EQ(bucket_.content("x/m/a.gguf"), "");
    EXPECT_EQ(bucket_.content("x/m/hearth.json"), "");
  }
  EXPECT_EQ(bucket_.count("DELETE"), 1U);
}

TEST_F(S3Push, AStopDoesNotWaitForTheServer) {
  part_bytes_ = 150'000;
  give_up_max_ = std::chrono::milliseconds(500);
  bucket_.before = [this](const Seen& seen) {
    if (seen.path.contains("partNumber=4")) stop_.request_stop();
    if (seen.method == "DELETE") released_.wait();
  };
  const auto before = std::chrono::steady_clock::now();
  const auto pushed = push(stop_.get_token());
  released_.count_down();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(20))
      << "a silent server is given up after 30";
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(bucket_.count("DELETE"), 1U) << "asked once, and not waited for";
}

}  // namespace
}  // namespace hearth::store::provision
