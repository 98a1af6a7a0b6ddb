#include "store/ollama_models.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/foreign_folders.hpp"
#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

std::string digest(char c) { return std::string(64, c); }

// A manifest whose layers are kinds and the first letters of their digests: "model a, system b".
std::string manifest(const std::vector<std::pair<std::string, char>>& layers) {
  std::string list;
  for (const auto& [kind, c] : layers)
    list += fmt::format(R"({}{{"mediaType":"application/vnd.ollama.image.{}","digest":"sha256:{}","size":1}})",
                        list.empty() ? "" : ",", kind, digest(c));
  return R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"sha256:)" +
         digest('d') + R"(","size":1},"layers":[)" + list + "]}";
}

class OllamaModels : public ::testing::Test {
 protected:
  OllamaModels() {
    const std::string library = "manifests/registry.ollama.ai/library/";
    blob('a', "GGUF");
    blob('b', "be kind");
    blob('c', R"({"temperature":0.5})");
    folder_.touch(library + "tiny/latest", manifest({{"model", 'a'}, {"system", 'b'}, {"params", 'c'}}));
    folder_.touch(library + "tiny/1b", manifest({{"model", 'a'}, {"template", 'f'}}));
    folder_.touch("manifests/registry.ollama.ai/Me/mine/v1", manifest({{"model", 'a'}}));
    folder_.touch("manifests/hf.co/org/repo-GGUF/Q8_0", manifest({{"model", 'a'}}));
    folder_.touch(library + "bad/adapter", manifest({{"model", 'a'}, {"adapter", 'b'}}));
    folder_.touch(library + "bad/gone", manifest({{"model", 'e'}}));
    folder_.touch(library + "bad/broken", "{");
    folder_.touch(library + "bad/folder/x");
    folder_.touch("manifests/stray");
  }
  void blob(char c, std::string_view content) { folder_.touch("blobs/sha256-" + digest(c), content); }
  std::vector<std::string> ids(std::string_view only = {}) {
    std::vector<std::string> out;
    for (const auto& f : scan_ollama(folder_.path(), folders_, only)) out.push_back(f.model + ":" + f.tag);
    std::ranges::sort(out);
    return out;
  }

  TestFolder folder_;
  std::vector<std::string> troubles_;
  FolderCache folders_{
      [this](const std::string& path, std::string_view) { troubles_.push_back(fs::path(path).filename().string()); }};
};

TEST_F(OllamaModels, AreFoundUnderTheirOwnNames) {
  EXPECT_EQ(ids(), (std::vector<std::string>{"Me/mine:v1", "hf.co/org/repo-GGUF:Q8_0", "tiny:1b", "tiny:latest"}));
  EXPECT_EQ(troubles_, (std::vector<std::string>{"adapter", "broken", "folder", "gone"}));
  EXPECT_EQ(ids("me/MINE"), (std::vector<std::string>{"Me/mine:v1"}));
  EXPECT_EQ(ids("tiny").size(), 2U);
  EXPECT_TRUE(ids("library/tiny").empty());
  EXPECT_EQ(scan_ollama(folder_.path(), folders_, "tiny")[0].path,
            folder_.path() / "blobs" / ("sha256-" + digest('a')));
}

TEST_F(OllamaModels, BringTheirSettings) {
  for (const auto& found : scan_ollama(folder_.path(), folders_, "tiny")) {
    const auto settings = ollama_settings(found.manifest);
    EXPECT_EQ(settings.system, found.tag == "latest" ? "be kind" : "");
    EXPECT_EQ(settings.parameters.size(), found.tag == "latest" ? 1U : 0U);
  }
  EXPECT_TRUE(ollama_settings(folder_.path() / "none").empty());
}

TEST(ForeignFolders, AreWhereTheProgramsLook) {
  struct {
    std::map<std::string, std::string> variables;
    fs::path hub, ollama;
  } const cases[] = {
      {{}, "/u/.cache/huggingface/hub", "/u/.ollama/models"},
      {{{"XDG_CACHE_HOME", "/c"}}, "/c/huggingface/hub", "/u/.ollama/models"},
      {{{"XDG_CACHE_HOME", "/c"}, {"HF_HOME", "/h"}}, "/h/hub", "/u/.ollama/models"},
      {{{"HF_HOME", "/h"}, {"HUGGINGFACE_HUB_CACHE", "/old"}}, "/old", "/u/.ollama/models"},
      {{{"HUGGINGFACE_HUB_CACHE", "/old"}, {"HF_HUB_CACHE", "/new"}}, "/new", "/u/.ollama/models"},
      {{{"OLLAMA_MODELS", "/o"}}, "/u/.cache/huggingface/hub", "/o"},
  };
  for (const auto& c : cases) {
    const auto found = foreign_folders(
        [&](const char* name) { return c.variables.contains(name) ? c.variables.at(name) : std::string(); }, "/u");
    EXPECT_EQ(found.hub, (std::vector<fs::path>{c.hub}));
    EXPECT_EQ(found.ollama.front(), c.ollama);
    EXPECT_EQ(found.ollama.size(), c.variables.contains("OLLAMA_MODELS") ? 1U : 2U);
    EXPECT_EQ(found.lm_studio, (std::vector<fs::path>{"/u/.lmstudio/models", "/u/.cache/lm-studio/models"}));
  }
}

}  // namespace
}  // namespace hearth::store
