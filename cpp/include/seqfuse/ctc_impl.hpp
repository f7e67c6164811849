// Connectionist temporal classification (Graves et al. 2006, "Connectionist temporal classification: labelling
// unsegmented sequence data with recurrent neural networks"): the probability of all paths that spell the labels.
//
// A path selects one class per valid step. It spells the sequence that remains when each run of one class is replaced
// by a single one, and blanks are removed. The forward variables are logarithms of sums over paths. After some steps,
// blank[i] is the sum over paths that have spelled the first i labels and whose last class is the blank. label[i] is
// the sum over paths that have spelled the first i + 1 labels and whose last class is labels[i]. With the scores e[c]
// = logit[c] - max of the logits of the next step:
//
//     blank'[i] = log(exp(blank[i]) + exp(label[i-1])) + e[blank]
//     label'[i] = log(exp(label[i]) + exp(blank[i]) + [labels[i] != labels[i-1]] * exp(label[i-1])) + e[labels[i]]
//     loss      = sum over t of log(sum over c of exp(e[t][c])) - log(exp(blank[S]) + exp(label[S-1])), after all steps
//
// The backward computes the backward variables, which are sums over the rest of the paths, with the same recursion
// from the last step to the first. The product of forward and backward variables, normalized to a sum of 1 over all
// i, is the posterior probability of each state at step t. The gradient of the logits is softmax - posterior
// probability of each class.
//
// - The variables are logarithms because a state that is improbable at some step may still be on every path that
//   spells the labels in the end. At each step the maximum of the previous step is subtracted from them, and these
//   shifts are summed in double. So the variables stay close to 0 for any T. In float with T = 1,000 the error of the
//   gradient is 5e-6 to 2e-5; with a plain recursion it is 1e-4 to 2e-4.
// - Packets hold neighboring i. The arrays blank and label are separate. label is stored one element to the right, so
//   that label[i-1] is a single load. Sums over i run in lanes of cache lines, and a thread computes whole batch rows.
//   So results have the same bits for any number of threads and every instruction set.
// - Cost per valid step of a batch row, in exponentials: C + 3 * (S + 1) forward, C + 5 * (S + 1) backward. Padding
//   costs nothing but writing its zeros.
// - Memory: with a tape, one record per valid step of a batch row: 2 * (S + 1) numbers, rounded up to whole cache
//   lines, and two more lines. Without a tape, two records per thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "seqfuse/ctc.hpp"
#include "seqfuse/lines.hpp"
#include "seqfuse/log_add.hpp"
#include "seqfuse/memory.hpp"
#include "seqfuse/parallel.hpp"

namespace seqfuse {

namespace ctc {

// The logarithm of 0: the value of a state that no path reaches.
template <class T>
inline constexpr T kLogZero = -std::numeric_limits<T>::infinity();

// Layout of what the forward stores per step of a batch row with S labels: one cache line with row_max = maximum of
// the logits and inv_sum = 1 / sum of exp(e); `width` numbers of blank[0 ..]; `width` numbers and one more line of
// label[-1 ..]. Elements that belong to no label are kLogZero.
template <class T>
struct StepRecord {
  Index width;
  explicit StepRecord(Index S) : width(round_up(S + 1, kLine<T>)) {}

  static T& row_max(T* record) { return record[0]; }
  static T& inv_sum(T* record) { return record[1]; }
  static T row_max(const T* record) { return record[0]; }
  static T inv_sum(const T* record) { return record[1]; }
  template <class P>
  P* blank(P* record) const {
    return record + kLine<T>;
  }
  template <class P>
  P* previous_label(P* record) const {  // previous_label[i] = label[i-1]
    return record + kLine<T> + width;
  }
  Index size() const { return 2 * width + 2 * kLine<T>; }
};

// One batch row.
template <class T>
struct Row {
  const CtcBatch<T>& batch;
  Index b, S;  // S: the number of labels of this row
  const std::int64_t* labels;
  StepRecord<T> record;

  Row(const CtcBatch<T>& whole_batch, Index row)
      : batch(whole_batch), b(row), S(whole_batch.label_lengths[row]), labels(whole_batch.labels.row(row)), record(S) {}

