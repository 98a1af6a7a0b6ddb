// Answers of models that call and think: any text is read, however it is cut, and what is text stays whole.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "chat/template.hpp"

namespace {

using namespace hearth;
using chat::AnswerPiece;

constexpr std::array kFamilies{"Qwen-Qwen3-0.6B.jinja",
                               "Qwen3-Coder.jinja",
                               "meta-llama-Llama-3.1-8B-Instruct.jinja",
                               "openai-gpt-oss-120b.jinja",
                               "mistralai-Mistral-Nemo-Instruct-2407.jinja",
                               "google-gemma-4-31B-it.jinja",
                               "GLM-4.6.jinja",
                               "Kimi-K2-Instruct.jinja"};

domain::ChatRequest request() {
  domain::ChatRequest out;
  out.messages = {{.role = domain::Role::kUser, .parts = {domain::TextPart{"Hi"}}}};
  out.tools = {{.name = "f",
                .description = "f",
                .parameters = R"({"type":"object","properties":{"x":{"type":"string"},"y":{"type":"integer"}}})"},
               {.name = "fg", .description = "g", .parameters = R"({"type":"object","properties":{}})"}};
  return out;
}

std::vector<chat::SharedAnswerFormat> formats() {
  std::vector<chat::SharedAnswerFormat> out;
  for (const char* const family : kFamilies) {
    const auto text = base::read_file(std::string(HEARTH_LLAMA_TEMPLATES "/") + family);
    const auto made = chat::ChatTemplate::create(*text, "<s>", "</s>");
    out.push_back(*made->format(request()));
  }
  return out;
}

// A stream in which arguments follow a call.
void check(const std::vector<AnswerPiece>& pieces, bool& called) {
  for (const auto& piece : pieces) {
    if (piece.kind == AnswerPiece::Kind::kCall) called = true;
    if (piece.kind == AnswerPiece::Kind::kArguments && !called) std::abort();
    if (piece.kind == AnswerPiece::Kind::kCall && piece.text.empty()) std::abort();
  }
}

}  // namespace

// The first byte: the family; the rest: the answer, in which a zero byte is a cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kFormats = formats();
  if (size < 2) return 0;
  const std::string answer(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto reader = kFormats[data[0] % kFormats.size()]->read();
  bool called = false;
  for (const auto part : base::split(answer, '\0')) {
    if (!base::is_valid_utf8(part)) return 0;
    check(reader->feed(part), called);
  }
  check(reader->finish(), called);
  return 0;
}
