#include "engine/core/sampling/sampler.hpp"

#include <algorithm>
#include <utility>

#include "engine/core/sampling/infill.hpp"
#include "engine/core/sampling/softmax.hpp"

namespace hearth::engine::core {
namespace {

using domain::SamplerStage;

void add_logprobs(std::span<const float> row, std::int32_t count, Draw& out) {
  const double total = log_sum_exp(row);
  const auto logprob = [total](float logit) { return static_cast<float>(static_cast<double>(logit) - total); };
  out.logprob = logprob(row[static_cast<std::size_t>(out.token)]);
  if (count > 0) {
    out.top.reserve(static_cast<std::size_t>(count));
    select_top(row, static_cast<std::size_t>(count), out.top);
  }
  for (auto& alternative : out.top) alternative.p = logprob(alternative.logit);
}

constexpr std::size_t kMassBlock = 512;

std::span<const float> mass_block(std::span<const float> row, std::size_t index) {
  const std::size_t begin = index * kMassBlock;
  return row.subspan(begin, std::min(kMassBlock, row.size() - begin));
}

}  // namespace

Sampler::Sampler(const domain::Sampling& settings, std::uint64_t seed, std::int32_t vocab_size, SamplerModel model)
    : settings_(settings),
      seed_(seed),
      random_(seed),
      vocab_size_(vocab_size),
      vocab_(model.vocab),
      min_keep_(static_cast<std::size_t>(std::max(settings.min_keep, 0))) {
  const auto& chain = settings_.samplers;
  if (settings_.mirostat != 0) {
    mirostat_.emplace(settings_);
  } else {
    std::ranges::copy_if(chain, std::back_inserter(stages_), [this](SamplerStage s) { return does_something(s); });
    if (std::ranges::find(chain, SamplerStage::kAdaptiveP) != chain.end()) adaptive_.emplace(settings_);
  }
  const auto has = [this](SamplerStage stage) { return std::ranges::find(stages_, stage) != stages_.end(); };
  if (has(SamplerStage::kPenalties)) penalties_.emplace(settings_, vocab_size);
  if (has(SamplerStage::kDry)) dry_.emplace(settings_.dry, vocab_size, std::move(model.breakers));
  const auto first_other = std::ranges::find_if_not(
      stages_, [](SamplerStage s) { return s == SamplerStage::kPenalties || s == SamplerStage::kDry; });
  of_row_ = static_cast<std::size_t>(first_other - stages_.begin());
  way_ = find_way();
  reserve();
}

Draw Sampler::sample(std::span<float> logits, std::int32_t want_logprobs) {
  adjust_row(logits);
  Draw out;
  switch (way_) {
    case Way::kGreedy: out.token = static_cast<domain::Token>(index_of_max(logits)); break;
    case Way::kWhole: out.token = draw_from_all(logits); break;
    case Way::kChain:
      shape(logits);
      out.token = draw();
      break;
  }
  if (want_logprobs >= 0) add_logprobs(logits, want_logprobs, out);
  return out;
}

std::span<const Candidate> Sampler::distribution(std::span<float> logits) {
  adjust_row(logits);
  shape(logits);
  candidates_.normalise();
  return std::as_const(candidates_).items();
}

void Sampler::accept(domain::Token token) {
  if (token < 0 || token >= vocab_size_) return;
  if (penalties_) penalties_->accept(token);
  if (dry_) dry_->accept(token);
  if (!std::exchange(shaped_, false)) return;
  if (adaptive_) adaptive_->observe(candidates_, token);
  if (mirostat_) {
    candidates_.normalise();
    const auto items = candidates_.items();
    const auto drawn = std::ranges::find(items, token, &Candidate::id);
    if (drawn != items.end()) mirostat_->observe(static_cast<double>(drawn->p));
  }
}

bool Sampler::does_something(SamplerStage stage) const {
  const auto& s = settings_;
  switch (stage) {
    case SamplerStage::kPenalties: return Penalties::wanted(s);
    case SamplerStage::kDry: return Dry::wanted(s);
    case SamplerStage::kTopNSigma: return s.top_n_sigma > 0;
    case SamplerStage::kTopK: return s.top_k > 0;
    case SamplerStage::kTypicalP: return s.typical_p < 1;
    case SamplerStage::kTopP: return s.top_p < 1;
    case SamplerStage::kMinP: return s.min_p > 0;
    case SamplerStage::kXtc: return s.xtc_probability > 0 && s.xtc_threshold <= 0.5;
    case SamplerStage::kTemperature: return s.temperature != 1 || s.dynatemp_range > 0;
    case SamplerStage::kInfill: return vocab_ != nullptr;
    case SamplerStage::kAdaptiveP: return false;  // no stage but a way to draw
  }
  return false;
}

Sampler::Way Sampler::find_way() const {
  if (mirostat_) return settings_.temperature <= 0 ? Way::kGreedy : Way::kChain;
  if (ends_greedily()) return Way::kGreedy;
  if (adaptive_ || settings_.dynatemp_range > 0) return Way::kChain;
  const auto rest = std::span(stages_).subspan(of_row_);
  const bool whole = rest.empty() || (rest.size() == 1 && rest.front() == SamplerStage::kTemperature);
  return whole ? Way::kWhole : Way::kChain;
}

// A temperature of 0, and before it only stages that never take the most probable token away.
bool Sampler::ends_greedily() const {
  if (settings_.temperature > 0 || settings_.dynatemp_range > 0) return false;
  for (const auto stage : std::span(stages_).subspan(of_row_)) {
    switch (stage) {
      case SamplerStage::kTemperature: return true;
      case SamplerStage::kTopNSigma:
      case SamplerStage::kTopK:
      case SamplerStage::kTopP:
      case SamplerStage::kMinP: break;
      default: return false;
    }
  }
  return false;
}

void Sampler::reserve() {
  auto count = static_cast<std::size_t>(vocab_size_);
  if (way_ == Way::kWhole) masses_.resize((count + kMassBlock - 1) / kMassBlock);
  if (way_ != Way::kChain) return;
  if (stages_.size() > of_row_ && stages_[of_row_] == SamplerStage::kTopK &&
      static_cast<std::size_t>(settings_.top_k) <= kHeapMost)
    count = std::min(count, static_cast<std::size_t>(settings_.top_k));
  candidates_.reserve(count);
  if (adaptive_) adaptive_->reserve(count);
}

void Sampler::adjust_row(std::span<float> row) {
  for (const auto& [token, bias] : settings_.logit_bias) {
    if (token >= 0 && token < vocab_size_) row[static_cast<std::size_t>(token)] += static_cast<float>(bias);
  }
  make_finite(row);
  for (const auto stage : std::span(stages_).first(of_row_)) {
    if (stage == SamplerStage::kDry)
      dry_->apply(row);
    else
      penalties_->apply(row);
  }
}

void Sampler::shape(std::span<const float> row) {
  if (!mirostat_)
    run_chain(row);
  else if (settings_.temperature > 0)
    mirostat_->select(row, scale_of(settings_.temperature), candidates_);
  else
    candidates_.take_top(row, 1);
  if (adaptive_) adaptive_->apply(candidates_);
  shaped_ = true;
}

void Sampler::run_chain(std::span<const float> row) {
  const auto rest = std::span(stages_).subspan(of_row_);
  if (rest.empty()) return candidates_.take_all(row);
  if (!start_with(rest.front(), row)) apply(rest.front());
  for (const auto stage : rest.subspan(1)) apply(stage);
}

// Takes no more than the chain's first stage leaves, where it can tell; whether that is all there is to the stage.
bool Sampler::start_with(SamplerStage stage, std::span<const float> row) {
  switch (stage) {
    case SamplerStage::kTopK: candidates_.take_top(row, static_cast<std::size_t>(settings_.top_k)); return true;
    case SamplerStage::kMinP: candidates_.take_for_min_p(row, settings_.min_p, min_keep_); return true;
    case SamplerStage::kTopNSigma: candidates_.take_top_n_sigma(row, settings_.top_n_sigma); return true;
    case SamplerStage::kTopP: candidates_.take_for_top_p(row, settings_.top_p, min_keep_); return false;
    default: candidates_.take_all(row); return false;
  }
}

void Sampler::apply(SamplerStage stage) {
  const auto& s = settings_;
  switch (stage) {
    case SamplerStage::kPenalties: return penalties_->apply(candidates_);
    case SamplerStage::kDry: return dry_->apply(candidates_);
    case SamplerStage::kTopNSigma: return candidates_.cut_top_n_sigma(s.top_n_sigma);
    case SamplerStage::kTopK: return candidates_.cut_top_k(static_cast<std::size_t>(s.top_k));
    case SamplerStage::kTypicalP: return candidates_.cut_typical(s.typical_p, min_keep_);
    case SamplerStage::kTopP: return candidates_.cut_top_p(s.top_p, min_keep_);
    case SamplerStage::kMinP: return candidates_.cut_min_p(s.min_p, min_keep_);
    case SamplerStage::kXtc:
      if (uniform() < s.xtc_probability) candidates_.cut_xtc(s.xtc_threshold, min_keep_);
      return;
    case SamplerStage::kTemperature: return candidates_.heat(s.temperature, s.dynatemp_range, s.dynatemp_exponent);
    case SamplerStage::kInfill: return apply_infill(*vocab_, candidates_);
    case SamplerStage::kAdaptiveP: return;
  }
}

domain::Token Sampler::draw() {
  const double sum = candidates_.weigh();
  const auto items = candidates_.items();
  domain::Token last = items.front().id;
  if (sum <= 0) return last;
  double left = uniform() * sum;
  for (const auto& c : items) {
    if (c.p <= 0) continue;
    last = c.id;
    left -= static_cast<double>(c.p);
    if (left < 0) break;
  }
  return last;
}

// First the block, by the blocks' masses, then the token in it. What rounding leaves over falls to the last possible
// one.
domain::Token Sampler::draw_from_all(std::span<const float> row) {
  const float most = max_of(row);
  if (most == kImpossible) return 0;
  const float scale = stages_.size() > of_row_ ? scale_of(settings_.temperature) : 1.0F;
  double sum = 0;
  for (std::size_t i = 0; i < masses_.size(); ++i) sum += masses_[i] = sum_exp(mass_block(row, i), most, scale);
  double left = uniform() * sum;
  std::size_t drawn = 0;
  for (std::size_t i = 0; i < masses_.size(); ++i) {
    if (masses_[i] <= 0) continue;
    drawn = i;
    if (left < masses_[i]) break;
    left -= masses_[i];
  }
  const auto block = mass_block(row, drawn);
  drawn *= kMassBlock;
  std::size_t token = drawn;
  for (std::size_t i = 0; i < block.size() && left >= 0; ++i) {
    const auto p = static_cast<double>(exp_of((block[i] - most) * scale));
    if (p <= 0) continue;
    left -= p;
    token = drawn + i;
  }
  return static_cast<domain::Token>(token);
}

Draw measure(std::span<float> row, domain::Token token, std::int32_t alternatives) {
  make_finite(row);
  Draw out{.token = token};
  add_logprobs(row, alternatives, out);
  return out;
}

// 53 bits in [0, 1): the same on every platform.
double Sampler::uniform() { return static_cast<double>(random_() >> 11U) * 0x1.0p-53; }

}  // namespace hearth::engine::core
