// Products of weights with rows of activations as scripts/llama-products.patch computes them: what they are in double
// precision, and for each row exactly what it is alone.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::engine::llama {
namespace {

struct Case {
  ggml_type type = GGML_TYPE_Q4_0;
  std::int64_t width = 32;    // values of a row, and of a column of the weights
  std::int64_t columns = 16;  // of the weights, as many as results for each row
  std::int64_t experts = 1;   // each with weights of its own
};

struct Freed {
  void operator()(ggml_context* context) const { ggml_free(context); }
  void operator()(ggml_threadpool* pool) const { ggml_threadpool_free(pool); }
  void operator()(ggml_backend_buffer* buffer) const { ggml_backend_buffer_free(buffer); }
};

using Context = std::unique_ptr<ggml_context, Freed>;

Context context(std::size_t bytes, bool without_memory) {
  return Context(ggml_init({.mem_size = bytes, .mem_buffer = nullptr, .no_alloc = without_memory}));
}

// Where weights lie in the order in which they are multiplied.
ggml_backend_buffer_type_t repacking() {
  auto* const device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  const auto extra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), "ggml_backend_dev_get_extra_bufts"));
  for (auto* type = extra(device); *type != nullptr; ++type) {
    if (std::string_view(ggml_backend_buft_name(*type)) == "CPU_REPACK") return *type;
  }
  throw std::runtime_error("nothing is repacked");
}

class Product {
 public:
  explicit Product(const Case& shape) : shape_(shape), weights_context_(context(1 << 20, true)) {
    weights_ = ggml_new_tensor_3d(weights_context_.get(), shape.type, shape.width, shape.columns, shape.experts);
    buffer_.reset(ggml_backend_alloc_ctx_tensors_from_buft(weights_context_.get(), repacking()));
    if (weights_->extra == nullptr) throw std::runtime_error("not repacked");
    const auto blocks = any_blocks();
    ggml_backend_tensor_set(weights_, blocks.data(), 0, blocks.size());
    const std::int64_t count = shape.width * shape.columns * shape.experts;
    values_.resize(static_cast<std::size_t>(count));
    ggml_get_type_traits(shape.type)->to_float(blocks.data(), values_.data(), count);
  }

  std::vector<float> row() {
    std::normal_distribution<float> normal;
    std::vector<float> out(static_cast<std::size_t>(shape_.width));
    for (float& value : out) value = normal(random_);
    return out;
  }

  // [rows, columns]; the rows lie in that many planes.
  [[nodiscard]] std::vector<float> computed(const std::vector<std::vector<float>>& rows, std::size_t planes = 1) const {
    const auto here = context(std::size_t{16} << 20, false);
    const auto in_plane = static_cast<std::int64_t>(rows.size() / planes);
    ggml_tensor* const a =
        ggml_new_tensor_3d(here.get(), GGML_TYPE_F32, shape_.width, in_plane, static_cast<std::int64_t>(planes));
    auto* at = static_cast<float*>(a->data);
    for (const auto& row : rows) at = std::ranges::copy(row, at).out;
    return result_of(here.get(), ggml_mul_mat(here.get(), weights_, a));
  }

  // Of each row with each of the experts chosen for it, or of each chosen expert with a row of its own:
  // [choices, chosen, columns]
  [[nodiscard]] std::vector<float> computed(const std::vector<std::vector<float>>& rows,
                                            const std::vector<std::vector<std::int32_t>>& chosen) const {
    const auto here = context(std::size_t{16} << 20, false);
    const auto count = static_cast<std::int64_t>(chosen.size());
    ggml_tensor* const a = ggml_new_tensor_3d(here.get(), GGML_TYPE_F32, shape_.width,
                                              static_cast<std::int64_t>(rows.size()) / count, count);
    auto* at = static_cast<float*>(a->data);
    for (const auto& row : rows) at = std::ranges::copy(row, at).out;
    const auto each = static_cast<std::int64_t>(chosen.front().size());
    ggml_tensor* const which = ggml_new_tensor_2d(here.get(), GGML_TYPE_I32, each, count);
    auto* to = static_cast<std::int32_t*>(which->data);
    for (const auto& experts : chosen) to = std::ranges::copy(experts, to).out;
    return result_of(here.get(), ggml_mul_mat_id(here.get(), weights_, a, which));
  }

  // The columns of these numbers: [numbers, width]
  [[nodiscard]] std::vector<float> columns(const std::vector<std::int32_t>& numbers) const {
    const auto here = context(std::size_t{16} << 20, false);
    ggml_tensor* const which = ggml_new_tensor_1d(here.get(), GGML_TYPE_I32, static_cast<std::int64_t>(numbers.size()));
    std::ranges::copy(numbers, static_cast<std::int32_t*>(which->data));
    return result_of(here.get(), ggml_get_rows(here.get(), weights_, which));
  }

  // [experts, columns, width]
  [[nodiscard]] const std::vector<float>& values() const { return values_; }

