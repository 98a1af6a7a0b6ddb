#include "apps/hearth/server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "apps/hearth/paths.hpp"
#include "base/files.hpp"
#include "base/strings.hpp"
#include "gateway/face.hpp"
#include "sdk/provisioner_settings.hpp"

namespace hearth::apps {

using namespace std::chrono_literals;

namespace {

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

std::chrono::milliseconds to_ms(std::chrono::nanoseconds span) {
  return std::chrono::ceil<std::chrono::milliseconds>(span);  // 0 often means something of its own
}

sched::ManagerOptions manager_options(const config::Settings& s, const store::Home& home) {
  sched::ManagerOptions o;
  o.runner = runner_program(s);
  o.socket_folder = home.run() / fmt::format("{}-{}", ::getpid(), base::random_id(4));
  o.log_folder = home.logs();
  o.context_tokens = static_cast<std::int32_t>(s.integer("engine.ctx"));
  o.parallel = static_cast<std::int32_t>(s.integer("engine.parallel"));
  o.queue = static_cast<std::int32_t>(s.integer("server.queue"));
  o.threads = static_cast<std::int32_t>(s.integer("engine.threads"));
  o.nice = static_cast<std::int32_t>(s.integer("engine.nice"));
  o.batch_tokens = static_cast<std::int32_t>(s.integer("engine.batch"));
  o.context_shift = s.flag("engine.context_shift");
  const auto step_time = s.duration("engine.step_time");
  o.step_time = step_time == base::kForever ? std::chrono::milliseconds(-1) : to_ms(step_time);
  o.prefix_memory = s.bytes("engine.prefix_cache_memory");
  if (const auto& folder = s.text("engine.prefix_cache_dir"); !folder.empty())
    o.prefix_folder = std::filesystem::absolute(base::expand_user(folder));
  o.prefix_disk = s.bytes("engine.prefix_cache_disk");
  o.max_loaded = static_cast<std::int32_t>(s.integer("engine.max_loaded"));
  o.keep_alive = s.duration("engine.keep_alive");
  o.debug = base::equals_ignore_case(s.text("log.level"), "DEBUG");
  return o;
}

gateway::GatewayOptions gateway_options(const config::Settings& s, const store::Home& home) {
  gateway::GatewayOptions o;
  o.version = HEARTH_VERSION;
  o.api_keys = s.list("api_key");
  o.cors_origins = s.list("server.cors_origin");
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  o.allowed_hosts = {"localhost", "127.0.0.1", "[::1]", "host.docker.internal", s.text("server.host"), name};
  for (const auto& host : s.list("server.allowed_host")) o.allowed_hosts.push_back(host);
  o.allow_templates = s.flag("server.allow_templates");
  o.any_ip_host = !is_loopback(s.text("server.host"));
  o.quantizer = {.runner = runner_program(s),
                 .log_folder = home.logs(),
                 .threads = static_cast<int>(s.integer("engine.threads")),
                 .nice = static_cast<int>(s.integer("engine.nice"))};
  o.header_hold = to_ms(s.duration("server.header_hold"));
  return o;
}

http::Limits limits_of(const config::Settings& s) {
  http::Limits limits;
  limits.connections_max = static_cast<std::size_t>(s.integer("server.connections_max"));
  return limits;
}

// A folder that only we can enter: prompts and answers go through the sockets in it.
Result<void> make_private_folder(const std::filesystem::path& folder) {
  ::mkdir(folder.c_str(), S_IRWXU);
  struct stat info{};
  if (::lstat(folder.c_str(), &info) != 0)
    return fail(ErrorCode::kIo, fmt::format("cannot make {}: {}", folder.string(), base::errno_text(errno)));
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || ::chmod(folder.c_str(), S_IRWXU) != 0)
    return fail(ErrorCode::kIo, fmt::format("{} belongs to somebody else; set XDG_RUNTIME_DIR to a folder of your own",
                                            folder.string()));
  return {};
}

Result<void> check_writable(const std::filesystem::path& folder, std::string_view setting) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && ::access(folder.c_str(), W_OK) != 0) error = std::make_error_code(std::errc::permission_denied);
  if (!error) return {};
  return fail(ErrorCode::kIo, fmt::format("cannot write in {}: {}; set {} to a folder of your own", folder.string(),
                                          error.message(), setting));
}

