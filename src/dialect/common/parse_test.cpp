#include "dialect/common/parse.hpp"

#include <functional>
#include <gtest/gtest.h>

#include "base/clock.hpp"

namespace hearth::dialect::common {
namespace {

using json::Item;
using json::Object;

// Reads field "x" of `body`; the error's text if there was one.
std::string read(std::string_view body, const std::function<void(Object&)>& reader) {
  const auto report = json::read_object(body, reader);
  return report ? "" : report.error().message;
}

TEST(Compact, KeepsOrderAndWritesNumbersPlainly) {
  const auto value = json::parse(R"( {"b": 0.5, "a": [1, -2, 18446744073709551615, true, null], "é": {"x": "\n"}} )");
  ASSERT_TRUE(value);
  EXPECT_EQ(json::to_text(*value), R"({"b":0.5,"a":[1,-2,18446744073709551615,true,null],"é":{"x":"\n"}})");
}

TEST(Arguments, AreRepaired) {
  struct Case {
    std::string_view text, repaired;
  };
  const Case cases[] = {
      {"", "{}"},
      {" \n", "{}"},
      {R"({"on": true})", R"({"on":true})"},
      {R"("{\"on\": true}")", R"({"on":true})"},
      {R"({"on": tr)", R"({"arguments":"{\"on\": tr"})"},
      {"[1]", R"({"arguments":"[1]"})"},
      {"lamp", R"({"arguments":"lamp"})"},
  };
  for (const auto& c : cases) EXPECT_EQ(repaired_arguments(c.text), c.repaired) << c.text;
}

TEST(Inputs, Table) {
  struct Case {
    std::string_view json;
    std::vector<Input> inputs;
    std::string_view error;
  };
  const Case cases[] = {
      {R"("a")", {Input("a")}, ""},
      {R"(["a","b"])", {Input("a"), Input("b")}, ""},
      {"[1,2]", {Input(domain::Tokens{1, 2})}, ""},
      {"[[1],[2,3]]", {Input(domain::Tokens{1}), Input(domain::Tokens{2, 3})}, ""},
      {R"(["a",[1]])", {Input("a"), Input(domain::Tokens{1})}, ""},
      {"[]", {}, ""},
      {"5", {}, "x must be a string, an array of strings, an array of token ids, or an array of those"},
      {R"([1,"a"])", {}, "x[1] must be an integer, not a string"},
      {R"(["a",1])", {}, "x[1] must be a string or an array of token ids"},
      {"[-1]", {}, "x[0] must be at least 0, not -1"},
      {"[[1.5]]", {}, "x[0][0] must be an integer, not a number"},
  };
  for (const auto& c : cases) {
    std::vector<Input> got;
    const std::string body = "{\"x\":" + std::string(c.json) + "}";
    EXPECT_EQ(read(body, [&](Object& in) { got = read_inputs(*in.get("x")); }), c.error) << c.json;
    if (c.error.empty()) EXPECT_EQ(got, c.inputs) << c.json;
  }
}

TEST(KeepAlive, Table) {
  using std::chrono::seconds;
  struct Case {
    std::string_view json;
    std::optional<std::chrono::nanoseconds> span;
  };
  const Case cases[] = {
      {"null", std::nullopt},        {"0", seconds(0)},         {"300", seconds(300)},
      {"-1", base::kForever},        {R"("5m")", seconds(300)}, {R"("-1")", base::kForever},
      {R"("0")", seconds(0)},        {"1e300", base::kForever}, {"0.5", std::chrono::milliseconds(500)},
      {R"("1h30m")", seconds(5400)},
  };
  for (const auto& c : cases) {
    domain::Envelope envelope;
    const std::string body = "{\"keep_alive\":" + std::string(c.json) + "}";
    EXPECT_EQ(read(body, [&](Object& in) { read_keep_alive(in, envelope); }), "") << c.json;
    EXPECT_EQ(envelope.keep_alive, c.span) << c.json;
  }
  for (const std::string_view bad : {R"("soon")", "true", "[]", R"("")"}) {
    domain::Envelope envelope;
    const std::string body = "{\"keep_alive\":" + std::string(bad) + "}";
    EXPECT_TRUE(read(body, [&](Object& in) { read_keep_alive(in, envelope); }).starts_with("keep_alive must be"))
        << bad;
  }
}

TEST(MediaUrl, OnlyDataAndHttp) {
  auto media = [](std::string_view url, std::string& error) {
    Media out;
    const std::string body = "{\"x\":\"" + std::string(url) + "\"}";
    error = read(body, [&](Object& in) { out = read_media_url(*in.get("x")); });
    return out;
  };
  std::string error;
  const Media inlined = media("data:image/png;base64,iVBORw==", error);
  EXPECT_EQ(error, "");
  EXPECT_EQ(inlined.media_type, "image/png");
  EXPECT_EQ(inlined.data, "\x89PNG");
  EXPECT_EQ(media("data:;base64,aGk=", error).data, "hi");
  EXPECT_EQ(media("HTTPS://host/a.png", error).url, "HTTPS://host/a.png");
  for (const std::string_view bad : {"file:///etc/passwd", "/etc/passwd", "ftp://x", "", "data:", "data:image/png,abc",
                                     "data:image/png;base64,", "data:image/png;base64,%%%"}) {
    (void)media(bad, error);
    EXPECT_TRUE(error.starts_with("x must be")) << bad << " " << error;
  }
}

TEST(Model, NamesAreChecked) {
  for (const std::string_view bad :
       {R"({})", R"({"model":""})", R"({"model":"a:"})", R"({"model":"a\u0001"})", R"({"model":1})"}) {
    std::string name;
    EXPECT_TRUE(read(bad, [&](Object& in) { read_model(in, "model", name); }).starts_with("model ")) << bad;
  }
}

TEST(Stop, StringOrStringsWithoutEmptyOnes) {
  std::vector<std::string> stop;
  EXPECT_EQ(read(R"({"stop":["a","","b"]})", [&](Object& in) { read_stop(in, "stop", stop); }), "");
  EXPECT_EQ(stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(read(R"({"stop":""})", [&](Object& in) { read_stop(in, "stop", stop); }), "");
  EXPECT_TRUE(stop.empty());
}

TEST(MediaPart, AudioIsKnownByItsSignature) {
  EXPECT_EQ(std::get<domain::AudioPart>(media_part("RIFF....WAVEfmt ")).format, "wav");
  EXPECT_EQ(std::get<domain::AudioPart>(media_part("ID3.")).format, "mp3");
  EXPECT_EQ(std::get<domain::ImagePart>(media_part("RIFF....WEBP")).data, "RIFF....WEBP");
}

}  // namespace
}  // namespace hearth::dialect::common
