#include <limits>

#include "dialect/native/native.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"

namespace hearth::dialect::native {

std::string write_capabilities(const domain::Capabilities& c) {
  json::Writer w;
  w.begin_object().key("tasks").begin_array();
  for (const auto task : domain::all_tasks()) {
    if (c.tasks.has(task)) w.value(domain::to_string(task));
  }
  w.end_array().field("context_tokens", c.context_tokens).field("trained_context_tokens", c.trained_context_tokens);
  w.field("embedding_dimensions", c.embedding_dimensions).field("vocabulary", c.vocabulary).field("slots", c.slots);
  w.field("device", c.device).field("format", c.format).field("architecture", c.architecture);
  if (!c.labels.empty()) {
    w.key("labels").begin_array();
    for (const auto& label : c.labels) w.value(label);
    w.end_array();
  }
  w.end_object();
  return std::move(w).take();
}

Result<domain::Capabilities> read_capabilities(std::string_view text) {
  domain::Capabilities c;
  constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
  HEARTH_TRY(const auto report, json::read_object(text, [&](json::Object& in) {
               in.each("tasks", [&](const json::Item& item) {
                 const std::string name = item.text();
                 for (const auto task : domain::all_tasks()) {
                   if (domain::to_string(task) == name) c.tasks.add(task);
                 }
               });
               in.integer("context_tokens", c.context_tokens, 0, kMax);
               in.integer("trained_context_tokens", c.trained_context_tokens, 0, kMax);
               in.integer("embedding_dimensions", c.embedding_dimensions, 0, kMax);
               in.integer("vocabulary", c.vocabulary, 0, kMax);
               in.integer("slots", c.slots, 0, kMax);
               in.text("device", c.device);
               in.text("format", c.format);
               in.text("architecture", c.architecture);
               in.each("labels", [&](const json::Item& item) { c.labels.push_back(item.text()); });
             }));
  (void)report;
  return c;
}

}  // namespace hearth::dialect::native
