#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

namespace hearth::domain {

// What a model may bring its own value of, and a request may set.
enum class Parameter : std::uint8_t {
  kTemperature,
  kTopK,
  kTopP,
  kMinP,
  kTypicalP,
  kRepeatPenalty,
  kRepeatLastN,
  kPresencePenalty,
  kFrequencyPenalty,
  kMirostat,
  kMirostatTau,
  kMirostatEta,
  kXtcProbability,
  kXtcThreshold,
  kSeed,
  kMaxTokens,
  kStop,
  kKeepTokens,
};

// By the names that Modelfiles use.
inline constexpr std::array<std::pair<std::string_view, Parameter>, 18> kParameterNames{{
    {"temperature", Parameter::kTemperature},
    {"top_k", Parameter::kTopK},
    {"top_p", Parameter::kTopP},
    {"min_p", Parameter::kMinP},
    {"typical_p", Parameter::kTypicalP},
    {"repeat_penalty", Parameter::kRepeatPenalty},
    {"repeat_last_n", Parameter::kRepeatLastN},
    {"presence_penalty", Parameter::kPresencePenalty},
    {"frequency_penalty", Parameter::kFrequencyPenalty},
    {"mirostat", Parameter::kMirostat},
    {"mirostat_tau", Parameter::kMirostatTau},
    {"mirostat_eta", Parameter::kMirostatEta},
    {"xtc_probability", Parameter::kXtcProbability},
    {"xtc_threshold", Parameter::kXtcThreshold},
    {"seed", Parameter::kSeed},
    {"num_predict", Parameter::kMaxTokens},
    {"stop", Parameter::kStop},
    {"num_keep", Parameter::kKeepTokens},
}};

class ParameterSet {
 public:
  constexpr ParameterSet() = default;
  constexpr ParameterSet(std::initializer_list<Parameter> members) {
    for (const auto p : members) add(p);
  }
  [[nodiscard]] static constexpr ParameterSet all() {
    ParameterSet out;
    for (const auto& [name, p] : kParameterNames) out.add(p);
    return out;
  }
  constexpr void add(Parameter p) { bits_ |= 1U << static_cast<unsigned>(p); }
  [[nodiscard]] constexpr bool has(Parameter p) const { return (bits_ >> static_cast<unsigned>(p) & 1U) != 0; }
  friend bool operator==(const ParameterSet&, const ParameterSet&) = default;

 private:
  std::uint32_t bits_ = 0;
};

}  // namespace hearth::domain
