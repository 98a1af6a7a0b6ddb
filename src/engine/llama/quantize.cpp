#include "engine/llama/quantize.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <fmt/format.h>
#include <llama.h>
#include <string_view>
#include <utility>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "engine/llama/llama_log.hpp"

namespace hearth::engine::llama {
namespace {

constexpr std::array<std::pair<std::string_view, llama_ftype>, 18> kTypes{{
    {"F16", LLAMA_FTYPE_MOSTLY_F16},
    {"BF16", LLAMA_FTYPE_MOSTLY_BF16},
    {"Q8_0", LLAMA_FTYPE_MOSTLY_Q8_0},
    {"Q6_K", LLAMA_FTYPE_MOSTLY_Q6_K},
    {"Q5_K_M", LLAMA_FTYPE_MOSTLY_Q5_K_M},
    {"Q5_K_S", LLAMA_FTYPE_MOSTLY_Q5_K_S},
    {"Q5_1", LLAMA_FTYPE_MOSTLY_Q5_1},
    {"Q5_0", LLAMA_FTYPE_MOSTLY_Q5_0},
    {"Q4_K_M", LLAMA_FTYPE_MOSTLY_Q4_K_M},
    {"Q4_K_S", LLAMA_FTYPE_MOSTLY_Q4_K_S},
    {"Q4_1", LLAMA_FTYPE_MOSTLY_Q4_1},
    {"Q4_0", LLAMA_FTYPE_MOSTLY_Q4_0},
    {"IQ4_NL", LLAMA_FTYPE_MOSTLY_IQ4_NL},
    {"IQ4_XS", LLAMA_FTYPE_MOSTLY_IQ4_XS},
    {"Q3_K_L", LLAMA_FTYPE_MOSTLY_Q3_K_L},
    {"Q3_K_M", LLAMA_FTYPE_MOSTLY_Q3_K_M},
    {"Q3_K_S", LLAMA_FTYPE_MOSTLY_Q3_K_S},
    {"Q2_K", LLAMA_FTYPE_MOSTLY_Q2_K},
}};
// Rows that are in memory at once; llama.cpp's own default is 8 GiB.
constexpr std::size_t kBufferMax = 256ULL << 20;

}  // namespace

Result<void> quantize(const QuantizeOptions& options, base::Log& log) {
  const auto* const type = std::ranges::find_if(
      kTypes, [&](const auto& entry) { return base::equals_ignore_case(entry.first, options.type); });
  if (type == kTypes.end())
    return fail(ErrorCode::kInvalidRequest, fmt::format("weights cannot be made '{}'", options.type), "quantize");
  const LogRoute route(log);
  const LoadCapture capture;
  auto parameters = llama_model_quantize_default_params();
  parameters.nthread = options.threads;
  parameters.ftype = type->second;
  parameters.allow_requantize = options.from_quantized;
  parameters.max_buf_size = kBufferMax;
  if (llama_model_quantize(options.from.c_str(), options.to.c_str(), &parameters) == 0)
    return base::sync_file(options.to);
  return fail(ErrorCode::kBackendError, fmt::format("{} cannot be made {}: {}", options.from.string(), type->first,
                                                    capture.reason("llama.cpp does not say why")));
}

}  // namespace hearth::engine::llama
