#include "store/openvino_ir.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <pugixml.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/files.hpp"
#include "base/strings.hpp"

namespace hearth::store {

namespace fs = std::filesystem;

namespace {

// Graphs of large models have a few million bytes.
constexpr base::Bytes kGraphMax{64ULL << 20};

std::unexpected<Error> broken(const fs::path& file, std::string_view why, std::optional<std::uint64_t> offset) {
  return fail({.code = ErrorCode::kModelLoadFailed,
               .message = fmt::format("{} is no usable OpenVINO IR: {}{}; fetch it again", file.string(), why,
                                      offset ? fmt::format(" (at byte {})", *offset) : ""),
               .context = file.string(),
               .offset = offset});
}

// A decimal attribute; nothing if it is none.
std::optional<std::uint64_t> number(const pugi::xml_node& node, const char* attribute) {
  const auto value = base::parse_int(node.attribute(attribute).value());
  return value && *value >= 0 ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

std::string weight_format(const pugi::xml_node& net, const std::map<std::string, std::uint64_t>& bytes_of_types) {
  const std::string_view mode =
      net.child("rt_info").child("nncf").child("weight_compression").child("mode").attribute("value").value();
  if (!mode.empty()) return std::string(mode);
  const auto most = std::ranges::max_element(bytes_of_types, {}, [](const auto& entry) { return entry.second; });
  return most == bytes_of_types.end() ? "" : most->first;
}

}  // namespace

fs::path weights_of_ir(const fs::path& xml) { return fs::path(xml).replace_extension(".bin"); }

Result<OpenvinoIr> parse_openvino_ir(std::string text, std::uint64_t weights_bytes, const fs::path& xml) {
  pugi::xml_document document;
  const auto parsed = document.load_buffer_inplace(text.data(), text.size());
  if (!parsed)
    return broken(xml, parsed.description(), static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(parsed.offset, 0)));
  const auto net = document.child("net");
  const auto version = number(net, "version");
  if (!net || !version) return broken(xml, "it is XML, but no network", 0);
  if (*version < 10) return broken(xml, fmt::format("IR version {} is older than 10", *version), 0);
  OpenvinoIr out{.name = net.attribute("name").value()};
  std::map<std::string, std::uint64_t> bytes_of_types;
  for (const auto layer : net.child("layers").children("layer")) {
    ++out.layers;
    if (std::string_view(layer.attribute("type").value()) != "Const") continue;
    const auto data = layer.child("data");
    const auto offset = number(data, "offset");
    const auto size = number(data, "size");
    const auto at = static_cast<std::uint64_t>(std::max<std::ptrdiff_t>(layer.offset_debug(), 0));
    if (!offset || !size)
      return broken(xml, fmt::format("constant '{}' has no offset or size", layer.attribute("name").value()), at);
    if (*offset > weights_bytes || *size > weights_bytes - *offset)
      return broken(weights_of_ir(xml),
                    fmt::format("it has {} bytes, and constant '{}' takes {} at {}", weights_bytes,
                                layer.attribute("name").value(), *size, *offset),
                    weights_bytes);
    out.weights_end = std::max(out.weights_end, *offset + *size);
    bytes_of_types[data.attribute("element_type").value()] += *size;
  }
  if (out.layers == 0) return broken(xml, "it has no layers", 0);
  out.weight_format = weight_format(net, bytes_of_types);
  return out;
}

Result<OpenvinoIr> read_openvino_ir(const fs::path& xml) {
  HEARTH_TRY(auto text, base::read_file(xml, kGraphMax));
  std::error_code error;
  const auto weights = fs::file_size(weights_of_ir(xml), error);
  if (error) return broken(weights_of_ir(xml), fmt::format("it cannot be read: {}", error.message()), {});
  return parse_openvino_ir(std::move(text), weights, xml);
}

}  // namespace hearth::store
