#include "store/listing_cache.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "base/strings.hpp"

namespace hearth::store {

namespace {

using base::operator""_MiB;

constexpr std::size_t kCardsMax = 100'000;
constexpr base::Bytes kFileMax = 64_MiB;
constexpr std::string_view kFirstLine = "hearth-listing 1 " HEARTH_VERSION;
constexpr std::string_view kLastLine = "end";

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
  static const auto kAll = domain::all_tasks();
  domain::TaskSet out;
  if (names.empty()) return out;
  for (const auto name : base::split(names, ',')) {
    const auto it = std::ranges::find_if(kAll, [&](domain::Task t) { return domain::to_string(t) == name; });
    if (it == kAll.end()) return std::nullopt;
    out.add(*it);
  }
  return out;
}

void write_stamp(std::back_insert_iterator<std::string> out, char kind, std::string_view path, const FileStamp& s) {
  fmt::format_to(out, "{}\t{}\t{}\t{}\t{}\t{}", kind, path, s.inode, s.size, s.modified, s.changed);
}

void write_folder(std::string& text, const std::string& folder, const FileStamp& stamp, const FolderList& list) {
  const bool plain = is_plain(folder) && std::ranges::all_of(list.names, is_plain, &FolderList::Name::text);
  if (!plain || stamp_of(folder) != stamp) return;
  write_stamp(std::back_inserter(text), 'd', folder, stamp);
  for (const auto& name : list.names) {
    text += '\t';
    text += static_cast<char>(name.kind);
    text += name.text;
  }
  text += '\n';
}

void write_card(std::string& text, const std::string& path, const CardLine& card) {
  if (!is_plain(path) || !is_plain(card.architecture) || !is_plain(card.quantization)) return;
  write_stamp(std::back_inserter(text), 'c', path, card.stamp);
  fmt::format_to(std::back_inserter(text), "\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", card.size_bytes, card.parameters,
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

struct Folder {
  std::string path;
  FileStamp stamp;
  std::shared_ptr<FolderList> list;
};

std::optional<Folder> read_folder(Fields& in) {
  Folder out{.path = std::string(in.text()), .stamp = in.stamp(FileStamp::Kind::kFolder), .list = {}};
  out.list = std::make_shared<FolderList>();
  while (in.more()) {
    auto name = name_of(in.text());
    if (!name) return std::nullopt;
    out.list->names.push_back(*std::move(name));
  }
  if (!in.ok() || !std::ranges::is_sorted(out.list->names, {}, &FolderList::Name::text)) return std::nullopt;
  return out;
}

}  // namespace

struct ListingCache::Known : CardLine {};
struct ListingCache::Contents {
  std::vector<Folder> folders;
  std::unordered_map<std::string, Known> cards;
};
struct ListingCache::State {
  std::unordered_map<std::string, Known> cards;
  bool loaded = false;
  bool news = false;
};

ListingCache::ListingCache(std::filesystem::path file)
    : file_(std::move(file)), state_(std::make_unique<base::Guarded<State>>()) {}
ListingCache::~ListingCache() = default;

// False unless all of it is as save() writes it.
bool ListingCache::parse(std::string_view text, Contents& out) {
  const auto next_line = [&]() -> std::optional<std::string_view> {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;  // cut
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return line;
  };
  constexpr std::size_t kLineLength = 150;  // or so
  out.folders.reserve(text.size() / kLineLength / 2);
  out.cards.reserve(text.size() / kLineLength / 2);
  if (next_line() != kFirstLine) return false;
  while (const auto line = next_line()) {
    if (*line == kLastLine) return text.empty();
    Fields in(*line);
    const auto kind = in.text();
    if (kind == "d") {
      auto folder = read_folder(in);
      if (!folder) return false;
      out.folders.push_back(*std::move(folder));
    } else {
      std::string path(in.text());
      auto card = kind == "c" ? read_card(in) : std::nullopt;
      if (!card) return false;
      out.cards.try_emplace(std::move(path), Known{*std::move(card)});
    }
  }
  return false;
}

void ListingCache::load(FolderCache& folders) {
  state_->with([&](State& state) {
    if (std::exchange(state.loaded, true)) return;
    const auto text = base::read_file(file_, kFileMax);
    Contents read;
    if (!text || !parse(*text, read)) return;
    read.cards.merge(state.cards);
    state.cards.swap(read.cards);
    for (auto& folder : read.folders) folders.put(std::move(folder.path), folder.stamp, std::move(folder.list));
  });
}

std::optional<domain::ModelCard> ListingCache::find(const std::string& path, const FileStamp& stamp) const {
  return state_->with([&](const State& state) -> std::optional<domain::ModelCard> {
    const auto it = state.cards.find(path);
    if (it == state.cards.end() || it->second.stamp != stamp) return std::nullopt;
    return card_of(path, it->second);
  });
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
    state.cards.insert_or_assign(path, Known{line});
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
    std::string text = fmt::format("{}\n", kFirstLine);
    folders.for_each([&](const std::string& folder, const FileStamp& stamp, const FolderList& list) {
      write_folder(text, folder, stamp, list);
    });
    for (const auto& [path, known] : state.cards) {
      if (stamp_of(path)) write_card(text, path, known);
    }
    text += fmt::format("{}\n", kLastLine);
    if (text.size() <= kFileMax.count) (void)base::replace_file(file_, text);
  });
}

}  // namespace hearth::store
