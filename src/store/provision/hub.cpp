#include "store/provision/hub.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/strings.hpp"
#include "json/reader.hpp"
#include "store/fetch/url.hpp"

namespace hearth::store::provision {

namespace {

constexpr std::size_t kListingBytesMax = 32 << 20;

PublishedFile read_file(json::Object& in) {
  PublishedFile out{.name = in.required_text("rfilename"), .size = std::nullopt, .digest = {}};
  if (const auto size = in.get("size")) out.size = static_cast<std::uint64_t>(size->integer(0));
  std::string blob;
  in.text("blobId", blob);
  if (const auto digest = fetch::parse_digest("git:" + blob)) out.digest = *digest;
  in.object("lfs", [&](json::Object& lfs) {
    std::string sha256;
    lfs.text("sha256", sha256);
    if (sha256.empty()) lfs.text("oid", sha256);
    if (const auto digest = fetch::parse_digest("sha256:" + sha256)) out.digest = *digest;
  });
  return out;
}

std::string license_in(json::Object& in) {
  std::string out;
  in.object("cardData", [&](json::Object& card) {
    if (const auto license = card.get("license"); license && license->is_string()) out = license->text();
  });
  return out;
}

}  // namespace

std::string hub_token(const std::function<std::string(const char*)>& environment) {
  for (const auto* name : {"HF_TOKEN", "HF_API_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    if (auto token = environment(name); !token.empty()) return token;
  }
  std::filesystem::path file = environment("HF_TOKEN_PATH");
  if (file.empty()) {
    std::filesystem::path home = environment("HF_HOME");
    if (home.empty()) {
      const std::filesystem::path cache = environment("XDG_CACHE_HOME");
      home = (cache.empty() ? base::home_folder() / ".cache" : cache) / "huggingface";
    }
    file = home / "token";
  }
  const auto text = base::read_file(file);
  return text ? std::string(base::trim(*text)) : std::string();
}

Result<std::string> account_of(const HubOptions& options, std::stop_token stop) {
  const fetch::Call call{.url = options.endpoint + "/api/whoami-v2",
                         .headers = {"authorization: Bearer " + options.token}};
  HEARTH_TRY(const auto answer, fetch::get(call, options.net, kListingBytesMax, std::move(stop)));
  if (answer.status == 401 || answer.status == 403)
    return fail(ErrorCode::kUnauthorized,
                fmt::format("{} does not know this token; make one that may read at {}/settings/tokens",
                            fetch::host_of(options.endpoint), options.endpoint));
  if (answer.status != 200)
    return fail(ErrorCode::kBackendError, fmt::format("{} answered {}", call.url, answer.status));
  std::string name;
  HEARTH_TRY(const auto report,
             json::read_object(answer.body, [&](json::Object& in) { name = in.required_text("name"); }));
  (void)report;
  return name;
}

Error Hub::refusal(const std::string& repository, const std::string& revision, const fetch::Answer& answer) const {
  const auto header = [&](const char* name) {
    const auto it = answer.headers.find(name);
    return it == answer.headers.end() ? std::string() : it->second;
  };
  const std::string kind = header("x-error-code");
  const std::string page = fmt::format("{}/{}", options_.endpoint, repository);
  if (kind == "GatedRepo")
    return {
        .code = ErrorCode::kForbidden,
        .message = fmt::format("hf:{} is gated: accept its terms at {}, then give hearth your token: hearth login hf",
                               repository, page),
        .param = "model"};
  if (kind == "RevisionNotFound")
    return {.code = ErrorCode::kModelNotFound,
            .message = fmt::format("hf:{} has no revision '{}'", repository, revision),
            .param = "model"};
  if (answer.status == 401 || answer.status == 403 || answer.status == 404) {
    // The hub tells nobody whether a repository is absent or private.
    const bool refused = answer.status != 404 && !options_.token.empty() && kind != "RepoNotFound";
    return {.code = refused ? ErrorCode::kForbidden : ErrorCode::kModelNotFound,
            .message = refused ? fmt::format("hf:{}: your token may not read it; see {}", repository, page)
                               : fmt::format("Model '{}' not found: {} has no such repository{}", repository,
                                             fetch::host_of(options_.endpoint),
                                             options_.token.empty() ? "; if it is private: hearth login hf" : ""),
            .param = "model"};
  }
  return {
      .code = answer.status == 429 ? ErrorCode::kRateLimited : ErrorCode::kBackendError,
      .message = fmt::format("{} answered {} for {}", fetch::host_of(options_.endpoint), answer.status, repository)};
}

Result<Publication> parse_hub_listing(std::string_view text, const std::string& repository) {
  Publication out;
  std::string id = repository;
  const auto report = json::read_object(text, [&](json::Object& in) {
    in.text("id", id);  // in its own letters, or renamed
    in.text("sha", out.revision);
    out.license = license_in(in);
    in.each("siblings", [&](const json::Item& item) {
      item.object([&](json::Object& file) { out.files.push_back(read_file(file)); });
    });
  });
  if (!report) return std::unexpected(report.error());
  if (out.revision.empty()) return fail(ErrorCode::kBackendError, "it names no commit");
  const auto known = parse_reference("hf:" + id);
  if (!known || known->name != id)
    return fail(ErrorCode::kBackendError, fmt::format("'{}' is no name of a repository", base::one_line(id)));
  out.source = "hf:" + id;
  out.folder = id;
  return out;
}

Result<Publication> Hub::look_up(const Reference& reference, std::stop_token stop) const {
  const std::string& repository = reference.name;
  const std::string wanted = reference.revision.empty() ? "main" : reference.revision;
  std::vector<std::string> headers;
  if (!options_.token.empty()) headers = {"authorization: Bearer " + options_.token};
  const fetch::Call call{.url = fmt::format("{}/api/models/{}/revision/{}?blobs=true", options_.endpoint,
                                            fetch::escape(repository, true), fetch::escape(wanted)),
                         .headers = headers};
  HEARTH_TRY(const auto answer, fetch::get(call, options_.net, kListingBytesMax, stop));
  if (answer.status != 200) return std::unexpected(refusal(repository, wanted, answer));
  auto listing = parse_hub_listing(answer.body, repository);
  if (!listing)
    return fail(ErrorCode::kBackendError, fmt::format("{} gave no listing of {}: {}", fetch::host_of(options_.endpoint),
                                                      repository, listing.error().message));
  listing->headers = std::move(headers);
  listing->page = fmt::format("{}/{}", options_.endpoint, listing->folder);
  for (auto& file : listing->files)
    file.url = fmt::format("{}/{}/resolve/{}/{}", options_.endpoint, fetch::escape(listing->folder, true),
                           fetch::escape(listing->revision), fetch::escape(file.name, true));
  return listing;
}

}  // namespace hearth::store::provision
