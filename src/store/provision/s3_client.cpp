#include "store/provision/s3_client.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "base/strings.hpp"
#include "store/fetch/url.hpp"
#include "store/provision/s3_xml.hpp"

namespace hearth::store::provision {

namespace {

constexpr std::chrono::hours kSignatureHolds{7 * 24};  // no longer is allowed
constexpr std::size_t kShownMax = 200;                 // characters of a server's own words

std::string header_of(const fetch::Answer& answer, const char* name) {
  const auto it = answer.headers.find(name);
  return it == answer.headers.end() ? std::string() : it->second;
}

// Whether a bucket can be part of a host name that certificates cover.
bool is_label(std::string_view bucket) {
  return std::ranges::all_of(bucket,
                             [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

// Refusals that do not show in the status.
bool goes_away(const fetch::Answer& answer) {
  constexpr std::array<std::string_view, 4> kCodes{"RequestTimeout", "InternalError", "SlowDown", "ServiceUnavailable"};
  if (answer.status != 200 && answer.status != 400) return false;
  const auto failure = S3Failure::parse(answer.body);
  return failure && std::ranges::find(kCodes, failure->code) != kCodes.end();
}

bool is_wrong_region(const S3Failure& failure, long status) {
  constexpr std::array<std::string_view, 4> kCodes{
      "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"};
  return status == 301 || std::ranges::find(kCodes, failure.code) != kCodes.end();
}

fetch::Digest digest_of(const fetch::Answer& answer) {
  if (const auto ours = fetch::parse_digest("sha256:" + header_of(answer, kS3DigestHeader))) return *ours;
  // Of the whole content; that of an upload in parts ends in their number, and decodes to nothing.
  const auto raw = base::base64_decode(header_of(answer, "x-amz-checksum-sha256"));
  std::string hex;
  for (const char c : raw.value_or("")) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return fetch::parse_digest("sha256:" + hex).value_or(fetch::Digest{});
}

}  // namespace

S3Client::Place S3Client::place_of(const std::string& bucket) const {
  if (options_.endpoint.empty()) {
    const std::string domain =
        fmt::format("s3.{}.amazonaws.com{}", options_.region, options_.region.starts_with("cn-") ? ".cn" : "");
    const bool own_host = is_label(bucket);
    const std::string host = own_host ? bucket + "." + domain : domain;
    return {.origin = "https://" + host, .host = host, .path = own_host ? "" : "/" + bucket};
  }
  const auto begin = options_.endpoint.find("://") + 3;
  const auto slash = std::min(options_.endpoint.find('/', begin), options_.endpoint.size());
  Place out{.origin = options_.endpoint.substr(0, slash),
            .host = options_.endpoint.substr(begin, slash - begin),
            .path = options_.endpoint.substr(slash) + "/" + bucket};
  // A port that goes without saying is not in the Host header.
  const std::string_view port = out.origin.starts_with("https") ? ":443" : ":80";
  if (out.host.ends_with(port)) out.host.resize(out.host.size() - port.size());
  return out;
}

S3Request S3Client::request_of(const Place& place, const S3Ask& ask) const {
  S3Request out{.method = ask.method,
                .host = place.host,
                .path = place.path,
                .query = ask.query,
                .headers = ask.headers,
                .region = options_.region,
                .time = clock_.wall()};
  if (!ask.key.empty() || out.path.empty()) out.path += "/" + fetch::escape(ask.key, true);
  return out;
}

std::string S3Client::presigned(const S3Address& about, const std::string& key) const {
  const Place place = place_of(about.bucket);
  const auto request = request_of(place, {.key = key});
  const std::string query = presigned_query(request, kSignatureHolds, options_.credentials);
  return fmt::format("{}{}{}{}", place.origin, request.path, query.empty() ? "" : "?", query);
}

Result<fetch::Answer> S3Client::ask(const S3Address& about, const S3Ask& ask) const {
  const Place place = place_of(about.bucket);
  if (const auto origin = fetch::origin_of(place.origin); !origin)
    return fail(origin.error().code, fmt::format("{}: the address of the store (AWS_ENDPOINT_URL) is wrong: {}",
                                                 about.text(), origin.error().message));
  const std::string digest = ask.body.file.empty() ? sha256_hex(ask.body.text) : ask.body_sha256;
  fetch::Outgoing outgoing{.method = ask.method, .call = {}, .body = ask.body};
  if (!ask.body.file.empty()) outgoing.body.sha256 = ask.body_sha256;
  outgoing.call = [&] {
    const auto request = request_of(place, ask);
    const std::string query = query_text(request.query);
    return fetch::Call{.url = fmt::format("{}{}{}{}", place.origin, request.path, query.empty() ? "" : "?", query),
                       .headers = signed_headers(request, digest, options_.credentials)};
  };
  fetch::SendOptions how{.net = options_.net,
                         .answer_max = ask.answer_max,
                         .try_again = goes_away,
                         .on_sent = ask.on_sent,
                         .on_trouble = ask.on_trouble,
                         .stop = ask.stop};
  how.net.stall = std::max(how.net.stall, ask.patience);
  if (ask.attempts_max > 0) how.net.retry.attempts_max = ask.attempts_max;
  auto answer = fetch::send(outgoing, how);
  if (!answer && answer.error().code == ErrorCode::kUnavailable)
    return fail(ErrorCode::kUnavailable,
                fmt::format("{}; the address of the store is set with AWS_ENDPOINT_URL", answer.error().message));
  if (!answer) return answer;
  // Answers that take long begin with success, and may end as a refusal.
  if (answer->status / 100 == 2 && !S3Failure::parse(answer->body)) return answer;
  return std::unexpected(refusal(about, *answer));
}

Result<std::optional<S3Client::Head>> S3Client::head(const S3Address& about, const std::string& key,
                                                     std::stop_token stop) const {
  const auto answer = ask(
      about, {.method = "HEAD", .key = key, .headers = {{"x-amz-checksum-mode", "ENABLED"}}, .stop = std::move(stop)});
  if (!answer && answer.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!answer) return std::unexpected(answer.error());
  const auto size = base::parse_int(header_of(*answer, "content-length"));
  if (!size || *size < 0)
    return fail(ErrorCode::kBackendError, fmt::format("{}: {} does not say how long {} is", about.text(),
                                                      fetch::host_of(answer->url), base::one_line(key)));
  return Head{.size = static_cast<std::uint64_t>(*size), .digest = digest_of(*answer)};
}

Error S3Client::refusal(const S3Address& about, const fetch::Answer& answer) const {
  auto failure = S3Failure::parse(answer.body).value_or(S3Failure{});
  const std::string host = fetch::host_of(answer.url);
  if (failure.code.empty() && answer.status == 404) failure.code = "NoSuchKey";  // HEAD has no body
  if (failure.code.empty() && answer.status == 403) failure.code = "AccessDenied";
  const auto error = [&](ErrorCode code, std::string_view what) {
    return Error{.code = code, .message = fmt::format("{}: {}", about.text(), what), .param = "model"};
  };
  if (is_wrong_region(failure, answer.status)) {
    const std::string named = header_of(answer, "x-amz-bucket-region");
    const std::string region = base::one_line(named.empty() ? failure.region : named);
    const std::string where = region.empty() ? "in another region" : "in the region " + region;
    return error(ErrorCode::kInvalidRequest, fmt::format("the bucket is {}, not in {}; set AWS_REGION={}", where,
                                                         options_.region, region.empty() ? "..." : region));
  }
  if (failure.code == "NoSuchBucket")
    return error(ErrorCode::kModelNotFound,
                 fmt::format("{} has no bucket '{}'; look at its name, and at the address of the store "
                             "(AWS_ENDPOINT_URL)",
                             host, about.bucket));
  if (failure.code == "NoSuchKey" || failure.code == "NoSuchUpload")
    return error(ErrorCode::kNotFound, fmt::format("{} has no such object", host));
  if (failure.code == "SignatureDoesNotMatch")
    return error(ErrorCode::kForbidden, fmt::format("{} takes the secret key for a wrong one; look at "
                                                    "AWS_SECRET_ACCESS_KEY (or S3_SECRET_KEY)",
                                                    host));
  if (failure.code == "InvalidAccessKeyId")
    return error(ErrorCode::kForbidden,
                 fmt::format("{} does not know the access key; look at AWS_ACCESS_KEY_ID (or S3_ACCESS_KEY)", host));
  if (failure.code == "ExpiredToken" || failure.code == "InvalidToken")
    return error(ErrorCode::kForbidden,
                 fmt::format("{} takes the session token for one that has expired; get new keys", host));
  if (failure.code == "RequestTimeTooSkewed")
    return error(
        ErrorCode::kForbidden,
        fmt::format("this machine's clock ({}) is too far from that of {} ({}); set it right",
                    base::rfc3339(clock_.wall()).substr(0, 19) + "Z", host, base::one_line(header_of(answer, "date"))));
  if (answer.status == 401 || answer.status == 403)
    return error(
        ErrorCode::kForbidden,
        options_.credentials.anonymous()
            ? fmt::format("{} lets nobody in without keys; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", host)
            : fmt::format("{} does not let these keys do that ({}); to pull they need s3:ListBucket and "
                          "s3:GetObject, to push s3:PutObject and s3:AbortMultipartUpload too",
                          host, base::one_line(failure.code)));
  const std::string said =
      failure.code.empty() ? "" : fmt::format(": {}, {}", failure.code, failure.message.substr(0, kShownMax));
  return error(answer.status == 429 || answer.status == 503 ? ErrorCode::kRateLimited : ErrorCode::kBackendError,
               base::one_line(fmt::format("{} answered {}{}", host, answer.status, said)));
}

}  // namespace hearth::store::provision
