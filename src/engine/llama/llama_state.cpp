// Saved states of sequences.
#include <fmt/format.h>

#include "engine/llama/llama_token_model.hpp"
#include "engine/llama/model_digest.hpp"

namespace hearth::engine::llama {

using core::StatePart;

namespace {

llama_state_seq_flags flags_of(StatePart part) {
  return part == StatePart::kUncuttable ? LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY : LLAMA_STATE_SEQ_FLAGS_NONE;
}

}  // namespace

// The context's length belongs to it: some models choose their rotary factors by it.
std::string LlamaTokenModel::state_key() const {
  if (memory_ == nullptr) return {};
  const std::string digest = model_digest(parts_.path);
  if (digest.empty()) {
    log_->warn("llama: '{}' cannot be read again; its prefixes are not kept outside the KV cache", parts_.path);
    return {};
  }
  return fmt::format("llama.cpp {} state {} model {} on {} cache {} context {}", HEARTH_LLAMA_BUILD,
                     LLAMA_STATE_SEQ_VERSION, digest, parts_.info.capabilities.device, parts_.cache_layout,
                     llama_n_ctx_seq(parts_.context.get()));
}

std::size_t LlamaTokenModel::state_bytes(core::SequenceId sequence, StatePart part) {
  if (memory_ == nullptr || !is_sequence(sequence)) return 0;
  return llama_state_seq_get_size_ext(parts_.context.get(), sequence, flags_of(part));
}

bool LlamaTokenModel::save(core::SequenceId sequence, StatePart part, std::string& out) {
  const std::size_t bytes = state_bytes(sequence, part);
  if (bytes == 0) return false;
  out.resize_and_overwrite(bytes, [&](char* data, std::size_t) {  // of libstdc++ 12 it may be more
    return llama_state_seq_get_data_ext(parts_.context.get(), reinterpret_cast<std::uint8_t*>(data), bytes, sequence,
                                        flags_of(part));
  });
  return out.size() == bytes;
}

bool LlamaTokenModel::restore(core::SequenceId sequence, StatePart part, std::string_view state,
                              core::Position length) {
  if (memory_ == nullptr || !is_sequence(sequence) || length <= 0) return false;
  const auto* const data = reinterpret_cast<const std::uint8_t*>(state.data());
  if (llama_state_seq_set_data_ext(parts_.context.get(), data, state.size(), sequence, flags_of(part)) == 0)
    return false;
  // What can be cut is still as long as it was.
  if (part == StatePart::kUncuttable && !llama_memory_seq_rm(memory_, sequence, length, -1)) return false;
  return llama_memory_seq_pos_max(memory_, sequence) == length - 1;
}

}  // namespace hearth::engine::llama
