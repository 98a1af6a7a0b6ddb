#include "dialect/common/samplers.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/strings.hpp"
#include "dialect/common/parse.hpp"

namespace hearth::dialect::common {
namespace {

using json::Item;
using json::Object;

constexpr double kLarge = 100;

void read_dry(Object& in, domain::DrySettings& out) {
  in.number("dry_multiplier", out.multiplier, 0, kLarge);
  in.number("dry_base", out.base, 0, kLarge);
  if (out.base < 1) out.base = domain::DrySettings{}.base;  // as llama-server takes it
  in.integer("dry_allowed_length", out.allowed_length, 0, kInt32Max);
  in.integer("dry_penalty_last_n", out.penalty_last_n, -1, kInt32Max);
  const auto item = in.get("dry_sequence_breakers");
  if (!item) return;
  out.sequence_breakers = read_texts(*item);
  std::erase_if(out.sequence_breakers, [](const std::string& text) { return text.empty(); });
  if (out.sequence_breakers.size() > domain::kDryBreakersMax) {
    item->fail(fmt::format("has {} sequence breakers; at most {} are taken", out.sequence_breakers.size(),
                           domain::kDryBreakersMax));
  }
}

void add_stage(const Item& item, std::string_view word, std::optional<domain::SamplerStage> stage,
               domain::SamplerChain& out) {
  if (stage)
    out.push_back(*stage);
  else
    item.fail(fmt::format("has no sampler '{}'; there are: {}", base::one_line(word.substr(0, 100)),
                          domain::known_samplers()));
}

// Names, or a text with a letter for each.
void read_chain(Object& in, domain::SamplerChain& out) {
  const auto item = in.get("samplers");
  if (!item) return;
  out.clear();
  if (item->is_string()) {
    for (const char letter : item->text()) add_stage(*item, {&letter, 1}, domain::sampler_from_letter(letter), out);
  } else if (item->is_array()) {
    item->each([&out](const Item& element) {
      const std::string name = element.text();
      add_stage(element, name, domain::sampler_from_name(name), out);
    });
  } else {
    return item->fail("must be an array of names of samplers, or a string of their letters");
  }
  if (out.size() > domain::kSamplersMax)
    item->fail(fmt::format("has {} samplers; at most {} are taken", out.size(), domain::kSamplersMax));
}

}  // namespace

void read_samplers(Object& in, domain::Sampling& s) {
  in.number("min_p", s.min_p, 0, 1);
  in.number("typical_p", s.typical_p, 0, 1);
  for (const auto* name : {"repetition_penalty", "repeat_penalty"}) in.number(name, s.repeat_penalty, 0.01, kLarge);
  in.integer("repeat_last_n", s.repeat_last_n, -1, kInt32Max);
  read_dry(in, s.dry);
  in.number("dynatemp_range", s.dynatemp_range, 0, kLarge);
  in.number("dynatemp_exponent", s.dynatemp_exponent, 0, kLarge);
  in.number("top_n_sigma", s.top_n_sigma, -1, kLarge);
  s.top_n_sigma = std::max(s.top_n_sigma, 0.0);  // -1 is llama-server's "off"
  in.number("xtc_probability", s.xtc_probability, 0, 1);
  in.number("xtc_threshold", s.xtc_threshold, 0, 1);
  in.integer("mirostat", s.mirostat, 0, 2);
  in.number("mirostat_tau", s.mirostat_tau, 0, kLarge);
  in.number("mirostat_eta", s.mirostat_eta, 0, kLarge);
  in.number("adaptive_target", s.adaptive_target, -1, 1);
  in.number("adaptive_decay", s.adaptive_decay, 0, 0.99);
  in.integer("min_keep", s.min_keep, 0, kInt32Max);
  read_chain(in, s.samplers);
}

}  // namespace hearth::dialect::common
