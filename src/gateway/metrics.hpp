#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "domain/event.hpp"
#include "http/server.hpp"
#include "sched/model_manager.hpp"

namespace hearth::gateway {

// What /metrics shows, in Prometheus text: counters kept here, gauges and engine counters from published snapshots.
// Thread-safe, so that the monitor listener can render it while the gateway is busy.
class Metrics {
 public:
  explicit Metrics(std::string_view version);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void served(std::string_view route, int status, std::chrono::nanoseconds duration);
  void answered(std::string_view model, const domain::Usage& usage, const domain::Timings& timings);

  [[nodiscard]] std::string render(const http::ServerStats& server, const sched::ManagerStats& manager,
                                   const std::vector<sched::ModelManager::Loaded>& loaded) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::gateway
