#include "http/detail/registry.hpp"

namespace hearth::http::detail {

std::list<Registry::Entry>& Registry::Lists::of(Phase phase) {
  switch (phase) {
    case Phase::kHeader: return header;
    case Phase::kIdle: return idle;
    case Phase::kBody: return body;
    case Phase::kBusy: return busy;
    case Phase::kLeaving: break;
  }
  return leaving;
}

Registry::Ticket Registry::add(const std::shared_ptr<Connection>& connection) {
  return lists_.with([&](Lists& l) { return l.header.insert(l.header.end(), Entry{connection, Phase::kHeader}); });
}

bool Registry::move(Ticket ticket, Phase phase) {
  return lists_.with([&](Lists& l) {
    if (ticket->phase == Phase::kLeaving) return false;
    auto& target = l.of(phase);
    target.splice(target.end(), l.of(ticket->phase), ticket);
    ticket->phase = phase;
    return true;
  });
}

void Registry::remove(Ticket ticket) {
  lists_.with([&](Lists& l) { l.of(ticket->phase).erase(ticket); });
  changed_.set();
}

std::shared_ptr<Connection> Registry::take_victim() {
  return lists_.with([](Lists& l) -> std::shared_ptr<Connection> {
    for (auto* list : {&l.header, &l.idle, &l.body}) {
      if (list->empty()) continue;
      const auto first = list->begin();
      first->phase = Phase::kLeaving;
      l.leaving.splice(l.leaving.end(), *list, first);
      return first->connection.lock();
    }
    return nullptr;
  });
}

std::vector<std::shared_ptr<Connection>> Registry::all() const {
  return lists_.with([](const Lists& l) {
    std::vector<std::shared_ptr<Connection>> out;
    for (const auto* list : {&l.header, &l.idle, &l.body, &l.busy, &l.leaving}) {
      for (const Entry& entry : *list) {
        if (auto connection = entry.connection.lock()) out.push_back(std::move(connection));
      }
    }
    return out;
  });
}

std::size_t Registry::staying() const {
  return lists_.with([](const Lists& l) { return l.staying(); });
}

std::size_t Registry::size() const {
  return lists_.with([](const Lists& l) { return l.staying() + l.leaving.size(); });
}

}  // namespace hearth::http::detail
