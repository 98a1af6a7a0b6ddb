#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>

#include "engine/core/sampling/sampler.hpp"
#include "engine/llama/llama_handles.hpp"
#include "engine/llama/llama_log.hpp"
#include "engine/llama/llama_vocab.hpp"

// hearth's samplers against llama.cpp's own, on the same logits and the same sequence: after each chain every token
// must have the same probability.
namespace hearth::engine::llama {
namespace {

using core::Sampler;
using domain::SamplerChain;
using domain::Sampling;
using enum domain::SamplerStage;

const std::string kEmber = HEARTH_SOURCE_DIR "/models/ember/ember-q8_0.gguf";
constexpr double kTolerance = 1e-4;
constexpr double kEdge = 2e-4;  // llama.cpp sums in float: a token at the very edge of a cut may fall to either side
constexpr std::uint32_t kSeed = 7;

struct SamplerFree {
  void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
};
using SamplerHandle = std::unique_ptr<llama_sampler, SamplerFree>;

llama_sampler* llama_dry(const llama_vocab* vocab, const domain::DrySettings& dry) {
  std::vector<const char*> breakers;
  for (const auto& text : dry.sequence_breakers) breakers.push_back(text.c_str());
  return llama_sampler_init_dry(vocab, static_cast<float>(dry.multiplier), static_cast<float>(dry.base),
                                dry.allowed_length, dry.penalty_last_n, breakers.data(), breakers.size());
}

llama_sampler* llama_stage(const llama_vocab* vocab, const Sampling& s, domain::SamplerStage stage) {
  const auto f = [](double x) { return static_cast<float>(x); };
  const auto min_keep = static_cast<std::size_t>(s.min_keep);
  switch (stage) {
    case kPenalties:
      return llama_sampler_init_penalties(llama_vocab_n_tokens(vocab), s.repeat_last_n, f(s.repeat_penalty),
                                          f(s.frequency_penalty), f(s.presence_penalty));
    case kDry: return llama_dry(vocab, s.dry);
    case kTopNSigma: return llama_sampler_init_top_n_sigma(f(s.top_n_sigma));
    case kTopK: return llama_sampler_init_top_k(s.top_k);
    case kTypicalP: return llama_sampler_init_typical(f(s.typical_p), min_keep);
    case kTopP: return llama_sampler_init_top_p(f(s.top_p), min_keep);
    case kMinP: return llama_sampler_init_min_p(f(s.min_p), min_keep);
    case kXtc: return llama_sampler_init_xtc(f(s.xtc_probability), f(s.xtc_threshold), min_keep, kSeed);
    case kTemperature:
      return llama_sampler_init_temp_ext(f(s.temperature), f(s.dynatemp_range), f(s.dynatemp_exponent));
    case kInfill: return llama_sampler_init_infill(vocab);
    case kAdaptiveP: break;
  }
  return nullptr;
}

// As llama-server puts a chain together (common/sampling.cpp).
SamplerHandle llama_chain(const llama_vocab* vocab, const Sampling& s) {
  SamplerHandle chain(llama_sampler_chain_init(llama_sampler_chain_default_params()));
  const auto add = [&chain](llama_sampler* sampler) { llama_sampler_chain_add(chain.get(), sampler); };
  const std::int32_t size = llama_vocab_n_tokens(vocab);
  std::vector<llama_logit_bias> biases;
  for (const auto& [token, bias] : s.logit_bias) biases.push_back({token, static_cast<float>(bias)});
  if (!biases.empty())
    add(llama_sampler_init_logit_bias(size, static_cast<std::int32_t>(biases.size()), biases.data()));
  const auto tau = static_cast<float>(s.mirostat_tau);
  const auto eta = static_cast<float>(s.mirostat_eta);
  if (s.mirostat != 0) {
    add(llama_sampler_init_temp(static_cast<float>(s.temperature)));
    add(s.mirostat == 1 ? llama_sampler_init_mirostat(size, kSeed, tau, eta, 100)
                        : llama_sampler_init_mirostat_v2(kSeed, tau, eta));
    return chain;
  }
  bool adaptive = false;
  for (const auto stage : s.samplers) {
    if (stage == kAdaptiveP)
      adaptive = true;
    else
      add(llama_stage(vocab, s, stage));
  }
  add(adaptive ? llama_sampler_init_adaptive_p(static_cast<float>(s.adaptive_target),
                                               static_cast<float>(s.adaptive_decay), kSeed)
               : llama_sampler_init_dist(kSeed));
  return chain;
}

// A few likely tokens over many unlikely ones, as models have them; `sharpness` says how much.
std::vector<float> some_logits(std::size_t count, std::mt19937& random, float sharpness) {
  std::normal_distribution<float> normal(0, sharpness);
  std::vector<float> out(count);
  for (auto& l : out) l = normal(random);
  for (int i = 0; i < 6; ++i) out[random() % count] += 3 * std::abs(normal(random));
  return out;
}

class SamplerEquality : public ::testing::Test {
 protected:
  void SetUp() override {
    auto params = llama_model_default_params();
    params.vocab_only = true;
    model_.reset(llama_model_load_from_file(kEmber.c_str(), params));
    ASSERT_NE(model_, nullptr);
    vocab_ = llama_model_get_vocab(model_.get());
    size_ = llama_vocab_n_tokens(vocab_);
    own_vocab_.emplace(vocab_);
    finder_.emplace(*own_vocab_);
  }

