#include <fmt/format.h>
#include <gtest/gtest.h>

#include "dialect/openai/openai.hpp"
#include "dialect/testing/wrong_types.hpp"

namespace hearth::dialect::openai {
namespace {

using domain::ChatRequest;
using domain::ResponseFormat;
using testing::TypeRules;

// Every field that is read, with a value of its own.
constexpr std::string_view kChat = R"({
  "model": "org/Tiny:q8_0", "keep_alive": "5m",
  "messages": [
    {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]},
    {"role": "user", "content": [
      {"type": "text", "text": "What is this?"},
      {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
      {"type": "image_url", "image_url": {"url": "https://host/a.png"}},
      {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
      {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}}]},
    {"role": "assistant", "content": null, "reasoning_content": "Hm.", "refusal": "No.",
     "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "lamp", "arguments": "{\"on\": true}"}}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "lit"}],
  "n_keep": 12,
  "max_tokens": 900, "max_completion_tokens": 7, "temperature": 0.5, "top_p": 0.25, "n": 2,
  "stop": ["END", "\n"], "seed": 42,
  "frequency_penalty": -0.5, "presence_penalty": 1.5, "logit_bias": {"5": -100, "7": 1.5},
  "logprobs": true, "top_logprobs": 3, "stream": true, "stream_options": {"include_usage": true},
  "tools": [{"type": "function", "function": {"name": "lamp", "description": "d", "strict": true,
             "parameters": {"type": "object", "properties": {"b": {"minimum": 0.5}, "a": {}}}}}],
  "tool_choice": {"type": "function", "function": {"name": "lamp"}}, "parallel_tool_calls": false,
  "response_format": {"type": "json_schema",
                      "json_schema": {"name": "s", "strict": true, "schema": {"type": "object"}}},
  "reasoning_effort": "high", "chat_template_kwargs": {"enable_thinking": false},
  "top_k": 40, "min_p": 0.05, "typical_p": 0.9, "repeat_penalty": 1.1, "repeat_last_n": 32, "ignore_eos": true,
  "dry_multiplier": 0.5, "dry_base": 1.5, "dry_allowed_length": 3, "dry_penalty_last_n": 128,
  "dry_sequence_breakers": ["."], "dynatemp_range": 0.25, "dynatemp_exponent": 1.5, "top_n_sigma": 1.25,
  "xtc_probability": 0.75, "xtc_threshold": 0.2, "mirostat": 1, "mirostat_tau": 4.5, "mirostat_eta": 0.3,
  "adaptive_target": 0.4, "adaptive_decay": 0.8, "min_keep": 2, "samplers": ["top_k", "temperature"]
})";

ChatRequest expected_chat() {
  using namespace domain;
  ChatRequest r;
  r.envelope = {.model = "org/Tiny:q8_0", .keep_alive = std::chrono::minutes(5)};
  r.messages = {
      {Role::kSystem, {TextPart{"Be "}, TextPart{"brief."}}},
      {Role::kUser,
       {TextPart{"What is this?"}, ImagePart{.data = "\x89PNG", .media_type = "image/png"},
        ImagePart{.url = "https://host/a.png"}, AudioPart{"hi", "wav"},
        FilePart{.data = "hi", .media_type = "application/pdf", .name = "a.pdf"}}},
      {Role::kAssistant,
       {ThinkingPart{.text = "Hm."}, RefusalPart{"No."}, ToolCallPart{"call_1", "lamp", R"({"on":true})"}}},
      {Role::kTool, {ToolResultPart{.id = "call_1", .text = "lit"}}},
  };
  r.tools = {{.name = "lamp",
              .description = "d",
              .parameters = R"({"type":"object","properties":{"b":{"minimum":0.5},"a":{}}})",
              .strict = true}};
  r.tool_choice = {.mode = ToolChoice::Mode::kNamed, .name = "lamp", .parallel = false};
  r.response_format = {
      .kind = ResponseFormat::Kind::kJsonSchema, .text = R"({"type":"object"})", .name = "s", .strict = true};
  r.reasoning.effort = Reasoning::Effort::kHigh;
  r.template_arguments = {{"enable_thinking", "false"}};
  r.generation = {.given = ParameterSet::all(),
                  .sampling = {.temperature = 0.5,
                               .top_k = 40,
                               .top_p = 0.25,
                               .min_p = 0.05,
                               .typical_p = 0.9,
                               .repeat_penalty = 1.1,
                               .presence_penalty = 1.5,
                               .frequency_penalty = -0.5,
                               .repeat_last_n = 32,
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
                               .logit_bias = {{5, -100}, {7, 1.5}},
                               .seed = 42,
                               .ignore_eos = true},
                  .stop = {"END", "\n"},
                  .max_tokens = 7,
                  .n = 2,
                  .logprobs = true,
                  .top_logprobs = 3,
                  .keep_tokens = 12};
  return r;
}

