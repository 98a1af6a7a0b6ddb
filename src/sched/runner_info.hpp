#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "domain/capabilities.hpp"

namespace hearth::sched {

// What a runner says of the model it has loaded (GET /hearth/v1/info).
struct RunnerInfo {
  domain::Capabilities capabilities;
  std::string engine;              // "llama"
  std::uint64_t memory_bytes = 0;  // measured: weights + KV cache + compute buffers over all devices
};
[[nodiscard]] Result<RunnerInfo> read_runner_info(std::string_view json);

// A runner's counters since it started and gauges of now (one line of GET /hearth/v1/stats).
struct RunnerStats {
  std::uint64_t steps = 0;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t cached_prompt_tokens = 0;
  std::uint64_t generated_tokens = 0;
  std::uint64_t requests_finished = 0;
  std::uint64_t requests_failed = 0;
  std::uint64_t requests_cancelled = 0;
  std::uint64_t steps_after_cancel = 0;
  std::uint64_t step_nanoseconds = 0;
  std::uint64_t sampling_nanoseconds = 0;
  std::uint64_t prefix_hits = 0;
  std::uint64_t prefix_saves = 0;
  std::uint64_t prefix_restores = 0;
  std::uint64_t prefix_reads = 0;
  std::uint64_t prefix_evictions = 0;
  std::uint64_t prefix_nanoseconds = 0;
  std::uint64_t prefix_memory_bytes = 0;
  std::uint64_t prefix_disk_bytes = 0;
  std::uint64_t running = 0;
  std::uint64_t waiting = 0;
  std::uint64_t paused = 0;
  std::uint64_t slots = 0;
  std::uint64_t kv_cells = 0;
  std::uint64_t kv_cells_used = 0;
};
[[nodiscard]] Result<RunnerStats> read_runner_stats(std::string_view json);

}  // namespace hearth::sched
