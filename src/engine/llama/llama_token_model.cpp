#include "engine/llama/llama_token_model.hpp"

#include <algorithm>
#include <set>

#include "domain/template_language.hpp"

namespace hearth::engine::llama {

using core::BatchToken;
using core::DecodeStatus;

namespace {

// So many that attending over them costs a running token at most half as much again as its weights do: a token takes
// one multiplication per parameter, and 2 x layers x width per cell that it attends over.
std::int32_t idle_cells(const llama_model* model) {
  const double per_cell = 2.0 * std::max(1, llama_model_n_layer(model)) * std::max(1, llama_model_n_embd(model));
  return static_cast<std::int32_t>(std::min(0.5 * static_cast<double>(llama_model_n_params(model)) / per_cell, 1e9));
}

// Multiplications that one thread does while another wakes up and both wait for each other, layer by layer.
constexpr double kOneThreadWork = 4e6;

}  // namespace

LlamaTokenModel::LlamaTokenModel(LlamaParts parts, base::Log& log)
    : parts_(std::move(parts)), vocab_(llama_model_get_vocab(parts_.model.get())), log_(&log) {
  const llama_model* const model = parts_.model.get();
  if (parts_.context) memory_ = llama_get_memory(parts_.context.get());
  can_share_ = memory_ != nullptr && !llama_model_is_recurrent(model) && !llama_model_is_hybrid(model) &&
               llama_model_n_swa(model) == 0;
  idle_cells_max_ = idle_cells(model);
}

std::int32_t LlamaTokenModel::kv_cells() const {
  return memory_ == nullptr ? 0 : static_cast<std::int32_t>(llama_n_ctx(parts_.context.get()));
}

Result<core::RenderedChat> LlamaTokenModel::render(const domain::ChatRequest& chat) const {
  const auto finish = [](chat::RenderedPrompt rendered) {
    return core::RenderedChat{.prompt = std::move(rendered.prompt), .stops = std::move(rendered.stops)};
  };
  if (!chat.template_override.empty()) {
    HEARTH_TRY(const SharedTemplate own, override_template(chat.template_override));
    return own->render(chat).map(finish);
  }
  if (!parts_.chat) return fail(ErrorCode::kUnsupported, parts_.chat_error, "messages");
  return own_template(chat).render(chat).map(finish);
}

Result<chat::SharedAnswerFormat> LlamaTokenModel::answer_format(const domain::ChatRequest& chat) const {
  // A template in Go's language says how to ask; how the model writes its answers, its own template tells.
  const bool asks_only = domain::is_go_template(chat.template_override) && parts_.chat;
  if (!chat.template_override.empty() && !asks_only) {
    HEARTH_TRY(const SharedTemplate own, override_template(chat.template_override));
    return own->format(chat);
  }
  if (!parts_.chat) return fail(ErrorCode::kUnsupported, parts_.chat_error, "messages");
  return own_template(chat).format(chat);
}

// REQUIRES: there is one.
const chat::ChatTemplate& LlamaTokenModel::own_template(const domain::ChatRequest& chat) const {
  const bool with_tools = !chat.tools.empty() && parts_.chat_with_tools.has_value();
  return with_tools ? *parts_.chat_with_tools : *parts_.chat;
}

// Parsing a template costs more than rendering it, and a caller who brings one brings it every time.
Result<LlamaTokenModel::SharedTemplate> LlamaTokenModel::override_template(const std::string& source) const {
  auto known = last_override_.with([&](const auto& entry) { return entry.first == source ? entry.second : nullptr; });
  if (known != nullptr) return known;
  const llama_vocab* const vocab = llama_model_get_vocab(parts_.model.get());
  auto made = chat::ChatTemplate::create(source, vocab_.text_of(llama_vocab_bos(vocab)),
                                         vocab_.text_of(llama_vocab_eos(vocab)));
  if (!made) return fail(ErrorCode::kInvalidRequest, made.error().message, "template_override");
  auto shared = std::make_shared<const chat::ChatTemplate>(*std::move(made));
  last_override_.with([&](auto& entry) { entry = {source, shared}; });
  return shared;
}

core::PairPrompt LlamaTokenModel::pair(std::string_view first, std::string_view second) const {
  if (!parts_.pair_format) return {};
  return parts_.pair_format->tokens(vocab_, first, second, parts_.pair_types);
}

bool LlamaTokenModel::is_valid(std::span<const BatchToken> batch) const {
  return !batch.empty() && std::ranges::all_of(batch, [this](const BatchToken& t) {
    return vocab_.has(t.token) && is_sequence(t.sequence) && t.position >= 0;
  });
}

DecodeStatus LlamaTokenModel::decode(std::span<const BatchToken> batch) {
  has_output_.assign(batch.size(), false);
  saved_rows_.clear();
  saved_.clear();
  if (memory_ == nullptr || !is_valid(batch) || batch.size() > static_cast<std::size_t>(parts_.batch_tokens)) {
    log_->error("llama: refused a batch of {} tokens that this model cannot take", batch.size());
    return DecodeStatus::kFailed;
  }
  const auto outputs = std::ranges::count_if(batch, &BatchToken::output);
  const auto status = outputs <= parts_.outputs_max ? decode_part(batch) : decode_in_parts(batch);
  if (status == DecodeStatus::kOk)
    for (std::size_t i = 0; i < batch.size(); ++i) has_output_[i] = batch[i].output;
  return status;
}

DecodeStatus LlamaTokenModel::decode_part(std::span<const BatchToken> part) {
  choose_threads(part.size());
  batch_.clear();
  for (const BatchToken& token : part) batch_.add(token, token.output);
  const int status = llama_decode(parts_.context.get(), batch_.view());
  switch (status) {
    case 0: return DecodeStatus::kOk;
    case 1: return DecodeStatus::kNoSpace;
    case 2: return DecodeStatus::kAborted;
    default: log_->error("llama: llama_decode failed with {}", status); return DecodeStatus::kFailed;
  }
}

void LlamaTokenModel::choose_threads(std::size_t tokens) {
  const double work = static_cast<double>(tokens) * static_cast<double>(llama_model_n_params(parts_.model.get()));
  const std::int32_t threads = work < kOneThreadWork ? 1 : parts_.threads;
  auto* const context = parts_.context.get();
  if (llama_n_threads(context) != threads) llama_set_n_threads(context, threads, threads);
}

// llama.cpp reserves its buffers for a few rows of logits; a batch that wants more of them is evaluated piece by piece.
DecodeStatus LlamaTokenModel::decode_in_parts(std::span<const BatchToken> batch) {
  saved_rows_.assign(batch.size(), nullptr);
  for (std::size_t begin = 0; begin < batch.size();) {
    std::size_t end = begin;
    for (std::int32_t rows = 0; end < batch.size(); ++end) {
      rows += batch[end].output ? 1 : 0;
      if (rows > parts_.outputs_max) break;
    }
    const auto status = decode_part(batch.subspan(begin, end - begin));
    if (status != DecodeStatus::kOk) {
      if (status == DecodeStatus::kNoSpace) undo(batch.first(begin));
      return status;
    }
    for (std::size_t i = begin; i < end; ++i) {
      if (!batch[i].output) continue;
      const float* const row = llama_get_logits_ith(parts_.context.get(), static_cast<std::int32_t>(i - begin));
      if (row == nullptr) return DecodeStatus::kFailed;
      saved_rows_[i] = saved_.emplace_back(row, row + vocab_.size()).data();
    }
    begin = end;
  }
  return DecodeStatus::kOk;
}

void LlamaTokenModel::undo(std::span<const BatchToken> batch) {
  std::set<core::SequenceId> done;  // a sequence's first token in the batch is where it began
  for (const BatchToken& token : batch) {
    if (done.insert(token.sequence).second) llama_memory_seq_rm(memory_, token.sequence, token.position, -1);
  }
}

std::span<float> LlamaTokenModel::logits(std::size_t index) {
  if (index >= has_output_.size() || !has_output_[index]) return {};
  float* const row = saved_rows_.empty() ? llama_get_logits_ith(parts_.context.get(), static_cast<std::int32_t>(index))
                                         : saved_rows_[index];
  return row == nullptr ? std::span<float>() : std::span<float>(row, static_cast<std::size_t>(vocab_.size()));
}

bool LlamaTokenModel::has_whole_sequences(std::span<const BatchToken> batch) const {
  std::set<core::SequenceId> seen;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const bool begins = i == 0 || batch[i].sequence != batch[i - 1].sequence;
    if (begins ? batch[i].position != 0 || !seen.insert(batch[i].sequence).second
               : batch[i].position != batch[i - 1].position + 1)
      return false;
  }
  return true;
}

