#pragma once

#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "base/log.hpp"
#include "engine/core/inbox.hpp"
#include "engine/core/job.hpp"
#include "engine/core/prefix/checkpoints.hpp"
#include "engine/core/prefix/prefix_store.hpp"
#include "engine/core/prefix_index.hpp"
#include "engine/core/sampling/crew.hpp"
#include "engine/core/scheduler/step_pace.hpp"
#include "engine/core/scheduler/step_plan.hpp"
#include "engine/core/token_engine.hpp"

namespace hearth::engine::core {

// The engine thread's half of a token engine: which requests run, what each step evaluates, what the clients get.
// Jobs are ordered by arrival, where a priority counts as having come kPriorityLead earlier or later: what is urgent
// goes first, and nothing waits for ever.
// How long: between two tokens of an answer lies at most one step of tokens and one of embeddings, whatever arrives. A
// step of tokens takes step_limit at most, or what the streams and StepPace::kLeast tokens of prompts take where that
// is longer; while costs are learnt (the first prompts of a new depth) twice step_time, or the streams and
// StepPace::kChunk tokens. A step of embeddings takes about step_time, while costs are learnt twice that or
// StepPace::kChunk tokens; or its only input. Every second one is for those that have the fewest inputs left, the
// others go by age; embeddings need no slot. Two things may hold an answer up longer: its own reader, and a KV cache
// without room. With low priority one begins when what came up to twice kPriorityLead later with high priority has
// begun. A choice (one answer of a job) runs while it has a sequence id; no choice begins where `parallel` that are not
// paused run; whose reader comes back goes on beside them. What finished stays cached under its id until the id or its
// cells are needed. REQUIRES: all references outlive it; info.capabilities.slots is the number of choices that run at
// once.
class Scheduler {
 public:
  static constexpr std::chrono::seconds kPriorityLead{20};

  struct Parts {
    TokenModel& model;
    Inbox& inbox;
    base::Guarded<Stats>& stats;  // published after each step
    const ModelInfo& info;
    const base::Clock& clock;
    base::Log& log;
  };
  Scheduler(Parts parts, const TokenEngineOptions& options);

  // As Engine has it.
  bool step();
  void shut_down();
  [[nodiscard]] bool failed() const { return broken_; }
  // The last step found nothing to do: nothing can happen before the inbox has something.
  [[nodiscard]] bool idle() const { return idle_; }

 private:
  // scheduler.cpp: jobs
  bool take_mail();
  void insert(Submission submission);
  void cancel(Job& job);
  void resume(Job& job);
  void leave_queue(Job& job);
  void fail_with(Job& job, Error error);
  void fail_all(const Error& error);
  void finish_job(Job& job);
  void deliver();
  void deliver_to(Job& job);
  void sweep();
  void publish();

  // admission.cpp: sequence ids and slots
  void admit();
  bool admit_choice(Choice& choice);
  [[nodiscard]] bool fits(const Choice& choice, const PrefixIndex::Match& match, std::int32_t freed) const;
  [[nodiscard]] std::int32_t paused_cells() const;
  void prepare_choice(Choice& choice);
  void attach(Choice& choice);
  [[nodiscard]] SequenceId take_id();
  bool evict_one();
  bool demote_paused();
  void release(Choice& choice, bool keep_cached);
  void release_all(Job& job);
  void requeue(Choice& choice, bool keep_cached);
  [[nodiscard]] std::int32_t active() const;

  // prefixes.cpp: what is kept outside the KV cache, and how much of a prompt is known
  void reuse_resident(Choice& choice, const PrefixIndex::Match& match);
  [[nodiscard]] PrefixIndex::Match resident_match(std::span<const domain::Token> prompt) const;
  [[nodiscard]] bool waits_for_disk(Choice& choice);
  bool restore_saved(Choice& choice, std::span<const domain::Token> prompt, std::int32_t resident);
  [[nodiscard]] bool cut(SequenceId id, std::int32_t length);
  void empty(SequenceId id);
  void save_out(SequenceId id, std::int32_t except);
  void save_all();
  void plan_checkpoints(Choice& choice);
  void take_checkpoint(Choice& choice);
  [[nodiscard]] bool may_checkpoint() const { return !shares_prefixes_ && store_.enabled(); }

