#pragma once

#include "config/settings.hpp"
#include "store/provision/provisioner.hpp"

namespace hearth::sdk {

// What the settings and the hub client's own variables (HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, ...) say.
[[nodiscard]] store::provision::ProvisionerOptions provisioner_options(const config::Settings& settings,
                                                                       const store::Home& home);
// And of S3: the settings before Amazon's variables and profiles.
[[nodiscard]] store::provision::S3Options s3_options(const config::Settings& settings);
[[nodiscard]] store::provision::PullOptions pull_options(const config::Settings& settings);

}  // namespace hearth::sdk
