#include "store/fetch/digest.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "base/strings.hpp"

namespace hearth::store::fetch {

std::string to_text(const Digest& digest) {
  switch (digest.kind) {
    case Digest::Kind::kNone: return {};
    case Digest::Kind::kSha256: return "sha256:" + digest.hex;
    case Digest::Kind::kGitBlob: return "git:" + digest.hex;
  }
  return {};
}

std::optional<Digest> parse_digest(std::string_view text) {
  Digest out;
  std::size_t digits = 0;
  if (text.starts_with("sha256:")) {
    out.kind = Digest::Kind::kSha256;
    digits = 64;
    text.remove_prefix(7);
  } else if (text.starts_with("git:")) {
    out.kind = Digest::Kind::kGitBlob;
    digits = 40;
    text.remove_prefix(4);
  }
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  out.hex = base::to_lower(text);
  if (out.hex.size() != digits || digits == 0 || !std::ranges::all_of(out.hex, is_hex)) return std::nullopt;
  return out;
}

Hasher::Hasher(Digest::Kind kind, std::uint64_t size) : kind_(kind), context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_.get(), kind == Digest::Kind::kGitBlob ? EVP_sha1() : EVP_sha256(), nullptr);
  if (kind == Digest::Kind::kGitBlob) {
    const std::string head = fmt::format("blob {}", size);
    add({head.c_str(), head.size() + 1});
  }
}

void Hasher::add(std::span<const char> bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

Digest Hasher::finish() {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned int count = 0;
  EVP_DigestFinal_ex(context_.get(), raw, &count);
  Digest out{.kind = kind_ == Digest::Kind::kNone ? Digest::Kind::kSha256 : kind_};
  for (unsigned int i = 0; i < count; ++i) out.hex += fmt::format("{:02x}", raw[i]);
  return out;
}

}  // namespace hearth::store::fetch