// Conversations lie in it. One that was there keeps the rights that its owner gave it.
Result<void> check_prefix_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (std::filesystem::create_directories(folder, error))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  return check_writable(folder, "--prefix-cache-dir");
}

// Every load writes a log, every import the registry: better to hear of it now.
Result<void> check_home(const store::Home& home) {
  HEARTH_CHECK(check_writable(home.logs(), "HEARTH_HOME"));
  return check_writable(home.state(), "HEARTH_HOME");
}

std::filesystem::path lock_of(const std::filesystem::path& folder) { return folder / "lock"; }

// Removes the folders of servers that were killed and could not do it themselves: nobody holds their lock.
void remove_leftovers(const std::filesystem::path& run) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(run, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (!it->is_directory(ignored) || !store::FileLock::try_take(lock_of(it->path()))) continue;
    std::filesystem::remove_all(it->path(), ignored);
  }
}

// "host:port", "[v6]:port".
Result<http::ListenAddress> parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  const auto port = colon == std::string::npos ? std::nullopt : base::parse_int(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535)
    return fail(ErrorCode::kInvalidRequest, fmt::format("--monitor must be HOST:PORT, not '{}'", text));
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return http::ListenAddress{.host = host, .port = static_cast<std::uint16_t>(*port)};
}

}  // namespace

// Answers from published snapshots on a thread of its own, whatever the gateway is doing.
class Server::MonitorService final : public http::Service {
 public:
  explicit MonitorService(const gateway::Gateway& gateway) : gateway_(gateway) {}
  [[nodiscard]] http::RoutePolicy policy(const http::RequestHead&) const override { return {.body_max = {4096}}; }
  [[nodiscard]] rt::Task<void> serve(http::Request request, http::ResponseWriter& writer) override {
    http::Response response;
    if (request.path == "/health") {
      response = gateway::json_response(gateway_.health_body());
    } else if (request.path == "/ready") {
      response = gateway_.ready_response();
    } else if (request.path == "/metrics") {
      response.headers.set("content-type", "text/plain; version=0.0.4; charset=utf-8");
      response.body = gateway_.metrics_body();
    } else {
      response = gateway::error_response(
          gateway::kNative,
          Error{.code = ErrorCode::kNotFound, .message = "the monitor has /health, /ready and /metrics"}, "");
    }
    (void)co_await writer.respond(std::move(response));
  }

 private:
  const gateway::Gateway& gateway_;
};

Server::Server(const config::Settings& settings, const store::Home& home, base::Log& log)
    : settings_(settings),
      log_(log),
      threads_(1),
      work_(2, "hearth-work"),
      library_(home, log),
      manager_(threads_.executor(0), work_, manager_options(settings, home), clock_, log),
      provisioner_(sdk::provisioner_options(settings, home), clock_, log),
      pulls_(threads_.executor(0), provisioner_, library_, sdk::pull_options(settings), log),
      gateway_(library_, work_, manager_, pulls_, clock_, log, gateway_options(settings, home)),
      server_(threads_, gateway_, limits_of(settings), log),
      nursery_(threads_.executor(0)) {
  gateway_.set_server(server_);
  gateway_.set_shutdown([this] { end_.set(); });
}

Server::~Server() = default;

