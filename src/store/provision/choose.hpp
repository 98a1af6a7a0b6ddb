#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "store/provision/source.hpp"

namespace hearth::store::provision {

struct ChooseOptions {
  std::string selector;  // a quantisation or a file; empty = chosen
  std::string pattern;   // of file names, {quant} standing for the quantisation; empty = any
  // Best first; what is not listed comes after, in the order of size. Empty = kDefaultPreference.
  std::vector<std::string> preference;
  base::Bytes memory_budget;  // for weights, KV cache and buffers; 0 = no limit
  // What a model of these weights takes to run with the default context; nullptr = weights and an eighth.
  std::function<base::Bytes(const std::vector<PublishedFile>&)> memory_needed;
  std::size_t files_max = 256;
  base::Bytes size_max{1ULL << 40};
};

// Quality first: the best that fits is wanted.
inline constexpr std::string_view kDefaultPreference =
    "Q8_0 Q6_K Q5_K_M Q5_K_S Q4_K_M Q4_K_S IQ4_NL IQ4_XS Q4_1 Q4_0 MXFP4 Q3_K_L Q3_K_M Q3_K_S IQ3_M IQ3_XS Q2_K IQ2_M";

// Whether a selector means one of several: clients of Ollama's write `latest` where they mean no tag.
[[nodiscard]] bool selects(std::string_view selector);

// What a model needs of what is published, and no more: one quantisation of GGUF (all parts), an OpenVINO IR with its
// tokenizer, or safetensors with theirs; never pickles, other frameworks' weights, or pictures. kModelNotFound: nothing
// usable, or not what the selector names (what there is is listed); kInsufficientMemory: nothing fits, with the
// numbers; kPayloadTooLarge: over the limits.
[[nodiscard]] Result<Choice> choose(const Publication& published, const ChooseOptions& options);

}  // namespace hearth::store::provision
