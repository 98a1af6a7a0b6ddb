// registry.json, hearth.json, *.partial.json and references: any bytes give a value or an error; what was read is
// written back the same.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <unistd.h>

#include "base/files.hpp"
#include "store/fetch/partial_file.hpp"
#include "store/manifest.hpp"
#include "store/reference.hpp"
#include "store/registry.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  static const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("hearth-registry-fuzz-" + std::to_string(::getpid()) + ".partial.json");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!base::write_file_atomically(file, text)) std::abort();
  (void)store::Registry::load(file);
  if (const auto manifest = store::Manifest::parse(text)) {
    const auto again = store::Manifest::parse(manifest->text());
    if (!again || again->files != manifest->files) std::abort();
    for (const auto& f : manifest->files) {
      if (!store::check_file_name(f.name)) std::abort();
    }
  }
  if (const auto reference = store::parse_reference(text)) {
    if (store::parse_reference(to_text(*reference)) != *reference) std::abort();
  }
  (void)store::fetch::partial_bytes(file.parent_path() / file.stem());  // NAME.partial.json is this file
  return 0;
}
