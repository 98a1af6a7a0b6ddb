#pragma once

#include <cstdint>
#include <vector>

#include "engine/core/prefix/saved_sequence.hpp"

namespace hearth::engine::core {

// The checkpoints of the sequences in the KV cache. Not thread-safe.
class Checkpoints {
 public:
  static constexpr std::size_t kMost = 6;  // of one sequence

  explicit Checkpoints(std::int32_t sequences) : of_(static_cast<std::size_t>(sequences)) {}

  [[nodiscard]] const std::vector<Checkpoint>& of(SequenceId id) const { return of_[static_cast<std::size_t>(id)]; }
  // The longest one of at most `length` tokens; null: none.
  [[nodiscard]] const Checkpoint* best(SequenceId id, std::int32_t length) const;
  // If there are too many, the one goes that leaves the smallest gap; the newest stays.
  // REQUIRES: longer than all others of that sequence.
  void add(SequenceId id, Checkpoint checkpoint);
  // Forgets what is beyond `length` tokens.
  void trim(SequenceId id, std::int32_t length);
  void set(SequenceId id, std::vector<Checkpoint> checkpoints);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }  // of all

 private:
  void erase(std::vector<Checkpoint>& list, std::size_t from, std::size_t to);

  std::vector<std::vector<Checkpoint>> of_;  // shortest first
  std::uint64_t bytes_ = 0;
};

}  // namespace hearth::engine::core
