#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "domain/event.hpp"
#include "domain/request.hpp"
#include "http/client.hpp"
#include "json/reader.hpp"

namespace hearth::sdk {

// A blocking client of one hearth server over its native dialect. Not thread-safe; every call runs its own small event
// loop. Errors: kUnavailable (nobody is there), kTimeout (somebody is there and does not answer), kConflict (somebody
// else answers), and what the server says.
class Client {
 public:
  Client(http::Endpoint endpoint, std::string api_key) : endpoint_(std::move(endpoint)), api_key_(std::move(api_key)) {}

  [[nodiscard]] const http::Endpoint& endpoint() const { return endpoint_; }

  // The JSON of GET /hearth/v1/models, once it is sure that hearth answers there; `all`: with the models of other
  // programs on its machine.
  [[nodiscard]] Result<std::string> models(bool all = false) const;
  [[nodiscard]] Result<std::string> get(std::string path) const;
  [[nodiscard]] Result<std::string> post(std::string path, std::string body) const;
  [[nodiscard]] Result<std::string> remove(std::string path) const;
  // Has a model checked, digests and all, for as long as that takes: the JSON of POST /hearth/v1/models/{m}/verify.
  [[nodiscard]] Result<std::string> verify(const std::string& model) const;

  // Starts a download and hands over the job (GET /hearth/v1/jobs/{id}) whenever it changes, the last time when it has
  // ended; true = stopped by the token, while the server goes on.
  [[nodiscard]] Result<bool> pull(const std::string& reference,
                                  const std::function<void(const json::Value&)>& on_change,
                                  std::stop_token stop = {}) const;

  // POSTs `body` and hands over each line of the NDJSON answer as it arrives; true = stopped by the token (the server
  // stops the work too). A line with "error" is the result's error.
  [[nodiscard]] Result<bool> lines(std::string path, std::string body,
                                   const std::function<void(const json::Value&)>& on_line,
                                   std::stop_token stop = {}) const;

  // Runs a request and hands over each event as it arrives; true = stopped by the token (the server stops the work
  // too). The error of a Failed event is the result's error; the callback does not see it.
  [[nodiscard]] Result<bool> run(const domain::Request& request,
                                 const std::function<void(const domain::Event&)>& on_event,
                                 std::stop_token stop = {}) const;

 private:
  [[nodiscard]] Result<std::string> call(http::Method method, std::string path, std::string body,
                                         std::chrono::nanoseconds timeout) const;
  using Handle = std::function<rt::Task<Result<bool>>(http::ClientResponse&)>;
  [[nodiscard]] Result<bool> stream(http::Request request, const Handle& handle, std::stop_token stop) const;
  [[nodiscard]] std::string address() const;  // host:port
  [[nodiscard]] http::Request make_request(http::Method method, std::string path, std::string body) const;

  http::Endpoint endpoint_;
  std::string api_key_;
};

}  // namespace hearth::sdk
