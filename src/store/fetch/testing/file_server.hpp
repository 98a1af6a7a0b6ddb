#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace hearth::store::fetch::testing {

// What a server saw of one request.
struct Seen {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;  // lower-case names
  std::string body{};                          // as long as its Content-Length says
  [[nodiscard]] std::string header(const std::string& name) const;
};

// What it does. Anything but `content` can go wrong on purpose.
struct Reply {
  int status = 200;
  std::vector<std::string> headers;      // further lines
  std::string content;                   // the whole file for 200; ranges are cut from it
  bool ranges = true;                    // knows Range
  std::size_t cut_after = SIZE_MAX;      // closes the connection after so many body bytes
  bool no_answer = false;                // closes it at once
  bool no_length = false;                // HTTP/1.0 style: no Content-Length, the end is the end of the connection
  std::size_t claimed_total = SIZE_MAX;  // in Content-Range and Content-Length, instead of the truth
};

// A blocking HTTP/1.1 server on loopback with a thread per connection, made of nothing that it tests.
class FileServer {
 public:
  using Handler = std::function<Reply(const Seen&)>;
  explicit FileServer(Handler handler);
  ~FileServer();
  FileServer(const FileServer&) = delete;
  FileServer& operator=(const FileServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path) const;
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }  // of bodies
  [[nodiscard]] std::vector<Seen> requests() const;
  [[nodiscard]] int connections_max() const { return connections_max_; }  // at one time

 private:
  void accept_all();
  void serve(int fd);
  void answer(int fd, const Seen& seen, const Reply& reply, bool& keep);

  Handler handler_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<std::uint64_t> bytes_sent_{0};
  std::atomic<int> connections_{0};
  std::atomic<int> connections_max_{0};
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace hearth::store::fetch::testing
