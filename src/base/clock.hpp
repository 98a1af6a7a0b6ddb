#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace hearth::base {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

// Time behind an interface, so that tests need no sleeps. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual SteadyTime now() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime now() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] WallTime wall() const override { return std::chrono::system_clock::now(); }
};

// A point in time after which work is pointless; none = wait for ever.
class Deadline {
 public:
  Deadline() = default;
  explicit Deadline(SteadyTime at) : at_(at) {}
  [[nodiscard]] static Deadline after(std::chrono::nanoseconds span,
                                      SteadyTime now = std::chrono::steady_clock::now()) {
    if (span >= std::chrono::hours(24 * 36500)) return {};  // for ever
    return Deadline(now + std::chrono::duration_cast<SteadyTime::duration>(span));
  }
  [[nodiscard]] bool is_set() const { return at_.has_value(); }
  [[nodiscard]] bool passed(SteadyTime now) const { return at_ && now >= *at_; }
  [[nodiscard]] std::optional<SteadyTime> at() const { return at_; }

 private:
  std::optional<SteadyTime> at_;
};

// "2026-11-02T08:15:30.120000001Z" (RFC 3339, UTC, nanoseconds).
[[nodiscard]] std::string rfc3339(WallTime time);
[[nodiscard]] std::int64_t unix_seconds(WallTime time);

// "5m", "1h30m", "300ms", "-1" or plain seconds, as Ollama writes durations. Negative = for ever = max().
[[nodiscard]] std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);
// "5m", "1h30m", "250ms"; "forever" for max().
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds span);

inline constexpr std::chrono::nanoseconds kForever = std::chrono::nanoseconds::max();

}  // namespace hearth::base
