#include "gateway/choose_model.hpp"

#include <gtest/gtest.h>

namespace hearth::gateway {
namespace {

using domain::Task;
using domain::TaskSet;

domain::ModelCard card(std::string name, TaskSet tasks, std::string format = "gguf") {
  domain::ModelCard out;
  out.name = std::move(name);
  out.tasks = tasks;
  out.format = std::move(format);
  return out;
}

const TaskSet kGenerates{Task::kChat, Task::kComplete, Task::kEmbed};

TEST(ChooseModel, TheOnlyOneThatDoesIt) {
  const std::vector cards{card("chat", kGenerates), card("rank", {Task::kRerank, Task::kClassify}),
                          card("folder", {Task::kRerank}, "safetensors")};
  EXPECT_EQ(choose_model(cards, {}, {Task::kRerank}).value(), "rank");
  EXPECT_EQ(choose_model(cards, {}, {Task::kClassify}).value(), "rank");
  EXPECT_EQ(choose_model(cards, {}, {Task::kEmbed}).value(), "chat");
}

TEST(ChooseModel, ModelsForTheTaskComeBeforeThoseThatGenerate) {
  const std::vector cards{card("chat", kGenerates), card("bert", {Task::kEmbed})};
  EXPECT_EQ(choose_model(cards, {}, {Task::kEmbed}).value(), "bert");
  EXPECT_EQ(choose_model(cards, {"chat"}, {Task::kEmbed}).value(), "bert");
}

TEST(ChooseModel, OfSeveralTheOneThatIsLoaded) {
  const std::vector cards{card("a", {Task::kRerank}), card("b", {Task::kRerank}), card("c", {Task::kRerank})};
  EXPECT_EQ(choose_model(cards, {"b", "other"}, {Task::kRerank}).value(), "b");
  for (const auto& loaded : {std::set<std::string>{}, std::set<std::string>{"a", "c"}}) {
    const auto chosen = choose_model(cards, loaded, {Task::kRerank});
    ASSERT_FALSE(chosen);
    EXPECT_EQ(chosen.error().code, ErrorCode::kInvalidRequest);
    EXPECT_EQ(chosen.error().param, "model");
    EXPECT_NE(chosen.error().message.find("3 that are installed can rerank (a, b, c); name one in the field 'model' or "
                                          "in the header hearth-model"),
              std::string::npos)
        << chosen.error().message;
  }
}

TEST(ChooseModel, NoneIsAnErrorWithTheRemedy) {
  const std::vector cards{card("chat", kGenerates)};
  const auto none = choose_model(cards, {}, {Task::kRerank, Task::kClassify});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("can rerank or classify; fetch one with: hearth pull"), std::string::npos)
      << none.error().message;
}

}  // namespace
}  // namespace hearth::gateway
