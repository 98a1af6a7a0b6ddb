#include "dialect/native/native.hpp"

#include <gtest/gtest.h>

#include "base/clock.hpp"

namespace hearth::dialect::native {
namespace {

using namespace domain;

std::vector<Request> requests() {
  ChatRequest chat;
  chat.envelope = {.model = "org/m:q8_0",
                   .keep_alive = base::kForever,
                   .priority = Priority::kHigh,
                   .labels = {{"team", "a"}},
                   .strict = true,
                   .context_tokens = 4096};
  chat.messages = {
      {Role::kSystem, {TextPart{"be kind"}}},
      {Role::kUser,
       {TextPart{"é \" \n"}, ImagePart{.data = std::string("\xFF\0x", 3), .media_type = "image/png", .url = {}},
        AudioPart{.data = "w", .format = "wav"}, FilePart{.data = "f", .media_type = "t", .name = "n", .url = "u"}}},
      {Role::kAssistant, {ThinkingPart{"hm", "sig"}, ToolCallPart{"1", "lamp", "{\"on\":true}"}, RefusalPart{"no"}}},
      {Role::kTool, {ToolResultPart{.id = "1", .name = "lamp", .text = "ok", .is_error = true}}}};
  chat.tools = {{.name = "lamp", .description = "d", .parameters = "{\"b\":1,\"a\":2}", .strict = true}};
  chat.tool_choice = {.mode = ToolChoice::Mode::kNamed, .name = "lamp", .parallel = false};
  chat.response_format = {
      .kind = ResponseFormat::Kind::kJsonSchema, .text = "{}", .name = "x", .strict = true, .field = "f"};
  chat.reasoning = {.effort = Reasoning::Effort::kHigh, .budget_tokens = 100, .hidden = true, .required = true};
  chat.generation = {.given = {Parameter::kTopK, Parameter::kStop},
                     .sampling = {.temperature = 0.1,
                                  .top_k = 40,
                                  .top_p = 0.9,
                                  .min_p = 0.05,
                                  .typical_p = 0.7,
                                  .repeat_penalty = 1.1,
                                  .presence_penalty = -0.5,
                                  .frequency_penalty = 0.25,
                                  .repeat_last_n = -1,
                                  .dry = {.multiplier = 0.5,
                                          .base = 0.25,
                                          .allowed_length = 3,
                                          .penalty_last_n = -1,
                                          .sequence_breakers = {"\n", "\""}},
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
                                  .samplers = {SamplerStage::kTopK, SamplerStage::kTopK, SamplerStage::kAdaptiveP},
                                  .logit_bias = {{7, -100.0}, {9, 2.5}},
                                  .seed = 18446744073709551615U,
                                  .ignore_eos = true},
                     .stop = {"\n\n", "END"},
                     .max_tokens = 0,
                     .n = 3,
                     .logprobs = true,
                     .top_logprobs = 5,
                     .truncate = true,
                     .shift = false,
                     .keep_tokens = -1};
  chat.conversation = Conversation{.id = "c", .reset = true};
  chat.template_override = "{{ x }}";
  chat.template_arguments = {{"enable_thinking", "false"}};
  CompletionRequest completion;
  completion.prompts = {std::string("a"), Tokens{1, 2, 3}};
  completion.infill = true;
  completion.suffix = "s";
  completion.files = {{.name = "a.c", .text = "int a;"}, {.name = {}, .text = "b"}};
  completion.echo = true;
  completion.generation.sampling.samplers = {};  // none at all is not the default
  completion.generation.sampling.dry.sequence_breakers = {};
  EmbedRequest embed;
  embed.inputs = {std::string("a"), Tokens{}};
  embed.dimensions = 32;
  embed.normalize = false;
  embed.truncate = true;
  embed.pooling = Pooling::kLast;
  RerankRequest rerank;
  rerank.query = "q";
  rerank.documents = {"d1", "d2"};
  rerank.top_n = 1;
  rerank.document_tokens = 7;
  rerank.raw_scores = true;
  rerank.truncate = true;
  ClassifyRequest classify;
  classify.inputs = {{.text = "a", .pair = std::nullopt}, {.text = "b", .pair = ""}};
  classify.raw_scores = true;
  classify.truncate = true;
  TokenizeRequest tokenize;
  tokenize.text = "t";
  tokenize.add_special = true;
  tokenize.parse_special = false;
  DetokenizeRequest detokenize;
  detokenize.tokens = {5, 6};
  return {chat,     ChatRequest{}, RenderRequest{chat}, completion, CompletionRequest{}, embed, rerank,
          classify, tokenize,      detokenize};
}

TEST(Native, RequestsSurviveTheWire) {
  for (const auto& request : requests()) {
    const std::string wire = write_request(request);
    const auto back = read_request(wire);
    ASSERT_TRUE(back) << back.error().message << "\n" << wire;
    EXPECT_EQ(*back, request) << wire;
  }
}

TEST(Native, EventsSurviveTheWire) {
  using namespace std::chrono_literals;
  const std::vector<Event> events{
      Started{.id = "i", .model = "m", .served_by = "llama", .device = "CPU", .prompt_tokens = 9, .cached_tokens = 4},
      BlockOpened{.choice = 1, .index = 2, .kind = BlockKind::kToolCall, .tool_id = "t", .tool_name = "n"},
      Delta{.choice = 1,
            .index = 2,
            .text = "é\"",
            .tokens = 2,
            .logprobs = {{.text = "\xC3",
                          .id = 5,
                          .logprob = -0.25,
                          .top = {{.text = "x", .id = 6, .logprob = -1.5},
                                  {.text = "y", .id = 7, .logprob = -std::numeric_limits<double>::infinity()}}}}},
      BlockClosed{.choice = 1, .index = 2, .signature = "s"},
      ChoiceFinished{.choice = 1, .reason = FinishReason::kToolCalls, .stop_sequence = "END"},
      Finished{.usage = {.prompt = 1,
                         .cached = 2,
                         .completion = 3,
                         .reasoning = 4,
                         .dropped = 5,
                         .source = Usage::Source::kEstimated},
               .timings = {.queued = 1ns, .loaded = 2ns, .prompt = 3ns, .first_token = 4ns, .decode = 5ns}},
      Failed{{.code = ErrorCode::kOverloaded, .message = "full", .param = "p", .retry_after = 3s}},
      Embedded{.index = 1, .values = {0.1F, -2.0F, 1e-20F}},
      Embedded{.index = 1, .values = {0.5F}, .token = 3},
      Ranked{.index = 2, .score = -0.392F},
      Classified{.index = 1, .classes = {{.label = "glad", .score = 0.75F}, {.label = "", .score = 0.25F}}},
      Tokenized{.tokens = {1, 2}, .pieces = {"a", "\xFF"}},
      Rendered{.text = "t", .tokens = 3},
  };
  for (const auto& event : events) {
    const std::string wire = write_event(event);
    const auto back = read_event(wire);
    ASSERT_TRUE(back) << back.error().message << "\n" << wire;
    EXPECT_EQ(*back, event) << wire;
  }
}

TEST(Native, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(read_request(R"({"kind":"sing"})").error().param, "kind");
  EXPECT_EQ(read_request(R"({"kind":"chat","messages":[{"role":"boss"}]})").error().param, "messages[0].role");
  EXPECT_EQ(read_request(R"({"kind":"chat","sampling":{"samplers":["top_k","sing"]}})").error().param,
            "sampling.samplers[1]");
  EXPECT_FALSE(read_event(R"({"surprise":{}})"));
  EXPECT_FALSE(read_event("{"));
}

TEST(Native, Errors) {
  const Error error{.code = ErrorCode::kModelNotFound, .message = "no", .param = "model"};
  EXPECT_EQ(read_error(write_error(error), "x"), error);
  EXPECT_EQ(read_error("<html>", "answered 502").message, "answered 502");
}

TEST(Native, Capabilities) {
  const Capabilities c{.tasks = {Task::kChat, Task::kEmbed},
                       .context_tokens = 1,
                       .trained_context_tokens = 2,
                       .embedding_dimensions = 3,
                       .vocabulary = 4,
                       .slots = 5,
                       .device = "CPU",
                       .format = "gguf",
                       .architecture = "llama",
                       .labels = {"no", "yes"}};
  EXPECT_EQ(read_capabilities(write_capabilities(c)).value(), c);
}

}  // namespace
}  // namespace hearth::dialect::native
