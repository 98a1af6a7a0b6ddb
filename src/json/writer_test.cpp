#include "json/writer.hpp"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "json/reader.hpp"

namespace hearth::json {
namespace {

TEST(Writer, WritesInOrder) {
  Writer w;
  w.begin_object().field("a", 1).key("b").begin_array().value(true).null().value("x").end_array();
  w.key("c").begin_object().end_object().field("d", 0.5).key("e").raw("{\"k\":[]}").end_object();
  EXPECT_EQ(w.text(), R"({"a":1,"b":[true,null,"x"],"c":{},"d":0.5,"e":{"k":[]}})");
}

TEST(Writer, EscapesAndRepairs) {
  Writer w;
  w.value("q\"\\\n\t\x01 \xC3\xA9 \xFF");
  EXPECT_EQ(w.text(), "\"q\\\"\\\\\\n\\t\\u0001 \xC3\xA9 \xEF\xBF\xBD\"");
  EXPECT_TRUE(parse(w.text()));
}

TEST(Writer, EveryByteIsSeenWhereverItStands) {
  for (const std::string_view special : {"\"", "\\", "\n", "\x1f", "\xC3\xA9"}) {
    for (std::size_t length = 0; length <= 20; ++length) {
      for (std::size_t at = 0; at <= length; ++at) {
        std::string text(length, '~');
        text.insert(at, special);
        Writer w;
        w.value(text);
        ASSERT_EQ(parse(w.text()).value().get_string(), text) << w.text();
      }
    }
  }
}

TEST(Writer, NumbersReadBackTheSame) {
  for (const double d : {0.1, 1e300, -2.5, 3.0, 1.0 / 3}) {
    Writer w;
    w.value(d);
    EXPECT_EQ(parse(w.text()).value().to_number<double>(), d);
  }
  Writer w;
  w.begin_array()
      .value(std::nan(""))
      .value(std::numeric_limits<float>::infinity())
      .value(std::uint64_t{18446744073709551615U});
  w.end_array();
  EXPECT_EQ(w.text(), "[null,null,18446744073709551615]");
}

}  // namespace
}  // namespace hearth::json
