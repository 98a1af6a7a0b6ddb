#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "config/settings.hpp"
#include "gateway/gateway.hpp"
#include "http/server.hpp"
#include "rt/io_threads.hpp"
#include "rt/signal_flag.hpp"
#include "rt/work_threads.hpp"
#include "sched/model_manager.hpp"
#include "store/file_lock.hpp"
#include "store/library.hpp"

namespace hearth::apps {

// One whole server: library, model manager, gateway and listeners, wired together. Two in one process work.
class Server {
 public:
  Server(const config::Settings& settings, const store::Home& home, base::Log& log);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Opens all listeners. The error names the address; kForbidden: beyond loopback without a key.
  [[nodiscard]] Result<void> start();
  [[nodiscard]] std::string url() const;
  // Until somebody asks for the end: shutdown route or idle exit. Runs on the caller's loop.
  [[nodiscard]] rt::Task<void> wait();
  // Drains and stops everything; from a thread that is not a loop of this server.
  void stop();

 private:
  class MonitorService;
  [[nodiscard]] rt::Task<void> watch_idle();

  const config::Settings& settings_;
  base::Log& log_;
  base::SystemClock clock_;
  rt::SignalFlag end_;
  std::optional<store::FileLock> lock_;  // of the folder with the runners' sockets
  rt::IoThreads threads_;
  rt::WorkThreads work_;
  store::Library library_;
  sched::ModelManager manager_;
  store::provision::Provisioner provisioner_;
  gateway::PullJobs pulls_;
  gateway::Gateway gateway_;
  http::Server server_;
  std::unique_ptr<rt::IoThreads> monitor_thread_;
  std::unique_ptr<MonitorService> monitor_service_;
  std::unique_ptr<http::Server> monitor_;
  rt::Nursery nursery_;
};

}  // namespace hearth::apps
