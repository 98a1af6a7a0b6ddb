#include "store/folder_card.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>
#include <system_error>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "json/reader.hpp"
#include "store/openvino_ir.hpp"
#include "store/safetensors.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

namespace {

// A JSON object of the folder; what is no such thing says nothing.
void read_json(const fs::path& file, const std::function<void(json::Object&)>& read) {
  if (const auto text = base::read_file(file)) (void)json::read_object(*text, read);
}

std::int32_t positive(json::Object& in, std::string_view key) {
  std::int32_t out = 0;
  in.integer(key, out, 0, 1 << 30);
  return out;
}

std::int32_t context_of(json::Object& in) {
  for (const auto* key : {"max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "n_ctx"}) {
    if (const auto n = positive(in, key); n > 0) return n;
  }
  std::int32_t inner = 0;  // of models with several towers
  in.object("text_config", [&](json::Object& text) { inner = context_of(text); });
  return inner;
}

// By the name of the class that its maker runs it with.
domain::TaskSet tasks_of_class(std::string_view name) {
  using domain::Task;
  if (name.ends_with("ForCausalLM") || name.ends_with("LMHeadModel") || name.ends_with("ForConditionalGeneration"))
    return {Task::kComplete};
  if (name.ends_with("ForSequenceClassification") || name.ends_with("ForTokenClassification")) return {Task::kClassify};
  if (name.ends_with("ForSpeechSeq2Seq") || name.ends_with("ForCTC")) return {Task::kTranscribe};
  if (name.ends_with("Model")) return {Task::kEmbed};
  return {};
}

void add_config(domain::ModelCard& card, const fs::path& folder) {
  read_json(folder / "config.json", [&](json::Object& in) {
    in.text("model_type", card.architecture);
    card.context_tokens = context_of(in);
    card.embedding_dimensions = positive(in, "hidden_size");
    in.each("architectures", [&](const json::Item& item) {
      if (card.tasks == domain::TaskSet{}) card.tasks = tasks_of_class(item.text());
    });
    in.object("quantization_config", [&](json::Object& q) { q.text("quant_method", card.quantization); });
  });
}

// A template, or named ones of which "default" counts.
void add_template(domain::ModelCard& card, const fs::path& folder) {
  if (auto text = base::read_file(folder / "chat_template.jinja")) card.chat_template = *std::move(text);
  if (card.chat_template.empty()) {
    read_json(folder / "tokenizer_config.json", [&](json::Object& in) {
      const auto item = in.get("chat_template");
      if (!item) return;
      if (item->is_string()) card.chat_template = item->text();
      if (!item->is_array()) return;
      item->each([&](const json::Item& one) {
        one.object([&](json::Object& named) {
          if (named.required_text("name") == "default") card.chat_template = named.required_text("template");
        });
      });
    });
  }
  if (!card.chat_template.empty() && card.tasks.has(domain::Task::kComplete)) card.tasks.add(domain::Task::kChat);
}

Result<void> add_safetensors(domain::ModelCard& card, const fs::path& weights) {
  HEARTH_TRY(const auto parts, safetensors_parts(weights));
  std::map<std::string, std::uint64_t> bytes_of_types;
  for (const auto& part : parts) {
    HEARTH_TRY(auto header, read_safetensors(part));
    card.size_bytes += header.file_size;
    for (auto& tensor : header.tensors) {
      card.parameters += tensor.elements;
      bytes_of_types[tensor.type] += tensor.bytes;
      card.tensors.push_back(
          {.name = std::move(tensor.name), .type = std::move(tensor.type), .shape = std::move(tensor.shape)});
    }
  }
  const auto most = std::ranges::max_element(bytes_of_types, {}, [](const auto& entry) { return entry.second; });
  if (card.quantization.empty() && most != bytes_of_types.end()) card.quantization = most->first;
  return {};
}

Result<void> add_ir(domain::ModelCard& card, const fs::path& xml) {
  HEARTH_TRY(const auto ir, read_openvino_ir(xml));
  std::error_code error;
  card.size_bytes = fs::file_size(xml, error) + fs::file_size(weights_of_ir(xml), error);
  card.quantization = ir.weight_format;
  return {};
}

}  // namespace

Result<domain::ModelCard> read_folder_card(const fs::path& weights) {
  domain::ModelCard card;
  const bool is_ir = base::equals_ignore_case(weights.extension().string(), ".xml");
  card.path = weights.string();
  card.format = is_ir ? "openvino" : "safetensors";
  card.modified = base::modified_time(weights);
  add_config(card, weights.parent_path());
  add_template(card, weights.parent_path());
  HEARTH_CHECK(is_ir ? add_ir(card, weights) : add_safetensors(card, weights));
  return card;
}

}  // namespace hearth::store