  // A sequence of steps: what llama.cpp draws is what both go on with.
  void expect_equal(const Sampling& settings, const std::string& prompt = {}, float sharpness = 2, int steps = 12) {
    const std::int32_t size = size_;
    const SamplerHandle chain = llama_chain(vocab_, settings);
    Sampler own(settings, 1, size,
                {.vocab = &*own_vocab_,
                 .breakers = core::Dry::wanted(settings) ? finder_->find(settings.dry.sequence_breakers) : nullptr});
    for (const domain::Token token : own_vocab_->tokenize(prompt, false, false)) {
      llama_sampler_accept(chain.get(), token % size);
      own.accept(token % size);
    }
    std::mt19937 random(static_cast<std::uint32_t>(prompt.size()) + 1);
    for (int step = 0; step < steps; ++step) {
      auto row = some_logits(static_cast<std::size_t>(size), random, sharpness);
      std::vector<llama_token_data> data;
      for (std::int32_t t = 0; t < size; ++t) data.push_back({t, row[static_cast<std::size_t>(t)], 0});
      llama_token_data_array array{.data = data.data(), .size = data.size(), .selected = -1, .sorted = false};
      llama_sampler_apply(chain.get(), &array);
      std::vector<double> expected(static_cast<std::size_t>(size));
      for (std::size_t i = 0; i < array.size; ++i)
        expected[static_cast<std::size_t>(array.data[i].id)] += static_cast<double>(array.data[i].p);
      std::vector<double> actual(static_cast<std::size_t>(size));
      for (const auto& c : own.distribution(row)) actual[static_cast<std::size_t>(c.id)] = static_cast<double>(c.p);
      double one_sided = 0;
      for (std::size_t t = 0; t < expected.size(); ++t) {
        if ((actual[t] > 0) != (expected[t] > 0))
          one_sided += actual[t] + expected[t];
        else
          ASSERT_NEAR(actual[t], expected[t], kTolerance) << "step " << step << ", token " << t;
      }
      ASSERT_LE(one_sided, kEdge) << "of tokens that only one of them has left, in step " << step;
      const domain::Token drawn = array.data[array.selected].id;
      llama_sampler_accept(chain.get(), drawn);
      own.accept(drawn);
    }
  }

