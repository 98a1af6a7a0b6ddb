// registry.json: any bytes give a registry or an error.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <unistd.h>

#include "base/files.hpp"
#include "store/registry.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  static const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("hearth-registry-fuzz-" + std::to_string(::getpid()) + ".json");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!base::write_file_atomically(file, text)) std::abort();
  (void)store::Registry::load(file);
  return 0;
}