const TypeRules& chat_rules() {
  static const TypeRules kRules{
      .also = {{"messages[].content", {"string", "array"}},
               {"messages[].content[].image_url", {"string"}},
               {"messages[].tool_calls[].function.arguments", {"string", "object"}},
               {"messages[].function_call.arguments", {"string", "object"}},
               {"stop", {"string", "array"}},
               {"samplers", {"string"}},
               {"keep_alive", {"number"}},
               {"tool_choice", {"string", "object"}},
               {"function_call", {"string", "object"}}},
      .fraction = {"temperature",   "top_p",          "frequency_penalty", "presence_penalty", "logit_bias.5",
                   "logit_bias.7",  "min_p",          "typical_p",         "repeat_penalty",   "dry_multiplier",
                   "dry_base",      "dynatemp_range", "dynatemp_exponent", "top_n_sigma",      "xtc_probability",
                   "xtc_threshold", "mirostat_tau",   "mirostat_eta",      "adaptive_target",  "adaptive_decay"},
      .opaque = {"tools[].function.parameters", "functions[].parameters", "chat_template_kwargs", "json_schema",
                 "response_format.schema", "response_format.json_schema.schema"},
      .any = {"user"}};
  return kRules;
}

auto parser(Result<Call> (*parse)(std::string_view, const Edge&)) {
  return [parse](std::string_view body) -> std::optional<Error> {
    const auto call = parse(body, {});
    if (call) return std::nullopt;
    return call.error();
  };
}

template <class R>
R request_of(const Result<Call>& call) {
  EXPECT_TRUE(call) << (call ? "" : call.error().message);
  return call ? std::get<R>(call->request) : R{};
}

TEST(Chat, EveryFieldArrives) {
  const auto call = parse_chat(kChat, {});
  EXPECT_EQ(request_of<ChatRequest>(call), expected_chat());
  EXPECT_TRUE(call->stream);
  EXPECT_EQ(call->framing, Framing::kSse);
  EXPECT_TRUE(call->ignored.empty()) << call->ignored.front();
}

TEST(Chat, EveryWrongTypeHasItsPath) {
  testing::expect_wrong_types_refused(kChat, chat_rules(), parser(parse_chat));
  testing::expect_wrong_types_refused(
      R"({"model":"m","user":"u","json_schema":{"type":"object"},
          "messages":[{"role":"function","name":"lamp","content":"x"},
                      {"role":"assistant","content":"","function_call":{"name":"lamp","arguments":"{}"}}],
          "functions":[{"name":"lamp","parameters":{}}],"function_call":{"name":"lamp"},
          "reasoning":{"effort":"low","max_tokens":5,"exclude":true}})",
      chat_rules(), parser(parse_chat));
  testing::expect_wrong_types_refused(
      R"({"model":"m","messages":[{"role":"user","content":"x"}],
          "response_format":{"type":"json_object","schema":{}}})",
      chat_rules(), parser(parse_apply_template));
}

