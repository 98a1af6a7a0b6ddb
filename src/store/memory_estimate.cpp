#include "store/memory_estimate.hpp"

#include <algorithm>
#include <string_view>

#include "store/model_card.hpp"

namespace hearth::store {
namespace {

// Constants and terms are of llama.cpp b11549 on a CPU with AVX-512. Estimate against the resident memory of a runner
// that loaded the model, with huge pages, and answered prompts of half its context (random weights; llama architecture;
// batch of 512; no prefix cache), in MB. A KV cache takes its memory as it is used; the estimate has all of it.
//   model         file   context x parallel   estimate   measured
//   260K f32       1.2       512 x 4             20.4       21.3
//   260K f32       1.2      2048 x 4             30.6       30.0
//   15M q8_0      16.9       512 x 4             60.1       59.1
//   15M q8_0      16.9      2048 x 4            108.8       93.9
//   15M q4_0      13.9       512 x 4             57.1       56.5
//   15M q4_0      13.9      2048 x 4            105.9       90.9
//   135M q8_0    144.2       512 x 4            230.8      230.5
//   135M q4_0     91.1       512 x 4            177.7      178.1
//   135M q4_0     91.1      2048 x 1            176.5      174.0
//   0.5B q8_0    528.6       256 x 2            610.9      580.2
//   0.5B q4_0    349.7       256 x 2            432.0      410.5
//   0.5B q4_0    349.7       512 x 2            438.8      431.8
constexpr std::uint64_t kRuntimeBytes = 14'000'000;  // code, tables and heap of llama.cpp, ends of huge pages
constexpr std::uint64_t kTokenBytes = 156;           // of the vocabulary in memory, per token
constexpr std::uint64_t kMergeBytes = 120;           // per merge of a byte-pair vocabulary
constexpr std::uint64_t kOutputRows = 32;            // rows of logits that the engine reserves at least
constexpr std::uint64_t kContextStep = 256;
constexpr std::int64_t kDefaultContext = 8192;
constexpr std::uint64_t kEmbedBatch = 512;
constexpr std::uint64_t kFloat = sizeof(float);
constexpr std::uint64_t kHalf = 2;

// Sizes of hostile headers must not wrap around: they stick at a petabyte.
constexpr std::uint64_t kMost = 1ULL << 50;
std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kMost : std::min(product, kMost);
}
template <class... More>
std::uint64_t times(std::uint64_t a, std::uint64_t b, More... more) {
  return times(times(a, b), more...);
}

std::uint64_t count(std::optional<std::int64_t> value, std::int64_t fallback = 0) {
  return std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(value.value_or(fallback), 0)), kMost);
}

std::uint64_t weights(const GgufHeader& header, std::uint64_t parts_bytes) {
  std::uint64_t sum = std::min(parts_bytes, kMost);
  for (const GgufTensor& tensor : header.tensors) sum = std::min(sum + std::min(tensor.bytes, kMost), kMost);
  return sum;
}

std::uint64_t array_count(const GgufHeader& header, std::string_view key) {
  const GgufValue* const value = header.find(key);
  const auto* const array = value == nullptr ? nullptr : std::get_if<GgufArray>(value);
  return array == nullptr ? 0 : array->count;
}

// The numbers of a header that decide about memory.
struct Model {
  std::uint64_t vocabulary, layers, embedding, feed_forward, heads, key_length, value_length;
  std::vector<std::int64_t> kv_heads;  // one per layer, or one for all
  bool generates;
  bool gated;

  explicit Model(const GgufHeader& header) {
    const auto of = [&](std::string_view name) { return header.integer(header.arch_key(name)); };
    vocabulary = std::max(array_count(header, "tokenizer.ggml.tokens"), count(of("vocab_size")));
    layers = count(of("block_count"));
    embedding = count(of("embedding_length"));
    const std::uint64_t experts = times(count(of("expert_feed_forward_length")), count(of("expert_used_count")));
    feed_forward = std::max(count(of("feed_forward_length")), experts);
    heads = std::max<std::uint64_t>(1, count(of("attention.head_count")));
    key_length = count(of("attention.key_length"), static_cast<std::int64_t>(embedding / heads));
    value_length = count(of("attention.value_length"), static_cast<std::int64_t>(embedding / heads));
    kv_heads = header.integers(header.arch_key("attention.head_count_kv"));
    if (kv_heads.empty()) kv_heads = {static_cast<std::int64_t>(heads)};
    generates = tasks_of(header).has(domain::Task::kComplete);
    gated =
        std::ranges::any_of(header.tensors,
                            [](const auto& t) { return t.name.find("ffn_gate") != std::string::npos; }) ||
        !std::ranges::any_of(header.tensors, [](const auto& t) { return t.name.find("ffn_up") != std::string::npos; });
  }
};

