#pragma once

#include <filesystem>

#include "base/result.hpp"
#include "domain/model_card.hpp"
#include "store/gguf.hpp"

namespace hearth::store {

// What a GGUF file tells about itself; of a split model all parts are counted. `name` is left empty: ids belong to the
// library. `digest` is a SHA-256 over the header, the file size and 4 KiB samples evenly spread over the tensor data,
// of every part: equal files have equal digests and different models different ones, without reading gigabytes. It is
// no proof against forgery. kIo, kModelLoadFailed as read_gguf.
[[nodiscard]] Result<domain::ModelCard> read_model_card(const std::filesystem::path& path);

// What such a model can be asked for, by its architecture, pooling and attention. Empty: nothing (projectors, adapters,
// and kinds that this version cannot serve).
[[nodiscard]] domain::TaskSet tasks_of(const GgufHeader& header);

// "Q4_K_M": of general.file_type, else of the type that most weights have.
[[nodiscard]] std::string quantization_of(const GgufHeader& header);

// A header value as JSON text. Arrays of more than `elements_max` elements are null.
[[nodiscard]] std::string to_json(const GgufValue& value, std::size_t elements_max = 5);

}  // namespace hearth::store
