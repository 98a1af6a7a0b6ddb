#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "domain/message.hpp"
#include "domain/parameters.hpp"
#include "domain/samplers.hpp"

namespace hearth::domain {

using Token = std::int32_t;
using Tokens = std::vector<Token>;

// Unset fields take the dialect's default at the edge; what reaches an engine is what the client meant.
// Defaults here are the neutral values (a stage at its neutral value is skipped).
struct Sampling {
  double temperature = 1.0;  // 0 = greedy
  std::int32_t top_k = 0;    // 0 = all
  double top_p = 1.0;
  double min_p = 0.0;
  double typical_p = 1.0;
  double repeat_penalty = 1.0;
  double presence_penalty = 0.0;
  double frequency_penalty = 0.0;
  std::int32_t repeat_last_n = 64;  // tokens the penalties look back on; -1 = the whole context, 0 = off
  DrySettings dry;
  double dynatemp_range = 0.0;  // 0 = off; the temperature lies this much around its value, as the entropy is
  double dynatemp_exponent = 1.0;
  double top_n_sigma = 0.0;  // 0 = off
  double xtc_probability = 0.0;
  double xtc_threshold = 0.1;  // above 0.5 = off
  std::int32_t mirostat = 0;   // 1 or 2: it and the temperature take the place of the whole chain
  double mirostat_tau = 5.0;
  double mirostat_eta = 0.1;
  double adaptive_target = -1.0;  // below 0 = off
  double adaptive_decay = 0.9;
  std::int32_t min_keep = 0;                   // tokens that top_p, min_p, typical_p and xtc leave at least
  SamplerChain samplers = default_samplers();  // in the order they work; a stage that is not there does nothing
  std::map<Token, double> logit_bias;
  std::optional<std::uint64_t> seed;  // none = a new random one per request
  bool ignore_eos = false;
  friend bool operator==(const Sampling&, const Sampling&) = default;
};

struct Tool {
  std::string name;
  std::string description;
  std::string parameters;  // JSON schema as text, order kept
  bool strict = false;
  friend bool operator==(const Tool&, const Tool&) = default;
};
struct ToolChoice {
  enum class Mode { kAuto, kNone, kRequired, kNamed };
  Mode mode = Mode::kAuto;
  std::string name;  // with kNamed
  bool parallel = true;
  friend bool operator==(const ToolChoice&, const ToolChoice&) = default;
};
struct ResponseFormat {
  enum class Kind { kText, kJson, kJsonSchema, kGrammar, kRegex };
  Kind kind = Kind::kText;
  std::string text;  // the schema (JSON), the grammar (GBNF) or the regular expression
  std::string name;
  bool strict = false;
  std::string field = "response_format";  // what the client calls it: where errors point
  friend bool operator==(const ResponseFormat&, const ResponseFormat&) = default;
};
struct Reasoning {
  enum class Effort { kDefault, kNone, kMinimal, kLow, kMedium, kHigh, kMax };
  Effort effort = Effort::kDefault;
  std::optional<std::int32_t> budget_tokens;
  bool hidden = false;
  bool required = false;  // a model that cannot think refuses
  friend bool operator==(const Reasoning&, const Reasoning&) = default;
};
enum class Priority { kLow, kNormal, kHigh };

// What every task of a model has in common.
struct Envelope {
  std::string model;
  std::optional<std::chrono::nanoseconds> keep_alive;  // base::kForever = for ever; 0 = unload after
  Priority priority = Priority::kNormal;
  std::map<std::string, std::string> labels;
  bool strict = false;
  std::optional<std::int32_t> context_tokens;  // Ollama's num_ctx
  friend bool operator==(const Envelope&, const Envelope&) = default;
};
struct Conversation {
  std::string id;
  bool reset = false;
  friend bool operator==(const Conversation&, const Conversation&) = default;
};
// What chat and completion have in common.
struct Generation {
  ParameterSet
      given;  // by the client; of the rest a model may have its own value (apply_settings() in model_settings.hpp)
  Sampling sampling;
  std::vector<std::string> stop;
  std::optional<std::int32_t> max_tokens;  // none = until the model stops or the context is full; 0 = none at all
  std::int32_t n = 1;
  bool logprobs = false;
  std::int32_t top_logprobs = 0;  // 0..20
  bool truncate = false;          // drop the oldest tokens of a prompt that is too long, and say how many
  std::optional<bool> shift;      // where the context is full, forget half of it and go on; none = as the server says
  std::int32_t keep_tokens = 0;   // of the beginning, that a shift leaves; -1 = the whole prompt
  friend bool operator==(const Generation&, const Generation&) = default;
};

struct ChatRequest {
  Envelope envelope;
  std::vector<Message> messages;
  std::vector<Tool> tools;
  ToolChoice tool_choice;
  ResponseFormat response_format;
  Reasoning reasoning;
  Generation generation;
  std::optional<Conversation> conversation;
  std::string template_override;  // jinja or Go's; empty = the model's own
  std::map<std::string, std::string> template_arguments;
  friend bool operator==(const ChatRequest&, const ChatRequest&) = default;
};

// A file that a model is shown before the one whose middle it fills in.
struct ContextFile {
  std::string name;
  std::string text;
  friend bool operator==(const ContextFile&, const ContextFile&) = default;
};

// Choice index = prompt index x n + i. A text prompt gets the beginning-of-text token where the vocabulary asks for it.
struct CompletionRequest {
  Envelope envelope;
  std::vector<std::variant<std::string, Tokens>> prompts;
  bool infill = false;  // the answer is what lies between each prompt and `suffix`
  std::string suffix;
  std::vector<ContextFile> files;
  bool echo = false;
  ResponseFormat response_format;
  Generation generation;
  friend bool operator==(const CompletionRequest&, const CompletionRequest&) = default;
};

// How the vectors of an input's tokens become one vector; kNone: they do not, each token keeps its own.
enum class Pooling : std::uint8_t { kNone, kMean, kCls, kLast };

struct EmbedRequest {
  Envelope envelope;
  std::vector<std::variant<std::string, Tokens>> inputs;
  std::optional<std::int32_t> dimensions;
  bool normalize = true;
  bool truncate = false;
  std::optional<Pooling> pooling;  // none = as the model says
  friend bool operator==(const EmbedRequest&, const EmbedRequest&) = default;
};

struct RerankRequest {
  Envelope envelope;
  std::string query;
  std::vector<std::string> documents;
  std::optional<std::int32_t> top_n;            // none = all
  std::optional<std::int32_t> document_tokens;  // longer documents lose their end
  bool raw_scores = false;                      // what the model's head gives; otherwise 0 to 1
  bool truncate = false;                        // documents that do not fit beside the query lose their end
  friend bool operator==(const RerankRequest&, const RerankRequest&) = default;
};

// Texts, or pairs of texts, that the model puts into classes.
struct ClassifyRequest {
  Envelope envelope;
  struct Input {
    std::string text;
    std::optional<std::string> pair;
    friend bool operator==(const Input&, const Input&) = default;
  };
  std::vector<Input> inputs;
  bool raw_scores = false;
  bool truncate = false;
  friend bool operator==(const ClassifyRequest&, const ClassifyRequest&) = default;
};

struct TokenizeRequest {
  Envelope envelope;
  std::string text;
  bool add_special = false;
  bool parse_special = true;
  friend bool operator==(const TokenizeRequest&, const TokenizeRequest&) = default;
};
struct DetokenizeRequest {
  Envelope envelope;
  Tokens tokens;
  friend bool operator==(const DetokenizeRequest&, const DetokenizeRequest&) = default;
};
// The prompt that a chat would feed to the model, and its length; nothing is generated.
struct RenderRequest {
  ChatRequest chat;
  friend bool operator==(const RenderRequest&, const RenderRequest&) = default;
};

using Request = std::variant<ChatRequest, CompletionRequest, EmbedRequest, RerankRequest, ClassifyRequest,
                             TokenizeRequest, DetokenizeRequest, RenderRequest>;

[[nodiscard]] const Envelope& envelope_of(const Request& request);
[[nodiscard]] Envelope& envelope_of(Request& request);

}  // namespace hearth::domain
