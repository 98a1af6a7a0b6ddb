#include "engine/llama/llama_log.hpp"

#include <algorithm>
#include <llama.h>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/strings.hpp"

namespace hearth::engine::llama {
namespace {

// llama.cpp's log callback is process-wide, and so must be the place where it finds the logs.
struct Routes {
  std::mutex mutex;
  std::vector<base::Log*> logs;
};
Routes& routes() {
  static Routes instance;
  return instance;
}
thread_local LoadCapture* capture = nullptr;

struct PartialLine {
  std::string text;
  ggml_log_level level = GGML_LOG_LEVEL_NONE;
};
thread_local PartialLine partial;

// "llama_model_load: error loading model" -> "error loading model".
std::string_view without_function(std::string_view line) {
  const auto colon = line.find(": ");
  if (colon != std::string_view::npos && line.substr(0, colon).find(' ') == std::string_view::npos)
    line.remove_prefix(colon + 2);
  return line;
}

// Warnings about what this folder does on purpose: one pool of cells for all conversations, pooling of its own.
bool is_expected(std::string_view line) {
  return line.find("possible training context overflow") != std::string_view::npos ||
         line.find("model default pooling_type") != std::string_view::npos;
}

void emit(ggml_log_level level, std::string_view line) {
  line = base::trim(line);
  if (line.empty() || line.find_first_not_of('.') == std::string_view::npos) return;  // the loader's progress dots
  if (capture != nullptr && level == GGML_LOG_LEVEL_ERROR) capture->take_error(line);
  if (capture != nullptr && level != GGML_LOG_LEVEL_ERROR) capture->take_line(line);
  const bool matters = (level == GGML_LOG_LEVEL_ERROR || level == GGML_LOG_LEVEL_WARN) && !is_expected(line);
  const auto to = matters ? base::LogLevel::kWarn : base::LogLevel::kDebug;
  Routes& all = routes();
  const std::scoped_lock lock(all.mutex);
  if (!all.logs.empty() && all.logs.back()->enabled(to)) all.logs.back()->write(to, line);
}

// Pieces of a line come one by one; the newline ends it.
void on_log(ggml_log_level level, const char* text, void*) {
  if (level != GGML_LOG_LEVEL_CONT) partial.level = level;
  partial.text += text;
  std::size_t newline = 0;
  while ((newline = partial.text.find('\n')) != std::string::npos) {
    emit(partial.level, std::string_view(partial.text).substr(0, newline));
    partial.text.erase(0, newline + 1);
  }
}

}  // namespace

LogRoute::LogRoute(base::Log& log) : log_(&log) {
  Routes& all = routes();
  const std::scoped_lock lock(all.mutex);
  all.logs.push_back(log_);
  llama_log_set(on_log, nullptr);
}

LogRoute::~LogRoute() {
  Routes& all = routes();
  const std::scoped_lock lock(all.mutex);
  const auto mine = std::find(all.logs.rbegin(), all.logs.rend(), log_);
  if (mine != all.logs.rend()) all.logs.erase(std::next(mine).base());
}

LoadCapture::LoadCapture() { capture = this; }
LoadCapture::~LoadCapture() { capture = nullptr; }

std::string LoadCapture::reason(const char* fallback) const {
  return first_error_.empty() ? fallback : std::string(without_function(first_error_));
}

void LoadCapture::take_error(std::string_view line) {
  if (first_error_.empty()) first_error_ = line;
}

// "llama_kv_cache:        CPU KV buffer size =    12.00 MiB"
void LoadCapture::take_line(std::string_view line) {
  static constexpr std::string_view kMark = " buffer size =";
  const auto mark = line.find(kMark);
  if (mark == std::string_view::npos) return;
  auto head = without_function(line.substr(0, mark));
  head = base::trim(head);
  const auto blank = head.rfind(' ');
  auto tail = base::trim(line.substr(mark + kMark.size()));
  if (blank == std::string_view::npos || !tail.ends_with(" MiB")) return;
  const auto mebibytes = base::parse_double(base::trim(tail.substr(0, tail.size() - 4)));
  if (!mebibytes || *mebibytes < 0) return;
  const base::Bytes size{static_cast<std::uint64_t>(*mebibytes * 1024 * 1024)};
  const std::string_view kind = head.substr(blank + 1);
  std::string device(base::trim(head.substr(0, blank)));
  if (device.starts_with("CPU") || device.ends_with("_Host")) device = "CPU";
  BufferSizes& sizes = buffers_[device];
  if (kind == "model")
    sizes.weights += size;
  else if (kind == "KV" || kind == "RS")
    sizes.kv_cache += size;
  else if (kind == "output" || kind == "compute")
    sizes.compute += size;
}

}  // namespace hearth::engine::llama
