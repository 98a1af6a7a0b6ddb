#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "domain/request.hpp"
#include "engine/core/token_model.hpp"

namespace hearth::engine::core {

// What the KV cache holds, sequence by sequence: the tokens of each, who uses it, and how many cells that takes (a cell
// that several sequences share counts once). A mirror of the model's cache: whoever changes one changes the other. Not
// thread-safe.
class PrefixIndex {
 public:
  explicit PrefixIndex(std::int32_t sequences);

  struct Match {
    SequenceId sequence = -1;
    std::int32_t length = 0;  // common tokens; 0 = no match
    bool whole = false;       // all that the sequence holds
    bool cached = false;      // nobody uses it now
  };
  // The longest beginning of `prompt` that is resident. `whole_only`: only cached sequences that `prompt` continues.
  [[nodiscard]] Match best(std::span<const domain::Token> prompt, bool whole_only) const;

  // A free id, in use from now on.
  [[nodiscard]] std::optional<SequenceId> acquire();
  [[nodiscard]] bool any_free() const;
  void append(SequenceId id, std::span<const domain::Token> tokens);
  void trim(SequenceId id, std::int32_t length);
  // `to` shares the first `length` tokens of `from`, which is no use of the rest of it. REQUIRES: `to` is in use and
  // empty.
  void share(SequenceId from, SequenceId to, std::int32_t length);
  // In use -> cached (free if empty); cached -> in use; any -> free and empty.
  void cache(SequenceId id);
  void reuse(SequenceId id);
  void release(SequenceId id);

  [[nodiscard]] std::int32_t sequences() const { return static_cast<std::int32_t>(residents_.size()); }
  [[nodiscard]] bool is_cached(SequenceId id) const { return at(id).use == Use::kCached; }
  [[nodiscard]] const domain::Tokens& tokens(SequenceId id) const { return at(id).tokens; }
  // The cached sequence that was used longest ago.
  [[nodiscard]] std::optional<SequenceId> least_recent() const;
  // The cached sequences, what was used last first.
  [[nodiscard]] std::vector<SequenceId> cached() const;
  [[nodiscard]] std::int32_t length(SequenceId id) const { return static_cast<std::int32_t>(at(id).tokens.size()); }
  [[nodiscard]] std::int32_t cells_used() const { return cells_used_; }
  [[nodiscard]] std::int32_t cells_in_use() const { return cells_in_use_; }  // by sequences that are not just cached

 private:
  enum class Use { kFree, kInUse, kCached };
  struct Resident {
    Use use = Use::kFree;
    std::uint64_t touched = 0;
    domain::Tokens tokens;
    std::vector<std::size_t> cells;  // one per token
  };
  struct Cell {
    std::int32_t owners = 0;
    std::int32_t users = 0;  // owners in use
  };
  [[nodiscard]] const Resident& at(SequenceId id) const { return residents_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] Resident& at(SequenceId id) { return residents_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] std::size_t new_cell();
  void hold(std::size_t cell, bool in_use);
  void drop(std::size_t cell, bool in_use);
  void set_users(const Resident& resident, std::int32_t change);

  std::vector<Resident> residents_;
  std::vector<Cell> cells_;
  std::vector<std::size_t> free_cells_;
  std::int32_t cells_used_ = 0;
  std::int32_t cells_in_use_ = 0;
  std::uint64_t clock_ = 0;
};

}  // namespace hearth::engine::core
