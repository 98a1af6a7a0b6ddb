#include "sched/quantizer.hpp"

#include <chrono>
#include <fmt/format.h>
#include <system_error>
#include <utility>
#include <variant>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "rt/race.hpp"
#include "rt/subprocess.hpp"

namespace hearth::sched {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

// A file that is not there for anybody else, and gone unless it is kept.
class Scratch {
 public:
  explicit Scratch(fs::path path) : path_(std::move(path)) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code error;
    if (!path_.empty()) fs::remove(path_, error);
  }
  void keep() { path_.clear(); }

 private:
  fs::path path_;
};

// The last line of a log without its time and level.
std::string last_line(const fs::path& log) {
  const auto text = base::read_file(log);
  if (!text) return "it left no log";
  const auto lines = base::split(base::trim(*text), '\n');
  const auto line = lines.back();
  const auto at = line.find("] ");
  return std::string(base::trim(line.substr(at == std::string_view::npos ? 0 : at + 2)));
}

}  // namespace

rt::Task<Result<void>> Quantizer::run(QuantizeWork work,
                                      std::function<rt::Task<bool>(std::uint64_t)> on_progress) const {
  std::error_code error;
  fs::create_directories(options_.log_folder, error);
  const fs::path log = options_.log_folder / "quantize.log";
  fs::remove(log, error);
  Scratch unfinished(work.to);
  auto process = rt::Subprocess::spawn(
      co_await rt::current_executor(),
      {.program = options_.runner,
       .arguments = {"quantize", "--from", work.from.string(), "--to", work.to.string(), "--type", work.type,
                     "--threads", std::to_string(options_.threads), "--nice", std::to_string(options_.nice)},
       .output = log});
  if (!process) co_return std::unexpected(std::move(process).error());
  while (true) {
    const auto ended = co_await rt::with_deadline(process->wait(), base::Deadline::after(200ms));
    if (ended && ended->ok()) break;
    if (ended)
      co_return fail(ErrorCode::kBackendError,
                     fmt::format("the quantiser ended with {}: {}", ended->describe(), last_line(log)));
    const auto bytes = fs::file_size(work.to, error);
    if (!co_await on_progress(error ? 0 : bytes)) co_return fail(ErrorCode::kCancelled, "nobody waits for it");
  }
  unfinished.keep();
  co_return Result<void>{};
}

}  // namespace hearth::sched
