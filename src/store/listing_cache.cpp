#include "store/listing_cache.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <functional>
#include <iterator>
#include <memory>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/strings.hpp"

namespace hearth::store {

namespace {

using base::operator""_MiB;

constexpr std::size_t kCardsMax = 100'000;
constexpr base::Bytes kFileMax = 64_MiB;
constexpr std::string_view kFirstLine = "hearth-listing 3 " HEARTH_VERSION "\n";
constexpr std::string_view kMiddleLine = "\ncards\n";  // folders before it, weight files behind it
constexpr std::string_view kLastLine = "\nend\n";

// The fields of one line, one by one; a missing or wrong one fails them all.
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}

  std::string_view text() {
    if (ended_) ok_ = false;
    const auto tab = rest_.find('\t');
    const auto field = rest_.substr(0, tab);
    ended_ = tab == std::string_view::npos;
    rest_.remove_prefix(ended_ ? rest_.size() : tab + 1);
    return field;
  }
  template <class T>
  T number() {
    const auto field = text();
    T out{};
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), out);
    if (error != std::errc{} || end != field.data() + field.size()) ok_ = false;
    return out;
  }
  FileStamp stamp(FileStamp::Kind kind) {
    FileStamp out{.kind = kind};
    out.inode = number<std::uint64_t>();
    out.size = number<std::uint64_t>();
    out.modified = number<std::int64_t>();
    out.changed = number<std::int64_t>();
    return out;
  }
  [[nodiscard]] bool more() const { return !ended_; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ended_ = false;
  bool ok_ = true;
};

base::WallTime time_of(std::int64_t nanoseconds) {
  return base::WallTime(std::chrono::duration_cast<base::WallTime::duration>(std::chrono::nanoseconds(nanoseconds)));
}

// What a listing needs of a weight file.
struct CardLine {
  FileStamp stamp;
  std::uint64_t size_bytes = 0;
  std::uint64_t parameters = 0;
  std::int32_t context_tokens = 0;
  std::int32_t embedding_dimensions = 0;
  std::string format;
  std::string architecture;
  std::string quantization;
  std::string digest;
  domain::TaskSet tasks;
};

domain::ModelCard card_of(const std::string& path, const CardLine& line) {
  domain::ModelCard card;
  card.path = path;
  card.format = line.format;
  card.architecture = line.architecture;
  card.quantization = line.quantization;
  card.digest = line.digest;
  card.size_bytes = line.size_bytes;
  card.parameters = line.parameters;
  card.context_tokens = line.context_tokens;
  card.embedding_dimensions = line.embedding_dimensions;
  card.modified = time_of(line.stamp.modified);
  card.tasks = line.tasks;
  return card;
}

// Such a text would need quoting; what has one is read anew each time.
bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

std::string task_names(domain::TaskSet tasks) {
  std::string out;
  for (const auto task : domain::all_tasks()) {
    if (tasks.has(task)) out += fmt::format("{}{}", out.empty() ? "" : ",", domain::to_string(task));
  }
  return out;
}

std::optional<domain::TaskSet> tasks_of(std::string_view names) {
  const auto all = domain::all_tasks();
  domain::TaskSet out;
  while (!names.empty()) {
    const auto name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(name.size() + 1, names.size()));
    const auto it = std::ranges::find_if(all, [&](domain::Task t) { return domain::to_string(t) == name; });
    if (it == all.end()) return std::nullopt;
    out.add(*it);
  }
  return out;
}

void write_stamp(std::back_insert_iterator<std::string> out, std::string_view path, const FileStamp& s) {
  fmt::format_to(out, "\n{}\t{}\t{}\t{}\t{}", path, s.inode, s.size, s.modified, s.changed);
}

void write_folder(std::string& text, const std::string& folder, const FileStamp& stamp, const FolderList& list) {
  const bool plain = is_plain(folder) && std::ranges::all_of(list.names, is_plain, &FolderList::Name::text);
  if (!plain || stamp_of(folder) != stamp) return;
  write_stamp(std::back_inserter(text), folder, stamp);
  for (const auto& name : list.names) {
    text += '\t';
    text += static_cast<char>(name.kind);
    text += name.text;
  }
}

void write_card(std::string& text, const std::string& path, const CardLine& card) {
  if (!is_plain(path) || !is_plain(card.architecture) || !is_plain(card.quantization)) return;
  write_stamp(std::back_inserter(text), path, card.stamp);
  fmt::format_to(std::back_inserter(text), "\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}", card.size_bytes, card.parameters,
                 card.context_tokens, card.embedding_dimensions, card.format, card.architecture, card.quantization,
                 card.digest, task_names(card.tasks));
}

// One name of a folder: its kind and its text.
std::optional<FolderList::Name> name_of(std::string_view field) {
  using enum FolderList::Kind;
  if (field.size() < 2) return std::nullopt;
  for (const auto kind : {kFile, kFolder, kUnknown}) {
    if (static_cast<char>(kind) == field.front())
      return FolderList::Name{.text = std::string(field.substr(1)), .kind = kind};
  }
  return std::nullopt;
}

