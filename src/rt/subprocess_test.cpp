#include "rt/subprocess.hpp"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <signal.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rt/io_threads.hpp"
#include "rt/race.hpp"

namespace hearth::rt {
namespace {

using namespace std::chrono_literals;

SubprocessOptions shell(std::string script) {
  SubprocessOptions options;
  options.program = "/bin/sh";
  options.arguments = {"-c", std::move(script)};
  return options;
}

// Runs a script to its end; its output.
std::string output_of(std::string script, std::vector<std::string> environment = {}) {
  std::string file = "/tmp/hearth-subprocess-XXXXXX";
  const int fd = ::mkstemp(file.data());
  ::close(fd);
  SubprocessOptions options = shell(std::move(script));
  options.output = file;
  options.environment_extra = std::move(environment);
  run_here([](const SubprocessOptions& o) -> Task<void> {
    auto child = Subprocess::spawn(co_await current_executor(), o);
    EXPECT_TRUE(child.has_value());
    if (child) EXPECT_TRUE((co_await child->wait()).ok());
  }(options));
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  ::unlink(file.c_str());
  return text.str();
}

TEST(Subprocess, reportsHowItEnded) {
  run_here([]() -> Task<void> {
    const auto executor = co_await current_executor();
    auto exits = Subprocess::spawn(executor, shell("exit 3"));
    EXPECT_TRUE(exits.has_value());
    EXPECT_EQ((co_await exits->wait()).describe(), "exit code 3");
    EXPECT_EQ((co_await exits->wait()).code, 3);  // again
    auto killed = Subprocess::spawn(executor, shell("kill -9 $$"));
    EXPECT_TRUE(killed.has_value());
    EXPECT_EQ((co_await killed->wait()).describe(), "signal 9 (Killed)");
  }());
}

TEST(Subprocess, saysWhyItCannotStart) {
  run_here([]() -> Task<void> {
    SubprocessOptions options;
    options.program = "/nonexistent/program";
    const auto child = Subprocess::spawn(co_await current_executor(), options);
    EXPECT_FALSE(child.has_value());
    EXPECT_EQ(child.error().message, "cannot start '/nonexistent/program': No such file or directory");
  }());
}

TEST(Subprocess, writesToItsFileAndHasItsEnvironment) {
  EXPECT_EQ(output_of("echo $HEARTH_TEST; echo err >&2; cat", {"HEARTH_TEST=a b"}), "a b\nerr\n");
  ASSERT_EQ(::setenv("HEARTH_TEST", "ours", 1), 0);
  EXPECT_EQ(output_of("echo $HEARTH_TEST"), "ours\n");
  EXPECT_EQ(output_of("echo $HEARTH_TEST", {"HEARTH_TEST=theirs"}), "theirs\n");
}

TEST(Subprocess, inheritsNothingButThePipe) {
  const int leaky = ::open("/dev/null", O_RDONLY);  // NOLINT: without O_CLOEXEC on purpose
  ASSERT_GE(leaky, 0);
  const std::string list = output_of("ls /proc/self/fd | wc -l; test -e /proc/$$/fd/$HEARTH_PARENT_FD && echo pipe");
  ::close(leaky);
  EXPECT_EQ(list, "5\npipe\n");  // 0, 1, 2, the pipe, and the folder that ls reads
}

TEST(Subprocess, hasOrdinarySignals) {
  ::signal(SIGPIPE, SIG_IGN);
  // The C library keeps signals 32 and 33 to itself: what a parent made of them cannot be changed.
  constexpr unsigned long long kOurs = ~(3ULL << 31U);
  for (const auto* line : {"SigIgn", "SigBlk"}) {
    const std::string text = output_of(std::string("grep ") + line + " /proc/self/status | cut -f 2");
    EXPECT_EQ(std::stoull(text, nullptr, 16) & kOurs, 0U) << line << " " << text;
  }
  ::signal(SIGPIPE, SIG_DFL);
}

TEST(Subprocess, canBeSignalledAndWaitedForWithALimit) {
  run_here([]() -> Task<void> {
    auto child = Subprocess::spawn(co_await current_executor(), shell("exec sleep 1000"));
    EXPECT_TRUE(child.has_value());
    EXPECT_FALSE((co_await with_deadline(child->wait(), base::Deadline::after(1ms))).has_value());
    child->signal(SIGTERM);
    EXPECT_EQ((co_await child->wait()).signal, SIGTERM);
  }());
}

TEST(Subprocess, destructionKillsAndReaps) {
  run_here([]() -> Task<void> {
    pid_t pid = 0;
    {
      auto child = Subprocess::spawn(co_await current_executor(), shell("exec sleep 1000"));
      EXPECT_TRUE(child.has_value());
      pid = child->pid();
    }
    EXPECT_EQ(::kill(pid, 0), -1);
    EXPECT_EQ(errno, ESRCH);
  }());
}

TEST(Subprocess, aDetachedOneLivesOn) {
  run_here([]() -> Task<void> {
    pid_t pid = 0;
    {
      SubprocessOptions options = shell("exec sleep 1000");
      options.die_with_parent = false;
      options.new_session = true;
      auto child = Subprocess::spawn(co_await current_executor(), options);
      EXPECT_TRUE(child.has_value());
      pid = child->pid();
      child->detach();
    }
    EXPECT_EQ(::kill(pid, 0), 0);
    EXPECT_EQ(::getsid(pid), pid);
    ::kill(pid, SIGKILL);
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  }());
}

TEST(Subprocess, endsWithItsParent) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // the orphan comes to us, so that its end can be seen
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t middle = ::fork();
  if (middle == 0) {
    run_here([](int report) -> Task<void> {
      auto child = Subprocess::spawn(co_await current_executor(), shell("exec sleep 1000"));
      const pid_t pid = child ? child->pid() : -1;
      [[maybe_unused]] const auto written = ::write(report, &pid, sizeof pid);
      ::_exit(0);  // without destructors, as in a crash
    }(ends[1]));
  }
  pid_t orphan = -1;
  ASSERT_EQ(::read(ends[0], &orphan, sizeof orphan), static_cast<ssize_t>(sizeof orphan));
  ASSERT_GT(orphan, 0);
  int status = 0;
  EXPECT_EQ(::waitpid(middle, &status, 0), middle);
  EXPECT_EQ(::waitpid(orphan, &status, 0), orphan);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace hearth::rt
