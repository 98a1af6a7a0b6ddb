#include "store/provision/s3_sign.hpp"

#include <gtest/gtest.h>

namespace hearth::store::provision {
namespace {

// Keys, requests and signatures of the examples in Amazon's reference of S3.
const S3Credentials kKeys{.access_key = "AKIAIOSFODNN7EXAMPLE",
                          .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
const base::WallTime kTime = std::chrono::sys_days{std::chrono::year{2013} / 5 / 24};

S3Request request(std::string method, std::string path, S3Pairs query = {}, S3Pairs headers = {}) {
  return {.method = std::move(method),
          .host = "examplebucket.s3.amazonaws.com",
          .path = std::move(path),
          .query = std::move(query),
          .headers = std::move(headers),
          .region = "us-east-1",
          .time = kTime};
}

TEST(S3Sign, PublishedExamples) {
  struct Case {
    S3Request request;
    std::string payload;
    std::string names;
    std::string signature;
  };
  const Case cases[] = {
      {request("GET", "/test.txt", {}, {{"range", "bytes=0-9"}}), "", "host;range;x-amz-content-sha256;x-amz-date",
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
      {request("PUT", "/test%24file.text", {},
               {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}),
       "Welcome to Amazon S3.", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
      {request("GET", "/", {{"lifecycle", ""}}), "", "host;x-amz-content-sha256;x-amz-date",
       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
      {request("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}), "", "host;x-amz-content-sha256;x-amz-date",
       "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
  };
  for (const auto& c : cases) {
    const auto lines = signed_headers(c.request, sha256_hex(c.payload), kKeys);
    EXPECT_EQ(lines.front(),
              "authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
              "SignedHeaders=" +
                  c.names + ",Signature=" + c.signature)
        << c.request.path;
  }
}

TEST(S3Sign, AddressesThatAreSigned) {
  const std::string query = presigned_query(request("GET", "/test.txt"), std::chrono::hours(24), kKeys);
  EXPECT_EQ(query,
            "X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(S3Sign, TokensOfTemporaryKeysAreSignedToo) {
  S3Credentials keys = kKeys;
  keys.session_token = "to/ken";
  const auto lines = signed_headers(request("GET", "/"), kUnsignedPayload, keys);
  EXPECT_NE(lines.front().find("x-amz-date;x-amz-security-token,"), std::string::npos) << lines.front();
  EXPECT_EQ(lines.back(), "x-amz-security-token: to/ken");
  const std::string query = presigned_query(request("GET", "/"), std::chrono::seconds(1), keys);
  EXPECT_NE(query.find("&X-Amz-Security-Token=to%2Fken&"), std::string::npos) << query;
}

TEST(S3Sign, WithoutKeysNothingIsSigned) {
  for (const auto& keys : {S3Credentials{}, S3Credentials{.access_key = "a"}, S3Credentials{.secret_key = "b"}}) {
    EXPECT_EQ(signed_headers(request("GET", "/", {}, {{"range", "x"}}), "", keys),
              std::vector<std::string>{"range: x"});
    EXPECT_EQ(presigned_query(request("GET", "/", {{"b", " "}, {"a", ""}}), std::chrono::seconds(1), keys), "a=&b=%20");
  }
}

}  // namespace
}  // namespace hearth::store::provision
