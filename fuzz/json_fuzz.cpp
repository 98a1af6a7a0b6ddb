// JSON reader and the native dialect: any bytes give a value or an error, and what was read is written back the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dialect/native/native.hpp"
#include "json/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hearth;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto value = json::parse(text)) {
    if (!json::parse(json::to_text(*value))) std::abort();
  }
  if (const auto request = dialect::native::read_request(text)) {
    const auto again = dialect::native::read_request(dialect::native::write_request(*request));
    if (!again || !(*again == *request)) std::abort();
  }
  if (const auto event = dialect::native::read_event(text)) {
    if (!dialect::native::read_event(dialect::native::write_event(*event))) std::abort();
  }
  (void)dialect::native::read_error(text, "x");
  (void)dialect::native::read_capabilities(text);
  return 0;
}
