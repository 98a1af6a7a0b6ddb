// Modelfiles, manifests of Ollama's registry, catalogues, settings, XML of S3 and profiles, listings of the hub and
// what is remembered of listings: any bytes give a value or
// an error; a Modelfile that was read is written back the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include "base/files.hpp"
#include "domain/json/settings_json.hpp"
#include "domain/model_name.hpp"
#include "store/catalog.hpp"
#include "store/listing_cache.hpp"
#include "store/modelfile.hpp"
#include "store/ollama_manifest.hpp"
#include "store/provision/hub.hpp"
#include "store/provision/ollama_registry.hpp"
#include "store/provision/s3_options.hpp"
#include "store/provision/s3_xml.hpp"

namespace {

// As cache/listing.tsv: folders, "cards", weight files.
void read_listing(std::string_view text) {
  using namespace hearth;
  static const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("hearth-listing-fuzz-" + std::to_string(::getpid()) + ".tsv");
  if (!base::write_file_atomically(file, fmt::format("hearth-listing 2 " HEARTH_VERSION "\n{}\nend\n", text)))
    std::abort();
  store::FolderCache folders;
  store::ListingCache listing(file);
  listing.load(folders);
  folders.for_each([](const std::string&, const store::FileStamp&, const store::FolderList& list) {
    if (!std::ranges::is_sorted(list.names, {}, &store::FolderList::Name::text)) std::abort();
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  domain::ModelSettings settings;
  switch (data[0] % 8) {
    case 0:
      if (const auto file = store::Modelfile::parse(text)) settings = file->settings;
      break;
    case 1: (void)store::OllamaManifest::parse(text); break;
    case 2:
      if (const auto catalog = store::Catalog::parse(text, "fuzz")) {
        for (const auto& model : catalog->models()) {
          if (!catalog->find(model.name) && !model.name.contains(':')) std::abort();
        }
      }
      break;
    case 3:
      for (const auto* kind : {"system", "params", "messages", "template", "license"})
        (void)store::add_layer(kind, std::string(text), settings);
      (void)store::provision::token_address(text);
      break;
    case 4:
      (void)store::provision::S3Listing::parse(text);
      (void)store::provision::S3Failure::parse(text);
      (void)store::provision::parse_upload_id(text);
      break;
    case 5: (void)store::provision::ini_section(text, "default"); break;
    case 6:
      if (const auto listing = store::provision::parse_hub_listing(text, "org/name")) {
        if (!domain::ModelName::parse(listing->folder)) std::abort();
      }
      break;
    default: read_listing(text); break;
  }
  // What was understood survives hearth.json.
  domain::ModelSettings back;
  const auto report =
      json::read_object(domain::settings_json(settings), [&](json::Object& in) { domain::read_settings(in, back); });
  if (!report || back.system != settings.system || back.messages != settings.messages) std::abort();
  return 0;
}
