// Replays tests/golden/{openai,ollama,anthropic,tei}/*.txt. HEARTH_GOLDEN_UPDATE=1 writes what is there now; read the
// difference.
#include "dialect/testing/golden.hpp"

#include <cstdlib>
#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <utility>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "dialect/anthropic/anthropic.hpp"
#include "dialect/ollama/ollama.hpp"
#include "dialect/openai/openai.hpp"
#include "dialect/tei/tei.hpp"
#include "dialect/testing/clock.hpp"
#include "dialect/testing/events.hpp"

namespace hearth::dialect::testing {
namespace {

constexpr std::string_view kRequestId = "req_1";

using Parse = std::function<Result<Call>(std::string_view, const Edge&)>;
using Listing = std::function<std::string(std::string_view)>;  // of a request body, which may be empty
struct Dialect {
  std::map<std::string, Parse, std::less<>> routes;
  std::map<std::string, Listing, std::less<>> listings;
  ErrorAnswer (*error)(const Error&, std::string_view);
};

base::WallTime at(std::int64_t unix_seconds) { return base::WallTime(std::chrono::seconds(unix_seconds)); }

std::vector<domain::ModelCard> cards() {
  domain::ModelCard tiny{.name = "tiny",
                         .format = "gguf",
                         .architecture = "llama",
                         .quantization = "Q8_0",
                         .digest = std::string(64, 'a'),
                         .size_bytes = 2843648,
                         .parameters = 2620000,
                         .context_tokens = 2048,
                         .embedding_dimensions = 256,
                         .modified = at(1793600000),
                         .tasks = {domain::Task::kChat, domain::Task::kComplete},
                         .chat_template = "{{ messages }}",
                         .license = "MIT",
                         .metadata = {{"general.architecture", "\"llama\""},
                                      {"general.name", "\"Tiny\""},
                                      {"llama.rope.sections", "[1,2,3,4,5,6]"},
                                      {"llama.short", "[1,2,3,4,5]"},
                                      {"tokenizer.chat_template", "\"x\""},
                                      {"tokenizer.ggml.tokens", "null"}}};
  tiny.tensors.push_back({.name = "token_embd.weight", .type = "Q8_0", .shape = {256, 1536}});
  domain::ModelCard large{.name = "org/Big:q4_k_m",
                          .format = "gguf",
                          .architecture = "qwen3",
                          .quantization = "Q4_K_M",
                          .digest = std::string(64, 'b'),
                          .size_bytes = 5027783488,
                          .parameters = 8030261312,
                          .context_tokens = 40960,
                          .embedding_dimensions = 4096,
                          .modified = at(1793700000),
                          .tasks = {domain::Task::kChat, domain::Task::kTools, domain::Task::kThinking}};
  return {std::move(tiny), std::move(large)};
}

std::vector<domain::LoadedModel> loaded() {
  const auto all = cards();
  return {
      {.card = all[0], .device = "CPU", .memory_bytes = 9000000, .context_tokens = 2048, .expires_at = at(1793607630)},
      {.card = all[1], .device = "CUDA0", .memory_bytes = 6000000000, .context_tokens = 8192}};
}

template <class T>
std::string shown(const Result<T>& parsed, const std::function<std::string(const T&)>& show) {
  if (parsed) return show(*parsed);
  const auto answer = ollama::error(parsed.error());
  return fmt::format("{} {}", answer.status, answer.body);
}

// A load-only call answers with load_body: its renderer never gets to speak.
Result<Call> ollama_call(Result<ollama::OllamaCall> parsed) {
  if (!parsed) return fail(std::move(parsed).error());
  return std::move(parsed->call);
}

std::string load_answer(const Result<ollama::OllamaCall>& parsed) {
  return shown<ollama::OllamaCall>(parsed, [](const ollama::OllamaCall& call) {
    const StepClock clock;
    const Edge edge{.clock = &clock, .id = "h1"};
    if (!call.load_only) return std::string("generates");
    return ollama::load_body(domain::envelope_of(call.call.request).model, edge, call.unload, call.chat);
  });
}

Dialect openai_dialect() {
  return {.routes = {{"chat", openai::parse_chat},
                     {"responses", openai::parse_responses},
                     {"input-tokens", openai::parse_input_tokens},
                     {"completion", openai::parse_completion},
                     {"embeddings", openai::parse_embeddings},
                     {"embedding-rows", openai::parse_embedding_rows},
                     {"rerank", openai::parse_rerank},
                     {"infill", openai::parse_infill},
                     {"tokenize", openai::parse_tokenize},
                     {"detokenize", openai::parse_detokenize},
                     {"apply-template", openai::parse_apply_template}},
          .listings = {{"models", [](std::string_view) { return openai::models_body(cards()); }},
                       {"model", [](std::string_view) { return openai::model_body(cards().front()); }}},
          .error = openai::error};
}

Dialect ollama_dialect() {
  const auto load = [](auto parse) {
    return [parse](std::string_view body) {
      const StepClock clock;
      return load_answer(parse(body, Edge{.clock = &clock, .id = "h1"}));
    };
  };
  return {
      .routes = {{"generate", [](auto body, const Edge& e) { return ollama_call(ollama::parse_generate(body, e)); }},
                 {"chat", [](auto body, const Edge& e) { return ollama_call(ollama::parse_chat(body, e)); }},
                 {"embed", ollama::parse_embed},
                 {"embeddings", ollama::parse_embeddings}},
      .listings = {{"load-generate", load(ollama::parse_generate)},
                   {"load-chat", load(ollama::parse_chat)},
                   {"tags", [](std::string_view) { return ollama::tags_body(cards()); }},
                   {"ps", [](std::string_view) { return ollama::ps_body(loaded(), at(1793607330)); }},
                   {"version", [](std::string_view) { return ollama::version_body("0.1.0"); }},
                   {"show",
                    [](std::string_view body) {
                      return shown<ollama::ShowCall>(ollama::parse_show(body), [](const ollama::ShowCall& call) {
                        return ollama::show_body(cards().front(), "FROM " + call.model + "\n", call.verbose);
                      });
                    }},
                   {"copy",
                    [](std::string_view body) {
                      return shown<ollama::CopyCall>(ollama::parse_copy(body), [](const ollama::CopyCall& call) {
                        return call.source + " -> " + call.destination;
                      });
                    }},
                   {"delete",
                    [](std::string_view body) {
                      return shown<ollama::DeleteCall>(ollama::parse_delete(body),
                                                       [](const ollama::DeleteCall& call) { return call.model; });
                    }}},
      .error = ollama::error};
}

Dialect anthropic_dialect() {
  return {.routes = {{"messages", anthropic::parse_messages}, {"count_tokens", anthropic::parse_count_tokens}},
          .listings = {{"models", [](std::string_view) { return anthropic::models_body(cards()); }},
                       {"no-models", [](std::string_view) { return anthropic::models_body({}); }},
                       {"model", [](std::string_view) { return anthropic::model_body(cards().front()); }}},
          .error = anthropic::error};
}

Dialect tei_dialect() {
  const auto info = [](domain::TaskSet tasks, std::vector<std::pair<std::string, std::string>> metadata) {
    auto card = cards().front();
    card.architecture = "bert";
    card.tasks = tasks;
    card.metadata = std::move(metadata);
    return [card](std::string_view) {
      return tei::info_body(
          card, {.version = "0.1.0", .input_tokens = 512, .batch_tokens = 512, .requests = 516, .inputs = 2048});
    };
  };
  using domain::Task;
  return {.routes = {{"embed", tei::parse_embed}, {"rerank", tei::parse_rerank}, {"predict", tei::parse_predict}},
          .listings = {{"info-embedding", info({Task::kEmbed}, {{"bert.pooling_type", "2"}})},
                       {"info-reranker", info({Task::kRerank, Task::kClassify}, {{"bert.pooling_type", "4"}})},
                       {"info-classifier",
                        info({Task::kClassify}, {{"bert.classifier.output_labels", "[\"sad\",\"glad\"]"}})}},
          .error = tei::error};
}

// Every code's answer, one a line.
std::string error_table(const Dialect& dialect) {
  std::string out;
  for (std::size_t i = 0; i < base::kErrorCodeCount; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    const auto answer = dialect.error({.code = code, .message = "why"}, kRequestId);
    out += fmt::format("{} {} {}\n", base::traits(code).name, answer.status, answer.body);
  }
  return out;
}

std::string frame_line(const Frame& frame) { return frame.event.empty() ? frame.data : frame.event + " " + frame.data; }

void replay_call(const Dialect& dialect, const Parse& parse, Golden& golden) {
  const StepClock clock;
  const Edge edge{.clock = &clock, .id = "h1"};
  const auto show_error = [&](const Error& error) {
    const auto answer = dialect.error(error, kRequestId);
    golden.set("error", fmt::format("{} {}", answer.status, answer.body));
  };
  auto call = parse(golden.section("request"), edge);
  if (!call) return show_error(call.error());
  if (!call->ignored.empty()) golden.set("ignored", fmt::format("{}", fmt::join(call->ignored, "\n")));
  const auto events = read_events(golden.section("events"));
  ASSERT_TRUE(events) << events.error().message;
  if (const auto answer = fold(*events))
    golden.set("body", parse(golden.section("request"), edge)->renderer->body(*answer));
  else
    show_error(answer.error());
  if (!call->stream) return;
  std::string frames;
  for (const auto& event : *events) {
    for (const auto& frame : call->renderer->frames(event)) frames += frame_line(frame) + "\n";
  }
  golden.set("frames", std::move(frames));
}

void replay(const Dialect& dialect, Golden& golden) {
  const std::string route(base::trim(golden.section("route")));
  if (route == "errors") return golden.set("body", error_table(dialect));
  if (const auto listing = dialect.listings.find(route); listing != dialect.listings.end())
    return golden.set("body", listing->second(golden.section("request")));
  const auto found = dialect.routes.find(route);
  ASSERT_NE(found, dialect.routes.end()) << "no route " << route;
  replay_call(dialect, found->second, golden);
}

// What is given; what is expected comes after it.
Golden without_expectations(const Golden& golden) {
  Golden out{.comment = golden.comment, .sections = {}};
  for (const auto* name : {"route", "request", "events"}) {
    if (const auto text = golden.section(name); !text.empty()) out.set(name, std::string(text));
  }
  return out;
}

// The same text for every version of hearth.
std::string without_version(std::string text) {
  constexpr std::string_view kFingerprint = "\"hearth-" HEARTH_VERSION "\"";
  for (auto at = text.find(kFingerprint); at != std::string::npos; at = text.find(kFingerprint, at)) {
    text.replace(at, kFingerprint.size(), "\"hearth-VERSION\"");
  }
  return text;
}

class GoldenTest : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenTest, Replays) {
  const std::map<std::string, Dialect, std::less<>> dialects{{"openai", openai_dialect()},
                                                             {"ollama", ollama_dialect()},
                                                             {"anthropic", anthropic_dialect()},
                                                             {"tei", tei_dialect()}};
  const auto files = golden_files(std::filesystem::path(HEARTH_SOURCE_DIR) / "tests/golden" / GetParam());
  ASSERT_FALSE(files.empty());
  std::map<std::string, int> routes;
  for (const auto& file : files) {
    SCOPED_TRACE(file.filename().string());
    const std::string text = base::read_file(file).value();
    Golden golden = without_expectations(parse_golden(text));
    const Dialect& dialect = dialects.find(GetParam())->second;
    replay(dialect, golden);
    const std::string got = without_version(golden.text());
    ++routes[std::string(base::trim(golden.section("route")))];
    if (std::getenv("HEARTH_GOLDEN_UPDATE") != nullptr)
      ASSERT_TRUE(base::write_file_atomically(file, got));
    else
      EXPECT_EQ(got, text);
  }
  const Dialect& dialect = dialects.find(GetParam())->second;
  for (const auto& [route, parse] : dialect.routes) EXPECT_GT(routes[route], 0) << "no golden for " << route;
  for (const auto& [route, listing] : dialect.listings) EXPECT_GT(routes[route], 0) << "no golden for " << route;
  EXPECT_GT(routes["errors"], 0);
}

INSTANTIATE_TEST_SUITE_P(Dialects, GoldenTest, ::testing::Values("openai", "ollama", "anthropic", "tei"),
                         [](const auto& which) { return which.param; });

}  // namespace
}  // namespace hearth::dialect::testing
