#include "http/server.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "http/detail/connection.hpp"
#include "http/detail/listener.hpp"

namespace hearth::http {

struct Server::Impl {
  Impl(rt::IoThreads& t, Service& service, const Limits& limits, base::Log& log)
      : threads(t), shared(std::make_shared<detail::ServerShared>(service, limits, log)) {}

  // Runs `action` on the loop of each connection there is.
  template <class F>
  void each_connection(const F& action) {
    for (auto& connection : shared->registry.all()) {
      const rt::Executor executor = connection->executor();
      boost::asio::post(executor, [connection = std::move(connection), action] { action(*connection); });
    }
  }
  [[nodiscard]] bool quiet() const {
    return shared->registry.size() == 0 && std::ranges::all_of(listeners, [](const auto& l) { return l->closed(); });
  }
  // true: everything is closed; false: the deadline passed before.
  rt::Task<bool> wait_until_quiet(base::Deadline deadline) {
    while (true) {
      shared->registry.changed().reset();
      if (quiet()) co_return true;
      if (!co_await shared->registry.changed().wait(deadline)) co_return false;
    }
  }

  rt::IoThreads& threads;
  std::shared_ptr<detail::ServerShared> shared;
  std::vector<std::shared_ptr<detail::Listener>> listeners;
  std::uint16_t port = 0;
};

Server::Server(rt::IoThreads& threads, Service& service, Limits limits, base::Log& log)
    : impl_(std::make_unique<Impl>(threads, service, limits, log)) {}

Server::~Server() = default;

Result<void> Server::listen(const ListenAddress& address, const std::optional<TlsFiles>& tls) {
  HEARTH_TRY(auto listener, detail::Listener::open(impl_->shared, impl_->threads, address, tls));
  if (address.unix_path.empty()) impl_->port = listener->port();
  impl_->shared->draining = false;
  listener->start();
  impl_->listeners.push_back(std::move(listener));
  return {};
}

std::uint16_t Server::port() const { return impl_->port; }

rt::Task<void> Server::stop(std::chrono::milliseconds grace, std::function<rt::Task<void>()> end_work) {
  auto deadline = base::Deadline::after(grace);
  impl_->shared->draining = true;
  for (const auto& listener : impl_->listeners) listener->close();
  impl_->each_connection([](detail::Connection& c) { c.drain(); });
  while (!co_await impl_->wait_until_quiet(deadline)) {
    if (!deadline.passed(std::chrono::steady_clock::now())) continue;
    if (const auto end = std::exchange(end_work, {})) {
      co_await end();
      deadline = base::Deadline::after(2s);
      continue;
    }
    impl_->each_connection([](detail::Connection& c) { c.cancel(CancelReason::kShutdown); });
    co_await impl_->wait_until_quiet({});
  }
  impl_->listeners.clear();
}

ServerStats Server::stats() const {
  const detail::ServerShared& s = *impl_->shared;
  return {.connections_open = s.registry.size(),
          .connections_total = s.connections_total,
          .connections_shed = s.connections_shed,
          .requests_total = s.requests_total,
          .requests_in_flight = s.requests_in_flight,
          .body_bytes = s.body_bytes,
          .clients_gone = s.clients_gone};
}

}  // namespace hearth::http
