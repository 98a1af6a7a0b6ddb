// A saved prefix from anywhere: reading never crashes nor asks for more memory than the file has, and what was read can
// be found again.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <sstream>
#include <string>

#include "engine/core/prefix/prefix_file.hpp"
#include "engine/core/prefix/prefix_tree.hpp"

namespace {

namespace core = hearth::engine::core;

constexpr std::string_view kKey = "key";

template <class T>
T number(const std::string& bytes, std::size_t at) {
  T out = 0;
  std::memcpy(&out, bytes.data() + at, sizeof out);
  return out;
}
void put(std::string& bytes, std::size_t at, std::uint64_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// Checksums that are right, so that what lies behind them is reached.
void repair(std::string& bytes) {
  constexpr std::size_t kFixed = 40;
  constexpr std::size_t kChecksum = 32;
  if (bytes.size() < kFixed) return;
  const std::uint64_t lists = number<std::uint32_t>(bytes, 12) + 4 * std::uint64_t{number<std::uint32_t>(bytes, 16)} +
                              16 * std::uint64_t{number<std::uint32_t>(bytes, 20)};
  const std::uint64_t head = kFixed + lists + sizeof(std::uint64_t);
  if (head > bytes.size()) return;
  const std::string_view all = bytes;
  std::uint64_t at = head;
  std::uint64_t sum = 0;
  const auto add = [&](std::uint64_t count) {
    if (count > bytes.size() - at) return false;
    sum = core::prefix_file::checksum(all.substr(at, count), sum);
    at += count;
    return true;
  };
  bool fits = add(number<std::uint64_t>(bytes, 24));
  for (std::uint32_t i = number<std::uint32_t>(bytes, 20); fits && i > 0; --i)
    fits = add(number<std::uint64_t>(bytes, head - sizeof(std::uint64_t) - 16 * std::uint64_t{i} + 8));
  put(bytes, kChecksum, sum);
  put(bytes, head - sizeof(std::uint64_t), core::prefix_file::checksum(all.substr(0, head - sizeof(std::uint64_t))));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if (data[0] % 2 == 1) repair(bytes);
  std::istringstream in(bytes);
  const auto saved = core::prefix_file::read(in, "fuzz", kKey);
  if (!saved) return 0;
  if (saved->bytes() > bytes.size()) std::abort();
  std::vector<core::Position> points;
  for (const auto& checkpoint : saved->checkpoints) points.push_back(checkpoint.length);
  if (saved->tokens.empty()) return 0;
  core::PrefixTree tree;
  tree.add(1, saved->tokens, points, true);
  if (tree.exact(saved->tokens) != 1 || tree.tokens_of(1) != saved->tokens) std::abort();
  tree.erase(1);
  return 0;
}
