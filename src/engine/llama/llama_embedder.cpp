#include "engine/llama/llama_embedder.hpp"

#include <algorithm>

namespace hearth::engine::llama {
namespace {

// llama.cpp computes and keeps a row of logits for every token of an embedding batch (vocabulary x 4 bytes each), so
// batches are no larger than speed needs.
constexpr std::int32_t kChunkTokens = 128;
constexpr std::int32_t kWholeBatchTokens = 512;

std::size_t sequence_end(std::span<const core::BatchToken> batch, std::size_t begin) {
  std::size_t end = begin;
  while (end < batch.size() && batch[end].sequence == batch[begin].sequence) ++end;
  return end;
}

// As many whole sequences as fit `limit` tokens, one at least.
std::size_t group_end(std::span<const core::BatchToken> batch, std::size_t begin, std::size_t limit) {
  std::size_t end = sequence_end(batch, begin);
  while (end < batch.size()) {
    const std::size_t next = sequence_end(batch, end);
    if (next - begin > limit) break;
    end = next;
  }
  return end;
}

bool interrupted(void* flag) { return static_cast<const std::atomic<bool>*>(flag)->load(std::memory_order_relaxed); }

}  // namespace

std::optional<Embedder> Embedder::create(llama_model* model, const EmbedderOptions& options) {
  const std::int32_t whole = std::max(options.context_tokens, kWholeBatchTokens);
  const std::int32_t batch_max = options.causal ? std::max(kChunkTokens, options.sequences_max) : whole;
  auto params = llama_context_default_params();
  params.n_ctx = static_cast<std::uint32_t>(std::max(options.context_tokens, batch_max));
  params.n_batch = static_cast<std::uint32_t>(batch_max);
  params.n_ubatch = params.n_batch;
  params.n_seq_max = static_cast<std::uint32_t>(options.sequences_max);
  params.n_threads = params.n_threads_batch = options.threads;
  params.pooling_type = options.head_outputs > 0 ? LLAMA_POOLING_TYPE_RANK : LLAMA_POOLING_TYPE_NONE;
  params.embeddings = true;
  params.kv_unified = true;
  params.no_perf = true;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO;
  params.abort_callback = interrupted;
  params.abort_callback_data = const_cast<std::atomic<bool>*>(options.interrupted);
  ContextHandle context(llama_init_from_model(model, params));
  if (!context) return std::nullopt;
  llama_attach_threadpool(context.get(), options.threadpool, options.threadpool);
  return Embedder(std::move(context), options, llama_model_n_embd_out(model), batch_max);
}

Embedder::Embedder(ContextHandle context, const EmbedderOptions& options, std::int32_t dimensions,
                   std::int32_t batch_max)
    : context_(std::move(context)), options_(options), dimensions_(dimensions), batch_max_(batch_max) {}

core::DecodeStatus Embedder::embed(std::span<const core::BatchToken> batch, std::optional<domain::Pooling> pooling) {
  pooling_ = pooling.value_or(options_.pooling);
  results_.assign(static_cast<std::size_t>(options_.sequences_max), {});
  const auto limit = static_cast<std::size_t>(options_.causal ? options_.context_tokens : kWholeBatchTokens);
  for (std::size_t begin = 0; begin < batch.size();) {
    const std::size_t end = group_end(batch, begin, limit);
    const auto group = batch.subspan(begin, end - begin);
    const auto status = options_.causal ? embed_in_chunks(group) : embed_whole(group);
    if (status != core::DecodeStatus::kOk) return status;
    if (pooling_ == domain::Pooling::kMean && options_.head_outputs == 0) finish(group);
    begin = end;
  }
  return core::DecodeStatus::kOk;
}

core::DecodeStatus Embedder::run() {
  llama_context* const context = context_.get();
  const int status = llama_get_memory(context) == nullptr ? llama_encode(context, batch_.view())
                                                          : llama_decode(context, batch_.view());
  if (status == 0) return core::DecodeStatus::kOk;
  // llama_encode has no code for an abort of its own.
  if (status == 2 || options_.interrupted->load(std::memory_order_relaxed)) return core::DecodeStatus::kAborted;
  return status == 1 ? core::DecodeStatus::kNoSpace : core::DecodeStatus::kFailed;
}

core::DecodeStatus Embedder::embed_whole(std::span<const core::BatchToken> group) {
  if (group.size() > static_cast<std::size_t>(batch_max_)) return core::DecodeStatus::kNoSpace;
  if (auto* memory = llama_get_memory(context_.get())) llama_memory_clear(memory, false);
  return take(group, true);
}

core::DecodeStatus Embedder::embed_in_chunks(std::span<const core::BatchToken> group) {
  if (group.size() > static_cast<std::size_t>(options_.context_tokens)) return core::DecodeStatus::kNoSpace;
  auto* const memory = llama_get_memory(context_.get());
  if (memory == nullptr) return core::DecodeStatus::kFailed;
  llama_memory_clear(memory, false);
  for (std::size_t begin = 0; begin < group.size(); begin += kChunkTokens) {
    const std::size_t end = std::min(group.size(), begin + kChunkTokens);
    const bool ends = end == group.size() || group[end].sequence != group[end - 1].sequence;
    const auto status = take(group.subspan(begin, end - begin), ends);
    if (status != core::DecodeStatus::kOk) return status;
  }
  return core::DecodeStatus::kOk;
}

bool Embedder::fill_batch(std::span<const core::BatchToken> part) {
  batch_.clear();
  const bool pairs = pair_embeddings_ && std::ranges::any_of(part, &core::BatchToken::second);
  for (const core::BatchToken& token : part) {
    if (!pairs) {
      batch_.add(token, true);
      continue;
    }
    const auto row = pair_embeddings_->row(token.token, token.second);
    if (row.empty()) return false;
    batch_.add(token, true, row);
  }
  return true;
}

core::DecodeStatus Embedder::take(std::span<const core::BatchToken> part, bool ends) {
  if (!fill_batch(part)) return core::DecodeStatus::kFailed;
  if (const auto status = run(); status != core::DecodeStatus::kOk) return status;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const core::SequenceId sequence = part[i].sequence;
    const bool last = i + 1 == part.size() ? ends : part[i + 1].sequence != sequence;
    if (options_.head_outputs > 0 && !last) continue;
    const float* const values = options_.head_outputs > 0
                                    ? llama_get_embeddings_seq(context_.get(), sequence)
                                    : llama_get_embeddings_ith(context_.get(), static_cast<std::int32_t>(i));
    if (values == nullptr) return core::DecodeStatus::kFailed;
    if (options_.head_outputs > 0)
      results_[static_cast<std::size_t>(sequence)].assign(values, values + options_.head_outputs);
    else
      add_token(sequence, values, part[i].position == 0);
  }
  return core::DecodeStatus::kOk;
}

void Embedder::add_token(core::SequenceId sequence, const float* values, bool first) {
  auto& result = results_[static_cast<std::size_t>(sequence)];
  switch (pooling_) {
    case domain::Pooling::kNone: result.insert(result.end(), values, values + dimensions_); return;
    case domain::Pooling::kLast: result.assign(values, values + dimensions_); return;
    case domain::Pooling::kCls:
      if (first) result.assign(values, values + dimensions_);
      return;
    case domain::Pooling::kMean:
      result.resize(static_cast<std::size_t>(dimensions_));
      for (std::size_t i = 0; i < result.size(); ++i) result[i] += values[i];
  }
}

// Sums to means.
void Embedder::finish(std::span<const core::BatchToken> group) {
  for (std::size_t begin = 0; begin < group.size();) {
    const std::size_t end = sequence_end(group, begin);
    for (float& value : results_[static_cast<std::size_t>(group[begin].sequence)])
      value /= static_cast<float>(end - begin);
    begin = end;
  }
}

std::span<const float> Embedder::embedding(core::SequenceId sequence) const {
  const auto index = static_cast<std::size_t>(sequence);
  return index < results_.size() ? std::span<const float>(results_[index]) : std::span<const float>();
}

}  // namespace hearth::engine::llama
