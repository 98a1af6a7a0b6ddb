#include "domain/model_settings.hpp"

#include <gtest/gtest.h>

namespace hearth::domain {
namespace {

ModelSettings settings(std::initializer_list<std::pair<const char*, const char*>> lines) {
  ModelSettings out;
  for (const auto& [name, value] : lines) {
    const auto added = out.add(name, value);
    EXPECT_TRUE(added) << added.error().message;
  }
  return out;
}

TEST(ModelSettings, FillInWhatTheClientLeavesOpen) {
  const auto model = settings({{"temperature", "0.25"},
                               {"top_k", "40.0"},
                               {"TOP_P", "0.5"},
                               {"min_p", "0.1"},
                               {"typical_p", "0.2"},
                               {"repeat_penalty", "1.25"},
                               {"repeat_last_n", "-1"},
                               {"presence_penalty", "0.5"},
                               {"frequency_penalty", "-0.5"},
                               {"mirostat", "2"},
                               {"mirostat_tau", "4.5"},
                               {"mirostat_eta", "0.2"},
                               {"xtc_probability", "0.5"},
                               {"xtc_threshold", "0.2"},
                               {"seed", "7"},
                               {"num_predict", "9"},
                               {"stop", "A"},
                               {"stop", "B"},
                               {"num_keep", "24"},
                               {"num_ctx", "512"},
                               {"num_gpu", "99"}});
  ChatRequest open;
  open.messages = {{Role::kUser, {TextPart{"hi"}}}};
  Request request = open;
  apply_settings(model, request);
  const auto& filled = std::get<ChatRequest>(request);
  const Generation wanted{.given = ParameterSet::all(),
                          .sampling = {.temperature = 0.25,
                                       .top_k = 40,
                                       .top_p = 0.5,
                                       .min_p = 0.1,
                                       .typical_p = 0.2,
                                       .repeat_penalty = 1.25,
                                       .presence_penalty = 0.5,
                                       .frequency_penalty = -0.5,
                                       .repeat_last_n = -1,
                                       .xtc_probability = 0.5,
                                       .xtc_threshold = 0.2,
                                       .mirostat = 2,
                                       .mirostat_tau = 4.5,
                                       .mirostat_eta = 0.2,
                                       .seed = 7},
                          .stop = {"A", "B"},
                          .max_tokens = 9,
                          .keep_tokens = 24};
  EXPECT_EQ(filled.generation, wanted);
  EXPECT_EQ(filled.envelope.context_tokens, 512);
  EXPECT_EQ(filled.messages, open.messages);

  CompletionRequest sent;
  sent.envelope.context_tokens = 64;
  sent.generation = wanted;
  sent.generation.sampling.temperature = 2;
  sent.generation.stop = {"C"};
  request = sent;
  apply_settings(model, request);
  EXPECT_EQ(std::get<CompletionRequest>(request), sent) << "what the client says stays";
}

TEST(ModelSettings, SystemTemplateAndMessages) {
  ModelSettings model;
  model.system = "be kind";
  model.chat_template = "{{ messages }}";
  model.messages = {{Role::kUser, {TextPart{"1+1?"}}}, {Role::kAssistant, {TextPart{"2"}}}};
  const Message own{Role::kSystem, {TextPart{"be brief"}}};
  const Message user{Role::kUser, {TextPart{"hi"}}};
  const Message kind{Role::kSystem, {TextPart{"be kind"}}};
  Request request = ChatRequest{.messages = {user}};
  apply_settings(model, request);
  EXPECT_EQ(std::get<ChatRequest>(request).messages,
            (std::vector<Message>{kind, model.messages[0], model.messages[1], user}));
  EXPECT_EQ(std::get<ChatRequest>(request).template_override, "{{ messages }}");
  request = RenderRequest{ChatRequest{.messages = {own, user}, .template_override = "own"}};
  apply_settings(model, request);
  EXPECT_EQ(std::get<RenderRequest>(request).chat.messages,
            (std::vector<Message>{own, model.messages[0], model.messages[1], user}));
  EXPECT_EQ(std::get<RenderRequest>(request).chat.template_override, "own");
}

TEST(ModelSettings, PoolingIsForEmbeddingsThatNameNone) {
  const auto model = settings({{"pooling", "cls"}});
  Request request = EmbedRequest{};
  apply_settings(model, request);
  EXPECT_EQ(std::get<EmbedRequest>(request).pooling, Pooling::kCls);
  request = EmbedRequest{.pooling = Pooling::kNone};
  apply_settings(model, request);
  EXPECT_EQ(std::get<EmbedRequest>(request).pooling, Pooling::kNone);
  EXPECT_TRUE(is_honoured("pooling"));
}

TEST(ModelSettings, RefusesWhatMeansNothing) {
  struct {
    const char* name;
    const char* value;
  } const cases[] = {
      {"temperature", "warm"}, {"temperature", "-1"}, {"temperature", "nan"}, {"top_p", "1.5"},    {"top_k", "4.5"},
      {"top_k", ""},           {"seed", "x"},         {"num_ctx", "-4"},      {"stop", ""},        {"tempurature", "1"},
      {"top_k", "1e300"},      {"mirostat", "3"},     {"mirostat_tau", "-1"}, {"pooling", "rank"}, {"num_keep", "-2"}};
  for (const auto& c : cases) {
    ModelSettings model;
    const auto added = model.add(c.name, c.value);
    ASSERT_FALSE(added) << c.name << " " << c.value;
    EXPECT_NE(added.error().message.find(c.name), std::string::npos) << added.error().message;
    EXPECT_TRUE(model.empty());
  }
  EXPECT_TRUE(is_honoured("num_ctx"));
  EXPECT_FALSE(is_honoured("num_gpu"));
}

TEST(ModelSettings, MergedByName) {
  auto base = settings({{"temperature", "1"}, {"stop", "A"}, {"stop", "B"}, {"top_k", "3"}});
  base.system = "s";
  auto over = settings({{"stop", "C"}, {"temperature", "0"}});
  over.license = "l";
  base.merge(over);
  auto wanted = settings({{"top_k", "3"}, {"stop", "C"}, {"temperature", "0"}});
  wanted.system = "s";
  wanted.license = "l";
  EXPECT_EQ(base, wanted);
}

}  // namespace
}  // namespace hearth::domain
