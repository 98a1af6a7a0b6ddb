#include "base/spd_log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace hearth::base {
namespace {

spdlog::level::level_enum to_spd(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarn: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

class SpdLog final : public Log {
 public:
  SpdLog(LogLevel level, bool color)
      : logger_("hearth", std::make_shared<spdlog::sinks::stderr_color_sink_mt>(color ? spdlog::color_mode::automatic
                                                                                      : spdlog::color_mode::never)) {
    logger_.set_level(to_spd(level));
    logger_.set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%-5l%$ %v");
    logger_.flush_on(spdlog::level::warn);
  }
  [[nodiscard]] bool enabled(LogLevel level) const override { return logger_.should_log(to_spd(level)); }
  void write(LogLevel level, std::string_view line) override {
    logger_.log(to_spd(level), spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<Log> make_stderr_log(LogLevel level, bool color) { return std::make_unique<SpdLog>(level, color); }

}  // namespace hearth::base
