#include "store/gguf_digest.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <fstream>
#include <new>
#include <vector>

namespace hearth::store {
namespace {

constexpr std::uint64_t kSampleBytes = 4096;
constexpr std::uint64_t kSamples = 64;

}  // namespace

GgufDigest::GgufDigest() : context_(EVP_MD_CTX_new()) {
  if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
}

Result<void> GgufDigest::add(const std::filesystem::path& path, const GgufHeader& header) {
  std::ifstream in(path, std::ios::binary);
  constexpr std::uint64_t kPieceMax = 1 << 20;
  std::vector<char> buffer(std::clamp(header.data_offset, kSampleBytes, kPieceMax));
  const auto hash = [&](std::uint64_t offset, std::uint64_t count) {
    in.seekg(static_cast<std::streamoff>(offset));
    while (count > 0 && in) {
      const auto n = std::min<std::uint64_t>(count, buffer.size());
      in.read(buffer.data(), static_cast<std::streamsize>(n));
      EVP_DigestUpdate(context_.get(), buffer.data(), static_cast<std::size_t>(in.gcount()));
      count -= n;
    }
  };
  const std::string size = fmt::format("{} bytes\n", header.file_size);
  EVP_DigestUpdate(context_.get(), size.data(), size.size());
  hash(0, std::min(header.data_offset, header.file_size));
  const std::uint64_t data = header.file_size - std::min(header.data_offset, header.file_size);
  if (data <= kSamples * kSampleBytes) {
    hash(header.file_size - data, data);
  } else {
    const std::uint64_t step = (data - kSampleBytes) / (kSamples - 1);  // the last sample ends with the file
    for (std::uint64_t i = 0; i + 1 < kSamples; ++i) hash(header.data_offset + i * step, kSampleBytes);
    hash(header.file_size - kSampleBytes, kSampleBytes);
  }
  if (!in) return fail(ErrorCode::kIo, fmt::format("cannot read {}", path.string()));
  return {};
}

std::string GgufDigest::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int count = 0;
  EVP_DigestFinal_ex(context_.get(), bytes.data(), &count);
  std::string text;
  for (unsigned int i = 0; i < count; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

}  // namespace hearth::store
