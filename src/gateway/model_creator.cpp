#include "gateway/model_creator.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/strings.hpp"
#include "store/blobs.hpp"
#include "store/gguf.hpp"
#include "store/model_card.hpp"
#include "store/modelfile.hpp"
#include "store/provision/hash_files.hpp"
#include "store/quantization.hpp"
#include "store/template_check.hpp"

namespace hearth::gateway {

namespace fs = std::filesystem;
namespace ollama = dialect::ollama;

namespace {

class Flag {
 public:
  explicit Flag(bool& flag) : flag_(flag) { flag_ = true; }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;
  ~Flag() { flag_ = false; }

 private:
  bool& flag_;
};

// Weights that were never quantised: from others the result would be worse than the type promises.
Result<void> check_whole(const store::GgufHeader& header, const fs::path& path) {
  const std::string type = store::quantization_of(header);
  if (type == "F16" || type == "BF16" || type == "F32") return {};
  return fail(
      ErrorCode::kInvalidRequest,
      fmt::format("{} is {} already; only F16, BF16 and F32 weights can be quantised", path.filename().string(), type),
      "quantize");
}

Result<void> check_space(const fs::path& folder, std::uint64_t bytes) {
  std::error_code error;
  fs::create_directories(folder, error);
  const auto space = fs::space(folder, error);
  if (error || space.available >= bytes) return {};
  return fail(ErrorCode::kIo, fmt::format("{} has {} free, and the quantised model takes about {}", folder.string(),
                                          base::human({space.available}), base::human({bytes})));
}

}  // namespace

// A file that goes again unless it has become part of a model.
class ModelCreator::Discard {
 public:
  Discard() = default;
  Discard(const Discard&) = delete;
  Discard& operator=(const Discard&) = delete;
  ~Discard() {
    std::error_code error;
    if (!path_.empty()) fs::remove(path_, error);
  }
  void set(fs::path path) { path_ = std::move(path); }

