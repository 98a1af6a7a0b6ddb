#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace hearth::engine::llama {

// Private and writable memory that this process has mapped now, whether touched yet or not: heap, stacks, buffers.
[[nodiscard]] base::Bytes mapped_memory();

// Cores that this process may use: its CPU affinity without hyper-threads of one core, at most the container's CPU
// quota.
[[nodiscard]] std::int32_t usable_cores();

}  // namespace hearth::engine::llama
