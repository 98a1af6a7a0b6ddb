#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::base {

// A size in bytes as its own type, so that it cannot be mistaken for a count.
struct Bytes {
  std::uint64_t count = 0;

  constexpr auto operator<=>(const Bytes&) const = default;
  constexpr Bytes& operator+=(Bytes other) { return count += other.count, *this; }
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
};
constexpr Bytes operator""_KiB(unsigned long long n) { return {n << 10}; }
constexpr Bytes operator""_MiB(unsigned long long n) { return {n << 20}; }
constexpr Bytes operator""_GiB(unsigned long long n) { return {n << 30}; }

// "1.4 GB": decimal units with at most three significant digits, as file managers show sizes.
[[nodiscard]] std::string human(Bytes bytes);

// "512MiB", "1.5 GB", "0", "1073741824"; nothing for anything else.
[[nodiscard]] std::optional<Bytes> parse_bytes(std::string_view text);

}  // namespace hearth::base
