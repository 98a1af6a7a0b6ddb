#include <algorithm>
#include <cstdint>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rt/this_thread.hpp"

namespace hearth::rt::this_thread {

namespace {

// struct sched_attr of the kernel, in its first form; the C library has none yet.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0;  // of SCHED_OTHER: the slice, 0 = as usual
  std::uint64_t deadline_ns = 0;
  std::uint64_t period_ns = 0;
};

void wish(const char* name, int nice, std::uint64_t slice_ns) {
  ::pthread_setname_np(::pthread_self(), name);
  SchedulingAttributes attributes;
  attributes.nice = nice;
  attributes.runtime_ns = slice_ns;
  ::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

void answer_first(const char* name) { wish(name, ::getpriority(PRIO_PROCESS, 0), 100'000); }

void compute(const char* name, int nice) {
  constexpr int kMost = 19;  // more is refused
  wish(name, std::max(std::min(nice, kMost), ::getpriority(PRIO_PROCESS, 0)), 0);
}

}  // namespace hearth::rt::this_thread
