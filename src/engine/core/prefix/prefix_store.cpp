#include "engine/core/prefix/prefix_store.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace hearth::engine::core {
namespace {

// A long sequence takes long to restore: at least so much of it must be of use.
constexpr std::int32_t kUsefulPart = 16;
// Beyond its bound the memory may hold what is being written, up to this or the bound again; more is lost instead.
constexpr std::uint64_t kWritingBytes = std::uint64_t{256} << 20U;

}  // namespace

PrefixStore::PrefixStore(PrefixCacheOptions options, std::string key, base::Log& log)
    : options_(std::move(options)), enabled_(options_.memory.count > 0 || (!options_.folder.empty() && !key.empty())) {
  if (options_.folder.empty() || key.empty()) return;
  std::vector<PrefixDisk::File> files;
  disk_ = std::make_unique<DiskThread>(
      PrefixDiskOptions{.folder = options_.folder, .most = options_.disk, .key = std::move(key)}, log, files);
  add_files(std::move(files));
}

std::int32_t PrefixStore::usable(const Entry& entry, std::span<const domain::Token> prompt, bool cuttable) {
  const auto common = static_cast<std::int32_t>(common_length(prompt, entry.tokens));
  const auto all = static_cast<std::int32_t>(entry.tokens.size());
  if (cuttable || common == all) return common >= all / kUsefulPart ? common : 0;
  const auto beyond = std::ranges::upper_bound(entry.checkpoints, common);
  return beyond == entry.checkpoints.begin() ? 0 : *(beyond - 1);
}

PrefixStore::Match PrefixStore::find(std::span<const domain::Token> prompt, bool cuttable) const {
  Match best;
  std::size_t size = 0;
  for (const auto& [id, entry] : entries_) {
    const std::int32_t length = usable(entry, prompt, cuttable);
    if (length == 0 || length < best.length) continue;
    const bool cheaper = std::pair(entry.held == nullptr, entry.tokens.size()) < std::pair(best.held == nullptr, size);
    if (length == best.length && !cheaper) continue;
    best = {.id = id, .length = length, .held = entry.held, .reading = entry.reading};
    size = entry.tokens.size();
  }
  return best;
}

std::int32_t PrefixStore::common(std::span<const domain::Token> prompt) const {
  std::size_t most = 0;
  for (const auto& [id, entry] : entries_) most = std::max(most, common_length(prompt, entry.tokens));
  return static_cast<std::int32_t>(most);
}

void PrefixStore::touch(std::uint64_t id) {
  if (const auto found = entries_.find(id); found != entries_.end()) found->second.touched = ++clock_;
}

bool PrefixStore::covers(std::span<const domain::Token> tokens, bool cuttable) {
  for (auto& [id, entry] : entries_) {
    if (entry.tokens.size() < tokens.size() || (!cuttable && entry.tokens.size() > tokens.size())) continue;
    if (common_length(tokens, entry.tokens) != tokens.size()) continue;
    entry.touched = ++clock_;
    return true;
  }
  return false;
}

void PrefixStore::keep(SavedSequence saved) {
  supersede(saved.tokens, 0);
  const std::uint64_t id = next_++;
  Entry& entry = entries_[id];
  entry.tokens = saved.tokens;
  for (const auto& checkpoint : saved.checkpoints) entry.checkpoints.push_back(checkpoint.length);
  entry.bytes = saved.bytes();
  entry.touched = ++clock_;
  hold(entry, std::make_shared<const SavedSequence>(std::move(saved)));
  trim(0);
}

// The beginnings of a longer sequence need no memory of their own; their files stay until the longer one has its own.
void PrefixStore::supersede(const domain::Tokens& tokens, std::uint64_t except) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    const bool part =
        entry.tokens.size() <= tokens.size() && common_length(tokens, entry.tokens) == entry.tokens.size();
    const bool keep = it->first == except || !part || entry.reading || entry.writing;
    if (keep || (except == 0 && !entry.file.empty())) {
      if (!keep) drop_held(entry);
      ++it;
    } else {
      drop_file(entry);
      it = erase(it);
    }
  }
}

void PrefixStore::forget(std::uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  drop_file(found->second);
  if (!found->second.reading && !found->second.writing) erase(found);
}

void PrefixStore::set_aside(std::uint64_t bytes) {
  aside_bytes_ = bytes;
  trim(0);
}

