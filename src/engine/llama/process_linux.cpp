#include <algorithm>
#include <array>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <sched.h>
#include <set>
#include <string>
#include <thread>

#include "engine/llama/process.hpp"

namespace hearth::engine::llama {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// The CPU quota of the control group in cores, rounded up; 0 = none. (cgroup v2: "max 100000" or "150000 100000".)
std::int32_t quota_cores() {
  std::ifstream in("/sys/fs/cgroup/cpu.max");
  double quota = 0;
  double period = 0;
  if (!(in >> quota >> period) || quota <= 0 || period <= 0) return 0;
  return std::max(1, static_cast<std::int32_t>(quota / period + 0.999));
}

}  // namespace

base::Bytes mapped_memory() {
  // "7f00-7f20 rw-p 00000000 08:01 123   /lib/x.so"
  base::Bytes sum;
  std::ifstream in("/proc/self/maps");
  for (std::string line; std::getline(in, line);) {
    unsigned long long from = 0;
    unsigned long long to = 0;
    std::array<char, 5> flags{};
    if (std::sscanf(line.c_str(), "%llx-%llx %4s", &from, &to, flags.data()) != 3) continue;
    if (flags[1] == 'w' && flags[3] == 'p') sum += base::Bytes{to - from};
  }
  return sum;
}

std::int32_t usable_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::set<std::string> cores;
  std::int32_t count = 0;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &allowed)) continue;
      ++count;
      // Hyper-threads of one core name the same siblings; without that file every CPU counts.
      auto core = first_line(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
      cores.insert(core.empty() ? fmt::format("cpu{}", cpu) : core);
    }
    count = std::min(count, static_cast<std::int32_t>(cores.size()));
  }
  if (count == 0) count = static_cast<std::int32_t>(std::max(1U, std::thread::hardware_concurrency()));
  const std::int32_t quota = quota_cores();
  return quota > 0 ? std::min(count, quota) : count;
}

}  // namespace hearth::engine::llama
