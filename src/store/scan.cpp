#include "store/scan.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "store/side_by_side.hpp"
#include "store/split_name.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

namespace {

// Best quality that is still fast first, then upwards, then the small ones.
constexpr std::array<std::string_view, 20> kPreferred{
    "latest", "q4_k_m", "q5_k_m", "q4_k_s", "q5_k_s", "q4_0",   "q6_k",   "q8_0", "q5_0", "q5_1",
    "q4_1",   "iq4_xs", "iq4_nl", "mxfp4",  "q3_k_m", "q3_k_l", "q3_k_s", "q2_k", "f16",  "bf16"};

constexpr std::string_view kSnapshotPrefix = "models--";

// The part number at the end of a stem, 0 if none. `stem` is cut.
std::int64_t split_part(std::string& stem) {
  auto split = split_stem(stem);
  if (!split) return 0;
  stem = std::move(split->prefix);
  return split->number;
}

// "models--org--name" -> "org/name".
std::string snapshot_model(std::string_view folder) {
  std::string out(folder.substr(kSnapshotPrefix.size()));
  if (const auto at = out.find("--"); at != std::string::npos) out.replace(at, 2, "/");
  return out;
}

// Of several GGUF files of a model with one quantisation, the first is called after that, the others after their names.
// Of other weights in one model's folders, the first are meant.
void tell_apart(std::vector<FoundFile>& found) {
  std::size_t first = 0;  // of the model's files
  for (std::size_t i = 1; i < found.size(); ++i) {
    auto& file = found[i];
    if (found[first].model != file.model) first = i;
    const auto same = [&](const FoundFile& other) { return base::equals_ignore_case(other.tag, file.tag); };
    if (format_of(file.path) == kGguf && std::ranges::any_of(std::span(found).subspan(first, i - first), same))
      file.tag = tag_by_name(file.path);
  }
}

class Scanner {
 public:
  Scanner(FolderCache& folders, std::string_view only) : folders_(folders), only_(only) {}
  std::vector<FoundFile> found;

  void files_of(const std::string& folder, const std::string& model) {
    const auto list = folders_.list(folder);
    add_files(folder, *list, model);
  }

  void root(const std::string& folder) {
    const auto list = folders_.list(folder);  // kept: the cache may let go of it meanwhile
    if (only_.empty()) look_ahead(folder, *list);
    for (std::size_t i = 0; i < list->names.size(); ++i) {
      const auto& name = list->names[i];
      if (!may_be_wanted(name.text)) continue;
      const bool may_be_file =
          base::ends_with_ignore_case(name.text, kWeights) && base::starts_with_ignore_case(name.text, only_);
      const bool may_be_org = only_.empty() || base::starts_with_ignore_case(only_, name.text + "/");
      const bool is_hub = name.text.starts_with(kSnapshotPrefix);
      if (!may_be_file && !may_be_org && !is_hub && !wanted(name.text)) continue;
      if (!is_folder(folder, name)) {
        add_file(folder, name, "");
      } else if (is_hub) {
        repository(folder, name.text);
      } else {
        const std::string path = folder + "/" + name.text;
        in_root(path, i < ahead_.size() && ahead_[i] ? *ahead_[i] : *folders_.list(path), name.text, may_be_org);
      }
    }
  }

  void hub(const std::string& folder) {
    const auto list = folders_.list(folder);
    for (const auto& name : list->names) {
      if (name.text.starts_with(kSnapshotPrefix) && is_folder(folder, name)) repository(folder, name.text);
    }
  }

 private:
  static constexpr std::string_view kWeights = ".gguf";

  // A quick no for most names in the root.
  [[nodiscard]] bool may_be_wanted(std::string_view name) const {
    return only_.empty() || base::equals_ignore_case(name.substr(0, 1), only_.substr(0, 1)) ||
           name.starts_with(kSnapshotPrefix);
  }
  [[nodiscard]] bool wanted(std::string_view model) const {
    return only_.empty() || base::equals_ignore_case(model, only_);
  }

  static bool leads_to(const std::string& folder, const FolderList::Name& name, FileStamp::Kind kind) {
    if (name.kind == FolderList::Kind::kFile) return kind == FileStamp::Kind::kFile;
    if (name.kind == FolderList::Kind::kFolder) return kind == FileStamp::Kind::kFolder;
    const auto stamp = stamp_of(folder + "/" + name.text);
    return stamp && stamp->kind == kind;
  }
  static bool is_folder(const std::string& folder, const FolderList::Name& name) {
    return leads_to(folder, name, FileStamp::Kind::kFolder);
  }

