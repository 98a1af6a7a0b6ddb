#include "store/fetch/range_set.hpp"

#include <algorithm>
#include <iterator>

namespace hearth::store::fetch {

void RangeSet::add(Range range) {
  if (range.end <= range.begin) return;
  auto it = ranges_.upper_bound(range.begin);
  if (it != ranges_.begin() && std::prev(it)->second >= range.begin) --it;
  // From here on every range that touches the new one becomes part of it.
  while (it != ranges_.end() && it->first <= range.end) {
    range.begin = std::min(range.begin, it->first);
    range.end = std::max(range.end, it->second);
    total_ -= it->second - it->first;
    it = ranges_.erase(it);
  }
  ranges_.emplace_hint(it, range.begin, range.end);
  total_ += range.size();
}

void RangeSet::remove(Range range) {
  if (range.end <= range.begin) return;
  auto it = ranges_.upper_bound(range.begin);
  if (it != ranges_.begin() && std::prev(it)->second > range.begin) --it;
  while (it != ranges_.end() && it->first < range.end) {
    const Range old{it->first, it->second};
    it = ranges_.erase(it);
    total_ -= old.size();
    if (old.begin < range.begin) {
      ranges_.emplace(old.begin, range.begin);
      total_ += range.begin - old.begin;
    }
    if (old.end > range.end) {
      it = ranges_.emplace(range.end, old.end).first;
      total_ += old.end - range.end;
    }
  }
}

std::uint64_t RangeSet::frontier() const {
  return ranges_.empty() || ranges_.begin()->first != 0 ? 0 : ranges_.begin()->second;
}

std::optional<Range> RangeSet::first_gap(std::uint64_t size) const {
  std::uint64_t at = 0;
  for (const auto& [begin, end] : ranges_) {
    if (begin > at) return Range{at, std::min(begin, size)};
    at = end;
    if (at >= size) return std::nullopt;
  }
  if (at >= size) return std::nullopt;
  return Range{at, size};
}

std::vector<Range> RangeSet::ranges() const {
  std::vector<Range> out;
  out.reserve(ranges_.size());
  for (const auto& [begin, end] : ranges_) out.push_back({begin, end});
  return out;
}

}  // namespace hearth::store::fetch
