#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::domain {

// What a chain of samplers is made of. Names, letters and the default order are llama.cpp's (common/sampling.cpp).
enum class SamplerStage : std::uint8_t {
  kPenalties,
  kDry,
  kTopNSigma,
  kTopK,
  kTypicalP,
  kTopP,
  kMinP,
  kXtc,
  kTemperature,
  kInfill,
  kAdaptiveP,  // wherever it stands: it draws, in place of the plain draw
};
using SamplerChain = std::vector<SamplerStage>;

struct SamplerName {
  SamplerStage stage;
  std::string_view name;
  char letter;
};
// The first nine are the default order.
inline constexpr std::array<SamplerName, 11> kSamplerNames{{
    {SamplerStage::kPenalties, "penalties", 'e'},
    {SamplerStage::kDry, "dry", 'd'},
    {SamplerStage::kTopNSigma, "top_n_sigma", 's'},
    {SamplerStage::kTopK, "top_k", 'k'},
    {SamplerStage::kTypicalP, "typ_p", 'y'},
    {SamplerStage::kTopP, "top_p", 'p'},
    {SamplerStage::kMinP, "min_p", 'm'},
    {SamplerStage::kXtc, "xtc", 'x'},
    {SamplerStage::kTemperature, "temperature", 't'},
    {SamplerStage::kInfill, "infill", 'i'},
    {SamplerStage::kAdaptiveP, "adaptive_p", 'a'},
}};
inline constexpr std::size_t kSamplersMax = 32;  // of one chain

[[nodiscard]] SamplerChain default_samplers();
[[nodiscard]] std::string_view name_of(SamplerStage stage);
// Any case, '-' or nothing for '_', and the short names that llama.cpp knows; nothing for another word.
[[nodiscard]] std::optional<SamplerStage> sampler_from_name(std::string_view name);
[[nodiscard]] std::optional<SamplerStage> sampler_from_letter(char letter);
// All names, for messages: "penalties, dry, ...".
[[nodiscard]] std::string known_samplers();

// "Don't repeat yourself": a token that would go on with a repetition loses multiplier x base ^ (its length -
// allowed_length). Source: llama.cpp's, from text-generation-webui and KoboldCpp.
struct DrySettings {
  double multiplier = 0;  // 0 = off
  double base = 1.75;     // below 1 = off
  std::int32_t allowed_length = 2;
  std::int32_t penalty_last_n = 64;                                  // tokens looked back on; -1 = all, 0 = off
  std::vector<std::string> sequence_breakers{"\n", ":", "\"", "*"};  // no repetition goes over these
  friend bool operator==(const DrySettings&, const DrySettings&) = default;
};
inline constexpr std::size_t kDryBreakersMax = 64;

}  // namespace hearth::domain
