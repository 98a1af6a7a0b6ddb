#pragma once

#include <cstdint>
#include <sys/types.h>

#include "base/bytes.hpp"
#include "store/gguf.hpp"

namespace hearth::store {

// How a model is to be loaded. context_tokens: per conversation, 0 = as the engine chooses (trained, at most 8192).
struct LoadShape {
  std::int32_t context_tokens = 0;
  std::int32_t parallel = 4;
  std::int32_t batch_tokens = 512;
};

struct MemoryEstimate {
  base::Bytes weights;   // the file's tensors, vocabulary and llama.cpp's own tables
  base::Bytes kv_cache;  // f16 keys and values of every cell, recurrent states
  base::Bytes compute;   // activations, attention masks, rows of logits
  [[nodiscard]] base::Bytes total() const { return weights + kv_cache + compute; }
};

// What loading this model takes, from its header alone. `parts_bytes`: tensor bytes of the other files of a split
// model. Sliding windows are ignored (the estimate is high for such models); of recurrent models the state is estimated
// roughly. Not counted: the second context that a generating model makes when embeddings are asked of it. Within 5 % of
// the measured resident memory of full use for the models in memory_estimate.cpp's table.
[[nodiscard]] MemoryEstimate estimate_memory(const GgufHeader& header, const LoadShape& shape,
                                             base::Bytes parts_bytes = {});

// What can be given to a new process now: MemAvailable, at most what the control group has left; 0 if unknown.
[[nodiscard]] base::Bytes available_memory();
// What the process holds now that no other one shares; 0 = unknown, or it has ended.
[[nodiscard]] base::Bytes resident_memory(pid_t process);
// What all processes here may have together: the machine's memory, at most what the control group allows; 0 if unknown.
[[nodiscard]] base::Bytes total_memory();

}  // namespace hearth::store
