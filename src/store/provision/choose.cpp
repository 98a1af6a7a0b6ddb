#include "store/provision/choose.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>
#include <tuple>

#include "base/strings.hpp"
#include "store/scan.hpp"
#include "store/split_name.hpp"

namespace hearth::store::provision {
namespace {

std::string_view base_name(std::string_view name) { return name.substr(name.rfind('/') + 1); }
std::string_view folder_of(std::string_view name) {
  const auto slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
}
bool has_extension(std::string_view name, std::string_view extension) {
  return base::ends_with_ignore_case(name, extension);
}

constexpr std::size_t kNameMax = 1024;  // no file system takes longer ones

// One way to have the model: all parts of one GGUF file.
struct Variant {
  std::string quantization;  // upper case; empty = the name has none
  std::vector<PublishedFile> files;
  base::Bytes needed;
};

std::vector<Variant> gguf_variants(const std::vector<PublishedFile>& files) {
  std::map<std::string, Variant> by_stem;  // folder and stem
  for (const auto& file : files) {
    const auto name = base_name(file.name);
    if (file.name.size() > kNameMax || !has_extension(name, ".gguf") || is_projector(name)) continue;
    const auto whole = name.substr(0, name.size() - 5);
    const auto split = split_stem(whole);
    const std::string stem = split ? split->prefix : std::string(whole);
    auto& variant = by_stem[fmt::format("{}/{}", folder_of(file.name), stem)];
    variant.quantization = quantization_in(stem);
    std::ranges::transform(variant.quantization, variant.quantization.begin(),
                           [](char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c); });
    variant.files.push_back(file);
  }
  std::vector<Variant> out;
  for (auto& [stem, variant] : by_stem) {
    std::ranges::sort(variant.files, {}, &PublishedFile::name);
    out.push_back(std::move(variant));
  }
  return out;
}

std::string listed(const std::vector<Variant>& variants) {
  std::vector<std::string> names;
  for (const auto& v : variants)
    names.push_back(v.quantization.empty() ? base::one_line(v.files.front().name) : v.quantization);
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  constexpr std::size_t kShown = 40;
  const bool more = names.size() > kShown;
  if (more) names.resize(kShown);
  return fmt::format("{}{}", fmt::join(names, ", "), more ? ", ..." : "");
}

std::unexpected<Error> absent(const Publication& published, std::string what) {
  return fail(ErrorCode::kModelNotFound, fmt::format("{} {}", published.source, what), "model");
}

std::vector<std::string> preference_of_user(const ChooseOptions& options) {
  if (!options.preference.empty()) return options.preference;
  std::vector<std::string> out;
  for (const auto name : base::split(kDefaultPreference, ' ')) out.emplace_back(name);
  return out;
}

// Lower is better; the length of the list: not listed.
std::size_t rank(const Variant& variant, const std::vector<std::string>& preference) {
  const auto same = [&](const std::string& name) { return base::equals_ignore_case(name, variant.quantization); };
  return static_cast<std::size_t>(std::ranges::find_if(preference, same) - preference.begin());
}

// Best first: as preferred, then what nobody listed from small to large.
void sort_by_preference(std::vector<Variant>& variants, const std::vector<std::string>& preference) {
  std::ranges::sort(variants, {}, [&](const Variant& v) {
    return std::tuple(rank(v, preference), total(v.files), v.files.front().name);
  });
}

std::string reason_for(const Variant& best, std::size_t of, const std::vector<std::string>& preference,
                       const ChooseOptions& options) {
  const bool is_listed = rank(best, preference) < preference.size();
  std::string reason = fmt::format("the {} of {}", is_listed ? "best" : "smallest", of);
  if (options.memory_budget.count > 0)
    reason += fmt::format(" that fits {} of memory (it takes {})", base::human(options.memory_budget),
                          base::human(best.needed));
  if (!is_listed && !options.preference.empty())
    reason += fmt::format("; none that pull.quantizations names ({}) can be had", fmt::join(options.preference, ","));
  return reason;
}

Choice take(Variant variant, std::string reason) {
  return {.format = "gguf",
          .quantization = std::move(variant.quantization),
          .reason = std::move(reason),
          .files = std::move(variant.files)};
}

Result<Choice> choose_gguf(const Publication& published, std::vector<Variant> variants, const ChooseOptions& options) {
  if (selects(options.selector)) {
    const auto named = [&](const Variant& v) {
      return base::equals_ignore_case(v.quantization, options.selector) ||
             std::ranges::any_of(v.files, [&](const PublishedFile& f) {
               return f.name == options.selector || base_name(f.name) == options.selector;
             });
    };
    const auto it = std::ranges::find_if(variants, named);
    if (it == variants.end())
      return absent(published,
                    fmt::format("has no '{}'; it has {}", base::one_line(options.selector), listed(variants)));
    std::string reason = "as asked for";
    if (const auto other = std::find_if(std::next(it), variants.end(), named); other != variants.end())
      reason += fmt::format("; {} would be another", base_name(other->files.front().name));
    return take(std::move(*it), std::move(reason));
  }
  if (variants.size() == 1) return take(std::move(variants.front()), "the only one there");
  for (auto& v : variants) {
    v.needed =
        options.memory_needed ? options.memory_needed(v.files) : base::Bytes{total(v.files) + total(v.files) / 8};
  }
  const auto preference = preference_of_user(options);
  sort_by_preference(variants, preference);
  const auto fits = [&](const Variant& v) {
    return options.memory_budget.count == 0 || v.needed <= options.memory_budget;
  };
  const auto best = std::ranges::find_if(variants, fits);
  if (best == variants.end()) {
    const auto least = std::ranges::min_element(variants, {}, &Variant::needed);
    return fail(
        ErrorCode::kInsufficientMemory,
        fmt::format("no quantisation of {} fits: {}, the smallest, takes {} with the default context, and {} are "
                    "to be had; name one to fetch it all the same: {}:{}",
                    published.source, least->quantization, base::human(least->needed),
                    base::human(options.memory_budget), published.source, least->quantization));
  }
  auto reason = reason_for(*best, variants.size(), preference, options);
  return take(std::move(*best), std::move(reason));
}

// What tokenizers and configurations are made of.
bool is_companion(std::string_view name) {
  constexpr std::array<std::string_view, 7> kExtensions{".json",  ".txt",    ".model", ".jinja",
                                                        ".vocab", ".merges", ".bpe"};
  const auto file = base_name(name);
  return std::ranges::any_of(kExtensions, [&](auto e) { return has_extension(file, e); });
}

bool is_ir(std::string_view name) {
  return base::starts_with_ignore_case(base_name(name), "openvino_") &&
         (has_extension(name, ".xml") || has_extension(name, ".bin"));
}

// All of one folder that `wanted` takes, and what goes with it.
std::vector<PublishedFile> with_companions(const std::vector<PublishedFile>& files, std::string_view folder,
                                           bool (*wanted)(std::string_view)) {
  std::vector<PublishedFile> out;
  for (const auto& file : files) {
    if (folder_of(file.name) == folder && (wanted(file.name) || is_companion(file.name))) out.push_back(file);
  }
  return out;
}

// "model-{quant}.gguf" takes "model-Q8_0.gguf" and "model-q8_0-00001-of-00002.gguf".
bool fits_pattern(std::string_view name, std::string_view pattern) {
  static constexpr std::string_view kPlace = "{quant}";
  const auto at = pattern.find(kPlace);
  if (at == std::string_view::npos) return base::equals_ignore_case(name, pattern);
  const auto before = pattern.substr(0, at);
  const auto after = pattern.substr(at + kPlace.size());
  return name.size() > before.size() + after.size() && base::starts_with_ignore_case(name, before) &&
         base::ends_with_ignore_case(name, after);
}

std::vector<Variant> variants_of(const Publication& published, const ChooseOptions& options) {
  auto files = published.files;
  if (!options.pattern.empty())
    std::erase_if(files, [&](const PublishedFile& f) { return !fits_pattern(base_name(f.name), options.pattern); });
  return gguf_variants(files);
}

Result<Choice> choose_any(const Publication& published, const ChooseOptions& options) {
  if (published.complete)
    return Choice{.format = "gguf", .quantization = {}, .reason = "what its tag names", .files = published.files};
  auto variants = variants_of(published, options);
  if (!variants.empty()) return choose_gguf(published, std::move(variants), options);
  if (selects(options.selector))
    return absent(published,
                  fmt::format("has no GGUF files, so ':{}' chooses nothing", base::one_line(options.selector)));
  const auto ir = std::ranges::find_if(published.files, [](const PublishedFile& f) {
    return base_name(f.name) == "openvino_model.xml" || base_name(f.name) == "openvino_language_model.xml";
  });
  if (ir != published.files.end())
    return Choice{.format = "openvino",
                  .quantization = {},
                  .reason = "an OpenVINO model",
                  .files = with_companions(published.files, folder_of(ir->name), is_ir)};
  const auto is_safetensors = [](std::string_view name) { return has_extension(name, ".safetensors"); };
  const auto weights =
      std::ranges::find_if(published.files, [&](const PublishedFile& f) { return is_safetensors(f.name); });
  if (weights != published.files.end())
    return Choice{.format = "safetensors",
                  .quantization = {},
                  .reason = "safetensors",
                  .files = with_companions(published.files, folder_of(weights->name), is_safetensors)};
  return absent(published, "has no GGUF, OpenVINO or safetensors files");
}

}  // namespace

bool selects(std::string_view selector) { return !selector.empty() && !base::equals_ignore_case(selector, "latest"); }

Result<Choice> choose(const Publication& published, const ChooseOptions& options) {
  HEARTH_TRY(auto choice, choose_any(published, options));
  if (choice.files.size() > options.files_max || total(choice.files) > options.size_max.count)
    return fail(
        ErrorCode::kPayloadTooLarge,
        fmt::format("{} has {} files of {} together; allowed: {} files of {}", published.source, choice.files.size(),
                    base::human({total(choice.files)}), options.files_max, base::human(options.size_max)));
  return choice;
}

}  // namespace hearth::store::provision
