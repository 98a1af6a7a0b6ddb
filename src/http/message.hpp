#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "rt/task.hpp"

namespace hearth::http {

enum class Method { kGet, kHead, kPost, kPut, kDelete, kPatch, kOptions, kOther };
[[nodiscard]] std::string_view to_string(Method method);
[[nodiscard]] Method method_from(std::string_view text);

// Field lines in order; names compare case-insensitively. Values never hold CR or LF (set and add replace them by
// blanks).
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string_view, std::string_view>> fields);

  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;  // the first
  [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const;
  void set(std::string_view name, std::string_view value);  // replaces all of that name
  void add(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  [[nodiscard]] auto begin() const { return fields_.begin(); }
  [[nodiscard]] auto end() const { return fields_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct RequestHead {
  Method method = Method::kGet;
  std::string method_text = "GET";
  std::string target = "/";  // as sent: path and query
  std::string path = "/";    // percent-decoded except %2F; without query
  std::string query;         // raw, without '?'
  Headers headers;
  int version = 11;               // 10 or 11
  std::string peer;               // "127.0.0.1:53422", "unix"
  bool peer_is_loopback = false;  // unix sockets count as loopback
};
// Where a body goes that is too large to be held.
class BodySink {
 public:
  virtual ~BodySink() = default;
  // Called piece by piece while the body arrives; not to return is the backpressure. An error refuses the request.
  [[nodiscard]] virtual rt::Task<Result<void>> take(std::string piece) = 0;
};

struct Request : RequestHead {
  std::string body;
  std::shared_ptr<BodySink> sink;  // where its body went, if its policy had one
};

struct ResponseHead {
  int status = 200;
  Headers headers;
};
struct Response : ResponseHead {
  std::string body;
};

// "a=1&b=x%20y" -> the decoded value of `name`.
[[nodiscard]] std::optional<std::string> query_parameter(std::string_view query, std::string_view name);
[[nodiscard]] std::string percent_decode(std::string_view text, bool keep_encoded_slash);
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace hearth::http
