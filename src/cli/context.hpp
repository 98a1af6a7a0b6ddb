#pragma once

#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "config/settings.hpp"
#include "sdk/client.hpp"
#include "store/library.hpp"

namespace hearth::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;

// What stands before or behind any command.
struct Globals {
  std::string server;  // --server; empty = the configured default
  std::string config;  // --config
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool no_color = false;
};

// What a command works with. Made once by the composition root, for one command.
struct Context {
  Globals globals;
  config::Settings settings;
  store::Home home;
  std::filesystem::path program;  // this executable
  base::Log* log = nullptr;
  std::function<int(const config::Settings&)> serve;
  std::function<int(Context&)> doctor;

  [[nodiscard]] Result<sdk::Client> client() const;
  // A client whose server answers: started if nobody does (loopback only). Reports a start on stderr unless quiet.
  [[nodiscard]] Result<sdk::Client> running_client() const;
  [[nodiscard]] bool remote_asked() const {
    return !globals.server.empty() || config::process_environment("HEARTH_SERVER");
  }
};

// "hearth: <message>" and, where the message has a remedy of its own line, "try: …". Gives the exit code.
int report(const Error& error);
int report_with_remedy(const Error& error, std::string_view remedy);

}  // namespace hearth::cli
