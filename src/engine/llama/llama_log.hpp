#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/bytes.hpp"
#include "base/log.hpp"

namespace hearth::engine::llama {

// While it lives, llama.cpp's log lines go to `log`: warnings and errors as warnings, the rest as debug lines.
// llama.cpp has one log callback per process, so the newest route gets all lines. Lines come from any thread.
class LogRoute {
 public:
  explicit LogRoute(base::Log& log);
  ~LogRoute();
  LogRoute(const LogRoute&) = delete;
  LogRoute& operator=(const LogRoute&) = delete;

 private:
  base::Log* log_;
};

// What llama.cpp says it allocated on one device.
struct BufferSizes {
  base::Bytes weights;
  base::Bytes kv_cache;  // recurrent states too
  base::Bytes compute;   // with the output rows
};

// While it lives, what llama.cpp tells of a load on this thread is kept: the reason of a failure, the sizes of its
// buffers. Its log lines are the only public source of those. REQUIRES: a LogRoute, and no other capture on this
// thread.
class LoadCapture {
 public:
  LoadCapture();
  ~LoadCapture();
  LoadCapture(const LoadCapture&) = delete;
  LoadCapture& operator=(const LoadCapture&) = delete;

  // The first error line without the name of the function that wrote it; `fallback` if there was none.
  [[nodiscard]] std::string reason(const char* fallback) const;
  // By device; host buffers of every kind are "CPU".
  [[nodiscard]] const std::map<std::string, BufferSizes>& buffers() const { return buffers_; }

  void take_error(std::string_view line);
  void take_line(std::string_view line);

 private:
  std::string first_error_;
  std::map<std::string, BufferSizes> buffers_;
};

}  // namespace hearth::engine::llama
