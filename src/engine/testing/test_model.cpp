#include "engine/testing/test_model.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <fmt/format.h>
#include <limits>
#include <utility>

namespace hearth::engine::testing {
namespace {

using core::DecodeStatus;

std::uint64_t mix(std::uint64_t x) {  // splitmix64
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

std::uint64_t after(std::uint64_t history, domain::Token token) {
  return mix(history * 31 + static_cast<std::uint64_t>(token));
}

float noise(std::uint64_t x) {
  return static_cast<float>(mix(x) >> 40U) / static_cast<float>(1U << 23U) - 1.0F;
}  // [-1, 1)

template <class T>
T take(std::string_view& in) {
  std::array<char, sizeof(T)> bytes{};
  std::copy_n(in.begin(), bytes.size(), bytes.begin());
  in.remove_prefix(bytes.size());
  return std::bit_cast<T>(bytes);
}

}  // namespace

TestModel::TestModel(TestModelOptions options, std::shared_ptr<TestControl> control)
    : options_(std::move(options)),
      control_(control ? std::move(control) : std::make_shared<TestControl>()),
      sequences_(static_cast<std::size_t>(options_.sequences)),
      texts_(static_cast<std::size_t>(options_.sequences)) {
  info_.name = info_.engine = "test";
  info_.capabilities = {.tasks = options_.tasks,
                        .context_tokens = options_.context_tokens,
                        .trained_context_tokens = options_.context_tokens,
                        .embedding_dimensions = options_.embedding_dimensions,
                        .vocabulary = vocab_.size(),
                        .slots = options_.sequences,
                        .device = "CPU",
                        .format = "test",
                        .architecture = "test",
                        .labels = options_.labels};
}

TestModel::~TestModel() {
  sequences_.clear();
  if (control_->cells_used != 0) broken("cells are left after all sequences are gone");
}

Result<core::RenderedChat> TestModel::render(const domain::ChatRequest& chat) const {
  core::RenderedChat out{.prompt = {}, .stops = options_.template_stops};
  bool first = true;
  for (const auto& message : chat.messages) {
    if (message.role != domain::Role::kSystem && std::exchange(first, false) && options_.strict_template &&
        message.role != domain::Role::kUser) {
      return fail(ErrorCode::kInvalidRequest, "the chat template wants a user message first", "messages");
    }
    out.prompt += fmt::format("{}: {}\n", domain::to_string(message.role), domain::text_of(message));
  }
  out.prompt += "assistant:";
  return out;
}

core::PairPrompt TestModel::pair(std::string_view first, std::string_view second) const {
  core::PairPrompt out{.tokens = vocab_.tokenize(first, true, false)};
  out.tokens.push_back(TestVocab::kEos);
  out.second = static_cast<std::int32_t>(out.tokens.size());
  for (const domain::Token token : vocab_.tokenize(second, false, false)) out.tokens.push_back(token);
  out.tokens.push_back(TestVocab::kEos);
  return out;
}

DecodeStatus TestModel::begin(std::span<const core::BatchToken> batch, std::size_t most) {
  rows_.assign(batch.size(), {});
  if (batch.empty() || batch.size() > most) {
    broken(fmt::format("a batch of {} tokens", batch.size()));
  }
  const std::uint64_t n = ++control_->batches;
  if (control_->on_batch) {
    if (const auto status = control_->on_batch(n, batch); status != DecodeStatus::kOk) return status;
  }
  return DecodeStatus::kOk;
}

bool TestModel::follows(const core::BatchToken& token, std::size_t length) {
  if (token.position == static_cast<core::Position>(length)) return true;
  broken(fmt::format("sequence {} has {} tokens and gets position {}", token.sequence, length, token.position));
  return false;
}

bool TestModel::is_known(const core::BatchToken& token) {
  if (token.sequence < 0 || token.sequence >= options_.sequences)
    return broken(fmt::format("sequence {}", token.sequence)), false;
  if (token.token < 0 || token.token >= vocab_.size()) return broken(fmt::format("token {}", token.token)), false;
  return true;
}

bool TestModel::store(const core::BatchToken& token) {
  if (!is_known(token)) return false;
  Cells& cells = sequences_[static_cast<std::size_t>(token.sequence)];
  if (!follows(token, cells.size())) return false;
  add_cell(cells, token.token);
  ++control_->tokens;
  return true;
}

void TestModel::add_cell(Cells& cells, domain::Token token) {
  const std::uint64_t history = after(cells.empty() ? 1 : cells.back()->history, token);
  ++control_->cells_used;
  cells.emplace_back(new Cell{.token = token, .history = history}, [control = control_](const Cell* cell) {
    --control->cells_used;
    delete cell;
  });
}

DecodeStatus TestModel::decode(std::span<const core::BatchToken> batch) {
  auto status = begin(batch, static_cast<std::size_t>(options_.batch_tokens));
  const bool bounded = options_.kv_cells > 0 && status == DecodeStatus::kOk;
  if (bounded && control_->cells_used + static_cast<std::int32_t>(batch.size()) > options_.kv_cells)
    status = DecodeStatus::kNoSpace;
  // An abort leaves part of the batch in the cache, as llama.cpp does.
  const bool aborted = status == DecodeStatus::kAborted || interrupted_;
  if (status != DecodeStatus::kOk && !aborted) return status;
  const std::size_t count = aborted ? batch.size() / 2 : batch.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (!store(batch[i])) return DecodeStatus::kFailed;
    if (!batch[i].output) continue;
    rows_[i].resize(static_cast<std::size_t>(vocab_.size()));
    write_logits(sequences_[static_cast<std::size_t>(batch[i].sequence)], rows_[i]);
  }
  return aborted ? DecodeStatus::kAborted : DecodeStatus::kOk;
}

std::span<float> TestModel::logits(std::size_t index) {
  if (index >= rows_.size() || rows_[index].empty()) {
    broken(fmt::format("logits of {} without output", index));
    rows_.resize(std::max(rows_.size(), index + 1));
    rows_[index].resize(static_cast<std::size_t>(vocab_.size()));
  }
  return rows_[index];
}

DecodeStatus TestModel::embed(std::span<const core::BatchToken> batch, std::optional<domain::Pooling> pooling) {
  const auto status = begin(batch, static_cast<std::size_t>(std::max(options_.batch_tokens, options_.context_tokens)));
  const bool aborted = status == DecodeStatus::kAborted || interrupted_;
  if (status != DecodeStatus::kOk && !aborted) return status;
  const std::size_t count = aborted ? batch.size() / 2 : batch.size();
  std::ranges::fill(texts_, Text{});
  for (std::size_t i = 0; i < count; ++i) {
    if (!is_known(batch[i])) return DecodeStatus::kFailed;
    Text& text = texts_[static_cast<std::size_t>(batch[i].sequence)];
    if (!follows(batch[i], text.length)) return DecodeStatus::kFailed;
    text.history = after(text.history, batch[i].token);
    ++text.length;
    ++control_->tokens;
    add_vector(text, batch[i].second, pooling.value_or(domain::Pooling::kLast));
  }
  return aborted ? DecodeStatus::kAborted : DecodeStatus::kOk;
}

void TestModel::add_vector(Text& text, bool second, domain::Pooling pooling) const {
  const bool head = options_.tasks.has(domain::Task::kRerank) || options_.tasks.has(domain::Task::kClassify);
  std::vector<float>& values = text.values;
  const std::uint64_t history = text.history + (second ? 1000 : 0);
  std::vector<float> vector(head ? std::max<std::size_t>(options_.labels.size(), 1)
                                 : static_cast<std::size_t>(options_.embedding_dimensions));
  for (std::size_t d = 0; d < vector.size(); ++d) vector[d] = noise(history + d);
  if (head || pooling == domain::Pooling::kLast || values.empty()) {
    values = vector;
  } else if (pooling == domain::Pooling::kNone) {
    values.insert(values.end(), vector.begin(), vector.end());
  } else if (pooling == domain::Pooling::kMean) {
    const auto count = static_cast<float>(text.length);
    for (std::size_t d = 0; d < vector.size(); ++d) values[d] += (vector[d] - values[d]) / count;
  }
}

std::span<const float> TestModel::embedding(core::SequenceId sequence) {
  return texts_[static_cast<std::size_t>(sequence)].values;
}

bool TestModel::remove(core::SequenceId sequence, core::Position from, core::Position to) {
  if (sequence < 0 || sequence >= options_.sequences || from < 0 || to != -1) {
    broken(fmt::format("remove({}, {}, {})", sequence, from, to));
    return false;
  }
  Cells& cells = sequences_[static_cast<std::size_t>(sequence)];
  const auto place = static_cast<std::size_t>(from);
  if (place >= cells.size()) return true;
  if (from > 0 && !options_.shares_prefixes) return false;
  cells.resize(place);
  return true;
}

void TestModel::copy(core::SequenceId from, core::SequenceId to, core::Position end) {
  const Cells& source = sequences_[static_cast<std::size_t>(from)];
  Cells& target = sequences_[static_cast<std::size_t>(to)];
  if (!options_.shares_prefixes || !target.empty() || end < 1 || static_cast<std::size_t>(end) > source.size()) {
    return broken(fmt::format("copy({}, {}, {}) from {} to {} tokens", from, to, end, source.size(), target.size()));
  }
  target.assign(source.begin(), source.begin() + end);
}

std::size_t TestModel::state_bytes(core::SequenceId sequence, core::StatePart part) {
  const std::size_t cells = sequences_[static_cast<std::size_t>(sequence)].size();
  return part == core::StatePart::kWhole ? cells * sizeof(domain::Token) : sizeof(std::uint64_t);
}

// The whole: the tokens. What cannot be cut: the hash of the last one's history.
bool TestModel::save(core::SequenceId sequence, core::StatePart part, std::string& out) {
  const Cells& cells = sequences_[static_cast<std::size_t>(sequence)];
  out.clear();
  if (cells.empty()) return broken("a state of nothing"), false;
  const auto put = [&](const auto& value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); };
  if (part == core::StatePart::kUncuttable) return put(cells.back()->history), true;
  for (const auto& cell : cells) put(cell->token);
  return true;
}

