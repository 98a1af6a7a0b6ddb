#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace hearth::http::detail {

// Contiguous bytes: filled at the back, consumed at the front. Between `prepare` and `commit` only `data` and `consume`
// may be called: nothing moves while a read is pending.
class InputBuffer {
 public:
  [[nodiscard]] std::string_view data() const { return {memory_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

  std::span<char> prepare(std::size_t size) {
    if (capacity_ - end_ < size) make_room(size);
    return {memory_.get() + end_, size};
  }
  void commit(std::size_t size) { end_ += size; }
  void consume(std::size_t size) { begin_ += size; }
  // Frees what the present content does not need.
  void shrink() {
    if (begin_ == end_) {
      memory_.reset();
      begin_ = end_ = capacity_ = 0;
    } else if (capacity_ > 2 * (end_ - begin_)) {
      reallocate(end_ - begin_);
    }
  }

 private:
  void make_room(std::size_t size) {
    const std::size_t used = end_ - begin_;
    if (used + size > capacity_) {
      reallocate(std::max(used + size, used == 0 ? 0 : 2 * capacity_));
      return;
    }
    std::memmove(memory_.get(), memory_.get() + begin_, used);
    begin_ = 0;
    end_ = used;
  }
  void reallocate(std::size_t capacity) {
    auto memory = std::make_unique_for_overwrite<char[]>(capacity);
    const std::size_t used = end_ - begin_;
    if (used > 0) std::memcpy(memory.get(), memory_.get() + begin_, used);
    memory_ = std::move(memory);
    capacity_ = capacity;
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace hearth::http::detail
