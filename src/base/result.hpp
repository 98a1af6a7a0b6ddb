#pragma once

#include <concepts>
#include <expected>
#include <string>
#include <type_traits>
#include <utility>

#include "base/error.hpp"

namespace hearth::base {

// A value or an Error. Expected failures travel in it; exceptions are for bugs and allocation only.
// std::expected plus [[nodiscard]] and `map`/`and_then` (which libstdc++ 12 lacks).
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using value_type = T;
  using std::expected<T, Error>::expected;

  template <class F>
  auto map(F&& f) && {
    using U = std::remove_cvref_t<std::invoke_result_t<F, T&&>>;
    if (!this->has_value()) return Result<U>(std::unexpected(std::move(this->error())));
    return Result<U>(std::forward<F>(f)(*std::move(*this)));
  }
  template <class F>
  auto and_then(F&& f) && {
    using R = std::remove_cvref_t<std::invoke_result_t<F, T&&>>;
    if (!this->has_value()) return R(std::unexpected(std::move(this->error())));
    return std::forward<F>(f)(*std::move(*this));
  }
};

template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
 public:
  using std::expected<void, Error>::expected;
};

// `return fail(ErrorCode::kNotFound, "model 'x' not found");` converts to any Result<T>.
[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string param = {}) {
  return std::unexpected(Error{.code = code, .message = std::move(message), .param = std::move(param)});
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

}  // namespace hearth::base

namespace hearth {
using base::fail;
using base::Result;
}  // namespace hearth

// HEARTH_TRY(auto x, expr): declares x from a Result, or returns its error. The CO form is for coroutines.
#define HEARTH_CONCAT_(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_(a, b)
#define HEARTH_TRY_(tmp, ret, decl, ...)                 \
  auto tmp = (__VA_ARGS__);                              \
  if (!tmp) ret std::unexpected(std::move(tmp).error()); \
  decl = *std::move(tmp)
#define HEARTH_TRY(decl, ...) HEARTH_TRY_(HEARTH_CONCAT(try_result_, __COUNTER__), return, decl, __VA_ARGS__)
#define HEARTH_CO_TRY(decl, ...) HEARTH_TRY_(HEARTH_CONCAT(try_result_, __COUNTER__), co_return, decl, __VA_ARGS__)
#define HEARTH_CHECK_(tmp, ret, ...) \
  if (auto tmp = (__VA_ARGS__); !tmp) ret std::unexpected(std::move(tmp).error())
// HEARTH_CHECK(expr): returns the error of a Result<void>.
#define HEARTH_CHECK(...) HEARTH_CHECK_(HEARTH_CONCAT(check_result_, __COUNTER__), return, __VA_ARGS__)
#define HEARTH_CO_CHECK(...) HEARTH_CHECK_(HEARTH_CONCAT(check_result_, __COUNTER__), co_return, __VA_ARGS__)
