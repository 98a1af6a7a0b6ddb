#include "gateway/choose_model.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <vector>

namespace hearth::gateway {
namespace {

constexpr std::size_t kNamesShown = 10;

bool does_one_of(domain::TaskSet can, domain::TaskSet tasks) {
  return std::ranges::any_of(domain::all_tasks(), [&](domain::Task t) { return can.has(t) && tasks.has(t); });
}

std::string names_of(domain::TaskSet tasks) {
  std::vector<std::string_view> names;
  for (const domain::Task task : domain::all_tasks()) {
    if (tasks.has(task)) names.push_back(domain::to_string(task));
  }
  return fmt::format("{}", fmt::join(names, " or "));
}

}  // namespace

Result<std::string> choose_model(std::span<const domain::ModelCard> cards, const std::set<std::string>& loaded,
                                 domain::TaskSet tasks) {
  std::vector<std::string> dedicated;
  std::vector<std::string> others;
  for (const auto& card : cards) {
    if (card.format != "gguf" || !does_one_of(card.tasks, tasks)) continue;
    (card.tasks.has(domain::Task::kComplete) ? others : dedicated).push_back(card.name);
  }
  auto& fit = dedicated.empty() ? others : dedicated;
  if (fit.empty()) {
    return fail(
        ErrorCode::kInvalidRequest,
        fmt::format("the request names no model, and none that is installed can {}; fetch one with: hearth pull "
                    "REFERENCE",
                    names_of(tasks)),
        "model");
  }
  if (fit.size() == 1) return fit.front();
  std::vector<std::string> running;
  std::ranges::copy_if(fit, std::back_inserter(running),
                       [&](const std::string& name) { return loaded.contains(name); });
  if (running.size() == 1) return running.front();
  const std::size_t count = fit.size();
  fit.resize(std::min(count, kNamesShown));
  return fail(
      ErrorCode::kInvalidRequest,
      fmt::format("the request names no model, and {} that are installed can {} ({}{}); name one in the field "
                  "'model' or in the header {}",
                  count, names_of(tasks), fmt::join(fit, ", "), count > fit.size() ? ", ..." : "", kModelHeader),
      "model");
}

}  // namespace hearth::gateway
