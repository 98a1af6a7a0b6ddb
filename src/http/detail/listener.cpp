#include "http/detail/listener.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/files.hpp"
#include "http/detail/address.hpp"

namespace hearth::http::detail {

namespace asio = boost::asio;
using asio::generic::stream_protocol;
using boost::system::error_code;

namespace {

constexpr int kBacklog = 4096;
constexpr std::chrono::milliseconds kBackOff{50};
constexpr std::chrono::seconds kComplainEvery{10};

std::unexpected<Error> cannot_listen(const std::string& where, const std::string& why) {
  return fail(ErrorCode::kIo, fmt::format("cannot listen on {}: {}", where, why));
}

std::string lower_first(std::string text) {
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

Result<TlsContext> server_context(const TlsFiles& files) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  error_code error;
  context->use_certificate_chain_file(files.certificate.string(), error);
  if (error) {
    return fail(ErrorCode::kIo, fmt::format("TLS certificate {}: {}", files.certificate.string(), error.message()));
  }
  context->use_private_key_file(files.key.string(), asio::ssl::context::pem, error);
  if (error) return fail(ErrorCode::kIo, fmt::format("TLS key {}: {}", files.key.string(), error.message()));
  return TlsContext(std::move(context));
}

std::uint64_t inode_of(const std::filesystem::path& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

}  // namespace

Listener::Listener(std::shared_ptr<ServerShared> server, rt::IoThreads& threads)
    : server_(std::move(server)), threads_(threads), acceptor_(threads.executor(0)) {}

Listener::~Listener() { unlink_path(); }

Result<std::shared_ptr<Listener>> Listener::open(std::shared_ptr<ServerShared> server, rt::IoThreads& threads,
                                                 const ListenAddress& address, const std::optional<TlsFiles>& tls) {
  auto listener = std::shared_ptr<Listener>(new Listener(std::move(server), threads));
  if (tls) {
    HEARTH_TRY(listener->tls_, server_context(*tls));
  }
  HEARTH_CHECK(address.unix_path.empty() ? listener->bind_tcp(address) : listener->bind_unix(address.unix_path));
  return listener;
}

Result<void> Listener::bind_tcp(const ListenAddress& address) {
  const std::string where = fmt::format("{}:{}", address.host, address.port);
  HEARTH_TRY(const auto endpoint, resolve_to_bind(address.host, address.port));
  error_code error;
  acceptor_.open(stream_protocol(endpoint.protocol()), error);
  if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error && endpoint.address().is_v6() && endpoint.address().is_unspecified()) {
    error_code only_v6_then;
    acceptor_.set_option(asio::ip::v6_only(false), only_v6_then);
  }
  if (!error) acceptor_.bind(stream_protocol::endpoint(endpoint), error);
  if (!error) acceptor_.listen(kBacklog, error);
  if (error) return cannot_listen(where, lower_first(error.message()));
  const auto bound = acceptor_.local_endpoint(error);
  port_ = port_of(bound.data());
  return {};
}

Result<void> Listener::bind_unix(const std::filesystem::path& path) {
  const std::string where = "unix:" + path.string();
  if (path.string().size() >= sizeof(sockaddr_un::sun_path)) {
    return cannot_listen(where, fmt::format("the path is longer than {} bytes", sizeof(sockaddr_un::sun_path) - 1));
  }
  HEARTH_CHECK(remove_stale_socket(path));
  error_code error;
  acceptor_.open(stream_protocol(AF_UNIX, 0), error);
  if (!error) ::fchmod(acceptor_.native_handle(), 0600);  // the file is never more open than this
  if (!error) acceptor_.bind(stream_protocol::endpoint(asio::local::stream_protocol::endpoint(path.string())), error);
  if (error) return cannot_listen(where, lower_first(error.message()));
  path_ = path;
  path_inode_ = inode_of(path);
  if (::chmod(path.c_str(), 0600) != 0) return cannot_listen(where, base::errno_text(errno));
  acceptor_.listen(kBacklog, error);
  if (error) return cannot_listen(where, lower_first(error.message()));
  return {};
}

void Listener::start() { asio::co_spawn(threads_.executor(0), run(shared_from_this()), asio::detached); }

void Listener::close() {
  asio::post(threads_.executor(0), [self = shared_from_this()] {
    error_code ignored;
    self->acceptor_.close(ignored);
    self->unlink_path();
    self->closed_ = true;
    self->server_->registry.changed().set();
  });
}

void Listener::unlink_path() {
  const auto path = std::exchange(path_, {});
  if (!path.empty() && inode_of(path) == path_inode_) ::unlink(path.c_str());  // another server's file stays
}

rt::Task<void> Listener::run(std::shared_ptr<Listener> self) {
  while (self->acceptor_.is_open()) {
    const rt::Executor executor = self->threads_.executor(self->next_loop_++ % self->threads_.size());
    auto [error, socket] = co_await self->acceptor_.async_accept(executor, asio::as_tuple(asio::use_awaitable));
    if (!error) {
      self->take(std::move(socket), executor);
    } else if (self->acceptor_.is_open()) {
      co_await self->survive(error);
    }
  }
}

void Listener::take(Socket socket, rt::Executor executor) {
  if (server_->draining || !make_room()) return;
  error_code ignored;
  const auto address = socket.remote_endpoint(ignored);
  Peer peer = describe_peer(address.data(), address.size());
  if (path_.empty()) socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  auto stream = tls_ ? tls_server_stream(std::move(socket), tls_) : plain_stream(std::move(socket));
  auto connection = Connection::create(server_, std::move(stream), std::move(peer));
  asio::post(executor, [connection = std::move(connection)] { connection->start(); });
}

// At connections_max somebody has to go: false = nobody could, the new one must.
bool Listener::make_room() {
  if (server_->registry.staying() < server_->limits.connections_max) return true;
  ++server_->connections_shed;
  auto victim = server_->registry.take_victim();
  if (!victim) return false;
  const rt::Executor executor = victim->executor();
  asio::post(executor, [victim = std::move(victim)] { victim->shed(); });
  return true;
}

// Out of descriptors or memory: frees one connection and waits a little instead of spinning.
rt::Task<void> Listener::survive(error_code error) {
  const bool out_of_descriptors = error == asio::error::no_descriptors || error.value() == ENFILE ||
                                  error == asio::error::no_buffer_space || error == asio::error::no_memory;
  const auto now = std::chrono::steady_clock::now();
  if (now - complained_ > kComplainEvery) {
    complained_ = now;
    server_->log.warn("http: accept failed: {}", error.message());
  }
  if (!out_of_descriptors) co_return;
  if (auto victim = server_->registry.take_victim()) {
    ++server_->connections_shed;
    const rt::Executor executor = victim->executor();
    asio::post(executor, [victim = std::move(victim)] { victim->shed(); });
  }
  co_await rt::sleep_for(kBackOff);
}

}  // namespace hearth::http::detail
