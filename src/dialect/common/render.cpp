#include "dialect/common/render.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace hearth::dialect::common {
namespace {

template <class T>
void write_token(json::Writer& w, const T& token) {
  w.field("token", token.text).field("logprob", finite_logprob(token.logprob)).key("bytes").begin_array();
  for (const char c : token.text) w.value(static_cast<unsigned>(static_cast<unsigned char>(c)));
  w.end_array();
}

}  // namespace

base::WallTime wall(const Edge& edge) { return edge.clock != nullptr ? edge.clock->wall() : base::WallTime{}; }
base::SteadyTime steady(const Edge& edge) { return edge.clock != nullptr ? edge.clock->now() : base::SteadyTime{}; }

std::string_view model_of(const domain::Started& started, std::string_view asked) {
  return started.model.empty() ? asked : std::string_view(started.model);
}

std::string tool_id(std::string_view given, std::string_view prefix, const Edge& edge, std::int32_t choice,
                    std::int32_t block) {
  if (!given.empty()) return std::string(given);
  return fmt::format("{}{}_{}_{}", prefix, edge.id, choice, block);
}

void write_logprobs(json::Writer& w, std::span<const domain::TokenLogprob> logprobs) {
  w.begin_array();
  for (const auto& token : logprobs) {
    w.begin_object();
    write_token(w, token);
    w.key("top_logprobs").begin_array();
    for (const auto& other : token.top) {
      w.begin_object();
      write_token(w, other);
      w.end_object();
    }
    w.end_array().end_object();
  }
  w.end_array();
}

double finite_logprob(double logprob) {
  constexpr double kVeryUnlikely = -9999.0;
  return std::isfinite(logprob) ? logprob : kVeryUnlikely;
}

std::vector<const domain::Embedded*> in_order(const std::vector<domain::Embedded>& embeddings) {
  std::vector<const domain::Embedded*> order;
  for (const auto& e : embeddings) order.push_back(&e);
  std::ranges::sort(order, {}, [](const auto* e) { return std::pair(e->index, e->token.value_or(0)); });
  return order;
}

std::int64_t total_tokens(const domain::Usage& usage) { return std::int64_t{usage.prompt} + usage.completion; }

}  // namespace hearth::dialect::common
