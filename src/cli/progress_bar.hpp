#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

#include "base/clock.hpp"

namespace hearth::cli {

// "  45% [#########           ]  2.2 GB of 4.9 GB  112 MB/s  24 s left", as wide as `width` columns allow.
[[nodiscard]] std::string progress_line(std::uint64_t done, std::uint64_t total, double bytes_per_s, std::size_t width);

// How fast something goes, over the last seconds.
class Rate {
 public:
  void add(std::uint64_t done, base::SteadyTime now);
  [[nodiscard]] double per_second() const;  // 0 while too little is known

 private:
  struct Sample {
    std::uint64_t done;
    base::SteadyTime at;
  };
  std::deque<Sample> samples_;
};

// A line at the bottom of a terminal (stderr) that is drawn over and over; nothing where stderr is no terminal.
class StatusLine {
 public:
  StatusLine();
  ~StatusLine();  // clears it
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;
  void show(const std::string& text);
  void clear();
  [[nodiscard]] bool seen() const { return on_terminal_; }
  [[nodiscard]] static std::size_t width();

 private:
  bool on_terminal_;
  bool shown_ = false;
};

}  // namespace hearth::cli
