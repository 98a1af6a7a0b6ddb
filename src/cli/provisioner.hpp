#pragma once

#include "config/settings.hpp"
#include "store/provision/provisioner.hpp"

namespace hearth::cli {

// What the settings and the hub client's own variables (HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, ...) say.
[[nodiscard]] store::provision::ProvisionerOptions provisioner_options(const config::Settings& settings,
                                                                       const store::Home& home);
[[nodiscard]] store::provision::PullOptions pull_options(const config::Settings& settings);

}  // namespace hearth::cli
