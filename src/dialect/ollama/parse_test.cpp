#include <gtest/gtest.h>

#include "dialect/ollama/ollama.hpp"
#include "dialect/testing/wrong_types.hpp"

namespace hearth::dialect::ollama {
namespace {

using domain::ChatRequest;
using domain::CompletionRequest;
using testing::TypeRules;

constexpr std::string_view kOptions =
    R"("options":{"temperature":0.5,"top_k":5,"top_p":0.5,"min_p":0.25,"typical_p":0.75,
  "repeat_penalty":1.5,"repeat_last_n":16,"presence_penalty":0.5,"frequency_penalty":-0.5,"seed":42,"num_predict":7,
  "max_tokens":900,"stop":["END"],"num_ctx":512,"num_keep":4,"num_batch":512,"num_gpu":-1,"main_gpu":0,"num_thread":0,
  "draft_num_predict":4,"use_mmap":true,"penalize_newline":true,"tfs_z":0.5,
  "dry_multiplier": 0.5, "dry_base": 1.5, "dry_allowed_length": 3, "dry_penalty_last_n": 128,
  "dry_sequence_breakers": ["."], "dynatemp_range": 0.25, "dynatemp_exponent": 1.5, "top_n_sigma": 1.25,
  "xtc_probability": 0.75, "xtc_threshold": 0.2, "mirostat": 1, "mirostat_tau": 4.5, "mirostat_eta": 0.3,
  "adaptive_target": 0.4, "adaptive_decay": 0.8, "min_keep": 2, "samplers": ["top_k", "temperature"]})";

// Every field that is read, with a value of its own.
const std::string kChat =
    R"({"model":"tiny","keep_alive":"5m","stream":false,"think":"high","truncate":true,"shift":false,
  "logprobs":true,"top_logprobs":2,"format":{"type":"object"},
  "tools":[{"type":"function","function":{"name":"lamp","description":"d","parameters":{"b":{},"a":{}}}}],
  "messages":[{"role":"System","content":"Be brief."},{"role":"user","content":"What?","images":["aGk="]},
    {"role":"assistant","content":"","thinking":"Hm.",
     "tool_calls":[{"id":"c1","function":{"index":0,"name":"lamp","arguments":{"on":true}}}]},
    {"role":"tool","content":"lit","tool_name":"lamp","tool_call_id":"c1"}],)" +
    std::string(kOptions) + "}";
const std::string kGenerate = R"({"model":"tiny","keep_alive":60,"stream":true,"prompt":"hi","suffix":"","system":"s",
  "template":"t","raw":false,"format":"json","think":false,"images":["aGk="],"truncate":false,"shift":true,
  "logprobs":false,
  "top_logprobs":0,)" + std::string(kOptions) +
                              "}";

TypeRules rules() {
  return {.also = {{"keep_alive", {"number", "string"}},
                   {"think", {"string", "boolean"}},
                   {"format", {"string", "object"}},
                   {"options.stop", {"string"}},
                   {"options.samplers", {"string"}},
                   {"messages[].tool_calls[].function.arguments", {"string", "object"}},
                   {"input", {"string", "array"}}},
          .fraction = {"keep_alive",
                       "options.temperature",
                       "options.top_p",
                       "options.min_p",
                       "options.typical_p",
                       "options.repeat_penalty",
                       "options.presence_penalty",
                       "options.frequency_penalty",
                       "options.tfs_z",
                       "options.dry_multiplier",
                       "options.dry_base",
                       "options.dynatemp_range",
                       "options.dynatemp_exponent",
                       "options.top_n_sigma",
                       "options.xtc_probability",
                       "options.xtc_threshold",
                       "options.mirostat_tau",
                       "options.mirostat_eta",
                       "options.adaptive_target",
                       "options.adaptive_decay"},
          .opaque = {"format", "tools[].function.parameters", "messages[].tool_calls[].function.arguments"},
          .any = {"messages[].tool_calls[].function.index"}};
}

template <class T>
auto parser(Result<T> (*parse)(std::string_view, const Edge&)) {
  return [parse](std::string_view body) -> std::optional<Error> {
    const auto call = parse(body, {});
    if (call) return std::nullopt;
    return call.error();
  };
}
template <class T>
auto parser(Result<T> (*parse)(std::string_view)) {
  return [parse](std::string_view body) -> std::optional<Error> {
    const auto call = parse(body);
    if (call) return std::nullopt;
    return call.error();
  };
}