Result<void> Server::start() {
  const std::string& host = settings_.text("server.host");
  if (!is_loopback(host) && settings_.list("api_key").empty() && !settings_.flag("server.insecure_no_key"))
    return fail(
        ErrorCode::kForbidden,
        fmt::format(
            "refusing to listen on {} without an API key: set HEARTH_API_KEY, or pass --insecure-no-key if everybody "
            "who reaches this address may use it",
            host));
  std::optional<http::TlsFiles> tls;
  const auto& certificate = settings_.text("server.tls_cert");
  const auto& key = settings_.text("server.tls_key");
  if (certificate.empty() != key.empty())
    return fail(ErrorCode::kInvalidRequest, "--tls-cert and --tls-key go together");
  if (!certificate.empty()) tls = http::TlsFiles{.certificate = certificate, .key = key};
  HEARTH_CHECK(check_home(library_.home()));
  if (const auto& folder = manager_.options().prefix_folder; !folder.empty()) {
    if (const auto writable = check_prefix_folder(folder); !writable)
      log_.warn("no prefix will be kept on disk: {}", writable.error().message);
  }
  if (const auto& runner = manager_.options().runner; ::access(runner.c_str(), X_OK) != 0)
    log_.warn("no runner at {}, so no model can be loaded; set HEARTH_BINARY_DIR or install again", runner.string());
  HEARTH_CHECK(make_private_folder(manager_.options().socket_folder.parent_path()));
  {  // one server at a time, so that none removes a folder that another has made and not locked yet
    const auto& own = manager_.options().socket_folder;
    HEARTH_TRY(const auto alone, store::FileLock::take(lock_of(own.parent_path())));
    remove_leftovers(own.parent_path());
    HEARTH_CHECK(make_private_folder(own));
    HEARTH_TRY(auto held, store::FileLock::try_take(lock_of(own)));
    lock_.emplace(std::move(held));
  }
  HEARTH_CHECK(
      server_.listen({.host = host, .port = static_cast<std::uint16_t>(settings_.integer("server.port"))}, tls));
  if (const auto& path = settings_.text("server.unix"); !path.empty())
    HEARTH_CHECK(server_.listen({.unix_path = path}));
  if (const auto& monitor = settings_.text("server.monitor"); !monitor.empty()) {
    HEARTH_TRY(const auto address, parse_address(monitor));
    monitor_thread_ = std::make_unique<rt::IoThreads>(1);
    monitor_service_ = std::make_unique<MonitorService>(gateway_);
    monitor_ = std::make_unique<http::Server>(*monitor_thread_, *monitor_service_, http::Limits{}, log_);
    if (auto listens = monitor_->listen(address); !listens)
      return fail(listens.error().code, listens.error().message, "server.monitor");
  }
  if (settings_.duration("server.idle_exit") != base::kForever)
    boost::asio::post(threads_.executor(0), [this] { nursery_.spawn(watch_idle()); });
  return {};
}

std::string Server::url() const {
  std::string host = settings_.text("server.host");
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format("{}://{}:{}", settings_.text("server.tls_cert").empty() ? "http" : "https", host, server_.port());
}

rt::Task<void> Server::wait() { co_await end_.wait(); }

rt::Task<void> Server::watch_idle() {
  const auto span = settings_.duration("server.idle_exit");
  while (true) {
    const auto idle = clock_.now() - gateway_.last_activity();
    const bool busy = gateway_.in_flight() > 0 || pulls_.busy();
    if (!busy && idle >= span) break;
    co_await rt::sleep_for(busy ? span : span - idle);
  }
  log_.info("no request for {}, ending", base::format_duration(span));
  end_.set();
}

void Server::stop() {
  gateway_.set_draining();
  auto all = [](Server& self) -> rt::Task<void> {
    self.pulls_.request_stop();  // who watches one gets its end
    // Answers that take longer end with their models, which say so in the last event.
    co_await self.server_.stop(to_ms(self.settings_.duration("server.shutdown_grace")),
                               [&self] { return self.manager_.stop(); });
    co_await self.pulls_.stop();
    co_await self.manager_.stop();
    self.nursery_.cancel();
    co_await self.nursery_.join();
  };
  boost::asio::co_spawn(threads_.executor(0), all(*this), boost::asio::use_future).get();
  if (monitor_) boost::asio::co_spawn(monitor_thread_->executor(0), monitor_->stop(0ms), boost::asio::use_future).get();
  std::error_code ignored;
  std::filesystem::remove_all(manager_.options().socket_folder, ignored);
}

}  // namespace hearth::apps
