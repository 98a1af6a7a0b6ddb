#include "store/quantization.hpp"

#include <gtest/gtest.h>

#include "base/strings.hpp"

namespace hearth::store {
namespace {

TEST(Quantization, IsFoundInAnyCase) {
  EXPECT_EQ(find_quantization("q4_K_m")->name, "Q4_K_M");
  EXPECT_FALSE(find_quantization("Q4"));
  EXPECT_FALSE(find_quantization("IQ1_S"));  // needs an importance matrix
  for (const auto name : base::split(quantization_names(), ','))
    EXPECT_TRUE(find_quantization(base::trim(name))) << name;
  EXPECT_TRUE(quantization_names().starts_with("F16, BF16, Q8_0, ")) << "best first";
  EXPECT_TRUE(quantization_names().ends_with(", Q3_K_S, Q2_K"));
}

TEST(Quantization, EstimatesTheSize) {
  GgufHeader header;
  header.data_offset = 100;
  header.tensors = {{.name = "m", .shape = {32, 10}, .elements = 320}, {.name = "v", .shape = {5}, .elements = 5}};
  EXPECT_EQ(quantized_size(header, *find_quantization("Q8_0")), 100 + 340 + 20);
}

}  // namespace
}  // namespace hearth::store
