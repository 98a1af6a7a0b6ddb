#include "base/clock.hpp"

#include <charconv>
#include <cmath>
#include <ctime>
#include <fmt/format.h>

namespace hearth::base {

using namespace std::chrono;

std::string rfc3339(WallTime time) {
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(duration_cast<nanoseconds>(time - day));
  std::string out = "0000-00-00T00:00:00.000000000Z";
  const auto put = [&out](std::size_t last, std::int64_t number) {  // over the zeros that end there
    for (; number > 0; number /= 10) out[last--] = static_cast<char>('0' + number % 10);
  };
  put(3, static_cast<int>(date.year()));
  put(6, static_cast<unsigned>(date.month()));
  put(9, static_cast<unsigned>(date.day()));
  put(12, clock.hours().count());
  put(15, clock.minutes().count());
  put(18, clock.seconds().count());
  put(28, clock.subseconds().count());
  return out;
}

std::int64_t unix_seconds(WallTime time) { return floor<seconds>(time).time_since_epoch().count(); }

std::optional<nanoseconds> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  double total = 0;  // nanoseconds
  bool any = false;
  while (!text.empty()) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc{} || value < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    struct Unit {
      std::string_view name;
      double nanos;
    };
    static constexpr Unit kUnits[] = {{"ns", 1},  {"us", 1e3}, {"µs", 1e3},  {"ms", 1e6},
                                      {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}};
    double scale = 0;
    for (const auto& unit : kUnits) {
      if (!text.starts_with(unit.name)) continue;
      scale = unit.nanos;
      text.remove_prefix(unit.name.size());
      break;
    }
    if (scale == 0) {
      if (any || !text.empty()) return std::nullopt;
      scale = 1e9;  // a bare number is seconds
    }
    total += value * scale;
    any = true;
  }
  if (!any) return std::nullopt;
  if (negative && total != 0) return kForever;
  if (total >= 3.15e18) return kForever;  // a hundred years
  return nanoseconds(std::llround(total));
}

std::string format_duration(nanoseconds span) {
  if (span == kForever) return "forever";
  const auto ms = duration_cast<milliseconds>(span).count();
  if (ms < 1000) return fmt::format("{}ms", ms);
  const auto total = duration_cast<seconds>(span).count();
  const auto h = total / 3600;
  const auto m = total % 3600 / 60;
  const auto s = total % 60;
  std::string out;
  if (h != 0) out += fmt::format("{}h", h);
  if (m != 0) out += fmt::format("{}m", m);
  if (s != 0) out += fmt::format("{}s", s);
  return out;
}

}  // namespace hearth::base
