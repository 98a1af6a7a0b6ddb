#include "store/side_by_side.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace hearth::store {

void side_by_side(std::size_t count, const std::function<void(std::size_t)>& work) {
  constexpr std::size_t kBlock = 16;  // what a thread takes at once
  constexpr std::size_t kThreadsMax = 4;
  std::atomic<std::size_t> next = 0;
  const auto run = [&] {
    for (auto at = next.fetch_add(kBlock); at < count; at = next.fetch_add(kBlock)) {
      for (auto i = at; i < std::min(at + kBlock, count); ++i) work(i);
    }
  };
  const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t threads = std::min({processors, kThreadsMax, (count + kBlock - 1) / kBlock});
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back(run);
  run();
}

}  // namespace hearth::store