template <class R>
R request_of(const Result<OllamaCall>& call) {
  EXPECT_TRUE(call) << (call ? "" : call.error().message);
  return call ? std::get<R>(call->call.request) : R{};
}

TEST(Chat, EveryFieldArrives) {
  using namespace domain;
  ChatRequest expected;
  expected.envelope = {.model = "tiny", .keep_alive = std::chrono::minutes(5), .context_tokens = 512};
  expected.messages = {
      {Role::kSystem, {TextPart{"Be brief."}}},
      {Role::kUser, {ImagePart{.data = "hi"}, TextPart{"What?"}}},
      {Role::kAssistant, {ThinkingPart{.text = "Hm."}, ToolCallPart{"c1", "lamp", R"({"on":true})"}}},
      {Role::kTool, {ToolResultPart{.id = "c1", .name = "lamp", .text = "lit"}}},
  };
  expected.tools = {{.name = "lamp", .description = "d", .parameters = R"({"b":{},"a":{}})"}};
  expected.response_format = {
      .kind = ResponseFormat::Kind::kJsonSchema, .text = R"({"type":"object"})", .field = "format"};
  expected.reasoning = {.effort = Reasoning::Effort::kHigh, .required = true};
  expected.generation = {.given = ParameterSet::all(),
                         .sampling = {.temperature = 0.5,
                                      .top_k = 5,
                                      .top_p = 0.5,
                                      .min_p = 0.25,
                                      .typical_p = 0.75,
                                      .repeat_penalty = 1.5,
                                      .presence_penalty = 0.5,
                                      .frequency_penalty = -0.5,
                                      .repeat_last_n = 16,
                                      .dry = {.multiplier = 0.5,
                                              .base = 1.5,
                                              .allowed_length = 3,
                                              .penalty_last_n = 128,
                                              .sequence_breakers = {"."}},
                                      .dynatemp_range = 0.25,
                                      .dynatemp_exponent = 1.5,
                                      .top_n_sigma = 1.25,
                                      .xtc_probability = 0.75,
                                      .xtc_threshold = 0.2,
                                      .mirostat = 1,
                                      .mirostat_tau = 4.5,
                                      .mirostat_eta = 0.3,
                                      .adaptive_target = 0.4,
                                      .adaptive_decay = 0.8,
                                      .min_keep = 2,
                                      .samplers = {SamplerStage::kTopK, SamplerStage::kTemperature},
                                      .seed = 42},
                         .stop = {"END"},
                         .max_tokens = 7,
                         .logprobs = true,
                         .top_logprobs = 2,
                         .truncate = true,
                         .shift = false,
                         .keep_tokens = 4};
  const auto call = parse_chat(kChat, {});
  EXPECT_EQ(request_of<ChatRequest>(call), expected);
  EXPECT_FALSE(call->call.stream);
  EXPECT_EQ(call->call.framing, Framing::kNdjson);
  EXPECT_EQ(call->call.ignored,
            (std::vector<std::string>{"options.num_batch", "options.num_gpu", "options.main_gpu", "options.num_thread",
                                      "options.draft_num_predict", "options.use_mmap", "options.penalize_newline",
                                      "options.tfs_z"}));
}

