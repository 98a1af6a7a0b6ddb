#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/log.hpp"
#include "engine/core/prefix/saved_sequence.hpp"

namespace hearth::engine::core {

struct PrefixDiskOptions {
  std::filesystem::path folder;
  base::Bytes most;  // of all saved prefixes in the folder, other models' too
  std::string key;   // whatever changes the meaning of a state; files with another key are another model's
};

// Saved sequences as files in a folder that other processes may use at the same time, for this model and for others.
// What was used longest ago goes when the folder is full, whosever it is; before it what killed processes have left
// half written, which counts as well. A file that says it is this model's but is damaged or is not is deleted, with a
// line in the log. Blocks; not thread-safe. REQUIRES: log outlives it.
class PrefixDisk {
 public:
  struct File {
    std::string name;
    domain::Tokens tokens;
    std::vector<Position> checkpoints;
    std::uint64_t bytes = 0;
  };

  PrefixDisk(PrefixDiskOptions options, base::Log& log);

  // The files of this model that were neither written by this object nor found before, used longest ago first.
  [[nodiscard]] std::vector<File> find_new();
  // The file's name. Nothing: it could not be written, which the log says once until a write succeeds again.
  [[nodiscard]] std::optional<std::string> write(const SavedSequence& saved);
  // Null: the file is gone, or was no good and is gone now, or cannot be read at the moment.
  [[nodiscard]] SharedSequence read(const std::string& name);
  void remove(const std::string& name);
  // The files, of any model, that went since the last call to make room.
  [[nodiscard]] std::vector<std::string> take_evicted() { return std::exchange(evicted_, {}); }

 private:
  struct Entry {
    std::filesystem::path path;
    std::uint64_t bytes = 0;
    std::filesystem::file_time_type used;
  };
  enum class Kind { kWhole, kHalfWritten };
  [[nodiscard]] std::vector<Entry> list(Kind kind) const;  // used longest ago first
  void remove_abandoned() const;
  void drop(const std::filesystem::path& path, const Error& why);
  [[nodiscard]] Result<void> make_room(std::uint64_t bytes);

  const PrefixDiskOptions options_;
  base::Log& log_;
  std::string prefix_;              // of this model's names
  std::vector<std::string> known_;  // names, sorted
  std::vector<std::string> evicted_;
  bool complained_ = false;
};

}  // namespace hearth::engine::core
