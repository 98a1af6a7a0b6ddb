#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "base/result.hpp"
#include "store/fetch/net.hpp"

namespace hearth::store::fetch {

// What a request carries: a text, or a part of a file, which is read while it goes out.
struct Body {
  std::string text{};
  std::filesystem::path file{};  // empty = the text
  std::uint64_t offset = 0;      // bytes, in the file
  std::uint64_t size = 0;        // bytes, of the file
  std::string sha256{};          // hex, that the part of the file must have while it is read; empty = any
};

// A request of any method. Redirects are not followed: a body goes where it was meant to go.
struct Outgoing {
  std::string method = "GET";
  std::function<Call()> call;  // made anew for every attempt: signatures have a time
  Body body{};
};

struct SendOptions {
  Net net{};
  std::size_t answer_max = 1 << 20;                      // bytes
  std::function<bool(const Answer&)> try_again{};        // besides what is_transient_status says
  std::function<void(std::uint64_t)> on_sent{};          // bytes of the body that have gone out in this attempt
  std::function<void(const std::string&)> on_trouble{};  // why an attempt failed that is followed by another
  std::stop_token stop{};
};

// Sends and waits for the answer, which may be a refusal. Transient failures are tried again as options.net.retry says.
// Memory: a buffer, whatever the body's size. kUnavailable: nobody answers; kIo: the file cannot be read, or is
// shorter; kConflict: its content is not what body.sha256 says, and the end of it was kept back; kPayloadTooLarge: a
// longer answer than options.answer_max; kCancelled: by `stop`.
[[nodiscard]] Result<Answer> send(const Outgoing& request, const SendOptions& options);

}  // namespace hearth::store::fetch
