#pragma once

#include <functional>
#include <memory>
#include <string>

#include "http/client.hpp"
#include "http/detail/parser.hpp"
#include "http/detail/wire.hpp"

namespace hearth::http::detail {

// One request on one wire, seen from the client: sends it, reads the head, then the body as it arrives.
// A read that was given up (deadline, cancellation) can be repeated: nothing is lost.
class Exchange final : public ClientResponse {
 public:
  // `give_back` gets the wire once the answer has ended and the connection can serve another request.
  Exchange(std::shared_ptr<Wire> wire, std::string where, const ClientOptions& options, bool answers_head,
           std::function<void(std::shared_ptr<Wire>)> give_back);
  ~Exchange() override;

  // Sends and waits for the final head. `sent_nothing_back` tells, after an error, that the server closed the
  // connection without a byte of answer.
  [[nodiscard]] rt::Task<Result<void>> begin(const Request& request, const std::string& host, base::Deadline deadline);
  [[nodiscard]] bool sent_nothing_back() const { return sent_nothing_back_; }
  // After an error: the request did not go out whole.
  [[nodiscard]] bool unsent() const { return unsent_; }

  [[nodiscard]] const ResponseHead& head() const override { return head_; }
  [[nodiscard]] rt::Task<Result<std::string>> read(base::Deadline deadline) override;

 private:
  [[nodiscard]] rt::Task<Result<void>> read_head(base::Deadline deadline);
  void finish();
  [[nodiscard]] Error cut() const;
  [[nodiscard]] Error late(const char* what) const;

  std::shared_ptr<Wire> wire_;
  std::string where_;
  base::Bytes header_max_;
  bool answers_head_;
  std::function<void(std::shared_ptr<Wire>)> give_back_;
  std::unique_ptr<ResponseParser> parser_;
  ResponseHead head_;
  bool sent_nothing_back_ = false;
  bool unsent_ = false;
  bool finished_ = false;
};

}  // namespace hearth::http::detail
