#include "sched/model_manager.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <utility>

#include "base/strings.hpp"
#include "sched/slot.hpp"

namespace hearth::sched {

using namespace std::chrono_literals;

Lease::Lease(std::shared_ptr<Slot> slot, ModelManager& manager) : slot_(std::move(slot)), manager_(&manager) {
  ++slot_->in_flight;
  slot_->expires.reset();
  started_ = manager_->clock_.now();
}
Lease::Lease(Lease&& other) noexcept = default;
Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    if (slot_) manager_->release(slot_, keep_alive_, manager_->clock_.now() - started_);
    slot_ = std::move(other.slot_);
    manager_ = other.manager_;
    started_ = other.started_;
    load_time_ = other.load_time_;
    keep_alive_ = other.keep_alive_;
  }
  return *this;
}
Lease::~Lease() {
  if (slot_) manager_->release(slot_, keep_alive_, manager_->clock_.now() - started_);
}
backend::Backend& Lease::backend() const { return *slot_->backend; }
const std::string& Lease::device() const { return slot_->info.capabilities.device; }
const std::string& Lease::engine() const { return slot_->info.engine; }
std::string Lease::model() const { return slot_->entry.id(); }

ModelManager::ModelManager(rt::Executor executor, rt::WorkThreads& work, ManagerOptions options,
                           const base::Clock& clock, base::Log& log)
    : executor_(executor),
      work_(work),
      options_(std::move(options)),
      clock_(clock),
      log_(log),
      nursery_(executor,
               [&log](const std::exception_ptr&) { log.error("a task of the model manager failed: a bug"); }) {
  nursery_.spawn(reap_idle());
}

ModelManager::~ModelManager() = default;

Result<void> ModelManager::admit(const Slot& slot) {
  const std::int32_t limit = options_.parallel + options_.queue;
  const std::int32_t load = slot.waiting + slot.in_flight;
  if (load < limit) return {};
  ++stats_.refused;
  const double wait = slot.mean_service_s * static_cast<double>(load) / std::max(1, options_.parallel);
  return fail(
      Error{.code = ErrorCode::kOverloaded,
            .message = fmt::format("model '{}' is busy: {} requests run or wait (limit {}); try again later",
                                   slot.entry.id(), load, limit),
            .retry_after = std::chrono::seconds(std::clamp<std::int64_t>(std::llround(std::ceil(wait)), 1, 120))});
}

rt::Task<Result<Lease>> ModelManager::acquire(store::LibraryEntry entry, domain::ModelCard card, LoadWish wish) {
  const auto started = clock_.now();
  const std::string key = entry.name.key();
  bool waited = false;
  while (true) {
    if (stopping_) co_return fail(ErrorCode::kShuttingDown, "the server is shutting down");
    const auto it = slots_.find(key);
    SlotPtr slot = it != slots_.end() ? it->second : start_loading(entry, card, wish);
    if (slot->state == SlotState::kReady) {
      const std::int32_t loaded = slot->info.capabilities.context_tokens;
      const std::int32_t trained = slot->info.capabilities.trained_context_tokens;
      const std::int32_t wanted =
          std::min(wish.context_tokens.value_or(0), trained > 0 ? trained : wish.context_tokens.value_or(0));
      const bool same_file = slot->entry.path == entry.path && slot->card.digest == card.digest;
      if (wanted <= loaded && same_file) {
        HEARTH_CO_CHECK(admit(*slot));
        Lease lease(slot, *this);
        if (waited) lease.set_load_time(clock_.now() - started);
        publish();
        co_return lease;
      }
      if (same_file) {
        HEARTH_CO_CHECK(co_await check_larger(slot, wanted));
        if (slot->state != SlotState::kReady) continue;  // somebody else came first
      }
      log_.info("model {}: reloading {}", slot->entry.id(),
                same_file ? fmt::format("with a context of {} instead of {}", wanted, loaded)
                          : "because its file is another one now");
      slot->state = SlotState::kDraining;
      if (slot->in_flight == 0) nursery_.spawn(end_runner(slot));
    }
    waited = true;
    HEARTH_CO_CHECK(admit(*slot));
    struct Waiting {
      Slot& slot;
      explicit Waiting(Slot& s) : slot(s) { ++slot.waiting; }
      ~Waiting() { --slot.waiting; }
    };
    const Waiting counted(*slot);
    while (slot->state == SlotState::kLoading) co_await changed_.wait();
    // A load that was asked to be larger than this request needs may have failed for that.
    const bool for_us = slot->context_tokens <= std::max(usual_context(card), wish.context_tokens.value_or(0));
    if (slot->state == SlotState::kGone && !slot->failure.message.empty() && for_us) co_return fail(slot->failure);
    if (slot->state == SlotState::kDraining || slot->state == SlotState::kStopping) co_await changed_.wait();
  }
}

std::int32_t ModelManager::usual_context(const domain::ModelCard& card) const {
  constexpr std::int32_t kDefaultContext = 8192;
  const std::int32_t usual = options_.context_tokens > 0 ? options_.context_tokens : kDefaultContext;
  return card.context_tokens > 0 ? std::min(usual, card.context_tokens) : usual;
}

