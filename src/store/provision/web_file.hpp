#pragma once

#include <utility>

#include "store/fetch/net.hpp"
#include "store/provision/source.hpp"

namespace hearth::store::provision {

// One file at a http or https address: its last path segment is its name, and without a quantisation at its end the
// model's. Size and ETag are what the server says of it; no digest is published.
class WebFile final : public Source {
 public:
  explicit WebFile(fetch::Net net) : net_(std::move(net)) {}
  [[nodiscard]] Result<Publication> look_up(const Reference& reference, std::stop_token stop) const override;
  // The same without asking anybody: neither size nor ETag.
  [[nodiscard]] static Result<Publication> describe(const Reference& reference);

 private:
  fetch::Net net_;
};

}  // namespace hearth::store::provision
