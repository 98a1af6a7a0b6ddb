#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cwchar>
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <thread>
#include <unistd.h>

#include "cli/terminal.hpp"

namespace hearth::cli {
namespace {

// Columns that a terminal takes for it: two for wide letters, none for accents of their own.
std::size_t width_of(std::string_view text) {
  if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return text.size();
  static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  const locale_t before = ::uselocale(utf8);
  std::size_t width = 0;
  std::mbstate_t state{};
  while (!text.empty()) {
    wchar_t letter = 0;
    auto length = std::mbrtowc(&letter, text.data(), text.size(), &state);
    if (length == 0 || length > text.size()) {  // no UTF-8: whatever is shown for it
      length = 1;
      letter = L'?';
      state = {};
    }
    width += static_cast<std::size_t>(std::max(::wcwidth(letter), 0));
    text.remove_prefix(length);
  }
  ::uselocale(before);
  return width;
}

}  // namespace

bool stdin_is_terminal() { return ::isatty(STDIN_FILENO) != 0; }
bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) != 0; }

std::string read_all_stdin() {
  std::string out;
  char buffer[8192];
  while (const auto n = std::fread(buffer, 1, sizeof buffer, stdin)) out.append(buffer, n);
  return out;
}

std::string read_secret(std::string_view prompt) {
  fmt::print(stderr, "{}", prompt);
  termios before{};
  const bool hidden = ::tcgetattr(STDIN_FILENO, &before) == 0;
  if (hidden) {
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  // Ctrl-C ends the reading first, so that the terminal shows what is typed again.
  struct sigaction ignore{};
  struct sigaction usual{};
  ignore.sa_handler = [](int) {};
  ::sigaction(SIGINT, &ignore, &usual);
  std::string out;
  int c = std::getchar();
  for (; c != EOF && c != '\n'; c = std::getchar()) out += static_cast<char>(c);
  const bool interrupted = c == EOF && errno == EINTR;
  if (hidden) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  fmt::print(stderr, "\n");
  ::sigaction(SIGINT, &usual, nullptr);
  if (interrupted) ::raise(SIGINT);
  return out;
}

void print_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows,
                 const std::vector<std::size_t>& right) {
  std::vector<std::size_t> widths(header.size());
  const auto measure = [&](const std::vector<std::string>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  };
  measure(header);
  for (const auto& row : rows) measure(row);
  const auto print = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - width_of(row[i]), ' ');
      const bool at_right = std::ranges::find(right, i) != right.end();
      line += at_right ? pad + row[i] : row[i] + pad;
      if (i + 1 < row.size()) line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  };
  print(header);
  for (const auto& row : rows) print(row);
}

// SIGINT is blocked and read from a descriptor by a thread of its own: no work in signal handlers.
struct InterruptScope::Impl {
  std::stop_source stop;
  sigset_t signals{};
  sigset_t before{};
  int fd = -1;
  int wake[2] = {-1, -1};
  std::thread watcher;

  void watch() {
    while (true) {
      pollfd fds[2] = {{.fd = fd, .events = POLLIN, .revents = 0}, {.fd = wake[0], .events = POLLIN, .revents = 0}};
      if (::poll(fds, 2, -1) < 0) continue;
      if (fds[1].revents != 0) return;
      signalfd_siginfo info{};
      if (::read(fd, &info, sizeof info) == sizeof info) stop.request_stop();
    }
  }
};

InterruptScope::InterruptScope() : impl_(new Impl) {
  ::sigemptyset(&impl_->signals);
  ::sigaddset(&impl_->signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &impl_->signals, &impl_->before);
  impl_->fd = ::signalfd(-1, &impl_->signals, SFD_CLOEXEC);
  if (::pipe2(impl_->wake, 0) != 0) std::abort();
  impl_->watcher = std::thread([impl = impl_] { impl->watch(); });
}

InterruptScope::~InterruptScope() {
  (void)!::write(impl_->wake[1], "x", 1);
  impl_->watcher.join();
  ::close(impl_->fd);
  ::close(impl_->wake[0]);
  ::close(impl_->wake[1]);
  ::pthread_sigmask(SIG_SETMASK, &impl_->before, nullptr);
  delete impl_;
}

std::stop_token InterruptScope::token() const { return impl_->stop.get_token(); }

}  // namespace hearth::cli
