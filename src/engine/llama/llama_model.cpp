#include "engine/llama/llama_model.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "engine/llama/llama_token_model.hpp"
#include "engine/llama/process.hpp"

namespace hearth::engine::llama {
namespace {

constexpr std::int32_t kDefaultContext = 8192;
constexpr std::int32_t kContextStep = 256;  // llama.cpp rounds a context up to this

std::string meta_text(const llama_model* model, const std::string& key) {
  std::array<char, 512> text{};
  const std::int32_t n = llama_model_meta_val_str(model, key.c_str(), text.data(), text.size());
  return n < 0 ? std::string() : std::string(text.data());
}

std::optional<std::int32_t> meta_int(const llama_model* model, const std::string& key) {
  const std::string text = meta_text(model, key);
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

base::Bytes grown(base::Bytes before, base::Bytes after) {
  return {after.count > before.count ? after.count - before.count : 0};
}

// A file that names no pooling gets the mean, as most models without a word about it were trained.
domain::Pooling own_pooling(PoolingType type) {
  switch (type) {
    case LLAMA_POOLING_TYPE_CLS: return domain::Pooling::kCls;
    case LLAMA_POOLING_TYPE_LAST: return domain::Pooling::kLast;
    default: return domain::Pooling::kMean;
  }
}

// One load, step by step; each step fills its part.
class Loader {
 public:
  Loader(LlamaOptions options, base::Log& log) : options_(std::move(options)), log_(&log) {}

  Result<std::unique_ptr<core::TokenModel>> load() {
    before_ = mapped_memory();  // the first model of a process carries the tables of llama.cpp
    static std::once_flag backend;
    std::call_once(backend, [] { llama_backend_init(); });
    parts_.route = std::make_unique<LogRoute>(*log_);
    parts_.interrupted = std::make_unique<std::atomic<bool>>(false);
    HEARTH_CHECK(open_model());
    HEARTH_CHECK(classify());
    set_sizes();
    HEARTH_CHECK(make_contexts());
    read_chat_template();
    fill_info();
    return std::make_unique<LlamaTokenModel>(std::move(parts_), *log_);
  }

 private:
  [[nodiscard]] const llama_model* model() const { return parts_.model.get(); }
  [[nodiscard]] std::string key(std::string_view name) const { return fmt::format("{}.{}", architecture_, name); }
  [[nodiscard]] std::unexpected<Error> refuse(ErrorCode code, std::string_view why) const {
    return fail(code, fmt::format("cannot load '{}': {}", options_.path, why));
  }

  Result<void> open_model();
  Result<void> classify();
  Result<void> read_head();
  void read_pair_types();
  void add_head_tasks(domain::TaskSet& tasks) const;
  void set_sizes();
  Result<void> make_contexts();
  [[nodiscard]] llama_context_params context_params() const;
  [[nodiscard]] EmbedderOptions embedder_options() const;
  void read_chat_template();
  void fill_info();
  void add_memory(const std::map<std::string, BufferSizes>& buffers);

  LlamaOptions options_;
  base::Log* log_;
  LlamaParts parts_;
  std::map<std::string, BufferSizes> memory_;  // by device
  base::Bytes before_;
  base::Bytes host_weights_;
  std::string architecture_;
  PoolingType pooling_ = LLAMA_POOLING_TYPE_UNSPECIFIED;
  std::int32_t head_outputs_ = 0;
  bool generates_ = true;
  bool causal_ = true;
  std::int32_t context_ = 0;
  std::int32_t threads_ = 1;
};

Result<void> Loader::open_model() {
  std::error_code error;
  if (!std::filesystem::is_regular_file(options_.path, error))
    return refuse(ErrorCode::kModelLoadFailed, "there is no such file");
  auto params = llama_model_default_params();
  params.n_gpu_layers = options_.gpu_layers;
  params.load_mode = LLAMA_LOAD_MODE_NONE;  // not mapped: docs/decisions/0016
  params.progress_callback_user_data = this;
  params.progress_callback = [](float done, void* self) {
    const auto& options = static_cast<Loader*>(self)->options_;
    if (options.progress) options.progress(done);
    return !options.stop.stop_requested();
  };
  const LoadCapture told;
  parts_.model.reset(llama_model_load_from_file(options_.path.c_str(), params));
  const base::Bytes after = mapped_memory();
  add_memory(told.buffers());
  host_weights_ = grown(before_, after);
  if (options_.stop.stop_requested()) return refuse(ErrorCode::kCancelled, "the load was cancelled");
  if (!parts_.model)
    return refuse(ErrorCode::kModelLoadFailed,
                  told.reason("llama.cpp gave no reason") + "; check or fetch the file again");
  return {};
}

Result<void> Loader::classify() {
  architecture_ = meta_text(model(), "general.architecture");
  if (llama_vocab_type(llama_model_get_vocab(model())) == LLAMA_VOCAB_TYPE_NONE)
    return refuse(ErrorCode::kUnsupported, "the file has no vocabulary");
  if (llama_model_has_encoder(model()) && llama_model_has_decoder(model()))
    return refuse(ErrorCode::kUnsupported, "encoder-decoder models cannot be served yet");
  if (llama_model_is_diffusion(model()))
    return refuse(ErrorCode::kUnsupported, "diffusion models cannot be served yet");
  const std::int32_t pooling = meta_int(model(), key("pooling_type")).value_or(LLAMA_POOLING_TYPE_UNSPECIFIED);
  if (pooling >= LLAMA_POOLING_TYPE_MEAN && pooling <= LLAMA_POOLING_TYPE_RANK)
    pooling_ = static_cast<PoolingType>(pooling);
  if (pooling_ == LLAMA_POOLING_TYPE_RANK) HEARTH_CHECK(read_head());
  causal_ = meta_text(model(), key("attention.causal")) != "false" && llama_model_has_decoder(model());
  generates_ = causal_ && options_.embeddings != Embeddings::kOnly && head_outputs_ == 0 &&
               (pooling_ == LLAMA_POOLING_TYPE_UNSPECIFIED || options_.embeddings == Embeddings::kNever);
  if (!generates_ && options_.embeddings == Embeddings::kNever)
    return refuse(ErrorCode::kUnsupported, "it is an embedding model, and embeddings are switched off");
  return {};
}

// What a file with pooling type "rank" has after its last layer.
Result<void> Loader::read_head() {
  const bool split = !meta_text(model(), "split.count").empty() && meta_int(model(), "split.count").value_or(1) > 1;
  if (!split && !has_tensor(options_.path, "cls.weight") && !has_tensor(options_.path, "cls.output.weight"))
    return refuse(ErrorCode::kUnsupported,
                  "it is to rank (pooling type 4) but has no classifier's head; convert it again");
  auto format = PairFormat::of(model());
  if (!format) return refuse(format.error().code, format.error().message);
  parts_.pair_format = *std::move(format);
  head_outputs_ = static_cast<std::int32_t>(llama_model_n_cls_out(model()));
  auto& info = parts_.info;
  for (std::int32_t i = 0; i < head_outputs_; ++i) {
    if (const char* const label = llama_model_cls_label(model(), static_cast<std::uint32_t>(i)); label != nullptr)
      info.capabilities.labels.emplace_back(label);
  }
  // llama.cpp ends the graph of these by a softmax.
  info.scores_are_probabilities = architecture_ == "qwen3" || architecture_ == "qwen3vl";
  return {};
}

void Loader::set_sizes() {
  const std::int32_t trained = std::max(1, llama_model_n_ctx_train(model()));
  context_ = options_.context_tokens > 0 ? options_.context_tokens : std::min(trained, kDefaultContext);
  if (context_ > trained) {
    log_->warn("{}: a context of {} tokens was asked for, the model was trained with {}: using that", options_.path,
               context_, trained);
    context_ = trained;
  }
  const auto most = static_cast<std::int32_t>(llama_max_parallel_sequences());
  options_.parallel = std::clamp(options_.parallel, 1, most / 2);
  parts_.sequences_max = options_.parallel * 2;  // as many again for cached prefixes
  parts_.outputs_max = std::max(parts_.sequences_max, core::kOutputRows);
  parts_.batch_tokens = std::max(options_.batch_tokens, parts_.outputs_max);
  threads_ = std::clamp(options_.threads > 0 ? options_.threads : usable_cores(), 1, GGML_MAX_N_THREADS);
}

llama_context_params Loader::context_params() const {
  auto params = llama_context_default_params();
  const std::int64_t cells = std::int64_t{context_} * options_.parallel;
  const std::int64_t rounded = (cells + kContextStep - 1) / kContextStep * kContextStep;
  // llama.cpp cuts a batch to the context, and a batch must hold a token of every sequence.
  params.n_ctx = static_cast<std::uint32_t>(std::max<std::int64_t>(rounded, parts_.batch_tokens));
  params.n_batch = static_cast<std::uint32_t>(parts_.batch_tokens);
  params.n_ubatch = params.n_batch;
  params.n_seq_max = static_cast<std::uint32_t>(parts_.sequences_max);
  params.n_outputs_max = static_cast<std::uint32_t>(parts_.outputs_max);
  params.n_threads = params.n_threads_batch = threads_;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO;
  params.kv_unified = true;
  params.no_perf = true;
  params.abort_callback = [](void* flag) {
    return static_cast<std::atomic<bool>*>(flag)->load(std::memory_order_relaxed);
  };
  params.abort_callback_data = parts_.interrupted.get();
  return params;
}

EmbedderOptions Loader::embedder_options() const {
  return {.context_tokens = context_,
          .sequences_max = parts_.sequences_max,
          .threads = threads_,
          .threadpool = parts_.threadpool.get(),
          .interrupted = parts_.interrupted.get(),
          .pooling = own_pooling(pooling_),
          .causal = causal_,
          .head_outputs = head_outputs_};
}

Result<void> Loader::make_contexts() {
  auto pool = ggml_threadpool_params_default(threads_);
  pool.poll = 0;  // a thread that has nothing to do sleeps: the gateway and the clients need the cores between steps
  parts_.threads = threads_;
  parts_.threadpool.reset(ggml_threadpool_new(&pool));
  if (!parts_.threadpool) return refuse(ErrorCode::kModelLoadFailed, "no threads could be started");
  const LoadCapture told;
  if (generates_) {
    const auto params = context_params();
    parts_.context.reset(llama_init_from_model(parts_.model.get(), params));
    parts_.path = options_.path;
    parts_.cache_layout =
        fmt::format("{}/{} flash {} unified {} window {}", ggml_type_name(params.type_k), ggml_type_name(params.type_v),
                    static_cast<int>(params.flash_attn_type), params.kv_unified, params.swa_full);
    if (!parts_.context) return refuse(ErrorCode::kModelLoadFailed, told.reason("llama.cpp could not make a context"));
    llama_attach_threadpool(parts_.context.get(), parts_.threadpool.get(), parts_.threadpool.get());
    // An encoder whose file does not say so.
    if (llama_get_memory(parts_.context.get()) == nullptr) {
      parts_.context.reset();
      generates_ = causal_ = false;
    }
  }
  parts_.embedding = embedder_options();
  if (!generates_) {
    parts_.embedder = Embedder::create(parts_.model.get(), parts_.embedding);
    if (!parts_.embedder) return refuse(ErrorCode::kModelLoadFailed, told.reason("llama.cpp could not make a context"));
    if (head_outputs_ > 0) read_pair_types();
    parts_.batch_tokens = std::max(context_, parts_.batch_tokens);
  }
  add_memory(told.buffers());
  return {};
}

void Loader::read_pair_types() {
  if (parts_.pair_format->has_template()) return;
  std::string why;
  auto rows = PairEmbeddings::open(options_.path, model(), why);
  if (!why.empty()) log_->warn("{}: the second texts of pairs get the token type of the first: {}", options_.path, why);
  if (!rows) return;
  parts_.pair_types = true;
  parts_.embedder->set_pair_embeddings(*std::move(rows));
}

void Loader::read_chat_template() {
  if (!generates_) {
    parts_.chat_error = fmt::format("'{}' is {} model and cannot chat", options_.path,
                                    head_outputs_ > 0 ? "a reranking or classifying" : "an embedding");
    return;
  }
  const llama_vocab* const vocab = llama_model_get_vocab(model());
  const LlamaVocab texts(vocab);
  const auto make = [&](const char* source) {
    return chat::ChatTemplate::create(source, texts.text_of(llama_vocab_bos(vocab)),
                                      texts.text_of(llama_vocab_eos(vocab)));
  };
  const char* const source = llama_model_chat_template(model(), nullptr);
  if (source == nullptr) log_->info("{}: no chat template in the file: using ChatML", options_.path);
  auto made = make(source == nullptr ? "" : source);
  if (!made) {
    parts_.chat_error = made.error().message;
    log_->warn("{}: {}; chat is off for this model", options_.path, parts_.chat_error);
    return;
  }
  parts_.chat = *std::move(made);
  parts_.info.chat_template = source == nullptr ? "" : source;
  if (const char* const tools = llama_model_chat_template(model(), "tool_use"); tools != nullptr) {
    if (auto second = make(tools)) parts_.chat_with_tools = *std::move(second);
  }
}

// One number for two texts is how well they go together; several are classes, but for a template's "yes" before "no".
void Loader::add_head_tasks(domain::TaskSet& tasks) const {
  const bool by_template = parts_.pair_format->has_template();
  if (by_template || head_outputs_ == 1) tasks.add(domain::Task::kRerank);
  if (!by_template) tasks.add(domain::Task::kClassify);
}

void Loader::fill_info() {
  ModelInfo& info = parts_.info;
  info.engine = "llama";
  info.name = options_.name.empty() ? meta_text(model(), "general.name") : options_.name;
  auto& can = info.capabilities;
  if (generates_) can.tasks.add(domain::Task::kComplete);
  if (generates_ && LlamaVocab(llama_model_get_vocab(model())).infill().usable()) can.tasks.add(domain::Task::kInfill);
  if (parts_.chat) can.tasks.add(domain::Task::kChat);
  const auto* const tooled = parts_.chat_with_tools ? &*parts_.chat_with_tools : parts_.chat ? &*parts_.chat : nullptr;
  if (tooled != nullptr && tooled->shows_tools() && tooled->reads_tools()) can.tasks.add(domain::Task::kTools);
  if (parts_.chat && parts_.chat->reads_thinking()) can.tasks.add(domain::Task::kThinking);
  if (head_outputs_ > 0)
    add_head_tasks(can.tasks);
  else if (options_.embeddings != Embeddings::kNever)
    can.tasks.add(domain::Task::kEmbed);
  can.context_tokens = context_;
  can.trained_context_tokens = llama_model_n_ctx_train(model());
  can.embedding_dimensions = head_outputs_ > 0 ? 0 : llama_model_n_embd_out(model());
  can.vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model()));
  can.slots = options_.parallel;
  can.format = "gguf";
  can.architecture = architecture_;
  can.device = "CPU";
  for (const auto& [device, sizes] : memory_) {
    info.memory.push_back(
        {.device = device, .weights = sizes.weights, .kv_cache = sizes.kv_cache, .compute = sizes.compute});
    if (device != "CPU" && sizes.weights.count > 0) can.device = device;
    // The vocabulary counts as well, which llama.cpp's own sum leaves out.
    else if (device == "CPU")
      info.memory.back().weights = std::max(sizes.weights, host_weights_);
  }
}

void Loader::add_memory(const std::map<std::string, BufferSizes>& buffers) {
  for (const auto& [device, sizes] : buffers) {
    memory_[device].weights += sizes.weights;
    memory_[device].kv_cache += sizes.kv_cache;
    memory_[device].compute += sizes.compute;
  }
}

}  // namespace

Result<std::unique_ptr<core::TokenModel>> load_llama_model(LlamaOptions options, base::Log& log) {
  return Loader(std::move(options), log).load();
}

}  // namespace hearth::engine::llama
