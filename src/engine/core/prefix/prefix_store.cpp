#include "engine/core/prefix/prefix_store.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

namespace hearth::engine::core {
namespace {

// A long sequence takes long to restore: at least so much of it must be of use.
constexpr std::int32_t kUsefulPart = 16;
// Beyond its bound the memory may hold what is being written, up to this or the bound again; more is lost instead.
constexpr std::uint64_t kWritingBytes = std::uint64_t{256} << 20U;

std::vector<Position> points_of(const SavedSequence& saved) {
  std::vector<Position> out;
  for (const auto& checkpoint : saved.checkpoints) out.push_back(checkpoint.length);
  return out;
}

}  // namespace

PrefixStore::PrefixStore(PrefixCacheOptions options, PrefixModel model, base::Log& log, std::function<void()> wake)
    : options_(std::move(options)),
      cuttable_(model.cuttable),
      enabled_(options_.memory.count > 0 || (!options_.folder.empty() && !model.key.empty())) {
  if (options_.folder.empty() || model.key.empty()) return;
  std::vector<PrefixDisk::File> files;
  disk_ = std::make_unique<DiskThread>(
      PrefixDiskOptions{.folder = options_.folder, .most = options_.disk, .key = std::move(model.key)}, log, files,
      std::move(wake));
  add_files(std::move(files));
  trim();
}

PrefixStore::Match PrefixStore::find(std::span<const domain::Token> prompt) const {
  const auto found = cuttable_ ? tree_.longest(prompt, kUsefulPart) : tree_.longest_point(prompt);
  if (found.id == 0) return {};
  const Entry& entry = entries_.at(found.id);
  return {.id = found.id, .length = found.length, .held = entry.held, .reading = entry.reading};
}

void PrefixStore::use(std::uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.used = true;
  touch(id, found->second, ++newest_);
}

bool PrefixStore::covers(std::span<const domain::Token> tokens) {
  const Id id = cuttable_ ? tree_.continuing(tokens) : tree_.exact(tokens);
  if (id == 0) return false;
  touch(id, entries_.at(id), ++newest_);
  return true;
}

void PrefixStore::keep(SavedSequence saved) {
  const auto shared = std::make_shared<const SavedSequence>(std::move(saved));
  Id id = tree_.exact(shared->tokens);
  if (id != 0) {
    touch(id, entries_.at(id), ++newest_);
    if (entries_.at(id).held) return;
  } else {
    supersede(*shared, 0);
    id = next_;
    add(shared->tokens, points_of(*shared), shared->bytes());
  }
  hold(id, entries_.at(id), shared);
  trim();
}

// The beginnings of a longer sequence need no memory of their own; their files stay until the longer one (`except`, not
// 0) has its own.
void PrefixStore::supersede(const SavedSequence& longer, Id except) {
  for (const Id id : tree_.beginnings(longer.tokens)) {
    Entry& entry = entries_.at(id);
    if (id == except || entry.busy()) continue;
    if (!replaces(longer, entry.length)) {
      if (!entry.used) touch(id, entry, --oldest_);
    } else if (except == 0 && !entry.file.empty()) {
      drop_held(id, entry);
    } else {
      drop_file(entry);
      erase(id);
    }
  }
}

// Whether what begins with so many tokens of `longer` is not missed. Where nothing can be cut, it is if no checkpoint
// is as far, or nearly so; but a conversation that has gone on is seldom taken up there again, so that it is the first
// to go, unless somebody has done that already.
bool PrefixStore::replaces(const SavedSequence& longer, std::int32_t length) const {
  return cuttable_ || std::ranges::any_of(longer.checkpoints, [&](const Checkpoint& point) {
           return point.length <= length && length - point.length < options_.tokens_min;
         });
}

void PrefixStore::forget(std::uint64_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  lose_file(found->second);
  erase(id);
}

void PrefixStore::set_aside(std::uint64_t bytes) {
  aside_bytes_ = bytes;
  trim();
}

PrefixStore::Pin PrefixStore::fetch(std::uint64_t id) {
  const auto found = entries_.find(id);
  if (disk_ == nullptr || found == entries_.end()) return nullptr;
  Entry& entry = found->second;
  Pin pin = entry.pin.lock();
  if (!pin) {
    pin = std::make_shared<const char>();
    entry.pin = pin;
    pins_.emplace_back(pin);
  }
  if (!entry.held && !entry.reading) {
    entry.reading = true;
    ++reading_;
    disk_->read(id, entry.file);
  }
  return pin;
}

std::size_t PrefixStore::pinned() {
  std::erase_if(pins_, [](const auto& pin) { return pin.expired(); });
  return pins_.size();
}

void PrefixStore::poll() {
  if (disk_ == nullptr || !disk_->take(done_)) return;
  for (auto& written : done_.written) on_written(std::move(written));
  for (auto& read : done_.read) on_read(std::move(read));
  lose_files(done_.evicted);
  add_files(std::move(done_.found));
  done_ = {};
  trim();
}

void PrefixStore::on_written(DiskThread::Done::Written written) {
  const auto found = entries_.find(written.id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.writing = false;
  writing_bytes_ -= entry.held->bytes();
  if (written.name) {
    set_file(written.id, entry, *std::move(written.name));
    supersede(*entry.held, written.id);
  } else if (memory_bytes() > options_.memory.count && !entry.busy()) {
    ++evictions_;
    erase(written.id);
  }
}

void PrefixStore::on_read(DiskThread::Done::Read read) {
  const auto found = entries_.find(read.id);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.reading = false;
  --reading_;
  if (read.saved && read.saved->tokens == tree_.tokens_of(read.id)) {
    ++reads_;
    touch(read.id, entry, ++newest_);
    if (!entry.held) hold(read.id, entry, std::move(read.saved));
  } else {
    lose_file(entry);
    if (!entry.held) erase(read.id);
  }
}

void PrefixStore::flush(std::chrono::milliseconds most) {
  if (disk_ == nullptr) return;
  for (const Id id : std::views::values(std::views::reverse(held_ages_))) {
    Entry& entry = entries_.at(id);
    if (entry.file.empty() && !entry.writing) write(id, entry);
  }
  disk_->drain(most);
}

// Of the same tokens there may be one in memory, which another process has written, too.
void PrefixStore::add_files(std::vector<PrefixDisk::File> files) {
  for (auto& file : files) {
    if (by_file_.contains(file.name) || file.tokens.empty()) continue;
    const Id same = tree_.exact(file.tokens);
    if (same == 0) {
      Entry& entry = add(file.tokens, file.checkpoints, file.bytes);
      set_file(next_ - 1, entry, std::move(file.name));
    } else if (Entry& entry = entries_.at(same); entry.file.empty() && !entry.writing) {
      set_file(same, entry, std::move(file.name));
    }
  }
}

void PrefixStore::lose_files(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    const auto found = by_file_.find(name);
    if (found == by_file_.end()) continue;
    const Id id = found->second;
    Entry& entry = entries_.at(id);
    lose_file(entry);
    if (entry.held || entry.reading) continue;
    ++evictions_;
    erase(id);
  }
}

PrefixStore::Entry& PrefixStore::add(std::span<const domain::Token> tokens, std::span<const Position> points,
                                     std::uint64_t bytes) {
  const Id id = next_++;
  tree_.add(id, tokens, points, false);
  Entry& entry = entries_[id];
  entry.length = static_cast<std::int32_t>(tokens.size());
  entry.bytes = bytes;
  entry.touched = ++newest_;
  ages_[entry.touched] = id;
  return entry;
}

void PrefixStore::erase(Id id) {
  Entry& entry = entries_.at(id);
  if (entry.writing) writing_bytes_ -= entry.held->bytes();
  if (entry.reading) --reading_;
  drop_held(id, entry);
  ages_.erase(entry.touched);
  tree_.erase(id);
  entries_.erase(id);
}

void PrefixStore::touch(Id id, Entry& entry, std::int64_t time) {
  ages_.erase(entry.touched);
  if (held_ages_.erase(entry.touched) > 0) held_ages_[time] = id;
  ages_[time] = id;
  entry.touched = time;
}

void PrefixStore::set_file(Id id, Entry& entry, std::string name) {
  lose_file(entry);
  // Of other tokens, by chance with the same digest: it was overwritten.
  if (const auto other = by_file_.find(name); other != by_file_.end()) lose_files({name});
  by_file_[name] = id;
  entry.file = std::move(name);
  disk_bytes_ += entry.bytes;
}

void PrefixStore::drop_file(Entry& entry) {
  if (entry.file.empty()) return;
  disk_->remove(entry.file);
  lose_file(entry);
}

void PrefixStore::lose_file(Entry& entry) {
  if (entry.file.empty()) return;
  by_file_.erase(entry.file);
  entry.file.clear();
  disk_bytes_ -= entry.bytes;
}

// Its checkpoints may be others than those of the file that was found.
void PrefixStore::hold(Id id, Entry& entry, SharedSequence saved) {
  if (cuttable_) {
    tree_.set_near(id, true);
  } else {
    tree_.erase(id);
    tree_.add(id, saved->tokens, points_of(*saved), true);
  }
  held_bytes_ += saved->bytes();
  held_ages_[entry.touched] = id;
  entry.held = std::move(saved);
}

void PrefixStore::drop_held(Id id, Entry& entry) {
  if (!entry.held) return;
  held_bytes_ -= entry.held->bytes();
  held_ages_.erase(entry.touched);
  entry.held.reset();
  tree_.set_near(id, false);
}

void PrefixStore::write(Id id, Entry& entry) {
  entry.writing = true;
  writing_bytes_ += entry.held->bytes();
  disk_->write(id, entry.held);
}

void PrefixStore::trim() {
  trim_memory();
  trim_number();
}

void PrefixStore::trim_memory() {
  const std::uint64_t most = options_.memory.count;
  for (auto it = held_ages_.begin(); it != held_ages_.end() && memory_bytes() - writing_bytes_ > most;) {
    const Id id = (it++)->second;
    Entry& entry = entries_.at(id);
    if (entry.busy()) continue;
    if (!entry.file.empty()) {
      drop_held(id, entry);
    } else if (disk_ != nullptr && writing_bytes_ < std::max(most, kWritingBytes)) {
      write(id, entry);
    } else {
      ++evictions_;
      erase(id);
    }
  }
}

void PrefixStore::trim_number() {
  const auto too_many = [this] {
    return entries_.size() > options_.sequences_max || tree_.tokens_held() > options_.tokens_max;
  };
  for (auto it = ages_.begin(); it != ages_.end() && too_many();) {
    const Id id = (it++)->second;
    Entry& entry = entries_.at(id);
    if (entry.busy()) continue;
    drop_file(entry);
    ++evictions_;
    erase(id);
  }
}

}  // namespace hearth::engine::core
