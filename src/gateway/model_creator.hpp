#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "dialect/ollama/ollama.hpp"
#include "rt/work_threads.hpp"
#include "sched/quantizer.hpp"
#include "store/library.hpp"

namespace hearth::gateway {

inline constexpr const char* kUntrustedPath =
    "only a local caller or one with a key may name a file of this machine; send it: POST /api/blobs/sha256:...";

// Makes models of models: what POST /api/create asks for. One event loop; disks on the work threads. One model is
// quantised at a time.
class ModelCreator {
 public:
  // Takes a line of Ollama's for whoever watches; false: nobody does any more.
  using Say = std::function<rt::Task<bool>(std::string line)>;

  struct Client {
    Say say;
    std::stop_token gone;
    bool trusted = false;  // may name paths of this machine
  };

  // `slow`: for what takes minutes.
  ModelCreator(store::Library& library, rt::WorkThreads& work, rt::WorkThreads& slow, sched::QuantizerOptions quantizer,
               const base::Clock& clock)
      : library_(library), work_(work), slow_(slow), quantizer_(std::move(quantizer)), clock_(clock) {}

  // Adds to call.ignored what has no effect. Errors: as Library::create and store::create_from_blobs; kOverloaded:
  // another model is being quantised; kForbidden: a path of a client that may name none; kCancelled.
  [[nodiscard]] rt::Task<Result<void>> create(dialect::ollama::CreateCall& call, const Client& client);

 private:
  struct Plan;
  class Discard;
  [[nodiscard]] Result<Plan> plan(dialect::ollama::CreateCall& call, bool trusted) const;
  [[nodiscard]] Result<void> plan_quantizing(const dialect::ollama::CreateCall& call, Plan& plan) const;
  [[nodiscard]] Result<void> make(const dialect::ollama::CreateCall& call, const Plan& plan);
  // `made` gets what was written for this model alone.
  [[nodiscard]] rt::Task<Result<void>> quantize(Plan& plan, const Client& client, Discard& made);

  store::Library& library_;
  rt::WorkThreads& work_;
  rt::WorkThreads& slow_;
  sched::Quantizer quantizer_;
  const base::Clock& clock_;
  bool quantizing_ = false;
};

}  // namespace hearth::gateway
