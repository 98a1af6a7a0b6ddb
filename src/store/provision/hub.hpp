#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "store/fetch/net.hpp"
#include "store/provision/plan.hpp"

namespace hearth::store::provision {

struct HubOptions {
  std::string endpoint = "https://huggingface.co";  // HF_ENDPOINT
  std::string token;  // HF_TOKEN, HF_API_TOKEN or the hub client's saved one; may be empty
  fetch::Net net;
};

// The token that the hub's own client uses: HF_TOKEN, HF_API_TOKEN, HF_TOKEN_PATH, $HF_HOME/token; empty if none.
[[nodiscard]] std::string hub_token(const std::function<std::string(const char*)>& environment);

// Repositories of models on the Hugging Face hub, or a server that speaks its API (GET /api/models/R/revision/V,
// /R/resolve/V/FILE). Blocks. Thread-safe.
class Hub {
 public:
  explicit Hub(HubOptions options) : options_(std::move(options)) {}

  // What a repository has at a revision (empty: "main"), pinned to a commit. kModelNotFound; kUnauthorized and
  // kForbidden: private or gated, with the page to ask on; kUnavailable.
  [[nodiscard]] Result<Publication> look_up(const std::string& repository, const std::string& revision,
                                            std::stop_token stop) const;
  [[nodiscard]] std::string url(const Publication& published, const PublishedFile& file) const;
  // Header lines for requests to the endpoint.
  [[nodiscard]] std::vector<std::string> headers() const;
  // The first bytes of a file; fewer if it is shorter.
  [[nodiscard]] Result<std::string> head(const Publication& published, const PublishedFile& file, std::size_t bytes,
                                         std::stop_token stop) const;

 private:
  [[nodiscard]] Error refusal(const std::string& repository, const std::string& revision,
                              const fetch::Answer& answer) const;
  HubOptions options_;
};

}  // namespace hearth::store::provision