  void each_folder(const std::string& folder, const std::function<void(const FolderList::Name&)>& visit) {
    const auto list = folders_.list(folder);
    for (const auto& name : list->names) {
      if (is_folder(folder, name)) visit(name);
    }
  }

  // Its files, and those of folders in it: repositories with a folder per quantisation.
  void files_and_parts(const std::string& folder, const std::string& model) {
    files_of(folder, model);
    each_folder(folder, [&](const FolderList::Name& part) { files_of(folder + "/" + part.text, model); });
  }

  // Folders are read one after the other below; this does the waiting for the disk side by side.
  void look_ahead(const std::string& folder, const FolderList& list) {
    ahead_.resize(list.names.size());
    side_by_side(list.names.size(), [&](std::size_t i) {
      if (is_folder(folder, list.names[i])) ahead_[i] = folders_.list(folder + "/" + list.names[i].text);
    });
  }

  // A folder in the root: the files of a model, folders of an organisation's models, or both.
  void in_root(const std::string& folder, const FolderList& list, const std::string& name, bool may_be_org) {
    if (wanted(name)) add_files(folder, list, name);
    for (const auto& inner : list.names) {
      const std::string model = may_be_org && inner.kind != FolderList::Kind::kFile ? name + "/" + inner.text : "";
      if (!model.empty() && wanted(model) && is_folder(folder, inner))
        files_and_parts(folder + "/" + inner.text, model);
    }
  }

  void repository(const std::string& root, const std::string& name) {
    const std::string model = snapshot_model(name);
    if (!wanted(model)) return;
    const std::string folder = root + "/" + name;
    const std::string snapshots = folder + "/snapshots";
    constexpr base::Bytes kRevisionMax{1024};
    const auto main = base::read_file(folder + "/refs/main", kRevisionMax);
    const std::string_view revision = main ? base::trim(*main) : std::string_view();
    std::multimap<std::int64_t, std::string, std::greater<>> order;
    each_folder(snapshots, [&](const FolderList::Name& snapshot) {
      const auto stamp = stamp_of(snapshots + "/" + snapshot.text);
      const bool is_main = snapshot.text == revision;
      order.emplace(is_main ? std::numeric_limits<std::int64_t>::max() : stamp ? stamp->modified : 0, snapshot.text);
    });
    Scanner each(folders_, {});
    std::set<std::string> tags;
    for (const auto& [time, snapshot] : order) {
      each.files_and_parts(snapshots + "/" + snapshot, model);
      tell_apart(each.found);
      for (auto& file : std::exchange(each.found, {})) {
        if (tags.insert(file.tag).second) found.push_back(std::move(file));
      }
    }
  }

  void add_files(const std::string& folder, const FolderList& list, const std::string& model) {
    const auto before = found.size();
    for (const auto& name : list.names) add_file(folder, name, model);
    if (found.size() > before || model.empty()) return;
    if (auto other = other_weights(folder, list)) {
      other->model = model;
      found.push_back(*std::move(other));
    }
  }

  // Weights that are not GGUF: the names that their makers give them first, then by the alphabet.
  static std::optional<FoundFile> other_weights(const std::string& folder, const FolderList& list) {
    const auto has = [&](std::string_view name) {
      return std::ranges::binary_search(list.names, name, {}, [](const auto& n) -> std::string_view { return n.text; });
    };
    const auto make = [&](std::string_view name) {
      return FoundFile{.model = {}, .tag = "latest", .path = folder + "/" + std::string(name)};
    };
    for (const auto* usual : {"openvino_model", "openvino_language_model", "openvino_encoder_model"}) {
      if (has(std::string(usual) + ".xml") && has(std::string(usual) + ".bin"))
        return make(std::string(usual) + ".xml");
    }
    std::optional<FoundFile> tensors;
    for (const auto& name : list.names) {
      const std::string_view text = name.text;
      if (text.ends_with(".xml") && has(std::string(text.substr(0, text.size() - 4)) + ".bin")) return make(text);
      std::string stem = text.ends_with(".safetensors") ? std::string(text.substr(0, text.size() - 12)) : std::string();
      if (stem.empty() || stem.starts_with("adapter_") || split_part(stem) > 1) continue;
      if (!tensors || stem == "model") tensors = make(text);
    }
    return tensors;
  }

