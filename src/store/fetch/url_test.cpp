#include "store/fetch/url.hpp"

#include <gtest/gtest.h>

namespace hearth::store::fetch {
namespace {

TEST(Url, OriginsCompareAsTheyShould) {
  EXPECT_EQ(*origin_of("https://Example.com/a?b"), "https://example.com:443");
  EXPECT_EQ(*origin_of("https://example.com:443/x"), *origin_of("https://example.com/y"));
  EXPECT_NE(*origin_of("http://example.com"), *origin_of("https://example.com"));
  EXPECT_NE(*origin_of("https://example.com:8443/"), *origin_of("https://example.com/"));
  EXPECT_NE(*origin_of("https://example.com@evil.org/"), *origin_of("https://example.com/"));
  for (const auto* wrong : {"ftp://example.com/x", "file:///etc/passwd", "nothing", "", "http://"})
    EXPECT_FALSE(origin_of(wrong)) << wrong;
}

TEST(Url, RedirectsAreFollowedButNeverToPlainHttp) {
  EXPECT_EQ(*redirect_target("https://a.org/x/y", "/z"), "https://a.org/z");
  EXPECT_EQ(*redirect_target("https://a.org/x/y", "z?q=1"), "https://a.org/x/z?q=1");
  EXPECT_EQ(*redirect_target("http://a.org/x", "https://b.org/"), "https://b.org/");
  EXPECT_EQ(*redirect_target("http://a.org/x", "http://b.org/"), "http://b.org/");
  const auto down = redirect_target("https://a.org/x", "http://a.org/x");
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().code, ErrorCode::kForbidden);
  EXPECT_FALSE(redirect_target("https://a.org/x", "file:///etc/passwd"));
  EXPECT_FALSE(redirect_target("http://a.org/x", "gopher://b.org/"));
}

TEST(Url, SecretsAreNotPrinted) {
  EXPECT_EQ(printable("https://user:secret@a.org/x?token=abc#f"), "https://a.org/x");
  EXPECT_EQ(printable("https://a.org/name@revision/x"), "https://a.org/name@revision/x");
  EXPECT_EQ(printable("http://a.org/\n\x1b[31m"), "http://a.org/\\x0a\\x1b[31m");
}

TEST(Url, EscapesWhatIsReserved) {
  EXPECT_EQ(escape("org/a b+c%.gguf", true), "org/a%20b%2Bc%25.gguf");
  EXPECT_EQ(escape("org/x"), "org%2Fx");
}

}  // namespace
}  // namespace hearth::store::fetch
