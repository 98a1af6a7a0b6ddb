#include "cli/parser.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "json/reader.hpp"

namespace hearth::cli {
namespace {

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> out;
  std::string word;
  bool quoted = false;
  for (const char c : line) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ' ' && !quoted) {
      if (!word.empty()) out.push_back(std::exchange(word, {}));
    } else
      word += c;
  }
  if (!word.empty()) out.push_back(word);
  return out;
}

TEST(Parser, EveryCommandIsUnderstood) {
  for (const auto* line :
       {"serve",
        "serve --host 0.0.0.0 --port 1 --ctx 100 --parallel 2 --cors-origin a --cors-origin b --insecure-no-key",
        "run m",
        "run m hello world --temperature 0 --seed 3 --stop a --stop b",
        "chat m --system s",
        "models",
        "models list",
        "models list --all",
        "models info m",
        "models import p --name n",
        "models delete a b",
        "pull a hf:org/b",
        "pull a --local-dir d",
        "models download a",
        "push a s3://b/p",
        "models push a s3://b/p --json",
        "models verify",
        "models verify a b",
        "models disk-usage",
        "cache list",
        "cache clear --yes",
        "cache delete a b",
        "models catalog",
        "models update",
        "models update a b --check",
        "models search a b --tag 1b",
        "search a",
        "list-models",
        "models find a",
        "models size f",
        "ps",
        "list",
        "show m",
        "import p",
        "delete m",
        "rm m",
        "create a -q q4_K_M",
        "login hf",
        "login hf --forget",
        "copy a b",
        "create a",
        "create a -f Modelfile",
        "stop",
        "stop m",
        "embed m text more",
        "doctor",
        "config",
        "config server.port",
        "version",
        "list --json",
        "ls",
        "cp a b",
        "models ls",
        "models show m",
        "models rm m",
        "models pull m",
        "cache ls",
        "cache rm m",
        "list --all --json",
        "--json list",
        "--server http://x list",
        "models list --json"}) {
    const auto parsed = parse_command_line(words(line));
    ASSERT_TRUE(parsed.command) << line << "\n" << parsed.err;
    EXPECT_TRUE(parsed.command->action) << line;
  }
}

TEST(Parser, ASubcommandIsNotItsParent) {
  for (const auto* line : {"models list", "models info m", "models import p", "models delete m"})
    EXPECT_EQ(parse_command_line(words(line)).command->name, words(line)[1]) << line;
  EXPECT_EQ(parse_command_line({"models"}).command->name, "models");
}

TEST(Parser, FlagsBecomeSettings) {
  const auto parsed = parse_command_line(words("serve --port 7 --cors-origin a --cors-origin b --insecure-no-key"));
  ASSERT_TRUE(parsed.command);
  EXPECT_EQ(parsed.command->flags.at("server.port"), (std::vector<std::string>{"7"}));
  EXPECT_EQ(parsed.command->flags.at("server.cors_origin"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(parsed.command->flags.at("server.insecure_no_key"), (std::vector<std::string>{"true"}));
  EXPECT_EQ(parsed.command->flags.size(), 3U);
}

TEST(Parser, MistakesAreUsageErrors) {
  for (const auto* line : {"frobnicate", "run", "show", "copy a", "run m --temperature 9", "serve --prot 1",
                           "models nonsense", "run m --max-tokens -1", "pull", "push a", "convert x"}) {
    const auto parsed = parse_command_line(words(line));
    EXPECT_FALSE(parsed.command) << line;
    EXPECT_EQ(parsed.exit_code, kExitUsage) << line;
    EXPECT_TRUE(parsed.err.starts_with("hearth: ")) << line << ": " << parsed.err;
  }
}

TEST(Parser, MistakesAreToldWithARemedy) {
  const struct {
    const char* line;
    const char* remedy;
  } cases[] = {
      {"lsit", "hearth list"},        {"serv", "hearth serve"},     {"verify a", "hearth models verify"},
      {"xyzzy", "hearth --help"},     {"run", "hearth run --help"}, {"models find", "hearth models find --help"},
      {"--nonsense", "hearth --help"}};
  for (const auto& c : cases)
    EXPECT_TRUE(parse_command_line(words(c.line)).err.ends_with(fmt::format("\ntry: {}\n", c.remedy)))
        << c.line << ": " << parse_command_line(words(c.line)).err;
}

TEST(Parser, HelpAndVersion) {
  EXPECT_EQ(parse_command_line({"--version"}).out, "hearth " HEARTH_VERSION "\n");
  EXPECT_EQ(parse_command_line({"--help"}).exit_code, kExitOk);
  EXPECT_NE(parse_command_line({"serve", "--help"}).out.find("HEARTH_SERVER_PORT"), std::string::npos);
  EXPECT_EQ(parse_command_line({"help"}).out, parse_command_line({"--help"}).out);
  EXPECT_EQ(parse_command_line({"help", "run"}).out, parse_command_line({"run", "--help"}).out);
  EXPECT_EQ(parse_command_line({}).exit_code, kExitUsage);
}

// The bundled model teaches only commands that exist.
TEST(Parser, EveryCommandThatEmberTeachesIsUnderstood) {
  const auto text = base::read_file(HEARTH_SOURCE_DIR "/models/ember/commands.json");
  ASSERT_TRUE(text) << text.error().message;
  const auto commands = json::parse(*text);
  ASSERT_TRUE(commands && commands->is_array());
  EXPECT_GE(commands->get_array().size(), 20U);
  for (const auto& command : commands->get_array()) {
    auto line = words(std::string(command.get_string()));
    ASSERT_EQ(line.front(), "hearth");
    line.erase(line.begin());
    const auto parsed = parse_command_line(line);
    EXPECT_TRUE(parsed.command || parsed.exit_code == kExitOk) << command.get_string().c_str() << ": " << parsed.err;
  }
}

}  // namespace
}  // namespace hearth::cli
