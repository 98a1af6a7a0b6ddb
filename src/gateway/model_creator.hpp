#pragma once

#include <functional>
#include <string>

#include "base/clock.hpp"
#include "dialect/ollama/ollama.hpp"
#include "rt/work_threads.hpp"
#include "sched/quantizer.hpp"
#include "store/library.hpp"

namespace hearth::gateway {

// Makes models of models: what POST /api/create asks for. One event loop; disks on the work threads. One model is
// quantised at a time.
class ModelCreator {
 public:
  // Takes a line of Ollama's for whoever watches; false: nobody does any more.
  using Say = std::function<rt::Task<bool>(std::string line)>;

  ModelCreator(store::Library& library, rt::WorkThreads& work, sched::QuantizerOptions quantizer,
               const base::Clock& clock)
      : library_(library), work_(work), quantizer_(std::move(quantizer)), clock_(clock) {}

  // Adds to call.ignored what has no effect. Errors: as Library::create and store::create_from_blobs; kOverloaded:
  // another model is being quantised; kCancelled.
  [[nodiscard]] rt::Task<Result<void>> create(dialect::ollama::CreateCall& call, const Say& say);

 private:
  struct Plan;
  [[nodiscard]] Result<Plan> plan(dialect::ollama::CreateCall& call) const;
  [[nodiscard]] Result<void> plan_quantizing(const dialect::ollama::CreateCall& call, Plan& plan) const;
  [[nodiscard]] Result<void> make(const dialect::ollama::CreateCall& call, const Plan& plan);
  [[nodiscard]] rt::Task<Result<void>> quantize(Plan& plan, const Say& say);

  store::Library& library_;
  rt::WorkThreads& work_;
  sched::Quantizer quantizer_;
  const base::Clock& clock_;
  bool quantizing_ = false;
};

}  // namespace hearth::gateway
