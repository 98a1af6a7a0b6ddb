#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "domain/event.hpp"
#include "domain/request.hpp"

// Names of enum values on the wire, once for reading and writing.
namespace hearth::dialect::native {

template <class E, std::size_t N>
using Names = std::array<std::pair<E, std::string_view>, N>;

template <class E, std::size_t N>
constexpr std::string_view name_of(const Names<E, N>& names, E value) {
  for (const auto& [v, name] : names) {
    if (v == value) return name;
  }
  return names.front().second;
}
template <class E, std::size_t N>
constexpr std::optional<E> value_of(const Names<E, N>& names, std::string_view text) {
  for (const auto& [v, name] : names) {
    if (name == text) return v;
  }
  return std::nullopt;
}

using domain::BlockKind;
using domain::FinishReason;
using domain::Pooling;
using domain::Priority;
using domain::Role;
using Effort = domain::Reasoning::Effort;
using FormatKind = domain::ResponseFormat::Kind;
using ToolMode = domain::ToolChoice::Mode;
using UsageSource = domain::Usage::Source;

inline constexpr Names<Role, 4> kRoles{
    {{Role::kUser, "user"}, {Role::kSystem, "system"}, {Role::kAssistant, "assistant"}, {Role::kTool, "tool"}}};
inline constexpr Names<Priority, 3> kPriorities{
    {{Priority::kNormal, "normal"}, {Priority::kLow, "low"}, {Priority::kHigh, "high"}}};
inline constexpr Names<Pooling, 4> kPoolings{
    {{Pooling::kNone, "none"}, {Pooling::kMean, "mean"}, {Pooling::kCls, "cls"}, {Pooling::kLast, "last"}}};
inline constexpr Names<ToolMode, 4> kToolModes{{{ToolMode::kAuto, "auto"},
                                                {ToolMode::kNone, "none"},
                                                {ToolMode::kRequired, "required"},
                                                {ToolMode::kNamed, "named"}}};
inline constexpr Names<FormatKind, 5> kFormats{{{FormatKind::kText, "text"},
                                                {FormatKind::kJson, "json"},
                                                {FormatKind::kJsonSchema, "json_schema"},
                                                {FormatKind::kGrammar, "grammar"},
                                                {FormatKind::kRegex, "regex"}}};
inline constexpr Names<Effort, 7> kEfforts{{{Effort::kDefault, "default"},
                                            {Effort::kNone, "none"},
                                            {Effort::kMinimal, "minimal"},
                                            {Effort::kLow, "low"},
                                            {Effort::kMedium, "medium"},
                                            {Effort::kHigh, "high"},
                                            {Effort::kMax, "max"}}};
inline constexpr Names<BlockKind, 4> kBlocks{{{BlockKind::kText, "text"},
                                              {BlockKind::kThinking, "thinking"},
                                              {BlockKind::kToolCall, "tool_call"},
                                              {BlockKind::kRefusal, "refusal"}}};
inline constexpr Names<FinishReason, 4> kReasons{{{FinishReason::kStop, "stop"},
                                                  {FinishReason::kLength, "length"},
                                                  {FinishReason::kToolCalls, "tool_calls"},
                                                  {FinishReason::kContentFilter, "content_filter"}}};
inline constexpr Names<UsageSource, 3> kSources{
    {{UsageSource::kCounted, "counted"}, {UsageSource::kReported, "reported"}, {UsageSource::kEstimated, "estimated"}}};

}  // namespace hearth::dialect::native
