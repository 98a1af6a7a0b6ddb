#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "engine/core/prefix/saved_sequence.hpp"

// One saved sequence as a file, in the byte order of the machine:
//
//   "hearthpx"  u32 version (1)  u32 key bytes  u32 tokens  u32 checkpoints  u64 state bytes  u64 checksum of the
//   states key  tokens [i32]  checkpoints [u64 length, u64 bytes]  u64 checksum of all before it state  states of the
//   checkpoints
//
// The checksums find damage, not malice: who can write into the folder can do anything.
namespace hearth::engine::core::prefix_file {

inline constexpr std::uint32_t kVersion = 1;

// What a file says of itself.
struct Head {
  domain::Tokens tokens;
  struct Part {
    Position length = 0;
    std::uint64_t bytes = 0;
  };
  std::vector<Part> checkpoints;
  std::uint64_t state_bytes = 0;
  std::uint64_t checksum = 0;    // of the states
  std::uint64_t head_bytes = 0;  // where the states begin
  std::uint64_t file_bytes = 0;
};

// Atomically, readable for the owner alone. kIo.
[[nodiscard]] Result<void> write(const std::filesystem::path& path, std::string_view key, const SavedSequence& saved);
// kNotFound: there is no such file (any more). kIo: cannot be read. kInvalidRequest: damaged, of another format, or
// with another key.
[[nodiscard]] Result<Head> read_head(const std::filesystem::path& path, std::string_view key);
// Errors as above.
[[nodiscard]] Result<SavedSequence> read(const std::filesystem::path& path, std::string_view key);
// The same of a stream that can seek; `name` is for messages.
[[nodiscard]] Result<SavedSequence> read(std::istream& in, std::string_view name, std::string_view key);

// 64 bits, 32 bytes at a time.
[[nodiscard]] std::uint64_t checksum(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace hearth::engine::core::prefix_file