TEST(Chat, FormatsByAllTheirNames) {
  using enum ResponseFormat::Kind;
  const struct {
    std::string_view fields;
    ResponseFormat::Kind kind;
    std::string_view field;
  } cases[] = {
      {R"("response_format":{"type":"json_object"})", kJson, "response_format"},
      {R"("response_format":{"type":"text"},"grammar":"root ::= x")", kGrammar, "grammar"},
      {R"("json_schema":{})", kJsonSchema, "json_schema"},
      {R"("guided_json":{})", kJsonSchema, "guided_json"},
      {R"("guided_json":"{}")", kJsonSchema, "guided_json"},
      {R"("grammar":"root ::= x")", kGrammar, "grammar"},
      {R"("guided_grammar":"root ::= x")", kGrammar, "guided_grammar"},
      {R"("guided_regex":"x")", kRegex, "guided_regex"},
      {R"("guided_choice":["yes","no"])", kGrammar, "guided_choice"},
      {R"("structured_outputs":{"json":{}})", kJsonSchema, "structured_outputs.json"},
      {R"("structured_outputs":{"grammar":"root ::= x"})", kGrammar, "structured_outputs.grammar"},
      {R"("structured_outputs":{"regex":"x"})", kRegex, "structured_outputs.regex"},
      {R"("structured_outputs":{"choice":["x"]})", kGrammar, "structured_outputs.choice"},
      {R"("structured_outputs":{"json_object":true})", kJson, "structured_outputs.json_object"},
      {R"("grammar":"")", kText, "response_format"},
  };
  for (const auto& c : cases) {
    const auto format =
        request_of<ChatRequest>(
            parse_chat(fmt::format(R"({{"model":"m","messages":[{{"role":"user","content":"x"}}],{}}})", c.fields), {}))
            .response_format;
    EXPECT_EQ(format.kind, c.kind) << c.fields;
    EXPECT_EQ(format.field, c.field) << c.fields;
  }
}

TEST(Chat, AChoiceIsAGrammar) {
  const auto r = request_of<ChatRequest>(parse_chat(
      R"({"model":"m","messages":[{"role":"user","content":"x"}],"guided_choice":["\"a\"","b\\","ü\n"]})", {}));
  EXPECT_EQ(r.response_format.text, R"(root ::= "\"a\"" | "b\\" | "ü\n")");
}

TEST(Chat, FormatsThatCannotBe) {
  const struct {
    std::string_view fields;
    std::string_view field;
  } cases[] = {
      {R"("response_format":{"type":"json_object"},"structured_outputs":{"regex":"x"})", "response_format"},
      {R"("structured_outputs":{"structural_tag":{}})", "structured_outputs.structural_tag"},
      {R"("guided_choice":[])", "guided_choice"},
      {R"("guided_choice":"yes")", "guided_choice"},
      {R"("guided_choice":[1])", "guided_choice[0]"},
      {R"("response_format":{"type":"json_object"},"grammar":"root ::= x")", "response_format"},
      {R"("json_schema":{},"guided_json":{})", "guided_json"},
      {R"("grammar":"root ::= x","guided_regex":"x")", "guided_regex"},
  };
  for (const auto& c : cases) {
    const auto call =
        parse_chat(fmt::format(R"({{"model":"m","messages":[{{"role":"user","content":"x"}}],{}}})", c.fields), {});
    ASSERT_FALSE(call) << c.fields;
    EXPECT_EQ(call.error().param, c.field) << call.error().message;
  }
}

TEST(Chat, DefaultsAreOpenAis) {
  const auto r = request_of<ChatRequest>(parse_chat(R"({"model":"m","messages":[{"role":"user","content":"x"}]})", {}));
  EXPECT_EQ(r.generation, domain::Generation{});
  EXPECT_EQ(r.generation.sampling.temperature, 1.0);
  EXPECT_EQ(r.generation.max_tokens, std::nullopt);
}

struct Limit {
  std::string_view fields;
  std::optional<std::int32_t> max_tokens;
};
TEST(Chat, TheNewerLimitWins) {
  const Limit cases[] = {{R"("max_tokens":5)", 5},
                         {R"("max_completion_tokens":6)", 6},
                         {R"("max_completion_tokens":6,"max_tokens":5)", 6},
                         {R"("max_tokens":5,"max_completion_tokens":null)", 5},
                         {R"("max_tokens":0)", 0}};
  for (const auto& c : cases) {
    const std::string body =
        R"({"model":"m","messages":[{"role":"user","content":"x"}],)" + std::string(c.fields) + "}";
    EXPECT_EQ(request_of<ChatRequest>(parse_chat(body, {})).generation.max_tokens, c.max_tokens) << c.fields;
  }
}

