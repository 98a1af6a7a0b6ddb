#include "apps/runner/quantize.hpp"

#include <CLI/CLI.hpp>

#include "base/spd_log.hpp"
#include "engine/llama/quantize.hpp"
#include "rt/this_thread.hpp"

namespace hearth::apps {

int quantize(int argc, char** argv) {
  engine::llama::QuantizeOptions options;
  int nice = 0;
  CLI::App app("Writes a model with its weights in another type. Started by hearth; not meant to be used by hand.",
               "hearth-runner quantize");
  app.add_option("--from", options.from, "GGUF file")->required();
  app.add_option("--to", options.to, "file to write")->required();
  app.add_option("--type", options.type, "Q4_K_M, ...")->required();
  app.add_option("--threads", options.threads, "0 = all cores");
  app.add_option("--nice", nice, "how far computing stands back for answering");
  app.add_flag("--from-quantized", options.from_quantized, "take weights that are quantised already");
  CLI11_PARSE(app, argc, argv);
  const auto log = base::make_stderr_log(base::LogLevel::kInfo);
  rt::this_thread::compute("hearth-quantize", nice);
  const auto done = engine::llama::quantize(options, *log);
  if (!done) log->error("{}", done.error().message);
  return done ? 0 : 1;
}

}  // namespace hearth::apps
