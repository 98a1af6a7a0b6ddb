#include "engine/llama/quantize.hpp"

#include <filesystem>
#include <gtest/gtest.h>

#include "base/strings.hpp"
#include "store/model_card.hpp"
#include "store/quantization.hpp"

namespace hearth::engine::llama {
namespace {

namespace fs = std::filesystem;

const fs::path kEmber = fs::path(HEARTH_SOURCE_DIR) / "models/ember/ember-q8_0.gguf";

class Quantize : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_ = fs::temp_directory_path() / ("hearth-quantize-" + base::random_id(8));
  base::NullLog log_;
};

TEST_F(Quantize, WritesEveryType) {
  const fs::path whole = folder_ / "f16.gguf";
  const auto first = quantize({.from = kEmber, .to = whole, .type = "F16", .threads = 1, .from_quantized = true}, log_);
  ASSERT_TRUE(first) << first.error().message;
  for (const auto name : base::split(store::quantization_names(), ',')) {
    const std::string type(base::trim(name));
    const fs::path made = folder_ / (type + ".gguf");
    const auto done = quantize({.from = whole, .to = made, .type = base::to_lower(type), .threads = 1}, log_);
    ASSERT_TRUE(done) << type << ": " << done.error().message;
    const auto card = store::read_model_card(made);
    ASSERT_TRUE(card);
    EXPECT_EQ(card->quantization, type);
  }
}

TEST_F(Quantize, SaysWhatIsWrong) {
  const fs::path made = folder_ / "x.gguf";
  EXPECT_EQ(quantize({.from = kEmber, .to = made, .type = "Q9_Z"}, log_).error().code, ErrorCode::kInvalidRequest);
  const auto twice = quantize({.from = kEmber, .to = made, .type = "Q4_K_M"}, log_);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, ErrorCode::kBackendError);
  EXPECT_FALSE(quantize({.from = folder_ / "absent.gguf", .to = made, .type = "Q8_0"}, log_));
}

}  // namespace
}  // namespace hearth::engine::llama
