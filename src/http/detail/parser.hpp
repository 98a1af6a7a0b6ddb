#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "http/message.hpp"

namespace hearth::http::detail {

// What a parser made of the bytes it was given.
struct Fed {
  std::size_t consumed = 0;
  bool need_more = false;  // the rest waits for further bytes
};

// One request, fed with bytes as they arrive. First the head, then (after the caller has set the limit) the body.
// Errors: kInvalidRequest, kHeaderTooLarge, kPayloadTooLarge, with texts for the client. After an error it is used no
// more.
class RequestParser {
 public:
  explicit RequestParser(base::Bytes header_max);
  ~RequestParser();

  // REQUIRES: the unconsumed rest of the last call stands in front of `bytes`. Stops behind the head, and at the end.
  [[nodiscard]] Result<Fed> feed(std::string_view bytes);
  void limit_body(base::Bytes max);
  // From now on the body is parsed but not kept.
  void discard_body();

  [[nodiscard]] bool head_done() const;
  [[nodiscard]] bool done() const;
  // Before head_done: as far as it was read.
  [[nodiscard]] RequestHead& head();
  [[nodiscard]] std::string& body();
  [[nodiscard]] std::optional<std::uint64_t> declared_length() const;
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] bool expects_continue() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One response, fed alike. Error: kBackendError (not HTTP, or a head over the limit).
class ResponseParser {
 public:
  ResponseParser(base::Bytes header_max, bool answers_head);
  ~ResponseParser();

  [[nodiscard]] Result<Fed> feed(std::string_view bytes);
  // The connection has ended. true: so has the answer, properly.
  [[nodiscard]] bool end_of_stream();

  [[nodiscard]] bool head_done() const;
  [[nodiscard]] bool done() const;
  [[nodiscard]] ResponseHead& head();
  // The body since the last call of take_body.
  [[nodiscard]] std::string take_body();
  [[nodiscard]] bool keep_alive() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::http::detail