TEST(Generate, ThreeKindsOfRequest) {
  using namespace domain;
  const auto templated = request_of<ChatRequest>(parse_generate(kGenerate, {}));
  EXPECT_EQ(templated.messages, (std::vector<Message>{{Role::kSystem, {TextPart{"s"}}},
                                                      {Role::kUser, {ImagePart{.data = "hi"}, TextPart{"hi"}}}}));
  EXPECT_EQ(templated.reasoning.effort, Reasoning::Effort::kNone);
  EXPECT_EQ(templated.response_format.kind, ResponseFormat::Kind::kJson);
  EXPECT_FALSE(templated.generation.truncate);

  EXPECT_TRUE(templated.template_override.empty()) << "plain text is left alone";
  const auto own =
      request_of<ChatRequest>(parse_generate(R"({"model":"m","prompt":"hi","template":"<{{ .Prompt }}>"})", {}));
  EXPECT_EQ(own.template_override, "<{{ .Prompt }}>");

  const auto raw = request_of<CompletionRequest>(parse_generate(R"({"model":"m","prompt":"[INST]","raw":true})", {}));
  EXPECT_EQ(raw.prompts, (std::vector<std::variant<std::string, Tokens>>{"[INST]"}));
  EXPECT_EQ(raw.generation.sampling.temperature, 0.8);

  const auto middle = parse_generate(R"({"model":"m","prompt":"def f(","suffix":"return x","system":"s"})", {});
  EXPECT_EQ(request_of<CompletionRequest>(middle).suffix, "return x");
  EXPECT_TRUE(request_of<CompletionRequest>(middle).infill);
  EXPECT_EQ(middle->call.ignored, std::vector<std::string>{"system"});
}

TEST(Defaults, AreOllamas) {
  const auto r = request_of<ChatRequest>(parse_chat(R"({"model":"m","messages":[{"role":"user","content":"x"}]})", {}));
  const auto& s = r.generation.sampling;
  EXPECT_EQ(s.temperature, 0.8);
  EXPECT_EQ(s.top_k, 40);
  EXPECT_EQ(s.top_p, 0.9);
  EXPECT_EQ(s.min_p, 0);
  EXPECT_EQ(s.typical_p, 1);
  EXPECT_EQ(s.repeat_penalty, 1);
  EXPECT_EQ(s.repeat_last_n, 64);
  EXPECT_EQ(s.samplers, domain::default_samplers());
  EXPECT_EQ(s.mirostat, 0);
  EXPECT_EQ(s.seed, std::nullopt);
  EXPECT_EQ(r.generation.max_tokens, std::nullopt);
  EXPECT_FALSE(r.generation.truncate);
  EXPECT_EQ(r.reasoning, domain::Reasoning{});
}

TEST(Options, SpecialValues) {
  auto generation = [](std::string_view options) {
    const std::string body =
        R"({"model":"m","messages":[{"role":"user","content":"x"}],"options":)" + std::string(options) + "}";
    return request_of<ChatRequest>(parse_chat(body, {}));
  };
  EXPECT_EQ(generation(R"({"seed":-1})").generation.sampling.seed, std::nullopt);
  EXPECT_EQ(generation(R"({"seed":0})").generation.sampling.seed, 0U);
  EXPECT_EQ(generation(R"({"num_predict":-1})").generation.max_tokens, std::nullopt);
  EXPECT_EQ(generation(R"({"num_predict":-2})").generation.max_tokens, std::nullopt);
  EXPECT_EQ(generation(R"({"num_predict":0})").generation.max_tokens, 0);
  EXPECT_EQ(generation(R"({"max_tokens":9})").generation.max_tokens, 9);
  EXPECT_EQ(generation(R"({"max_tokens":9,"num_predict":-1})").generation.max_tokens, std::nullopt);
  EXPECT_EQ(generation(R"({"top_k":-1})").generation.sampling.top_k, 0);
  EXPECT_EQ(generation(R"({"num_ctx":0})").envelope.context_tokens, std::nullopt);
  EXPECT_EQ(generation("null").generation.sampling.temperature, 0.8);
}

struct Thought {
  std::string_view think;
  domain::Reasoning::Effort effort;
};
TEST(Think, Table) {
  using enum domain::Reasoning::Effort;
  const Thought cases[] = {{"true", kMedium},    {"false", kNone},   {R"("low")", kLow}, {R"("medium")", kMedium},
                           {R"("high")", kHigh}, {R"("max")", kMax}, {"null", kDefault}};
  for (const auto& c : cases) {
    const std::string body =
        R"({"model":"m","messages":[{"role":"user","content":"x"}],"think":)" + std::string(c.think) + "}";
    const auto reasoning = request_of<ChatRequest>(parse_chat(body, {})).reasoning;
    EXPECT_EQ(reasoning.effort, c.effort) << c.think;
    EXPECT_EQ(reasoning.required, c.effort != kDefault && c.effort != kNone) << c.think;
  }
  EXPECT_EQ(parse_chat(R"({"model":"m","think":"deep"})", {}).error().param, "think");
}

struct Load {
  std::string_view body;
  bool load_only;
  bool unload;
};
TEST(LoadOnly, Table) {
  const Load generates[] = {
      {R"({"model":"m"})", true, false},
      {R"({"model":"m","prompt":""})", true, false},
      {R"({"model":"m","keep_alive":-1})", true, false},
      {R"({"model":"m","keep_alive":0})", true, true},
      {R"({"model":"m","keep_alive":"0s"})", true, true},
      {R"({"model":"m","prompt":"x","keep_alive":0})", false, false},
      {R"({"model":"m","suffix":"x"})", false, false},
      {R"({"model":"m","images":["aGk="]})", false, false},
  };
  for (const auto& c : generates) {
    const auto call = parse_generate(c.body, {});
    ASSERT_TRUE(call) << c.body;
    EXPECT_EQ(call->load_only, c.load_only) << c.body;
    EXPECT_EQ(call->unload, c.unload) << c.body;
  }
  EXPECT_TRUE(parse_chat(R"({"model":"m"})", {})->load_only);
  EXPECT_TRUE(parse_chat(R"({"model":"m","messages":[],"keep_alive":0})", {})->unload);
}

TEST(Every, WrongTypeHasItsPath) {
  testing::expect_wrong_types_refused(kChat, rules(), parser(parse_chat));
  testing::expect_wrong_types_refused(kGenerate, rules(), parser(parse_generate));
  testing::expect_wrong_types_refused(R"({"model":"m","input":"a","truncate":true,"dimensions":4,"keep_alive":"5m"})",
                                      rules(), parser(parse_embed));
  testing::expect_wrong_types_refused(R"({"model":"m","prompt":"a"})", rules(), parser(parse_embeddings));
  testing::expect_wrong_types_refused(R"({"model":"m","verbose":true})", {}, parser(parse_show));
  testing::expect_wrong_types_refused(R"({"source":"a","destination":"b"})", {}, parser(parse_copy));
  testing::expect_wrong_types_refused(R"({"model":"m"})", {}, parser(parse_delete));
  testing::expect_wrong_types_refused(R"({"name":"m"})", {}, parser(parse_delete));
}

struct Refusal {
  std::string_view fields;
  std::string_view param;
};
TEST(Chat, RefusesWhatMeansNothing) {
  const Refusal cases[] = {
      {R"("messages":[{"role":"wizard","content":"x"}])", "messages[0].role"},
      {R"("messages":[{"content":"x"}])", "messages[0].role"},
      {R"("messages":[{"role":"user","content":"x","images":["*"]}])", "messages[0].images[0]"},
      {R"("format":"xml")", "format"},
      {R"("options":{"temperature":-1})", "options.temperature"},
      {R"("options":{"repeat_last_n":-2})", "options.repeat_last_n"},
      {R"("options":{"mirostat":3})", "options.mirostat"},
      {R"("options":{"samplers":["top_k","foo"]})", "options.samplers[1]"},
      {R"("top_logprobs":1)", "top_logprobs"},
      {R"("logprobs":true,"top_logprobs":21)", "top_logprobs"},
  };
  for (const auto& c : cases) {
    const auto call = parse_chat(R"({"model":"m",)" + std::string(c.fields) + "}", {});
    ASSERT_FALSE(call) << c.fields;
    EXPECT_EQ(call.error().param, c.param) << c.fields;
  }
}

TEST(Embed, TruncatesUnlessToldNotTo) {
  auto request = [](std::string_view body) {
    return std::get<domain::EmbedRequest>(parse_embed(body, {}).value().request);
  };
  EXPECT_TRUE(request(R"({"model":"m","input":"a"})").truncate);
  EXPECT_FALSE(request(R"({"model":"m","input":"a","truncate":false})").truncate);
  EXPECT_TRUE(request(R"({"model":"m","input":""})").inputs.empty());
  EXPECT_EQ(request(R"({"model":"m","input":["a",""]})").inputs.size(), 2U);
}

TEST(Show, EitherName) {
  EXPECT_EQ(parse_show(R"({"name":"a"})")->model, "a");
  EXPECT_EQ(parse_show(R"({"model":"b","name":"a"})")->model, "b");
  EXPECT_EQ(parse_show("{}").error().param, "model");
  EXPECT_EQ(parse_show(R"({"model":"b","system":"x"})")->ignored, std::vector<std::string>{"system"});
}

}  // namespace
}  // namespace hearth::dialect::ollama
