#include "dialect/common/samplers.hpp"

#include <gtest/gtest.h>

namespace hearth::dialect::common {
namespace {

using domain::Sampling;
using enum domain::SamplerStage;

Result<Sampling> read(std::string_view text) {
  Sampling out;
  HEARTH_TRY(auto report, json::read_object(text, [&](json::Object& in) { read_samplers(in, out); }));
  if (!report.ignored.empty()) return fail(ErrorCode::kInternal, "ignored " + report.ignored.front());
  return out;
}

TEST(Samplers, EveryFieldArrives) {
  const auto all = read(R"({"min_p":0.1,"typical_p":0.2,"repeat_penalty":1.5,"repeat_last_n":7,
    "dry_multiplier":0.8,"dry_base":1.5,"dry_allowed_length":3,"dry_penalty_last_n":-1,"dry_sequence_breakers":["x","","é"],
    "dynatemp_range":0.25,"dynatemp_exponent":2,"top_n_sigma":1.5,"xtc_probability":0.5,"xtc_threshold":0.2,
    "mirostat":2,"mirostat_tau":4,"mirostat_eta":0.2,"adaptive_target":0.4,"adaptive_decay":0.8,"min_keep":3,
    "samplers":["min_p","Temperature"]})");
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(*all, (Sampling{.min_p = 0.1,
                            .typical_p = 0.2,
                            .repeat_penalty = 1.5,
                            .repeat_last_n = 7,
                            .dry = {.multiplier = 0.8,
                                    .base = 1.5,
                                    .allowed_length = 3,
                                    .penalty_last_n = -1,
                                    .sequence_breakers = {"x", "é"}},
                            .dynatemp_range = 0.25,
                            .dynatemp_exponent = 2,
                            .top_n_sigma = 1.5,
                            .xtc_probability = 0.5,
                            .xtc_threshold = 0.2,
                            .mirostat = 2,
                            .mirostat_tau = 4,
                            .mirostat_eta = 0.2,
                            .adaptive_target = 0.4,
                            .adaptive_decay = 0.8,
                            .min_keep = 3,
                            .samplers = {kMinP, kTemperature}}));
  EXPECT_EQ(*read("{}"), Sampling{});
}

TEST(Samplers, OtherForms) {
  EXPECT_EQ(read(R"({"repetition_penalty":1.25})")->repeat_penalty, 1.25);
  EXPECT_EQ(read(R"({"top_n_sigma":-1})")->top_n_sigma, 0);
  EXPECT_EQ(read(R"({"dry_base":0.5})")->dry.base, 1.75);
  EXPECT_EQ(read(R"({"dry_sequence_breakers":[]})")->dry.sequence_breakers.size(), 0U);
  EXPECT_EQ(read(R"({"samplers":"edkypmxt"})")->samplers,
            (domain::SamplerChain{kPenalties, kDry, kTopK, kTypicalP, kTopP, kMinP, kXtc, kTemperature}));
  EXPECT_EQ(read(R"({"samplers":["top-k","nucleus","temp","adaptive_p","infill"]})")->samplers,
            (domain::SamplerChain{kTopK, kTopP, kTemperature, kAdaptiveP, kInfill}));
  EXPECT_EQ(read(R"({"samplers":[]})")->samplers, domain::SamplerChain{});
  EXPECT_EQ(read(R"({"samplers":null})")->samplers, domain::default_samplers());
}

TEST(Samplers, WhatMeansNothingIsRefusedAtItsPath) {
  std::string breakers;
  std::string chain;
  for (int i = 0; i < 65; ++i) {
    breakers += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\"";
    chain += 'k';
  }
  const std::vector<std::pair<std::string, const char*>> cases{
      {R"({"dynatemp_range":-1})", "dynatemp_range"},
      {R"({"dynatemp_exponent":"1"})", "dynatemp_exponent"},
      {R"({"top_n_sigma":-2})", "top_n_sigma"},
      {R"({"xtc_probability":1.5})", "xtc_probability"},
      {R"({"xtc_threshold":-0.1})", "xtc_threshold"},
      {R"({"mirostat":3})", "mirostat"},
      {R"({"mirostat":1.5})", "mirostat"},
      {R"({"mirostat_tau":-1})", "mirostat_tau"},
      {R"({"mirostat_eta":101})", "mirostat_eta"},
      {R"({"adaptive_target":1.1})", "adaptive_target"},
      {R"({"adaptive_decay":1})", "adaptive_decay"},
      {R"({"min_keep":-1})", "min_keep"},
      {R"({"dry_multiplier":-1})", "dry_multiplier"},
      {R"({"dry_base":1000})", "dry_base"},
      {R"({"dry_allowed_length":-1})", "dry_allowed_length"},
      {R"({"dry_penalty_last_n":-2})", "dry_penalty_last_n"},
      {R"({"dry_sequence_breakers":"x"})", "dry_sequence_breakers"},
      {R"({"dry_sequence_breakers":[1]})", "dry_sequence_breakers[0]"},
      {R"({"dry_sequence_breakers":[)" + breakers + "]}", "dry_sequence_breakers"},
      {R"({"samplers":["top_k","foo"]})", "samplers[1]"},
      {R"({"samplers":[1]})", "samplers[0]"},
      {R"({"samplers":"kz"})", "samplers"},
      {R"({"samplers":5})", "samplers"},
      {R"({"samplers":")" + chain + "\"}", "samplers"},
      {R"({"repetition_penalty":0})", "repetition_penalty"},
  };
  for (const auto& [text, path] : cases) {
    const auto result = read(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().param, path) << text;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidRequest);
  }
  const std::string message = read(R"({"samplers":["foo"]})").error().message;
  EXPECT_NE(message.find("'foo'"), std::string::npos) << message;
  EXPECT_NE(message.find("penalties, dry, top_n_sigma"), std::string::npos) << message;
}

}  // namespace
}  // namespace hearth::dialect::common
