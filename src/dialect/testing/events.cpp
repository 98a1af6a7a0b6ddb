#include "dialect/testing/events.hpp"

#include <utility>

#include "base/strings.hpp"
#include "json/reader.hpp"

namespace hearth::dialect::testing {
namespace {

using json::Item;
using json::Object;

std::string read_bytes(Object& in) {
  std::string out;
  in.text("text", out);
  in.each("bytes", [&](const Item& byte) { out += static_cast<char>(byte.integer(0, 255)); });
  return out;
}

domain::TokenLogprob read_logprob(Object& in) {
  domain::TokenLogprob out{.text = read_bytes(in)};
  in.number("lp", out.logprob, -1e9, 0);
  in.each("top", [&](const Item& item) {
    item.object([&](Object& o) {
      domain::TokenLogprob::Alternative other{.text = read_bytes(o)};
      o.number("lp", other.logprob, -1e9, 0);
      out.top.push_back(std::move(other));
    });
  });
  return out;
}

domain::BlockKind kind_from(const Item& item) {
  const std::string name = item.text();
  if (name == "text") return domain::BlockKind::kText;
  if (name == "thinking") return domain::BlockKind::kThinking;
  if (name == "tool") return domain::BlockKind::kToolCall;
  if (name == "refusal") return domain::BlockKind::kRefusal;
  item.fail("is no kind of block");
  return domain::BlockKind::kText;
}

domain::FinishReason reason_from(const Item& item) {
  const std::string name = item.text();
  if (name == "stop") return domain::FinishReason::kStop;
  if (name == "length") return domain::FinishReason::kLength;
  if (name == "tool_calls") return domain::FinishReason::kToolCalls;
  if (name == "content_filter") return domain::FinishReason::kContentFilter;
  item.fail("is no reason to finish");
  return domain::FinishReason::kStop;
}

std::int32_t integer(Object& in, std::string_view key) {
  std::int32_t out = 0;
  in.integer(key, out, 0, 1 << 30);
  return out;
}

domain::Finished read_finished(Object& in) {
  domain::Finished out;
  out.usage = {.prompt = integer(in, "prompt"),
               .cached = integer(in, "cached"),
               .completion = integer(in, "completion"),
               .reasoning = integer(in, "reasoning"),
               .dropped = integer(in, "dropped")};
  bool estimated = false;
  in.boolean("estimated", estimated);
  if (estimated) out.usage.source = domain::Usage::Source::kEstimated;
  out.timings.loaded = std::chrono::nanoseconds(integer(in, "loaded"));
  out.timings.prompt = std::chrono::nanoseconds(integer(in, "prompt_ns"));
  out.timings.decode = std::chrono::nanoseconds(integer(in, "decode"));
  return out;
}

domain::Delta read_delta(Object& in, std::string text) {
  domain::Delta out{.choice = integer(in, "choice"), .index = integer(in, "index"), .text = std::move(text)};
  out.tokens = integer(in, "tokens");
  in.each("logprobs",
          [&](const Item& item) { item.object([&](Object& o) { out.logprobs.push_back(read_logprob(o)); }); });
  return out;
}

domain::Event read_answer_part(Object& in) {
  if (const auto index = in.get("embedded")) {
    domain::Embedded out{.index = static_cast<std::int32_t>(index->integer())};
    in.optional_integer("token", out.token, 0, 1 << 30);
    in.each("values", [&](const Item& v) { out.values.push_back(static_cast<float>(v.number())); });
    return out;
  }
  if (const auto index = in.get("ranked")) {
    domain::Ranked out{.index = static_cast<std::int32_t>(index->integer())};
    if (const auto score = in.require("score")) out.score = static_cast<float>(score->number());
    return out;
  }
  if (const auto index = in.get("classified")) {
    domain::Classified out{.index = static_cast<std::int32_t>(index->integer())};
    in.object("classes", [&](Object& o) {
      for (const auto& label : o.keys())
        out.classes.push_back({.label = label, .score = static_cast<float>(o.get(label)->number())});
    });
    return out;
  }
  if (const auto tokens = in.get("tokenized")) {
    domain::Tokenized out;
    tokens->each([&](const Item& t) { out.tokens.push_back(static_cast<domain::Token>(t.integer())); });
    in.each("pieces", [&](const Item& p) {
      if (p.is_string())
        out.pieces.push_back(p.text());
      else
        p.object([&](Object& o) { out.pieces.push_back(read_bytes(o)); });
    });
    return out;
  }
  std::string text;
  in.text("rendered", text);
  return domain::Rendered{.text = text, .tokens = integer(in, "tokens")};
}

domain::Event read_event(Object& in) {
  if (const auto model = in.get("started"))
    return domain::Started{
        .model = model->text(), .prompt_tokens = integer(in, "prompt"), .cached_tokens = integer(in, "cached")};
  if (const auto kind = in.get("open")) {
    domain::BlockOpened out{.choice = integer(in, "choice"), .index = integer(in, "index"), .kind = kind_from(*kind)};
    in.text("id", out.tool_id);
    in.text("name", out.tool_name);
    return out;
  }
  if (const auto text = in.get("delta")) return read_delta(in, text->text());
  if (const auto index = in.get("close")) {
    domain::BlockClosed out{.choice = integer(in, "choice"), .index = static_cast<std::int32_t>(index->integer())};
    in.text("signature", out.signature);
    return out;
  }
  if (const auto reason = in.get("finish")) {
    domain::ChoiceFinished out{.choice = integer(in, "choice"), .reason = reason_from(*reason)};
    in.text("stop_sequence", out.stop_sequence);
    return out;
  }
  if (const auto finished = in.get("finished")) {
    domain::Finished out;
    finished->object([&](Object& o) { out = read_finished(o); });
    return out;
  }
  if (const auto code = in.get("failed")) {
    domain::Failed out{.error = {.code = base::error_code_from_name(code->text())}};
    in.text("message", out.error.message);
    return out;
  }
  return read_answer_part(in);
}

}  // namespace

Result<std::vector<domain::Event>> read_events(std::string_view lines) {
  std::vector<domain::Event> out;
  for (const auto line : base::split(lines, '\n')) {
    if (base::trim(line).empty()) continue;
    HEARTH_TRY(const json::Report report, json::read_object(line, [&](Object& in) { out.push_back(read_event(in)); }));
    if (!report.ignored.empty()) return fail(ErrorCode::kInvalidRequest, "unknown field " + report.ignored.front());
  }
  return out;
}

Result<domain::Answer> fold(std::span<const domain::Event> events) {
  domain::AnswerBuilder builder;
  for (const auto& event : events) HEARTH_CHECK(builder.add(event));
  return std::move(builder).take();
}

}  // namespace hearth::dialect::testing
