#include <array>
#include <fmt/format.h>

#include "base/strings.hpp"
#include "config/settings.hpp"

namespace hearth::config {
namespace {

constexpr long long kPortMax = 65535;
constexpr long long kMany = 1'000'000;

constexpr std::array kSettings{
    Setting{.key = "home",
            .kind = Kind::kText,
            .fallback = "",
            .flag = "",
            .metavar = "DIR",
            .help = "where models, registry and state live (default ~/.local/share/hearth)"},
    Setting{.key = "cache.dir",
            .kind = Kind::kText,
            .fallback = "",
            .flag = "",
            .metavar = "DIR",
            .help = "model folder (default HOME/models)"},
    Setting{.key = "binary.dir",
            .kind = Kind::kText,
            .fallback = "",
            .flag = "",
            .metavar = "DIR",
            .help = "folder of the runner program (default: found beside hearth)"},
    Setting{
        .key = "store.caches",
        .kind = Kind::kFlag,
        .fallback = "true",
        .flag = "",
        .metavar = "",
        .help = "also use models that the Hugging Face hub's client, Ollama and LM Studio have here, where they lie"},
    Setting{.key = "pull.connections",
            .kind = Kind::kInteger,
            .fallback = "8",
            .flag = "",
            .metavar = "N",
            .help = "connections that a download uses at once",
            .min = 1,
            .max = 64},
    Setting{
        .key = "pull.quantizations",
        .kind = Kind::kList,
        .fallback = "",
        .flag = "",
        .metavar = "Q",
        .help = "which quantisation of a model to fetch, best first (default: the best that fits 4/5 of the memory)"},
    Setting{.key = "pull.ollama_registry",
            .kind = Kind::kText,
            .fallback = "https://registry.ollama.ai",
            .flag = "",
            .metavar = "URL",
            .help = "where ollama:NAME is fetched from"},
    Setting{.key = "s3.endpoint",
            .kind = Kind::kText,
            .fallback = "",
            .flag = "",
            .metavar = "URL",
            .help = "where the buckets of s3:// are (default: AWS_ENDPOINT_URL, S3_ENDPOINT, or Amazon)"},
    Setting{.key = "s3.region",
            .kind = Kind::kText,
            .fallback = "",
            .flag = "",
            .metavar = "R",
            .help = "region of those buckets (default: AWS_REGION, the profile's, or us-east-1)"},
    Setting{.key = "log.level",
            .kind = Kind::kChoice,
            .fallback = "INFO",
            .flag = "--log-level",
            .metavar = "LEVEL",
            .help = "DEBUG, INFO, WARN or ERROR",
            .choices = "DEBUG|INFO|WARN|ERROR"},
    Setting{.key = "server.host",
            .kind = Kind::kText,
            .fallback = "127.0.0.1",
            .flag = "--host",
            .metavar = "H",
            .help = "address to listen on; beyond loopback an API key is asked for"},
    Setting{.key = "server.port",
            .kind = Kind::kInteger,
            .fallback = "11434",
            .flag = "--port",
            .metavar = "N",
            .help = "TCP port; 0 = any free one",
            .min = 0,
            .max = kPortMax},
    Setting{.key = "server.unix",
            .kind = Kind::kText,
            .fallback = "",
            .flag = "--unix",
            .metavar = "PATH",
            .help = "also listen on this unix socket"},
    Setting{.key = "server.monitor",
            .kind = Kind::kText,
            .fallback = "",
            .flag = "--monitor",
            .metavar = "H:P",
            .help = "serve /health, /ready and /metrics here too, from a thread of their own"},
    Setting{.key = "server.tls_cert",
            .kind = Kind::kText,
            .fallback = "",
            .flag = "--tls-cert",
            .metavar = "F",
            .help = "certificate chain (PEM); with --tls-key the port speaks TLS"},
    Setting{.key = "server.tls_key",
            .kind = Kind::kText,
            .fallback = "",
            .flag = "--tls-key",
            .metavar = "F",
            .help = "private key (PEM)"},
    Setting{.key = "server.cors_origin",
            .kind = Kind::kList,
            .fallback = "",
            .flag = "--cors-origin",
            .metavar = "O",
            .help = "web origin that may call this server (repeat; * = any)"},
    Setting{.key = "server.allowed_host",
            .kind = Kind::kList,
            .fallback = "",
            .flag = "--allowed-host",
            .metavar = "H",
            .help = "further Host names that are this server (repeat)"},
    Setting{.key = "api_key",
            .kind = Kind::kList,
            .fallback = "",
            .flag = "--api-key",
            .metavar = "K",
            .help = "key that clients must send; better in the variable, which others cannot see",
            .secret = true},
    Setting{.key = "server.insecure_no_key",
            .kind = Kind::kFlag,
            .fallback = "false",
            .flag = "--insecure-no-key",
            .metavar = "",
            .help = "listen beyond loopback without any key"},
    Setting{.key = "server.allow_templates",
            .kind = Kind::kFlag,
            .fallback = "false",
            .flag = "--allow-templates",
            .metavar = "",
            .help = "let requests bring a jinja template of their own; it can make a model's runner work without end"},
    Setting{.key = "server.queue",
            .kind = Kind::kInteger,
            .fallback = "512",
            .flag = "--queue",
            .metavar = "N",
            .help = "requests that may wait per model; more are refused with 503 and Retry-After",
            .min = 0,
            .max = kMany},
    Setting{.key = "server.connections_max",
            .kind = Kind::kInteger,
            .fallback = "16384",
            .flag = "",
            .metavar = "N",
            .help = "open connections; beyond it silent ones are closed first",
            .min = 1,
            .max = kMany},
    Setting{.key = "server.header_hold",
            .kind = Kind::kDuration,
            .fallback = "10s",
            .flag = "",
            .metavar = "T",
            .help = "how long a stream's headers wait for its first content"},
    Setting{.key = "server.shutdown_grace",
            .kind = Kind::kDuration,
            .fallback = "10s",
            .flag = "",
            .metavar = "T",
            .help = "how long running requests may go on after SIGTERM"},
    Setting{.key = "server.idle_exit",
            .kind = Kind::kDuration,
            .fallback = "-1",
            .flag = "--idle-exit",
            .metavar = "T",
            .help = "end after this long without requests (-1 = never)"},
    Setting{.key = "engine.ctx",
            .kind = Kind::kInteger,
            .fallback = "0",
            .flag = "--ctx",
            .metavar = "N",
            .help = "tokens per conversation; 0 = what the model was trained with, at most 8192",
            .min = 0,
            .max = 1LL << 24},
    Setting{.key = "engine.parallel",
            .kind = Kind::kInteger,
            .fallback = "4",
            .flag = "--parallel",
            .metavar = "N",
            .help = "sequences of a model that run at once",
            .min = 1,
            .max = 128},
    Setting{.key = "engine.max_loaded",
            .kind = Kind::kInteger,
            .fallback = "0",
            .flag = "--max-loaded",
            .metavar = "N",
            .help = "models loaded at once; 0 = as many as fit in memory",
            .min = 0,
            .max = kMany},
    Setting{.key = "engine.keep_alive",
            .kind = Kind::kDuration,
            .fallback = "5m",
            .flag = "--keep-alive",
            .metavar = "T",
            .help = "how long an unused model stays loaded (-1 = for ever)"},
    Setting{.key = "engine.threads",
            .kind = Kind::kInteger,
            .fallback = "0",
            .flag = "--threads",
            .metavar = "N",
            .help = "compute threads per model; 0 = all cores",
            .min = 0,
            .max = 1024},
    Setting{.key = "engine.nice",
            .kind = Kind::kInteger,
            .fallback = "10",
            .flag = "--nice",
            .metavar = "N",
            .help = "how far computing stands back for answering, as a nice value; 0 = not at all",
            .min = 0,
            .max = 19},
    Setting{.key = "engine.batch",
            .kind = Kind::kInteger,
            .fallback = "512",
            .flag = "--batch",
            .metavar = "N",
            .help = "token budget of one engine step",
            .min = 16,
            .max = 65536},
    Setting{.key = "engine.step_time",
            .kind = Kind::kDuration,
            .fallback = "0",
            .flag = "--step-time",
            .metavar = "T",
            .help = "how long an engine step should take while answers stream: long prompts are taken in by chunks "
                    "that fit; 0 = "
                    "about 300ms, -1 = as long as it takes"},
};

}  // namespace

std::span<const Setting> all_settings() { return kSettings; }

const Setting* find_setting(std::string_view key) {
  for (const auto& setting : kSettings) {
    if (setting.key == key) return &setting;
  }
  return nullptr;
}

std::string settings_markdown() {
  std::string out =
      "# Settings\n\n"
      "Made from the table in `src/config/settings_table.cpp`. A flag beats the environment, which beats the file\n"
      "(`~/.config/hearth/config.yaml`), which beats the default. `hearth config` shows what is in effect and where it "
      "comes from.\n"
      "In the file a key such as `server.port` is `port` below `server`. Durations are written `30s`, `5m`, `1h30m`; "
      "`-1` is for ever.\n\n"
      "| key | default | flag of `hearth serve` | variable | what |\n| --- | --- | --- | --- | --- |\n";
  for (const auto& s : kSettings) {
    const std::string flag =
        s.flag.empty() ? "" : fmt::format("`{}{}{}`", s.flag, s.metavar.empty() ? "" : " ", s.metavar);
    const std::string fallback = s.fallback.empty() ? "" : fmt::format("`{}`", s.fallback);
    out += fmt::format("| `{}` | {} | {} | `{}` | {} |\n", s.key, fallback, flag, s.variable(), s.help);
  }
  return out;
}

std::string Setting::variable() const {
  if (!variable_name.empty()) return std::string(variable_name);
  std::string out = "HEARTH_";
  for (const char c : key) out += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

}  // namespace hearth::config
