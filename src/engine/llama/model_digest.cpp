#include "engine/llama/model_digest.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <vector>

namespace hearth::engine::llama {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kHead = std::uint64_t{1} << 20U;
constexpr std::uint64_t kSample = 4096;
constexpr std::uint64_t kSamples = 256;

// FNV-1a, 64 bits.
class Hash {
 public:
  void add(std::string_view bytes) {
    for (const char byte : bytes) value_ = (value_ ^ static_cast<unsigned char>(byte)) * 0x100000001B3ULL;
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325ULL;
};

bool add_file(const fs::path& path, Hash& hash) {
  std::error_code error;
  const std::uint64_t size = fs::file_size(path, error);
  const auto time = error ? fs::file_time_type() : fs::last_write_time(path, error);
  std::ifstream in(path, std::ios::binary);
  if (error || !in) return false;
  hash.add(fmt::format("{} {} ", size, time.time_since_epoch().count()));
  std::vector<char> buffer(std::min(size, kHead));
  const auto add = [&](std::uint64_t from, std::uint64_t count) {
    in.seekg(static_cast<std::streamoff>(from)).read(buffer.data(), static_cast<std::streamsize>(count));
    hash.add({buffer.data(), static_cast<std::size_t>(count)});
    return static_cast<bool>(in);
  };
  if (!add(0, buffer.size())) return false;
  if (size <= kHead + kSample) return size <= kHead || add(kHead, size - kHead);
  const std::uint64_t stride = (size - kHead - kSample) / kSamples;
  for (std::uint64_t i = 0; i <= kSamples; ++i) {
    if (!add(kHead + i * stride, kSample)) return false;
  }
  return true;
}

// "m-00001-of-00003.gguf" and what follows; any other name alone.
std::vector<fs::path> files_of(const fs::path& path) {
  const std::string name = path.filename().string();
  constexpr std::string_view kForm = "-00001-of-00000.gguf";
  if (name.size() <= kForm.size()) return {path};
  const std::size_t at = name.size() - kForm.size();
  int count = 0;
  const char* const digits = name.data() + at + 10;
  const bool split = name.substr(at, 10) == kForm.substr(0, 10) && name.ends_with(".gguf") &&
                     std::from_chars(digits, digits + 5, count).ptr == digits + 5;
  if (!split) return {path};
  std::vector<fs::path> out;
  for (int i = 1; i <= count; ++i)
    out.push_back(path.parent_path() / fmt::format("{}-{:05}-of-{:05}.gguf", name.substr(0, at), i, count));
  return out;
}

}  // namespace

std::string model_digest(const std::string& path) {
  Hash hash;
  for (const auto& file : files_of(path)) {
    if (!add_file(file, hash)) return {};
  }
  return fmt::format("{:016x}", hash.value());
}

}  // namespace hearth::engine::llama
