#include "engine/core/prefix/checkpoints.hpp"

#include <algorithm>
#include <utility>

namespace hearth::engine::core {

const Checkpoint* Checkpoints::best(SequenceId id, std::int32_t length) const {
  const auto& list = of(id);
  const auto beyond = std::ranges::upper_bound(list, length, {}, &Checkpoint::length);
  return beyond == list.begin() ? nullptr : &*(beyond - 1);
}

void Checkpoints::add(SequenceId id, Checkpoint checkpoint) {
  auto& list = of_[static_cast<std::size_t>(id)];
  if (list.size() == kMost) {
    const auto gap = [&](std::size_t i) { return list[i + 1].length - (i == 0 ? 0 : list[i - 1].length); };
    std::size_t least = 0;
    for (std::size_t i = 1; i + 1 < list.size(); ++i) {
      if (gap(i) < gap(least)) least = i;
    }
    erase(list, least, least + 1);
  }
  bytes_ += checkpoint.state->size();
  list.push_back(std::move(checkpoint));
}

void Checkpoints::trim(SequenceId id, std::int32_t length) {
  auto& list = of_[static_cast<std::size_t>(id)];
  const auto beyond = std::ranges::upper_bound(list, length, {}, &Checkpoint::length);
  erase(list, static_cast<std::size_t>(beyond - list.begin()), list.size());
}

void Checkpoints::set(SequenceId id, std::vector<Checkpoint> checkpoints) {
  trim(id, 0);
  for (const auto& checkpoint : checkpoints) bytes_ += checkpoint.state->size();
  of_[static_cast<std::size_t>(id)] = std::move(checkpoints);
}

void Checkpoints::erase(std::vector<Checkpoint>& list, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) bytes_ -= list[i].state->size();
  list.erase(list.begin() + static_cast<std::ptrdiff_t>(from), list.begin() + static_cast<std::ptrdiff_t>(to));
}

}  // namespace hearth::engine::core
