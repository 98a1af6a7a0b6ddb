#include "engine/core/prefix/prefix_disk.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <new>
#include <system_error>
#include <utility>

#include "base/files.hpp"
#include "engine/core/prefix/prefix_file.hpp"

namespace hearth::engine::core {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".prefix";
constexpr std::size_t kDigits = 16;

bool is_hex(std::string_view text) {
  return text.size() == kDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "KEY-TOKENS.prefix", each 16 hexadecimal digits: nothing else in the folder is touched.
bool is_ours(std::string_view name) {
  return name.size() == 2 * kDigits + 1 + kSuffix.size() && name.ends_with(kSuffix) && name[kDigits] == '-' &&
         is_hex(name.substr(0, kDigits)) && is_hex(name.substr(kDigits + 1, kDigits));
}

// ".KEY-TOKENS.prefix.ANYTHING.tmp": one that is being written (base/files.hpp), or was when its process was killed.
bool is_half_written(std::string_view name) {
  constexpr std::size_t kName = 2 * kDigits + 1 + kSuffix.size();
  return name.starts_with('.') && name.ends_with(".tmp") && name.size() > kName && is_ours(name.substr(1, kName));
}

std::string digest(std::string_view bytes) { return fmt::format("{:016x}", prefix_file::checksum(bytes)); }

std::string_view bytes_of(const domain::Tokens& tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(domain::Token)};
}

}  // namespace

PrefixDisk::PrefixDisk(PrefixDiskOptions options, base::Log& log)
    : options_(std::move(options)),
      log_(log),
      prefix_(digest(fmt::format("{} {}", prefix_file::kVersion, options_.key)) + "-") {
  std::error_code error;
  if (fs::create_directories(options_.folder, error)) {
    // Conversations lie in it. A folder that was there keeps what its owner gave it; the files are private in any case.
    fs::permissions(options_.folder, fs::perms::group_all | fs::perms::others_all, fs::perm_options::remove, error);
  }
  remove_abandoned();
}

std::vector<PrefixDisk::File> PrefixDisk::find_new() {
  std::vector<File> out;
  std::vector<std::string> there;
  for (const auto& entry : list(Kind::kWhole)) {
    std::string name = entry.path.filename().string();
    if (!name.starts_with(prefix_)) continue;
    if (std::ranges::binary_search(known_, name)) {
      there.push_back(std::move(name));
      continue;
    }
    auto head = prefix_file::read_head(entry.path, options_.key);
    if (!head) {
      drop(entry.path, head.error());
      continue;
    }
    there.push_back(name);
    File file{.name = std::move(name), .tokens = std::move(head->tokens), .checkpoints = {}, .bytes = head->file_bytes};
    for (const auto& part : head->checkpoints) file.checkpoints.push_back(part.length);
    out.push_back(std::move(file));
  }
  std::ranges::sort(there);
  known_ = std::move(there);  // what has gone is new when it comes again
  return out;
}

std::optional<std::string> PrefixDisk::write(const SavedSequence& saved) {
  std::string name = prefix_ + digest(bytes_of(saved.tokens)) + std::string(kSuffix);
  auto written = make_room(saved.bytes());
  if (written) written = prefix_file::write(options_.folder / name, options_.key, saved);
  if (written) {
    complained_ = false;
    if (const auto place = std::ranges::lower_bound(known_, name); place == known_.end() || *place != name)
      known_.insert(place, name);
    return name;
  }
  if (!std::exchange(complained_, true))
    log_.warn("prefixes are not kept on disk: {}; free space, or set engine.prefix_cache_dir to another folder",
              written.error().message);
  return std::nullopt;
}

SharedSequence PrefixDisk::read(const std::string& name) {
  const fs::path path = options_.folder / name;
  Result<SavedSequence> saved = fail(ErrorCode::kIo, "no memory");
  try {
    saved = prefix_file::read(path, options_.key);
  } catch (const std::bad_alloc&) {
    log_.warn("no memory to read the saved prefix {}", path.string());
  }
  if (!saved) {
    drop(path, saved.error());
    return nullptr;
  }
  std::error_code ignored;
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);  // the order in which files go
  return std::make_shared<const SavedSequence>(*std::move(saved));
}

void PrefixDisk::remove(const std::string& name) {
  std::error_code ignored;
  fs::remove(options_.folder / name, ignored);
}

// Only what is damaged goes: another process may have taken it away meanwhile, which is as it should be, and a file
// that cannot be read now may be read later.
void PrefixDisk::drop(const fs::path& path, const Error& why) {
  if (why.code != ErrorCode::kInvalidRequest) return;
  log_.warn("a saved prefix is of no use and is deleted: {}", why.message);
  std::error_code ignored;
  fs::remove(path, ignored);
}

std::vector<PrefixDisk::Entry> PrefixDisk::list(Kind kind) const {
  std::vector<Entry> out;
  std::error_code error;
  for (fs::directory_iterator it(options_.folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (kind == Kind::kWhole ? !is_ours(name) : !is_half_written(name)) continue;
    std::error_code gone;
    Entry entry{.path = it->path(), .bytes = it->file_size(gone), .used = {}};
    if (!gone) entry.used = it->last_write_time(gone);
    if (!gone) out.push_back(std::move(entry));
  }
  std::ranges::sort(out, {}, &Entry::used);
  return out;
}

void PrefixDisk::remove_abandoned() const {
  for (const auto& entry : list(Kind::kHalfWritten)) (void)base::remove_abandoned(entry.path);
}

Result<void> PrefixDisk::make_room(std::uint64_t bytes) {
  if (bytes > options_.most.count)
    return fail(ErrorCode::kIo, fmt::format("one takes {}, and engine.prefix_cache_disk is {}", base::human({bytes}),
                                            base::human(options_.most)));
  const auto entries = list(Kind::kWhole);
  std::uint64_t held = bytes;
  for (const auto& entry : entries) held += entry.bytes;
  for (const auto& entry : list(Kind::kHalfWritten)) held += base::remove_abandoned(entry.path) ? 0 : entry.bytes;
  for (const auto& entry : entries) {
    if (held <= options_.most.count) break;
    std::error_code error;
    fs::remove(entry.path, error);
    evicted_.push_back(entry.path.filename().string());
    held -= entry.bytes;
  }
  return {};
}

}  // namespace hearth::engine::core
