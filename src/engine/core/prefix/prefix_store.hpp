#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "base/log.hpp"
#include "engine/core/prefix/disk_thread.hpp"
#include "engine/core/prefix/prefix_tree.hpp"
#include "engine/core/prefix/saved_sequence.hpp"

namespace hearth::engine::core {

struct PrefixCacheOptions {
  base::Bytes memory{};          // of sequences outside the KV cache, and of checkpoints; 0 = none
  std::filesystem::path folder;  // where they go when that is full, and at the end; empty: nowhere
  base::Bytes disk{};            // of all files there
  std::int32_t tokens_min = 32;  // shorter ones are evaluated again sooner than they are found
  // What is known of them, on disk too, takes memory of its own: tokens (4 bytes each; what they have in common counts
  // once) and some 500 bytes for each.
  std::size_t sequences_max = 16'384;
  std::uint64_t tokens_max = std::uint64_t{32} << 20U;
};

// What of a model matters to those who save its sequences.
struct PrefixModel {
  std::string key;       // TokenModel::state_key(); empty: nothing is kept on disk
  bool cuttable = true;  // any part of a sequence can be used, otherwise all of it or what one of its checkpoints has
};

// Sequences outside the KV cache: in memory, on disk, or both; what was used longest ago goes first from either. There
// is one at most of the same tokens. For the engine thread; nothing but flush() and the constructor blocks. REQUIRES:
// log outlives it.
class PrefixStore {
 public:
  // `wake`: called on another thread when poll() has something to take in.
  PrefixStore(PrefixCacheOptions options, PrefixModel model, base::Log& log, std::function<void()> wake = {});

  [[nodiscard]] bool enabled() const { return enabled_; }
  [[nodiscard]] bool has_disk() const { return disk_ != nullptr; }
  [[nodiscard]] std::int32_t tokens_min() const { return options_.tokens_min; }

  struct Match {
    std::uint64_t id = 0;
    std::int32_t length = 0;  // what can be used; 0 = no match
    SharedSequence held;      // null: on disk
    bool reading = false;     // it will be held soon
  };
  // Whose beginning saves `prompt` the most.
  [[nodiscard]] Match find(std::span<const domain::Token> prompt) const;
  // How much of `prompt` the most similar sequence has, whether it can be used or not.
  [[nodiscard]] std::int32_t common(std::span<const domain::Token> prompt) const { return tree_.common(prompt); }
  // It is being restored.
  void use(std::uint64_t id);
  // Whether keeping this sequence would add nothing; that counts as a use of what has it.
  bool covers(std::span<const domain::Token> tokens);
  // Whether a state of so many bytes can be kept at all.
  [[nodiscard]] bool takes(std::uint64_t bytes) const { return bytes <= options_.memory.count || has_disk(); }
  [[nodiscard]] bool takes_checkpoints(std::uint64_t bytes) const { return bytes <= options_.memory.count; }
  void keep(SavedSequence saved);
  // It cannot be restored here. Its file stays: nothing was found wrong with it.
  void forget(std::uint64_t id);
  // Part of the memory, for checkpoints of sequences that are in the KV cache.
  void set_aside(std::uint64_t bytes);

  // What has one stays in memory, whatever the bound, for as long as anybody has it.
  using Pin = std::shared_ptr<const void>;
  // Begins to read it from disk, unless that was done.
  [[nodiscard]] Pin fetch(std::uint64_t id);
  [[nodiscard]] std::size_t pinned();
  [[nodiscard]] bool reading() const { return reading_ > 0; }
  // Takes in what the disk has done.
  void poll();
  // Writes what is only in memory, what was used last first, for at most this long.
  void flush(std::chrono::milliseconds most);

  [[nodiscard]] std::size_t sequences() const { return entries_.size(); }
  [[nodiscard]] std::uint64_t memory_bytes() const { return held_bytes_ + aside_bytes_; }
  [[nodiscard]] std::uint64_t disk_bytes() const { return disk_bytes_; }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }  // lost for good
  [[nodiscard]] std::uint64_t reads() const { return reads_; }          // from disk

 private:
  using Id = PrefixTree::Id;
  struct Entry {
    std::int32_t length = 0;  // tokens, which the tree has
    std::uint64_t bytes = 0;  // in memory, about as many on disk
    std::int64_t touched = 0;
    SharedSequence held;
    std::string file;  // its name; empty: none
    std::weak_ptr<const void> pin;
    bool used = false;  // since it was saved
    bool reading = false;
    bool writing = false;  // it is held as long as that
    [[nodiscard]] bool busy() const { return reading || writing || !pin.expired(); }
  };
  using Ages = std::map<std::int64_t, Id>;  // by Entry::touched

  Entry& add(std::span<const domain::Token> tokens, std::span<const Position> points, std::uint64_t bytes);
  void erase(Id id);
  void touch(Id id, Entry& entry, std::int64_t time);
  void add_files(std::vector<PrefixDisk::File> files);
  void set_file(Id id, Entry& entry, std::string name);
  void drop_file(Entry& entry);
  void lose_file(Entry& entry);
  void lose_files(const std::vector<std::string>& names);
  void on_written(DiskThread::Done::Written written);
  void on_read(DiskThread::Done::Read read);
  void hold(Id id, Entry& entry, SharedSequence saved);
  void drop_held(Id id, Entry& entry);
  void supersede(const SavedSequence& longer, Id except);
  [[nodiscard]] bool replaces(const SavedSequence& longer, std::int32_t length) const;
  // Within the bounds again.
  void trim();
  void trim_memory();
  void trim_number();
  void write(Id id, Entry& entry);

  const PrefixCacheOptions options_;
  const bool cuttable_;
  bool enabled_ = false;
  PrefixTree tree_;
  std::unordered_map<Id, Entry> entries_;
  std::unordered_map<std::string, Id> by_file_;
  Ages ages_;       // of all
  Ages held_ages_;  // of those in memory
  std::vector<std::weak_ptr<const void>> pins_;
  std::uint64_t held_bytes_ = 0;
  std::uint64_t writing_bytes_ = 0;  // of those held
  std::uint64_t aside_bytes_ = 0;
  std::uint64_t disk_bytes_ = 0;
  std::uint64_t evictions_ = 0;
  std::uint64_t reads_ = 0;
  std::int32_t reading_ = 0;
  std::int64_t newest_ = 0;
  std::int64_t oldest_ = 0;
  Id next_ = 1;
  DiskThread::Done done_;
  std::unique_ptr<DiskThread> disk_;  // none: no folder was given
};

}  // namespace hearth::engine::core