bool TestModel::restore(core::SequenceId sequence, core::StatePart part, std::string_view state,
                        core::Position length) {
  Cells& cells = sequences_[static_cast<std::size_t>(sequence)];
  const auto count = static_cast<std::size_t>(length);
  if (part == core::StatePart::kWhole) {
    if (!cells.empty()) return broken("a state restored over another"), false;
    if (state.size() != count * sizeof(domain::Token) || control_->cells_used + length > options_.kv_cells)
      return broken(fmt::format("a state of {} bytes for {} tokens", state.size(), length)), false;
    while (!state.empty()) add_cell(cells, take<domain::Token>(state));
    return true;
  }
  if (cells.size() < count || cells[count - 1]->history != take<std::uint64_t>(state))
    return broken(fmt::format("a checkpoint of other {} tokens", length)), false;
  cells.resize(count);
  return true;
}

void TestModel::interrupt() {
  ++control_->interrupts;
  interrupted_ = true;
}

void TestModel::broken(std::string what) {
  control_->misuse.with([&](auto& all) { all.push_back(std::move(what)); });
}

void TestModel::write_logits(const Cells& cells, std::span<float> row) const {
  const std::uint64_t history = cells.back()->history + cells.size();
  for (std::size_t t = 0; t < row.size(); ++t) {
    const bool letter = (t >= 'a' && t <= 'z') || t == ' ';
    row[t] = 3 * noise(history * 1000 + t) + (letter ? 4.0F : 0.0F);
  }
  row[TestVocab::kBos] = -std::numeric_limits<float>::infinity();
  row[TestVocab::kEos] -= 8;
  if (const domain::Token next = scripted(cells); next >= 0) row[static_cast<std::size_t>(next)] = 40;
}

// What follows by the script in the context; -1: no script, or the answer has left it.
domain::Token TestModel::scripted(const Cells& cells) const {
  std::string text;
  for (const auto& cell : cells) text += vocab_.piece(cell->token, false);
  auto open = text.rfind("<<");
  if (open == std::string::npos) return -1;
  while (open > 0 && text[open - 1] == '<') --open;  // a script may begin with "<" and end with ">"
  auto close = text.find(">>", open);
  if (close == std::string::npos) return -1;
  while (close + 2 < text.size() && text[close + 2] == '>') ++close;
  const std::string script = text.substr(open + 2, close - open - 2);
  std::string_view said = std::string_view(text).substr(close + 2);
  constexpr std::string_view kTurn = "\nassistant:";
  if (said.starts_with(kTurn)) said.remove_prefix(kTurn.size());
  if (!script.starts_with(said)) return -1;
  if (said.size() == script.size()) return TestVocab::kEos;
  return static_cast<unsigned char>(script[said.size()]);
}

}  // namespace hearth::engine::testing