void PrefixStore::fetch(std::uint64_t id) {
  const auto found = entries_.find(id);
  if (disk_ == nullptr || found == entries_.end() || found->second.held || found->second.reading) return;
  found->second.reading = true;
  ++reading_;
  disk_->read(id, found->second.file);
}

void PrefixStore::poll() {
  if (disk_ == nullptr || !disk_->take(done_)) return;
  for (auto& written : done_.written) {
    const auto found = entries_.find(written.id);
    if (found == entries_.end()) continue;
    Entry& entry = found->second;
    entry.writing = false;
    writing_bytes_ -= entry.bytes;
    if (!written.name) {
      if (memory_bytes() > options_.memory.count) ++evictions_, erase(found);
      continue;
    }
    entry.file = *std::move(written.name);
    disk_bytes_ += entry.bytes;
    supersede(entry.tokens, written.id);
  }
  std::uint64_t newest = 0;
  for (auto& read : done_.read) {
    const auto found = entries_.find(read.id);
    if (found == entries_.end()) continue;
    found->second.reading = false;
    --reading_;
    if (!read.saved || read.saved->tokens != found->second.tokens) {
      if (!found->second.file.empty()) disk_bytes_ -= found->second.bytes;
      erase(found);
      continue;
    }
    ++reads_;
    newest = read.id;
    found->second.touched = ++clock_;
    hold(found->second, std::move(read.saved));
  }
  lose_files(done_.evicted);
  add_files(std::move(done_.found));
  trim(newest);
}

void PrefixStore::wait() {
  if (disk_ != nullptr) disk_->wait();
}

void PrefixStore::flush(std::chrono::milliseconds most) {
  if (disk_ == nullptr) return;
  std::vector<Entries::iterator> unsaved;
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    if (it->second.held && it->second.file.empty() && !it->second.writing) unsaved.push_back(it);
  }
  std::ranges::sort(unsaved, std::greater{}, [](const auto& it) { return it->second.touched; });
  for (const auto& it : unsaved) write(it);
  disk_->drain(most);
}

void PrefixStore::add_files(std::vector<PrefixDisk::File> files) {
  for (auto& file : files) {
    disk_bytes_ += file.bytes;
    entries_[next_++] = Entry{.tokens = std::move(file.tokens),
                              .checkpoints = std::move(file.checkpoints),
                              .bytes = file.bytes,
                              .touched = ++clock_,
                              .held = nullptr,
                              .file = std::move(file.name)};
  }
}

void PrefixStore::lose_files(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    const auto found = std::ranges::find_if(entries_, [&](const auto& e) { return e.second.file == name; });
    if (found == entries_.end()) continue;
    disk_bytes_ -= found->second.bytes;
    found->second.file.clear();
    if (found->second.held || found->second.reading) continue;
    ++evictions_;
    erase(found);
  }
}

void PrefixStore::hold(Entry& entry, SharedSequence saved) {
  held_bytes_ += saved->bytes();
  entry.held = std::move(saved);
}

void PrefixStore::drop_held(Entry& entry) {
  if (!entry.held) return;
  held_bytes_ -= entry.held->bytes();
  entry.held.reset();
}

void PrefixStore::drop_file(Entry& entry) {
  if (entry.file.empty()) return;
  disk_->remove(std::exchange(entry.file, {}));
  disk_bytes_ -= entry.bytes;
}

PrefixStore::Entries::iterator PrefixStore::erase(Entries::iterator entry) {
  drop_held(entry->second);
  return entries_.erase(entry);
}

void PrefixStore::write(Entries::iterator entry) {
  entry->second.writing = true;
  writing_bytes_ += entry->second.bytes;
  disk_->write(entry->first, entry->second.held);
}

void PrefixStore::trim(std::uint64_t except) {
  const std::uint64_t most = options_.memory.count;
  const auto oldest = [&] {
    auto out = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      const bool fits = it->second.held && it->first != except && !it->second.writing;
      if (fits && (out == entries_.end() || it->second.touched < out->second.touched)) out = it;
    }
    return out;
  };
  while (memory_bytes() - writing_bytes_ > most) {
    const auto victim = oldest();
    if (victim == entries_.end()) return;
    if (!victim->second.file.empty()) {
      drop_held(victim->second);
    } else if (disk_ != nullptr && writing_bytes_ < std::max(most, kWritingBytes)) {
      write(victim);
    } else {
      ++evictions_;
      erase(victim);
    }
  }
}

}  // namespace hearth::engine::core
