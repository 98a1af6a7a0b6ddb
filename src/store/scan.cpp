#include "store/scan.hpp"

#include <algorithm>
#include <array>
#include <regex>
#include <system_error>

#include "base/strings.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

namespace {

// Best quality that is still fast first, then upwards, then the small ones.
constexpr std::array<std::string_view, 20> kPreferred{
    "latest", "q4_k_m", "q5_k_m", "q4_k_s", "q5_k_s", "q4_0",   "q6_k",   "q8_0", "q5_0", "q5_1",
    "q4_1",   "iq4_xs", "iq4_nl", "mxfp4",  "q3_k_m", "q3_k_l", "q3_k_s", "q2_k", "f16",  "bf16"};

// "-00002-of-00003" at the end of a stem: its part number, 0 if none. `stem` is cut.
int split_part(std::string& stem) {
  static const std::regex pattern(R"(^(.*)-(\d{5})-of-\d{5}$)", std::regex::optimize);
  std::smatch match;
  if (!std::regex_match(stem, match, pattern)) return 0;
  const int part = static_cast<int>(base::parse_int(match[2].str()).value_or(0));
  stem = match[1].str();
  return part;
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

// "models--org--name" -> "org/name".
std::string snapshot_model(std::string_view folder) {
  std::string out(folder.substr(8));
  if (const auto at = out.find("--"); at != std::string::npos) out.replace(at, 2, "/");
  return out;
}

class Scanner {
 public:
  std::vector<FoundFile> found;

  void files_of(const fs::path& folder, const std::string& model) {
    for_each(folder, [&](const fs::directory_entry& entry) { add_file(entry, model); });
  }

  void root(const fs::path& folder) {
    for_each(folder, [&](const fs::directory_entry& entry) {
      const std::string name = entry.path().filename().string();
      if (!is_folder(entry)) return add_file(entry, "");
      if (name.starts_with("models--")) return snapshots(entry.path(), snapshot_model(name));
      files_of(entry.path(), name);
      for_each(entry.path(), [&](const fs::directory_entry& inner) {
        if (!is_folder(inner)) return;
        const std::string model = name + "/" + inner.path().filename().string();
        files_of(inner.path(), model);
        for_each(inner.path(), [&](const fs::directory_entry& part) {  // repositories with a folder per quantisation
          if (is_folder(part)) files_of(part.path(), model);
        });
      });
    });
  }

 private:
  static bool is_folder(const fs::directory_entry& entry) {
    std::error_code error;
    return entry.is_directory(error);
  }

  template <class F>
  static void for_each(const fs::path& folder, F&& visit) {
    std::error_code error;
    for (fs::directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end;
         !error && it != end; it.increment(error)) {
      if (!is_hidden(it->path())) visit(*it);
    }
  }

  void snapshots(const fs::path& folder, const std::string& model) {
    // The newest snapshot that has a weight file counts; a snapshot's files are links into ../blobs.
    fs::path newest;
    fs::file_time_type newest_time;
    for_each(folder / "snapshots", [&](const fs::directory_entry& entry) {
      std::error_code error;
      const auto time = entry.last_write_time(error);
      if (error || !is_folder(entry)) return;
      if (newest.empty() || time > newest_time) {
        newest = entry.path();
        newest_time = time;
      }
    });
    if (!newest.empty()) files_of(newest, model);
  }

  void add_file(const fs::directory_entry& entry, const std::string& model) {
    const fs::path& path = entry.path();
    std::error_code error;
    if (!base::equals_ignore_case(path.extension().string(), ".gguf") || !entry.is_regular_file(error) || error) return;
    std::string stem = path.stem().string();
    if (base::starts_with_ignore_case(stem, "mmproj")) return;
    if (split_part(stem) > 1) return;
    // "name@tag.gguf" in the folder "name": a tag that is no quantisation.
    const std::string folder = model.substr(model.rfind('/') + 1);
    if (!model.empty() && stem.size() > folder.size() + 1 && stem.starts_with(folder + "@")) {
      found.push_back({.model = model, .tag = stem.substr(folder.size() + 1), .path = path});
      return;
    }
    std::string rest;
    const std::string quantization = quantization_in(stem, &rest);
    found.push_back(
        {.model = model.empty() ? rest : model, .tag = quantization.empty() ? "latest" : quantization, .path = path});
  }
};

}  // namespace

bool is_quantization(std::string_view tag) {
  static constexpr std::array<std::string_view, 7> kWhole{"f16", "bf16", "f32", "fp16", "mxfp4", "nvfp4", "tq1_0"};
  static constexpr std::array<std::string_view, 12> kTails{"0",    "1",  "k",   "k_s", "k_m", "k_l",
                                                           "k_xl", "xs", "xxs", "s",   "m",   "nl"};
  constexpr std::size_t kLengthMax = 16;
  if (tag.size() > kLengthMax) return false;
  const std::string lower = base::to_lower(tag);
  std::string_view text = lower;
  if (text.starts_with("ud-")) text.remove_prefix(3);
  if (std::ranges::find(kWhole, text) != kWhole.end() || text == "tq2_0") return true;
  if (text.starts_with('i')) text.remove_prefix(1);
  return text.size() > 3 && text[0] == 'q' && text[1] >= '1' && text[1] <= '8' && text[2] == '_' &&
         std::ranges::find(kTails, text.substr(3)) != kTails.end();
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

int preference_of(std::string_view tag) {
  const auto it = std::ranges::find(kPreferred, tag);
  return static_cast<int>(it - kPreferred.begin());
}

std::vector<FoundFile> scan_folder(const fs::path& folder) {
  Scanner scanner;
  scanner.files_of(folder, folder.filename().string());
  return std::move(scanner.found);
}

std::vector<FoundFile> scan_models(const fs::path& root) {
  Scanner scanner;
  scanner.root(root);
  return std::move(scanner.found);
}

}  // namespace hearth::store
