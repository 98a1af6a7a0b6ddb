#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <vector>

#include "base/guarded.hpp"
#include "rt/signal_flag.hpp"

namespace hearth::http::detail {

class Connection;

// What a connection does, as far as shedding and stopping care.
enum class Phase {
  kHeader,   // no complete header yet
  kIdle,     // between requests
  kBody,     // a request's body is arriving
  kBusy,     // a request is being answered
  kLeaving,  // chosen to be closed
};

// All connections of a server, each in the order in which it entered its phase. Thread-safe; connections are held
// weakly.
class Registry {
 public:
  struct Entry {
    std::weak_ptr<Connection> connection;
    Phase phase = Phase::kHeader;
  };
  using Ticket = std::list<Entry>::iterator;

  [[nodiscard]] Ticket add(const std::shared_ptr<Connection>& connection);
  // false: the connection was chosen to be closed and must go.
  [[nodiscard]] bool move(Ticket ticket, Phase phase);
  void remove(Ticket ticket);

  // The connection to close for a new one: the oldest without a complete header, else the oldest idle one, else the
  // one whose body has been arriving for longest, else none.
  [[nodiscard]] std::shared_ptr<Connection> take_victim();
  [[nodiscard]] std::vector<std::shared_ptr<Connection>> all() const;
  // Without those that leave.
  [[nodiscard]] std::size_t staying() const;
  // With them.
  [[nodiscard]] std::size_t size() const;
  // Set whenever a connection has been removed.
  [[nodiscard]] rt::SignalFlag& changed() { return changed_; }

 private:
  struct Lists {
    std::list<Entry> header;
    std::list<Entry> idle;
    std::list<Entry> body;
    std::list<Entry> busy;
    std::list<Entry> leaving;
    std::list<Entry>& of(Phase phase);
    [[nodiscard]] std::size_t staying() const { return header.size() + idle.size() + body.size() + busy.size(); }
  };
  base::Guarded<Lists> lists_;
  rt::SignalFlag changed_;
};

}  // namespace hearth::http::detail
