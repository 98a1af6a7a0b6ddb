#include "store/catalog.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "store/reference.hpp"
#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

constexpr const char* kText = R"(
models:
  - name: "llama3.2"
    aliases: ["llama-3.2"]
    license: "llama3.2"
    task: text-generation
    description: "Small chat models."
    tags:
      latest: "3b"
      "1b": {repo: "org/Llama-3.2-1B-Instruct-GGUF", parameters: "1.24B", context: 131072}
      "3b": {repo: "org/Llama-3.2-3B-Instruct-GGUF", license: "other", files: "x-{quant}.gguf"}
  - name: "embed"
    task: feature-extraction
    tags:
      "q": {repo: "org/embed"}
)";

Catalog catalog() {
  auto parsed = Catalog::parse(kText, "test.yaml");
  EXPECT_TRUE(parsed) << parsed.error().message;
  return *std::move(parsed);
}

TEST(Catalog, ShortNamesResolve) {
  struct {
    const char* name;
    const char* repo;
    const char* quantization;
  } const cases[] = {
      {"llama3.2", "org/Llama-3.2-3B-Instruct-GGUF", ""},
      {"LLAMA-3.2:latest", "org/Llama-3.2-3B-Instruct-GGUF", ""},
      {"llama3.2:1B", "org/Llama-3.2-1B-Instruct-GGUF", ""},
      {"llama3.2:1b-instruct", "org/Llama-3.2-1B-Instruct-GGUF", ""},
      {"llama3.2:1b-instruct-q4_K_M", "org/Llama-3.2-1B-Instruct-GGUF", "q4_K_M"},
      {"llama3.2:1b-q8_0", "org/Llama-3.2-1B-Instruct-GGUF", "q8_0"},
      {"llama3.2:q8_0", "org/Llama-3.2-3B-Instruct-GGUF", "q8_0"},
      {"embed", "org/embed", ""},
  };
  const auto known = catalog();
  for (const auto& c : cases) {
    const auto match = known.find(c.name);
    ASSERT_TRUE(match) << c.name;
    EXPECT_EQ(match->tag.repo, c.repo) << c.name;
    EXPECT_EQ(match->quantization, c.quantization) << c.name;
  }
  for (const auto* name : {"llama", "llama3.2:70b", "llama3.2:", "", ":", "llama3.2:7b-q4_K_M", "org/embed", "3.2"})
    EXPECT_FALSE(known.find(name)) << name;
  EXPECT_EQ(known.find("llama3.2")->tag.license, "other");
  EXPECT_EQ(known.find("llama3.2:1b")->tag.license, "llama3.2");
  EXPECT_EQ(known.find("llama3.2:1b")->tag.context, 131072);
}

TEST(Catalog, IsSearched) {
  const auto known = catalog();
  EXPECT_EQ(known.search("", "").size(), 2U);
  EXPECT_EQ(known.search("CHAT small", "").size(), 1U);
  EXPECT_EQ(known.search("instruct-gguf", "").size(), 1U);
  EXPECT_EQ(known.search("chat absent", "").size(), 0U);
  EXPECT_EQ(known.search("", "1b").size(), 1U);
  EXPECT_EQ(known.search("", "feature-extraction").at(0)->name, "embed");
}

TEST(Catalog, SaysWhatIsWrong) {
  struct {
    const char* text;
    const char* message;
  } const cases[] = {
      {"models: [", "test.yaml, line"},
      {"[]", "must be a map"},
      {"models: x", "list of models"},
      {"models:\n  - x", "line 2: a model must be a map"},
      {"models:\n  - {task: x}", "without a name"},
      {"models:\n  - {name: x}", "'x' has no tags"},
      {"models:\n  - {name: x, tags: {}}", "'x' has no tags"},
      {"models:\n  - {name: x, tags: {a: b}}", "tag 'a'"},
      {"models:\n  - {name: x, tags: {a: {repo: ../../etc}}}", "no repository"},
      {"models:\n  - {name: x, tags: {a: {repo: o/n, context: many}}}", "number of tokens"},
      {"models:\n  - {name: x, tags: {latest: b, a: {repo: o/n}}}", "no tag 'b'"},
  };
  for (const auto& c : cases) {
    const auto parsed = Catalog::parse(c.text, "test.yaml");
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_NE(parsed.error().message.find(c.message), std::string::npos) << parsed.error().message;
  }
  EXPECT_TRUE(Catalog::parse("", "x"));
}

TEST(Catalog, TheUsersFileWins) {
  const TestFolder folder;
  ASSERT_TRUE(base::write_file_atomically(folder.path() / "a", kText));
  ASSERT_TRUE(
      base::write_file_atomically(folder.path() / "b", "models:\n  - {name: Llama3.2, tags: {t: {repo: me/mine}}}"));
  const auto known = Catalog::load({folder.path() / "a", folder.path() / "b", folder.path() / "absent"});
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_EQ(known->models().size(), 2U);
  EXPECT_EQ(known->find("llama3.2")->tag.repo, "me/mine");
}

// What is shipped is whole: every name leads to one place, and the names that must resolve do.
TEST(Catalog, TheShippedOne) {
  const auto known = Catalog::load({fs::path(HEARTH_SOURCE_DIR) / "models" / "catalog.yaml"});
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_GE(known->models().size(), 80U);
  for (const auto& model : known->models()) {
    EXPECT_FALSE(model.description.empty()) << model.name;
    EXPECT_FALSE(model.task.empty()) << model.name;
    auto names = model.aliases;
    names.push_back(model.name);
    for (const auto& name : names) {
      const auto match = known->find(name);
      ASSERT_TRUE(match) << name;
      EXPECT_EQ(match->name, model.name + ":" + model.latest) << name << " is another model's name too";
    }
  }
  for (const auto* name : {"tinyllama", "llama2", "llama3", "qwencoder", "llama3.2:1b", "mistral", "phi3"})
    EXPECT_TRUE(known->find(name)) << name;
}

}  // namespace
}  // namespace hearth::store
