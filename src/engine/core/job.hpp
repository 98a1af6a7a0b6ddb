#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "engine/core/answer/answer_writer.hpp"
#include "engine/core/answer/call_watch.hpp"
#include "engine/core/inbox.hpp"
#include "engine/core/prefix/prefix_store.hpp"
#include "engine/core/sampling/sampler.hpp"

namespace hearth::engine::core {

struct Job;

// One answer: a sequence of the model while it runs.
struct Choice {
  enum class Stage { kWaiting, kRunning, kDone };
  Job* job = nullptr;
  std::int32_t index = 0;
  std::size_t prompt = 0;  // of the job
  Stage stage = Stage::kWaiting;
  SequenceId sequence = -1;  // while it runs
  domain::Tokens tokens;     // the prompt and what was generated; empty before it first runs
  std::int32_t prompt_tokens = 0;
  std::int32_t evaluated = 0;  // of `tokens`, in the KV cache
  std::int32_t generated = 0;
  std::int32_t generated_max = 0;
  bool prefilled = false;  // its prompt was evaluated once
  bool attached = false;   // ran once, perhaps without getting far
  bool opened = false;
  bool fetched = false;           // what is saved of its prompt was asked from the disk, once
  PrefixStore::Pin pin;           // on that, until it runs or cannot
  std::vector<Position> stops;    // where checkpoints are to be taken: its prompt is evaluated up to each
  bool scores = false;            // it finds out the probabilities of its prompt's tokens
  std::int32_t scored = 0;        // tokens of the prompt whose logits told that of the next one
  std::int32_t thought = 0;       // tokens of thinking
  std::size_t thinking_ends = 0;  // tokens written of what ends a thinking that was too long
  std::optional<Sampler> sampler;
  std::optional<constraint::Matcher> matcher;  // while the answer may not be any
  std::optional<CallWatch> watch;              // of an answer in a format
  std::optional<AnswerWriter> writer;

  // What can be evaluated before something else is to be done with the sequence.
  [[nodiscard]] std::int32_t remaining() const {
    const auto all = static_cast<Position>(tokens.size());
    return (stops.empty() ? all : std::min(stops.front(), all)) - evaluated;
  }
};

// One request from admission to its last event, and the events that its sink has not taken yet.
struct Job {
  Ticket ticket = 0;
  std::shared_ptr<Sink> sink;  // shared with the edge: see Submission
  domain::Priority priority = domain::Priority::kNormal;
  base::SteadyTime submitted;
  base::SteadyTime due;  // the order of jobs: when it came, and what its priority makes of that
  base::SteadyTime admitted;
  base::SteadyTime prefilled;
  base::SteadyTime first_token;
  base::SteadyTime last_token;

  PreparedGeneration generation;                          // of a chat or completion
  std::vector<Choice> choices;                            // never resized: others point into it
  std::vector<std::vector<domain::TokenLogprob>> echoed;  // of each prompt, where its probabilities are asked for
  std::size_t choices_waiting = 0;
  std::size_t choices_open = 0;  // not done

  std::optional<PreparedEmbedding> embedding;
  std::size_t embedded = 0;   // inputs done
  std::vector<float> scores;  // of these, where they are ranked

  domain::Usage usage;
  std::vector<domain::Event> pending;
  bool queued = true;    // counted as waiting by the inbox
  bool started = false;  // Started was sent
  bool paused = false;   // its sink refused
  bool cancelled = false;
  bool ended = false;  // its last event is in `pending` or was sent
};

[[nodiscard]] std::unique_ptr<Job> make_job(Submission submission);

// Events, in the order of domain/event.hpp.
void start(Job& job, const ModelInfo& info);
void open(Choice& choice);
// A prompt's first token has no probability. REQUIRES: choice.scores; once for each prompt.
void begin_echo(Choice& choice, const Vocab& vocab);
// Of the prompt's token after the first `choice.scored` + 1, by the logits of the one before it.
void add_prompt_logprob(Choice& choice, const Vocab& vocab, std::span<float> row);
// A generated token: what can be sent of it.
[[nodiscard]] AnswerWriter::Outcome add_token(Choice& choice, const Vocab& vocab, const Draw& draw);
// `stop`: of the client's own stop strings, or empty.
void close(Choice& choice, domain::FinishReason reason, std::string stop);
void finish(Job& job);
void fail_job(Job& job, Error error);
// What the model gave for the next input. kBackendError: values that are no numbers.
[[nodiscard]] Result<void> embed(Job& job, const ModelInfo& info, std::span<const float> values);

}  // namespace hearth::engine::core
