#include "engine/core/job.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <utility>

#include "engine/core/scores.hpp"

namespace hearth::engine::core {
namespace {

void set_up(Job& job, PreparedGeneration work) {
  job.generation = std::move(work);
  const auto n = static_cast<std::size_t>(job.generation.generation.n);
  job.choices = std::vector<Choice>(job.generation.prompts.size() * n);
  for (std::size_t i = 0; i < job.choices.size(); ++i) {
    job.choices[i].job = &job;
    job.choices[i].index = static_cast<std::int32_t>(i);
    job.choices[i].prompt = i / n;
  }
  job.echoed.resize(job.generation.prompts.size());
  job.choices_waiting = job.choices_open = job.choices.size();
  job.usage.dropped = job.generation.dropped;
  for (const auto& prompt : job.generation.prompts) job.usage.prompt += static_cast<std::int32_t>(prompt.tokens.size());
}

void set_up(Job& job, PreparedEmbedding work) {
  job.usage.dropped = work.dropped;
  for (const auto& input : work.inputs) job.usage.prompt += static_cast<std::int32_t>(input.tokens.size());
  job.embedding = std::move(work);
}

void normalise(std::vector<float>& values) {
  double squares = 0;
  for (const float v : values) squares += static_cast<double>(v) * static_cast<double>(v);
  if (!(squares > 0)) return;
  const double scale = 1 / std::sqrt(squares);
  for (float& v : values) v = static_cast<float>(static_cast<double>(v) * scale);
}

// One vector, or one for each token.
void add_vectors(Job& job, std::size_t index, std::span<const float> values) {
  const auto& work = *job.embedding;
  const bool each = work.pooling == domain::Pooling::kNone;
  const std::size_t rows = each ? work.inputs[index].tokens.size() : 1;
  const std::size_t width = values.size() / rows;
  const std::size_t size = work.dimensions ? std::min(width, static_cast<std::size_t>(*work.dimensions)) : width;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto from = values.subspan(row * width, size);
    domain::Embedded event{.index = static_cast<std::int32_t>(index), .values = {from.begin(), from.end()}};
    if (each) event.token = static_cast<std::int32_t>(row);
    if (work.normalize) normalise(event.values);
    job.pending.emplace_back(std::move(event));
  }
}

domain::TokenLogprob logprob_of(const Vocab& vocab, const Draw& draw) {
  domain::TokenLogprob out{
      .text = vocab.piece(draw.token, true), .id = draw.token, .logprob = static_cast<double>(draw.logprob), .top = {}};
  out.top.reserve(draw.top.size());
  for (const auto& c : draw.top) {
    out.top.push_back({.text = vocab.piece(c.id, true), .id = c.id, .logprob = static_cast<double>(c.p)});
  }
  return out;
}

// What the bytes are to the model's format: thinking, which is counted, or the beginning of a call, which has a form.
void follow(Choice& choice, std::string_view bytes) {
  Job& job = *choice.job;
  const bool before = choice.watch->thinking();
  const auto call = choice.watch->feed(bytes);
  if (!before && choice.watch->thinking()) choice.thinking_ends = 0;
  if (before || choice.watch->thinking()) {
    ++choice.thought;
    ++job.usage.reasoning;
  }
  if (!call || choice.matcher || !job.generation.call) return;
  choice.matcher.emplace(job.generation.call);
  // A model that leaves its own format already where it begins writes text, not a call.
  if (!choice.matcher->accept(std::string_view(*call))) choice.matcher.reset();
}

// A prompt's text may lack the blank that the tokeniser put before it.
void add_echoed(Choice& choice, domain::TokenLogprob token) {
  auto& echoed = choice.job->echoed[choice.prompt];
  const std::string& text = choice.job->generation.prompts[choice.prompt].echo;
  if (echoed.empty() && token.text.starts_with(' ') && !text.starts_with(' ')) token.text.erase(0, 1);
  echoed.push_back(std::move(token));
}

}  // namespace

std::unique_ptr<Job> make_job(Submission submission) {
  auto job = std::make_unique<Job>();
  job->ticket = submission.ticket;
  job->sink = std::move(submission.sink);
  job->priority = submission.priority;
  job->submitted = submission.submitted;
  std::visit([&](auto& work) { set_up(*job, std::move(work)); }, submission.work);
  return job;
}

void start(Job& job, const ModelInfo& info) {
  if (std::exchange(job.started, true)) return;
  job.pending.emplace_back(domain::Started{.id = {},
                                           .model = info.name,
                                           .served_by = info.engine,
                                           .device = info.capabilities.device,
                                           .prompt_tokens = job.usage.prompt,
                                           .cached_tokens = job.usage.cached,
                                           .queued = job.admitted - job.submitted});
}

