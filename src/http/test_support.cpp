#include "http/test_support.hpp"

#include <arpa/inet.h>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "base/strings.hpp"

namespace hearth::http::test {

namespace {

void require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("test support: ") + what);
}

using FilePtr = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

int connect_socket(const Endpoint& endpoint) {
  const bool local = !endpoint.unix_path.empty();
  const int fd = ::socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(fd >= 0, "no socket");
  int result = 0;
  if (local) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, endpoint.unix_path.c_str(), sizeof(address.sun_path) - 1);
    result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } else {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  require(result == 0, "cannot connect");
  return fd;
}

}  // namespace

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "hearth-http-XXXXXX").string();
  require(::mkdtemp(name.data()) != nullptr, "no temporary folder");
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

TlsFiles make_certificate(const std::filesystem::path& folder) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> cert(X509_new(), X509_free);
  require(key && cert, "OpenSSL");
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
  X509_set_pubkey(cert.get(), key.get());
  X509_NAME* const name = X509_get_subject_name(cert.get());
  std::array<unsigned char, 10> host{"localhost"};
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, host.data(), -1, -1, 0);
  X509_set_issuer_name(cert.get(), name);
  X509_EXTENSION* const names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
  X509_add_ext(cert.get(), names, -1);
  X509_EXTENSION_free(names);
  require(X509_sign(cert.get(), key.get(), EVP_sha256()) > 0, "signing");
  const TlsFiles files{.certificate = folder / "cert.pem", .key = folder / "key.pem"};
  const FilePtr cert_file(std::fopen(files.certificate.c_str(), "w"), std::fclose);
  const FilePtr key_file(std::fopen(files.key.c_str(), "w"), std::fclose);
  require(PEM_write_X509(cert_file.get(), cert.get()) == 1, "certificate file");
  require(PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1, "key file");
  return files;
}

void MemoryLog::write(base::LogLevel level, std::string_view line) {
  const std::scoped_lock lock(mutex_);
  lines_.emplace_back(level, line);
}

bool MemoryLog::has(base::LogLevel level, std::string_view part) const {
  const std::scoped_lock lock(mutex_);
  for (const auto& [l, text] : lines_) {
    if (l == level && text.find(part) != std::string::npos) return true;
  }
  return false;
}

std::string to_string(Transport transport) {
  switch (transport) {
    case Transport::kTcp: return "tcp";
    case Transport::kTls: return "tls";
    case Transport::kUnix: break;
  }
  return "unix";
}

TestServer::TestServer(Handler handler, Limits limits, Transport transport, std::size_t thread_count)
    : service(std::move(handler)), threads(thread_count), server(threads, service, limits, log), transport_(transport) {
  ListenAddress address;
  std::optional<TlsFiles> tls;
  if (transport == Transport::kUnix) {
    address.unix_path = folder.path() / "s";
  } else {
    address.host = "127.0.0.1";
  }
  if (transport == Transport::kTls) tls = make_certificate(folder.path());
  const auto listening = server.listen(address, tls);
  require(listening.has_value(), "cannot listen");
}

TestServer::~TestServer() { stop(); }

Endpoint TestServer::endpoint() const {
  Endpoint endpoint;
  endpoint.tls = transport_ == Transport::kTls;
  if (transport_ == Transport::kUnix) {
    endpoint.unix_path = folder.path() / "s";
  } else {
    endpoint.host = endpoint.tls ? "localhost" : "127.0.0.1";
    endpoint.port = server.port();
  }
  return endpoint;
}

void TestServer::stop(std::chrono::milliseconds grace, std::function<rt::Task<void>()> end_work) {
  rt::run_here(server.stop(grace, std::move(end_work)));
}

bool TestServer::wait_for(const std::function<bool(const ServerStats&)>& condition) const {
  const auto deadline = base::Deadline::after(kPatience);
  while (!condition(server.stats())) {
    if (deadline.passed(std::chrono::steady_clock::now())) return false;
    std::this_thread::yield();
  }
  return true;
}

