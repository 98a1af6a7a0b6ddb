#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace hearth::store::fetch {

// A half-open interval of byte offsets. [begin, end)
struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  [[nodiscard]] std::uint64_t size() const { return end - begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

// Which bytes of a file are there: disjoint ranges, neighbours merged. A plain value.
class RangeSet {
 public:
  void add(Range range);
  void remove(Range range);
  void clear() { ranges_.clear(), total_ = 0; }

  [[nodiscard]] std::uint64_t total() const { return total_; }  // bytes in all ranges
  // The end of the range that begins at 0; 0 if none does.
  [[nodiscard]] std::uint64_t frontier() const;
  // The first range of [0, size) that is not here.
  [[nodiscard]] std::optional<Range> first_gap(std::uint64_t size) const;
  [[nodiscard]] std::vector<Range> ranges() const;

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // begin -> end
  std::uint64_t total_ = 0;
};

}  // namespace hearth::store::fetch
