#pragma once

#include <utility>

#include "base/error.hpp"

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
