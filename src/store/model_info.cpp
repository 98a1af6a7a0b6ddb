#include "store/model_info.hpp"

#include <algorithm>
#include <system_error>

#include "base/strings.hpp"
#include "domain/json/settings_json.hpp"
#include "json/writer.hpp"
#include "store/card_json.hpp"
#include "store/gguf.hpp"
#include "store/installed.hpp"
#include "store/manifest.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

namespace {

void add_file(ModelInfo& info, const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);  // of what a link leads to
  if (error) return;
  info.total_size += size;
  ++info.file_count;
  if (base::equals_ignore_case(file.extension().string(), ".gguf")) info.gguf_files.push_back(file);
}

// What was published, or what somebody put there; our own notes and unfinished downloads are neither.
bool is_ours(const fs::path& file) {
  const std::string name = file.filename().string();
  return name == kManifestName || name.ends_with(".partial") || name.ends_with(".partial.json");
}

void add_folder(ModelInfo& info) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(info.model_dir, fs::directory_options::skip_permission_denied, error), end;
       !error && it != end; it.increment(error)) {
    std::error_code gone;
    if (it->is_regular_file(gone) && !is_ours(it->path())) add_file(info, it->path());
  }
  std::ranges::sort(info.gguf_files);
}

}  // namespace

Result<ModelInfo> model_info(const Library& library, const LibraryEntry& entry) {
  ModelInfo out;
  HEARTH_TRY(out.card, library.card(entry));
  std::error_code error;
  const fs::path folder = library.home().models / entry.name.path();
  if (entry.origin == LibraryEntry::Origin::kFolder && fs::is_directory(folder, error)) {
    out.model_dir = folder;
    add_folder(out);
    if (const auto manifest = Manifest::load(folder); manifest && *manifest) {
      const auto* const file = (*manifest)->find(entry.path.lexically_relative(folder).generic_string());
      if (file != nullptr) {
        out.source = (*manifest)->source;
        out.revision = file->revision;
        if (const auto reference = reference_of(**manifest, *file, entry)) out.pull_reference = to_text(*reference);
      }
    }
    return out;
  }
  // A file somewhere: what lies beside it is not the model's. A snapshot of a hub's cache is the model's alone.
  out.model_dir = entry.path.parent_path();
  if (entry.origin == LibraryEntry::Origin::kFolder && out.model_dir != library.home().models) {
    add_folder(out);
    return out;
  }
  std::vector<fs::path> files{entry.path};
  if (const auto header = read_gguf(entry.path)) files = gguf_parts(entry.path, *header).value_or(files);
  for (const auto& file : files) add_file(out, file);
  return out;
}

std::string to_json(const ModelInfo& info) {
  const auto& card = info.card;
  json::Writer w;
  w.begin_object();
  write_card_fields(w, card);
  w.field("model_dir", info.model_dir.string()).field("total_size", info.total_size);
  w.field("file_count", info.file_count).key("gguf_files").begin_array();
  for (const auto& file : info.gguf_files) w.value(file.string());
  w.end_array().field("source", info.source).field("revision", info.revision);
  w.field("pull_reference", info.pull_reference);
  w.field("license", card.license).field("embedding_dimensions", card.embedding_dimensions);
  w.field("chat_template", card.chat_template);
  w.key("settings").raw(domain::settings_json(card.settings)).key("metadata").begin_object();
  for (const auto& [key, value] : card.metadata) w.key(key).raw(value);
  w.end_object().end_object();
  return std::move(w).take();
}

}  // namespace hearth::store
