#include "store/provision/web_file.hpp"

#include <fmt/format.h>

#include "base/strings.hpp"
#include "store/fetch/url.hpp"
#include "store/scan.hpp"

namespace hearth::store::provision {

Result<Publication> WebFile::look_up(const Reference& reference, std::stop_token) const {
  const std::string& url = reference.name;
  HEARTH_TRY(const std::string path, fetch::path_of(url));
  const std::string name = path.substr(path.rfind('/') + 1);
  if (!base::ends_with_ignore_case(name, ".gguf"))
    return fail(ErrorCode::kInvalidRequest, fmt::format("{} is no address of a .gguf file", fetch::printable(url)),
                "model");
  std::string model;
  (void)quantization_in(name.substr(0, name.size() - 5), &model);
  return Publication{.source = fetch::printable(url),
                     .folder = model,
                     .revision = {},
                     .license = {},
                     .files = {{.name = name, .size = std::nullopt, .digest = {}, .url = url}},
                     .headers = {}};
}

}  // namespace hearth::store::provision
