// Any bytes as the body of any route: a request or an error of the caller's, never a crash. The first byte picks the
// route.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/ollama/ollama.hpp"
#include "dialect/openai/openai.hpp"
#include "dialect/tei/tei.hpp"

namespace {

using namespace hearth;

template <class T>
void check(const Result<T>& parsed) {
  if (!parsed && parsed.error().code != ErrorCode::kInvalidRequest) std::abort();
}

const dialect::Edge kEdge{.clock = nullptr, .id = "f"};

template <auto Parse>
void with_edge(std::string_view body) {
  check(Parse(body, kEdge));
}
template <auto Parse>
void without_edge(std::string_view body) {
  check(Parse(body));
}

constexpr std::array kRoutes{
    with_edge<dialect::openai::parse_chat>,
    with_edge<dialect::openai::parse_completion>,
    with_edge<dialect::openai::parse_embeddings>,
    with_edge<dialect::openai::parse_tokenize>,
    with_edge<dialect::openai::parse_detokenize>,
    with_edge<dialect::openai::parse_apply_template>,
    with_edge<dialect::ollama::parse_generate>,
    with_edge<dialect::ollama::parse_chat>,
    with_edge<dialect::ollama::parse_embed>,
    with_edge<dialect::ollama::parse_embeddings>,
    without_edge<dialect::ollama::parse_show>,
    without_edge<dialect::ollama::parse_copy>,
    without_edge<dialect::ollama::parse_delete>,
    with_edge<dialect::anthropic::parse_messages>,
    with_edge<dialect::anthropic::parse_count_tokens>,
    with_edge<dialect::openai::parse_rerank>,
    with_edge<dialect::openai::parse_embedding_rows>,
    with_edge<dialect::tei::parse_embed>,
    with_edge<dialect::tei::parse_rerank>,
    with_edge<dialect::tei::parse_predict>,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  kRoutes.at(data[0] % kRoutes.size())(body);
  return 0;
}
