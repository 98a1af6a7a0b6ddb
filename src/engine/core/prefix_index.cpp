#include "engine/core/prefix_index.hpp"

#include <algorithm>
#include <functional>

namespace hearth::engine::core {

PrefixIndex::PrefixIndex(std::int32_t sequences) : residents_(static_cast<std::size_t>(sequences)) {}

PrefixIndex::Match PrefixIndex::best(std::span<const domain::Token> prompt, bool whole_only) const {
  Match best;
  for (std::size_t i = 0; i < residents_.size(); ++i) {
    const Resident& r = residents_[i];
    if (r.use == Use::kFree || (whole_only && r.use != Use::kCached)) continue;
    const auto common = std::ranges::mismatch(prompt, r.tokens).in1 - prompt.begin();
    const Match match{.sequence = static_cast<SequenceId>(i),
                      .length = static_cast<std::int32_t>(common),
                      .whole = static_cast<std::size_t>(common) == r.tokens.size(),
                      .cached = r.use == Use::kCached};
    if (whole_only && !match.whole) continue;
    // Among equals one that can be taken over as it is costs no sequence id.
    const bool easier = match.length == best.length && match.cached && match.whole && !(best.cached && best.whole);
    if (match.length > best.length || (match.length > 0 && easier)) best = match;
  }
  return best;
}

std::optional<SequenceId> PrefixIndex::acquire() {
  const auto found = std::ranges::find(residents_, Use::kFree, &Resident::use);
  if (found == residents_.end()) return std::nullopt;
  found->use = Use::kInUse;
  found->touched = ++clock_;
  return static_cast<SequenceId>(found - residents_.begin());
}

bool PrefixIndex::any_free() const {
  return std::ranges::any_of(residents_, [](const Resident& r) { return r.use == Use::kFree; });
}

void PrefixIndex::append(SequenceId id, std::span<const domain::Token> tokens) {
  Resident& r = at(id);
  for (const domain::Token token : tokens) {
    r.tokens.push_back(token);
    r.cells.push_back(new_cell());
    hold(r.cells.back(), r.use == Use::kInUse);
  }
}

void PrefixIndex::trim(SequenceId id, std::int32_t length) {
  Resident& r = at(id);
  const auto kept = std::min(static_cast<std::size_t>(length), r.tokens.size());
  for (std::size_t i = kept; i < r.cells.size(); ++i) drop(r.cells[i], r.use == Use::kInUse);
  r.tokens.resize(kept);
  r.cells.resize(kept);
}

void PrefixIndex::share(SequenceId from, SequenceId to, std::int32_t length) {
  const Resident& source = at(from);
  Resident& target = at(to);
  target.tokens.assign(source.tokens.begin(), source.tokens.begin() + length);
  target.cells.assign(source.cells.begin(), source.cells.begin() + length);
  for (const std::size_t cell : target.cells) hold(cell, true);
}

void PrefixIndex::cache(SequenceId id) {
  Resident& r = at(id);
  if (r.use != Use::kInUse) return;
  set_users(r, -1);
  r.use = r.tokens.empty() ? Use::kFree : Use::kCached;
  r.touched = ++clock_;
}

void PrefixIndex::reuse(SequenceId id) {
  Resident& r = at(id);
  if (r.use != Use::kCached) return;
  set_users(r, 1);
  r.use = Use::kInUse;
  r.touched = ++clock_;
}

void PrefixIndex::release(SequenceId id) {
  trim(id, 0);
  at(id).use = Use::kFree;
}

std::optional<SequenceId> PrefixIndex::least_recent() const {
  std::optional<SequenceId> oldest;
  for (std::size_t i = 0; i < residents_.size(); ++i) {
    if (residents_[i].use != Use::kCached) continue;
    if (!oldest || residents_[i].touched < at(*oldest).touched) oldest = static_cast<SequenceId>(i);
  }
  return oldest;
}

std::vector<SequenceId> PrefixIndex::cached() const {
  std::vector<SequenceId> out;
  for (SequenceId id = 0; id < sequences(); ++id) {
    if (is_cached(id)) out.push_back(id);
  }
  std::ranges::sort(out, std::greater{}, [this](SequenceId id) { return at(id).touched; });
  return out;
}

std::size_t PrefixIndex::new_cell() {
  if (free_cells_.empty()) {
    cells_.emplace_back();
    return cells_.size() - 1;
  }
  const std::size_t cell = free_cells_.back();
  free_cells_.pop_back();
  return cell;
}

void PrefixIndex::hold(std::size_t cell, bool in_use) {
  if (cells_[cell].owners++ == 0) ++cells_used_;
  if (in_use && cells_[cell].users++ == 0) ++cells_in_use_;
}

void PrefixIndex::drop(std::size_t cell, bool in_use) {
  if (in_use && --cells_[cell].users == 0) --cells_in_use_;
  if (--cells_[cell].owners > 0) return;
  --cells_used_;
  free_cells_.push_back(cell);
}

void PrefixIndex::set_users(const Resident& resident, std::int32_t change) {
  for (const std::size_t cell : resident.cells) {
    const bool before = cells_[cell].users > 0;
    cells_[cell].users += change;
    const bool after = cells_[cell].users > 0;
    cells_in_use_ += static_cast<std::int32_t>(after) - static_cast<std::int32_t>(before);
  }
}

}  // namespace hearth::engine::core
