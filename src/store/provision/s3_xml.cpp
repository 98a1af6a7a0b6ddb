#include "store/provision/s3_xml.hpp"

#include <pugixml.hpp>
#include <sstream>

#include "base/strings.hpp"

namespace hearth::store::provision {

namespace {

// False: no XML, or another root element.
bool load(pugi::xml_document& document, std::string_view text, const char* root) {
  return document.load_buffer(text.data(), text.size()) && std::string_view(document.document_element().name()) == root;
}

std::unexpected<Error> no_listing(std::string_view why) {
  return fail(ErrorCode::kBackendError, "no listing of a bucket: " + std::string(why));
}

}  // namespace

Result<S3Listing> S3Listing::parse(std::string_view text) {
  pugi::xml_document document;
  if (!load(document, text, "ListBucketResult")) return no_listing("its XML is none");
  const auto root = document.document_element();
  S3Listing out;
  for (const auto item : root.children("Contents")) {
    const auto size = base::parse_int(item.child_value("Size"));
    S3Object object{.key = item.child_value("Key")};
    if (object.key.empty() || !size || *size < 0) return no_listing("an object without a key or a size");
    object.size = static_cast<std::uint64_t>(*size);
    object.etag = item.child_value("ETag");
    out.objects.push_back(std::move(object));
  }
  if (root.child("IsTruncated").text().as_bool()) {
    out.next = root.child_value("NextContinuationToken");
    if (out.next.empty()) return no_listing("there is more of it, and no way to ask for that");
  }
  return out;
}

std::optional<S3Failure> S3Failure::parse(std::string_view text) {
  pugi::xml_document document;
  if (!load(document, text, "Error")) return std::nullopt;
  const auto root = document.document_element();
  return S3Failure{
      .code = root.child_value("Code"), .message = root.child_value("Message"), .region = root.child_value("Region")};
}

std::string parse_upload_id(std::string_view text) {
  pugi::xml_document document;
  if (!load(document, text, "InitiateMultipartUploadResult")) return {};
  return document.document_element().child_value("UploadId");
}

std::string completion_xml(const std::vector<std::string>& etags) {
  pugi::xml_document document;
  auto root = document.append_child("CompleteMultipartUpload");
  root.append_attribute("xmlns") = "http://s3.amazonaws.com/doc/2006-03-01/";
  for (std::size_t i = 0; i < etags.size(); ++i) {
    auto part = root.append_child("Part");
    part.append_child("PartNumber").text() = static_cast<unsigned>(i + 1);
    part.append_child("ETag").text() = etags[i].c_str();
  }
  std::ostringstream out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration);
  return std::move(out).str();
}

}  // namespace hearth::store::provision
