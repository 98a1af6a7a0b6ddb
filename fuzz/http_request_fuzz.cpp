// The server's connection code on any bytes, in pieces of any size: it ends, answers in HTTP, and what reaches the
// service holds its promises.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>

#include "http/detail/connection.hpp"
#include "http/detail/memory_stream.hpp"
#include "rt/io_threads.hpp"

namespace {

using namespace hearth;
using http::detail::MemoryStream;

void require(bool ok) {
  if (!ok) std::abort();
}

class Checking final : public http::Service {
 public:
  static constexpr std::size_t kBodyMax = 200;

  [[nodiscard]] http::RoutePolicy policy(const http::RequestHead&) const override {
    return {.body_max = base::Bytes{kBodyMax}};
  }
  rt::Task<void> serve(http::Request request, http::ResponseWriter& writer) override {
    require(!request.path.empty() && request.path.find('\0') == std::string::npos);
    require(request.body.size() <= kBodyMax);
    require(request.version == 10 || request.version == 11);
    for (const auto& [name, value] : request.headers)
      require((name + value).find_first_of("\r\n") == std::string::npos);
    http::Response response;
    response.body = std::move(request.body);
    std::ignore = co_await writer.respond(std::move(response));
  }
};

rt::Task<void> serve(std::shared_ptr<http::detail::ServerShared> shared, MemoryStream::Script script,
                     std::shared_ptr<MemoryStream::Seen> seen) {
  auto stream = std::make_unique<MemoryStream>(co_await rt::current_executor(), std::move(script), std::move(seen));
  http::detail::Connection::create(shared, std::move(stream), {.text = "fuzz", .loopback = true})->start();
  while (shared->registry.size() > 0) co_await rt::yield();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Checking service;
  base::NullLog log;
  http::Limits limits;
  limits.header_max = base::Bytes{512};
  limits.read_ahead_max = base::Bytes{64};
  auto shared = std::make_shared<http::detail::ServerShared>(service, limits, log);
  auto seen = std::make_shared<MemoryStream::Seen>();
  MemoryStream::Script script;
  script.input.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  script.piece = 1 + data[0] % 64U;
  rt::run_here(serve(shared, std::move(script), seen));
  require(seen->closed && shared->requests_in_flight == 0);
  require(seen->output.empty() || seen->output.starts_with("HTTP/1.1 "));
  return 0;
}
