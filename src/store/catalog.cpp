#include "store/catalog.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "json/writer.hpp"
#include "store/reference.hpp"
#include "store/scan.hpp"

namespace hearth::store {

namespace {

// Why one node is not what it must be.
struct Wrong {
  int line = 0;  // counted from 1
  std::string what;
};

[[noreturn]] void refuse(const YAML::Node& node, std::string what) {
  throw Wrong{.line = node.Mark().line + 1, .what = std::move(what)};
}

std::string text_in(const YAML::Node& map, const char* key) {
  const auto node = map[key];
  if (!node) return {};
  if (!node.IsScalar()) refuse(node, fmt::format("'{}' must be text", key));
  return node.Scalar();
}

CatalogTag read_tag(const std::string& name, const YAML::Node& node, const std::string& license) {
  if (!node.IsMap()) refuse(node, fmt::format("tag '{}' must be a map with a repo", name));
  CatalogTag out{.tag = name,
                 .repo = text_in(node, "repo"),
                 .files = text_in(node, "files"),
                 .parameters = text_in(node, "parameters"),
                 .license = text_in(node, "license")};
  const auto reference = parse_reference("hf:" + out.repo);
  if (!reference || reference->name != out.repo) refuse(node, fmt::format("'{}' is no repository", out.repo));
  constexpr long long kContextMax = 1 << 30;
  if (const std::string context = text_in(node, "context"); !context.empty()) {
    const auto tokens = base::parse_int(context);
    if (!tokens || *tokens < 0 || *tokens > kContextMax) refuse(node, "'context' must be a number of tokens");
    out.context = static_cast<std::int32_t>(*tokens);
  }
  if (out.license.empty()) out.license = license;
  return out;
}

CatalogModel read_model(const YAML::Node& node) {
  if (!node.IsMap()) refuse(node, "a model must be a map");
  CatalogModel out{
      .name = text_in(node, "name"), .task = text_in(node, "task"), .description = text_in(node, "description")};
  if (out.name.empty()) refuse(node, "a model without a name");
  for (const auto& alias : node["aliases"]) out.aliases.push_back(alias.Scalar());
  const std::string license = text_in(node, "license");
  const auto tags = node["tags"];
  if (!tags || !tags.IsMap()) refuse(node, fmt::format("'{}' has no tags", out.name));
  for (const auto& entry : tags) {
    const std::string& tag = entry.first.Scalar();
    if (tag == "latest")
      out.latest = entry.second.Scalar();
    else
      out.tags.push_back(read_tag(tag, entry.second, license));
  }
  if (out.tags.empty()) refuse(tags, fmt::format("'{}' has no tags", out.name));
  if (out.latest.empty()) out.latest = out.tags.front().tag;
  if (std::ranges::find(out.tags, out.latest, &CatalogTag::tag) == out.tags.end())
    refuse(tags, fmt::format("'{}' has no tag '{}', which latest names", out.name, out.latest));
  return out;
}

bool is_called(const CatalogModel& model, std::string_view name) {
  return base::equals_ignore_case(model.name, name) ||
         std::ranges::any_of(model.aliases, [&](const auto& alias) { return base::equals_ignore_case(alias, name); });
}

const CatalogTag* tag_of(const CatalogModel& model, std::string_view tag) {
  const auto it = std::ranges::find_if(model.tags, [&](const auto& t) { return base::equals_ignore_case(t.tag, tag); });
  return it == model.tags.end() ? nullptr : &*it;
}

// Words that stand between size and quantisation in Ollama's tags; our repositories are those variants.
std::string_view without_variant(std::string_view tag) {
  for (const std::string_view word : {"-instruct", "-chat", "-it", "-text"}) {
    if (base::ends_with_ignore_case(tag, word)) return tag.substr(0, tag.size() - word.size());
  }
  return tag;
}

std::string searched_text(const CatalogModel& model) {
  std::string out = fmt::format("{} {} {}", model.name, model.description, model.task);
  for (const auto& alias : model.aliases) out += " " + alias;
  for (const auto& tag : model.tags) out += " " + tag.repo;
  return base::to_lower(out);
}

void write_tag(json::Writer& w, const CatalogTag& tag) {
  w.field("repo", tag.repo).field("parameters", tag.parameters).field("context", tag.context);
  w.field("license", tag.license);
}

}  // namespace

Result<Catalog> Catalog::parse(std::string_view text, std::string_view name) {
  const auto bad = [&](int line, std::string_view why) {
    return fail(ErrorCode::kInvalidRequest, fmt::format("{}, line {}: {}", name, line, why));
  };
  Catalog out;
  try {
    const auto root = YAML::Load(std::string(text));
    if (!root || root.IsNull()) return out;
    if (!root.IsMap() || (root["models"] && !root["models"].IsSequence()))
      return bad(1, "must be a map with a list of models");
    for (const auto& node : root["models"]) out.models_.push_back(read_model(node));
  } catch (const Wrong& wrong) {
    return bad(wrong.line, wrong.what);
  } catch (const YAML::Exception& e) {
    return bad(e.mark.line + 1, e.msg);
  }
  return out;
}

Result<Catalog> Catalog::load(const std::vector<std::filesystem::path>& files) {
  Catalog out;
  for (const auto& file : files) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) continue;
    HEARTH_TRY(const auto text, base::read_file(file));
    HEARTH_TRY(auto more, parse(text, file.string()));
    for (auto& model : more.models_) {
      std::erase_if(out.models_, [&](const auto& known) { return is_called(known, model.name); });
      out.models_.push_back(std::move(model));
    }
  }
  return out;
}