TEST(Chat, LooseClientsAreUnderstood) {
  const auto r = request_of<ChatRequest>(parse_chat(
      R"({"model":"m","top_k":-1,"tools":[{"function":{"name":"f"}}],"tool_choice":"required","messages":[
          {"role":"user","content":[{"type":"image_url","image_url":"data:;base64,aGk="}]},
          {"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}},
                                            {"id":"2","index":0,"function":{"name":"f"}}]},
          {"role":"tool","content":[{"type":"text","text":"4"},{"type":"text","text":"2"}]},
          {"role":"function","name":"f","content":"x"}]})",
      {}));
  EXPECT_EQ(r.generation.sampling.top_k, 0);
  EXPECT_EQ(r.tool_choice.mode, domain::ToolChoice::Mode::kRequired);
  ASSERT_EQ(r.messages.size(), 4U);
  EXPECT_EQ(r.messages[0].parts, (std::vector<domain::Part>{domain::ImagePart{.data = "hi"}}));
  EXPECT_EQ(r.messages[1].parts, (std::vector<domain::Part>{domain::ToolCallPart{"", "f", R"({"a":1})"},
                                                            domain::ToolCallPart{"2", "f", "{}"}}));
  EXPECT_EQ(r.messages[2].parts, (std::vector<domain::Part>{domain::ToolResultPart{.text = "42"}}));
  EXPECT_EQ(r.messages[3].parts, (std::vector<domain::Part>{domain::ToolResultPart{.name = "f", .text = "x"}}));
}

struct Refusal {
  std::string_view fields;
  std::string_view param;
};
TEST(Chat, RefusesWhatMeansNothing) {
  const Refusal cases[] = {
      {R"("temperature":2.5)", "temperature"},
      {R"("top_p":-0.1)", "top_p"},
      {R"("n":0)", "n"},
      {R"("n":129)", "n"},
      {R"("top_logprobs":2)", "top_logprobs"},
      {R"("logprobs":true,"top_logprobs":21)", "top_logprobs"},
      {R"("logit_bias":{"x":1})", "logit_bias.x"},
      {R"("logit_bias":{"-1":1})", "logit_bias.-1"},
      {R"("logit_bias":{"1":101})", "logit_bias.1"},
      {R"("tool_choice":"required")", "tool_choice"},
      {R"("tool_choice":"sometimes")", "tool_choice"},
      {R"("function_call":{"name":"f"})", "function_call"},
      {R"("tools":[{"type":"custom"}])", "tools[0].type"},
      {R"("tools":[{"type":"function","function":{"name":""}}])", "tools[0].function.name"},
      {R"("response_format":{"type":"xml"})", "response_format.type"},
      {R"("response_format":{"type":"json_schema"})", "response_format.json_schema"},
      {R"("reasoning_effort":"enormous")", "reasoning_effort"},
      {R"("max_completion_tokens":-1)", "max_completion_tokens"},
      {R"("max_tokens":2147483648)", "max_tokens"},
      {R"("seed":1e30)", "seed"},
      {R"("keep_alive":"soon")", "keep_alive"},
      {R"("min_p":1.5)", "min_p"},
      {R"("repeat_penalty":0)", "repeat_penalty"},
  };
  for (const auto& c : cases) {
    const std::string body =
        R"({"model":"m","messages":[{"role":"user","content":"x"}],)" + std::string(c.fields) + "}";
    const auto call = parse_chat(body, {});
    ASSERT_FALSE(call) << c.fields;
    EXPECT_EQ(call.error().param, c.param) << c.fields;
    EXPECT_EQ(call.error().code, ErrorCode::kInvalidRequest);
  }
  const Refusal messages[] = {
      {R"({"role":"user"})", "messages[0].content"},
      {R"({"content":"x"})", "messages[0].role"},
      {R"({"role":"wizard","content":"x"})", "messages[0].role"},
      {R"({"role":"tool","tool_call_id":"1"})", "messages[0].content"},
      {R"({"role":"user","content":[{"text":"x"}]})", "messages[0].content[0].type"},
      {R"({"role":"user","content":[{"type":"video"}]})", "messages[0].content[0].type"},
      {R"({"role":"user","content":[{"type":"input_audio","input_audio":{"data":"*","format":"wav"}}]})",
       "messages[0].content[0].input_audio.data"},
      {R"({"role":"user","content":[{"type":"file","file":{}}]})", "messages[0].content[0].file.file_data"},
  };
  for (const auto& c : messages) {
    const auto call = parse_chat(R"({"model":"m","messages":[)" + std::string(c.fields) + "]}", {});
    ASSERT_FALSE(call) << c.fields;
    EXPECT_EQ(call.error().param, c.param) << c.fields;
  }
}

constexpr std::string_view kCompletion =
    R"({"model":"m","prompt":["a","b"],"suffix":"z","max_tokens":3,"temperature":0.5,
  "top_p":0.5,"n":2,"best_of":2,"echo":true,"logprobs":2,"stop":"x","stream":true,
  "stream_options":{"include_usage":true},
  "presence_penalty":0.5,"frequency_penalty":0.5,"logit_bias":{"5":1},"seed":7})";