  // What sums of 32 bits may make of the products of `row`, for each column: the least and the most.
  [[nodiscard]] std::vector<std::pair<double, double>> expected(const std::vector<float>& row, int expert = 0) const {
    const auto type = ggml_get_type_traits_cpu(shape_.type)->vec_dot_type;
    std::vector<std::uint8_t> quantized(ggml_row_size(type, shape_.width));
    ggml_get_type_traits_cpu(type)->from_float(row.data(), quantized.data(), shape_.width);
    const auto a = values_of(type, quantized);
    std::vector<std::pair<double, double>> out;
    const auto first = static_cast<std::size_t>(expert * shape_.columns);
    for (std::size_t column = first; column < first + static_cast<std::size_t>(shape_.columns); ++column) {
      double sum = 0;
      double size = 0;
      for (std::size_t i = 0; i < a.size(); ++i) {
        const double product = static_cast<double>(a[i]) * static_cast<double>(values_[column * a.size() + i]);
        sum += product;
        size += std::abs(product);
      }
      constexpr double kRelative = 1e-6;
      out.emplace_back(sum - kRelative * size, sum + kRelative * size);
    }
    return out;
  }

 private:
  static std::vector<float> result_of(ggml_context* here, ggml_tensor* out) {
    ggml_cgraph* const graph = ggml_new_graph(here);
    ggml_build_forward_expand(graph, out);
    constexpr int kThreads = 3;  // more than groups of columns in the smallest cases
    auto params = ggml_threadpool_params_default(kThreads);
    const std::unique_ptr<ggml_threadpool, Freed> pool(ggml_threadpool_new(&params));
    auto plan = ggml_graph_plan(graph, kThreads, pool.get());
    std::vector<std::uint8_t> work(plan.work_size);
    plan.work_data = work.data();
    EXPECT_EQ(ggml_graph_compute(graph, &plan), GGML_STATUS_SUCCESS);
    const auto* const data = static_cast<const float*>(out->data);
    return {data, data + ggml_nelements(out)};
  }

  [[nodiscard]] std::vector<float> values_of(ggml_type type, const std::vector<std::uint8_t>& row) const {
    std::vector<float> out(static_cast<std::size_t>(shape_.width));
    if (const auto to_float = ggml_get_type_traits(type)->to_float; to_float != nullptr) {
      to_float(row.data(), out.data(), shape_.width);
      return out;
    }
    // q8_K: a scale of 32 bits and 256 values in each block, then sums
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::uint8_t* const block = &row[i / 256 * ggml_type_size(type)];
      float scale = 0;
      std::memcpy(&scale, block, sizeof scale);
      out[i] = scale * static_cast<float>(static_cast<std::int8_t>(block[sizeof scale + i % 256]));
    }
    return out;
  }

  // Values of all kinds, the most negative among them; scales from 0 (and for mxfp4 ones that are no normal numbers)
  // to 2.
  std::vector<std::uint8_t> any_blocks() {
    std::vector<std::uint8_t> out(ggml_row_size(shape_.type, shape_.width) *
                                  static_cast<std::size_t>(shape_.columns * shape_.experts));
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(random_());
    const std::size_t block = ggml_type_size(shape_.type);
    const auto set_scale = [&](std::size_t at) {
      const auto scale = ggml_fp32_to_fp16(std::uniform_real_distribution<float>(-2, 2)(random_));
      std::memcpy(&out[at], &scale, sizeof scale);
    };
    for (std::size_t at = 0; at < out.size(); at += block) {
      if (shape_.type == GGML_TYPE_MXFP4) {
        out[at] = static_cast<std::uint8_t>(random_() % 2 == 0 ? random_() % 3 : 120 + random_() % 9);
      } else if (shape_.type == GGML_TYPE_Q6_K) {
        set_scale(at + block - sizeof(ggml_fp16_t));
      } else {
        set_scale(at);
        if (ggml_blck_size(shape_.type) == 256) set_scale(at + sizeof(ggml_fp16_t));  // of the minima
      }
    }
    return out;
  }

  Case shape_;
  std::mt19937 random_{7};
  Context weights_context_;
  ggml_tensor* weights_ = nullptr;
  std::unique_ptr<ggml_backend_buffer, Freed> buffer_;
  std::vector<float> values_;
};

class Products : public testing::TestWithParam<Case> {
  void SetUp() override {
    if (ggml_cpu_has_avx512_vnni() == 0) GTEST_SKIP() << "this CPU has no AVX-512 VNNI";
  }
};

TEST_P(Products, AreThoseOfEachRowAlone) {
  Product product(GetParam());
  const auto columns = static_cast<std::size_t>(GetParam().columns);
  for (const std::size_t count : {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 30}) {
    std::vector<std::vector<float>> rows;
    while (rows.size() < count) rows.push_back(product.row());
    const auto together = product.computed(rows);
    ASSERT_EQ(together.size(), count * columns);
    for (const std::size_t planes : {2, 3})
      if (count % planes == 0)
        EXPECT_EQ(product.computed(rows, planes), together) << count << " rows, planes " << planes;
    for (std::size_t row = 0; row < count; ++row) {
      const auto alone = product.computed({rows[row]});
      const auto expected = product.expected(rows[row]);
      for (std::size_t column = 0; column < columns; ++column) {
        const float value = together[row * columns + column];
        ASSERT_EQ(value, alone[column]) << count << " rows, row " << row << ", column " << column;
        ASSERT_GE(value, expected[column].first) << count << " rows, row " << row << ", column " << column;
        ASSERT_LE(value, expected[column].second) << count << " rows, row " << row << ", column " << column;
      }
    }
  }
}

