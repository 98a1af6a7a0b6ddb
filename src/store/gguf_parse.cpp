#include "store/gguf_parse.hpp"

#include <algorithm>
#include <bit>
#include <fmt/format.h>
#include <limits>
#include <unordered_set>
#include <utility>

#include "base/strings.hpp"
#include "store/gguf.hpp"
#include "store/gguf_reader.hpp"
#include "store/gguf_types.hpp"
#include "store/infill_marks.hpp"

namespace hearth::store {
namespace {

constexpr std::uint64_t kKeysMax = 1 << 16;
constexpr std::uint64_t kTensorsMax = 1 << 17;
constexpr std::uint64_t kKeyBytesMax = 65535;  // the specification's limit
constexpr std::uint64_t kTextBytesMax = 64 << 20;
constexpr std::uint64_t kTensorNameMax = 63;  // llama.cpp's names are 64 bytes with the final zero
constexpr std::uint32_t kDimensionsMax = 4;
constexpr std::uint64_t kAlignmentMax = 1 << 20;
constexpr std::uint64_t kNumbersKept = 4096;  // of an array
constexpr std::uint64_t kTextsKept = 64;
constexpr std::string_view kVocabulary = "tokenizer.ggml.tokens";
constexpr std::uint64_t kSmallestKey = 8 + 1 + 4 + 1;  // bytes of the shortest possible entry
constexpr std::uint64_t kSmallestTensor = 8 + 1 + 4 + 8 + 4 + 8;

std::uint64_t size_of(GgufType type) {
  using enum GgufType;
  switch (type) {
    case kUint8:
    case kInt8:
    case kBool: return 1;
    case kUint16:
    case kInt16: return 2;
    case kUint32:
    case kInt32:
    case kFloat32: return 4;
    case kUint64:
    case kInt64:
    case kFloat64: return 8;
    case kString:
    case kArray: break;
  }
  return 0;
}

class Parser {
 public:
  Parser(std::string_view bytes, std::uint64_t file_size) : in_(bytes, file_size) { header_.file_size = file_size; }

  void run() {
    read_counts();
    if (!in_.failed()) read_metadata();
    if (!in_.failed()) read_alignment();
    if (!in_.failed()) read_tensors();
    if (!in_.failed()) place_data();
  }
  [[nodiscard]] const GgufReader& reader() const { return in_; }
  [[nodiscard]] GgufHeader take() && { return std::move(header_); }

 private:
  void read_counts();
  void read_metadata();
  void read_alignment();
  void read_tensors();
  void place_data();
  GgufType read_type();
  GgufScalar read_scalar(GgufType type);
  GgufValue read_value(std::string_view key);
  GgufArray read_array(std::string_view key);
  std::string_view read_text(bool is_token);
  GgufTensor read_tensor();
  void measure(GgufTensor& tensor);

