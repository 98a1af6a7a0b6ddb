#include "store/provision/s3_source.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>

#include "store/fetch/testing/file_server.hpp"

namespace hearth::store::provision {
namespace {

using fetch::testing::FileServer;
using fetch::testing::Reply;
using fetch::testing::Seen;

const base::SystemClock kClock;

// A bucket "b" with objects by key, listed two at a time.
class Bucket {
 public:
  explicit Bucket(std::map<std::string, std::string> objects)
      : objects_(std::move(objects)), server_([this](const Seen& seen) { return answer(seen); }) {}

  [[nodiscard]] Result<Publication> look_up(const std::string& text) const {
    const S3Client client({.endpoint = server_.url("")}, kClock);
    const auto reference = parse_reference(text);
    if (!reference) return std::unexpected(reference.error());
    return S3Source(client).look_up(*reference, {});
  }
  [[nodiscard]] std::string url(const std::string& path) const { return server_.url(path); }
  bool lists = true;

 private:
  [[nodiscard]] Reply answer(const Seen& seen) const {
    if (!seen.path.starts_with("/b?")) {
      const auto it = objects_.find(seen.path.substr(3));
      return it == objects_.end() ? Reply{.status = 404} : Reply{.content = it->second};
    }
    if (!lists) return {.status = 403};
    const auto value = [&](const std::string& name) {
      const auto at = seen.path.find(name + "=");
      if (at == std::string::npos) return std::string();
      const auto begin = at + name.size() + 1;
      auto text = seen.path.substr(begin, seen.path.find('&', begin) - begin);
      for (auto slash = text.find("%2F"); slash != std::string::npos; slash = text.find("%2F"))
        text.replace(slash, 3, "/");
      return text;
    };
    std::string list;
    std::string last;
    int count = 0;
    for (auto it = objects_.upper_bound(value("continuation-token")); it != objects_.end(); ++it) {
      if (!it->first.starts_with(value("prefix"))) continue;
      if (++count > 2) return listing(list, last);
      list += fmt::format("<Contents><Key>{}</Key><Size>{}</Size></Contents>", it->first, it->second.size());
      last = it->first;
    }
    return listing(list, "");
  }
  static Reply listing(const std::string& list, const std::string& next) {
    return {.content = fmt::format("<ListBucketResult>{}<IsTruncated>{}</IsTruncated><NextContinuationToken>{}"
                                   "</NextContinuationToken></ListBucketResult>",
                                   list, !next.empty(), next)};
  }
  std::map<std::string, std::string> objects_;
  FileServer server_;
};

std::string names(const Result<Publication>& published) {
  if (!published) return published.error().message;
  std::string out;
  for (const auto& file : published->files) out += (out.empty() ? "" : " ") + file.name;
  return out;
}

std::string manifest(std::string_view name, std::size_t size, const std::string& digest) {
  return fmt::format(
      R"({{"version":1,"source":"hf:o/n","license":"mit","files":[{{"name":"{}","size":{},"digest":"sha256:{}","settings":{{"system":"s"}}}}]}})",
      name, size, digest);
}

TEST(S3Source, PrefixesAndFiles) {
  const Bucket bucket({{"m/a-Q4_0.gguf", "1"},
                       {"m/a-Q8_0-00001-of-00002.gguf", "22"},
                       {"m/a-Q8_0-00002-of-00002.gguf", "333"},
                       {"m/a-Q8_0-x.gguf", ""},
                       {"m/folder/", ""},
                       {"m/sub/c.json", ""},
                       {"more/x.gguf", ""},
                       {"top.gguf", ""}});
  const auto all = bucket.look_up("s3://b/m");
  EXPECT_EQ(names(all), "a-Q4_0.gguf a-Q8_0-00001-of-00002.gguf a-Q8_0-00002-of-00002.gguf a-Q8_0-x.gguf sub/c.json");
  EXPECT_EQ(all->source, "s3://b/m");
  EXPECT_EQ(all->folder, "m");
  EXPECT_EQ(all->revision, "");
  EXPECT_EQ(all->files.at(1).size, 2U);
  EXPECT_EQ(all->files.at(1).url, bucket.url("/b/m/a-Q8_0-00001-of-00002.gguf"));
  EXPECT_EQ(names(bucket.look_up("s3://b/m/a-Q8_0-00002-of-00002.gguf")),
            "a-Q8_0-00001-of-00002.gguf a-Q8_0-00002-of-00002.gguf");
  const auto one = bucket.look_up("s3://b/m/a-Q4_0.gguf");
  EXPECT_EQ(names(one), "a-Q4_0.gguf");
  EXPECT_EQ(one->folder, "a");
  EXPECT_EQ(names(bucket.look_up("s3://b/top.gguf")), "top.gguf");
  for (const auto* absent : {"s3://b/mo", "s3://b/m/none.gguf", "s3://b/m/none-00001-of-00002.gguf"}) {
    const auto none = bucket.look_up(absent);
    ASSERT_FALSE(none) << absent;
    EXPECT_EQ(none.error().code, ErrorCode::kModelNotFound);
    EXPECT_TRUE(none.error().message.starts_with(fmt::format("Model '{}' not found: ", absent)));
  }
}

TEST(S3Source, WhatAManifestNames) {
  const std::string digest = sha256_hex("1");
  const Bucket bucket({{"m/a.gguf", "1"}, {"m/b.gguf", "2"}, {"m/hearth.json", manifest("a.gguf", 1, digest)}});
  const auto all = bucket.look_up("s3://b/m");
  ASSERT_EQ(names(all), "a.gguf") << "what is being pushed is no part of it yet";
  EXPECT_EQ(to_text(all->files[0].digest), "sha256:" + digest);
  EXPECT_EQ(all->files[0].settings.system, "s");
  EXPECT_EQ(all->license, "mit");
  EXPECT_EQ(all->revision.size(), 64U);
  EXPECT_EQ(to_text(bucket.look_up("s3://b/m/a.gguf")->files.at(0).digest), "sha256:" + digest);
  EXPECT_EQ(to_text(bucket.look_up("s3://b/m/b.gguf")->files.at(0).digest), "");
}

TEST(S3Source, ManifestsThatAreNotTrue) {
  const std::string digest = sha256_hex("1");
  struct Case {
    std::map<std::string, std::string> objects;
    const char* text;
  };
  const Case cases[] = {
      {{{"m/hearth.json", manifest("a.gguf", 1, digest)}}, "names a.gguf of 1 bytes, which is not there"},
      {{{"m/a.gguf", "22"}, {"m/hearth.json", manifest("a.gguf", 1, digest)}}, "push the model again"},
      {{{"m/a.gguf", "1"}, {"m/hearth.json", manifest("../a.gguf", 1, digest)}}, "hearth.json there is no manifest"},
      {{{"m/a.gguf", "1"}, {"m/hearth.json", "{"}}, "hearth.json there is no manifest"},
  };
  for (const auto& c : cases) {
    const auto published = Bucket(c.objects).look_up("s3://b/m");
    ASSERT_FALSE(published) << c.text;
    EXPECT_NE(published.error().message.find(c.text), std::string::npos) << published.error().message;
  }
}

TEST(S3Source, SeveralModelsBelowAPrefix) {
  const Bucket bucket(
      {{"a/x.gguf", "1"}, {"a/hearth.json", "{}"}, {"o/b/y.gguf", "1"}, {"o/b/hearth.json", "{}"}, {"z.gguf", "1"}});
  EXPECT_EQ(names(bucket.look_up("s3://b")), "z.gguf");
  EXPECT_EQ(names(bucket.look_up("s3://b/o")),
            "Model 's3://b/o' not found: models lie deeper there, name one of them: b");
}

TEST(S3Source, OneFileNeedsNoListing) {
  Bucket bucket({{"m/a.gguf", "1"}});
  bucket.lists = false;
  EXPECT_EQ(names(bucket.look_up("s3://b/m/a.gguf")), "a.gguf");
  const auto all = bucket.look_up("s3://b/m");
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, ErrorCode::kForbidden);
}

}  // namespace
}  // namespace hearth::store::provision
