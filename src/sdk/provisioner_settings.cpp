#include "sdk/provisioner_settings.hpp"

#include "base/strings.hpp"
#include "config/credentials.hpp"

namespace hearth::sdk {

namespace provision = store::provision;

namespace {

std::string variable(const char* name) { return config::process_environment(name).value_or(""); }

// From the environment, else what `hearth login` keeps. A file of secrets that cannot be used is told by `hearth
// login`.
std::string secret(const char* name) {
  if (auto value = variable(name); !value.empty()) return value;
  const auto kept = config::load_credentials(config::credentials_file());
  if (!kept) return "";
  const auto found = kept->find(name);
  return found == kept->end() ? "" : found->second;
}

// As the hub's own client reads its flags.
bool is_yes(const std::string& text) {
  for (const auto* yes : {"1", "ON", "YES", "TRUE"}) {
    if (base::equals_ignore_case(text, yes)) return true;
  }
  return false;
}

}  // namespace

provision::ProvisionerOptions provisioner_options(const config::Settings& settings, const store::Home& home) {
  provision::ProvisionerOptions out{.home = home,
                                    .hub = {},
                                    .ollama = {},
                                    .s3 = s3_options(settings),
                                    .offline = is_yes(variable("HF_HUB_OFFLINE")),
                                    .download = {}};
  if (std::string endpoint = variable("HF_ENDPOINT"); !endpoint.empty()) {
    while (endpoint.ends_with('/')) endpoint.pop_back();
    out.hub.endpoint = endpoint;
  }
  out.hub.token = provision::hub_token(secret);
  out.ollama.endpoint = settings.text("pull.ollama_registry");
  while (out.ollama.endpoint.ends_with('/')) out.ollama.endpoint.pop_back();
  out.download.connections = static_cast<int>(settings.integer("pull.connections"));
  return out;
}

provision::S3Options s3_options(const config::Settings& settings) {
  auto out = provision::s3_options([](const char* name) { return variable(name); });
  if (const auto& endpoint = settings.text("s3.endpoint"); !endpoint.empty())
    out.endpoint = provision::s3_endpoint(endpoint);
  if (const auto& region = settings.text("s3.region"); !region.empty()) out.region = region;
  return out;
}

provision::PullOptions pull_options(const config::Settings& settings) {
  provision::PullOptions out;
  out.preference = settings.list("pull.quantizations");
  out.shape.context_tokens = static_cast<std::int32_t>(settings.integer("engine.ctx"));
  out.shape.parallel = static_cast<std::int32_t>(settings.integer("engine.parallel"));
  // The rest of the machine wants some too.
  out.memory_budget = {store::total_memory().count / 5 * 4};
  return out;
}

}  // namespace hearth::sdk
