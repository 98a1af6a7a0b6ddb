#pragma once

#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "domain/capabilities.hpp"
#include "domain/event.hpp"
#include "domain/request.hpp"
#include "rt/task.hpp"

namespace hearth::backend {

struct Context {
  base::Deadline deadline;
};

// The events of one request. Destroying it before the end cancels the work, at any stage.
class EventStream {
 public:
  virtual ~EventStream() = default;
  // All events that are there, at least one, or none when the deadline passed (call again then). The last event of all
  // is Finished or Failed, never an end without either. REQUIRES: not called after that.
  [[nodiscard]] virtual rt::Task<std::vector<domain::Event>> next(base::Deadline deadline = {}) = 0;
};

// A local model or a remote service: all that the gateway knows. One event loop; calls on that loop.
class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual const domain::Capabilities& capabilities() const = 0;
  // Starts the work. An error here means that no event will come; kUnavailable, that nothing was even sent.
  // Cancellable.
  [[nodiscard]] virtual rt::Task<Result<std::unique_ptr<EventStream>>> run(const domain::Request& request,
                                                                           Context context) = 0;
};

}  // namespace hearth::backend
