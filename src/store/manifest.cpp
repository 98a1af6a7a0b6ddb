#include "store/manifest.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "domain/json/settings_json.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"
#include "store/scan.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

const Manifest::File* Manifest::find(std::string_view name) const {
  const auto it = std::ranges::find(files, name, &File::name);
  return it == files.end() ? nullptr : &*it;
}

bool Manifest::has_weights() const {
  return std::ranges::any_of(files, [](const File& file) {
    if (is_projector(file.name)) return false;
    return std::ranges::any_of(std::array{".gguf", ".safetensors", ".xml"},
                               [&](const char* e) { return base::ends_with_ignore_case(file.name, e); });
  });
}

void Manifest::put(File file) {
  const auto it = std::ranges::find(files, file.name, &File::name);
  if (it == files.end())
    files.push_back(std::move(file));
  else
    *it = std::move(file);
}

Result<Manifest> Manifest::parse(std::string_view text) {
  Manifest out;
  HEARTH_CHECK(json::read_object(text, [&](json::Object& in) {
    if (const auto version = in.require("version"); version && version->integer() != 1)
      version->fail("is a version that this hearth does not know");
    out.source = in.required_text("source");
    in.text("revision", out.revision);
    in.text("license", out.license);
    in.text("fetched_at", out.fetched_at);
    in.each("files", [&](const json::Item& item) {
      item.object([&](json::Object& f) {
        File file{.name = f.required_text("name"), .size = 0, .digest = {}, .revision = {}};
        if (const auto size = f.require("size")) file.size = static_cast<std::uint64_t>(size->integer(0));
        const std::string digest = f.required_text("digest");
        const auto parsed = fetch::parse_digest(digest);
        if (parsed)
          file.digest = *parsed;
        else
          f.fail("digest", "is no digest");
        f.text("revision", file.revision);
        file.asked = out.revision;
        f.text("asked", file.asked);
        f.text("etag", file.etag);
        f.boolean("broken", file.broken);
        f.object("settings", [&](json::Object& settings) { domain::read_settings(settings, file.settings); });
        if (const auto fine = check_file_name(file.name); !fine) f.fail("name", "is no plain file name");
        out.files.push_back(std::move(file));
      });
    });
  }));
  return out;
}

Result<std::optional<Manifest>> Manifest::load(const fs::path& folder) {
  const auto file = folder / kManifestName;
  std::error_code error;
  if (!fs::exists(file, error)) return std::nullopt;
  HEARTH_TRY(const std::string text, base::read_file(file));
  auto parsed = parse(text);
  if (!parsed) return fail(parsed.error().code, fmt::format("{}: {}", file.string(), parsed.error().message));
  return *std::move(parsed);
}

std::string Manifest::text() const {
  json::Writer w;
  w.begin_object().field("version", 1).field("source", source).field("revision", revision);
  if (!license.empty()) w.field("license", license);
  w.field("fetched_at", fetched_at).key("files").begin_array();
  for (const auto& file : files) {
    w.begin_object().field("name", file.name).field("size", file.size).field("digest", to_text(file.digest));
    w.field("revision", file.revision);
    if (file.asked != revision) w.field("asked", file.asked);
    if (!file.etag.empty()) w.field("etag", file.etag);
    if (file.broken) w.field("broken", true);
    if (!file.settings.empty()) w.key("settings").raw(domain::settings_json(file.settings));
    w.end_object();
  }
  w.end_array().end_object();
  return std::move(w).take() + "\n";
}

Result<void> Manifest::save(const fs::path& folder) const {
  return base::write_file_atomically(folder / kManifestName, text());
}

Result<void> check_file_name(std::string_view name) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kForbidden, fmt::format("a file named '{}' {}", base::one_line(name.substr(0, 100)), why));
  };
  constexpr std::size_t kNameMax = 1024;
  constexpr std::size_t kPartMax = 240;  // room for ".partial.json" in the 255 that file systems take
  if (name.size() > kNameMax) return refuse("is longer than file systems take");
  if (!base::is_valid_utf8(name)) return refuse("is not UTF-8");
  if (std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\'; }))
    return refuse("has characters that no file should have");
  for (const auto part : base::split(name, '/')) {
    if (part.empty() || part == "." || part == "..") return refuse("would leave its folder");
    if (part.size() > kPartMax) return refuse("has a part of more than 240 bytes, which leaves no room for '.partial'");
    if (part.starts_with('.')) return refuse("would be hidden");
    if (part == kManifestName || part.ends_with(".partial") || part.ends_with(".partial.json"))
      return refuse("would be taken for one of hearth's own");
  }
  return {};
}

}  // namespace hearth::store
