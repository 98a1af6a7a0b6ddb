#include "store/provision/s3_xml.hpp"

#include <gtest/gtest.h>

namespace hearth::store::provision {
namespace {

TEST(S3Xml, Listings) {
  const auto page = S3Listing::parse(R"(<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>m/</Prefix>
<IsTruncated>true</IsTruncated><NextContinuationToken>1/x=&amp;</NextContinuationToken>
<Contents><Key>m/a &amp; b.gguf</Key><Size>4920734272</Size><ETag>&quot;x&quot;</ETag></Contents>
<Contents><Key>m/empty</Key><Size>0</Size></Contents></ListBucketResult>)");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(page->objects, (std::vector<S3Object>{{"m/a & b.gguf", 4920734272, "\"x\""}, {"m/empty", 0, ""}}));
  EXPECT_EQ(page->next, "1/x=&");
  const auto last = S3Listing::parse("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->objects.empty() && last->next.empty());
}

TEST(S3Xml, WhatIsNoListing) {
  for (const auto* text : {"", "<html>x</html>", "<ListBucketResult><Contents>", "{}",
                           "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
                           "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
                           "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
                           "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"}) {
    const auto page = S3Listing::parse(text);
    ASSERT_FALSE(page) << text;
    EXPECT_EQ(page.error().code, ErrorCode::kBackendError);
  }
}

TEST(S3Xml, Refusals) {
  const auto failure = S3Failure::parse(
      "<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message><Region>eu-west-1</Region></Error>");
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, "AuthorizationHeaderMalformed");
  EXPECT_EQ(failure->message, "m");
  EXPECT_EQ(failure->region, "eu-west-1");
  for (const auto* text : {"", "<html/>", "<ListBucketResult/>", "not XML"}) EXPECT_FALSE(S3Failure::parse(text));
}

TEST(S3Xml, UploadsInParts) {
  EXPECT_EQ(parse_upload_id("<InitiateMultipartUploadResult><UploadId>a/b</UploadId></InitiateMultipartUploadResult>"),
            "a/b");
  EXPECT_EQ(parse_upload_id("<Error><UploadId>a</UploadId></Error>"), "");
  EXPECT_EQ(completion_xml({"\"e1\"", "<2>"}),
            R"(<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">)"
            R"(<Part><PartNumber>1</PartNumber><ETag>"e1"</ETag></Part>)"
            R"(<Part><PartNumber>2</PartNumber><ETag>&lt;2&gt;</ETag></Part></CompleteMultipartUpload>)");
}

}  // namespace
}  // namespace hearth::store::provision
