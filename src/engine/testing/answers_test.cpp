// Answers with thinking and calls of tools, in the format of a real family of models, from a model that says what it is
// told to or noise.
#include <boost/json/serialize.hpp>
#include <filesystem>

#include "base/files.hpp"
#include "chat/template.hpp"
#include "engine/testing/harness.hpp"
#include "json/reader.hpp"

namespace hearth::engine::testing {
namespace {

using domain::BlockKind;
using domain::FinishReason;
using domain::ToolChoice;

constexpr const char* kWeather =
    R"({"type":"object","properties":{"city":{"enum":["Rome","Oslo"]},"days":{"type":"integer","minimum":1,"maximum":9}},"required":["city","days"]})";

chat::ChatTemplate family(const char* name) {
  const auto path = std::filesystem::path(HEARTH_LLAMA_TEMPLATES) / name;
  return *chat::ChatTemplate::create(*base::read_file(path), "<s>", "</s>");
}

class Answers : public ::testing::Test {
 protected:
  void use(const char* name) {
    auto made = std::make_shared<const chat::ChatTemplate>(family(name));
    harness_ = std::make_unique<Harness>(
        TestModelOptions{.context_tokens = 2048,
                         .tasks = {domain::Task::kChat, domain::Task::kTools, domain::Task::kThinking},
                         .format = [made](const domain::ChatRequest& chat) { return made->format(chat); }});
  }
  void SetUp() override { use("Qwen-Qwen3-0.6B.jinja"); }

  static domain::ChatRequest asked(const std::string& said, std::int32_t most = 600) {
    auto out = chat_of({{domain::Role::kUser, TestModel::prompt_for(said)}}, most);
    out.generation.sampling.ignore_eos = false;
    out.tools = {{.name = "get_weather", .description = "Weather.", .parameters = kWeather},
                 {.name = "now", .description = "The time.", .parameters = {}}};
    return out;
  }
  domain::Choice answer(const domain::ChatRequest& request) {
    const auto client = harness_->submit(request);
    harness_->run();
    const auto out = client.answer();
    usage_ = out.usage;
    EXPECT_EQ(harness_->control->misuses(), std::vector<std::string>{});
    return out.choices.at(0);
  }
  // Fails the test unless the block is a call that the weather's schema allows.
  static void expect_weather(const domain::Block& block) {
    EXPECT_EQ(block.kind, BlockKind::kToolCall);
    EXPECT_EQ(block.tool_name, "get_weather");
    const auto value = json::parse(block.text);
    ASSERT_TRUE(value && value->is_object()) << block.text;
    const auto& object = value->get_object();
    ASSERT_TRUE(object.contains("city") && object.contains("days")) << block.text;
    EXPECT_TRUE(object.at("city") == "Rome" || object.at("city") == "Oslo") << block.text;
    EXPECT_TRUE(object.at("days").is_int64()) << block.text;
  }

