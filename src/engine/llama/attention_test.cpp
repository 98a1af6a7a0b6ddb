// Attention on the CPU as scripts/llama-attention.patch computes it: what each row gets is what it gets alone, whatever
// rows of other sequences are in the batch and wherever their cells lie.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ggml-cpu.h>
#include <ggml.h>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace hearth::engine::llama {
namespace {

// `rows` tokens at the end of a sequence of `length` that has every `stride`-th cell from `first` on.
struct Run {
  std::int64_t rows = 1;
  std::int64_t first = 0;
  std::int64_t length = 1;
  std::int64_t stride = 1;
};

struct Case {
  std::string name;
  std::vector<Run> runs;
  std::int64_t cells = 256;
  ggml_type type = GGML_TYPE_F16;
  std::int64_t width = 64;
  std::int64_t heads = 6;
  std::int64_t kv_heads = 2;
  float max_bias = 0;  // ALiBi
  float softcap = 0;
  bool sinks = false;
  int threads = 2;
};

std::vector<Run> singles(std::int64_t count, std::int64_t length) {
  std::vector<Run> runs;
  for (std::int64_t i = 0; i < count; ++i) runs.push_back({.rows = 1, .first = i, .length = length, .stride = count});
  return runs;
}

std::vector<Run> both(std::vector<Run> a, const std::vector<Run>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Freed {
  void operator()(ggml_context* context) const { ggml_free(context); }
  void operator()(ggml_threadpool* pool) const { ggml_threadpool_free(pool); }
};

class Attention {
 public:
  explicit Attention(const Case& shape) : shape_(shape) {
    for (const Run& run : shape.runs) rows_ += run.rows;
    q_ = noise(GGML_TYPE_F32, rows_, shape.heads, values_of_q_);
    k_ = noise(shape.type, shape.cells, shape.kv_heads, values_of_k_);
    v_ = noise(shape.type, shape.cells, shape.kv_heads, values_of_v_);
    mask_ = ggml_new_tensor_2d(context_.get(), GGML_TYPE_F16, shape.cells, rows_);
    fill_mask();
  }

  std::vector<float> computed() {
    const float scale = 1 / std::sqrt(static_cast<float>(shape_.width));
    ggml_tensor* const out =
        ggml_flash_attn_ext(context_.get(), q_, k_, v_, mask_, scale, shape_.max_bias, shape_.softcap);
    if (shape_.sinks) {
      ggml_tensor* const sinks = ggml_new_tensor_1d(context_.get(), GGML_TYPE_F32, shape_.heads);
      std::fill_n(static_cast<float*>(sinks->data), shape_.heads, kSink);
      ggml_flash_attn_ext_add_sinks(out, sinks);
    }
    ggml_cgraph* const graph = ggml_new_graph(context_.get());
    ggml_build_forward_expand(graph, out);
    auto params = ggml_threadpool_params_default(shape_.threads);
    const std::unique_ptr<ggml_threadpool, Freed> pool(ggml_threadpool_new(&params));
    auto plan = ggml_graph_plan(graph, shape_.threads, pool.get());
    std::vector<std::uint8_t> work(plan.work_size);
    plan.work_data = work.data();
    EXPECT_EQ(ggml_graph_compute(graph, &plan), GGML_STATUS_SUCCESS);
    const auto* const data = static_cast<const float*>(out->data);
    return {data, data + ggml_nelements(out)};
  }

  // [rows, heads, width], as above.
  [[nodiscard]] std::vector<float> expected() const {
    std::vector<float> out;
    for (std::int64_t row = 0; row < rows_; ++row) {
      for (std::int64_t head = 0; head < shape_.heads; ++head) add_expected(row, head, out);
    }
    return out;
  }

 private:
  static constexpr float kSink = 0.5F;

  ggml_tensor* noise(ggml_type type, std::int64_t rows, std::int64_t heads, std::vector<float>& values) {
    ggml_tensor* const out = ggml_new_tensor_3d(context_.get(), type, shape_.width, rows, heads);
    values.resize(static_cast<std::size_t>(ggml_nelements(out)));
    std::normal_distribution<float> normal;
    for (float& value : values) value = normal(random_);
    ggml_quantize_chunk(type, values.data(), out->data, 0, rows * heads, shape_.width, nullptr);
    if (const auto to_float = ggml_get_type_traits(type)->to_float; to_float != nullptr)
      to_float(out->data, values.data(), ggml_nelements(out));
    return out;
  }

  void fill_mask() {
    auto* const data = static_cast<ggml_fp16_t*>(mask_->data);
    bias_.assign(static_cast<std::size_t>(ggml_nelements(mask_)), -INFINITY);
    std::int64_t row = 0;
    for (const Run& run : shape_.runs) {
      for (std::int64_t i = 0; i < run.rows; ++i, ++row) {
        const std::int64_t seen = run.length - run.rows + 1 + i;
        for (std::int64_t p = 0; p < seen; ++p)
          bias_[index(row, run.first + p * run.stride)] =
              shape_.max_bias > 0 ? static_cast<float>(p - seen) / 64 : 0.0F;
      }
    }
    for (std::size_t i = 0; i < bias_.size(); ++i) {
      data[i] = ggml_fp32_to_fp16(bias_[i]);
      bias_[i] = ggml_fp16_to_fp32(data[i]);
    }
  }

  [[nodiscard]] std::size_t index(std::int64_t row, std::int64_t cell) const {
    return static_cast<std::size_t>(row * shape_.cells + cell);
  }

  void add_expected(std::int64_t row, std::int64_t head, std::vector<float>& out) const {
    const std::int64_t kv_head = head / (shape_.heads / shape_.kv_heads);
    std::vector<double> sums(static_cast<std::size_t>(shape_.width));
    double total = shape_.sinks ? std::exp(static_cast<double>(kSink)) : 0;
    for (std::int64_t cell = 0; cell < shape_.cells; ++cell) {
      const double bias = static_cast<double>(bias_[index(row, cell)]);
      if (std::isinf(bias)) continue;
      const float* const q = &values_of_q_[static_cast<std::size_t>((head * rows_ + row) * shape_.width)];
      const auto at = static_cast<std::size_t>((kv_head * shape_.cells + cell) * shape_.width);
      double score = 0;
      for (std::size_t i = 0; i < sums.size(); ++i)
        score += static_cast<double>(q[i]) * static_cast<double>(values_of_k_[at + i]);
      score /= std::sqrt(static_cast<double>(shape_.width));
      if (shape_.softcap > 0) score = shape_.softcap * std::tanh(score / shape_.softcap);
      const double weight = std::exp(score + slope(head) * bias);
      total += weight;
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += weight * static_cast<double>(values_of_v_[at + i]);
    }
    for (const double sum : sums) out.push_back(static_cast<float>(sum / total));
  }

  [[nodiscard]] double slope(std::int64_t head) const {
    if (shape_.max_bias <= 0) return 1;
    const double whole = std::exp2(std::floor(std::log2(static_cast<double>(shape_.heads))));
    const double bias = static_cast<double>(shape_.max_bias);
    if (static_cast<double>(head) < whole) return std::pow(std::exp2(-bias / whole), head + 1);
    return std::pow(std::exp2(-bias / 2 / whole), 2 * (static_cast<double>(head) - whole) + 1);
  }

  Case shape_;
  std::int64_t rows_ = 0;
  std::mt19937 random_{7};
  std::unique_ptr<ggml_context, Freed> context_{
      ggml_init({.mem_size = std::size_t{64} << 20U, .mem_buffer = nullptr, .no_alloc = false})};
  ggml_tensor *q_ = nullptr, *k_ = nullptr, *v_ = nullptr, *mask_ = nullptr;
  std::vector<float> values_of_q_, values_of_k_, values_of_v_, bias_;
};

class AttentionCases : public testing::TestWithParam<Case> {};

TEST_P(AttentionCases, GivesEachRowWhatItSees) {
  Attention attention(GetParam());
  const auto computed = attention.computed();
  const auto expected = attention.expected();
  ASSERT_EQ(computed.size(), expected.size());
  float worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) worst = std::max(worst, std::abs(computed[i] - expected[i]));
  EXPECT_LT(worst, GetParam().type == GGML_TYPE_Q8_0 ? 2e-2F : 1e-3F);  // single rows round what they ask to 16 bits
}

const Run kPrompt{.rows = 70, .first = 100, .length = 120};
const Run kThird{.rows = 90, .first = 0, .length = 300, .stride = 3};
const Run kOtherThird{.rows = 33, .first = 1, .length = 290, .stride = 3};
const Run kShort{.rows = 5, .first = 230, .length = 9};

INSTANTIATE_TEST_SUITE_P(
    , AttentionCases,
    testing::Values(
        Case{.name = "OneRow", .runs = {{.length = 200}}},
        Case{.name = "OneRowOfManyCells", .runs = {{.first = 3, .length = 700}}, .cells = 1024},
        Case{.name = "Singles", .runs = singles(9, 28)},
        Case{.name = "SinglesOverCellsOfNoWholeBlock", .runs = singles(5, 20), .cells = 120},
        Case{.name = "OnePrompt", .runs = {{.rows = 130, .length = 256}}},
        Case{.name = "SeveralPrompts", .runs = {kPrompt, {.rows = 64, .length = 64}, kShort}},
        Case{.name = "SinglesAndPrompt", .runs = both(singles(4, 20), {kPrompt})},
        Case{.name = "PromptAndSingles", .runs = both({kPrompt}, singles(4, 20))},
        Case{.name = "SinglesBetween", .runs = both(both({kPrompt}, singles(3, 30)), {kShort, kPrompt})},
        Case{.name = "OneThread", .runs = both(singles(4, 20), {kPrompt}), .threads = 1},
        Case{.name = "ManyThreads", .runs = both(singles(4, 20), {kPrompt}), .threads = 5},
        Case{.name = "Float32", .runs = both(singles(4, 20), {kPrompt}), .type = GGML_TYPE_F32},
        Case{.name = "Quantised", .runs = both(singles(4, 20), {kPrompt}), .type = GGML_TYPE_Q8_0},
        Case{.name = "OneHeadEach", .runs = both(singles(4, 20), {kPrompt}), .heads = 3, .kv_heads = 3},
        Case{.name = "TwoHeadsOfAGroup", .runs = both(singles(4, 20), {kPrompt}), .heads = 4},
        Case{.name = "ManyHeadsOfAGroup", .runs = both(singles(4, 90), {kPrompt}), .heads = 40},
        Case{.name = "OneRowOfManyHeads", .runs = {{.length = 900}}, .cells = 1024, .heads = 20, .kv_heads = 1},
        Case{.name = "OneRowInParts",
             .runs = {{.first = 600, .length = 100}},
             .cells = 1024,
             .sinks = true,
             .threads = 3},
        Case{.name = "WideHeads", .runs = both(singles(4, 20), {kPrompt}), .width = 128},
        Case{.name = "NarrowHeads", .runs = both(singles(4, 20), {kPrompt}), .width = 40},
        Case{.name = "HeadsNarrowerThanAVector", .runs = both(singles(4, 20), {kPrompt}), .width = 8},
        Case{.name = "OneRowOfNarrowHeads",
             .runs = {{.length = 900}},
             .cells = 1024,
             .width = 8,
             .heads = 8,
             .kv_heads = 4},
        Case{.name = "HeadsOfNoWholeBlock", .runs = both(singles(4, 20), {kPrompt}), .width = 80},
        Case{.name = "PromptsInTurns", .runs = {kThird, kOtherThird}, .cells = 1024},
        Case{.name = "FewRows", .runs = {{.rows = 9, .first = 40, .length = 100}, kShort}},
        Case{.name = "Alibi", .runs = both(singles(4, 20), {kPrompt, kShort}), .max_bias = 8},
        Case{.name = "Softcap", .runs = both(singles(4, 20), {kPrompt}), .softcap = 20},
        Case{.name = "Sinks", .runs = both(singles(4, 20), {kPrompt}), .sinks = true}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace hearth::engine::llama
