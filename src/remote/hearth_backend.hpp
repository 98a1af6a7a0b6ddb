#pragma once

#include <memory>
#include <string>

#include "backend/backend.hpp"
#include "http/client.hpp"

namespace hearth::remote {

// Another hearth, or a local runner, over the native dialect: POST /hearth/v1/run answered by NDJSON events.
// `on_cut` words the error of a stream that broke: for a runner it is kBackendCrashed, for a remote kStreamCut.
class HearthBackend final : public backend::Backend {
 public:
  struct Options {
    ErrorCode cut_code = ErrorCode::kStreamCut;
    std::string cut_message = "the connection to the remote hearth broke before the answer was complete";
    http::ClientOptions client;
  };
  HearthBackend(const rt::Executor& executor, http::Endpoint endpoint, Options options);

  [[nodiscard]] const domain::Capabilities& capabilities() const override { return capabilities_; }
  [[nodiscard]] rt::Task<Result<std::unique_ptr<backend::EventStream>>> run(const domain::Request& request,
                                                                            backend::Context context) override;

  // GET /hearth/v1/info: what is behind it. Waits while a runner loads. Fills capabilities().
  [[nodiscard]] rt::Task<Result<std::string>> fetch_info(base::Deadline deadline);
  void set_capabilities(domain::Capabilities capabilities) { capabilities_ = std::move(capabilities); }
  [[nodiscard]] http::Client& client() { return client_; }

 private:
  Options options_;
  http::Client client_;
  domain::Capabilities capabilities_;
};

}  // namespace hearth::remote
