#include <fmt/format.h>
#include <map>
#include <span>
#include <unordered_set>
#include <utility>

#include "base/strings.hpp"
#include "dialect/common/render.hpp"
#include "dialect/openai/render.hpp"

namespace hearth::dialect::openai {
namespace {

using json::Writer;

// Bytes of a token that is no whole character, as OpenAI shows them in this format: "bytes:\xe2\x82".
std::string token_text(std::string_view bytes) {
  if (base::is_valid_utf8(bytes)) return std::string(bytes);
  std::string out = "bytes:";
  for (const char c : bytes) fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  return out;
}

// Characters that start in `bytes`, so that a character split over tokens counts once.
std::size_t characters(std::string_view bytes) {
  std::size_t n = 0;
  for (const char c : bytes) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return n;
}

// Text, logprob of the token itself and of its alternatives; a text that several tokens share keeps the first.
void write_alternatives(Writer& w, const domain::TokenLogprob& token) {
  std::unordered_set<std::string> seen;
  auto write = [&](std::string text, double logprob) {
    if (const auto [at, fresh] = seen.insert(std::move(text)); fresh) w.field(*at, common::finite_logprob(logprob));
  };
  w.begin_object();
  for (const auto& other : token.top) write(token_text(other.text), other.logprob);
  write(token_text(token.text), token.logprob);
  w.end_object();
}

class CompletionRenderer final : public Renderer {
 public:
  explicit CompletionRenderer(Style style)
      : style_(std::move(style)),
        id_("cmpl-" + style_.edge.id),
        created_(base::unix_seconds(common::wall(style_.edge))) {}

  std::string body(const domain::Answer& answer) override {
    Writer w;
    write_head(w, common::model_of(answer.started, style_.model));
    for (std::size_t i = 0; i < answer.choices.size(); ++i) {
      const auto& choice = answer.choices[i];
      std::size_t offset = 0;
      write_choice(w, static_cast<std::int32_t>(i), choice.text(), choice.logprobs, offset, finish_name(choice.reason));
    }
    w.end_array();
    write_usage(w, answer.usage);
    w.end_object();
    return std::move(w).take();
  }

  std::vector<Frame> frames(const domain::Event& event) override {
    std::vector<Frame> out;
    std::visit([&](const auto& e) { add(out, e); }, event);
    return out;
  }

 private:
  static std::string_view finish_name(domain::FinishReason reason) {
    using enum domain::FinishReason;
    switch (reason) {
      case kStop:
      case kToolCalls: return "stop";
      case kLength: return "length";
      case kContentFilter: return "content_filter";
    }
    return "stop";
  }

  void add(std::vector<Frame>&, const domain::Started& e) { model_ = common::model_of(e, style_.model); }
  void add(std::vector<Frame>&, const domain::BlockOpened& e) {
    is_text_[{e.choice, e.index}] = e.kind == domain::BlockKind::kText;
  }
  void add(std::vector<Frame>& out, const domain::Delta& e) {
    const auto known = is_text_.find({e.choice, e.index});
    if (known != is_text_.end() && !known->second) return;
    if (e.text.empty() && (!style_.logprobs || e.logprobs.empty())) return;  // text held back: nothing to say yet
    out.push_back(chunk(e.choice, e.text, e.logprobs, {}));
  }
  void add(std::vector<Frame>& out, const domain::ChoiceFinished& e) {
    out.push_back(chunk(e.choice, "", {}, finish_name(e.reason)));
  }
  void add(std::vector<Frame>& out, const domain::Finished& e) {
    if (style_.include_usage) {
      Writer w;
      write_head(w, model_);
      w.end_array();
      write_usage(w, e.usage);
      w.end_object();
      out.push_back({.event = {}, .data = std::move(w).take()});
    }
    out.push_back(done_frame());
  }
  void add(std::vector<Frame>& out, const domain::Failed& e) { out.push_back(error_frame(e.error)); }
  void add(std::vector<Frame>&, const auto&) {}

  // As far as the first choice.
  void write_head(Writer& w, std::string_view model) const {
    w.begin_object()
        .field("id", id_)
        .field("object", "text_completion")
        .field("created", created_)
        .field("model", model);
    w.field("system_fingerprint", fingerprint()).key("choices").begin_array();
  }

  // `offset` (in characters) moves on by the tokens written.
  void write_choice(Writer& w, std::int32_t index, std::string_view text,
                    std::span<const domain::TokenLogprob> logprobs, std::size_t& offset,
                    std::string_view finish) const {
    w.begin_object().field("text", text).field("index", index).key("logprobs");
    if (style_.logprobs)
      write_logprobs(w, logprobs, offset);
    else
      w.null();
    w.key("finish_reason");
    if (finish.empty())
      w.null();
    else
      w.value(finish);
    w.end_object();
  }

  void write_logprobs(Writer& w, std::span<const domain::TokenLogprob> logprobs, std::size_t& offset) const {
    w.begin_object().key("tokens").begin_array();
    for (const auto& token : logprobs) w.value(token_text(token.text));
    w.end_array().key("token_logprobs").begin_array();
    for (const auto& token : logprobs) {
      if (token.first)
        w.null();
      else
        w.value(common::finite_logprob(token.logprob));
    }
    w.end_array().key("top_logprobs");
    if (style_.top_logprobs) {
      w.begin_array();
      for (const auto& token : logprobs) {
        if (token.first)
          w.null();
        else
          write_alternatives(w, token);
      }
      w.end_array();
    } else {
      w.null();
    }
    w.key("text_offset").begin_array();
    for (const auto& token : logprobs) {
      w.value(offset);
      offset += characters(token.text);
    }
    w.end_array().end_object();
  }

  Frame chunk(std::int32_t choice, std::string_view text, std::span<const domain::TokenLogprob> logprobs,
              std::string_view finish) {
    Writer w;
    write_head(w, model_);
    write_choice(w, choice, text, logprobs, offsets_[choice], finish);
    w.end_array();
    if (style_.include_usage) w.key("usage").null();
    w.end_object();
    return {.event = {}, .data = std::move(w).take()};
  }

  Style style_;
  std::string id_;
  std::int64_t created_;
  std::string model_{style_.model};
  std::map<std::pair<std::int32_t, std::int32_t>, bool> is_text_;
  std::map<std::int32_t, std::size_t> offsets_;
};

}  // namespace

std::unique_ptr<Renderer> completion_renderer(Style style) {
  return std::make_unique<CompletionRenderer>(std::move(style));
}

}  // namespace hearth::dialect::openai
