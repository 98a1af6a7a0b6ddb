#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/library.hpp"

namespace hearth::store::provision {

struct Problem {
  std::string file;                     // path
  std::optional<std::uint64_t> offset;  // bytes, where the problem has a place
  std::string what;
};

struct Verified {
  std::string reference;  // id
  std::vector<Problem> problems;
  bool digests_known = false;  // false: only the structure could be checked
  [[nodiscard]] bool ok() const { return problems.empty(); }
};

struct VerifyOptions {
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;  // bytes hashed; a few times a second
  std::stop_token stop;
};

// Checks models: the structure of the weight files against their length, all parts of split ones, and the digests of
// every file that the model's manifest names. What is broken is marked in the manifest, so that a pull fetches it
// again. Files are hashed side by side, one per processor. Blocks. kCancelled.
[[nodiscard]] Result<std::vector<Verified>> verify(const Library& library, const std::vector<LibraryEntry>& models,
                                                   const VerifyOptions& options);

// [{reference, ok, digests_known, problems: [{file, offset?, what}]}]
[[nodiscard]] std::string to_json(const std::vector<Verified>& verified);
// The same read back. kInvalidRequest.
[[nodiscard]] Result<std::vector<Verified>> verified_from_json(std::string_view text);

}  // namespace hearth::store::provision