TEST_P(Products, LeaveColumnsReadable) {
  const Product product(GetParam());
  const auto width = static_cast<std::size_t>(GetParam().width);
  const auto last = static_cast<std::int32_t>(GetParam().columns - 1);
  const std::vector<std::int32_t> numbers{0, last, 2, 2, last / 2};
  const auto columns = product.columns(numbers);
  ASSERT_EQ(columns.size(), numbers.size() * width);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    for (std::size_t k = 0; k < width; ++k) {
      const float value = product.values()[static_cast<std::size_t>(numbers[i]) * width + k];
      ASSERT_EQ(columns[i * width + k], value) << "column " << numbers[i] << ", value " << k;
    }
  }
}

class ProductsOfExperts : public Products {};

TEST_P(ProductsOfExperts, AreThoseOfEachRowAlone) {
  Product product(GetParam());
  const auto columns = static_cast<std::size_t>(GetParam().columns);
  constexpr std::size_t kChosen = 2;
  for (const bool own_rows : {false, true}) {  // for each chosen expert
    for (const std::size_t count : {1, 2, 3, 4, 5, 9, 14, 40}) {
      std::vector<std::vector<float>> rows;
      std::vector<std::vector<std::int32_t>> chosen;
      // the first expert for all, and one of two others: an expert has from no rows at all to each of them
      for (std::size_t i = 0; i < count; ++i) chosen.push_back({0, static_cast<std::int32_t>(1 + i * i % 3)});
      while (rows.size() < (own_rows ? count * kChosen : count)) rows.push_back(product.row());
      const auto together = product.computed(rows, chosen);
      ASSERT_EQ(together.size(), count * kChosen * columns);
      for (std::size_t i = 0; i < count * kChosen; ++i) {
        const auto expert = chosen[i / kChosen][i % kChosen];
        const auto& row = own_rows ? rows[i] : rows[i / kChosen];
        const auto alone = product.computed({row}, {{expert}});
        const auto expected = product.expected(row, expert);
        for (std::size_t column = 0; column < columns; ++column) {
          const float value = together[i * columns + column];
          ASSERT_EQ(value, alone[column]) << count << " rows, result " << i << ", column " << column;
          ASSERT_GE(value, expected[column].first) << count << " rows, result " << i << ", column " << column;
          ASSERT_LE(value, expected[column].second) << count << " rows, result " << i << ", column " << column;
        }
      }
    }
  }
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  return std::string(ggml_type_name(info.param.type)) + "_" + std::to_string(info.param.width) + "_" +
         std::to_string(info.param.columns);
}

INSTANTIATE_TEST_SUITE_P(OfTypes, ProductsOfExperts,
                         testing::Values(Case{.type = GGML_TYPE_Q4_0, .width = 896, .columns = 600, .experts = 4},
                                         Case{.type = GGML_TYPE_IQ4_NL, .width = 288, .columns = 40, .experts = 5},
                                         Case{.type = GGML_TYPE_MXFP4, .width = 96, .columns = 24, .experts = 4},
                                         Case{.type = GGML_TYPE_Q8_0, .width = 352, .columns = 44, .experts = 4},
                                         Case{.type = GGML_TYPE_Q4_K, .width = 1024, .columns = 600, .experts = 4},
                                         Case{.type = GGML_TYPE_Q5_K, .width = 512, .columns = 72, .experts = 4},
                                         Case{.type = GGML_TYPE_Q6_K, .width = 256, .columns = 24, .experts = 4}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(
    OfTypes, Products,
    testing::Values(Case{.type = GGML_TYPE_Q4_0, .width = 896, .columns = 600},
                    Case{.type = GGML_TYPE_Q4_0, .width = 32, .columns = 8},
                    Case{.type = GGML_TYPE_IQ4_NL, .width = 288, .columns = 40},
                    Case{.type = GGML_TYPE_MXFP4, .width = 96, .columns = 24},
                    Case{.type = GGML_TYPE_Q8_0, .width = 896, .columns = 1100},  // more than go through a row at once
                    Case{.type = GGML_TYPE_Q8_0, .width = 64, .columns = 4},
                    Case{.type = GGML_TYPE_Q8_0, .width = 352, .columns = 44},
                    Case{.type = GGML_TYPE_Q4_K, .width = 1024, .columns = 600},
                    Case{.type = GGML_TYPE_Q4_K, .width = 256, .columns = 8},
                    Case{.type = GGML_TYPE_Q5_K, .width = 512, .columns = 72},
                    Case{.type = GGML_TYPE_Q6_K, .width = 1024, .columns = 520},
                    Case{.type = GGML_TYPE_Q6_K, .width = 256, .columns = 24}),
    name_of);

}  // namespace
}  // namespace hearth::engine::llama
