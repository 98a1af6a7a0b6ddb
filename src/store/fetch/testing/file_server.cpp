#include "store/fetch/testing/file_server.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstdlib>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/strings.hpp"

namespace hearth::store::fetch::testing {
namespace {

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Reads one head into `buffer`; false at the end of the connection.
bool read_head(int fd, std::string& buffer) {
  char chunk[4096];
  while (buffer.find("\r\n\r\n") == std::string::npos) {
    const auto n = ::recv(fd, chunk, sizeof chunk, 0);
    if (n <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(n));
  }
  return true;
}

Seen parse(std::string_view head) {
  Seen seen;
  bool first = true;
  for (auto line : base::split(head, '\n')) {
    line = base::trim(line);
    if (first) {
      const auto words = base::split(line, ' ');
      seen.method = words.at(0);
      seen.path = words.at(1);
      first = false;
    } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
      seen.headers[base::to_lower(line.substr(0, colon))] = base::trim(line.substr(colon + 1));
    }
  }
  return seen;
}

// Moves a request's body out of `buffer` and the connection; false at the end of that.
bool read_body(int fd, std::string& buffer, Seen& seen) {
  const auto length = static_cast<std::size_t>(base::parse_int(seen.header("content-length")).value_or(0));
  if (!seen.header("expect").empty() && !send_all(fd, "HTTP/1.1 100 Continue\r\n\r\n")) return false;
  char chunk[64 << 10];
  while (buffer.size() < length) {
    const auto n = ::recv(fd, chunk, sizeof chunk, 0);
    if (n <= 0) return false;
    buffer.append(chunk, static_cast<std::size_t>(n));
  }
  seen.body = buffer.substr(0, length);
  buffer.erase(0, length);
  return true;
}

}  // namespace

std::string Seen::header(const std::string& name) const {
  const auto it = headers.find(name);
  return it == headers.end() ? std::string() : it->second;
}

FileServer::FileServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0) std::abort();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, length) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, generic, &length) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

FileServer::~FileServer() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::scoped_lock lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  for (auto& thread : threads_) thread.join();
}

std::string FileServer::url(const std::string& path) const { return fmt::format("http://127.0.0.1:{}{}", port_, path); }

std::vector<Seen> FileServer::requests() const {
  const std::scoped_lock lock(mutex_);
  return seen_;
}

void FileServer::accept_all() {
  while (true) {
    const int fd = ::accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    const std::scoped_lock lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void FileServer::serve(int fd) {
  const int now = ++connections_;
  int most = connections_max_;
  while (now > most && !connections_max_.compare_exchange_weak(most, now)) {
  }
  std::string buffer;
  bool keep = true;
  while (keep && read_head(fd, buffer)) {
    const auto end = buffer.find("\r\n\r\n") + 4;
    Seen seen = parse(std::string_view(buffer).substr(0, end));
    buffer.erase(0, end);
    if (!read_body(fd, buffer, seen)) break;
    {
      const std::scoped_lock lock(mutex_);
      seen_.push_back(seen);
    }
    const Reply reply = handler_(seen);
    if (reply.no_answer) break;
    answer(fd, seen, reply, keep);
  }
  --connections_;
  const std::scoped_lock lock(mutex_);
  std::erase(open_, fd);
  ::close(fd);
}

void FileServer::answer(int fd, const Seen& seen, const Reply& reply, bool& keep) {
  std::string_view body = reply.content;
  int status = reply.status;
  std::string head;
  const std::string range = seen.header("range");
  const auto total = reply.claimed_total == SIZE_MAX ? reply.content.size() : reply.claimed_total;
  if (status == 200 && reply.ranges) head += "Accept-Ranges: bytes\r\n";
  if (status == 200 && reply.ranges && range.starts_with("bytes=")) {
    const auto dash = range.find('-');
    const auto begin = std::strtoull(range.c_str() + 6, nullptr, 10);
    const auto last = dash + 1 < range.size() ? std::strtoull(range.c_str() + dash + 1, nullptr, 10) : UINT64_MAX;
    if (begin >= body.size()) {
      status = 416;
      head += fmt::format("Content-Range: bytes */{}\r\n", total);
      body = {};
    } else {
      status = 206;
      const auto end = std::min<std::uint64_t>(last, body.size() - 1) + 1;
      head += fmt::format("Content-Range: bytes {}-{}/{}\r\n", begin, end - 1, total);
      body = body.substr(begin, end - begin);
    }
  }
  for (const auto& line : reply.headers) head += line + "\r\n";
  const auto length = status == 200 && reply.claimed_total != SIZE_MAX ? total : body.size();
  head += reply.no_length ? "Connection: close\r\n" : fmt::format("Content-Length: {}\r\n", length);
  const bool cut = reply.cut_after < body.size();
  body = body.substr(0, reply.cut_after);
  const bool head_only = seen.method == "HEAD";
  keep = !reply.no_length && !cut && length == body.size();
  if (!send_all(fd, fmt::format("HTTP/1.1 {} X\r\n{}\r\n", status, head)) || (!head_only && !send_all(fd, body)))
    keep = false;
  bytes_sent_ += head_only ? 0 : body.size();
}

}  // namespace hearth::store::fetch::testing