  std::unique_ptr<Harness> harness_;
  domain::Usage usage_;
};

TEST_F(Answers, ThinkingTextAndCalls) {
  const auto out = answer(
      asked("<think>\nWhat now?\n</think>\n\nI look it up.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": "
            "{\"city\": \"Rome\", \"days\": 2}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", \"arguments\": "
            "{}}\n</tool_call>"));
  ASSERT_EQ(out.blocks.size(), 4U);
  EXPECT_EQ(out.blocks[0].kind, BlockKind::kThinking);
  EXPECT_EQ(out.blocks[0].text, "What now?");
  EXPECT_EQ(out.text(), "I look it up.");
  expect_weather(out.blocks[2]);
  EXPECT_EQ(out.blocks[2].text, R"({"city": "Rome", "days": 2})");
  EXPECT_EQ(out.blocks[3].tool_name, "now");
  EXPECT_EQ(out.blocks[3].text, "{}");
  EXPECT_EQ(out.reason, FinishReason::kToolCalls);
  EXPECT_GE(usage_.reasoning, 15);
  EXPECT_LE(usage_.reasoning, 30);
}

TEST_F(Answers, TextThatOnlyLooksLikeAMarkIsText) {
  const std::string said = "Use <tool_cal or <thin or <b>x</b> {\"name\": 1} if a < b.";
  const auto out = answer(asked(said));
  ASSERT_EQ(out.blocks.size(), 1U);
  EXPECT_EQ(out.text(), said);
  EXPECT_EQ(out.reason, FinishReason::kStop);
  EXPECT_EQ(usage_.reasoning, 0);
}

TEST_F(Answers, AWrongCallIsMadeRightFromWhereItGoesWrong) {
  auto request = asked("<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>");
  request.tool_choice.parallel = false;
  const auto out = answer(request);
  ASSERT_EQ(out.blocks.size(), 1U);
  expect_weather(out.blocks[0]);
  EXPECT_EQ(out.reason, FinishReason::kToolCalls);
}

TEST_F(Answers, AStrictToolIsKeptOrRefused) {
  auto request = asked("Hello");
  auto& tool = request.tools.emplace_back(
      domain::Tool{.name = "odd", .parameters = R"({"type":"object","properties":{"x":{"not":{}}}})"});
  EXPECT_EQ(answer(request).text(), "Hello");
  tool.strict = true;
  const auto refused = harness_->submit(request).refused;
  EXPECT_EQ(refused.code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(refused.param, fmt::format("tools[{}].parameters.properties.x.not", request.tools.size() - 1));
}

TEST_F(Answers, ACallIsForcedFromTheFirstToken) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    auto request = asked("I would rather talk.");
    request.generation.sampling.seed = seed;
    request.generation.sampling.temperature = 1;
    request.reasoning.effort = domain::Reasoning::Effort::kNone;
    request.tool_choice = {.mode = ToolChoice::Mode::kNamed, .name = "get_weather"};
    const auto named = answer(request);
    ASSERT_EQ(named.blocks.size(), 1U);
    expect_weather(named.blocks[0]);
    request.tool_choice = {.mode = ToolChoice::Mode::kRequired};
    request.tool_choice.parallel = false;
    const auto required = answer(request);
    ASSERT_EQ(required.blocks.size(), 1U);
    if (required.blocks[0].tool_name != "now") expect_weather(required.blocks[0]);
    EXPECT_EQ(required.reason, FinishReason::kToolCalls);
  }
}

TEST_F(Answers, OneMayThinkBeforeAForcedCall) {
  auto request = asked("<think>\nHm.\n</think>\n\nNo.");
  request.tool_choice = {.mode = ToolChoice::Mode::kNamed, .name = "get_weather", .parallel = false};
  const auto out = answer(request);
  ASSERT_EQ(out.blocks.size(), 2U);
  EXPECT_EQ(out.thinking(), "Hm.");
  expect_weather(out.blocks[1]);
}

TEST_F(Answers, OneCallWhereOneIsAsked) {
  auto request = asked(
      "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": \"now\", "
      "\"arguments\": {}}\n</tool_call>");
  EXPECT_EQ(answer(request).blocks.size(), 2U);
  request.tool_choice.parallel = false;
  const auto out = answer(request);
  EXPECT_EQ(out.blocks.size(), 1U);
  EXPECT_EQ(out.reason, FinishReason::kToolCalls);
}

TEST_F(Answers, NoToolMayBeCalled) {
  auto request = asked("<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>");
  request.tool_choice.mode = ToolChoice::Mode::kNone;
  const auto out = answer(request);
  ASSERT_EQ(out.blocks.size(), 1U);
  EXPECT_EQ(out.blocks[0].kind, BlockKind::kText);
}

TEST_F(Answers, ThinkingEndsWithItsBudget) {
  const std::string thought(300, 'z');
  auto request = asked("<think>\n" + thought + "\n</think>\n\nYes.", 80);
  request.tools.clear();
  request.reasoning.budget_tokens = 40;
  const auto out = answer(request);
  ASSERT_GE(out.blocks.size(), 2U);
  EXPECT_EQ(out.blocks[0].kind, BlockKind::kThinking);
  EXPECT_LE(out.thinking().size(), 41U);
  EXPECT_GE(out.thinking().size(), 30U);
  EXPECT_EQ(out.blocks[1].kind, BlockKind::kText);
  EXPECT_LE(usage_.reasoning, 50);
}

TEST_F(Answers, AFormIsOfTheTextAfterTheThinking) {
  auto request = asked("<think>\nA number.\n</think>\n\nSeven.");
  request.tools.clear();
  request.response_format = {.kind = domain::ResponseFormat::Kind::kRegex, .text = "[0-9]{4}"};
  const auto out = answer(request);
  EXPECT_EQ(out.thinking(), "A number.");
  EXPECT_EQ(out.text().size(), 4U) << out.text();
  EXPECT_EQ(out.text().find_first_not_of("0123456789"), std::string::npos);
}

TEST_F(Answers, AFormOrACall) {
  auto request = asked("<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>");
  request.response_format = {.kind = domain::ResponseFormat::Kind::kRegex, .text = "[0-9]{4}"};
  const auto call = answer(request);
  ASSERT_EQ(call.blocks.size(), 1U);
  EXPECT_EQ(call.blocks[0].tool_name, "now");
  request.messages = asked("1234").messages;
  EXPECT_EQ(answer(request).text(), "1234");
}

TEST_F(Answers, StopStringsDoNotCutThinkingOrCalls) {
  auto request = asked(
      "<think>\nthe end\n</think>\n\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": "
      "\"Rome\", \"days\": 2}}\n</tool_call>");
  request.generation.stop = {"end", "Rome"};
  const auto out = answer(request);
  ASSERT_EQ(out.blocks.size(), 2U);
  expect_weather(out.blocks[1]);
}

TEST_F(Answers, AnAnswerCutByItsLengthKeepsWhatThereIs) {
  const std::string said =
      "<think>\nhm\n</think>\n\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"";
  const auto whole = asked(said + ", \"days\": 2}}\n</tool_call>").messages;
  for (std::int32_t most = 1; most < static_cast<std::int32_t>(said.size()); most += 7) {
    auto request = asked("", most);
    request.messages = whole;
    const auto out = answer(request);
    EXPECT_EQ(out.reason, FinishReason::kLength);
    for (const auto& block : out.blocks) EXPECT_EQ(block.text.find("tool_call"), std::string::npos) << block.text;
  }
}

TEST_F(Answers, OtherFamilies) {
  struct Case {
    const char* family;
    std::string said;
    std::string thinking;
    std::string text;
    bool ends = true;  // noise comes to an end: nothing in the family's grammar can be of any length
  };
  const std::vector<Case> cases{
      {"meta-llama-Llama-3.1-8B-Instruct.jinja",
       R"({"name": "get_weather", "parameters": {"city": "Oslo", "days": 3}})", "", ""},
      {"Mistral-Small-3.2-24B-Instruct-2506.jinja",
       R"([TOOL_CALLS]get_weather[CALL_ID]abcdefghi[ARGS]{"city": "Oslo", "days": 3})", "", ""},
      {"openai-gpt-oss-120b.jinja",
       "<|channel|>analysis<|message|>Weather, then.<|end|><|start|>assistant<|channel|>commentary "
       "to=functions.get_weather "
       "<|constrain|>json<|message|>{\"city\": \"Oslo\", \"days\": 3}",
       "Weather, then.", "", false},
      {"Qwen3-Coder.jinja",
       "Now.\n<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n<parameter=days>\n3\n</"
       "parameter>\n"
       "</function>\n</tool_call>",
       "", "Now."},
      {"Kimi-K2-Instruct.jinja",
       "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{\"city\": "
       "\"Oslo\", "
       "\"days\": 3}<|tool_call_end|><|tool_calls_section_end|>",
       "", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.family);
    use(c.family);
    const auto out = answer(asked(c.said));
    ASSERT_FALSE(out.blocks.empty());
    expect_weather(out.blocks.back());
    EXPECT_EQ(out.thinking(), c.thinking);
    EXPECT_EQ(out.text(), c.text);
    if (!c.ends) continue;
    auto forced = asked("I would rather talk.");
    forced.tool_choice = {.mode = ToolChoice::Mode::kNamed, .name = "get_weather"};
    forced.tool_choice.parallel = false;
    forced.reasoning.effort = domain::Reasoning::Effort::kNone;
    const auto call = answer(forced);
    ASSERT_FALSE(call.blocks.empty());
    expect_weather(call.blocks.back());
  }
}

}  // namespace
}  // namespace hearth::engine::testing
