#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "base/files.hpp"
#include "rt/subprocess.hpp"

namespace hearth::rt {

namespace asio = boost::asio;

namespace {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~Fd() { reset(-1); }
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }
  int release() { return std::exchange(number_, -1); }
  void reset(int number) {
    if (number_ >= 0) ::close(number_);
    number_ = number;
  }

 private:
  int number_ = -1;
};

struct Pipe {
  Fd read;
  Fd write;
};

Error io_error(const std::filesystem::path& program, std::string_view what, int error) {
  return {.code = ErrorCode::kIo,
          .message = "cannot start '" + program.string() + "': " + std::string(what) + base::errno_text(error)};
}

Result<Pipe> make_pipe(const std::filesystem::path& program) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(io_error(program, "no pipe: ", errno));
  return Pipe{.read = Fd(ends[0]), .write = Fd(ends[1])};
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// A variable given in `extra` replaces ours of the same name.
std::vector<std::string> merged_environment(const std::vector<std::string>& extra) {
  std::vector<std::string> out = extra;
  const auto name = [](std::string_view entry) { return entry.substr(0, entry.find('=')); };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool replaced = false;
    for (const std::string& e : extra) replaced = replaced || name(e) == name(*entry);
    if (!replaced) out.emplace_back(*entry);
  }
  return out;
}

// All that the child needs, made before the fork: after it only async-signal-safe calls are allowed.
struct ChildPlan {
  const char* program = nullptr;
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  int output = -1;
  int null_input = -1;
  int parent_pipe = -1;
  int report = -1;
  pid_t parent = 0;
  bool die_with_parent = false;
  bool new_session = false;
};

[[noreturn]] void give_up(int report) {
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(report, &error, sizeof error);
  ::_exit(127);
}

void restore_signals() {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void close_on_exec_all() {
  constexpr unsigned kCloseOnExec = 4;  // CLOSE_RANGE_CLOEXEC, Linux 5.11
  if (::syscall(SYS_close_range, 3U, ~0U, kCloseOnExec) == 0) return;
  const long most = ::sysconf(_SC_OPEN_MAX);
  for (int fd = 3; fd < (most > 0 && most < 65536 ? most : 65536); ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0) ::fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
  }
}

[[noreturn]] void become(const ChildPlan& plan) {
  if (plan.new_session) ::setsid();
  if (plan.die_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(plan.report);
    if (::getppid() != plan.parent) ::_exit(127);  // it ended before the call above
  }
  if (plan.null_input >= 0 && ::dup2(plan.null_input, STDIN_FILENO) < 0) give_up(plan.report);
  if (plan.output >= 0 && (::dup2(plan.output, STDOUT_FILENO) < 0 || ::dup2(plan.output, STDERR_FILENO) < 0)) {
    give_up(plan.report);
  }
  close_on_exec_all();
  if (plan.parent_pipe >= 0) ::fcntl(plan.parent_pipe, F_SETFD, 0);
  restore_signals();
  ::execve(plan.program, plan.arguments, plan.environment);
  give_up(plan.report);
}

// Signals are held back around the fork, so that no handler of ours runs in the child.
pid_t fork_quietly(const ChildPlan& plan) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) become(plan);
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

// 0 = the program runs; else the errno of what failed in the child.
int failure_of_exec(const Fd& report) {
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(report.get(), &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  return got == static_cast<ssize_t>(sizeof error) ? error : 0;
}

ExitStatus status_from(int raw) {
  if (WIFSIGNALED(raw)) return {.code = 0, .signal = WTERMSIG(raw)};
  return {.code = WEXITSTATUS(raw), .signal = 0};
}

pid_t wait_for(pid_t pid, int& raw, int flags) {
  pid_t got = 0;
  do {
    got = ::waitpid(pid, &raw, flags);
  } while (got < 0 && errno == EINTR);
  return got;
}

}  // namespace

