#include "engine/core/prefix/prefix_file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <fmt/format.h>
#include <fstream>
#include <utility>

#include "base/files.hpp"

namespace hearth::engine::core::prefix_file {
namespace {

constexpr std::string_view kMagic = "hearthpx";
constexpr std::uint64_t kFixedBytes = 40;
constexpr std::uint32_t kKeyMax = 4096;
constexpr std::uint32_t kTokensMax = 1U << 26U;
constexpr std::uint32_t kCheckpointsMax = 1024;

template <class T>
void put(std::string& out, T value) {
  const auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
  out.append(bytes.data(), bytes.size());
}

template <class T>
T get(std::string_view& in) {  // REQUIRES: enough bytes
  std::array<char, sizeof(T)> bytes{};
  std::copy_n(in.begin(), bytes.size(), bytes.begin());
  in.remove_prefix(bytes.size());
  return std::bit_cast<T>(bytes);
}

std::string head_of(std::string_view key, const SavedSequence& saved) {
  std::string out(kMagic);
  put(out, kVersion);
  put(out, static_cast<std::uint32_t>(key.size()));
  put(out, static_cast<std::uint32_t>(saved.tokens.size()));
  put(out, static_cast<std::uint32_t>(saved.checkpoints.size()));
  put(out, std::uint64_t{saved.state.size()});
  std::uint64_t sum = checksum(saved.state);
  for (const auto& c : saved.checkpoints) sum = checksum(*c.state, sum);
  put(out, sum);
  out += key;
  for (const domain::Token token : saved.tokens) put(out, std::int32_t{token});
  for (const auto& c : saved.checkpoints) {
    put(out, static_cast<std::uint64_t>(c.length));
    put(out, std::uint64_t{c.state->size()});
  }
  put(out, checksum(out));
  return out;
}

// A disk that fails says nothing about the file.
std::unexpected<Error> damaged(const std::istream& in, std::string_view name, std::string_view why) {
  if (in.bad()) return fail(ErrorCode::kIo, fmt::format("cannot read {}", name));
  return fail(ErrorCode::kInvalidRequest, fmt::format("{}: {}", name, why));
}

std::string bytes_from(std::istream& in, std::uint64_t count) {
  std::string out;
  out.resize_and_overwrite(count, [&](char* data, std::size_t) {  // of libstdc++ 12 it may be more than `count`
    in.read(data, static_cast<std::streamsize>(count));
    return static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0));
  });
  return out;
}

// The rest of the head, once its sizes are known to be sane.
Result<void> read_lists(std::string_view body, std::uint32_t tokens, std::uint32_t checkpoints, Head& out) {
  for (std::uint32_t i = 0; i < tokens; ++i) out.tokens.push_back(get<std::int32_t>(body));
  std::uint64_t shortest = 1;
  for (std::uint32_t i = 0; i < checkpoints; ++i) {
    const auto length = get<std::uint64_t>(body);
    if (length < shortest || length > tokens) return fail(ErrorCode::kInvalidRequest, "checkpoints out of order");
    shortest = length + 1;
    out.checkpoints.push_back({.length = static_cast<Position>(length), .bytes = get<std::uint64_t>(body)});
  }
  return {};
}

