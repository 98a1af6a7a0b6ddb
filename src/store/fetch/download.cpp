#include "store/fetch/download.hpp"

#include "store/fetch/curl_library.hpp"
#include "store/fetch/transfer.hpp"

namespace hearth::store::fetch {

Result<std::vector<Fetched>> download(std::span<const File> files, const DownloadOptions& options) {
  HEARTH_CHECK(load_curl());
  for (const auto& file : files) {
    if (file.urls.empty()) return fail(ErrorCode::kInvalidRequest, "a file to fetch has no URL");
  }
  Transfer transfer(files, options);
  return transfer.run();
}

}  // namespace hearth::store::fetch
