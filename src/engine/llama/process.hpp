#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace hearth::engine::llama {

// What this process has mapped now, whether touched yet or not.
struct MappedMemory {
  base::Bytes own;    // private and writable: heap, stacks, buffers
  base::Bytes files;  // read-only views of files
};
[[nodiscard]] MappedMemory mapped_memory();

// Cores that this process may use: its CPU affinity without hyper-threads of one core, at most the container's CPU
// quota.
[[nodiscard]] std::int32_t usable_cores();

}  // namespace hearth::engine::llama