 private:
  fs::path path_;
};

// What is to be done, once everything that can be wrong with the request has been looked at.
struct ModelCreator::Plan {
  std::vector<std::string> notes;
  std::map<std::string, store::fetch::Digest> files;  // blobs; none = on the weights of call.from
  domain::ModelSettings settings;
  std::optional<sched::QuantizeWork> quantizing;
  std::string from_type;  // of the weights that are quantised
  std::uint64_t estimate = 0;
};

Result<void> ModelCreator::plan_quantizing(const ollama::CreateCall& call, Plan& plan) const {
  const auto type = store::find_quantization(call.quantize);
  if (!type)
    return fail(ErrorCode::kInvalidRequest,
                fmt::format("'{}' is no quantisation; there are {}", base::one_line(call.quantize.substr(0, 40)),
                            store::quantization_names()),
                "quantize");
  if (plan.files.size() > 1)
    return fail(ErrorCode::kUnsupported, "of several files none is quantised; send the weights as one", "files");
  fs::path from;
  if (!plan.files.empty()) {
    from = store::blob_path(library_.home(), plan.files.begin()->second);
  } else if (fs::path(call.from).is_absolute()) {
    from = call.from;
  } else {
    HEARTH_TRY(const auto entry, library_.find(call.from));
    HEARTH_TRY(auto card, library_.card(entry));
    card.settings.merge(plan.settings);
    plan.settings = std::move(card.settings);
    from = entry.path;
  }
  auto sound = store::check_structure(from);
  if (!sound) return fail(ErrorCode::kInvalidRequest, sound.error().message, "from");
  HEARTH_TRY(const auto header, store::read_gguf(from));
  HEARTH_CHECK(check_whole(header, from));
  HEARTH_TRY(const auto parts, store::gguf_parts(from, header));
  for (const auto& part : parts) {
    HEARTH_TRY(const auto part_header, store::read_gguf(part));
    plan.estimate += store::quantized_size(part_header, *type);
  }
  const auto folder = store::blobs_folder(library_.home());
  HEARTH_CHECK(check_space(folder, plan.estimate));
  plan.from_type = store::quantization_of(header);
  plan.quantizing = {.from = from,
                     .to = folder / fmt::format("quantizing-{}.gguf", base::random_id(8)),
                     .type = std::string(type->name)};
  return {};
}

Result<ModelCreator::Plan> ModelCreator::plan(ollama::CreateCall& call, bool trusted) const {
  Plan out;
  if (!call.modelfile.empty()) {
    HEARTH_TRY(auto file, store::Modelfile::parse(call.modelfile));
    file.settings.merge(call.settings);
    call.settings = std::move(file.settings);
    call.from = std::move(file.from);
    out.notes = std::move(file.without_effect);
  }
  if (fs::path(call.from).is_absolute() && !trusted) return fail(ErrorCode::kForbidden, kUntrustedPath, "from");
  HEARTH_CHECK(store::check_template(call.settings.chat_template));
  out.settings = call.settings;
  for (const auto& [name, text] : call.files) {
    HEARTH_TRY(out.files[name], store::blob_digest(text));
  }
  if (!call.quantize.empty()) HEARTH_CHECK(plan_quantizing(call, out));
  return out;
}

// `plan.files` names what was quantised, if that was asked for.
Result<void> ModelCreator::make(const ollama::CreateCall& call, const Plan& plan) {
  if (!plan.files.empty())
    return store::create_from_blobs(library_.home(), call.model, plan.files, plan.settings,
                                    base::rfc3339(clock_.wall()));
  HEARTH_TRY(const auto made, library_.create(call.model, call.from, plan.settings));
  (void)made;
  return {};
}

rt::Task<Result<void>> ModelCreator::quantize(Plan& plan, const Client& client, Discard& made) {
  if (quantizing_) {
    co_return fail(Error{.code = ErrorCode::kOverloaded,
                         .message = "another model is being quantised; try again when it is done",
                         .retry_after = std::chrono::seconds(60)});
  }
  const Flag busy(quantizing_);
  const auto status = fmt::format("quantizing {} model to {}", plan.from_type, plan.quantizing->type);
  HEARTH_CO_CHECK(co_await quantizer_.run(*plan.quantizing, [&](std::uint64_t bytes) -> rt::Task<bool> {
    co_return co_await client.say(ollama::progress_line(status, plan.estimate, std::min(bytes, plan.estimate)));
  }));
  const auto written = plan.quantizing->to;
  made.set(written);
  (void)co_await client.say(ollama::progress_line(status, plan.estimate, plan.estimate));
  (void)co_await client.say(ollama::status_line("verifying conversion"));
  co_return co_await slow_.run([&]() -> Result<void> {
    HEARTH_TRY(const auto digest,
               store::provision::hash_file(written, store::fetch::Digest::Kind::kSha256, client.gone));
    const auto blob = store::blob_path(library_.home(), digest);
    std::error_code error;
    const bool was_there = fs::exists(blob, error);
    fs::rename(written, blob, error);
    if (error) return fail(ErrorCode::kIo, fmt::format("cannot keep {}: {}", written.string(), error.message()));
    made.set(was_there ? fs::path() : blob);
    plan.files = {{"model.gguf", digest}};
    return {};
  });
}

rt::Task<Result<void>> ModelCreator::create(ollama::CreateCall& call, const Client& client) {
  auto planned = co_await work_.run([&] { return plan(call, client.trusted); });
  if (!planned) co_return std::unexpected(std::move(planned).error());
  for (const auto& note : planned->notes) (void)co_await client.say(ollama::status_line("without effect: " + note));
  Discard made;
  if (planned->quantizing) HEARTH_CO_CHECK(co_await quantize(*planned, client, made));
  HEARTH_CO_CHECK(co_await work_.run([&] { return make(call, *planned); }));
  (void)co_await client.say(ollama::status_line("writing manifest"));
  co_return Result<void>{};
}

}  // namespace hearth::gateway
