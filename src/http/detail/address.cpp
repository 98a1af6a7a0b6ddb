#include "http/detail/address.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <netinet/in.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.hpp"

namespace hearth::http::detail {

namespace ip = boost::asio::ip;
using boost::system::error_code;

namespace {

std::optional<ip::tcp::endpoint> endpoint_from(const sockaddr* address, std::size_t size) {
  ip::tcp::endpoint endpoint;
  if (address->sa_family != AF_INET && address->sa_family != AF_INET6) return std::nullopt;
  if (size > endpoint.capacity()) return std::nullopt;
  std::memcpy(endpoint.data(), address, size);
  endpoint.resize(size);
  return endpoint;
}

// true: somebody accepts connections there.
bool answers(const std::filesystem::path& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return true;  // not known: leave the file alone
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  std::memcpy(address.sun_path, text.data(), std::min(text.size(), sizeof(address.sun_path) - 1));
  const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const bool refused = result != 0 && errno == ECONNREFUSED;
  ::close(fd);
  return !refused;
}

}  // namespace

Result<ip::tcp::endpoint> resolve_to_bind(const std::string& host, std::uint16_t port) {
  std::string name = host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
  if (name.empty() || name == "*") name = "0.0.0.0";
  error_code error;
  const auto literal = ip::make_address(name, error);
  if (!error) return ip::tcp::endpoint(literal, port);
  boost::asio::io_context context;
  ip::tcp::resolver resolver(context);
  const auto found = resolver.resolve(name, std::to_string(port), ip::resolver_base::passive, error);
  if (error || found.empty()) {
    return fail(ErrorCode::kIo, fmt::format("cannot listen on {}:{}: {}", host, port, error.message()));
  }
  for (const auto& entry : found) {
    if (entry.endpoint().address().is_v4()) return entry.endpoint();
  }
  return found.begin()->endpoint();
}

Peer describe_peer(const sockaddr* address, std::size_t size) {
  const auto endpoint = endpoint_from(address, size);
  if (!endpoint) return {.text = "unix", .loopback = true};
  ip::address where = endpoint->address();
  if (where.is_v6() && where.to_v6().is_v4_mapped()) where = ip::make_address_v4(ip::v4_mapped, where.to_v6());
  const char* const form = where.is_v6() ? "[{}]:{}" : "{}:{}";
  return {.text = fmt::format(fmt::runtime(form), where.to_string(), endpoint->port()),
          .loopback = where.is_loopback()};
}

std::uint16_t port_of(const sockaddr* address) {
  const auto endpoint =
      endpoint_from(address, address->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
  return endpoint ? endpoint->port() : std::uint16_t{0};
}

Result<void> remove_stale_socket(const std::filesystem::path& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return {};
  const std::string where = "cannot listen on unix:" + path.string() + ": ";
  if (!S_ISSOCK(info.st_mode)) return fail(ErrorCode::kIo, where + "the path exists and is no socket");
  if (answers(path)) return fail(ErrorCode::kIo, where + "address already in use");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail(ErrorCode::kIo, where + base::errno_text(errno));
  return {};
}

}  // namespace hearth::http::detail
