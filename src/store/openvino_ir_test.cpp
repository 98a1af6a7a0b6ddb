#include "store/openvino_ir.hpp"

#include <gtest/gtest.h>

#include "store/test_folder.hpp"

namespace hearth::store {
namespace {

std::string net(std::string_view layers, std::string_view info = "") {
  return R"(<?xml version="1.0"?><net name="Model0" version="11"><layers>)" + std::string(layers) + "</layers>" +
         std::string(info) + "</net>";
}
std::string constant(std::string_view name, std::string_view offset, std::string_view size,
                     std::string_view type = "f16") {
  return R"(<layer id="1" name=")" + std::string(name) + R"(" type="Const" version="opset1"><data element_type=")" +
         std::string(type) + R"(" shape="2, 2" offset=")" + std::string(offset) + R"(" size=")" + std::string(size) +
         R"(" /></layer>)";
}

TEST(OpenvinoIr, ReadsAGraph) {
  const auto ir = parse_openvino_ir(
      net(R"(<layer id="0" name="in" type="Parameter"/>)" + constant("a", "0", "8") + constant("b", "8", "2", "u8")),
      10, "m.xml");
  ASSERT_TRUE(ir) << ir.error().message;
  EXPECT_EQ(ir->name, "Model0");
  EXPECT_EQ(ir->weight_format, "f16");
  EXPECT_EQ(ir->layers, 3U);
  EXPECT_EQ(ir->weights_end, 10U);
  const auto compressed = parse_openvino_ir(
      net(constant("a", "0", "8"),
          R"(<rt_info><nncf><weight_compression><mode value="int4_asym"/></weight_compression></nncf></rt_info>)"),
      8, "m.xml");
  ASSERT_TRUE(compressed);
  EXPECT_EQ(compressed->weight_format, "int4_asym");
}

TEST(OpenvinoIr, RefusesWhatDoesNotFit) {
  struct Case {
    std::string text;
    std::string says;
    std::string file;
  };
  const Case cases[] = {
      {net(constant("a", "0", "9")), "it has 8 bytes, and constant 'a' takes 9 at 0", "m.bin"},
      {net(constant("a", "9", "0")), "it has 8 bytes", "m.bin"},
      {net(constant("a", "18446744073709551615", "8")), "no offset or size", "m.xml"},
      {net(constant("a", "9223372036854775807", "9223372036854775807")), "it has 8 bytes", "m.bin"},
      {net(constant("a", "-1", "8")), "no offset or size", "m.xml"},
      {net(""), "no layers", "m.xml"},
      {"<net name='x'/>", "no network", "m.xml"},
      {"<net version='9'><layers/></net>", "older than 10", "m.xml"},
      {"<net version='11'><layers>", "at byte", "m.xml"},
      {"", "at byte", "m.xml"},
      {std::string("\0\xff\xfe", 3), "at byte", "m.xml"},
  };
  for (const auto& c : cases) {
    const auto ir = parse_openvino_ir(c.text, 8, "m.xml");
    ASSERT_FALSE(ir) << c.text;
    EXPECT_EQ(ir.error().code, ErrorCode::kModelLoadFailed);
    EXPECT_EQ(ir.error().context, c.file) << c.text;
    EXPECT_TRUE(ir.error().offset.has_value());
    EXPECT_NE(ir.error().message.find(c.says), std::string::npos) << ir.error().message;
  }
}

TEST(OpenvinoIr, NeedsItsWeights) {
  const TestFolder folder;
  const auto xml = folder.touch("openvino_model.xml", net(constant("a", "0", "8")));
  EXPECT_FALSE(read_openvino_ir(xml));
  folder.touch("openvino_model.bin", "1234567");
  EXPECT_FALSE(read_openvino_ir(xml));
  folder.touch("openvino_model.bin", "12345678");
  EXPECT_TRUE(read_openvino_ir(xml));
}

}  // namespace
}  // namespace hearth::store
