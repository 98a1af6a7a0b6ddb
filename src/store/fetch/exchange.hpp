#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "store/fetch/curl_library.hpp"
#include "store/fetch/net.hpp"

namespace hearth::store::fetch {

// RAII for libcurl's handles. Only files of this folder see curl.
struct FreeEasy {
  void operator()(CURL* easy) const { curl().easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl().multi_cleanup(multi); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl().slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using Multi = std::unique_ptr<CURLM, FreeMulti>;

[[nodiscard]] Multi make_multi();

// Fills the buffer with what a body has from `at` on, as far as it goes; nothing: it cannot be read.
using BodyReader = std::function<std::optional<std::size_t>(std::uint64_t at, std::span<char> into)>;

// One request on a reusable handle, and what came back so far. Redirects are not followed here. One thread; does not
// move (curl holds its address).
class Exchange {
 public:
  Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Sets the handle up; add it to a multi next. `on_body` takes the body as it comes; false ends the transfer.
  void prepare(const std::string& url, const std::vector<std::string>& headers, const Net& net,
               std::function<bool(std::span<const char>)> on_body);

  // After prepare(): another method than GET. `read`: its body of `size` bytes; nullptr = none.
  void set_method(const std::string& method, std::uint64_t size, BodyReader read);

  [[nodiscard]] CURL* easy() const { return easy_.get(); }
  [[nodiscard]] long status() const { return status_; }
  // By lower-case name; empty if absent.
  [[nodiscard]] std::string header(const std::string& name) const;
  [[nodiscard]] const Headers& headers() const { return headers_; }
  [[nodiscard]] bool redirected() const;
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const;
  // What went wrong on the way, for people.
  [[nodiscard]] std::string problem(CURLcode code) const;

 private:
  static std::size_t take_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t take_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t give_body(char* data, std::size_t size, std::size_t count, void* self);
  static int seek_body(void* self, curl_off_t offset, int origin);

  Easy easy_;
  std::unique_ptr<curl_slist, FreeList> header_list_;
  std::function<bool(std::span<const char>)> on_body_;
  BodyReader read_;
  std::uint64_t read_at_ = 0;
  std::uint64_t read_end_ = 0;
  long status_ = 0;
  Headers headers_;
  std::size_t header_bytes_ = 0;
  char error_text_[CURL_ERROR_SIZE] = {};
};

}  // namespace hearth::store::fetch