std::optional<CardLine> read_card(Fields& in) {
  CardLine card;
  card.stamp = in.stamp(FileStamp::Kind::kFile);
  card.size_bytes = in.number<std::uint64_t>();
  card.parameters = in.number<std::uint64_t>();
  card.context_tokens = in.number<std::int32_t>();
  card.embedding_dimensions = in.number<std::int32_t>();
  card.format = in.text();
  card.architecture = in.text();
  card.quantization = in.text();
  card.digest = in.text();
  const auto tasks = tasks_of(in.text());
  if (!tasks || !in.ok() || in.more()) return std::nullopt;
  card.tasks = *tasks;
  return card;
}

// False if the line is none.
bool read_folder(Fields& in, FolderCache& folders) {
  std::string path(in.text());
  const auto stamp = in.stamp(FileStamp::Kind::kFolder);
  auto list = std::make_shared<FolderList>();
  while (in.more()) {
    auto name = name_of(in.text());
    if (!name) return false;
    list->names.push_back(*std::move(name));
  }
  if (!in.ok() || !std::ranges::is_sorted(list->names, {}, &FolderList::Name::text)) return false;
  folders.put(std::move(path), stamp, std::move(list));
  return true;
}

using Cards = std::unordered_map<std::string, std::shared_ptr<const CardLine>>;  // shared: read outside the lock

constexpr std::size_t kLineLength = 150;  // or so

// Calls `read` for every line, until it says no; whether it never did.
bool each_line(std::string_view text, const std::function<bool(Fields)>& read) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!read(Fields(line))) return false;
  }
  return true;
}

// All of them, or none.
Cards read_cards(std::string_view text) {
  Cards out;
  out.reserve(text.size() / kLineLength);
  const bool whole = each_line(text, [&](Fields in) {
    std::string path(in.text());
    auto card = read_card(in);
    if (!card) return false;
    out.try_emplace(std::move(path), std::make_shared<const CardLine>(*std::move(card)));
    return true;
  });
  return whole ? std::move(out) : Cards();
}

}  // namespace

struct ListingCache::State {
  Cards cards;
  bool loaded = false;
  bool news = false;
};

ListingCache::ListingCache(std::filesystem::path file)
    : file_(std::move(file)), state_(std::make_unique<base::Guarded<State>>()) {}
ListingCache::~ListingCache() = default;

void ListingCache::load(FolderCache& folders) {
  state_->with([&](State& state) {
    if (std::exchange(state.loaded, true)) return;
    auto text = base::read_file(file_, kFileMax);
    if (!text || !text->starts_with(kFirstLine) || !text->ends_with(kLastLine)) return;
    const auto middle = text->find(kMiddleLine, kFirstLine.size() - 1);
    if (middle == std::string::npos) return;
    const auto part = [](std::string_view whole, std::size_t from, std::size_t to) {
      return from < to ? whole.substr(from, to - from) : std::string_view();
    };
    Cards read;
    {
      const std::jthread cards(
          [&] { read = read_cards(part(*text, middle + kMiddleLine.size(), text->size() - kLastLine.size())); });
      each_line(part(*text, kFirstLine.size(), middle), [&](Fields in) { return read_folder(in, folders); });
    }
    read.merge(state.cards);
    state.cards.swap(read);
  });
}

std::optional<domain::ModelCard> ListingCache::find(const std::string& path, const FileStamp& stamp) const {
  const auto line = state_->with([&](const State& state) -> std::shared_ptr<const CardLine> {
    const auto it = state.cards.find(path);
    return it == state.cards.end() ? nullptr : it->second;
  });
  return line && line->stamp == stamp ? std::optional(card_of(path, *line)) : std::nullopt;
}

domain::ModelCard ListingCache::put(const std::string& path, const FileStamp& stamp, const domain::ModelCard& card) {
  const CardLine line{.stamp = stamp,
                      .size_bytes = card.size_bytes,
                      .parameters = card.parameters,
                      .context_tokens = card.context_tokens,
                      .embedding_dimensions = card.embedding_dimensions,
                      .format = card.format,
                      .architecture = card.architecture,
                      .quantization = card.quantization,
                      .digest = card.digest,
                      .tasks = card.tasks};
  state_->with([&](State& state) {
    if (state.cards.size() >= kCardsMax) state.cards.clear();
    state.cards.insert_or_assign(path, std::make_shared<const CardLine>(line));
    state.news = true;
  });
  return card_of(path, line);
}

void ListingCache::save(FolderCache& folders) {
  state_->with([&](State& state) {
    const bool folder_news = folders.take_news();
    if (!std::exchange(state.news, false) && !folder_news) return;
    std::error_code error;
    if (!std::filesystem::exists(file_.parent_path().parent_path(), error)) return;  // no home of ours yet
    std::string text(kFirstLine.substr(0, kFirstLine.size() - 1));
    folders.for_each([&](const std::string& folder, const FileStamp& stamp, const FolderList& list) {
      write_folder(text, folder, stamp, list);
    });
    text += kMiddleLine.substr(0, kMiddleLine.size() - 1);
    for (const auto& [path, known] : state.cards) {
      if (stamp_of(path)) write_card(text, path, *known);
    }
    text += kLastLine;
    if (text.size() <= kFileMax.count) (void)base::replace_file(file_, text);
  });
}

}  // namespace hearth::store
