// Rerankers, classifiers, embeddings of other servers' kinds: TEI, Jina, Cohere, llama-server.
#include <algorithm>

#include "dialect/openai/openai.hpp"
#include "dialect/tei/tei.hpp"
#include "gateway/choose_model.hpp"
#include "gateway/gateway.hpp"

namespace hearth::gateway {

using http::Method;
namespace openai = dialect::openai;
namespace tei = dialect::tei;

namespace {

// As the runners take them where nobody says otherwise.
constexpr std::int32_t kBatchTokens = 512;
constexpr std::int32_t kContextTokens = 8192;
constexpr std::int32_t kInputs = 2048;

}  // namespace

void Gateway::add_encoder_routes() {
  const http::RoutePolicy policy{.body_max = options_.body_max};
  // One path, two shapes: TEI has "texts" where Jina and Cohere have "documents".
  const auto rerank = [this](http::Request request, http::RouteArgs, http::ResponseWriter& writer) -> rt::Task<void> {
    const bool is_tei = request.body.size() > kLongBody
                            ? co_await work_.run([&] { return tei::is_rerank(request.body); })
                            : tei::is_rerank(request.body);
    co_await answer_call(std::move(request), is_tei ? tei::parse_rerank : openai::parse_rerank, is_tei ? kTei : kOpenAi,
                         writer);
  };
  for (const auto* path : {"/rerank", "/reranking", "/v1/rerank", "/v1/reranking", "/v2/rerank"})
    router_.add(Method::kPost, path, rerank, policy);
  for (const auto* path : {"/embedding", "/embeddings"})
    router_.add(Method::kPost, path, model_route(openai::parse_embedding_rows, kOpenAi), policy);
  router_.add(Method::kPost, "/embed", model_route(tei::parse_embed, kTei), policy);
  router_.add(Method::kPost, "/predict", model_route(tei::parse_predict, kTei), policy);
  router_.add(Method::kGet, "/info",
              [this](http::Request request, http::RouteArgs, http::ResponseWriter& writer) -> rt::Task<void> {
                auto body = co_await tei_info(request);
                if (!body)
                  co_await send_error(writer, kTei, std::move(body).error(), request);
                else
                  co_await send(writer, json_response(*std::move(body)));
              });
}

rt::Task<Result<std::string>> Gateway::tei_info(const http::Request& request) {
  using domain::Task;
  const domain::TaskSet tasks{Task::kEmbed, Task::kRerank, Task::kClassify};
  HEARTH_CO_TRY(auto name, co_await generator_.model_for(request.headers, tasks));
  HEARTH_CO_TRY(const auto card, co_await card_of(std::move(name)));
  const auto& options = manager_.options();
  const std::int32_t context = options.context_tokens > 0 ? options.context_tokens : kContextTokens;
  co_return tei::info_body(card,
                           {.version = options_.version,
                            .input_tokens = card.context_tokens > 0 ? std::min(card.context_tokens, context) : context,
                            .batch_tokens = options.batch_tokens > 0 ? options.batch_tokens : kBatchTokens,
                            .requests = options.parallel + options.queue,
                            .inputs = kInputs});
}

}  // namespace hearth::gateway
