#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "remote/hearth_backend.hpp"
#include "rt/subprocess.hpp"
#include "sched/model_manager.hpp"

namespace hearth::sched {

enum class SlotState { kLoading, kReady, kDraining, kStopping, kGone };

// One model in the table: its runner and who uses it. Touched on the manager's loop only.
class Slot {
 public:
  std::string key;
  store::LibraryEntry entry;
  domain::ModelCard card;
  std::int32_t context_tokens = 0;  // asked for at load; 0 = default
  SlotState state = SlotState::kLoading;
  Error failure{};       // why loading failed, once kGone
  base::Bytes memory{};  // promised once loading may begin, then what the runner says it holds
  std::optional<rt::Subprocess> process{};
  std::filesystem::path socket{};
  std::filesystem::path log_file{};
  std::unique_ptr<remote::HearthBackend> backend{};
  RunnerInfo info{};
  RunnerStats stats{};
  std::int32_t waiting = 0;    // requests that wait for the load
  std::int32_t in_flight = 0;  // leases
  base::SteadyTime last_used{};
  std::optional<base::SteadyTime> expires{};  // none = never
  std::optional<std::chrono::nanoseconds> next_keep_alive{};
  double mean_service_s = 1.0;  // of recent requests, for Retry-After

  // What the model takes now: `memory`, and what its runner has put into its prefix cache since it was loaded, as of at
  // most a second ago.
  [[nodiscard]] base::Bytes taken() const { return memory + base::Bytes{stats.prefix_memory_bytes}; }
};

}  // namespace hearth::sched
