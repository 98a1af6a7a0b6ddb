#pragma once

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>

#include "rt/task.hpp"

namespace hearth::rt {

// A few threads for what would hold up a loop: disks, file locks, long computing. Thread-safe.
// REQUIRES: destroyed before the loops whose coroutines use it; destruction waits for what has begun.
class WorkThreads {
 public:
  // `name` of at most 15 characters, as top -H shows it. With `nice` they compute, without it they answer
  // (rt/this_thread.hpp).
  WorkThreads(std::size_t count, const char* name, std::optional<int> nice = std::nullopt);
  ~WorkThreads();
  WorkThreads(const WorkThreads&) = delete;
  WorkThreads& operator=(const WorkThreads&) = delete;

  // Runs `work` there; its result, or what it threw, arrives on the calling loop. A caller that is cancelled
  // meanwhile still waits for the end, so `work` may refer to the caller's locals; work that has not begun by then
  // is left out, and the caller gets asio's cancellation.
  template <class Work>
  [[nodiscard]] Task<std::invoke_result_t<Work&>> run(Work work) {
    std::optional<std::invoke_result_t<Work&>> result;
    co_await run_there([&] { result.emplace(work()); });
    if (!result) throw boost::system::system_error(boost::asio::error::operation_aborted);
    co_return std::move(*result);
  }

 private:
  [[nodiscard]] Task<void> run_there(std::function<void()> work);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::rt