  bool is_valid(Index t) const { return batch.valid == nullptr || batch.valid[t * batch.B + b] != 0; }
  const T* logits(Index t) const { return batch.logits.at(t, b); }
  Index valid_steps() const {
    if (batch.valid == nullptr) return batch.T_;
    Index n = 0;
    for (Index t = 0; t < batch.T_; ++t) n += is_valid(t);
    return n;
  }
  parallel::Work work_per_step() const { return parallel::Work::log_additions(batch.C + 5 * record.width); }
};

// Returns the offset of the records of each batch row in the tape, and the size of the tape: (B + 1,).
template <class T>
Buffer<Index> tape_offsets(const CtcBatch<T>& batch) {
  Buffer<Index> offsets(batch.B + 1);
  offsets[0] = 0;
  for (Index b = 0; b < batch.B; ++b) {
    const Row<T> row(batch, b);
    offsets[b + 1] = offsets[b] + checked_product({row.valid_steps(), row.record.size()});
  }
  return offsets;
}

// Memory of one thread. Elements that belong to no label are kLogZero.
template <class T>
struct Scratch {
  Index width;             // for the maximum number of labels
  T* label_logits;         // (width + line,): logits of the labels at one step
  T* log_skip;             // (width + line,): 0 if label i may follow label i - 1 without a blank, else kLogZero
  T *buffer_0, *buffer_1;  // forward: two records, used alternately; backward: backward variables of blank and of label
  T* posterior;            // (2, width): posterior probabilities of blank and of label

