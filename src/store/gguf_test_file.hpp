#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "store/gguf.hpp"

namespace hearth::store::testing {

// Builds GGUF bytes piece by piece, wrong ones too.
class GgufBytes {
 public:
  template <class T>
  GgufBytes& number(T value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
    return *this;
  }
  GgufBytes& text(std::string_view t) { return number<std::uint64_t>(t.size()).raw(t); }
  GgufBytes& raw(std::string_view t) { return bytes_ += t, *this; }
  GgufBytes& begin(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3) {
    return raw("GGUF").number(version).number(tensors).number(keys);
  }
  GgufBytes& key(std::string_view name, GgufType type) { return text(name).number(static_cast<std::uint32_t>(type)); }
  GgufBytes& text_key(std::string_view name, std::string_view value) {
    return key(name, GgufType::kString).text(value);
  }
  GgufBytes& u32_key(std::string_view name, std::uint32_t value) { return key(name, GgufType::kUint32).number(value); }
  GgufBytes& bool_key(std::string_view name, bool value) {
    return key(name, GgufType::kBool).number<std::uint8_t>(value);
  }
  GgufBytes& tensor(std::string_view name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                    std::uint64_t offset) {
    text(name).number(static_cast<std::uint32_t>(shape.size()));
    for (const auto length : shape) number(length);
    return number(type).number(offset);
  }
  GgufBytes& pad(std::size_t alignment = 32) {
    while (bytes_.size() % alignment != 0) bytes_ += '\0';
    return *this;
  }
  GgufBytes& data(std::size_t count, char with = '\1') { return bytes_.append(count, with), *this; }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// A small valid model: two tensors of 128 and 64 bytes.
inline GgufBytes small_model() {
  GgufBytes b;
  b.begin(2, 4);
  b.text_key("general.architecture", "llama");
  b.u32_key("llama.context_length", 2048);
  b.key("llama.attention.head_count_kv", GgufType::kArray).number(std::uint32_t{4}).number(std::uint64_t{2});
  b.number(std::uint32_t{4}).number(std::uint32_t{8});
  b.text_key("tokenizer.ggml.model", "llama");
  b.tensor("token_embd.weight", {8, 4}, 0, 0).tensor("output_norm.weight", {16}, 0, 128).pad();
  return b.data(128).data(64);
}

// A folder that goes away with its files.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-gguf-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::filesystem::path write(const std::string& name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace hearth::store::testing
