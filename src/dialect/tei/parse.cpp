#include "dialect/common/parse.hpp"

#include <algorithm>

#include "dialect/tei/render.hpp"
#include "dialect/tei/tei.hpp"

namespace hearth::dialect::tei {
namespace {

using common::kInt32Max;
using domain::Task;
using json::Item;
using json::Object;
using Input = domain::ClassifyRequest::Input;

// What all routes have. The end of a text that is too long is what goes, on request.
void read_common(Object& in, domain::Envelope& envelope, bool& truncate) {
  common::read_optional_model(in, "model", envelope.model);
  common::read_keep_alive(in, envelope);
  in.boolean("truncate", truncate);
  std::string direction = "Right";
  in.text("truncation_direction", direction);
  if (direction != "Right" && direction != "Left") in.fail("truncation_direction", "must be Right or Left");
  if (direction == "Left") in.ignore("truncation_direction");
}

bool has_empty(const std::vector<common::Input>& inputs) {
  return std::ranges::any_of(
      inputs, [](const auto& input) { return std::visit([](const auto& value) { return value.empty(); }, input); });
}

Input read_entry(const Item& item) {
  Input out;
  const auto texts = common::read_texts(item);
  if (texts.empty() || texts.size() > 2) {
    item.fail("must be one text, or two of a pair");
    return out;
  }
  out.text = texts[0];
  if (texts.size() == 2) out.pair = texts[1];
  return out;
}

// Says whether they were a batch.
bool read_predict_inputs(const Item& item, std::vector<Input>& out) {
  if (item.is_string()) {
    out.push_back({.text = item.text(), .pair = std::nullopt});
    return false;
  }
  const auto* array = item.value().if_array();
  if (array == nullptr) {
    item.fail("must be a text, a pair of texts, or an array of those");
    return false;
  }
  const bool batch = array->empty() || std::ranges::any_of(*array, [](const auto& e) { return e.is_array(); });
  if (batch)
    item.each([&](const Item& entry) { out.push_back(read_entry(entry)); });
  else
    out.push_back(read_entry(item));
  return batch;
}

}  // namespace

Result<Call> parse_embed(std::string_view body, const Edge& /*edge*/) {
  domain::EmbedRequest request;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               read_common(in, request.envelope, request.truncate);
               if (const auto inputs = in.require("inputs")) {
                 request.inputs = common::read_inputs(*inputs);
                 if (request.inputs.empty() || has_empty(request.inputs)) inputs->fail(kEmpty);
               }
               in.boolean("normalize", request.normalize);
               in.optional_integer("dimensions", request.dimensions, 1, kInt32Max);
               if (in.has("prompt_name"))
                 in.fail("prompt_name", "is unknown: GGUF files name no prompts; put it before the inputs");
               in.accept("prompt_name");
             }));
  return Call{.request = std::move(request),
              .unnamed = {Task::kEmbed},
              .ignored = std::move(report.ignored),
              .renderer = embed_renderer()};
}

Result<Call> parse_rerank(std::string_view body, const Edge& /*edge*/) {
  domain::RerankRequest request;
  bool return_text = false;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               read_common(in, request.envelope, request.truncate);
               request.query = in.required_text("query");
               if (const auto texts = in.require("texts")) {
                 request.documents = common::read_texts(*texts);
                 if (request.documents.empty()) texts->fail(kEmpty);
               }
               in.boolean("raw_scores", request.raw_scores);
               in.boolean("return_text", return_text);
               in.optional_integer("top_n", request.top_n, 1, kInt32Max);  // llama-server's addition
             }));
  auto texts = return_text ? request.documents : std::vector<std::string>();
  return Call{.request = std::move(request),
              .unnamed = {Task::kRerank},
              .ignored = std::move(report.ignored),
              .renderer = rerank_renderer(std::move(texts))};
}

Result<Call> parse_predict(std::string_view body, const Edge& /*edge*/) {
  domain::ClassifyRequest request;
  bool batch = false;
  HEARTH_TRY(json::Report report, json::read_object(body, [&](Object& in) {
               read_common(in, request.envelope, request.truncate);
               if (const auto inputs = in.require("inputs")) {
                 batch = read_predict_inputs(*inputs, request.inputs);
                 const bool empty = std::ranges::any_of(request.inputs, [](const Input& i) { return i.text.empty(); });
                 if (request.inputs.empty() || empty) inputs->fail(kEmpty);
               }
               in.boolean("raw_scores", request.raw_scores);
             }));
  return Call{.request = std::move(request),
              .unnamed = {Task::kClassify},
              .ignored = std::move(report.ignored),
              .renderer = predict_renderer(batch)};
}

bool is_rerank(std::string_view body) {
  const auto value = json::parse(body);
  const auto* object = value ? value->if_object() : nullptr;
  return object != nullptr && object->contains("texts") && !object->contains("documents");
}

}  // namespace hearth::dialect::tei
