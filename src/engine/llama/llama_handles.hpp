#pragma once

#include <ggml-cpu.h>
#include <llama.h>
#include <memory>

namespace hearth::engine::llama {

// llama.h has a function of the same name.
using PoolingType = enum llama_pooling_type;

struct ModelFree {
  void operator()(llama_model* model) const { llama_model_free(model); }
};
struct ContextFree {
  void operator()(llama_context* context) const { llama_free(context); }
};
struct ThreadpoolFree {
  void operator()(ggml_threadpool* pool) const { ggml_threadpool_free(pool); }
};
using ModelHandle = std::unique_ptr<llama_model, ModelFree>;
using ContextHandle = std::unique_ptr<llama_context, ContextFree>;
using ThreadpoolHandle = std::unique_ptr<ggml_threadpool, ThreadpoolFree>;

}  // namespace hearth::engine::llama
