#include <array>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <editline/readline.h>
#include <memory>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/line_editor.hpp"

namespace hearth::cli {
namespace {

constexpr int kHistoryMax = 1000;

// libedit's callback for a character takes no argument of ours.
struct {
  int signals = -1;
  bool interrupted = false;
} input;

// One byte, or -1 at the end. An interrupt gives the end of the line.
int next_byte() {
  std::array<pollfd, 2> fds{
      {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}, {.fd = input.signals, .events = POLLIN, .revents = 0}}};
  while (true) {
    if (::poll(fds.data(), fds.size(), -1) < 0) continue;
    if (fds[1].revents != 0) {
      signalfd_siginfo info{};
      (void)!::read(input.signals, &info, sizeof info);
      input.interrupted = true;
      return '\n';
    }
    unsigned char byte = 0;
    return ::read(STDIN_FILENO, &byte, 1) == 1 ? byte : -1;
  }
}

// The next character as a code point. libedit would take each byte of a longer one for a character.
int next_character(FILE*) {
  const int first = next_byte();
  if (first < 0xC0 || input.interrupted) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  int code = first & (0x3F >> more);
  for (int i = 0; i < more; ++i) {
    const int byte = next_byte();
    if (byte < 0 || input.interrupted) return byte;
    code = (code << 6) | (byte & 0x3F);
  }
  return code;
}

}  // namespace

LineEditor::LineEditor(std::filesystem::path history) : history_(std::move(history)) {
  // What is typed comes back in the locale's encoding: any that is not UTF-8 would lose most of it.
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
  ::rl_getc_function = &next_character;
  ::using_history();
  ::stifle_history(kHistoryMax);
  ::read_history(history_.c_str());
}

LineEditor::~LineEditor() { ::write_history(history_.c_str()); }

std::optional<LineEditor::Line> LineEditor::read(const char* prompt) {
  sigset_t signals{};
  sigset_t before{};
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, &before);
  input.signals = ::signalfd(-1, &signals, SFD_CLOEXEC);
  input.interrupted = false;
  const std::unique_ptr<char, decltype(&std::free)> line(::readline(prompt), &std::free);
  ::close(input.signals);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (input.interrupted) return Line{.text = "", .interrupted = true};
  if (!line) return std::nullopt;
  if (*line != '\0') ::add_history(line.get());
  return Line{.text = line.get(), .interrupted = false};
}

}  // namespace hearth::cli
