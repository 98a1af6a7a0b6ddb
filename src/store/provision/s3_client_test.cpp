#include "store/provision/s3_client.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/fetch/testing/file_server.hpp"

namespace hearth::store::provision {
namespace {

using fetch::testing::FileServer;
using fetch::testing::Reply;
using fetch::testing::Seen;

const base::SystemClock kClock;
const S3Address kAddress{.bucket = "b", .prefix = "m"};

S3Options options(const std::string& endpoint) {
  return {.credentials = {.access_key = "AK", .secret_key = "very-secret"},
          .endpoint = endpoint,
          .net = {.retry = {.attempts_max = 2, .first = std::chrono::milliseconds(1)}}};
}

std::string before_query(const std::string& url) { return url.substr(0, url.find('?')); }

TEST(S3Client, Addresses) {
  struct Case {
    const char* endpoint;
    const char* region;
    const char* bucket;
    const char* url;
  };
  const Case cases[] = {
      {"", "us-east-1", "my-bucket", "https://my-bucket.s3.us-east-1.amazonaws.com/a%20b/c"},
      {"", "cn-north-1", "b", "https://b.s3.cn-north-1.amazonaws.com.cn/a%20b/c"},
      {"", "eu-west-1", "with.dots", "https://s3.eu-west-1.amazonaws.com/with.dots/a%20b/c"},
      {"http://h:9000", "us-east-1", "b", "http://h:9000/b/a%20b/c"},
      {"https://h/storage/v1/s3", "us-east-1", "b", "https://h/storage/v1/s3/b/a%20b/c"},
  };
  for (const auto& c : cases) {
    auto how = options(c.endpoint);
    how.region = c.region;
    const S3Client client(how, kClock);
    EXPECT_EQ(before_query(client.presigned({.bucket = c.bucket, .prefix = {}}, "a b/c")), c.url);
  }
  const S3Client anonymous({.endpoint = "http://h"}, kClock);
  EXPECT_EQ(anonymous.presigned(kAddress, "k"), "http://h/b/k");
}

TEST(S3Client, AsksForBucketsAndObjects) {
  const FileServer server([](const Seen&) { return Reply{.content = "<x/>"}; });
  const S3Client client(options(server.url("")), kClock);
  ASSERT_TRUE(client.ask(kAddress, {.query = {{"prefix", "m/"}, {"list-type", "2"}}}));
  ASSERT_TRUE(client.ask(kAddress, {.method = "PUT", .key = "m/k+", .body = {.text = "hi"}}));
  const auto seen = server.requests();
  EXPECT_EQ(seen.at(0).path, "/b?list-type=2&prefix=m%2F");
  EXPECT_EQ(seen.at(1).path, "/b/m/k%2B");
  EXPECT_EQ(seen.at(1).body, "hi");
  EXPECT_EQ(seen.at(1).header("x-amz-content-sha256"), sha256_hex("hi"));
  EXPECT_TRUE(seen.at(1).header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=AK/"));
}

std::string refusal(std::string_view code) {
  return fmt::format("<Error><Code>{}</Code><Message>very-secret is not echoed</Message></Error>", code);
}

TEST(S3Client, RefusalsHaveARemedy) {
  struct Case {
    int status;
    ErrorCode error;
    const char* code;
    const char* text;
  };
  const Case cases[] = {
      {404, ErrorCode::kModelNotFound, "NoSuchBucket", "has no bucket 'b'"},
      {404, ErrorCode::kNotFound, "NoSuchKey", "no such object"},
      {404, ErrorCode::kNotFound, "", "no such object"},
      {403, ErrorCode::kForbidden, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"},
      {403, ErrorCode::kForbidden, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"},
      {400, ErrorCode::kForbidden, "ExpiredToken", "get new keys"},
      {403, ErrorCode::kForbidden, "RequestTimeTooSkewed", "this machine's clock"},
      {403, ErrorCode::kForbidden, "AccessDenied", "s3:ListBucket"},
      {403, ErrorCode::kForbidden, "", "(AccessDenied)"},
      {301, ErrorCode::kInvalidRequest, "PermanentRedirect", "set AWS_REGION=eu-west-1"},
      {400, ErrorCode::kInvalidRequest, "AuthorizationHeaderMalformed", "set AWS_REGION=eu-west-1"},
      {503, ErrorCode::kRateLimited, "SlowDown", "answered 503: SlowDown"},
      {400, ErrorCode::kBackendError, "InvalidArgument", "answered 400: InvalidArgument"},
      {200, ErrorCode::kBackendError, "InternalError", "InternalError"},
  };
  for (const auto& c : cases) {
    const FileServer server([&](const Seen&) {
      const bool region = std::string_view(c.text).contains("AWS_REGION");
      return Reply{
          .status = c.status,
          .headers = region ? std::vector<std::string>{"x-amz-bucket-region: eu-west-1"} : std::vector<std::string>{},
          .content = *c.code == '\0' ? "" : refusal(c.code)};
    });
    const auto answer = S3Client(options(server.url("")), kClock).ask(kAddress, {});
    ASSERT_FALSE(answer) << c.code;
    EXPECT_EQ(answer.error().code, c.error) << c.code << ": " << answer.error().message;
    EXPECT_NE(answer.error().message.find(c.text), std::string::npos) << answer.error().message;
    EXPECT_TRUE(answer.error().message.starts_with("s3://b/m: ")) << answer.error().message;
  }
}

TEST(S3Client, AnonymousCallersAreToldOfKeys) {
  const FileServer server([](const Seen&) { return Reply{.status = 403, .content = refusal("AccessDenied")}; });
  const auto answer = S3Client({.endpoint = server.url("")}, kClock).ask(kAddress, {});
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("set AWS_ACCESS_KEY_ID"), std::string::npos) << answer.error().message;
  EXPECT_EQ(server.requests().front().header("authorization"), "");
}

TEST(S3Client, WhatIsKnownOfAnObject) {
  const std::string digest = sha256_hex("abc");
  struct Case {
    int status;
    std::string header;
    std::string digest;  // expected
  };
  const Case cases[] = {
      {200, "x-amz-meta-sha256: " + digest, "sha256:" + digest},
      {200, "x-amz-checksum-sha256: ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", "sha256:" + digest},
      {200, "x-amz-checksum-sha256: ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=-3", ""},
      {200, "x-amz-meta-sha256: zz", ""},
      {404, "x: y", "none"},
  };
  for (const auto& c : cases) {
    const FileServer server([&](const Seen&) {
      return Reply{.status = c.status, .headers = {c.header}, .content = c.status == 200 ? "abc" : ""};
    });
    const auto head = S3Client(options(server.url("")), kClock).head(kAddress, "m/k", {});
    ASSERT_TRUE(head) << head.error().message;
    ASSERT_EQ(head->has_value(), c.digest != "none");
    if (!*head) continue;
    EXPECT_EQ((*head)->size, 3U);
    EXPECT_EQ(to_text((*head)->digest), c.digest) << c.header;
  }
}

TEST(S3Client, AddressesThatAreNone) {
  const auto answer = S3Client(options("ftp://h"), kClock).ask(kAddress, {});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kInvalidRequest);
  EXPECT_NE(answer.error().message.find("AWS_ENDPOINT_URL"), std::string::npos);
}

}  // namespace
}  // namespace hearth::store::provision