  void add_file(const std::string& folder, const FolderList::Name& name, const std::string& model) {
    if (!base::ends_with_ignore_case(name.text, kWeights)) return;
    if (!leads_to(folder, name, FileStamp::Kind::kFile)) return check_link(folder + "/" + name.text);
    std::string stem = name.text.substr(0, name.text.size() - kWeights.size());
    if (is_projector(stem)) return;
    if (split_part(stem) > 1) return;
    std::string path = folder + "/" + name.text;
    // "name@tag.gguf" in the folder "name": a tag that is no quantisation.
    const std::string own = model.substr(model.rfind('/') + 1);
    if (!model.empty() && stem.size() > own.size() + 1 && stem.starts_with(own + "@")) {
      found.push_back({.model = model, .tag = stem.substr(own.size() + 1), .path = std::move(path)});
      return;
    }
    std::string rest;
    const std::string quantization = quantization_in(stem, &rest);
    if (model.empty() && !wanted(rest)) return;
    found.push_back({.model = model.empty() ? rest : model,
                     .tag = quantization.empty() ? "latest" : quantization,
                     .path = std::move(path)});
  }

  void check_link(const std::string& path) const {
    if (!stamp_of(path)) folders_.trouble(path, "it is a link to a file that is gone, or that may not be read");
  }

  FolderCache& folders_;
  std::string_view only_;
  std::vector<std::shared_ptr<const FolderList>> ahead_;  // of the root's folders, by place
};

}  // namespace

std::string_view format_of(std::string_view weights) {
  if (weights.ends_with(".xml")) return kOpenvino;
  return weights.ends_with(".safetensors") ? kSafetensors : kGguf;
}

bool is_quantization(std::string_view tag) {
  static constexpr std::array<std::string_view, 7> kWhole{"f16", "bf16", "f32", "fp16", "mxfp4", "nvfp4", "tq1_0"};
  static constexpr std::array<std::string_view, 12> kTails{"0",    "1",  "k",   "k_s", "k_m", "k_l",
                                                           "k_xl", "xs", "xxs", "s",   "m",   "nl"};
  constexpr std::size_t kLengthMax = 16;
  constexpr std::string_view kFirst = "bfimnqtuBFIMNQTU";
  if (tag.size() > kLengthMax || tag.size() < 3 || !kFirst.contains(tag.front())) return false;
  const std::string lower = base::to_lower(tag);
  std::string_view text = lower;
  if (text.starts_with("ud-")) text.remove_prefix(3);
  if (std::ranges::find(kWhole, text) != kWhole.end() || text == "tq2_0") return true;
  if (text.starts_with('i')) text.remove_prefix(1);
  return text.size() > 3 && text[0] == 'q' && text[1] >= '1' && text[1] <= '8' && text[2] == '_' &&
         std::ranges::find(kTails, text.substr(3)) != kTails.end();
}

bool is_projector(std::string_view file) {
  return base::starts_with_ignore_case(file.substr(file.rfind('/') + 1), "mmproj");
}

bool goes_with(std::string_view projector, std::string_view weights) {
  const auto name = projector.substr(projector.rfind('/') + 1);
  return !name.contains('@') || name == fmt::format("mmproj-{}", weights.substr(weights.rfind('/') + 1));
}

std::string quantization_in(std::string_view file_stem, std::string* stem) {
  const std::string_view separators = "-._";
  for (auto at = file_stem.find_first_of(separators, 1); at != std::string_view::npos;
       at = file_stem.find_first_of(separators, at + 1)) {
    const auto tag = file_stem.substr(at + 1);
    if (!is_quantization(tag)) continue;
    if (stem != nullptr) *stem = file_stem.substr(0, at);
    return base::to_lower(tag);
  }
  if (stem != nullptr) *stem = file_stem;
  return {};
}

std::string tag_by_name(const fs::path& file) {
  std::string stem = file.stem().string();
  (void)split_part(stem);
  return base::to_lower(stem);
}

int preference_of(std::string_view tag) {
  const auto it = std::ranges::find(kPreferred, tag);
  return static_cast<int>(it - kPreferred.begin());
}

std::vector<FoundFile> scan_folder(const fs::path& folder, FolderCache& folders) {
  Scanner scanner(folders, {});
  scanner.files_of(folder.string(), folder.filename().string());
  return std::move(scanner.found);
}

std::vector<FoundFile> scan_models(const fs::path& root, FolderCache& folders, std::string_view only) {
  Scanner scanner(folders, only);
  scanner.root(root.string());
  tell_apart(scanner.found);
  return std::move(scanner.found);
}

std::vector<FoundFile> scan_models(const fs::path& root) {
  FolderCache folders;
  return scan_models(root, folders);
}

std::vector<FoundFile> scan_hub(const fs::path& root, FolderCache& folders, std::string_view only) {
  Scanner scanner(folders, only);
  scanner.hub(root.string());
  return std::move(scanner.found);
}

}  // namespace hearth::store