  static Index size(Index S) {
    const Index width = StepRecord<T>(S).width;
    return 2 * (width + kLine<T>)+2 * StepRecord<T>(S).size() + 2 * width;
  }
  Scratch(T* memory, Index S) : width(StepRecord<T>(S).width) {
    std::fill_n(memory, size(S), kLogZero<T>);
    label_logits = memory;
    log_skip = label_logits + width + kLine<T>;
    buffer_0 = log_skip + width + kLine<T>;
    buffer_1 = buffer_0 + StepRecord<T>(S).size();
    posterior = buffer_1 + StepRecord<T>(S).size();
  }
  void begin(const Row<T>& row) {
    std::fill_n(label_logits, 2 * (width + kLine<T>), kLogZero<T>);
    for (Index i = 1; i < row.S; ++i)
      if (row.labels[i] != row.labels[i - 1]) log_skip[i] = T(0);
  }
  void gather_label_logits(const Row<T>& row, const T* x) {
    for (Index i = 0; i < row.S; ++i) label_logits[i] = x[row.labels[i]];
  }
};

// Returns the largest lane, or 0 if all lanes are kLogZero.
template <class T>
T finite_max_of_lanes(Vec<T> v) {
  alignas(kAlignment) T lanes[Vec<T>::kSize];
  v.store(lanes);
  const T largest = *std::max_element(lanes, lanes + Vec<T>::kSize);
  return largest == kLogZero<T> ? T(0) : largest;
}

// Computes the forward variables after one step from the record `before`, and writes them to the record `after`,
// which already contains row_max. Subtracts `shift` from all of them. Returns the shift of the next step.
template <class T>
T forward_step(const Row<T>& row, const Scratch<T>& scratch, const T* before, T* after, T blank_score, T shift) {
  using V = Vec<T>;
  const StepRecord<T>& record = row.record;
  const V row_max = V::all(StepRecord<T>::row_max(after)), shift_v = V::all(shift);
  const V blank_score_v = V::all(blank_score - shift);
  const T *blank = record.blank(before), *previous_label = record.previous_label(before);
  T *blank_out = record.blank(after), *previous_label_out = record.previous_label(after);
  V max_lanes = V::all(kLogZero<T>);
  previous_label_out[0] = kLogZero<T>;
  for (Index i = 0; i < record.width; i += V::kSize) {
    const V from_blank = V::loadu(blank + i), from_previous = V::loadu(previous_label + i);
    const V from_same = V::loadu(previous_label + i + 1);
    const V label_score = V::loadu(scratch.label_logits + i) - row_max - shift_v;
    const V to_blank = log_add(from_blank, from_previous) + blank_score_v;
    const V to_label = log_add(from_blank, from_same, from_previous + V::loadu(scratch.log_skip + i)) + label_score;
    to_blank.storeu(blank_out + i);
    to_label.storeu(previous_label_out + i + 1);
    max_lanes = max(max_lanes, max(to_blank, to_label));
  }
  return finite_max_of_lanes(max_lanes);
}

// Returns the loss of a batch row. Writes its records to `saved` unless that is null. Calls should_continue() before
// each step; if it returns false, the loss is undefined.
template <class T, class ShouldContinue>
T forward(const Row<T>& row, Scratch<T>& scratch, T* saved, ShouldContinue&& should_continue) {
  const StepRecord<T>& record = row.record;
  scratch.begin(row);
  T* const records[2] = {scratch.buffer_0, scratch.buffer_1};
  std::fill_n(scratch.buffer_1, record.size(), kLogZero<T>);
  record.blank(scratch.buffer_1)[0] = T(0);  // before the first step nothing is spelled; a blank or label 0 may follow
  const T* before = scratch.buffer_1;
  T shift = 0;
  double shifts = 0, normalizer = 0;
  for (Index t = 0, k = 0; t < row.batch.T_; ++t) {
    if (!row.is_valid(t)) continue;
    if (!should_continue()) break;
    const T* x = row.logits(t);
    const T row_max = greatest_of_row(x, row.batch.C);
    const T sum = sums_of_lines<T, 1, 1>(row.batch.C, [=](auto line, auto& sums) {
      sums[0] = sums[0] + exp_nonpositive(line.load(x, kLogZero<T>) - Line<T>::all(row_max));
    })[0];
    if (!(sum <= std::numeric_limits<T>::max())) return std::numeric_limits<T>::quiet_NaN();
    T* after = saved != nullptr ? saved + k * record.size() : records[k % 2];
    StepRecord<T>::row_max(after) = row_max;
    StepRecord<T>::inv_sum(after) = T(1) / sum;
    scratch.gather_label_logits(row, x);
    shifts += static_cast<double>(shift);
    shift = forward_step(row, scratch, before, after, x[row.batch.blank] - row_max, shift);
    normalizer += std::log(static_cast<double>(sum));
    before = after;
    ++k;
  }
  const double all_paths = log_add(static_cast<double>(record.blank(before)[row.S]),
                                   static_cast<double>(record.previous_label(before)[row.S]));  // label[S-1]
  return static_cast<T>(normalizer - (all_paths + shifts));
}

// Writes the gradient of the logits x (C,) of one step to dx (C,). `saved`: the record of the step.
//
// forward: loss = sum over t of log(sum of exp(e)) - log(sum over paths)
//   =>     dx = (softmax(x) - posterior probability of each class) * dloss
template <class T>
void step_gradient(const Row<T>& row, const Scratch<T>& scratch, const T* saved, const T* x, T dloss, T* dx) {
  using V = Vec<T>;
  using L = Line<T>;
  const StepRecord<T>& record = row.record;
  const T *blank = record.blank(saved), *previous_label = record.previous_label(saved);
  T *blank_posterior = scratch.posterior, *label_posterior = scratch.posterior + record.width;
  V max_lanes = V::all(kLogZero<T>);
  for (Index i = 0; i < record.width; i += V::kSize) {
    const V through_blank = V::loadu(blank + i) + V::loadu(scratch.buffer_0 + i);
    const V through_label = V::loadu(previous_label + i + 1) + V::loadu(scratch.buffer_1 + i);
    through_blank.storeu(blank_posterior + i);
    through_label.storeu(label_posterior + i);
    max_lanes = max(max_lanes, max(through_blank, through_label));
  }
  const T max_log = finite_max_of_lanes(max_lanes);
  // Replaces logarithms by exp(log - max_log), which are posterior probabilities but for a factor, and returns their
  // sum.
  const auto exponentiate = [&](T* posterior) {
    return sums_of_lines<T, 1, 1>(record.width, [=](auto line, auto& sums) {
      const L p = exp_nonpositive(line.load(posterior) - L::all(max_log));
      line.store(p, posterior);
      sums[0] = sums[0] + p;
    })[0];
  };
  const T blank_sum = exponentiate(blank_posterior), sum = blank_sum + exponentiate(label_posterior);
  const T factor = sum > 0 ? dloss / sum : T(0);
  const T row_max = StepRecord<T>::row_max(saved), inv_sum = StepRecord<T>::inv_sum(saved);
  for_each_line<T>(row.batch.C, [=](auto line) {
    line.store(exp_nonpositive(line.load(x) - L::all(row_max)) * L::all(inv_sum) * L::all(dloss), dx);
  });
  dx[row.batch.blank] -= blank_sum * factor;
  for (Index i = 0; i < row.S; ++i) dx[row.labels[i]] -= label_posterior[i] * factor;
}

// Updates the backward variables in place, from those after a step to those before it. Subtracts `shift` from all of
// them. Returns the shift of the next call. Element i reads the elements i and i + 1, which are not written earlier.
template <class T>
T backward_step(const Row<T>& row, const Scratch<T>& scratch, T row_max, T blank_score, T shift) {
  using V = Vec<T>;
  T *blank = scratch.buffer_0, *label = scratch.buffer_1;
  const V blank_score_v = V::all(blank_score - shift), row_max_v = V::all(row_max), shift_v = V::all(shift);
  const auto label_score = [&](Index i) { return V::loadu(scratch.label_logits + i) - row_max_v - shift_v; };
  V max_lanes = V::all(kLogZero<T>);
  for (Index i = 0; i < row.record.width; i += V::kSize) {
    const V to_blank = V::loadu(blank + i) + blank_score_v, to_label = V::loadu(label + i) + label_score(i);
    const V to_next_blank = V::loadu(blank + i + 1) + blank_score_v;
    const V to_next_label = V::loadu(label + i + 1) + label_score(i + 1) + V::loadu(scratch.log_skip + i + 1);
    const V from_blank = log_add(to_blank, to_label), from_label = log_add(to_label, to_next_blank, to_next_label);
    from_blank.storeu(blank + i);
    from_label.storeu(label + i);
    max_lanes = max(max_lanes, max(from_blank, from_label));
  }
  return finite_max_of_lanes(max_lanes);
}

// Writes dlogits of one batch row. saved: its records, one per valid step. Stops early if should_continue() is false.
template <class T, class ShouldContinue>
void backward(const Row<T>& row, Scratch<T>& scratch, const T* saved, Index valid_steps, T loss, T dloss,
              Steps<T> dlogits, ShouldContinue&& should_continue) {
  const Index C = row.batch.C;
  scratch.begin(row);
  std::fill_n(scratch.buffer_0, 2 * StepRecord<T>(row.batch.S).size(), kLogZero<T>);  // buffer_1 follows buffer_0
  scratch.buffer_0[row.S] = T(0);
  if (row.S > 0) scratch.buffer_1[row.S - 1] = T(0);
  T shift = 0;
  for (Index t = row.batch.T_ - 1, k = valid_steps - 1; t >= 0; --t) {
    T* dx = dlogits.at(t, row.b);
    if (!row.is_valid(t) || loss == std::numeric_limits<T>::infinity()) {
      std::fill_n(dx, C, T(0));
      continue;
    }
    if (std::isnan(loss)) {
      std::fill_n(dx, C, loss);
      continue;
    }
    if (!should_continue()) return;
    const T *x = row.logits(t), *record = saved + k * row.record.size();
    step_gradient(row, scratch, record, x, dloss, dx);
    scratch.gather_label_logits(row, x);
    const T row_max = StepRecord<T>::row_max(record);
    shift = backward_step(row, scratch, row_max, x[row.batch.blank] - row_max, shift);
    --k;
  }
}

// Calls f(row, scratch, should_continue) for every batch row, each on one thread. Whenever a thread is free, it takes
// the next row. Returns false if the call was cancelled.
template <class T, class F>
bool for_each_row(const CtcBatch<T>& batch, int threads, const CancellationToken& cancellation, F&& f) {
  parallel::Work work;
  for (Index b = 0; b < batch.B && work < parallel::kRegionPays; ++b) {
    const Row<T> row(batch, b);
    work = work + row.work_per_step() * row.valid_steps();
  }
  threads = std::max<int>(1, static_cast<int>(std::min<Index>(parallel::threads_for(work, threads), batch.B)));
  const Index scratch_size = round_up(Scratch<T>::size(batch.S), kLine<T>);
  Buffer<T> memory(checked_product({threads, scratch_size}));
  std::atomic<Index> next{0};
  std::atomic<bool> cancelled{false};
  parallel::run(threads, [&](int thread, int) {
    Scratch<T> scratch(memory.data() + thread * scratch_size, batch.S);
    parallel::Work since_check;
    for (Index b; (b = next.fetch_add(1, std::memory_order_relaxed)) < batch.B;) {
      if (cancelled.load(std::memory_order_relaxed)) return;
      const Row<T> row(batch, b);
      f(row, scratch, [&] {  // only the caller's thread checks for cancellation
        since_check = since_check + row.work_per_step();
        if (thread == 0 && since_check > parallel::kBetweenChecksOfSteps) {
          since_check = {};
          if (cancellation()) cancelled.store(true, std::memory_order_relaxed);
        }
        return !cancelled.load(std::memory_order_relaxed);
      });
    }
  });
  return !cancelled.load();
}

}  // namespace ctc

template <class T>
Index ctc_tape_size(const CtcBatch<T>& batch) {
  return ctc::tape_offsets(batch)[batch.B];
}

template <class T>
bool ctc_forward(const CtcForwardArgs<T>& args) {
  const Buffer<Index> offsets = args.saved != nullptr ? ctc::tape_offsets(args.batch) : Buffer<Index>();
  return ctc::for_each_row(args.batch, args.threads, args.cancellation,
                           [&](const ctc::Row<T>& row, ctc::Scratch<T>& scratch, auto&& should_continue) {
                             T* saved = args.saved != nullptr ? args.saved + offsets[row.b] : nullptr;
                             args.losses[row.b] = ctc::forward(row, scratch, saved, should_continue);
                           });
}

template <class T>
bool ctc_backward(const CtcBackwardArgs<T>& args) {
  const Buffer<Index> offsets = ctc::tape_offsets(args.batch);
  return ctc::for_each_row(args.batch, args.threads, args.cancellation,
                           [&](const ctc::Row<T>& row, ctc::Scratch<T>& scratch, auto&& should_continue) {
                             const Index begin = offsets[row.b], end = offsets[row.b + 1];
                             ctc::backward(row, scratch, args.saved + begin, (end - begin) / row.record.size(),
                                           args.losses[row.b], args.dlosses[row.b], args.dlogits, should_continue);
                           });
}

}  // namespace seqfuse
