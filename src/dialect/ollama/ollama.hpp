#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "dialect/dialect.hpp"
#include "domain/model_card.hpp"

// Ollama's native dialect (0.33). Pure functions; every error is kInvalidRequest with the path of the field in `param`.
namespace hearth::dialect::ollama {

// A generate or chat request. An empty prompt (or no messages) asks to load the model, or to unload it with keep_alive
// 0: nothing is generated then, and the answer is load_body().
struct OllamaCall {
  Call call;
  bool load_only = false;  // nothing to generate
  bool unload = false;     // load_only, and the model is to go
  bool chat = false;       // the route, as load_body() needs it
};
[[nodiscard]] Result<OllamaCall> parse_generate(std::string_view body, const Edge& edge);
[[nodiscard]] Result<OllamaCall> parse_chat(std::string_view body, const Edge& edge);
// The whole answer (one object, never a stream) to a call with load_only.
[[nodiscard]] std::string load_body(std::string_view model, const Edge& edge, bool unload, bool chat = false);

// Never streamed. No inputs = load only: an EmbedRequest without inputs, whose answer is the body of an answer without
// embeddings.
[[nodiscard]] Result<Call> parse_embed(std::string_view body, const Edge& edge);
[[nodiscard]] Result<Call> parse_embeddings(std::string_view body, const Edge& edge);  // the legacy route

struct ShowCall {
  std::string model;
  bool verbose = false;
  std::vector<std::string> ignored;
};
struct CopyCall {
  std::string source;
  std::string destination;
  std::vector<std::string> ignored;
};
struct DeleteCall {
  std::string model;
  std::vector<std::string> ignored;
};
struct PullCall {
  std::string reference;  // as the client wrote it
  bool stream = true;
  std::vector<std::string> ignored;
};
[[nodiscard]] Result<PullCall> parse_pull(std::string_view body);
// Lines of a pull or a create, without the line end. A file is called by the first 12 digits of its digest
// ("sha256:..."), or by its name where it has none.
[[nodiscard]] std::string status_line(std::string_view status);  // {"status": "success"}
[[nodiscard]] std::string progress_line(std::string_view status, std::uint64_t total,
                                        std::uint64_t completed);  // bytes
[[nodiscard]] std::string pull_file(std::string_view name, std::string_view digest, std::uint64_t total,
                                    std::uint64_t completed);
struct CreateCall {
  std::string model;                         // to make
  std::string from;                          // a model; empty where `modelfile` says it
  std::string modelfile;                     // hearth's addition: as text, instead of the fields
  std::string quantize;                      // a type for the weights: "q4_K_M"
  std::map<std::string, std::string> files;  // instead of `from`: digests of blobs by file name
  domain::ModelSettings settings;
  bool stream = true;
  std::vector<std::string> ignored;
};
[[nodiscard]] Result<CreateCall> parse_create(std::string_view body);
[[nodiscard]] Result<ShowCall> parse_show(std::string_view body);
[[nodiscard]] Result<CopyCall> parse_copy(std::string_view body);
[[nodiscard]] Result<DeleteCall> parse_delete(std::string_view body);

[[nodiscard]] std::string tags_body(std::span<const domain::ModelCard> cards);  // newest first
[[nodiscard]] std::string ps_body(std::span<const domain::LoadedModel> models,
                                  base::WallTime now);  // longest remaining first
// `modelfile` empty = left out. `verbose` adds tensors and long arrays.
[[nodiscard]] std::string show_body(const domain::ModelCard& card, std::string_view modelfile = {},
                                    bool verbose = false);
[[nodiscard]] std::string version_body(std::string_view version);

[[nodiscard]] ErrorAnswer error(const Error& error, std::string_view request_id = {});  // {"error":"text"}

}  // namespace hearth::dialect::ollama
