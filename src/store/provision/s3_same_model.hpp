#pragma once

#include "base/result.hpp"
#include "store/manifest.hpp"
#include "store/provision/model_files.hpp"
#include "store/provision/s3_address.hpp"

namespace hearth::store::provision {

// Whether `model` may be pushed to where `there` is the hearth.json: it came from the same source, or some weights are
// the same. Where a source is not known (made here), or is the address of one file, quantisations of one model are told
// by their files' names. kConflict names what is there.
[[nodiscard]] Result<void> check_same_model(const ModelFiles& model, const Manifest& there, const S3Address& to);

}  // namespace hearth::store::provision
