#include "domain/samplers.hpp"

#include <algorithm>
#include <utility>

#include "base/strings.hpp"

namespace hearth::domain {
namespace {

constexpr std::size_t kDefaultCount = 9;
// Further names in use; the last two are those of the parameter.
constexpr std::array<std::pair<std::string_view, SamplerStage>, 5> kOtherNames{{
    {"nucleus", SamplerStage::kTopP},
    {"temp", SamplerStage::kTemperature},
    {"typ", SamplerStage::kTypicalP},
    {"typical_p", SamplerStage::kTypicalP},
    {"typical", SamplerStage::kTypicalP},
}};

bool is_name(std::string_view known, std::string_view text) {
  if (known == text) return true;
  std::string joined(known);
  std::erase(joined, '_');
  return joined == text;
}

}  // namespace

SamplerChain default_samplers() {
  SamplerChain out;
  for (std::size_t i = 0; i < kDefaultCount; ++i) out.push_back(kSamplerNames[i].stage);
  return out;
}

std::string_view name_of(SamplerStage stage) {
  return std::ranges::find(kSamplerNames, stage, &SamplerName::stage)->name;
}

std::optional<SamplerStage> sampler_from_name(std::string_view name) {
  std::string text = base::to_lower(name);
  std::ranges::replace(text, '-', '_');
  for (const auto& known : kSamplerNames) {
    if (is_name(known.name, text)) return known.stage;
  }
  for (const auto& [known, stage] : kOtherNames) {
    if (is_name(known, text)) return stage;
  }
  return std::nullopt;
}

std::optional<SamplerStage> sampler_from_letter(char letter) {
  const auto* found = std::ranges::find(kSamplerNames, letter, &SamplerName::letter);
  return found == kSamplerNames.end() ? std::nullopt : std::optional(found->stage);
}

std::string known_samplers() {
  std::string out;
  for (const auto& known : kSamplerNames) {
    if (!out.empty()) out += ", ";
    out += known.name;
  }
  return out;
}

}  // namespace hearth::domain
