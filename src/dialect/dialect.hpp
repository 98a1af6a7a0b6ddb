#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "domain/answer.hpp"
#include "domain/capabilities.hpp"
#include "domain/event.hpp"
#include "domain/request.hpp"

// What every dialect offers: pure functions from wire bytes to domain values and back. No I/O, no HTTP types; streams
// leave as frames, whose bytes on the wire (SSE or NDJSON) are the HTTP layer's business.
namespace hearth::dialect {

struct Frame {
  std::string event;  // SSE event name; empty = none
  std::string data;
  friend bool operator==(const Frame&, const Frame&) = default;
};
enum class Framing { kSse, kNdjson };

// What the edge adds to an answer. The clock outlives every renderer.
struct Edge {
  const base::Clock* clock = nullptr;
  std::string id;  // random part of answer ids, e.g. "k3v9…"; the dialect adds its prefix
};

// Writes one answer in one dialect: either body() of the whole answer, or frames() for each event in order.
class Renderer {
 public:
  virtual ~Renderer() = default;
  [[nodiscard]] virtual std::string body(const domain::Answer& answer) = 0;
  // Failed gives the dialect's in-stream error. REQUIRES: events of one stream in order.
  [[nodiscard]] virtual std::vector<Frame> frames(const domain::Event& event) = 0;
};

// What a dialect calls fields of the domain's requests that it has other names for. Static texts.
class FieldNames {
 public:
  FieldNames() = default;
  FieldNames(std::initializer_list<std::pair<std::string_view, std::string_view>> names) : names_(names) {}

  // Of a path ("messages[2].content") its first part.
  [[nodiscard]] std::string name_of(std::string_view path) const {
    const std::string_view first = path.substr(0, path.find_first_of(".["));
    for (const auto& [field, name] : names_) {
      if (first == field) return std::string(name) + std::string(path.substr(first.size()));
    }
    return std::string(path);
  }

 private:
  std::vector<std::pair<std::string_view, std::string_view>> names_;
};

// A request of any dialect, taken apart.
struct Call {
  domain::Request request;
  domain::TaskSet unnamed;  // a request without a model is for the only one that does one of these; none = it needs one
  FieldNames names;
  std::vector<std::string> ignored;  // paths of fields that are unknown or not honoured
  bool stream = false;
  Framing framing = Framing::kSse;
  std::unique_ptr<Renderer> renderer;
};

// An error as a dialect says it.
struct ErrorAnswer {
  int status = 500;
  std::string body;
};

}  // namespace hearth::dialect