  // evaluate.cpp: generation
  bool evaluate_tokens();
  void plan(std::int32_t prefill_tokens);
  [[nodiscard]] std::int32_t prefill_by_pace(std::int32_t most);
  [[nodiscard]] DecodeStatus run_batch(bool embedding);
  bool make_room(std::int32_t& prefill_tokens);
  void rewind();
  void record();
  // A choice that has logits, and what becomes of them.
  struct Drawing {
    Choice* choice = nullptr;
    std::span<float> row;
    Draw draw;
    bool fits = true;  // what the format allows
    std::uint64_t constraint_nanoseconds = 0;
  };
  void sample();
  [[nodiscard]] bool wants_token(Choice& choice);
  void draw(Drawing& drawing) const;
  void draw_all();
  void take_token(Drawing& drawing);
  [[nodiscard]] static bool ends_thinking(const Choice& choice);
  void on_prefilled(Choice& choice);
  void end_choice(Choice& choice, domain::FinishReason reason, std::string stop);
  void fail_model();

  // prompt_scores.cpp: probabilities of prompts, full contexts
  [[nodiscard]] static bool scores_prompt(const Choice& choice);
  void want_tokens();
  [[nodiscard]] static std::span<const domain::Token> reusable(const Choice& choice);
  void score(Choice& choice, std::size_t batch_index, std::int32_t count);
  void shift(Choice& choice);

  // embed.cpp
  bool evaluate_embeddings();
  void gather_inputs(std::size_t inputs_max);
  void order_embeddings();
  void add_input(Job& job, std::size_t input);
  [[nodiscard]] std::size_t embed_budget() const;
  void fail_inputs();
  void collect_embeddings();
  [[nodiscard]] static bool embeds(const Job& job);

  TokenModel& model_;
  Inbox& inbox_;
  base::Guarded<Stats>& published_;
  const ModelInfo& info_;
  const base::Clock& clock_;
  base::Log& log_;
  const std::int32_t parallel_;
  const std::int32_t batch_tokens_;
  const std::int32_t step_tokens_;
  const std::chrono::nanoseconds step_time_;
  const bool shares_prefixes_;
  domain::Tokens end_tokens_;  // masked for requests that ignore them

  std::vector<std::unique_ptr<Job>> jobs_;
  std::unordered_map<Ticket, Job*> by_ticket_;
  std::vector<Choice*> running_;  // oldest first, paused ones included
  PrefixIndex index_;
  PrefixStore store_;
  Crew crew_;
  const std::size_t logits_per_thread_;
  Checkpoints checkpoints_;  // of sequences in the KV cache
  Stats stats_;
  StepPace pace_;
  StepPace::Step step_;                       // the one in progress
  std::chrono::nanoseconds took_{};           // by the model, of the last batch
  std::chrono::nanoseconds request_time_{};   // moving average
  double embed_token_ = 0;                    // nanoseconds, what it took lately
  std::uint64_t constraint_nanoseconds_ = 0;  // of the last step's draws
  bool idle_ = false;
  bool broken_ = false;
  bool embed_turn_ = false;
  bool embed_shortest_ = false;
  bool sweep_needed_ = false;

  // Of the step in progress; kept for their memory.
  Inbox::Mail mail_;
  std::vector<Choice*> eligible_;
  std::vector<std::int32_t> remaining_;
  std::vector<Share> shares_;
  std::vector<BatchToken> batch_;
  std::vector<Ticket> tickets_;
  std::vector<Drawing> drawings_;
  std::vector<Job*> embedding_;  // in the order of this batch
  struct EmbedInput {            // its place is its sequence id
    Job* job = nullptr;
    std::size_t input = 0;
  };
  std::vector<EmbedInput> inputs_;
};

}  // namespace hearth::engine::core