TEST(Completion, EveryFieldArrives) {
  const auto call = parse_completion(kCompletion, {});
  const auto r = request_of<domain::CompletionRequest>(call);
  EXPECT_EQ(r.prompts, (std::vector<std::variant<std::string, domain::Tokens>>{"a", "b"}));
  EXPECT_EQ(r.suffix, "z");
  EXPECT_TRUE(r.infill);
  EXPECT_TRUE(r.echo);
  EXPECT_EQ(r.generation.max_tokens, 3);
  EXPECT_EQ(r.generation.n, 2);
  EXPECT_EQ(r.generation.top_logprobs, 2);
  EXPECT_EQ(r.generation.sampling.seed, 7U);
  EXPECT_TRUE(call->ignored.empty());
  const auto plain = parse_completion(R"({"model":"m","prompt":[1,2],"best_of":1})", {});
  EXPECT_EQ(request_of<domain::CompletionRequest>(plain).generation.max_tokens, 16);
  EXPECT_FALSE(request_of<domain::CompletionRequest>(plain).generation.logprobs);
  EXPECT_TRUE(plain->ignored.empty());
  const auto best = parse_completion(R"({"model":"m","prompt":"x","best_of":3})", {});
  EXPECT_EQ(best.error().param, "best_of");
  EXPECT_EQ(best.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(parse_completion(R"({"model":"m","prompt":"x","n":2,"best_of":1})", {}).error().code,
            ErrorCode::kInvalidRequest);
}

constexpr std::string_view kInfill = R"({"model":"m","input_prefix":"a","input_suffix":"c","prompt":"b",
  "input_extra":[{"filename":"f.c","text":"int f;"},{"text":"x"}],"n_predict":5,"temperature":0.5,"stream":true,
  "cache_prompt":true})";

TEST(Infill, EveryFieldArrives) {
  const auto call = parse_infill(kInfill, {});
  const auto r = request_of<domain::CompletionRequest>(call);
  EXPECT_TRUE(r.infill && call->stream && call->ignored.empty());
  EXPECT_EQ(r.prompts, (std::vector<std::variant<std::string, domain::Tokens>>{"ab"}));
  EXPECT_EQ(r.suffix, "c");
  EXPECT_EQ(r.files, (std::vector<domain::ContextFile>{{"f.c", "int f;"}, {"", "x"}}));
  EXPECT_EQ(r.generation.max_tokens, 5);
  EXPECT_TRUE(r.generation.given.has(domain::Parameter::kMaxTokens));
  EXPECT_EQ(r.generation.sampling.temperature, 0.5);
  EXPECT_TRUE(r.generation.truncate);
}

TEST(Infill, DefaultsAreLlamaServers) {
  const auto call = parse_infill(R"({"input_prefix":"","input_suffix":"","n_predict":-1})", {});
  const auto r = request_of<domain::CompletionRequest>(call);
  EXPECT_EQ(call->unnamed, domain::TaskSet{domain::Task::kInfill});
  EXPECT_FALSE(r.generation.max_tokens);
  EXPECT_EQ(r.generation.sampling.temperature, 0.8);
  EXPECT_EQ(r.generation.sampling.min_p, 0.05);
  EXPECT_EQ(parse_infill(R"({"input_prefix":""})", {}).error().param, "input_suffix");
  EXPECT_EQ(parse_infill(R"({"input_suffix":""})", {}).error().param, "input_prefix");
  EXPECT_EQ(parse_infill(R"({"input_prefix":"","input_suffix":"","n_predict":-2})", {}).error().param, "n_predict");
}