RawClient::RawClient(const Endpoint& endpoint) : fd_(connect_socket(endpoint)) {
  if (!endpoint.tls) return;
  context_ = SSL_CTX_new(TLS_client_method());
  tls_ = SSL_new(context_);
  SSL_set_fd(tls_, fd_);
  require(SSL_connect(tls_) == 1, "TLS handshake");
}

RawClient::~RawClient() {
  close();
  if (tls_ != nullptr) SSL_free(tls_);
  if (context_ != nullptr) SSL_CTX_free(context_);
}

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = tls_ != nullptr ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                                      : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the test sees it by what it reads
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void RawClient::send_in_pieces(std::string_view bytes, std::size_t piece) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) send(bytes.substr(0, piece));
}

void RawClient::send_what_fits(std::string_view bytes) {
  [[maybe_unused]] const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

long RawClient::read_some() {
  std::array<char, 65536> piece{};
  if (tls_ == nullptr || SSL_pending(tls_) == 0) {
    pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) <= 0) return -1;
  }
  const long got = tls_ != nullptr ? SSL_read(tls_, piece.data(), static_cast<int>(piece.size()))
                                   : ::recv(fd_, piece.data(), piece.size(), 0);
  if (got > 0) buffered_.append(piece.data(), static_cast<std::size_t>(got));
  orderly_ = tls_ != nullptr ? (SSL_get_shutdown(tls_) & SSL_RECEIVED_SHUTDOWN) != 0 : got == 0;
  return got;
}

std::string RawClient::read_until(std::string_view text) {
  std::size_t at = buffered_.find(text);
  while (at == std::string::npos && read_some() > 0) at = buffered_.find(text);
  const std::size_t end = at == std::string::npos ? buffered_.size() : at + text.size();
  std::string out = buffered_.substr(0, end);
  buffered_.erase(0, end);
  return out;
}

std::string RawClient::read_response(bool head_only) {
  std::string out = read_until("\r\n\r\n");
  if (head_only) return out;
  const std::string lower = base::to_lower(out);
  if (lower.find("transfer-encoding: chunked") != std::string::npos) return out + read_until("0\r\n\r\n");
  const std::size_t at = lower.find("content-length: ");
  if (at == std::string::npos) return out;
  const std::size_t size = std::stoul(lower.substr(at + 16));
  while (buffered_.size() < size && read_some() > 0) {
  }
  out += buffered_.substr(0, size);
  buffered_.erase(0, size);
  return out;
}

std::string RawClient::read_to_end() {
  while (read_some() > 0) {
  }
  return std::exchange(buffered_, {});
}

bool RawClient::closed_by_peer() {
  if (!buffered_.empty()) return false;
  pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
  if (::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) <= 0) return false;
  return read_some() <= 0;
}

void RawClient::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void RawClient::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void RawClient::half_close() { ::shutdown(fd_, SHUT_WR); }
void RawClient::close_notify() { SSL_shutdown(tls_); }

void with_client(const Endpoint& endpoint, const std::function<rt::Task<void>(Client&)>& action,
                 const ClientOptions& options) {
  const auto run = [&]() -> rt::Task<void> {
    Client client(co_await rt::current_executor(), endpoint, options);
    co_await action(client);
  };
  rt::run_here(run());
}

Request get(std::string target) {
  Request request;
  request.target = std::move(target);
  return request;
}

Request post(std::string target, std::string body) {
  Request request = get(std::move(target));
  request.method = Method::kPost;
  request.body = std::move(body);
  return request;
}

base::Deadline soon() { return base::Deadline::after(kPatience); }

rt::Task<void> reply(ResponseWriter& writer, std::string body, int status) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  [[maybe_unused]] const auto sent = co_await writer.respond(std::move(response));
}

}  // namespace hearth::http::test
