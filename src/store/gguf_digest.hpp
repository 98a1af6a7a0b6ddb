#pragma once

#include <filesystem>
#include <memory>
#include <openssl/evp.h>
#include <string>

#include "base/result.hpp"
#include "store/gguf.hpp"

namespace hearth::store {

// Names a model's content without reading all of it: see read_model_card for what is hashed. For one model; not
// thread-safe.
class GgufDigest {
 public:
  GgufDigest();
  // kIo names the file.
  [[nodiscard]] Result<void> add(const std::filesystem::path& path, const GgufHeader& header);
  // 64 hex digits. Once, at the end.
  [[nodiscard]] std::string hex();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace hearth::store
