#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "domain/capabilities.hpp"
#include "domain/event.hpp"
#include "domain/request.hpp"

namespace hearth::engine {

using Ticket = std::uint64_t;

struct MemoryUse {
  std::string device;
  base::Bytes weights;
  base::Bytes kv_cache;
  base::Bytes compute;
};
struct ModelInfo {
  std::string name;
  domain::Capabilities capabilities;
  std::string chat_template;  // jinja; empty = none
  std::vector<MemoryUse> memory;
  std::string engine;                     // what runs it: "llama"; goes to Started::served_by
  bool scores_are_probabilities = false;  // what its head gives, to rerank or classify; otherwise they are logits
};

// Counters since load and gauges of now: a plain snapshot.
struct Stats {
  std::uint64_t steps = 0;
  std::uint64_t prompt_tokens = 0;  // evaluated, without cached ones
  std::uint64_t cached_prompt_tokens = 0;
  std::uint64_t generated_tokens = 0;
  std::uint64_t requests_finished = 0;
  std::uint64_t requests_failed = 0;
  std::uint64_t requests_cancelled = 0;
  std::uint64_t steps_after_cancel = 0;    // steps in which a cancelled sequence still took part; must stay 0
  std::uint64_t step_nanoseconds = 0;      // time inside the model
  std::uint64_t sampling_nanoseconds = 0;  // to constrain and draw tokens
  std::uint64_t prefix_hits = 0;           // sequences that began with tokens from the cache, wherever those were
  std::uint64_t prefix_saves = 0;          // from the KV cache to memory, checkpoints included
  std::uint64_t prefix_restores = 0;       // the other way
  std::uint64_t prefix_reads = 0;          // from disk to memory
  std::uint64_t prefix_evictions = 0;      // saved ones lost for want of room
  std::uint64_t prefix_nanoseconds = 0;    // of the engine thread, to save and restore
  std::uint64_t prefix_memory_bytes = 0;
  std::uint64_t prefix_disk_bytes = 0;  // of this model
  std::uint32_t running = 0;
  std::uint32_t waiting = 0;  // for their first slot, or for another where theirs was given away
  std::uint32_t paused = 0;   // by slow readers
  std::uint32_t slots = 0;
  std::uint32_t kv_cells = 0;
  std::uint32_t kv_cells_used = 0;
};

// Where the events of one request go. Called on the engine thread only (and on the submitting thread never).
class Sink {
 public:
  virtual ~Sink() = default;
  // Takes the events, or refuses them all because the reader is behind (false): the engine keeps them, pauses that
  // request, and tries again after Engine::resume. After the event that ends the stream nothing more comes and the sink
  // is released.
  [[nodiscard]] virtual bool offer(std::vector<domain::Event>& events) = 0;
};

// One loaded model; one thread drives it by step() and wait(). submit, submit_known, cancel, resume, tokenize,
// detokenize, render, stats and info are thread-safe; the rest runs on the engine thread.
class Engine {
 public:
  virtual ~Engine() = default;
  [[nodiscard]] virtual const ModelInfo& info() const = 0;

  // Queues the work; waits for nobody, but may compile what the answer may be, for seconds at worst. Refuses:
  // kOverloaded (queue full), kUnsupported (also what tokenize, detokenize and render answer), kInvalidRequest,
  // kContextLength. Everything later arrives in the sink, in the order that domain/event.hpp gives.
  [[nodiscard]] virtual Result<Ticket> submit(const domain::Request& work, std::shared_ptr<Sink> sink) = 0;
  // The same, but none where something would have to be compiled.
  [[nodiscard]] virtual Result<std::optional<Ticket>> submit_known(const domain::Request& work,
                                                                   std::shared_ptr<Sink> sink) = 0;
  // Effective before the next step; the sink gets nothing further. Unknown tickets are ignored (the work may just have
  // ended).
  virtual void cancel(Ticket ticket) = 0;
  // The reader of a refused sink has room again.
  virtual void resume(Ticket ticket) = 0;

  [[nodiscard]] virtual Result<domain::Tokenized> tokenize(const domain::TokenizeRequest& work) const = 0;
  [[nodiscard]] virtual Result<std::string> detokenize(const domain::DetokenizeRequest& work) const = 0;
  [[nodiscard]] virtual Result<domain::Rendered> render(const domain::RenderRequest& work) const = 0;
  [[nodiscard]] virtual Stats stats() const = 0;

  // Engine thread. One step: takes in submissions and cancellations, evaluates at most one batch, sends events; does
  // not wait for anybody. false: there was nothing to do, and there will not be before somebody calls. true: wait()
  // tells when to step again.
  virtual bool step() = 0;
  // Engine thread. Whether the model cannot evaluate any more: all work has been failed, and it must be loaded anew.
  [[nodiscard]] virtual bool failed() const = 0;
  // Engine thread. Until there is something to do (at once if the last step did something) or stop is requested.
  virtual void wait(std::stop_token stop) = 0;
  // Engine thread. Ends all work with kShuttingDown.
  virtual void shut_down() = 0;
};

}  // namespace hearth::engine
