#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/result.hpp"
#include "http/detail/connection.hpp"

namespace hearth::http::detail {

// A literal ("127.0.0.1", "::1", "[::1]"), a name (IPv4 preferred), or empty and "*" for all IPv4 addresses.
[[nodiscard]] Result<boost::asio::ip::tcp::endpoint> resolve_to_bind(const std::string& host, std::uint16_t port);
// "127.0.0.1:53422", "[::1]:80", "unix"; IPv4 in IPv6 is shown as IPv4.
[[nodiscard]] Peer describe_peer(const sockaddr* address, std::size_t size);
[[nodiscard]] std::uint16_t port_of(const sockaddr* address);
// Removes a socket file that nobody listens on. Errors: a live server, or something that is no socket.
[[nodiscard]] Result<void> remove_stale_socket(const std::filesystem::path& path);

}  // namespace hearth::http::detail
