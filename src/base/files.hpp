#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace hearth::base {

// The whole file; kIo names the path and the reason; kPayloadTooLarge over `limit`.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path, Bytes limit = 64_MiB);

// Temp file in the same folder, fsync, rename, fsync of the folder: a kill at any instant leaves the old or the new
// content. Missing parent folders are made.
[[nodiscard]] Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content);

// The same, readable for its owner alone.
[[nodiscard]] Result<void> write_private_file(const std::filesystem::path& path, std::string_view content);
// The same, from pieces that need not lie side by side in memory.
[[nodiscard]] Result<void> write_private_file(const std::filesystem::path& path,
                                              std::span<const std::string_view> pieces);

// The same without waiting for the disk: a kill of this process leaves the old or the new content, a power failure may
// leave neither.
[[nodiscard]] Result<void> replace_file(const std::filesystem::path& path, std::string_view content);
// Removes a temporary file of the writes above, ".NAME.RANDOM.tmp", if no process is writing it any more. false: one
// is, it has gone, it cannot be removed, or the file system cannot lock files, so that nobody knows.
bool remove_abandoned(const std::filesystem::path& temp);
// Brings the content of a file that somebody else has written to the disk. Blocks; kIo.
[[nodiscard]] Result<void> sync_file(const std::filesystem::path& path);
// Makes renames in `folder` last.
[[nodiscard]] Result<void> sync_folder(const std::filesystem::path& folder);

// When the content changed last; the epoch if that cannot be told.
[[nodiscard]] WallTime modified_time(const std::filesystem::path& path);

// $HOME, or the password database's entry.
[[nodiscard]] std::filesystem::path home_folder();
// "~/x" and "~" expanded; anything else unchanged.
[[nodiscard]] std::filesystem::path expand_user(std::string_view path);
[[nodiscard]] std::string env_or(const char* name, std::string_view fallback);
// "No such file or directory" for an errno value.
[[nodiscard]] std::string errno_text(int error);

}  // namespace hearth::base