DecodeStatus LlamaTokenModel::embed(std::span<const BatchToken> batch, std::optional<domain::Pooling> pooling) {
  const bool embeds = parts_.info.capabilities.tasks.has(domain::Task::kEmbed) || parts_.pair_format;
  if (!embeds || !is_valid(batch) || !has_whole_sequences(batch)) {
    log_->error("llama: refused an embedding batch of {} tokens that this model cannot take", batch.size());
    return DecodeStatus::kFailed;
  }
  if (!parts_.embedder) {
    parts_.embedder = Embedder::create(parts_.model.get(), parts_.embedding);
    if (!parts_.embedder) {
      log_->error("llama: no memory for a context that embeds");
      return DecodeStatus::kNoMemory;
    }
  }
  return parts_.embedder->embed(batch, pooling);
}

std::span<const float> LlamaTokenModel::embedding(core::SequenceId sequence) {
  if (!parts_.embedder || !is_sequence(sequence)) return {};
  return parts_.embedder->embedding(sequence);
}

bool LlamaTokenModel::remove(core::SequenceId sequence, core::Position from, core::Position to) {
  if (memory_ == nullptr) return true;
  if (!is_sequence(sequence)) return false;
  from = std::max(from, 0);
  if (to >= 0 && to <= from) return true;
  const core::Position last = llama_memory_seq_pos_max(memory_, sequence);
  if (last < from) return true;  // nothing there
  const bool to_the_end = to < 0 || to > last;
  if (from == 0 && to_the_end) return llama_memory_seq_rm(memory_, sequence, -1, -1);
  if (!can_share_) {
    // A sliding window needs the tokens before the cut, and may have dropped them.
    const std::int32_t window = llama_model_n_swa(parts_.model.get());
    if (!to_the_end || llama_memory_seq_pos_min(memory_, sequence) > std::max(0, from - window)) return false;
  }
  return llama_memory_seq_rm(memory_, sequence, from, to_the_end ? -1 : to);
}

void LlamaTokenModel::copy(core::SequenceId from, core::SequenceId to, core::Position end) {
  if (!can_share_ || !is_sequence(from) || !is_sequence(to) || from == to || end <= 0) {
    log_->error("llama: refused to share a prefix of sequence {} with {}", from, to);
    return;
  }
  llama_memory_seq_cp(memory_, from, to, 0, end);
}

}  // namespace hearth::engine::llama
