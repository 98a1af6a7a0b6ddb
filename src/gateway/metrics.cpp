#include "gateway/metrics.hpp"

#include <array>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace hearth::gateway {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

double seconds(std::chrono::nanoseconds span) { return std::chrono::duration<double>(span).count(); }

const prometheus::Histogram::BucketBoundaries kBuckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                       0.5,   1,      2.5,   5,    10,    30,   60,  300};

// A family with one value per label set, made at scrape time from a snapshot.
MetricFamily family(std::string name, std::string help, MetricType type) {
  MetricFamily out;
  out.name = std::move(name);
  out.help = std::move(help);
  out.type = type;
  return out;
}

void add(MetricFamily& into, double value, std::vector<ClientMetric::Label> labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  if (into.type == MetricType::Counter)
    metric.counter.value = value;
  else
    metric.gauge.value = value;
  into.metric.push_back(std::move(metric));
}

MetricFamily single(std::string name, std::string help, MetricType type, double value) {
  auto out = family(std::move(name), std::move(help), type);
  add(out, value);
  return out;
}

struct EngineMetric {
  const char* name;
  const char* help;
  MetricType type;
  std::uint64_t sched::RunnerStats::* field;
  double unit = 1;  // of the field, in the metric's
};
constexpr double kNanosecond = 1e-9;
constexpr std::array kEngineMetrics{
    EngineMetric{"hearth_engine_steps_total", "Engine steps", MetricType::Counter, &sched::RunnerStats::steps},
    EngineMetric{"hearth_engine_model_seconds_total", "Time inside the model", MetricType::Counter,
                 &sched::RunnerStats::step_nanoseconds, kNanosecond},
    EngineMetric{"hearth_engine_sampling_seconds_total", "Time spent on constraining and drawing tokens",
                 MetricType::Counter, &sched::RunnerStats::sampling_nanoseconds, kNanosecond},
    EngineMetric{"hearth_engine_steps_after_cancel_total", "Steps in which a cancelled sequence still took part",
                 MetricType::Counter, &sched::RunnerStats::steps_after_cancel},
    EngineMetric{"hearth_engine_prompt_tokens_total", "Prompt tokens evaluated", MetricType::Counter,
                 &sched::RunnerStats::prompt_tokens},
    EngineMetric{"hearth_engine_cached_prompt_tokens_total", "Prompt tokens taken from the cache", MetricType::Counter,
                 &sched::RunnerStats::cached_prompt_tokens},
    EngineMetric{"hearth_engine_generated_tokens_total", "Tokens generated", MetricType::Counter,
                 &sched::RunnerStats::generated_tokens},
    EngineMetric{"hearth_engine_requests_finished_total", "Requests that ended well", MetricType::Counter,
                 &sched::RunnerStats::requests_finished},
    EngineMetric{"hearth_engine_requests_failed_total", "Requests that failed", MetricType::Counter,
                 &sched::RunnerStats::requests_failed},
    EngineMetric{"hearth_engine_requests_cancelled_total", "Requests cancelled because nobody listened any more",
                 MetricType::Counter, &sched::RunnerStats::requests_cancelled},
    EngineMetric{"hearth_engine_prefix_hits_total", "Sequences that began with tokens from the cache",
                 MetricType::Counter, &sched::RunnerStats::prefix_hits},
    EngineMetric{"hearth_engine_prefix_saves_total", "Sequences and checkpoints saved outside the KV cache",
                 MetricType::Counter, &sched::RunnerStats::prefix_saves},
    EngineMetric{"hearth_engine_prefix_restores_total", "Sequences and checkpoints restored into the KV cache",
                 MetricType::Counter, &sched::RunnerStats::prefix_restores},
    EngineMetric{"hearth_engine_prefix_reads_total", "Saved sequences read from disk", MetricType::Counter,
                 &sched::RunnerStats::prefix_reads},
    EngineMetric{"hearth_engine_prefix_evictions_total", "Saved sequences lost for want of room", MetricType::Counter,
                 &sched::RunnerStats::prefix_evictions},
    EngineMetric{"hearth_engine_prefix_seconds_total", "Time spent on saving and restoring sequences",
                 MetricType::Counter, &sched::RunnerStats::prefix_nanoseconds, kNanosecond},
    EngineMetric{"hearth_engine_prefix_memory_bytes", "Saved sequences and checkpoints in memory", MetricType::Gauge,
                 &sched::RunnerStats::prefix_memory_bytes},
    EngineMetric{"hearth_engine_prefix_disk_bytes", "Saved sequences on disk", MetricType::Gauge,
                 &sched::RunnerStats::prefix_disk_bytes},
    EngineMetric{"hearth_engine_running", "Sequences running", MetricType::Gauge, &sched::RunnerStats::running},
    EngineMetric{"hearth_engine_waiting", "Requests waiting for a slot", MetricType::Gauge,
                 &sched::RunnerStats::waiting},
    EngineMetric{"hearth_engine_paused", "Sequences paused by slow readers", MetricType::Gauge,
                 &sched::RunnerStats::paused},
    EngineMetric{"hearth_engine_slots", "Sequences that can run at once", MetricType::Gauge,
                 &sched::RunnerStats::slots},
    EngineMetric{"hearth_engine_kv_cells", "KV cache cells", MetricType::Gauge, &sched::RunnerStats::kv_cells},
    EngineMetric{"hearth_engine_kv_cells_used", "KV cache cells in use", MetricType::Gauge,
                 &sched::RunnerStats::kv_cells_used},
};

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests =
      prometheus::BuildCounter().Name("hearth_http_requests_total").Help("HTTP requests served").Register(registry);
  prometheus::Family<prometheus::Histogram>& durations =
      prometheus::BuildHistogram()
          .Name("hearth_http_request_seconds")
          .Help("Time from the request's header to the end of its answer")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& tokens =
      prometheus::BuildCounter().Name("hearth_tokens_total").Help("Tokens by model and kind").Register(registry);
  prometheus::Family<prometheus::Histogram>& first_token = prometheus::BuildHistogram()
                                                               .Name("hearth_time_to_first_token_seconds")
                                                               .Help("From submission to the first token")
                                                               .Register(registry);
  prometheus::Family<prometheus::Histogram>& queued =
      prometheus::BuildHistogram().Name("hearth_queue_seconds").Help("Waiting for a slot").Register(registry);
  std::string version;
};

