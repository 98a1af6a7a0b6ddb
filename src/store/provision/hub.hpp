#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/fetch/net.hpp"
#include "store/provision/source.hpp"

namespace hearth::store::provision {

struct HubOptions {
  std::string endpoint = "https://huggingface.co";  // HF_ENDPOINT
  std::string token;  // HF_TOKEN, HF_API_TOKEN or the hub client's saved one; may be empty
  fetch::Net net;
};

// The token that the hub's own client uses: HF_TOKEN, HF_API_TOKEN, HF_TOKEN_PATH, $HF_HOME/token; empty if none.
[[nodiscard]] std::string hub_token(const std::function<std::string(const char*)>& environment);

// The name of the account that options.token belongs to. kUnauthorized: the hub does not know it; kUnavailable.
[[nodiscard]] Result<std::string> account_of(const HubOptions& options, std::stop_token stop);

// The answer of GET /api/models/R/revision/V?blobs=true, without addresses of files and page; `repository`: R.
[[nodiscard]] Result<Publication> parse_hub_listing(std::string_view text, const std::string& repository);

// Repositories of models on the Hugging Face hub, or a server that speaks its API (GET /api/models/R/revision/V,
// /R/resolve/V/FILE). Blocks. Thread-safe.
class Hub final : public Source {
 public:
  explicit Hub(HubOptions options) : options_(std::move(options)) {}

  // What a repository has at a revision (none: "main"), pinned to a commit. Private or gated: the error has the page to
  // ask on.
  [[nodiscard]] Result<Publication> look_up(const Reference& reference, std::stop_token stop) const override;

 private:
  [[nodiscard]] Error refusal(const std::string& repository, const std::string& revision,
                              const fetch::Answer& answer) const;
  HubOptions options_;
};

}  // namespace hearth::store::provision