Result<Head> parse_head(std::istream& in, std::string_view name, std::string_view key) {
  in.seekg(0, std::ios::end);  // of this file, whatever another process puts in its place
  Head out{.file_bytes = static_cast<std::uint64_t>(std::max<std::streamoff>(in.tellg(), 0))};
  in.seekg(0);
  std::string all = bytes_from(in, kFixedBytes);
  std::string_view fixed = all;
  if (fixed.size() < kFixedBytes || !fixed.starts_with(kMagic)) return damaged(in, name, "not a saved prefix");
  fixed.remove_prefix(kMagic.size());
  if (get<std::uint32_t>(fixed) != kVersion) return damaged(in, name, "of another format");
  const auto key_bytes = get<std::uint32_t>(fixed);
  const auto tokens = get<std::uint32_t>(fixed);
  const auto checkpoints = get<std::uint32_t>(fixed);
  out.state_bytes = get<std::uint64_t>(fixed);
  out.checksum = get<std::uint64_t>(fixed);
  if (key_bytes > kKeyMax || tokens > kTokensMax || checkpoints > kCheckpointsMax)
    return damaged(in, name, "its head is damaged");
  const std::uint64_t rest = key_bytes + sizeof(std::int32_t) * std::uint64_t{tokens} +
                             2 * sizeof(std::uint64_t) * checkpoints + sizeof(std::uint64_t);
  out.head_bytes = kFixedBytes + rest;
  if (out.head_bytes > out.file_bytes) return damaged(in, name, "it is cut off");
  all += bytes_from(in, rest);
  if (all.size() != out.head_bytes) return damaged(in, name, "it is cut off");
  std::string_view sum = std::string_view(all).substr(all.size() - sizeof(std::uint64_t));
  if (get<std::uint64_t>(sum) != checksum(std::string_view(all).substr(0, all.size() - sizeof(std::uint64_t))))
    return damaged(in, name, "its head is damaged");
  const std::string_view body = std::string_view(all).substr(kFixedBytes);
  if (body.substr(0, key_bytes) != key) return damaged(in, name, "of another model or engine");
  if (auto lists = read_lists(body.substr(key_bytes), tokens, checkpoints, out); !lists)
    return damaged(in, name, lists.error().message);
  std::uint64_t left = out.file_bytes - out.head_bytes;
  const auto has = [&left](std::uint64_t bytes) {
    const bool enough = bytes <= left;
    left -= enough ? bytes : 0;
    return enough;
  };
  bool fits = has(out.state_bytes);
  for (const auto& part : out.checkpoints) fits = fits && has(part.bytes);
  if (!fits || left > 0) return damaged(in, name, "it is cut off");
  return out;
}

Result<std::ifstream> open(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (in) return in;
  const int error = errno;
  const auto code = error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return fail(code, fmt::format("cannot read {}: {}", path.string(), base::errno_text(error)));
}

}  // namespace

Result<void> write(const std::filesystem::path& path, std::string_view key, const SavedSequence& saved) {
  const std::string head = head_of(key, saved);
  std::vector<std::string_view> pieces{head, saved.state};
  for (const auto& c : saved.checkpoints) pieces.emplace_back(*c.state);
  return base::write_private_file(path, pieces);
}

Result<Head> read_head(const std::filesystem::path& path, std::string_view key) {
  HEARTH_TRY(auto in, open(path));
  return parse_head(in, path.string(), key);
}

Result<SavedSequence> read(const std::filesystem::path& path, std::string_view key) {
  HEARTH_TRY(auto in, open(path));
  return read(in, path.string(), key);
}

Result<SavedSequence> read(std::istream& in, std::string_view name, std::string_view key) {
  HEARTH_TRY(auto head, parse_head(in, name, key));
  SavedSequence out{.tokens = std::move(head.tokens), .state = bytes_from(in, head.state_bytes), .checkpoints = {}};
  std::uint64_t sum = checksum(out.state);
  for (const auto& part : head.checkpoints) {
    auto state = std::make_shared<const std::string>(bytes_from(in, part.bytes));
    sum = checksum(*state, sum);
    out.checkpoints.push_back({.length = part.length, .state = std::move(state)});
  }
  if (sum != head.checksum) return damaged(in, name, "its content is damaged");
  return out;
}

std::uint64_t checksum(std::string_view bytes, std::uint64_t seed) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15ULL;
  std::array<std::uint64_t, 4> lanes{seed + 1, seed + 2, seed + 3, seed + 4};
  const auto mixed = [](std::uint64_t lane, std::uint64_t word) { return std::rotl((lane ^ word) * kOdd, 29); };
  const std::uint64_t length = bytes.size();
  while (bytes.size() >= sizeof lanes) {
    for (auto& lane : lanes) lane = mixed(lane, get<std::uint64_t>(bytes));
  }
  std::array<char, sizeof lanes> rest{};
  std::ranges::copy(bytes, rest.begin());
  std::string_view tail(rest.data(), rest.size());
  for (auto& lane : lanes) lane = mixed(lane, get<std::uint64_t>(tail));
  std::uint64_t out = length;
  for (const auto lane : lanes) out = mixed(mixed(out, lane), lane >> 32U);
  return out;
}

}  // namespace hearth::engine::core::prefix_file