  GgufReader in_;
  GgufHeader header_;
  std::uint64_t keys_ = 0;
  std::uint64_t tensors_ = 0;
};

void Parser::read_counts() {
  if (in_.number<std::uint32_t>() != 0x46554747) in_.fail("it does not begin with 'GGUF'");  // "GGUF"
  header_.version = in_.number<std::uint32_t>();
  if (in_.failed()) return;
  if (header_.version != 0 && (header_.version & 0xFFFF) == 0) {
    in_.fail("it is a big-endian GGUF file; convert it for this machine");
    return;
  }
  if (header_.version < 2 || header_.version > 3) {
    in_.fail(fmt::format("GGUF version {} cannot be read, only 2 and 3", header_.version));
    return;
  }
  tensors_ = in_.number<std::uint64_t>();
  keys_ = in_.number<std::uint64_t>();
  if (tensors_ > kTensorsMax || tensors_ > in_.left() / kSmallestTensor)
    in_.fail(fmt::format("it claims {} tensors", tensors_));
  if (keys_ > kKeysMax || keys_ > in_.left() / kSmallestKey) in_.fail(fmt::format("it claims {} keys", keys_));
}

GgufType Parser::read_type() {
  const auto type = in_.number<std::uint32_t>();
  if (type > static_cast<std::uint32_t>(GgufType::kFloat64)) in_.fail(fmt::format("value type {} is not known", type));
  return static_cast<GgufType>(type);
}

GgufScalar Parser::read_scalar(GgufType type) {
  using enum GgufType;
  switch (type) {
    case kUint8: return std::uint64_t{in_.number<std::uint8_t>()};
    case kInt8: return std::int64_t{in_.number<std::int8_t>()};
    case kUint16: return std::uint64_t{in_.number<std::uint16_t>()};
    case kInt16: return std::int64_t{in_.number<std::int16_t>()};
    case kUint32: return std::uint64_t{in_.number<std::uint32_t>()};
    case kInt32: return std::int64_t{in_.number<std::int32_t>()};
    case kFloat32: return double{in_.number<float>()};
    case kBool: return in_.number<std::uint8_t>() != 0;
    case kString: return std::string(in_.text(kTextBytesMax));
    case kUint64: return in_.number<std::uint64_t>();
    case kInt64: return in_.number<std::int64_t>();
    case kFloat64: return in_.number<double>();
    case kArray: break;
  }
  return std::uint64_t{0};
}

// Of an array; of the vocabulary's it is noted whether it is a mark for infilling.
std::string_view Parser::read_text(bool is_token) {
  const std::string_view text = in_.text(kTextBytesMax);
  if (is_token) header_.infill_marks |= infill_mark(text);
  return text;
}

GgufArray Parser::read_array(std::string_view key) {
  GgufArray array;
  array.type = read_type();
  array.count = in_.number<std::uint64_t>();
  if (in_.failed()) return array;
  if (array.type == GgufType::kArray) {
    in_.fail("an array of arrays");
    return array;
  }
  const bool texts = array.type == GgufType::kString;
  const std::uint64_t smallest = texts ? 8 : size_of(array.type);
  if (array.count > in_.left() / smallest) {
    in_.fail(fmt::format("an array of {} elements, more than the file holds", array.count));
    return array;
  }
  const bool is_kept = array.count <= (texts ? kTextsKept : kNumbersKept);
  if (is_kept) array.values.reserve(array.count);
  if (!is_kept && !texts) {
    in_.skip(array.count * smallest);
    return array;
  }
  for (std::uint64_t i = 0; i < array.count && !in_.failed(); ++i) {
    if (!texts)
      array.values.push_back(read_scalar(array.type));
    else if (const auto text = read_text(key == kVocabulary); is_kept)
      array.values.emplace_back(std::string(text));
  }
  return array;
}

GgufValue Parser::read_value(std::string_view key) {
  const GgufType type = read_type();
  if (in_.failed()) return {};
  if (type == GgufType::kArray) return read_array(key);
  return read_scalar(type);
}

void Parser::read_metadata() {
  std::unordered_set<std::string_view> seen;
  for (std::uint64_t i = 0; i < keys_ && !in_.failed(); ++i) {
    const std::string_view key = in_.text(kKeyBytesMax);
    if (!in_.failed() && (key.empty() || !base::is_valid_utf8(key))) in_.fail("a key that is empty or not text");
    if (!in_.failed() && !seen.insert(key).second) in_.fail(fmt::format("the key '{}' comes twice", key));
    if (in_.failed()) return;
    auto value = read_value(key);
    if (!in_.failed()) header_.metadata.emplace_back(key, std::move(value));
  }
}

void Parser::read_alignment() {
  if (header_.find("general.alignment") == nullptr) return;
  const auto alignment = header_.integer("general.alignment").value_or(0);
  if (alignment <= 0 || alignment > static_cast<std::int64_t>(kAlignmentMax) ||
      !std::has_single_bit(static_cast<std::uint64_t>(alignment)))
    in_.fail(fmt::format("an alignment of {}", alignment));
  else
    header_.alignment = static_cast<std::uint32_t>(alignment);
}

void Parser::measure(GgufTensor& tensor) {
  tensor.elements = 1;
  for (const std::uint64_t length : tensor.shape) {
    // As signed 64-bit numbers, which is what every reader of such files computes with.
    if (length == 0 ||
        length > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / tensor.elements) {
      in_.fail(fmt::format("tensor '{}' has an impossible shape", tensor.name));
      return;
    }
    tensor.elements *= length;
  }
  const GgmlType* const type = ggml_type(tensor.type);
  if (type == nullptr) return;  // check_structure tells; a listing need not know
  if (tensor.shape.front() % type->block_elements != 0) {
    in_.fail(fmt::format("rows of tensor '{}' ({}) are no whole blocks of {}", tensor.name, tensor.shape.front(),
                         type->name));
    return;
  }
  const std::uint64_t blocks = tensor.elements / type->block_elements;
  if (blocks > std::numeric_limits<std::uint64_t>::max() / type->block_bytes)
    in_.fail(fmt::format("tensor '{}' is too large", tensor.name));
  else
    tensor.bytes = blocks * type->block_bytes;
}

GgufTensor Parser::read_tensor() {
  GgufTensor tensor;
  tensor.name = in_.text(kTensorNameMax);
  const auto dimensions = in_.number<std::uint32_t>();
  if (!in_.failed() && (dimensions == 0 || dimensions > kDimensionsMax))
    in_.fail(fmt::format("tensor '{}' has {} dimensions", base::to_valid_utf8(tensor.name), dimensions));
  for (std::uint32_t d = 0; d < dimensions && !in_.failed(); ++d) tensor.shape.push_back(in_.number<std::uint64_t>());
  tensor.type = in_.number<std::uint32_t>();
  tensor.offset = in_.number<std::uint64_t>();
  if (!in_.failed() && (tensor.name.empty() || !base::is_valid_utf8(tensor.name)))
    in_.fail("a tensor without a readable name");
  if (!in_.failed()) measure(tensor);
  return tensor;
}

void Parser::read_tensors() {
  std::unordered_set<std::string> seen;
  for (std::uint64_t i = 0; i < tensors_ && !in_.failed(); ++i) {
    GgufTensor tensor = read_tensor();
    if (!in_.failed() && !seen.insert(tensor.name).second)
      in_.fail(fmt::format("tensor '{}' comes twice", tensor.name));
    if (!in_.failed() && tensor.offset % header_.alignment != 0)
      in_.fail(fmt::format("tensor '{}' is not aligned", tensor.name));
    header_.tensors.push_back(std::move(tensor));
  }
}

void Parser::place_data() {
  const std::uint64_t mask = header_.alignment - 1;
  header_.data_offset = (in_.offset() + mask) & ~mask;
  if (!header_.tensors.empty() && header_.data_offset > header_.file_size)
    in_.fail("the file ends before its tensor data");
}

}  // namespace

GgufParse parse_gguf_prefix(std::string_view bytes, std::uint64_t file_size, std::string_view name) {
  Parser parser(bytes.substr(0, file_size), file_size);
  parser.run();
  const GgufReader& in = parser.reader();
  if (in.needs_more()) return {.needs_more = true, .header = std::move(parser).take()};
  if (in.failed())
    return {.needs_more = false,
            .header = fail({.code = ErrorCode::kModelLoadFailed,
                            .message = fmt::format("{} is no usable GGUF file: {} (at byte {}); fetch it again", name,
                                                   in.problem(), in.offset()),
                            .context = std::string(name),
                            .offset = in.offset()})};
  return {.needs_more = false, .header = std::move(parser).take()};
}

Result<GgufHeader> parse_gguf(std::string_view bytes, std::uint64_t file_size, std::string_view name) {
  auto parsed = parse_gguf_prefix(bytes, file_size, name);
  if (parsed.needs_more)
    return fail(ErrorCode::kModelLoadFailed,
                fmt::format("{} is no usable GGUF file: its header is longer than {} bytes", name, bytes.size()));
  return std::move(parsed.header);
}

}  // namespace hearth::store
