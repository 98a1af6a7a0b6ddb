#include "config/settings.hpp"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <set>

namespace hearth::config {
namespace {

namespace fs = std::filesystem;

class SettingsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "hearth-config-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    sources_.file = folder_ / "config.yaml";
    sources_.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto it = environment_.find(name);
      if (it == environment_.end()) return std::nullopt;
      return it->second;
    };
  }
  void TearDown() override { fs::remove_all(folder_); }
  void file(std::string_view text) { std::ofstream(sources_.file) << text; }

  fs::path folder_;
  std::map<std::string, std::string> environment_;
  Settings::Sources sources_;
};

TEST_F(SettingsTest, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  EXPECT_EQ(Settings::load(sources_)->integer("server.port"), 11434);
  file("server:\n  port: 1\n  cors_origin: [a, b]\n");
  auto s = Settings::load(sources_);
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(s->integer("server.port"), 1);
  EXPECT_EQ(s->source("server.port"), Source::kFile);
  EXPECT_EQ(s->list("server.cors_origin"), (std::vector<std::string>{"a", "b"}));
  environment_["HEARTH_SERVER_PORT"] = "2";
  EXPECT_EQ(Settings::load(sources_)->integer("server.port"), 2);
  sources_.flags["server.port"] = {"3"};
  s = Settings::load(sources_);
  EXPECT_EQ(s->integer("server.port"), 3);
  EXPECT_EQ(s->source("server.port"), Source::kFlag);
}

TEST_F(SettingsTest, EveryMistakeNamesItsPlace) {
  struct Case {
    std::string_view yaml;
    std::string_view in_message;
  };
  const Case cases[] = {
      {"server:\n  prot: 1\n", "unknown setting 'server.prot'"},
      {"server:\n  port: many\n", "server.port must be a whole number from 0 to 65535, not 'many'"},
      {"log:\n  level: LOUD\n", "log.level must be one of DEBUG, INFO, WARN, ERROR, not 'LOUD'"},
      {"api_key: s3cret\n", "api_key is a secret"},
      {"engine:\n  keep_alive: soon\n", "must be a duration"},
      {"a: [\n", "not valid YAML"},
      {"- a\n", "must be a map"},
  };
  for (const auto& c : cases) {
    file(c.yaml);
    const auto s = Settings::load(sources_);
    ASSERT_FALSE(s) << c.yaml;
    EXPECT_NE(s.error().message.find(c.in_message), std::string::npos) << s.error().message;
    EXPECT_NE(s.error().message.find("config.yaml"), std::string::npos) << s.error().message;
    EXPECT_EQ(s.error().message.find("s3cret"), std::string::npos);
  }
  file("");
  environment_["HEARTH_ENGINE_PARALLEL"] = "0";
  EXPECT_NE(Settings::load(sources_).error().message.find("HEARTH_ENGINE_PARALLEL"), std::string::npos);
  environment_.clear();
  sources_.flags["engine.ctx"] = {"-5"};
  EXPECT_NE(Settings::load(sources_).error().message.find("--ctx"), std::string::npos);
}

TEST_F(SettingsTest, SecretsAreNeverShown) {
  environment_["HEARTH_API_KEY"] = "s3cret";
  const auto s = Settings::load(sources_);
  EXPECT_EQ(s->list("api_key"), (std::vector<std::string>{"s3cret"}));
  EXPECT_EQ(s->display("api_key"), "(1 set)");
}

TEST_F(SettingsTest, AnEmptyKeyIsNoKey) {
  for (const auto* text : {" ", ",", " , "}) {
    environment_["HEARTH_API_KEY"] = text;
    EXPECT_TRUE(Settings::load(sources_)->list("api_key").empty()) << "'" << text << "'";
  }
  environment_["HEARTH_API_KEY"] = "a,,b,";
  EXPECT_EQ(Settings::load(sources_)->list("api_key"), (std::vector<std::string>{"a", "b"}));
  sources_.flags["api_key"] = {""};
  EXPECT_FALSE(Settings::load(sources_));
}

TEST_F(SettingsTest, ARequiredFileMustExist) {
  sources_.file_required = true;
  EXPECT_EQ(Settings::load(sources_).error().code, ErrorCode::kIo);
}

TEST(SettingsTable, KeysFlagsAndVariablesAreUniqueAndDefaultsValid) {
  std::set<std::string> names;
  for (const auto& s : all_settings()) {
    EXPECT_TRUE(names.insert(std::string(s.key)).second) << s.key;
    EXPECT_TRUE(names.insert(s.variable()).second) << s.variable();
    if (!s.flag.empty()) EXPECT_TRUE(names.insert(std::string(s.flag)).second) << s.flag;
    EXPECT_FALSE(s.help.empty()) << s.key;
  }
  EXPECT_EQ(find_setting("api_key")->variable(), "HEARTH_API_KEY");
  EXPECT_EQ(find_setting("home")->variable(), "HEARTH_HOME");
  EXPECT_TRUE(Settings::load({}));
  EXPECT_EQ(Settings::load({})->duration("engine.keep_alive"), std::chrono::minutes(5));
}

// Run with HEARTH_UPDATE_DOCS=1 to write the file anew.
TEST(SettingsTable, TheDocumentIsUpToDate) {
  const fs::path file = fs::path(HEARTH_SOURCE_DIR) / "docs/settings.md";
  if (std::getenv("HEARTH_UPDATE_DOCS") != nullptr) std::ofstream(file) << settings_markdown();
  std::ifstream in(file);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), settings_markdown());
}

}  // namespace
}  // namespace hearth::config
