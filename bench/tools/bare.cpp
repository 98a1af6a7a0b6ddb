// The engine and nothing else: what a loop over llama.h reaches. Prints operations/s, one line for each repetition.
//   bare prompts MODEL COUNT TOKENS SEQUENCES   reads COUNT prompts of TOKENS tokens, SEQUENCES in a batch; logits of
//   each one's last bare embed   MODEL COUNT TOKENS SEQUENCES   the same, embeddings of the model's own pooling
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "llama.h"

int main(int argc, char** argv) {
  if (argc != 6) return std::fputs("bare prompts|embed MODEL COUNT TOKENS SEQUENCES\n", stderr), 2;
  const bool embed = std::string_view(argv[1]) == "embed";
  const int count = std::atoi(argv[3]), tokens = std::atoi(argv[4]), sequences = std::atoi(argv[5]);
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  llama_model* const model = llama_model_load_from_file(argv[2], llama_model_default_params());
  if (model == nullptr) return std::fprintf(stderr, "cannot load %s\n", argv[2]), 1;
  auto params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = std::max(512, tokens * sequences);
  params.n_seq_max = sequences;
  params.kv_unified = true;
  params.embeddings = embed;
  params.no_perf = true;
  params.n_threads = params.n_threads_batch = static_cast<int>(std::thread::hardware_concurrency());
  llama_context* const context = llama_init_from_model(model, params);
  if (context == nullptr) return std::fputs("no context\n", stderr), 1;
  const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
  llama_batch batch = llama_batch_init(tokens * sequences, 0, 1);
  for (int repetition = 0; repetition < 3; ++repetition) {
    const auto begin = std::chrono::steady_clock::now();
    for (int done = 0; done < count; done += sequences) {
      if (llama_get_memory(context) != nullptr) llama_memory_clear(llama_get_memory(context), false);
      batch.n_tokens = 0;
      for (int s = 0; s < sequences; ++s) {
        for (int i = 0; i < tokens; ++i) {
          const int n = batch.n_tokens++;
          batch.token[n] = 10 + std::rand() % (vocabulary - 20);
          batch.pos[n] = i;
          batch.n_seq_id[n] = 1;
          batch.seq_id[n][0] = s;
          batch.logits[n] = embed || i + 1 == tokens;
        }
      }
      if ((embed && llama_get_memory(context) == nullptr ? llama_encode : llama_decode)(context, batch) != 0)
        return std::fputs("failed\n", stderr), 1;
      llama_synchronize(context);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%.2f\n", (count + sequences - 1) / sequences * sequences / took.count());
  }
}