std::string ExitStatus::describe() const {
  if (signal == 0) return "exit code " + std::to_string(code);
  const char* name = ::strsignal(signal);
  return "signal " + std::to_string(signal) + " (" + (name != nullptr ? name : "unknown") + ")";
}

struct Subprocess::Impl {
  Impl(const Executor& executor, pid_t p, Fd pidfd, Fd keep)
      : pid(p), watch(executor, pidfd.release()), parent_pipe(std::move(keep)) {}
  ~Impl() {
    if (detached) {
      parent_pipe.release();  // stays open as long as this process, which is what the child watches
      return;
    }
    if (reap(WNOHANG)) return;
    ::kill(pid, SIGKILL);
    reap(0);
  }

  // true: it has ended, `status` is set.
  bool reap(int flags) {
    if (status) return true;
    int raw = 0;
    const pid_t got = wait_for(pid, raw, flags);
    if (got == 0) return false;
    status = got == pid ? status_from(raw) : ExitStatus{.code = 127};
    return true;
  }

  pid_t pid;
  asio::posix::stream_descriptor watch;
  Fd parent_pipe;
  std::optional<ExitStatus> status;
  bool detached = false;
};

Subprocess::Subprocess(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Subprocess::Subprocess(Subprocess&&) noexcept = default;
Subprocess& Subprocess::operator=(Subprocess&&) noexcept = default;
Subprocess::~Subprocess() = default;

Result<Subprocess> Subprocess::spawn(const Executor& executor, const SubprocessOptions& options) {
  const std::string program = options.program.string();
  HEARTH_TRY(Pipe report, make_pipe(options.program));
  Pipe parent;
  ChildPlan plan;
  std::vector<std::string> extra = options.environment_extra;
  if (options.die_with_parent) {
    HEARTH_TRY(parent, make_pipe(options.program));
    extra.push_back("HEARTH_PARENT_FD=" + std::to_string(parent.read.get()));
  }
  Fd output;
  Fd null_input;
  if (!options.output.empty()) {
    output.reset(::open(options.output.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    if (!output.is_open()) return fail(io_error(options.program, "log " + options.output.string() + ": ", errno));
    null_input.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  std::vector<std::string> arguments{program};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> environment = merged_environment(extra);
  const auto argument_pointers = pointers(arguments);
  const auto environment_pointers = pointers(environment);
  plan.program = program.c_str();
  plan.arguments = argument_pointers.data();
  plan.environment = environment_pointers.data();
  plan.output = output.get();
  plan.null_input = null_input.get();
  plan.parent_pipe = parent.read.get();
  plan.report = report.write.get();
  plan.parent = ::getpid();
  plan.die_with_parent = options.die_with_parent;
  plan.new_session = options.new_session;

  const pid_t pid = fork_quietly(plan);
  if (pid < 0) return fail(io_error(options.program, "fork: ", errno));
  report.write.reset(-1);
  int raw = 0;
  if (const int error = failure_of_exec(report.read); error != 0) {
    wait_for(pid, raw, 0);
    return fail(io_error(options.program, "", error));
  }
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
  if (!pidfd.is_open()) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    wait_for(pid, raw, 0);
    return fail(io_error(options.program, "pidfd: ", error));
  }
  return Subprocess(std::make_unique<Impl>(executor, pid, std::move(pidfd), std::move(parent.write)));
}

pid_t Subprocess::pid() const { return impl_->pid; }

Task<ExitStatus> Subprocess::wait() {
  Impl& impl = *impl_;
  while (!impl.reap(WNOHANG)) {
    co_await impl.watch.async_wait(asio::posix::stream_descriptor::wait_read, asio::as_tuple(asio::use_awaitable));
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    if (cancelled.cancelled() != asio::cancellation_type::none) {
      throw boost::system::system_error(asio::error::operation_aborted);
    }
  }
  co_return *impl.status;
}

void Subprocess::signal(int number) {
  if (!impl_->reap(WNOHANG)) ::kill(impl_->pid, number);
}

void Subprocess::detach() { impl_->detached = true; }

}  // namespace hearth::rt
