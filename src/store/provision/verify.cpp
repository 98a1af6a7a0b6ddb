#include "store/provision/verify.hpp"

#include <algorithm>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <system_error>
#include <thread>
#include <unistd.h>

#include "base/files.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"
#include "store/fetch/hash_threads.hpp"
#include "store/file_lock.hpp"
#include "store/gguf.hpp"
#include "store/manifest.hpp"
#include "store/openvino_ir.hpp"
#include "store/safetensors.hpp"
#include "store/scan.hpp"

namespace hearth::store::provision {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds kReport{200};

// A model in OpenVINO's format is several graphs: the model, tokenizer, detokenizer.
std::vector<fs::path> graphs_beside(const fs::path& xml) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator it(xml.parent_path(), error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    if (it->path().extension() == ".xml" && fs::exists(weights_of_ir(it->path()), gone)) out.push_back(it->path());
  }
  if (std::ranges::find(out, xml) == out.end()) out.push_back(xml);
  std::ranges::sort(out);
  return out;
}

// One file to hash, whichever of the models have it.
struct Check {
  fs::path path;
  fetch::Digest expected;
  std::uint64_t size = 0;
  fs::path folder;                  // with the manifest that names it; empty: it is another program's
  std::string name;                 // there
  bool broken = false;              // by the manifest
  std::vector<std::size_t> models;  // indices
};

class Verifier {
 public:
  Verifier(const Library& library, const std::vector<LibraryEntry>& models, const VerifyOptions& options)
      : library_(library), models_(models), options_(options), hashes_(std::thread::hardware_concurrency(), {}) {}

  Result<std::vector<Verified>> run() {
    for (std::size_t i = 0; i < models_.size(); ++i) look_at(i);
    HEARTH_CHECK(hash_all());
    return std::move(out_);
  }

 private:
  void look_at(std::size_t index) {
    const auto& entry = models_[index];
    out_.push_back({.reference = entry.id(), .problems = {}, .digests_known = false});
    const auto weights = look_at_structure(index, entry);
    if (entry.is_foreign()) return look_at_blob(index, entry.path);
    const fs::path folder = folder_of_manifest(entry.path);
    if (folder.empty()) return;
    const auto manifest = Manifest::load(folder);
    if (!manifest) {
      const auto file = (folder / kManifestName).string();
      out_[index].problems.push_back({.file = file, .offset = {}, .what = manifest.error().message});
    } else if (*manifest) {
      look_at_files(index, folder, **manifest, weights);
    }
  }

  // Copies have the manifest of what they are copies of. Empty: nobody published these weights.
  [[nodiscard]] fs::path folder_of_manifest(const fs::path& weights) const {
    std::error_code error;
    const auto& root = library_.home().models;
    for (fs::path at = weights.parent_path(); at.string().starts_with(root.string() + "/"); at = at.parent_path()) {
      if (fs::exists(at / kManifestName, error)) return at;
    }
    return {};
  }

  // The files that hold the weights.
  std::vector<fs::path> look_at_structure(std::size_t index, const LibraryEntry& entry) {
    if (entry.format == "safetensors") {
      broken(index, entry.path, check_safetensors(entry.path));
      return safetensors_parts(entry.path).value_or(std::vector{entry.path});
    }
    if (entry.format == "openvino") {
      for (const auto& graph : graphs_beside(entry.path)) broken(index, graph, read_openvino_ir(graph));
      return {entry.path, weights_of_ir(entry.path)};
    }
    if (broken(index, entry.path, check_structure(entry.path))) return {entry.path};
    const auto header = read_gguf(entry.path);
    return header ? gguf_parts(entry.path, *header).value_or(std::vector{entry.path}) : std::vector{entry.path};
  }

  template <class T>
  bool broken(std::size_t index, const fs::path& path, const Result<T>& checked) {
    if (checked) return false;
    const auto& error = checked.error();
    problem(index, error.context.empty() ? path : fs::path(error.context), error.offset, error.message);
    return true;
  }

  // Other programs call files after their SHA-256, and link to them.
  void look_at_blob(std::size_t index, const fs::path& path) {
    std::error_code error;
    const auto file = fs::canonical(path, error);
    if (error) return;
    constexpr std::string_view kPrefix = "sha256-";  // Ollama's
    const std::string name = file.filename().string();
    const auto digest =
        fetch::parse_digest("sha256:" + (name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name));
    const auto size = fs::file_size(file, error);
    if (!digest || error) return;
    out_[index].digests_known = true;
    add_check(index, file, {}, {.name = {}, .size = size, .digest = *digest, .revision = {}});
  }

  // The model's own weights, and what goes with all weights of the folder.
  void look_at_files(std::size_t index, const fs::path& folder, const Manifest& manifest,
                     const std::vector<fs::path>& weights) {
    for (const auto& file : manifest.files) {
      const auto path = folder / file.name;
      const bool is_gguf = path.extension() == ".gguf";
      const bool ours = is_projector(file.name) ? goes_with(file.name, weights.front().string())
                                                : std::ranges::find(weights, path) != weights.end();
      if (is_gguf && !ours) continue;
      out_[index].digests_known = true;
      std::error_code error;
      const auto size = fs::file_size(path, error);
      if (error)
        problem(index, path, std::nullopt, "is missing");
      else if (size != file.size)
        problem(index, path, std::min(size, file.size), fmt::format("has {} bytes instead of {}", size, file.size));
      else
        add_check(index, path, folder, file);
    }
  }

