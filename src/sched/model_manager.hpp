#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "domain/model_card.hpp"
#include "rt/nursery.hpp"
#include "rt/work_threads.hpp"
#include "sched/condition.hpp"
#include "sched/room.hpp"
#include "sched/runner_info.hpp"
#include "store/library.hpp"

namespace hearth::sched {

struct ManagerOptions {
  std::filesystem::path runner;         // the hearth-runner program
  std::filesystem::path socket_folder;  // private to this user; socket names stay short
  std::filesystem::path log_folder;     // one log file per runner
  std::int32_t context_tokens = 0;      // per conversation; 0 = min(trained, 8192)
  std::int32_t parallel = 4;
  std::int32_t queue = 512;                // requests that may wait per model
  std::int32_t threads = 0;                // 0 = all cores
  std::int32_t nice = 0;                   // of the compute threads
  std::int32_t batch_tokens = 0;           // 0 = the runner's default
  std::chrono::milliseconds step_time{0};  // of a step beside answers that stream; 0 = chosen, -1 = no bound
  base::Bytes prefix_memory{};             // of each runner, for prefixes outside the KV cache; 0 = none
  std::filesystem::path prefix_folder;     // where they go when that is full; empty: nowhere
  base::Bytes prefix_disk{};               // of all runners, in that folder
  bool context_shift = false;              // a full context does not end a running answer
  std::int32_t max_loaded = 0;             // models loaded at once; 0 = as many as fit in memory
  std::chrono::nanoseconds keep_alive = std::chrono::minutes(5);
  std::chrono::milliseconds load_timeout = std::chrono::minutes(10);
  std::chrono::milliseconds stop_grace = std::chrono::seconds(5);
  bool debug = false;  // runners log at DEBUG
};

struct LoadWish {
  std::optional<std::int32_t> context_tokens;  // more than is loaded = one reload; less = a limit for this request only
};

struct ManagerStats {
  std::uint64_t loads = 0;
  std::uint64_t load_failures = 0;
  std::uint64_t crashes = 0;
  std::uint64_t evictions = 0;
  std::uint64_t refused = 0;  // kOverloaded
};

class Slot;

// The right to use a loaded model. While it lives the model stays loaded; on its end the keep-alive clock starts.
class Lease {
 public:
  Lease(std::shared_ptr<Slot> slot, class ModelManager& manager);
  Lease(Lease&&) noexcept;
  Lease& operator=(Lease&&) noexcept;
  ~Lease();

  [[nodiscard]] backend::Backend& backend() const;
  [[nodiscard]] std::string model() const;  // id as listed
  [[nodiscard]] const std::string& device() const;
  [[nodiscard]] const std::string& engine() const;
  [[nodiscard]] std::chrono::nanoseconds load_time() const { return load_time_; }  // zero if it was loaded already
  void set_load_time(std::chrono::nanoseconds time) { load_time_ = time; }
  // How long the model stays after this request; none = the configured default.
  void set_keep_alive(std::optional<std::chrono::nanoseconds> keep_alive) { keep_alive_ = keep_alive; }

 private:
  friend class ModelManager;
  std::shared_ptr<Slot> slot_;  // shared: a model may leave the table (crash, unload) while requests still hold it
  ModelManager* manager_;
  base::SteadyTime started_{};
  std::chrono::nanoseconds load_time_{};
  std::optional<std::chrono::nanoseconds> keep_alive_;
};

// Owns the runner processes: loads on demand (once for concurrent first requests), watches, evicts, unloads when idle.
// One event loop; all calls on it, except stats() and loaded(), which are thread-safe snapshots.
class ModelManager {
 public:
  ModelManager(rt::Executor executor, rt::WorkThreads& work, ManagerOptions options, const base::Clock& clock,
               base::Log& log);
  ~ModelManager();
  ModelManager(const ModelManager&) = delete;
  ModelManager& operator=(const ModelManager&) = delete;

  // Waits until the model is loaded. kOverloaded (with retry_after) when its queue is full, kInsufficientMemory with
  // both numbers, kModelLoadFailed with the runner's reason. Cancellable; a load that others wait for goes on.
  [[nodiscard]] rt::Task<Result<Lease>> acquire(store::LibraryEntry entry, domain::ModelCard card, LoadWish wish);
  // After its running requests; kModelNotFound if it is not loaded. `name`: the key of its ModelName, or the id that
  // loaded() shows (the library may know it no longer, or under another key).
  [[nodiscard]] rt::Task<Result<void>> unload(std::string name);
  // After an error of the backend behind `lease`: whether its runner has died, seen within half a second, so that the
  // next request loads the model anew rather than meeting the dead one again.
  [[nodiscard]] rt::Task<bool> wait_gone(const Lease& lease);
  // Ends every runner. Requests that still run end with an error.
  [[nodiscard]] rt::Task<void> stop();

  struct Loaded {
    domain::LoadedModel model;
    RunnerStats stats;
  };
  [[nodiscard]] std::vector<Loaded> loaded() const;
  [[nodiscard]] ManagerStats stats() const;
  [[nodiscard]] const ManagerOptions& options() const { return options_; }

 private:
  friend class Lease;
  using SlotPtr = std::shared_ptr<Slot>;

  [[nodiscard]] Result<void> admit(const Slot& slot);
  [[nodiscard]] std::int32_t usual_context(const domain::ModelCard& card) const;
  [[nodiscard]] SlotPtr start_loading(const store::LibraryEntry& entry, const domain::ModelCard& card,
                                      const LoadWish& wish);
  [[nodiscard]] rt::Task<void> load(SlotPtr slot);
  [[nodiscard]] rt::Task<Result<void>> bring_up(SlotPtr slot);
  [[nodiscard]] rt::Task<Result<base::Bytes>> estimate(std::filesystem::path path, std::int32_t context_tokens);
  [[nodiscard]] rt::Task<Result<void>> check_larger(SlotPtr slot, std::int32_t context_tokens);
  [[nodiscard]] rt::Task<Result<void>> make_room(SlotPtr slot, base::Bytes needed);
  [[nodiscard]] Room room_for_another(base::Bytes needed) const;
  [[nodiscard]] rt::Task<Result<RunnerInfo>> wait_until_ready(SlotPtr slot);
  [[nodiscard]] rt::Task<void> watch(SlotPtr slot);
  [[nodiscard]] rt::Task<void> follow_stats(SlotPtr slot);
  [[nodiscard]] rt::Task<Result<void>> read_stats(SlotPtr slot);  // until that fails
  [[nodiscard]] rt::Task<void> follow_file(SlotPtr slot);
  [[nodiscard]] rt::Task<void> reap_idle();
  [[nodiscard]] rt::Task<void> end_runner(SlotPtr slot);
  [[nodiscard]] SlotPtr least_recently_used(bool idle) const;
  void release(const SlotPtr& slot, std::optional<std::chrono::nanoseconds> keep_alive, std::chrono::nanoseconds used);
  void forget(const SlotPtr& slot);
  void publish();

  rt::Executor executor_;
  rt::WorkThreads& work_;  // for files
  ManagerOptions options_;
  const base::Clock& clock_;
  base::Log& log_;
  std::map<std::string, SlotPtr> slots_;  // by ModelName::key() of the weight file's id
  Condition changed_;
  std::uint64_t sequence_ = 0;
  bool stopping_ = false;
  struct Snapshot {
    std::vector<Loaded> loaded;
    ManagerStats stats;
  };
  base::Guarded<Snapshot> snapshot_;
  ManagerStats stats_;
  rt::Nursery nursery_;  // last: its tasks use everything above
};

}  // namespace hearth::sched
