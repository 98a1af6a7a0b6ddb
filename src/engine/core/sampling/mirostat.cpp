#include "engine/core/sampling/mirostat.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/core/sampling/softmax.hpp"

namespace hearth::engine::core {

Mirostat::Mirostat(const domain::Sampling& settings)
    : version_(settings.mirostat),
      tau_(settings.mirostat_tau),
      eta_(settings.mirostat_eta),
      mu_(2 * settings.mirostat_tau) {}

void Mirostat::select(std::span<const float> row, float scale, Candidates& out) const {
  constexpr std::size_t kEstimated = 100;
  if (version_ == 1) {
    out.take_top(row, kEstimated);
    const std::size_t count = count_of(out.items(), scale, row.size());
    if (count > out.items().size()) out.take_top(row, count);
    out.cut_top_k(count);
  } else if (const float most = max_of(row); most == kImpossible) {
    out.take_all(row);
  } else {
    const double least = std::log(sum_exp(row, most, scale)) - mu_ * std::numbers::ln2;
    out.take_from(row, most + static_cast<float>(least / static_cast<double>(scale)));
  }
  out.scale(scale);
}

// How many tokens keep the surprise, were the probabilities as Zipf's law has them with the exponent of the head.
std::size_t Mirostat::count_of(std::span<const Candidate> head, float scale, std::size_t vocab_size) const {
  double products = 0;
  double squares = 0;
  for (std::size_t i = 0; i + 1 < head.size() && head[i + 1].logit != kImpossible; ++i) {
    const double t = std::log(static_cast<double>(i + 2) / static_cast<double>(i + 1));
    products += t * static_cast<double>(head[i].logit - head[i + 1].logit) * static_cast<double>(scale);
    squares += t * t;
  }
  const double s = products / squares;
  const double epsilon = s - 1;
  const auto size = static_cast<double>(vocab_size);
  const double count = std::pow(epsilon * std::exp2(mu_) / (1 - std::pow(size, -epsilon)), 1 / s);
  return std::isnan(count) ? 1 : static_cast<std::size_t>(std::clamp(count, 1.0, size));
}

void Mirostat::observe(double p) {
  if (p > 0) mu_ -= eta_ * (-std::log2(p) - tau_);
}

}  // namespace hearth::engine::core
