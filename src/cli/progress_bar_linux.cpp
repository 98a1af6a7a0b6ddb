#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "cli/progress_bar.hpp"

namespace hearth::cli {
namespace {

constexpr std::chrono::seconds kWindow{5};
constexpr std::size_t kBarMax = 40;
constexpr std::size_t kBarMin = 8;

std::string time_left(double seconds) {
  const auto s = static_cast<std::int64_t>(std::ceil(seconds));
  if (s >= 360'000) return "days left";
  if (s >= 3600) return fmt::format("{} h {} min left", s / 3600, s % 3600 / 60);
  if (s >= 60) return fmt::format("{} min {} s left", s / 60, s % 60);
  return fmt::format("{} s left", s);
}

}  // namespace

std::string progress_line(std::uint64_t done, std::uint64_t total, double bytes_per_s, std::size_t width) {
  const double share = total == 0 ? 0 : static_cast<double>(std::min(done, total)) / static_cast<double>(total);
  std::string numbers = fmt::format("{} of {}", base::human({done}), base::human({total}));
  if (bytes_per_s > 0) {
    numbers += fmt::format("  {}/s", base::human({static_cast<std::uint64_t>(bytes_per_s)}));
    if (total > done) numbers += "  " + time_left(static_cast<double>(total - done) / bytes_per_s);
  }
  // 100 % is said when all is there, not half a percent before.
  const std::string percent = fmt::format("{:3}%", static_cast<int>(std::floor(share * 100)));
  const std::size_t taken = percent.size() + numbers.size() + 6;
  if (width < taken + kBarMin) return percent + "  " + numbers;
  const std::size_t bar = std::min(width - taken, kBarMax);
  const auto filled = static_cast<std::size_t>(std::floor(share * static_cast<double>(bar)));
  return fmt::format("{} [{}{}]  {}", percent, std::string(filled, '#'), std::string(bar - filled, ' '), numbers);
}

void Rate::add(std::uint64_t done, base::SteadyTime now) {
  samples_.push_back({done, now});
  while (samples_.size() > 2 && now - samples_.front().at > kWindow) samples_.pop_front();
}

double Rate::per_second() const {
  if (samples_.size() < 2) return 0;
  const std::chrono::duration<double> span = samples_.back().at - samples_.front().at;
  if (span < std::chrono::milliseconds(300) || samples_.back().done < samples_.front().done) return 0;
  return static_cast<double>(samples_.back().done - samples_.front().done) / span.count();
}

StatusLine::StatusLine() : on_terminal_(::isatty(STDERR_FILENO) != 0) {}
StatusLine::~StatusLine() { clear(); }

std::size_t StatusLine::width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void StatusLine::show(const std::string& text) {
  if (!on_terminal_) return;
  fmt::print(stderr, "\r\x1b[K{}", text.substr(0, width() - 1));
  std::fflush(stderr);
  shown_ = true;
}

void StatusLine::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace hearth::cli