  base::NullLog log_;
  LogRoute route_{log_};
  ModelHandle model_;
  const llama_vocab* vocab_ = nullptr;
  std::int32_t size_ = 0;  // tokens that have a logit
  std::optional<LlamaVocab> own_vocab_;
  std::optional<core::DryBreakerFinder> finder_;
};

const std::string kRepeating =
    "Turn on the lamp in the kitchen. Turn on the lamp in the hall: turn on the lamp in the kitchen.\n"
    "Turn on the lamp in the hall: turn on the lamp in the kitchen. Turn on the lamp in";

TEST_F(SamplerEquality, EachStage) {
  const std::vector<std::pair<const char*, Sampling>> cases{
      {"nothing", {}},
      {"temperature", {.temperature = 0.6}},
      {"hot", {.temperature = 1.9}},
      {"greedy", {.temperature = 0}},
      {"top_k", {.top_k = 20}},
      {"top_k 1", {.top_k = 1}},
      {"top_k all", {.top_k = 1000000}},
      {"top_p", {.top_p = 0.9}},
      {"top_p little", {.top_p = 0.05}},
      {"top_p much", {.top_p = 0.999}},
      {"top_p min_keep", {.top_p = 0.1, .min_keep = 30}},
      {"top_p min_keep of many", {.top_p = 0.1, .min_keep = 500}},
      {"min_p", {.min_p = 0.05}},
      {"min_p 1", {.min_p = 1}},
      {"min_p min_keep", {.min_p = 0.5, .min_keep = 40}},
      {"typical", {.typical_p = 0.7}},
      {"typical min_keep", {.typical_p = 0.1, .min_keep = 25}},
      {"top_n_sigma", {.top_n_sigma = 1}},
      {"top_n_sigma much", {.top_n_sigma = 2.5}},
      {"xtc", {.xtc_probability = 1, .xtc_threshold = 0.05}},
      {"xtc high", {.xtc_probability = 1, .xtc_threshold = 0.3}},
      {"xtc min_keep", {.top_k = 4, .xtc_probability = 1, .xtc_threshold = 0.02, .min_keep = 3}},
      {"xtc off", {.xtc_probability = 1, .xtc_threshold = 0.6}},
      {"dynatemp", {.temperature = 0.9, .dynatemp_range = 0.5}},
      {"dynatemp exponent", {.temperature = 0.5, .dynatemp_range = 1, .dynatemp_exponent = 2.5}},
      {"penalties", {.repeat_penalty = 1.3, .presence_penalty = 0.4, .frequency_penalty = 0.2}},
      {"penalties short", {.repeat_penalty = 0.8, .frequency_penalty = -0.3, .repeat_last_n = 5}},
      {"bias", {.top_k = 10, .logit_bias = {{3, 9.0}, {5, -100.0}, {11, 12.0}}}},
  };
  for (const auto& [name, settings] : cases) {
    SCOPED_TRACE(name);
    expect_equal(settings, kRepeating);
  }
}

TEST_F(SamplerEquality, Dry) {
  Sampling settings{.top_k = 50};
  for (const std::int32_t allowed : {0, 1, 2, 5}) {
    for (const std::int32_t window : {3, 20, 64, 1000}) {
      for (const auto& breakers : std::vector<std::vector<std::string>>{
               {"\n", ":", "\"", "*"}, {"."}, {"the hall", "kitchen. Turn"}, {"nothing like it"}, {"n on", " the "}}) {
        SCOPED_TRACE(fmt::format("{} {} {}", allowed, window, breakers.front()));
        settings.dry = {.multiplier = 0.8,
                        .base = 1.75,
                        .allowed_length = allowed,
                        .penalty_last_n = window,
                        .sequence_breakers = breakers};
        expect_equal(settings, kRepeating, 2, 3);
        settings.samplers = {kTopK, kTemperature, kDry};
        expect_equal(settings, kRepeating, 2, 3);
        settings.samplers = domain::default_samplers();
      }
    }
  }
}

// The whole row gets DRY's penalties, not only what top_k has left.
TEST_F(SamplerEquality, DryOverTheVocabulary) {
  Sampling settings;
  settings.dry = {.multiplier = 30, .base = 1.2, .allowed_length = 1};
  expect_equal(settings, kRepeating, 1, 4);
}

TEST_F(SamplerEquality, Mirostat) {
  for (const std::int32_t version : {1, 2}) {
    for (const double tau : {0.5, 3.0, 5.0, 9.0}) {
      if (version == 1 && tau > 5) continue;  // llama.cpp's count of tokens overflows an int there
      for (const double temperature : {0.0, 0.7, 1.0, 1.4}) {
        SCOPED_TRACE(fmt::format("{} {} {}", version, tau, temperature));
        const Sampling settings{.temperature = temperature,
                                .top_k = 3,  // has no effect
                                .frequency_penalty = 1,
                                .mirostat = version,
                                .mirostat_tau = tau,
                                .mirostat_eta = 0.3,
                                .logit_bias = {{9, 5.0}}};
        expect_equal(settings, kRepeating, 2, 25);
      }
    }
  }
}

TEST_F(SamplerEquality, AdaptiveP) {
  for (const double target : {-1.0, 0.0, 0.2, 0.6, 1.0}) {
    for (const double decay : {0.0, 0.5, 0.95}) {
      SCOPED_TRACE(fmt::format("{} {}", target, decay));
      Sampling settings{.top_k = 30,
                        .min_p = 0.02,
                        .adaptive_target = target,
                        .adaptive_decay = decay,
                        .samplers = {kAdaptiveP, kTopK, kMinP, kTemperature}};
      expect_equal(settings, kRepeating, 2, 25);
      settings.samplers = {kAdaptiveP};
      expect_equal(settings, kRepeating, 1, 10);
    }
  }
}

TEST_F(SamplerEquality, Infill) {
  for (const float sharpness : {1.0F, 3.0F, 5.0F, 8.0F}) {
    for (const double end : {-20.0, 0.0, 10.0}) {
      SCOPED_TRACE(fmt::format("{} {}", sharpness, end));
      Sampling settings{.top_k = 40, .top_p = 0.99, .samplers = {kTopK, kTopP, kInfill}};
      settings.logit_bias[llama_vocab_eos(vocab_)] = end;
      expect_equal(settings, {}, sharpness, 40);
      settings.samplers = {kTopK, kInfill, kTemperature};
      settings.temperature = 0.7;
      expect_equal(settings, {}, sharpness, 40);
    }
  }
}

Sampling some_settings(std::mt19937& random) {
  const auto pick = [&random](std::initializer_list<double> values) {
    return values.begin()[random() % values.size()];
  };
  Sampling s{.temperature = pick({0, 0.5, 0.8, 1, 1.5}),
             .top_k = static_cast<std::int32_t>(pick({0, 0, 1, 17, 300})),
             .top_p = pick({1, 1, 0.95, 0.6, 0.01}),
             .min_p = pick({0, 0, 0.05, 0.3}),
             .typical_p = pick({1, 1, 0.9, 0.3}),
             .repeat_penalty = pick({1, 1.1, 1.4}),
             .presence_penalty = pick({0, 0.5}),
             .frequency_penalty = pick({0, 0.3, -0.2}),
             .repeat_last_n = static_cast<std::int32_t>(pick({0, 8, 64})),
             .dynatemp_range = pick({0, 0, 0.4, 2}),
             .dynatemp_exponent = pick({1, 0.6, 1.7}),
             .top_n_sigma = pick({0, 0, 0.5, 1.5}),
             .xtc_probability = pick({0, 0, 1}),
             .xtc_threshold = pick({0.05, 0.1, 0.4}),
             .adaptive_target = pick({-1, 0.1, 0.5}),
             .adaptive_decay = pick({0.3, 0.9}),
             .min_keep = static_cast<std::int32_t>(pick({0, 0, 0, 2, 60}))};
  // No huge penalties: tokens that differ in the last bits only come in any order after them.
  s.dry = {.multiplier = pick({0, 0, 0.1, 0.5}),
           .base = pick({0.5, 1.1}),
           .allowed_length = static_cast<std::int32_t>(pick({1, 2})),
           .penalty_last_n = static_cast<std::int32_t>(pick({0, 30, 64}))};
  if (random() % 2 == 0) return s;
  s.samplers.push_back(kAdaptiveP);
  std::ranges::shuffle(s.samplers, random);
  s.samplers.resize(random() % (s.samplers.size() + 1));
  return s;
}

// llama.cpp's typical sampling is not defined where a token has no probability left: its entropy is not a number then.
bool is_defined(const Sampling& s) {
  bool zeros = false;
  for (const auto stage : s.samplers) {
    zeros = zeros || stage == kTemperature || (stage == kTopNSigma && s.top_n_sigma > 0);
    if (stage == kTypicalP && s.typical_p < 1 && zeros) return false;
  }
  return true;
}

TEST_F(SamplerEquality, AnyChainInAnyOrder) {
  size_ = 200;  // of more tokens, llama.cpp's float sums decide what the next stage gets
  std::mt19937 random(11);
  int compared = 0;
  for (int i = 0; i < 1000; ++i) {
    const Sampling settings = some_settings(random);
    if (!is_defined(settings)) continue;
    std::string chain;
    for (const auto stage : settings.samplers) chain += std::string(domain::name_of(stage)) + " ";
    SCOPED_TRACE(fmt::format("case {}: {}", i, chain));
    expect_equal(settings, kRepeating, 1.5F + static_cast<float>(random() % 3), 3);
    if (HasFatalFailure()) return;
    ++compared;
  }
  EXPECT_GT(compared, 600);
}

}  // namespace
}  // namespace hearth::engine::llama