Metrics::Metrics(std::string_view version) : impl_(std::make_unique<Impl>()) { impl_->version = version; }
Metrics::~Metrics() = default;

void Metrics::served(std::string_view route, int status, std::chrono::nanoseconds duration) {
  impl_->requests.Add({{"route", std::string(route)}, {"status", std::to_string(status)}}).Increment();
  impl_->durations.Add({{"route", std::string(route)}}, kBuckets).Observe(seconds(duration));
}

void Metrics::answered(std::string_view model, const domain::Usage& usage, const domain::Timings& timings) {
  const std::string name(model);
  impl_->tokens.Add({{"model", name}, {"kind", "prompt"}}).Increment(usage.prompt);
  impl_->tokens.Add({{"model", name}, {"kind", "cached"}}).Increment(usage.cached);
  impl_->tokens.Add({{"model", name}, {"kind", "completion"}}).Increment(usage.completion);
  impl_->queued.Add({{"model", name}}, kBuckets).Observe(seconds(timings.queued));
  if (usage.completion > 0) impl_->first_token.Add({{"model", name}}, kBuckets).Observe(seconds(timings.first_token));
}

std::string Metrics::render(const http::ServerStats& server, const sched::ManagerStats& manager,
                            const std::vector<sched::ModelManager::Loaded>& loaded) const {
  auto families = impl_->registry.Collect();
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    families.push_back(single(name, help, MetricType::Counter, static_cast<double>(value)));
  };
  const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
    families.push_back(single(name, help, MetricType::Gauge, static_cast<double>(value)));
  };
  auto build = family("hearth_build_info", "Version of this server", MetricType::Gauge);
  add(build, 1, {{"version", impl_->version}});
  families.push_back(std::move(build));
  gauge("hearth_http_connections", "Open connections", server.connections_open);
  gauge("hearth_http_requests_in_flight", "Requests being answered", server.requests_in_flight);
  gauge("hearth_http_body_bytes", "Bytes of request bodies that are not answered", server.body_bytes);
  counter("hearth_http_connections_total", "Connections accepted", server.connections_total);
  counter("hearth_http_connections_shed_total", "Connections closed because there were too many",
          server.connections_shed);
  counter("hearth_http_clients_gone_total", "Requests cancelled because the client left", server.clients_gone);
  counter("hearth_model_loads_total", "Models loaded", manager.loads);
  counter("hearth_model_load_failures_total", "Models that could not be loaded", manager.load_failures);
  counter("hearth_model_crashes_total", "Runners that died", manager.crashes);
  counter("hearth_model_evictions_total", "Models unloaded to make room", manager.evictions);
  counter("hearth_requests_refused_total", "Requests refused because a queue was full", manager.refused);
  gauge("hearth_models_loaded", "Models loaded now", loaded.size());
  auto memory = family("hearth_model_memory_bytes",
                       "Memory of a loaded model: measured when it was loaded, and its saved sequences and checkpoints",
                       MetricType::Gauge);
  for (const auto& l : loaded) add(memory, static_cast<double>(l.model.memory_bytes), {{"model", l.model.card.name}});
  families.push_back(std::move(memory));
  for (const auto& metric : kEngineMetrics) {
    auto out = family(metric.name, metric.help, metric.type);
    for (const auto& l : loaded)
      add(out, metric.unit * static_cast<double>(l.stats.*metric.field), {{"model", l.model.card.name}});
    families.push_back(std::move(out));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace hearth::gateway