const CatalogModel* Catalog::model(std::string_view name) const {
  const auto it = std::ranges::find_if(models_, [&](const auto& m) { return is_called(m, name); });
  return it == models_.end() ? nullptr : &*it;
}

std::optional<CatalogMatch> Catalog::find(std::string_view name) const {
  const auto colon = name.find(':');
  const std::string_view wanted = colon == std::string_view::npos ? "latest" : name.substr(colon + 1);
  const auto* const known_model = model(name.substr(0, colon));
  if (known_model == nullptr || wanted.empty()) return std::nullopt;
  const auto match = [&](std::string_view tag, std::string_view quantization) -> std::optional<CatalogMatch> {
    const auto* known =
        tag_of(*known_model, base::equals_ignore_case(tag, "latest") ? std::string_view(known_model->latest) : tag);
    if (known == nullptr) return std::nullopt;
    return CatalogMatch{.name = fmt::format("{}:{}", known_model->name, known->tag),
                        .tag = *known,
                        .quantization = std::string(quantization)};
  };
  if (auto found = match(wanted, "")) return found;
  if (auto found = match(without_variant(wanted), "")) return found;
  // A quantisation at the end, or alone.
  const std::string probe = fmt::format("x-{}", wanted);
  std::string rest;
  const std::string quantization = quantization_in(probe, &rest);
  if (quantization.empty()) return std::nullopt;
  const auto spelled = wanted.substr(wanted.size() - quantization.size());
  rest = rest.size() > 2 ? rest.substr(2) : "latest";
  if (auto found = match(rest, spelled)) return found;
  return match(without_variant(rest), spelled);
}

std::vector<const CatalogModel*> Catalog::search(std::string_view query, std::string_view tag) const {
  std::vector<const CatalogModel*> out;
  const std::string wanted = base::to_lower(query);
  for (const auto& model : models_) {
    const std::string text = searched_text(model);
    bool fits = tag.empty() || tag_of(model, tag) != nullptr || base::equals_ignore_case(model.task, tag);
    for (const auto word : base::split(wanted, ' ')) fits = fits && text.contains(word);
    if (fits) out.push_back(&model);
  }
  if (!out.empty() || !tag.empty()) return out;
  // Nothing has these words: what has a name much like them.
  constexpr std::size_t kSlipMax = 2;
  for (const auto& model : models_) {
    const auto alike = [&](const std::string& name) {
      return base::edit_distance(wanted, name) <= std::min(kSlipMax, wanted.size() / 3);
    };
    if (alike(model.name) || std::ranges::any_of(model.aliases, alike)) out.push_back(&model);
  }
  return out;
}

std::string to_json(const std::vector<const CatalogModel*>& models) {
  json::Writer w;
  w.begin_array();
  for (const auto* model : models) {
    w.begin_object().field("name", model->name).key("aliases").begin_array();
    for (const auto& alias : model->aliases) w.value(alias);
    w.end_array().field("task", model->task).field("description", model->description).field("latest", model->latest);
    write_tag(w, *tag_of(*model, model->latest));
    w.key("tags").begin_array();
    for (const auto& tag : model->tags) {
      w.begin_object().field("tag", tag.tag);
      write_tag(w, tag);
      w.end_object();
    }
    w.end_array().end_object();
  }
  w.end_array();
  return std::move(w).take();
}

}  // namespace hearth::store
