#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>

#include "store/memory_estimate.hpp"

namespace hearth::store {
namespace {

std::optional<std::uint64_t> first_number(const std::string& path) {
  std::ifstream in(path);
  std::uint64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;  // absent, or "max"
}

std::uint64_t meminfo(std::string_view wanted) {
  std::ifstream in("/proc/meminfo");
  std::string key;
  std::uint64_t kibibytes = 0;
  for (std::string unit; in >> key >> kibibytes; std::getline(in, unit)) {
    if (key == wanted) return kibibytes * 1024;
  }
  return 0;
}

// Cached file pages can be dropped for a new process, so they do not count as used.
std::uint64_t cached_files(const std::string& stat_file) {
  std::ifstream in(stat_file);
  std::string key;
  std::uint64_t value = 0;
  std::uint64_t sum = 0;
  while (in >> key >> value) {
    if (key == "inactive_file" || key == "active_file") sum += value;
  }
  return sum;
}

// The folder of this process in a unified hierarchy: "0::/system.slice/x.service".
std::string group_folder() {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("0::")) return "/sys/fs/cgroup" + line.substr(3);
  }
  return {};
}

std::uint64_t left_in(const std::string& folder) {
  const auto limit = first_number(folder + "/memory.max");
  const auto used = first_number(folder + "/memory.current");
  if (!limit || !used) return std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t held = *used - std::min(*used, cached_files(folder + "/memory.stat"));
  return *limit - std::min(*limit, held);
}

std::uint64_t allowed_in(const std::string& folder) {
  return first_number(folder + "/memory.max").value_or(std::numeric_limits<std::uint64_t>::max());
}

// Every level of control groups above this process may have a limit of its own.
std::uint64_t least_of_groups(std::uint64_t least, std::uint64_t (*limit)(const std::string& folder)) {
  for (std::string folder = group_folder(); folder.size() > std::string("/sys/fs").size();
       folder.resize(folder.rfind('/')))
    least = std::min(least, limit(folder));
  return least;
}

}  // namespace

base::Bytes available_memory() { return {least_of_groups(meminfo("MemAvailable:"), left_in)}; }

// "size resident shared ...", in pages.
base::Bytes resident_memory(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;
  if (!(in >> size >> resident >> shared)) return {};
  return {(resident - std::min(resident, shared)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
}

base::Bytes total_memory() { return {least_of_groups(meminfo("MemTotal:"), allowed_in)}; }

}  // namespace hearth::store
