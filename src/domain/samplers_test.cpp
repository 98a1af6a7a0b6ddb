#include "domain/samplers.hpp"

#include <gtest/gtest.h>

namespace hearth::domain {
namespace {

TEST(Samplers, NamesAndLettersLeadBack) {
  for (const auto& known : kSamplerNames) {
    EXPECT_EQ(sampler_from_name(known.name), known.stage) << known.name;
    EXPECT_EQ(sampler_from_letter(known.letter), known.stage) << known.letter;
    EXPECT_EQ(name_of(known.stage), known.name);
  }
}

TEST(Samplers, OtherSpellings) {
  struct {
    const char* name;
    SamplerStage stage;
  } const cases[] = {{"Top-K", SamplerStage::kTopK},          {"topp", SamplerStage::kTopP},
                     {"nucleus", SamplerStage::kTopP},        {"TEMP", SamplerStage::kTemperature},
                     {"typ", SamplerStage::kTypicalP},        {"typical_p", SamplerStage::kTypicalP},
                     {"typ-p", SamplerStage::kTypicalP},      {"top-n-sigma", SamplerStage::kTopNSigma},
                     {"topnsigma", SamplerStage::kTopNSigma}, {"adaptive-p", SamplerStage::kAdaptiveP}};
  for (const auto& c : cases) EXPECT_EQ(sampler_from_name(c.name), c.stage) << c.name;
  for (const auto* name : {"", "tfs_z", "top_", "to_pk", "top_kk"}) EXPECT_FALSE(sampler_from_name(name)) << name;
  EXPECT_FALSE(sampler_from_letter('f'));
}

TEST(Samplers, TheDefaultOrderIsLlamaCpps) {
  std::string letters;
  for (const auto stage : default_samplers()) {
    for (const auto& known : kSamplerNames) {
      if (known.stage == stage) letters += known.letter;
    }
  }
  EXPECT_EQ(letters, "edskypmxt");
}

}  // namespace
}  // namespace hearth::domain