  void problem(std::size_t index, const fs::path& path, std::optional<std::uint64_t> offset, std::string what) {
    out_[index].problems.push_back({.file = path.string(), .offset = offset, .what = std::move(what)});
  }

  void add_check(std::size_t index, const fs::path& path, const fs::path& folder, const Manifest::File& file) {
    auto& check = checks_[path];
    if (check.models.empty()) total_ += file.size;
    check = {.path = path,
             .expected = file.digest,
             .size = file.size,
             .folder = folder,
             .name = file.name,
             .broken = file.broken,
             .models = std::move(check.models)};
    check.models.push_back(index);
  }

  // A window of files at a time: each has a descriptor open.
  Result<void> hash_all() {
    constexpr std::size_t kWindow = 64;
    auto next = checks_.begin();
    while (next != checks_.end() || !running_.empty()) {
      for (; next != checks_.end() && running_.size() < kWindow; ++next) begin(next->second);
      if (running_.empty()) continue;
      hashes_.wait_for_any(kReport);
      if (options_.stop.stop_requested()) return stopped();
      collect();
      report();
    }
    return {};
  }

  struct Running {
    fetch::HashThreads::JobId job;
    int fd;
    const Check* check;
  };

  void begin(const Check& check) {
    const int fd = ::open(check.path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      for (const auto model : check.models) problem(model, check.path, std::nullopt, base::errno_text(errno));
      return;
    }
    const auto job = hashes_.add(fd, check.expected.kind, check.size, false);
    hashes_.advance(job, check.size);
    running_.push_back({.job = job, .fd = fd, .check = &check});
  }

  void collect() {
    std::erase_if(running_, [&](const Running& r) {
      const auto digest = hashes_.take(r.job);
      if (!digest) return false;
      ::close(r.fd);
      done_ += r.check->size;
      if (*digest) remember(*r.check, **digest != r.check->expected);
      for (const auto model : r.check->models) {
        if (!*digest)
          problem(model, r.check->path, std::nullopt, digest->error().message);
        else if (**digest != r.check->expected)
          problem(model, r.check->path, std::nullopt,
                  fmt::format("its content has the digest {} and not {}: fetch it again", to_text(**digest),
                              to_text(r.check->expected)));
      }
      return true;
    });
  }

  // What the manifest calls broken is fetched by the next pull. Whoever writes the model just now knows better.
  void remember(const Check& check, bool broken) const {
    if (check.folder.empty() || check.broken == broken) return;
    const auto lock =
        FileLock::try_take(library_.home().model_lock(fs::relative(check.folder, library_.home().models).string()));
    if (!lock) return;
    auto manifest = Manifest::load(check.folder);
    if (!manifest || !*manifest) return;
    for (auto& file : (*manifest)->files) {
      if (file.name == check.name && file.digest == check.expected) file.broken = broken;
    }
    (void)(*manifest)->save(check.folder);  // without it the file is checked and fetched all the same
  }

  Result<void> stopped() {
    for (const auto& r : running_) {
      hashes_.drop(r.job);
      ::close(r.fd);
    }
    return fail(ErrorCode::kCancelled, "stopped");
  }

  void report() const {
    if (!options_.on_progress) return;
    std::uint64_t done = done_;
    for (const auto& r : running_) done += hashes_.hashed(r.job);
    options_.on_progress(done, total_);
  }

  const Library& library_;
  const std::vector<LibraryEntry>& models_;
  const VerifyOptions& options_;
  std::vector<Verified> out_;
  std::map<fs::path, Check> checks_;
  std::vector<Running> running_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
  fetch::HashThreads hashes_;
};

}  // namespace

Result<std::vector<Verified>> verify(const Library& library, const std::vector<LibraryEntry>& models,
                                     const VerifyOptions& options) {
  return Verifier(library, models, options).run();
}

std::string to_json(const std::vector<Verified>& verified) {
  json::Writer w;
  w.begin_array();
  for (const auto& v : verified) {
    w.begin_object().field("reference", v.reference).field("ok", v.ok()).field("digests_known", v.digests_known);
    w.key("problems").begin_array();
    for (const auto& p : v.problems) {
      w.begin_object().field("file", p.file);
      if (p.offset) w.field("offset", *p.offset);
      w.field("what", p.what).end_object();
    }
    w.end_array().end_object();
  }
  w.end_array();
  return std::move(w).take();
}

Result<std::vector<Verified>> verified_from_json(std::string_view text) {
  HEARTH_TRY(const auto value, json::parse(text));
  std::vector<Verified> out;
  json::Report report;
  json::Item(value, "", report).each([&](const json::Item& item) {
    Verified verified;
    item.object([&](json::Object& in) {
      verified.reference = in.required_text("reference");
      if (const auto known = in.get("digests_known")) verified.digests_known = known->boolean();
      in.each("problems", [&](const json::Item& each) {
        each.object([&](json::Object& p) {
          Problem problem{.file = p.required_text("file"), .offset = {}, .what = p.required_text("what")};
          if (const auto at = p.get("offset")) problem.offset = static_cast<std::uint64_t>(at->integer(0));
          verified.problems.push_back(std::move(problem));
        });
      });
    });
    out.push_back(std::move(verified));
  });
  if (report.error) return std::unexpected(*std::move(report.error));
  return out;
}

}  // namespace hearth::store::provision
