#pragma once

#include <cstdint>
#include <memory>
#include <openssl/evp.h>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hearth::store::fetch {

// What a file's content must be.
struct Digest {
  enum class Kind : std::uint8_t {
    kNone,     // nothing was published
    kSha256,   // of the content
    kGitBlob,  // SHA-1 of "blob SIZE\0" and the content, as git names its objects
  };
  Kind kind = Kind::kNone;
  std::string hex;  // lower case; 64 or 40 digits

  [[nodiscard]] bool known() const { return kind != Kind::kNone; }
  friend bool operator==(const Digest&, const Digest&) = default;
};

// "sha256:HEX" or "git:HEX"; empty for kNone.
[[nodiscard]] std::string to_text(const Digest& digest);
// Inverse of to_text; nothing for anything else.
[[nodiscard]] std::optional<Digest> parse_digest(std::string_view text);

// Hashes a content piece by piece. Not thread-safe.
class Hasher {
 public:
  // `size`: of the whole content, for kGitBlob. kNone hashes SHA-256, so that a manifest can name the content.
  Hasher(Digest::Kind kind, std::uint64_t size);
  void add(std::span<const char> bytes);
  [[nodiscard]] Digest finish();  // once, at the end

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  Digest::Kind kind_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace hearth::store::fetch
