#include "http/stream_reader.hpp"

#include <gtest/gtest.h>
#include <ostream>
#include <random>

namespace hearth::http {

// NOLINTNEXTLINE: found by GoogleTest
void PrintTo(const Frame& frame, std::ostream* out) { *out << '[' << frame.event << '|' << frame.data << ']'; }

namespace {

// All frames of `text`, fed in pieces that end at the given places.
template <class Reader>
std::vector<Frame> read_all(std::string_view text, const std::vector<std::size_t>& cuts) {
  Reader reader;
  std::vector<Frame> out;
  std::size_t begin = 0;
  const auto feed = [&](std::size_t end) {
    auto frames = reader.feed(text.substr(begin, end - begin));
    EXPECT_TRUE(frames.has_value());
    out.insert(out.end(), frames->begin(), frames->end());
    begin = end;
  };
  for (const std::size_t cut : cuts) feed(cut);
  feed(text.size());
  if (auto last = reader.finish()) out.push_back(*last);
  return out;
}

struct Row {
  const char* name;
  std::string text;
  std::vector<Frame> want;
};

const std::vector<Row>& sse_rows() {
  static const std::vector<Row> kRows{
      {"plain", "data: a\n\ndata: b\n\n", {{"", "a"}, {"", "b"}}},
      {"with event", "event: delta\ndata: {}\n\n", {{"delta", "{}"}}},
      {"no trailing newline", "data: [DONE]", {{"", "[DONE]"}}},
      {"one trailing newline", "data: [DONE]\n", {{"", "[DONE]"}}},
      {"multi-line data", "data: a\ndata: b\ndata:\ndata: c\n\n", {{"", "a\nb\n\nc"}}},
      {"CRLF", "event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", {{"x", "a"}, {"", "b"}}},
      {"CR", "data: a\r\rdata: b\r\r", {{"", "a"}, {"", "b"}}},
      {"mixed ends", "data: a\r\ndata: b\rdata: c\n\r\n", {{"", "a\nb\nc"}}},
      {"UTF-8", "data: \xE2\x82\xAC\xF0\x9F\x99\x82\n\n", {{"", "\xE2\x82\xAC\xF0\x9F\x99\x82"}}},
      {"empty events", "\n\n\ndata: a\n\n\n\n", {{"", "a"}}},
      {"comments", ": ping\n\ndata: a\n: ping\n\n:\n\n", {{"", "a"}}},
      {"event without data", "event: ping\n\ndata: a\n\n", {{"", "a"}}},
      {"empty data counts", "data:\n\n", {{"", ""}}},
      {"field without colon", "data\n\n", {{"", ""}}},
      {"one blank is stripped", "data:  a\ndata:b\n\n", {{"", " a\nb"}}},
      {"other fields", "id: 7\nretry: 3\nfoo: x\ndata: a\n\n", {{"", "a"}}},
      {"last event name wins", "event: a\nevent: b\ndata: x\n\n", {{"b", "x"}}},
      {"BOM",
       "\xEF\xBB\xBF"
       "data: a\n\n",
       {{"", "a"}}},
      {"BOM only at the start",
       "data: a\n\n\xEF\xBB\xBF"
       "data: b\n\n",
       {{"", "a"}}},
      {"colons in data", "data: {\"a\":1}\n\n", {{"", "{\"a\":1}"}}},
      {"nothing", "", {}},
  };
  return kRows;
}

const std::vector<Row>& ndjson_rows() {
  static const std::vector<Row> kRows{
      {"plain", "{\"a\":1}\n{\"b\":2}\n", {{"", "{\"a\":1}"}, {"", "{\"b\":2}"}}},
      {"no trailing newline", "{}\n{\"done\":true}", {{"", "{}"}, {"", "{\"done\":true}"}}},
      {"CRLF", "{}\r\n[]\r\n", {{"", "{}"}, {"", "[]"}}},
      {"CRLF cut short", "{}\r\n[]\r", {{"", "{}"}, {"", "[]"}}},
      {"blank lines", "\n{}\n\n \n[]\n\n", {{"", "{}"}, {"", "[]"}}},
      {"UTF-8", "\"\xE2\x82\xAC\"\n", {{"", "\"\xE2\x82\xAC\""}}},
      {"nothing", "", {}},
  };
  return kRows;
}

template <class Reader>
void check_any_chunking(const std::vector<Row>& rows) {
  std::mt19937 random(7);
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(read_all<Reader>(row.text, {}), row.want);
    for (std::size_t cut = 0; cut <= row.text.size(); ++cut) {
      EXPECT_EQ(read_all<Reader>(row.text, {cut}), row.want) << "cut at " << cut;
    }
    std::vector<std::size_t> every;
    for (std::size_t i = 1; i < row.text.size(); ++i) every.push_back(i);
    EXPECT_EQ(read_all<Reader>(row.text, every), row.want) << "byte by byte";
    for (int round = 0; round < 50; ++round) {
      std::vector<std::size_t> some;
      for (const std::size_t i : every) {
        if (random() % 3 == 0) some.push_back(i);
      }
      EXPECT_EQ(read_all<Reader>(row.text, some), row.want);
    }
  }
}

TEST(SseReader, anyChunkingGivesTheSameFrames) { check_any_chunking<SseReader>(sse_rows()); }
TEST(NdjsonReader, anyChunkingGivesTheSameFrames) { check_any_chunking<NdjsonReader>(ndjson_rows()); }

TEST(SseReader, refusesAFrameOverTheLimit) {
  SseReader one_line(base::Bytes{10});
  EXPECT_EQ(one_line.feed("data: 12345678901").error().code, ErrorCode::kPayloadTooLarge);
  SseReader many_lines(base::Bytes{20});
  EXPECT_EQ(many_lines.feed("data: 1234567890\ndata: 1234567890\n").error().code, ErrorCode::kPayloadTooLarge);
  SseReader enough(base::Bytes{20});
  EXPECT_TRUE(enough.feed("data: 1234567890\n\ndata: 1234567890\n\n").has_value());
}

TEST(NdjsonReader, refusesALineOverTheLimit) {
  NdjsonReader reader(base::Bytes{4});
  EXPECT_TRUE(reader.feed("1234\n123").has_value());
  EXPECT_EQ(reader.feed("45").error().code, ErrorCode::kPayloadTooLarge);
}

TEST(SseText, readsBackAsItWas) {
  for (const Frame& frame :
       {Frame{"", "a"}, Frame{"x", "{}"}, Frame{"x", "a\nb\n\nc"}, Frame{"", ""}, Frame{"", "a\n"}}) {
    EXPECT_EQ(read_all<SseReader>(sse_text(frame), {}), std::vector<Frame>{frame});
  }
  EXPECT_EQ(sse_text({"delta", "a"}), "event: delta\ndata: a\n\n");
  EXPECT_EQ(sse_comment("ping"), ": ping\n\n");
  EXPECT_TRUE(read_all<SseReader>(sse_comment("a\nb"), {}).empty());
  EXPECT_EQ(ndjson_text({"", "{}"}), "{}\n");
}

TEST(SseText, anEventNameCannotForgeLines) { EXPECT_EQ(sse_text({"a\ndata: x", "y"}), "event: a\ndata: y\n\n"); }

}  // namespace
}  // namespace hearth::http