void open(Choice& choice) {
  if (std::exchange(choice.opened, true)) return;
  Job& job = *choice.job;
  choice.writer->begin(job.generation.prompts[choice.prompt].echo, job.echoed[choice.prompt], job.pending);
}

void begin_echo(Choice& choice, const Vocab& vocab) {
  const PreparedPrompt& prompt = choice.job->generation.prompts[choice.prompt];
  if (prompt.echo_from > 0) return;
  const domain::Token token = prompt.tokens.front();
  add_echoed(choice, {.text = vocab.piece(token, true), .id = token, .first = true});
}

void add_prompt_logprob(Choice& choice, const Vocab& vocab, std::span<float> row) {
  const Job& job = *choice.job;
  const std::int32_t next = ++choice.scored;
  if (next < job.generation.prompts[choice.prompt].echo_from) return;
  const Draw draw = measure(row, choice.tokens[static_cast<std::size_t>(next)], job.generation.generation.top_logprobs);
  add_echoed(choice, logprob_of(vocab, draw));
}

AnswerWriter::Outcome add_token(Choice& choice, const Vocab& vocab, const Draw& draw) {
  Job& job = *choice.job;
  choice.tokens.push_back(draw.token);
  ++choice.generated;
  ++job.usage.completion;
  choice.sampler->accept(draw.token);
  const PreparedGeneration& work = job.generation;
  const std::string bytes = vocab.piece(draw.token, std::ranges::binary_search(work.visible, draw.token));
  if (choice.watch) follow(choice, bytes);
  std::optional<domain::TokenLogprob> logprob;
  if (work.generation.logprobs) logprob = logprob_of(vocab, draw);
  return choice.writer->add(bytes, std::move(logprob), job.pending);
}

void close(Choice& choice, domain::FinishReason reason, std::string stop) {
  Job& job = *choice.job;
  choice.writer->finish(job.pending);
  if (reason == domain::FinishReason::kStop && stop.empty() && choice.writer->called())
    reason = domain::FinishReason::kToolCalls;
  job.pending.emplace_back(
      domain::ChoiceFinished{.choice = choice.index, .reason = reason, .stop_sequence = std::move(stop)});
  choice.stage = Choice::Stage::kDone;
  choice.sampler.reset();
  choice.matcher.reset();
  choice.watch.reset();
  choice.writer.reset();
  --job.choices_open;
}

void finish(Job& job) {
  const auto span = [](base::SteadyTime from, base::SteadyTime to) {
    return std::max(std::chrono::nanoseconds(to - from), std::chrono::nanoseconds(0));
  };
  domain::Timings timings{.queued = span(job.submitted, job.admitted), .prompt = span(job.admitted, job.prefilled)};
  if (job.usage.completion > 0) {
    timings.first_token = span(job.submitted, job.first_token);
    timings.decode = span(job.first_token, job.last_token);
  }
  job.pending.emplace_back(domain::Finished{.usage = job.usage, .timings = timings});
  job.ended = true;
}

void fail_job(Job& job, Error error) {
  if (std::exchange(job.ended, true)) return;
  job.pending.emplace_back(domain::Failed{.error = std::move(error)});
}

Result<void> embed(Job& job, const ModelInfo& info, std::span<const float> values) {
  const auto& work = *job.embedding;
  if (values.empty() || !std::ranges::all_of(values, [](float v) { return std::isfinite(v); }))
    return fail(ErrorCode::kBackendError, fmt::format("model '{}' gave values that are no numbers", info.name));
  const std::size_t index = job.embedded++;
  const Scale scale = work.raw_scores || info.scores_are_probabilities ? Scale::kRaw : Scale::kProbability;
  switch (work.wanted) {
    case PreparedEmbedding::Wanted::kVectors: add_vectors(job, index, values); break;
    case PreparedEmbedding::Wanted::kRanking:
      job.scores.push_back(values.front());
      if (job.embedded < work.inputs.size()) break;
      for (const auto& ranked : ranking(job.scores, scale, work.top_n)) job.pending.emplace_back(ranked);
      break;
    case PreparedEmbedding::Wanted::kClasses:
      job.pending.emplace_back(domain::Classified{.index = static_cast<std::int32_t>(index),
                                                  .classes = classes(values, scale, info.capabilities.labels)});
  }
  return {};
}

}  // namespace hearth::engine::core
