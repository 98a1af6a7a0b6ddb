#include "rt/io_threads.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <thread>
#include <vector>

#include "rt/this_thread.hpp"

namespace hearth::rt {

namespace asio = boost::asio;

namespace {
struct Loop {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread;
};
}  // namespace

struct IoThreads::Impl {
  std::vector<std::unique_ptr<Loop>> loops;
};

IoThreads::IoThreads(std::size_t count) : impl_(std::make_unique<Impl>()) {
  for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
    impl_->loops.push_back(std::make_unique<Loop>());
    Loop& loop = *impl_->loops.back();
    loop.thread = std::thread([&loop] {
      this_thread::answer_first("hearth-io");
      loop.context.run();
    });
  }
}

IoThreads::~IoThreads() {
  stop();
  for (auto& loop : impl_->loops) loop->thread.join();
}

std::size_t IoThreads::size() const { return impl_->loops.size(); }

Executor IoThreads::executor(std::size_t index) { return impl_->loops.at(index)->context.get_executor(); }

void IoThreads::stop() {
  for (auto& loop : impl_->loops) loop->context.stop();
}

void run_here(Task<void> task) {
  std::exception_ptr failure;
  asio::io_context context(1);
  asio::co_spawn(context, std::move(task), [&](std::exception_ptr e) {
    failure = e;
    context.stop();
  });
  context.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace hearth::rt
