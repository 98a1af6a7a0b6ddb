#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "domain/request.hpp"

namespace hearth::cli {

// Options that `run` and `chat` share.
struct GenerateOptions {
  std::string model;
  std::string system;
  std::optional<int> max_tokens;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<int> top_k;
  std::optional<long long> seed;
  std::vector<std::string> stop;
  bool truncate = false;  // leave out the oldest messages where they do not fit
};

struct GenerateOutcome {
  std::string text;  // without thinking
  bool interrupted = false;
  std::int32_t dropped = 0;  // tokens that were left out
};

// Streams the answer of a conversation to stdout. Ctrl-C stops the generation, not the program.
[[nodiscard]] Result<GenerateOutcome> stream_chat(const Context& context, const sdk::Client& client,
                                                  const GenerateOptions& options,
                                                  const std::vector<domain::Message>& messages);

// A conversation on the terminal until /exit or Ctrl-D.
int chat_loop(Context& context, const sdk::Client& client, const GenerateOptions& options);

// The id of a model; one that is not here is fetched first. A server elsewhere knows its own.
[[nodiscard]] Result<std::string> here_or_pulled(const Context& context, const std::string& model);

// MODEL may be the path of a GGUF file: it is imported where it lies, and its id comes back.
[[nodiscard]] Result<std::string> resolve_model(const Context& context, const std::string& model);

}  // namespace hearth::cli