TEST(Others, EveryWrongTypeHasItsPath) {
  testing::expect_wrong_types_refused(
      kInfill, {.also = {}, .fraction = {"temperature"}, .opaque = {}, .any = {"cache_prompt"}}, parser(parse_infill));
  const TypeRules completion{
      .also = {{"prompt", {"string", "array"}}, {"prompt[]", {"array", "number"}}, {"stop", {"array"}}},
      .fraction = {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias.5"},
      .opaque = {"prompt"},
      .any = {}};
  testing::expect_wrong_types_refused(kCompletion, completion, parser(parse_completion));
  const TypeRules embeddings{.also = {{"input", {"string", "array"}}}, .fraction = {}, .opaque = {}, .any = {"user"}};
  testing::expect_wrong_types_refused(
      R"({"model":"m","input":"a","encoding_format":"base64","dimensions":4,"user":"u"})", embeddings,
      parser(parse_embeddings));
  testing::expect_wrong_types_refused(
      R"({"model":"m","content":"a","add_special":true,"parse_special":false,"with_pieces":true})", {},
      parser(parse_tokenize));
  testing::expect_wrong_types_refused(R"({"model":"m","tokens":[1,2]})", {}, parser(parse_detokenize));
}

TEST(Embeddings, DimensionsAndForms) {
  const auto r =
      request_of<domain::EmbedRequest>(parse_embeddings(R"({"model":"m","input":[[1],[2]],"dimensions":4})", {}));
  EXPECT_EQ(r.dimensions, 4);
  EXPECT_EQ(r.inputs.size(), 2U);
  EXPECT_FALSE(r.truncate);
  EXPECT_EQ(parse_embeddings(R"({"model":"m","input":"a","dimensions":0})", {}).error().param, "dimensions");
  EXPECT_EQ(parse_embeddings(R"({"model":"m","input":[]})", {}).error().param, "input");
}

TEST(Rerank, EveryFieldArrives) {
  constexpr std::string_view kBody = R"({"model":"m","keep_alive":"5m","query":"q","documents":["a",{"text":"b"}],
    "top_n":1,"return_documents":true,"max_tokens_per_doc":9,"truncation":true,"raw_scores":true})";
  const auto call = parse_rerank(kBody, {});
  const auto r = request_of<domain::RerankRequest>(call);
  EXPECT_EQ(r.query, "q");
  EXPECT_EQ(r.documents, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(r.top_n, 1);
  EXPECT_EQ(r.document_tokens, 9);
  EXPECT_TRUE(r.truncate && r.raw_scores);
  EXPECT_TRUE(call->ignored.empty());
  testing::expect_wrong_types_refused(
      kBody, {.also = {{"documents[]", {"string", "object"}}, {"keep_alive", {"number"}}}, .fraction = {"keep_alive"}},
      parser(parse_rerank));
}

TEST(Rerank, AModelMayBeLeftOut) {
  const auto call = parse_rerank(R"({"query":"q","documents":["a"]})", {});
  EXPECT_EQ(request_of<domain::RerankRequest>(call).envelope.model, "");
  EXPECT_EQ(call->unnamed, domain::TaskSet{domain::Task::kRerank});
  EXPECT_FALSE(request_of<domain::RerankRequest>(call).truncate);
}

TEST(Rerank, WhatIsWrongHasItsPath) {
  struct {
    const char* body;
    const char* param;
  } const cases[] = {
      {R"({"documents":["a"]})", "query"},
      {R"({"query":"q"})", "documents"},
      {R"({"query":"q","documents":[]})", "documents"},
      {R"({"query":"q","documents":["a",{"image":"b"}]})", "documents[1].text"},
      {R"({"query":"q","documents":["a"],"top_n":0})", "top_n"},
      {R"({"query":"q","documents":["a"],"model":""})", "model"},
  };
  for (const auto& c : cases) EXPECT_EQ(parse_rerank(c.body, {}).error().param, c.param) << c.body;
}

TEST(EmbeddingRows, PoolingsAndNames) {
  const auto rows = request_of<domain::EmbedRequest>(
      parse_embedding_rows(R"({"model":"m","content":["a","b"],"pooling":"none","embd_normalize":-1})", {}));
  EXPECT_EQ(rows.pooling, domain::Pooling::kNone);
  EXPECT_FALSE(rows.normalize);
  EXPECT_EQ(rows.inputs.size(), 2U);
  EXPECT_FALSE(request_of<domain::EmbedRequest>(parse_embedding_rows(R"({"model":"m","input":"a"})", {})).pooling);
  EXPECT_EQ(parse_embedding_rows(R"({"model":"m","input":"a","pooling":"rank"})", {}).error().param, "pooling");
  EXPECT_EQ(parse_embedding_rows(R"({"model":"m","input":"a","embd_normalize":0})", {}).error().param,
            "embd_normalize");
  EXPECT_EQ(parse_embedding_rows(R"({"model":"m"})", {}).error().param, "input");
}

}  // namespace
}  // namespace hearth::dialect::openai
