#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "sdk/client.hpp"
#include "store/home.hpp"

namespace hearth::sdk {

struct AutoStart {
  std::filesystem::path program;  // hearth itself
  store::Home home;
  std::string config;  // settings file named by the caller; empty = the default one
  std::chrono::seconds idle_exit{15 * 60};
  std::chrono::seconds ready_timeout{30};
};

// Makes sure that a hearth server answers at the client's address. Where nobody answers on a loopback address, starts
// one, detached, that ends by itself after `idle_exit` without requests; concurrent starts yield one (lock file). A
// foreign server is left alone (kConflict). true: it was started by this call.
[[nodiscard]] Result<bool> ensure_server(const Client& client, const AutoStart& options);

}  // namespace hearth::sdk
