#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/log.hpp"
#include "engine/core/prefix/disk_thread.hpp"
#include "engine/core/prefix/saved_sequence.hpp"

namespace hearth::engine::core {

struct PrefixCacheOptions {
  base::Bytes memory{};          // of sequences outside the KV cache, and of checkpoints; 0 = none
  std::filesystem::path folder;  // where they go when that is full, and at the end; empty: nowhere
  base::Bytes disk{};            // of all files there
  std::int32_t tokens_min = 32;  // shorter ones are evaluated again sooner than they are found
};

// Sequences outside the KV cache: in memory, on disk, or both; what was used longest ago goes first from either.
// For the engine thread; nothing but wait(), flush() and the constructor blocks. REQUIRES: log outlives it.
class PrefixStore {
 public:
  // `key`: TokenModel::state_key(); empty: nothing is kept on disk.
  PrefixStore(PrefixCacheOptions options, std::string key, base::Log& log);

  [[nodiscard]] bool enabled() const { return enabled_; }
  [[nodiscard]] bool has_disk() const { return disk_ != nullptr; }
  [[nodiscard]] std::int32_t tokens_min() const { return options_.tokens_min; }

  struct Match {
    std::uint64_t id = 0;
    std::int32_t length = 0;  // what can be used; 0 = no match
    SharedSequence held;      // null: on disk
    bool reading = false;     // it will be held soon
  };
  // Whose beginning saves `prompt` the most. `cuttable`: any part of a sequence can be used, otherwise all of it or as
  // much as one of its checkpoints has.
  [[nodiscard]] Match find(std::span<const domain::Token> prompt, bool cuttable) const;
  // How much of `prompt` the most similar sequence has, whether it can be used or not.
  [[nodiscard]] std::int32_t common(std::span<const domain::Token> prompt) const;
  void touch(std::uint64_t id);
  // Whether keeping this sequence would add nothing; that counts as a use of what has it.
  bool covers(std::span<const domain::Token> tokens, bool cuttable);
  // Whether a state of so many bytes can be kept at all.
  [[nodiscard]] bool takes(std::uint64_t bytes) const { return bytes <= options_.memory.count || has_disk(); }
  [[nodiscard]] bool takes_checkpoints(std::uint64_t bytes) const { return bytes <= options_.memory.count; }
  void keep(SavedSequence saved);
  void forget(std::uint64_t id);
  // Part of the memory, for checkpoints of sequences that are in the KV cache.
  void set_aside(std::uint64_t bytes);

  // Begins to read it from disk.
  void fetch(std::uint64_t id);
  [[nodiscard]] bool reading() const { return reading_ > 0; }
  // Takes in what the disk has done.
  void poll();
  // Until the disk has done something.
  void wait();
  // Writes what is only in memory, what was used last first, for at most this long.
  void flush(std::chrono::milliseconds most);

  [[nodiscard]] std::uint64_t memory_bytes() const { return held_bytes_ + aside_bytes_; }
  [[nodiscard]] std::uint64_t disk_bytes() const { return disk_bytes_; }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }  // lost for good
  [[nodiscard]] std::uint64_t reads() const { return reads_; }          // from disk

 private:
  struct Entry {
    domain::Tokens tokens;
    std::vector<Position> checkpoints;  // shortest first
    std::uint64_t bytes = 0;
    std::uint64_t touched = 0;
    SharedSequence held;
    std::string file;  // its name; empty: none
    bool reading = false;
    bool writing = false;
  };
  using Entries = std::map<std::uint64_t, Entry>;

  [[nodiscard]] static std::int32_t usable(const Entry& entry, std::span<const domain::Token> prompt, bool cuttable);
  void add_files(std::vector<PrefixDisk::File> files);
  void lose_files(const std::vector<std::string>& names);
  void supersede(const domain::Tokens& tokens, std::uint64_t except);
  void hold(Entry& entry, SharedSequence saved);
  void drop_held(Entry& entry);
  void drop_file(Entry& entry);
  // Within the bound of the memory again; `except` stays.
  void trim(std::uint64_t except);
  void write(Entries::iterator entry);
  Entries::iterator erase(Entries::iterator entry);

  const PrefixCacheOptions options_;
  bool enabled_ = false;
  Entries entries_;
  std::uint64_t held_bytes_ = 0;
  std::uint64_t writing_bytes_ = 0;  // of those held
  std::uint64_t aside_bytes_ = 0;
  std::uint64_t disk_bytes_ = 0;
  std::uint64_t evictions_ = 0;
  std::uint64_t reads_ = 0;
  std::int32_t reading_ = 0;
  std::uint64_t clock_ = 0;
  std::uint64_t next_ = 1;
  DiskThread::Done done_;
  std::unique_ptr<DiskThread> disk_;  // none: no folder was given
};

}  // namespace hearth::engine::core
