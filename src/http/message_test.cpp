#include "http/message.hpp"

#include <gtest/gtest.h>

namespace hearth::http {
namespace {

TEST(Method, namesGoBothWays) {
  for (const auto method :
       {Method::kGet, Method::kHead, Method::kPost, Method::kPut, Method::kDelete, Method::kPatch, Method::kOptions}) {
    EXPECT_EQ(method_from(to_string(method)), method);
  }
  EXPECT_EQ(method_from("get"), Method::kOther);
  EXPECT_EQ(method_from("BREW"), Method::kOther);
}

TEST(Headers, compareNamesWithoutCaseAndKeepOrder) {
  Headers headers{{"A", "1"}, {"b", "2"}, {"a", "3"}};
  EXPECT_EQ(headers.get("a"), "1");
  EXPECT_EQ(headers.all("A").size(), 2U);
  headers.set("a", "4");
  EXPECT_EQ(headers.all("A").size(), 1U);
  EXPECT_EQ(headers.get("A"), "4");
  headers.remove("B");
  EXPECT_FALSE(headers.get("b"));
}

TEST(Headers, cannotBeSplit) {
  Headers headers;
  headers.add("X", "a\r\nSet-Cookie: b");
  EXPECT_EQ(headers.get("X"), "a  Set-Cookie: b");
}

TEST(PercentDecode, table) {
  struct Row {
    const char* text;
    bool keep;
    const char* want;
  };
  for (const Row& row : {
           Row{"/a%20b", false, "/a b"},
           Row{"/a%2Fb", true, "/a%2Fb"},
           Row{"/a%2fb", true, "/a%2Fb"},
           Row{"/a%2Fb", false, "/a/b"},
           Row{"%", false, "%"},
           Row{"%4", false, "%4"},
           Row{"%zz", false, "%zz"},
           Row{"%41", false, "A"},
           Row{"%C3%BC", false, "\xC3\xBC"},
       }) {
    EXPECT_EQ(percent_decode(row.text, row.keep), row.want) << row.text;
  }
}

TEST(PercentEncode, undoesItself) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(all), false), all);
  EXPECT_EQ(percent_encode("a b/c~"), "a%20b%2Fc~");
}

TEST(QueryParameter, table) {
  EXPECT_EQ(query_parameter("a=1&b=x%20y", "b"), "x y");
  EXPECT_EQ(query_parameter("a=1+2", "a"), "1 2");
  EXPECT_EQ(query_parameter("a", "a"), "");
  EXPECT_EQ(query_parameter("a=&a=2", "a"), "");
  EXPECT_EQ(query_parameter("a%62=3", "ab"), "3");
  EXPECT_EQ(query_parameter("", "a"), std::nullopt);
  EXPECT_EQ(query_parameter("ab=1", "a"), std::nullopt);
}

}  // namespace
}  // namespace hearth::http
