#include "dialect/common/parse.hpp"
#include "dialect/openai/openai.hpp"
#include "dialect/openai/render.hpp"

namespace hearth::dialect::openai {
namespace {

using common::kInt32Max;
using json::Item;
using json::Object;

std::string read_document(const Item& item) {
  if (item.is_string()) return item.text();
  std::string text;
  if (!item.is_object()) {
    item.fail("must be a string or an object with a text");
    return text;
  }
  item.object([&](Object& o) { text = o.required_text("text"); });
  return text;
}

void read_rerank(Object& in, domain::RerankRequest& out, bool& return_documents) {
  common::read_optional_model(in, "model", out.envelope.model);
  common::read_keep_alive(in, out.envelope);
  out.query = in.required_text("query");
  if (const auto documents = in.require("documents")) {
    documents->each([&](const Item& item) { out.documents.push_back(read_document(item)); });
    if (out.documents.empty()) documents->fail("must have at least one text");
  }
  in.optional_integer("top_n", out.top_n, 1, kInt32Max);
  in.boolean("return_documents", return_documents);
  in.optional_integer("max_tokens_per_doc", out.document_tokens, 1, kInt32Max);
  in.boolean("truncation", out.truncate);
  in.boolean("raw_scores", out.raw_scores);
  in.ignore({"user", "priority", "rank_fields", "max_chunks_per_doc", "return_embeddings"});
}

}  // namespace

Result<Call> parse_rerank(std::string_view body, const Edge& edge) {
  domain::RerankRequest request;
  bool return_documents = false;
  HEARTH_TRY(json::Report report,
             json::read_object(body, [&](Object& in) { read_rerank(in, request, return_documents); }));
  Call call{.unnamed = {domain::Task::kRerank}, .ignored = std::move(report.ignored)};
  Style style{.edge = edge, .model = request.envelope.model};
  if (return_documents) style.documents = request.documents;
  call.renderer = rerank_renderer(std::move(style));
  call.request = std::move(request);
  return call;
}

}  // namespace hearth::dialect::openai