ModelManager::SlotPtr ModelManager::start_loading(const store::LibraryEntry& entry, const domain::ModelCard& card,
                                                  const LoadWish& wish) {
  auto slot = std::make_shared<Slot>(Slot{.key = entry.name.key(), .entry = entry, .card = card});
  // A wish may enlarge the context that everybody gets, never shrink it.
  slot->context_tokens = std::max(usual_context(card), wish.context_tokens.value_or(0));
  slot->card.tensors.clear();  // what a loaded model's listing needs is little, and it is copied often
  slot->card.metadata.clear();
  if (card.context_tokens > 0) slot->context_tokens = std::min(slot->context_tokens, card.context_tokens);
  slot->last_used = clock_.now();
  slots_[slot->key] = slot;
  publish();
  nursery_.spawn(load(slot));
  return slot;
}

void ModelManager::release(const SlotPtr& slot, std::optional<std::chrono::nanoseconds> keep_alive,
                           std::chrono::nanoseconds used) {
  --slot->in_flight;
  slot->last_used = clock_.now();
  slot->mean_service_s += 0.1 * (std::chrono::duration<double>(used).count() - slot->mean_service_s);
  if (keep_alive) slot->next_keep_alive = keep_alive;
  if (slot->in_flight == 0) {
    if (slot->state == SlotState::kDraining) {
      if (!stopping_) nursery_.spawn(end_runner(slot));
    } else {
      const auto span = slot->next_keep_alive.value_or(options_.keep_alive);
      slot->next_keep_alive.reset();
      slot->expires.reset();
      if (span != base::kForever) slot->expires = base::Deadline::after(span, slot->last_used).at();
    }
  }
  publish();
  changed_.notify_all();
}

void ModelManager::forget(const SlotPtr& slot) {
  slot->state = SlotState::kGone;
  if (const auto it = slots_.find(slot->key); it != slots_.end() && it->second == slot) slots_.erase(it);
  std::error_code ignored;
  std::filesystem::remove(slot->socket, ignored);
  publish();
  changed_.notify_all();
}

rt::Task<Result<void>> ModelManager::unload(std::string name) {
  auto it = slots_.find(name);
  if (it == slots_.end())
    it = std::ranges::find_if(
        slots_, [&](const auto& entry) { return base::equals_ignore_case(entry.second->entry.id(), name); });
  if (it == slots_.end())
    co_return fail(ErrorCode::kModelNotFound, fmt::format("model '{}' is not loaded", name), "model");
  const SlotPtr slot = it->second;
  while (slot->state == SlotState::kLoading) co_await changed_.wait();
  if (slot->state == SlotState::kReady) {
    slot->state = SlotState::kDraining;
    if (slot->in_flight == 0) nursery_.spawn(end_runner(slot));
    publish();
  }
  while (slot->state != SlotState::kGone) co_await changed_.wait();
  co_return Result<void>{};
}

rt::Task<void> ModelManager::stop() {
  stopping_ = true;
  changed_.notify_all();
  const auto all = slots_;
  for (const auto& [key, slot] : all) {
    if (slot->process && slot->state != SlotState::kStopping) nursery_.spawn(end_runner(slot));
  }
  const auto deadline = base::Deadline::after(options_.stop_grace + 2s, clock_.now());
  while (!slots_.empty() && !deadline.passed(clock_.now())) co_await changed_.wait(deadline);
  nursery_.cancel();
  co_await nursery_.join();
}

rt::Task<void> ModelManager::reap_idle() {
  while (!stopping_) {
    const auto now = clock_.now();
    base::Deadline next;
    for (const auto& [key, slot] : slots_) {
      if (slot->state != SlotState::kReady || slot->in_flight != 0 || slot->waiting != 0 || !slot->expires) continue;
      if (now >= *slot->expires) {
        log_.info("model {}: idle, unloading", slot->entry.id());
        slot->state = SlotState::kDraining;
        nursery_.spawn(end_runner(slot));
      } else if (!next.at() || *slot->expires < *next.at()) {
        next = base::Deadline(*slot->expires);
      }
    }
    co_await changed_.wait(next);
  }
}

ModelManager::SlotPtr ModelManager::least_recently_used(bool idle) const {
  SlotPtr best;
  for (const auto& [key, slot] : slots_) {
    if (slot->state != SlotState::kReady || slot->waiting != 0 || (slot->in_flight == 0) != idle) continue;
    if (!best || slot->last_used < best->last_used) best = slot;
  }
  return best;
}

void ModelManager::publish() {
  constexpr auto kName = [](SlotState state) {
    switch (state) {
      case SlotState::kLoading: return "loading";
      case SlotState::kReady: return "ready";
      default: return "unloading";
    }
  };
  std::vector<Loaded> list;
  const auto wall = clock_.wall();
  const auto now = clock_.now();
  for (const auto& [key, slot] : slots_) {
    Loaded out{.model = {.card = slot->card, .state = kName(slot->state)}, .stats = slot->stats};
    out.model.device = slot->info.capabilities.device;
    out.model.memory_bytes = slot->info.memory_bytes + slot->stats.prefix_memory_bytes;
    out.model.context_tokens = slot->info.capabilities.context_tokens;
    out.model.slots = slot->info.capabilities.slots;
    out.model.slots_busy = slot->in_flight;
    if (slot->expires)
      out.model.expires_at = wall + std::chrono::duration_cast<base::WallTime::duration>(*slot->expires - now);
    list.push_back(std::move(out));
  }
  snapshot_.with([&](Snapshot& s) {
    s.loaded = std::move(list);
    s.stats = stats_;
  });
}

std::vector<ModelManager::Loaded> ModelManager::loaded() const {
  return snapshot_.with([](const Snapshot& s) { return s.loaded; });
}
ManagerStats ModelManager::stats() const {
  return snapshot_.with([](const Snapshot& s) { return s.stats; });
}

}  // namespace hearth::sched