std::uint64_t kv_cache(const GgufHeader& header, const Model& model, std::uint64_t cells, std::uint64_t sequences) {
  std::uint64_t heads = 0;
  std::uint64_t recurrent_layers = 0;
  for (std::uint64_t layer = 0; layer < std::min<std::uint64_t>(model.layers, 4096); ++layer) {
    const std::int64_t of_layer = model.kv_heads.size() == 1      ? model.kv_heads[0]
                                  : layer < model.kv_heads.size() ? model.kv_heads[layer]
                                                                  : 0;
    heads += count(of_layer);
    if (of_layer <= 0) ++recurrent_layers;
  }
  const auto of = [&](std::string_view name) { return count(header.integer(header.arch_key(name))); };
  const std::uint64_t state = times(of("ssm.inner_size"), of("ssm.state_size") + of("ssm.conv_kernel"));
  if (state > 0 && recurrent_layers == 0 && header.find(header.arch_key("attention.head_count_kv")) == nullptr) {
    recurrent_layers = model.layers;  // no attention at all
    heads = 0;
  }
  const std::uint64_t attention = times(cells, heads, model.key_length + model.value_length, kHalf);
  return std::min(attention + times(state, recurrent_layers, sequences, kFloat), kMost);
}

// One layer's activations of a batch, or the rows of logits after the last layer, and the attention mask; the rows that
// are kept.
std::uint64_t compute(const Model& model, std::uint64_t cells, std::uint64_t batch, std::uint64_t rows,
                      std::uint64_t kept_rows) {
  const std::uint64_t wide =
      std::max(times(model.gated ? 3 : 1, model.feed_forward), times(3, model.heads, model.key_length));
  const std::uint64_t layer = times(batch, wide + times(5, model.embedding), kFloat);
  const std::uint64_t logits = times(rows, model.vocabulary, kFloat) + times(batch, 5, model.embedding, kFloat);
  const std::uint64_t mask = times(cells, batch, kHalf);
  return std::min(std::max(layer, rows > 0 ? logits : 0) + mask + times(kept_rows, model.vocabulary, kFloat), kMost);
}

}  // namespace

MemoryEstimate estimate_memory(const GgufHeader& header, const LoadShape& shape, base::Bytes parts_bytes) {
  const Model model(header);
  const std::int64_t trained =
      std::max<std::int64_t>(1, header.integer(header.arch_key("context_length")).value_or(kDefaultContext));
  const std::int64_t wanted = shape.context_tokens > 0 ? shape.context_tokens : std::min(trained, kDefaultContext);
  const std::uint64_t context = count(std::min(wanted, trained));
  const std::uint64_t parallel = static_cast<std::uint64_t>(std::clamp(shape.parallel, 1, 128));
  const std::uint64_t sequences = 2 * parallel;

  MemoryEstimate estimate;
  const std::uint64_t merges = array_count(header, "tokenizer.ggml.merges");
  const std::uint64_t tables = kRuntimeBytes + times(model.vocabulary, kTokenBytes) + times(merges, kMergeBytes);
  estimate.weights = {std::min(weights(header, parts_bytes.count) + tables, kMost)};
  if (!model.generates) {
    // A sequence is evaluated in one piece, and llama.cpp keeps a row of logits for each of its tokens.
    const std::uint64_t batch = std::max(context, kEmbedBatch);
    estimate.compute = {compute(model, batch, batch, 0, batch)};
    return estimate;
  }
  const std::uint64_t rows = std::max(sequences, kOutputRows);
  const std::uint64_t batch = std::max({count(shape.batch_tokens), rows});
  const std::uint64_t cells =
      std::max((times(context, parallel) + kContextStep - 1) / kContextStep * kContextStep, batch);
  estimate.kv_cache = {kv_cache(header, model, cells, sequences)};
  estimate.compute = {compute(model, cells, batch, rows, sequences)};
  return estimate;
}

}  // namespace hearth::store
