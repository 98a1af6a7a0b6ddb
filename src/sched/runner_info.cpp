#include "sched/runner_info.hpp"

#include "dialect/native/native.hpp"
#include "json/reader.hpp"

namespace hearth::sched {

Result<RunnerInfo> read_runner_info(std::string_view text) {
  RunnerInfo info;
  std::string capabilities;
  HEARTH_TRY(const auto report, json::read_object(text, [&](json::Object& in) {
               in.raw("capabilities", capabilities);
               in.text("engine", info.engine);
               in.each("memory", [&](const json::Item& item) {
                 item.object([&](json::Object& o) {
                   for (const auto* key : {"weights", "kv_cache", "compute"}) {
                     if (const auto bytes = o.get(key))
                       info.memory_bytes += static_cast<std::uint64_t>(bytes->integer(0));
                   }
                 });
               });
             }));
  (void)report;
  HEARTH_TRY(info.capabilities, dialect::native::read_capabilities(capabilities));
  return info;
}

Result<RunnerStats> read_runner_stats(std::string_view text) {
  RunnerStats s;
  HEARTH_TRY(const auto report, json::read_object(text, [&](json::Object& in) {
               const auto read = [&](std::string_view key, std::uint64_t& out) {
                 if (const auto item = in.get(key)) out = static_cast<std::uint64_t>(item->integer(0));
               };
               read("steps", s.steps);
               read("prompt_tokens", s.prompt_tokens);
               read("cached_prompt_tokens", s.cached_prompt_tokens);
               read("generated_tokens", s.generated_tokens);
               read("requests_finished", s.requests_finished);
               read("requests_failed", s.requests_failed);
               read("requests_cancelled", s.requests_cancelled);
               read("steps_after_cancel", s.steps_after_cancel);
               read("step_nanoseconds", s.step_nanoseconds);
               read("sampling_nanoseconds", s.sampling_nanoseconds);
               read("prefix_hits", s.prefix_hits);
               read("prefix_saves", s.prefix_saves);
               read("prefix_restores", s.prefix_restores);
               read("prefix_reads", s.prefix_reads);
               read("prefix_evictions", s.prefix_evictions);
               read("prefix_nanoseconds", s.prefix_nanoseconds);
               read("prefix_memory_bytes", s.prefix_memory_bytes);
               read("prefix_disk_bytes", s.prefix_disk_bytes);
               read("running", s.running);
               read("waiting", s.waiting);
               read("paused", s.paused);
               read("slots", s.slots);
               read("kv_cells", s.kv_cells);
               read("kv_cells_used", s.kv_cells_used);
             }));
  (void)report;
  return s;
}

}  // namespace hearth::sched
