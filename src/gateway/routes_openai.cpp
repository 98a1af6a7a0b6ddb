#include "dialect/anthropic/anthropic.hpp"
#include "dialect/openai/openai.hpp"
#include "gateway/gateway.hpp"

namespace hearth::gateway {

using http::Method;
namespace openai = dialect::openai;
namespace anthropic = dialect::anthropic;

void Gateway::add_openai_routes() {
  const http::RoutePolicy policy{.body_max = options_.body_max};
  const auto post = [&](const char* path, Parse parse) {
    router_.add(Method::kPost, path, model_route(parse, kOpenAi), policy);
  };
  post("/v1/chat/completions", openai::parse_chat);
  post("/v1/responses", openai::parse_responses);
  post("/v1/responses/input_tokens", openai::parse_input_tokens);
  post("/v1/completions", openai::parse_completion);
  post("/v1/embeddings", openai::parse_embeddings);
  post("/infill", openai::parse_infill);
  post("/tokenize", openai::parse_tokenize);
  post("/detokenize", openai::parse_detokenize);
  post("/apply-template", openai::parse_apply_template);

  // One path, two shapes: Anthropic's clients say their version.
  router_.add(Method::kGet, "/v1/models",
              [this](http::Request request, http::RouteArgs, http::ResponseWriter& writer) -> rt::Task<void> {
                const Face& face = face_of(request);
                auto body =
                    co_await listing_of_servable(&face == &kAnthropic ? anthropic::models_body : openai::models_body);
                if (!body)
                  co_await send_error(writer, face, std::move(body).error(), request);
                else
                  co_await send(writer, json_response(*std::move(body)));
              });
  router_.add(Method::kGet, "/v1/models/{id...}",
              [this](http::Request request, http::RouteArgs args, http::ResponseWriter& writer) -> rt::Task<void> {
                const Face& face = face_of(request);
                const auto card = co_await card_of(args.get("id"));
                if (!card) {
                  co_await send_error(writer, face, card.error(), request);
                  co_return;
                }
                co_await send(writer, json_response(&face == &kAnthropic ? anthropic::model_body(*card)
                                                                         : openai::model_body(*card)));
              });
}

void Gateway::add_anthropic_routes() {
  const http::RoutePolicy policy{.body_max = options_.body_max};
  router_.add(Method::kPost, "/v1/messages", model_route(anthropic::parse_messages, kAnthropic), policy);
  router_.add(Method::kPost, "/v1/messages/count_tokens", model_route(anthropic::parse_count_tokens, kAnthropic),
              policy);
}

}  // namespace hearth::gateway
