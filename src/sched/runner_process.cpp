// The part of ModelManager that deals with runner processes: start, watch, end.
#include <algorithm>
#include <csignal>
#include <fmt/format.h>
#include <system_error>
#include <utility>

#include "http/stream_reader.hpp"
#include "rt/race.hpp"
#include "sched/model_manager.hpp"
#include "sched/slot.hpp"
#include "store/gguf.hpp"
#include "store/memory_estimate.hpp"

namespace hearth::sched {

using namespace std::chrono_literals;

namespace {

std::vector<std::string> runner_arguments(const ManagerOptions& options, const Slot& slot) {
  std::vector<std::string> out{"--model",    slot.entry.path.string(),
                               "--name",     slot.entry.id(),
                               "--socket",   slot.socket.string(),
                               "--parallel", std::to_string(options.parallel),
                               "--queue",    std::to_string(options.parallel + options.queue)};
  const auto add = [&](const char* flag, std::int32_t value) {
    out.emplace_back(flag);
    out.push_back(std::to_string(value));
  };
  add("--ctx", slot.context_tokens);
  if (options.threads > 0) add("--threads", options.threads);
  add("--nice", options.nice);
  if (options.batch_tokens > 0) add("--batch", options.batch_tokens);
  constexpr std::chrono::milliseconds kMost = 24h;
  add("--step-ms", static_cast<std::int32_t>(std::min(options.step_time, kMost).count()));
  const auto add_text = [&](const char* flag, std::string value) {
    out.emplace_back(flag);
    out.push_back(std::move(value));
  };
  add_text("--prefix-memory", std::to_string(options.prefix_memory.count));
  if (!options.prefix_folder.empty()) {
    add_text("--prefix-folder", options.prefix_folder.string());
    add_text("--prefix-disk", std::to_string(options.prefix_disk.count));
  }
  if (options.context_shift) out.emplace_back("--context-shift");
  if (options.debug) out.emplace_back("--debug");
  return out;
}

std::string first_lines_hint(const Slot& slot) { return fmt::format("its log is {}", slot.log_file.string()); }

}  // namespace

rt::Task<void> ModelManager::load(SlotPtr slot) {
  const auto started = clock_.now();
  Result<void> result;
  try {
    result = co_await bring_up(slot);
  } catch (const std::exception& bug) {  // whoever waits for this model must hear of it
    result = fail(ErrorCode::kInternal, fmt::format("loading model '{}' failed: {}", slot->entry.id(), bug.what()));
  }
  if (slot->state != SlotState::kLoading) co_return;  // it is being ended: end_runner has the rest
  if (!result) {
    ++stats_.load_failures;
    log_.error("model {}: {}", slot->entry.id(), result.error().message);
    slot->failure = std::move(result).error();
    if (slot->process) {
      slot->process->signal(SIGKILL);
      co_await slot->process->wait();
      if (slot->state != SlotState::kLoading) co_return;  // meanwhile the manager stops: end_runner has the rest
      slot->process.reset();
    }
    forget(slot);
    co_return;
  }
  ++stats_.loads;
  slot->state = SlotState::kReady;
  slot->memory = {slot->info.memory_bytes};
  slot->last_used = clock_.now();
  if (options_.keep_alive != base::kForever)  // whoever waits for it takes a lease, which ends that
    slot->expires = base::Deadline::after(options_.keep_alive, slot->last_used).at();
  const auto& can = slot->info.capabilities;
  log_.info("model {}: loaded in {} on {}, context {} of {}, {} slots, {}", slot->entry.id(),
            base::format_duration(clock_.now() - started), can.device, can.context_tokens, can.trained_context_tokens,
            can.slots, base::human({slot->info.memory_bytes}));
  publish();
  nursery_.spawn(watch(slot));
  nursery_.spawn(follow_stats(slot));
  nursery_.spawn(follow_file(slot));
  changed_.notify_all();
}

// Checks the file's structure on the way.
rt::Task<Result<base::Bytes>> ModelManager::estimate(std::filesystem::path path, std::int32_t context_tokens) {
  const store::LoadShape shape{.context_tokens = context_tokens,
                               .parallel = options_.parallel,
                               .batch_tokens = options_.batch_tokens > 0 ? options_.batch_tokens : 512};
  co_return co_await work_.run([&]() -> Result<base::Bytes> {
    HEARTH_CHECK(store::check_structure(path));
    HEARTH_TRY(const auto header, store::read_gguf(path));
    HEARTH_TRY(const auto parts, store::gguf_parts(path, header));
    base::Bytes others;
    for (const auto& part : parts) {
      std::error_code error;
      if (part != path) others += {std::filesystem::file_size(part, error)};
      if (error) return fail(ErrorCode::kIo, fmt::format("cannot read {}: {}", part.string(), error.message()));
    }
    return store::estimate_memory(header, shape, others).total();
  });
}

// A larger context for a loaded model: whether it would fit, so that nothing is unloaded in vain.
rt::Task<Result<void>> ModelManager::check_larger(SlotPtr slot, std::int32_t context_tokens) {
  HEARTH_CO_TRY(const auto needed, co_await estimate(slot->entry.path, context_tokens));
  const Room room = room_for_another(needed);
  if (room_for(room) != Verdict::kNever) co_return Result<void>{};
  co_return fail(ErrorCode::kInsufficientMemory,
                 fmt::format("model '{}' with a context of {} needs about {} and {} are available", slot->entry.id(),
                             context_tokens, base::human(needed), base::human(most_room(room))));
}

rt::Task<Result<void>> ModelManager::bring_up(SlotPtr slot) {
  HEARTH_CO_TRY(const auto needed, co_await estimate(slot->entry.path, slot->context_tokens));
  HEARTH_CO_CHECK(co_await make_room(slot, needed));
  std::error_code error;
  std::filesystem::create_directories(options_.log_folder, error);
  const auto number = ++sequence_;
  slot->socket = options_.socket_folder / fmt::format("r{}.sock", number);
  slot->log_file = options_.log_folder / fmt::format("runner-{}.log", domain::slug_of(slot->entry.id()));
  std::filesystem::remove(slot->socket, error);
  constexpr std::uintmax_t kLogMax = 1 << 20;
  const auto log_size = std::filesystem::file_size(slot->log_file, error);
  if (!error && log_size > kLogMax)  // the last one is kept beside it
    std::filesystem::rename(slot->log_file, slot->log_file.string() + ".old", error);
  rt::SubprocessOptions child{
      .program = options_.runner, .arguments = runner_arguments(options_, *slot), .output = slot->log_file};
  auto process = rt::Subprocess::spawn(executor_, child);
  if (!process) co_return std::unexpected(std::move(process).error());
  slot->process.emplace(*std::move(process));
  remote::HearthBackend::Options backend{
      .cut_code = ErrorCode::kBackendCrashed,
      .cut_message =
          fmt::format("the runner of model '{}' died before the answer was complete; the next request loads it again",
                      slot->entry.id())};
  backend.client.idle_connections_max = 256;
  backend.client.resend = false;  // a prompt that kills its runner must not kill the next one too
  slot->backend =
      std::make_unique<remote::HearthBackend>(executor_, http::Endpoint{.unix_path = slot->socket}, std::move(backend));
  HEARTH_CO_TRY(slot->info, co_await wait_until_ready(slot));
  slot->backend->set_capabilities(slot->info.capabilities);
  co_return Result<void>{};
}

Room ModelManager::room_for_another(base::Bytes needed) const {
  Room room{.needed = needed, .available = store::available_memory(), .total = store::total_memory()};
  for (const auto& [key, slot] : slots_) {
    const base::Bytes taken = slot->taken();
    const base::Bytes held =
        slot->process ? std::min(taken, store::resident_memory(slot->process->pid())) : base::Bytes{};
    room.held += held;
    room.promised += {taken.count - held.count};
  }
  return room;
}

// Evicts idle models, the least recently used first, until this one may load; then the memory is promised to it.
rt::Task<Result<void>> ModelManager::make_room(SlotPtr slot, base::Bytes needed) {
  const auto deadline = base::Deadline::after(options_.load_timeout, clock_.now());
  while (true) {
    if (stopping_) co_return fail(ErrorCode::kShuttingDown, "the server is shutting down");
    const Room room = room_for_another(needed);
    const Verdict verdict = room_for(room);
    if (verdict == Verdict::kNever)
      co_return fail(
          ErrorCode::kInsufficientMemory,
          fmt::format("model '{}' needs about {} and {} are available; try a smaller quantisation or a smaller --ctx",
                      slot->entry.id(), base::human(needed), base::human(most_room(room))));
    const auto loaded = std::ranges::count_if(slots_, [](const auto& e) { return e.second->memory.count > 0; });
    const bool counted = options_.max_loaded <= 0 || loaded < options_.max_loaded;
    if (verdict == Verdict::kFits && counted) {
      slot->memory = needed;
      co_return Result<void>{};
    }
    const bool one_goes = std::ranges::any_of(slots_, [](const auto& e) {
      return e.second->state == SlotState::kDraining || e.second->state == SlotState::kStopping;
    });
    if (const SlotPtr victim = one_goes ? nullptr : least_recently_used(true)) {
      ++stats_.evictions;
      log_.info("model {}: evicted to make room for {} ({})", victim->entry.id(), slot->entry.id(),
                counted ? "memory" : "the limit of loaded models");
      victim->state = SlotState::kDraining;
      co_await end_runner(victim);
      continue;
    }
    // All are busy: the one unused longest takes no new requests, so that this model gets its turn when the running
    // ones end.
    if (const SlotPtr next = one_goes ? nullptr : least_recently_used(false)) next->state = SlotState::kDraining;
    if (deadline.passed(clock_.now()))
      co_return fail(
          Error{.code = ErrorCode::kOverloaded,
                .message = fmt::format("model '{}' found no room: all loaded models are busy", slot->entry.id()),
                .retry_after = 10s});
    co_await changed_.wait(deadline);
  }
}

rt::Task<Result<RunnerInfo>> ModelManager::wait_until_ready(SlotPtr slot) {
  const auto deadline = base::Deadline::after(options_.load_timeout, clock_.now());
  const auto ask = [](SlotPtr s, base::Deadline until) -> rt::Task<Result<std::string>> {
    while (true) {
      // The runner listens a few milliseconds after it started; then it answers as soon as the model is loaded.
      auto info = co_await s->backend->fetch_info(until);
      if (info || info.error().code != ErrorCode::kUnavailable) co_return info;
      co_await rt::sleep_for(3ms);
    }
  };
  const auto outcome = co_await rt::race(ask(slot, deadline), slot->process->wait());
  if (outcome.index() == 1)
    co_return fail(ErrorCode::kModelLoadFailed,
                   fmt::format("model '{}' did not load: its runner ended with {}; {}", slot->entry.id(),
                               std::get<1>(outcome).describe(), first_lines_hint(*slot)));
  const auto& info = std::get<0>(outcome);
  if (!info) {
    if (info.error().code == ErrorCode::kTimeout || info.error().code == ErrorCode::kStreamCut)
      co_return fail(ErrorCode::kModelLoadFailed, fmt::format("model '{}' did not load: {}; {}", slot->entry.id(),
                                                              info.error().message, first_lines_hint(*slot)));
    co_return fail(info.error());
  }
  co_return read_runner_info(*info);
}

rt::Task<bool> ModelManager::wait_gone(const Lease& lease) {
  const SlotPtr slot = lease.slot_;
  const auto deadline = base::Deadline::after(500ms, clock_.now());
  while ((slot->state == SlotState::kReady || slot->state == SlotState::kDraining) && !deadline.passed(clock_.now()))
    co_await changed_.wait(deadline);
  co_return slot->state == SlotState::kGone;
}

rt::Task<void> ModelManager::watch(SlotPtr slot) {
  const rt::ExitStatus status = co_await slot->process->wait();
  if (slot->state == SlotState::kStopping || slot->state == SlotState::kGone) co_return;
  ++stats_.crashes;
  log_.error("model {}: runner {} ended with {} while {} requests ran; {}", slot->entry.id(), slot->process->pid(),
             status.describe(), slot->in_flight, first_lines_hint(*slot));
  forget(slot);
}

rt::Task<void> ModelManager::follow_stats(SlotPtr slot) {
  constexpr auto kAgain = 1s;
  const auto up = [&] { return slot->state == SlotState::kReady || slot->state == SlotState::kDraining; };
  while (up()) {
    const auto read = co_await read_stats(slot);
    if (!up()) co_return;
    co_await rt::sleep_for(kAgain);  // a runner that ended is known by then
    if (up())
      log_.warn("model {}: its runner's counters are asked for again: {}", slot->entry.id(), read.error().message);
  }
}

rt::Task<Result<void>> ModelManager::read_stats(SlotPtr slot) {
  http::Request request;
  request.target = request.path = "/hearth/v1/stats";
  auto response = co_await slot->backend->client().send(std::move(request));
  if (!response) co_return fail(response.error());
  http::NdjsonReader reader;
  while (true) {
    const auto piece = co_await (*response)->read();
    if (!piece) co_return fail(piece.error());
    if (piece->empty()) co_return fail(ErrorCode::kBackendError, "the runner ended them");
    const auto frames = reader.feed(*piece);
    if (!frames) co_return fail(frames.error());
    if (frames->empty()) continue;
    const auto stats = read_runner_stats(frames->back().data);
    if (!stats) co_return fail(stats.error());
    slot->stats = *stats;
    publish();
  }
}

// A model that another process has deleted takes its space until its runner lets go of it.
rt::Task<void> ModelManager::follow_file(SlotPtr slot) {
  constexpr auto kLook = 5s;
  while (slot->state == SlotState::kReady) {
    co_await rt::sleep_for(kLook);
    const bool gone = co_await work_.run([path = slot->entry.path] {
      std::error_code error;
      return !std::filesystem::exists(path, error) && !error;
    });
    if (!gone || slot->state != SlotState::kReady) continue;
    log_.info("model {}: its file was deleted, unloading", slot->entry.id());
    slot->state = SlotState::kDraining;
    if (slot->in_flight == 0) nursery_.spawn(end_runner(slot));
    publish();
  }
}

rt::Task<void> ModelManager::end_runner(SlotPtr slot) {
  if (slot->state == SlotState::kStopping || slot->state == SlotState::kGone) co_return;
  slot->state = SlotState::kStopping;
  publish();
  if (slot->process) {
    slot->process->signal(SIGTERM);
    const auto status = co_await rt::with_deadline(slot->process->wait(), base::Deadline::after(options_.stop_grace));
    if (!status) {
      log_.warn("model {}: runner {} did not end in {}, killing it", slot->entry.id(), slot->process->pid(),
                base::format_duration(options_.stop_grace));
      slot->process->signal(SIGKILL);
      co_await slot->process->wait();
    }
  }
  forget(slot);
}

}  // namespace hearth::sched
