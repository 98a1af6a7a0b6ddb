#include "store/library_entry.hpp"

#include <fmt/format.h>

#include "store/scan.hpp"

namespace hearth::store {

using Origin = LibraryEntry::Origin;

std::string shown_id(const domain::ModelName& name, bool preferred) {
  return preferred && is_quantization(name.tag()) ? name.path() : name.display();
}

bool LibraryEntry::is_foreign() const {
  return origin == Origin::kHub || origin == Origin::kOllama || origin == Origin::kLmStudio;
}

std::string_view to_string(Origin origin) {
  switch (origin) {
    case Origin::kFolder: return "hearth";
    case Origin::kRegistry: return "registry";
    case Origin::kBundled: return "bundled";
    case Origin::kHub: return "huggingface";
    case Origin::kOllama: return "ollama";
    case Origin::kLmStudio: return "lmstudio";
  }
  return "hearth";
}

std::string refusal_to_delete(const LibraryEntry& entry) {
  const auto say = [&](std::string_view owner, const std::string& remedy) {
    return fmt::format("model '{}' ({}) belongs to {}, and hearth deletes nothing there; {}", entry.id(),
                       entry.path.string(), owner, remedy);
  };
  switch (entry.origin) {
    case Origin::kOllama: return say("Ollama", fmt::format("delete it with: ollama rm {}", entry.name.full()));
    case Origin::kHub:
      return say("the Hugging Face cache", fmt::format("delete it with: hf cache rm model/{}", entry.name.path()));
    case Origin::kLmStudio: return say("LM Studio", "delete it among My Models there");
    case Origin::kFolder:
    case Origin::kRegistry:
    case Origin::kBundled: break;
  }
  return {};
}

}  // namespace hearth::store
