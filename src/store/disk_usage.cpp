#include "store/disk_usage.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <set>
#include <system_error>

#include "json/reader.hpp"
#include "json/writer.hpp"
#include "store/installed.hpp"
#include "store/manifest.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

namespace {

// Bytes of files; those of locks are nobody's.
Result<std::uint64_t> size_below(const fs::path& folder) {
  const fs::path locks = folder / ".locks";
  std::uint64_t out = 0;
  std::error_code error;
  if (!fs::exists(folder, error)) return out;
  for (fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end;
       !error && it != end; it.increment(error)) {
    if (it->path() == locks) it.disable_recursion_pending();
    std::error_code gone;  // files may go while this looks at them
    if (it->is_symlink(gone) || !it->is_regular_file(gone)) continue;
    const auto size = it->file_size(gone);
    if (!gone) out += size;
  }
  if (error) return fail(ErrorCode::kIo, fmt::format("cannot look through {}: {}", folder.string(), error.message()));
  return out;
}

bool is_part(const fs::path& file) { return file.extension() == ".partial"; }

// Folders of models ("org/name", or "name") in which downloads have left something.
std::set<std::string> unfinished_below(const fs::path& root) {
  std::set<std::string> out;
  std::error_code error;
  for (fs::recursive_directory_iterator it(root, fs::directory_options::skip_permission_denied, error), end;
       !error && it != end; it.increment(error)) {
    if (!is_part(it->path())) continue;
    const auto folder = it->path().lexically_relative(root).parent_path();
    if (folder.empty()) continue;
    const fs::path first = *folder.begin();
    std::error_code gone;
    // A model of one word has its manifest, or the download, in the first folder.
    const bool one_word = std::ranges::distance(folder) == 1 || fs::exists(root / first / kManifestName, gone);
    out.insert((one_word ? first : first / *std::next(folder.begin())).generic_string());
  }
  return out;
}

}  // namespace

Result<DiskUsage> disk_usage(const Library& library) {
  const fs::path& root = library.home().models;
  DiskUsage out;
  HEARTH_TRY(out.total_size, size_below(root));
  HEARTH_TRY(const auto entries, library.entries());
  std::map<std::string, std::uint64_t> sizes;
  std::map<std::string, std::set<std::string>> names;
  std::map<std::string, std::string> sources;
  for (const auto& entry : entries) {
    if (entry.origin != LibraryEntry::Origin::kFolder) continue;
    names[entry.name.path()].insert(entry.format == "gguf" ? entry.name.full() : entry.name.path());
    if (auto reference = reference_of(library, entry); reference && *reference) {
      (*reference)->revision.clear();
      (*reference)->selector.clear();
      sources[entry.name.path()] = to_text(**reference);
    }
    if (sizes.contains(entry.name.path())) continue;
    std::error_code error;
    const fs::path folder = root / entry.name.path();
    const bool has_folder = fs::is_directory(folder, error);
    HEARTH_TRY(sizes[entry.name.path()],
               has_folder ? size_below(folder) : Result<std::uint64_t>(fs::file_size(entry.path, error)));
  }
  for (const auto& [name, size] : sizes)
    out.models.push_back({.reference = name,
                          .size = size,
                          .source = sources[name],
                          .names = {names.at(name).begin(), names.at(name).end()}});
  for (const auto& name : unfinished_below(root)) {
    if (sizes.contains(name)) continue;
    HEARTH_TRY(const auto size, size_below(root / name));
    out.models.push_back({.reference = name, .size = size, .unfinished = true, .names = {name}});
  }
  std::ranges::sort(out.models, std::greater(), &DiskUsage::Model::size);
  return out;
}

std::string to_json(const DiskUsage& usage) {
  json::Writer w;
  w.begin_object().field("total_size", usage.total_size).key("models").begin_array();
  for (const auto& m : usage.models) {
    w.begin_object().field("reference", m.reference).field("size", m.size);
    if (!m.source.empty()) w.field("source", m.source);
    if (m.unfinished) w.field("unfinished", true);
    if (m.names != std::vector{m.reference}) {
      w.key("names").begin_array();
      for (const auto& name : m.names) w.value(name);
      w.end_array();
    }
    w.end_object();
  }
  w.end_array().end_object();
  return std::move(w).take();
}

Result<DiskUsage> disk_usage_from_json(std::string_view text) {
  DiskUsage out;
  const auto size_in = [](json::Object& in, const char* key) {
    const auto item = in.require(key);
    return item ? static_cast<std::uint64_t>(item->integer(0)) : 0;
  };
  HEARTH_CHECK(json::read_object(text, [&](json::Object& in) {
    out.total_size = size_in(in, "total_size");
    in.each("models", [&](const json::Item& item) {
      item.object([&](json::Object& m) {
        out.models.push_back({.reference = m.required_text("reference"), .size = size_in(m, "size")});
        m.text("source", out.models.back().source);
        m.boolean("unfinished", out.models.back().unfinished);
        auto& names = out.models.back().names;
        m.each("names", [&](const json::Item& name) { names.push_back(name.text()); });
        if (names.empty()) names.push_back(out.models.back().reference);
      });
    });
  }));
  return out;
}

}  // namespace hearth::store
