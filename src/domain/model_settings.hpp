#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/message.hpp"
#include "domain/request.hpp"

namespace hearth::domain {

// What a model brings with it for whoever asks it without saying otherwise: the lines of a Modelfile, or what stands in
// the weight file itself.
struct ModelSettings {
  struct Line {
    std::string name;   // "temperature"
    std::string value;  // as written; several `stop` lines are several strings
    friend bool operator==(const Line&, const Line&) = default;
  };
  std::vector<Line> parameters;
  std::string system;
  std::string chat_template;      // in place of the weight file's own
  std::vector<Message> messages;  // stand before every conversation
  std::string license;            // in full

  [[nodiscard]] bool empty() const;
  // Takes a parameter line; one of that name that is there is replaced (`stop`: joined). kInvalidRequest: no parameter
  // of Modelfiles, or not a value for it.
  [[nodiscard]] Result<void> add(std::string_view name, std::string_view value);
  // What `over` says wins; parameters name by name.
  void merge(const ModelSettings& over);
  friend bool operator==(const ModelSettings&, const ModelSettings&) = default;
};

// Whether hearth does something with the parameter; the others (num_gpu, use_mlock, ...) it decides for itself.
[[nodiscard]] bool is_honoured(std::string_view parameter);

// Fills in what the request leaves open.
void apply_settings(const ModelSettings& settings, Request& request);
void apply_settings(const ModelSettings& settings, Envelope& envelope);  // num_ctx

}  // namespace hearth::domain
