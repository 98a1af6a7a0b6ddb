#include "engine/core/sampling/penalties.hpp"

#include <algorithm>

#include "engine/core/sampling/softmax.hpp"

namespace hearth::engine::core {

Penalties::Penalties(const domain::Sampling& settings, std::int32_t vocab_size)
    : repeat_(static_cast<float>(settings.repeat_penalty)),
      frequency_(static_cast<float>(settings.frequency_penalty)),
      presence_(static_cast<float>(settings.presence_penalty)),
      forgets_(settings.repeat_last_n > 0),
      window_(std::max(settings.repeat_last_n, 0)),
      counts_(static_cast<std::size_t>(vocab_size)) {
  seen_.reserve(forgets_ ? std::min(counts_.size(), static_cast<std::size_t>(settings.repeat_last_n)) : counts_.size());
}

bool Penalties::wanted(const domain::Sampling& s) {
  return s.repeat_last_n != 0 && (s.repeat_penalty != 1.0 || s.presence_penalty != 0.0 || s.frequency_penalty != 0.0);
}

void Penalties::accept(domain::Token token) {
  const auto oldest = forgets_ ? window_.push(token) : std::nullopt;
  if (oldest && --counts_[static_cast<std::size_t>(*oldest)] == 0) {
    *std::ranges::find(seen_, *oldest) = seen_.back();
    seen_.pop_back();
  }
  if (counts_[static_cast<std::size_t>(token)]++ == 0) seen_.push_back(token);
}

void Penalties::apply(std::span<float> row) const {
  for (const domain::Token token : seen_) {
    float& logit = row[static_cast<std::size_t>(token)];
    logit = penalised(token, logit);
  }
}

void Penalties::apply(Candidates& candidates) const {
  candidates.adjust([this](domain::Token token, float logit) {
    return counts_[static_cast<std::size_t>(token)] > 0 ? penalised(token, logit) : logit;
  });
}

float Penalties::penalised(domain::Token token, float logit) const {
  if (logit == kImpossible) return logit;
  logit = logit > 0 ? logit / repeat_ : logit * repeat_;
  logit -= static_cast<float>(counts_[static_cast<std::size_t>(token)]) * frequency_ + presence_;
  make_finite({&logit, 1});
  return logit;
}

}  // namespace hearth::engine::core
