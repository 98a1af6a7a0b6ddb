#include "engine/core/sampling/dry.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/core/sampling/softmax.hpp"

namespace hearth::engine::core {
namespace {

// The largest exponent whose power of `base` is a float.
std::int32_t exponent_max(float base) {
  constexpr float kFloatMaxLog = 88.7228391F;
  return base > 1.000001F ? static_cast<std::int32_t>(kFloatMaxLog / std::log(base)) : 0;
}

}  // namespace

Dry::Dry(const domain::DrySettings& settings, std::int32_t vocab_size, std::shared_ptr<const DryBreakers> breakers)
    : settings_(settings),
      breakers_(std::move(breakers)),
      window_(settings.penalty_last_n),
      longest_(static_cast<std::size_t>(vocab_size), kNone) {}

bool Dry::wanted(const domain::Sampling& s) {
  return s.dry.multiplier != 0 && s.dry.base >= 1 && s.dry.penalty_last_n != 0 && s.mirostat == 0 &&
         std::ranges::find(s.samplers, domain::SamplerStage::kDry) != s.samplers.end();
}

void Dry::apply(std::span<float> row) {
  find_repetitions();
  for (const domain::Token token : next_) {
    float& logit = row[static_cast<std::size_t>(token)];
    logit = penalised(token, logit);
  }
  forget_repetitions();
}

void Dry::apply(Candidates& candidates) {
  find_repetitions();
  if (!next_.empty()) {
    candidates.adjust([this](domain::Token token, float logit) {
      return longest_[static_cast<std::size_t>(token)] == kNone ? logit : penalised(token, logit);
    });
  }
  forget_repetitions();
}

void Dry::find_repetitions() {
  const std::size_t count = window_.size();
  const auto allowed = static_cast<std::size_t>(std::max(settings_.allowed_length, 0));
  if (count <= allowed) return;
  newest_first_.resize(count);
  for (std::size_t i = 0; i < count; ++i) newest_first_[i] = window_.back(i);
  const std::size_t most = repetition_max();
  if (most < allowed) return;
  measure();
  for (std::size_t i = 1; i < count; ++i) {
    const std::size_t length = std::min(matches_[i], most);
    if (length < allowed) continue;
    const domain::Token next = newest_first_[i - 1];
    if (breakers_ && breakers_->is_whole(next)) continue;
    std::int32_t& longest = longest_[static_cast<std::size_t>(next)];
    if (longest == kNone) next_.push_back(next);
    longest = std::max(longest, static_cast<std::int32_t>(length));
  }
}

// No repetition goes back over a breaker.
std::size_t Dry::repetition_max() const {
  const std::size_t count = newest_first_.size();
  if (!breakers_) return count;
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<std::size_t> longest;
    for (const auto& breaker : breakers_->beginning_with(newest_first_[i])) {
      const std::size_t length = breaker.tail.size();
      if (length > i || (longest && length <= *longest)) continue;
      const auto after = std::span(newest_first_).subspan(i - length, length);
      if (std::equal(breaker.tail.begin(), breaker.tail.end(), after.rbegin())) longest = length;
    }
    if (longest) return i - *longest;
  }
  return count;
}

// The Z function (Gusfield 1997, 1.4) of the tokens, newest first.
void Dry::measure() {
  const auto& t = newest_first_;
  matches_.assign(t.size(), 0);
  std::size_t begin = 0;
  std::size_t end = 0;  // t[begin, end) is as the first tokens are
  for (std::size_t i = 1; i < t.size(); ++i) {
    std::size_t length = i < end ? std::min(matches_[i - begin], end - i) : 0;
    while (i + length < t.size() && t[length] == t[i + length]) ++length;
    matches_[i] = length;
    if (i + length > end) {
      begin = i;
      end = i + length;
    }
  }
}

void Dry::forget_repetitions() {
  for (const domain::Token token : next_) longest_[static_cast<std::size_t>(token)] = kNone;
  next_.clear();
}

float Dry::penalised(domain::Token token, float logit) const {
  if (logit == kImpossible) return logit;
  const auto base = static_cast<float>(settings_.base);
  std::int32_t exponent = longest_[static_cast<std::size_t>(token)] - std::max(settings_.allowed_length, 0);
  if (const std::int32_t most = exponent_max(base); most > 0) exponent = std::min(exponent, most);
  logit -= static_cast<float>(settings_.multiplier * std::pow(static_cast<double>(base), exponent));
  make_finite({&logit, 1});
  return logit;
}

}  // namespace hearth::engine::core
