#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <openssl/ssl.h>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "http/client.hpp"
#include "http/server.hpp"
#include "http/service.hpp"
#include "rt/io_threads.hpp"

// Only for tests: a service from a function, a server around it, and a client that can misbehave.
namespace hearth::http::test {

using namespace std::chrono_literals;
inline constexpr std::chrono::seconds kPatience{20};  // a test that waits this long has failed

// A folder of its own, removed at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A self-signed certificate for "localhost" and its key, made in `folder`.
[[nodiscard]] TlsFiles make_certificate(const std::filesystem::path& folder);

class MemoryLog final : public base::Log {
 public:
  [[nodiscard]] bool enabled(base::LogLevel) const override { return true; }
  void write(base::LogLevel level, std::string_view line) override;
  [[nodiscard]] bool has(base::LogLevel level, std::string_view part) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<base::LogLevel, std::string>> lines_;
};

using Handler = std::function<rt::Task<void>(Request, ResponseWriter&)>;

class FunctionService final : public Service {
 public:
  explicit FunctionService(Handler handler) : handler_(std::move(handler)) {}
  base::Bytes body_max{1ULL << 20};
  std::function<std::shared_ptr<BodySink>()> make_sink;  // for every request, where it is set

  [[nodiscard]] RoutePolicy policy(const RequestHead&) const override {
    return {.body_max = body_max, .sink = make_sink ? make_sink() : nullptr};
  }
  [[nodiscard]] rt::Task<void> serve(Request request, ResponseWriter& writer) override {
    return handler_(std::move(request), writer);
  }

 private:
  Handler handler_;
};

enum class Transport { kTcp, kTls, kUnix };
[[nodiscard]] std::string to_string(Transport transport);

// A listening server with its own threads; stopped by the destructor.
class TestServer {
 public:
  explicit TestServer(Handler handler, Limits limits = {}, Transport transport = Transport::kTcp,
                      std::size_t threads = 1);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  [[nodiscard]] Endpoint endpoint() const;
  [[nodiscard]] Transport transport() const { return transport_; }
  void stop(std::chrono::milliseconds grace = 0ms, std::function<rt::Task<void>()> end_work = {});
  // Polls the counters until `condition` holds; false after kPatience.
  [[nodiscard]] bool wait_for(const std::function<bool(const ServerStats&)>& condition) const;

  TempFolder folder;
  MemoryLog log;
  FunctionService service;
  rt::IoThreads threads;
  Server server;

 private:
  Transport transport_;
};

// A blocking client on a bare socket (or TLS over it).
class RawClient {
 public:
  explicit RawClient(const Endpoint& endpoint);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(std::string_view bytes);
  // `piece` bytes per write.
  void send_in_pieces(std::string_view bytes, std::size_t piece);
  // Sends as much as fits at once, without waiting.
  void send_what_fits(std::string_view bytes);
  // Reads until `text` has arrived (all that was read is returned), the peer closes, or kPatience has passed.
  std::string read_until(std::string_view text);
  // A whole response with Content-Length or chunked body, the body as it was framed.
  std::string read_response(bool head_only = false);
  std::string read_to_end();
  // true: the peer closed (or reset) the connection and nothing was left to read.
  [[nodiscard]] bool closed_by_peer();

  // After read_to_end: by FIN, with TLS after a close_notify; not by a reset.
  [[nodiscard]] bool saw_orderly_end() const { return orderly_; }

  void close();         // FIN
  void reset();         // RST, where there is such a thing
  void half_close();    // shutdown(SHUT_WR)
  void close_notify();  // TLS only: says good-bye, keeps the socket
  [[nodiscard]] int fd() const { return fd_; }

 private:
  // Bytes read; 0 at the end; -1 on error or after kPatience.
  long read_some();

  int fd_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* tls_ = nullptr;
  std::string buffered_;
  bool orderly_ = false;
};

// Runs `action` with a client on a loop of this thread.
void with_client(const Endpoint& endpoint, const std::function<rt::Task<void>(Client&)>& action,
                 const ClientOptions& options = {});

[[nodiscard]] Request get(std::string target);
[[nodiscard]] Request post(std::string target, std::string body);
[[nodiscard]] base::Deadline soon();
[[nodiscard]] rt::Task<void> reply(ResponseWriter& writer, std::string body, int status = 200);
// The value that a handler on another thread sets; a failed test after kPatience.
template <class T>
[[nodiscard]] std::optional<T> value_of(std::future<T>& future) {
  if (future.wait_for(kPatience) != std::future_status::ready) return std::nullopt;
  return future.get();
}

}  // namespace hearth::http::test
