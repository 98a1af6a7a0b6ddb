#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/result.hpp"
#include "rt/task.hpp"

namespace hearth::rt {

struct ExitStatus {
  int code = 0;    // exit code, if it exited
  int signal = 0;  // signal, if one ended it
  [[nodiscard]] bool ok() const { return code == 0 && signal == 0; }
  // "exit code 3", "signal 9 (Killed)"
  [[nodiscard]] std::string describe() const;
};

struct SubprocessOptions {
  std::filesystem::path program;
  std::vector<std::string> arguments;          // without argv[0]
  std::vector<std::string> environment_extra;  // "NAME=value", added to ours
  std::filesystem::path output;                // stdout and stderr go there (appended); empty = inherited
  bool die_with_parent = true;                 // SIGKILL when the spawning *thread's process* ends (see below)
  bool new_session = false;                    // setsid: survives the terminal
};

// A child process. With die_with_parent the child gets the read end of a pipe whose write end only we hold (its number
// is in the environment variable HEARTH_PARENT_FD; EOF = the parent is gone) and the kernel's parent-death signal:
// spawn from a thread that lives as long as the process. Destruction kills (SIGKILL) and reaps a child that still runs,
// unless `detach` was called. All calls on the executor given to spawn.
class Subprocess {
 public:
  [[nodiscard]] static Result<Subprocess> spawn(const Executor& executor, const SubprocessOptions& options);
  Subprocess(Subprocess&&) noexcept;
  Subprocess& operator=(Subprocess&&) noexcept;
  ~Subprocess();

  [[nodiscard]] pid_t pid() const;
  // Until it ended (pidfd; no SIGCHLD handler). Cancellable; may be awaited again.
  [[nodiscard]] Task<ExitStatus> wait();
  void signal(int number);
  void detach();

 private:
  struct Impl;
  explicit Subprocess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::rt
