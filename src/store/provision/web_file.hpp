#pragma once

#include <utility>

#include "store/fetch/net.hpp"
#include "store/provision/source.hpp"

namespace hearth::store::provision {

// One file at a http or https address: its last path segment is its name, and without a quantisation at its end the
// model's. Size and content are what the server says when it is fetched.
class WebFile final : public Source {
 public:
  [[nodiscard]] Result<Publication> look_up(const Reference& reference, std::stop_token stop) const override;
};

}  // namespace hearth::store::provision
