// Connectionist temporal classification (Graves et al. 2006, "Connectionist temporal classification: labelling
// unsegmented sequence data with recurrent neural networks"): the probability of all paths that spell some labels.
//
// A path says one class a step; what it spells is left when runs of one class become one and blanks are taken out. After
// some steps a path has spelled i labels, and its last step said a blank or label i - 1; e is the score of a class at the
// next step, its logit less the greatest of that step:
//
//     blank'[i] = log(exp(blank[i]) + exp(label[i-1])) + e[blank]
//     label'[i] = log(exp(label[i]) + exp(blank[i]) + exp(label[i-1]) where it is another label) + e[labels[i]]
//     loss      = sum over t of log(sum over c of exp(e[t][c])) - log(exp(blank[S]) + exp(label[S-1])) after the last step
//
// Backward runs the same recursion from the end. Forward times backward, made to add up to 1 over all i at each step, is
// the share of paths through a state, and the gradient of the logits is softmax - what these shares give each class.
//
// - Logarithms, since a state that few paths have reached may be on the way of all of them in the end. The greatest of the
//   last step is subtracted at each step and summed in double, so that errors are those of numbers near 0 for any T: the
//   gradient is 5e-6 to 2e-5 off in float at T = 1,000, of a plain recursion 1e-4 to 2e-4.
// - Lanes are i: blank and label lie apart, label one number to the right, so that label[i-1] is a load. Sums over i run in
//   lines of lanes; a thread takes whole rows of the batch. Hence the same bits for any threads and instruction set.
// - Cost of a real step of a row, in exponentials: C + 3 (S + 1) forward, C + 5 (S + 1) backward. Steps that are not real
//   cost nothing but their zeros.
// - Memory: a record of 2 S + 2 numbers, made whole lines, and two lines more, for each real step of a row that keeps its
//   tape; without one, two records a thread.
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

template <class T>
inline constexpr T kNever = -std::numeric_limits<T>::infinity();

// What forward leaves of a step of a row with S labels: the greatest logit, 1 / the sum of exp(e), and the states. `width`
// numbers of blank[0 ..], then label[-1 ..], a line more; what is beyond S is kNever.
template <class T>
struct Record {
  Index width;
  explicit Record(Index S) : width(round_up(S + 1, kLine<T>)) {}

  static T& high(T* record) { return record[0]; }
  static T& scale(T* record) { return record[1]; }
  static T high(const T* record) { return record[0]; }
  static T scale(const T* record) { return record[1]; }
  template <class P>
  P* blank(P* record) const {
    return record + kLine<T>;
  }
  template <class P>
  P* before(P* record) const {  // before[i] = label[i-1]
    return record + kLine<T> + width;
  }
  Index size() const { return 2 * width + 2 * kLine<T>; }
};

// One row of the batch.
template <class T>
struct Row {
  const CtcBatch<T>& batch;
  Index b, S;
  const std::int64_t* labels;
  Record<T> record;

  Row(const CtcBatch<T>& of, Index row)
      : batch(of), b(row), S(of.label_lengths[row]), labels(of.labels.row(row)), record(S) {}

  bool real(Index t) const { return batch.real == nullptr || batch.real[t * batch.B + b] != 0; }
  const T* logits(Index t) const { return batch.logits.at(t, b); }
  Index steps() const {
    if (batch.real == nullptr) return batch.T_;
    Index n = 0;
    for (Index t = 0; t < batch.T_; ++t) n += real(t);
    return n;
  }
  parallel::Work work_of_step() const { return parallel::Work::log_additions(batch.C + 5 * record.width); }
};

// Where the records of each row begin, and after the last one their end.
template <class T>
Buffer<Index> tape_offsets(const CtcBatch<T>& batch) {
  Buffer<Index> offsets(batch.B + 1);
  offsets[0] = 0;
  for (Index b = 0; b < batch.B; ++b) {
    const Row<T> row(batch, b);
    offsets[b + 1] = offsets[b] + checked_product({row.steps(), row.record.size()});
  }
  return offsets;
}

// A thread's own memory: arrays over i, kNever beyond S.
template <class T>
struct Scratch {
  Index width;        // of the longest labels
  T *scores, *skip;   // (width + line): the logits of the labels; 0 where label i-1 is another one, else kNever
  T *first, *second;  // records, by turns; or of backward: what is still to come after blank[i], label[i]
  T* shares;          // (2, width), of blank and of label

  static Index size(Index S) {
    const Index width = Record<T>(S).width;
    return 2 * (width + kLine<T>)+2 * Record<T>(S).size() + 2 * width;
  }
  Scratch(T* memory, Index S) : width(Record<T>(S).width) {
    std::fill_n(memory, size(S), kNever<T>);
    scores = memory, skip = scores + width + kLine<T>;
    first = skip + width + kLine<T>, second = first + Record<T>(S).size();
    shares = second + Record<T>(S).size();
  }
  void begin(const Row<T>& row) {
    std::fill_n(scores, 2 * (width + kLine<T>), kNever<T>);
    for (Index i = 1; i < row.S; ++i)
      if (row.labels[i] != row.labels[i - 1]) skip[i] = T(0);
  }
  void gather(const Row<T>& row, const T* x) {
    for (Index i = 0; i < row.S; ++i) scores[i] = x[row.labels[i]];
  }
};

// The greatest lane, or 0 where there is none but kNever.
template <class T>
T shift_of(Vec<T> greatest) {
  alignas(kAlignment) T lanes[Vec<T>::kSize];
  greatest.store(lanes);
  const T most = *std::max_element(lanes, lanes + Vec<T>::kSize);
  return most == kNever<T> ? T(0) : most;
}

// A step forward: `then` to `now`, whose high is there. Subtracts `shift`; returns the next one.
template <class T>
T advance(const Row<T>& row, const Scratch<T>& scratch, const T* then, T* now, T blank_score, T shift) {
  using V = Vec<T>;
  const Record<T>& record = row.record;
  const V high = V::all(Record<T>::high(now)), less_shift = V::all(shift), of_blank = V::all(blank_score - shift);
  const T *blank = record.blank(then), *before = record.before(then);
  T *blank_out = record.blank(now), *before_out = record.before(now);
  V greatest = V::all(kNever<T>);
  before_out[0] = kNever<T>;
  for (Index i = 0; i < record.width; i += V::kSize) {
    const V from_blank = V::loadu(blank + i), from_before = V::loadu(before + i), same = V::loadu(before + i + 1);
    const V of_label = V::loadu(scratch.scores + i) - high - less_shift;
    const V to_blank = log_add(from_blank, from_before) + of_blank;
    const V to_label = log_add(from_blank, same, from_before + V::loadu(scratch.skip + i)) + of_label;
    to_blank.storeu(blank_out + i);
    to_label.storeu(before_out + i + 1);
    greatest = max(greatest, max(to_blank, to_label));
  }
  return shift_of(greatest);
}

// The loss of a row; with `saved` its records. `go` is asked before each step.
template <class T, class Go>
T forward(const Row<T>& row, Scratch<T>& scratch, T* saved, Go&& go) {
  const Record<T>& record = row.record;
  scratch.begin(row);
  T* const records[2] = {scratch.first, scratch.second};
  std::fill_n(scratch.second, record.size(), kNever<T>);
  record.blank(scratch.second)[0] = T(0);  // nothing is spelled, and a blank may follow or the first label
  const T* then = scratch.second;
  T shift = 0;
  double shifts = 0, normalizer = 0;
  for (Index t = 0, k = 0; t < row.batch.T_; ++t) {
    if (!row.real(t)) continue;
    if (!go()) break;
    const T* x = row.logits(t);
    const T high = greatest_of_row(x, row.batch.C);
    const T sum = sums_of_lines<T, 1, 1>(row.batch.C, [=](auto line, auto& sums) {
      sums[0] = sums[0] + exp_nonpositive(line.load(x, kNever<T>) - Line<T>::all(high));
    })[0];
    if (!(sum <= std::numeric_limits<T>::max())) return std::numeric_limits<T>::quiet_NaN();
    T* now = saved != nullptr ? saved + k * record.size() : records[k % 2];
    Record<T>::high(now) = high;
    Record<T>::scale(now) = T(1) / sum;
    scratch.gather(row, x);
    shifts += static_cast<double>(shift);
    shift = advance(row, scratch, then, now, x[row.batch.blank] - high, shift);
    normalizer += std::log(static_cast<double>(sum));
    then = now;
    ++k;
  }
  const double paths = log_add(static_cast<double>(record.blank(then)[row.S]),
                               static_cast<double>(record.before(then)[row.S]));  // label[S-1]
  return static_cast<T>(normalizer - (paths + shifts));
}

// forward: loss = sum of log(sum of exp(e)) - log of the sum over paths   =>   dx = (softmax - share of paths) * dloss
template <class T>
void gradient_of_step(const Row<T>& row, const Scratch<T>& scratch, const T* saved, const T* x, T dloss, T* dx) {
  using V = Vec<T>;
  using L = Line<T>;
  const Record<T>& record = row.record;
  const T *blank = record.blank(saved), *before = record.before(saved);
  T *blank_shares = scratch.shares, *label_shares = scratch.shares + record.width;
  V greatest = V::all(kNever<T>);
  for (Index i = 0; i < record.width; i += V::kSize) {
    const V through_blank = V::loadu(blank + i) + V::loadu(scratch.first + i);
    const V through_label = V::loadu(before + i + 1) + V::loadu(scratch.second + i);
    through_blank.storeu(blank_shares + i);
    through_label.storeu(label_shares + i);
    greatest = max(greatest, max(through_blank, through_label));
  }
  const T most = shift_of(greatest);
  const auto weigh = [&](T* shares) {
    return sums_of_lines<T, 1, 1>(record.width, [=](auto line, auto& sums) {
      const L share = exp_nonpositive(line.load(shares) - L::all(most));
      line.store(share, shares);
      sums[0] = sums[0] + share;
    })[0];
  };
  const T of_blank = weigh(blank_shares), sum = of_blank + weigh(label_shares);
  const T factor = sum > 0 ? dloss / sum : T(0), high = Record<T>::high(saved), scale = Record<T>::scale(saved);
  for_each_line<T>(row.batch.C, [=](auto line) {
    line.store(exp_nonpositive(line.load(x) - L::all(high)) * L::all(scale) * L::all(dloss), dx);
  });
  dx[row.batch.blank] -= of_blank * factor;
  for (Index i = 0; i < row.S; ++i) dx[row.labels[i]] -= label_shares[i] * factor;
}

// A step back, in place: what is still to come after blank[i] and label[i], from behind the step to before it. Lane i
// reads i and i + 1, which are not written before the next packet.
template <class T>
T retreat(const Row<T>& row, const Scratch<T>& scratch, T high, T blank_score, T shift) {
  using V = Vec<T>;
  T *blank = scratch.first, *label = scratch.second;
  const V of_blank = V::all(blank_score - shift), highs = V::all(high), less_shift = V::all(shift);
  const auto label_score = [&](Index i) { return V::loadu(scratch.scores + i) - highs - less_shift; };
  V greatest = V::all(kNever<T>);
  for (Index i = 0; i < row.record.width; i += V::kSize) {
    const V to_blank = V::loadu(blank + i) + of_blank, to_label = V::loadu(label + i) + label_score(i);
    const V next_blank = V::loadu(blank + i + 1) + of_blank;
    const V next_label = V::loadu(label + i + 1) + label_score(i + 1) + V::loadu(scratch.skip + i + 1);
    const V after_blank = log_add(to_blank, to_label), after_label = log_add(to_label, next_blank, next_label);
    after_blank.storeu(blank + i);
    after_label.storeu(label + i);
    greatest = max(greatest, max(after_blank, after_label));
  }
  return shift_of(greatest);
}

template <class T, class Go>
void backward(const Row<T>& row, Scratch<T>& scratch, const T* saved, Index steps, T loss, T dloss, Steps<T> dlogits,
              Go&& go) {
  const Index C = row.batch.C;
  scratch.begin(row);
  std::fill_n(scratch.first, 2 * Record<T>(row.batch.S).size(), kNever<T>);  // first, second: contiguous
  scratch.first[row.S] = T(0);
  if (row.S > 0) scratch.second[row.S - 1] = T(0);
  T shift = 0;
  for (Index t = row.batch.T_ - 1, k = steps - 1; t >= 0; --t) {
    T* dx = dlogits.at(t, row.b);
    if (!row.real(t) || loss == std::numeric_limits<T>::infinity()) {
      std::fill_n(dx, C, T(0));
      continue;
    }
    if (std::isnan(loss)) {
      std::fill_n(dx, C, loss);
      continue;
    }
    if (!go()) return;
    const T *x = row.logits(t), *record = saved + k * row.record.size();
    gradient_of_step(row, scratch, record, x, dloss, dx);
    scratch.gather(row, x);
    const T high = Record<T>::high(record);
    shift = retreat(row, scratch, high, x[row.batch.blank] - high, shift);
    --k;
  }
}

// f(row, scratch, go) for every row, on one thread each; a thread that is free takes the next one. False: stopped.
template <class T, class F>
bool for_each_row(const CtcBatch<T>& batch, int threads, const CancellationToken& cancellation, F&& f) {
  parallel::Work work;
  for (Index b = 0; b < batch.B && work < parallel::kRegionPays; ++b) {
    const Row<T> row(batch, b);
    work = work + row.work_of_step() * row.steps();
  }
  threads = std::max<int>(1, static_cast<int>(std::min<Index>(parallel::threads_for(work, threads), batch.B)));
  const Index each = round_up(Scratch<T>::size(batch.S), kLine<T>);
  Buffer<T> memory(checked_product({threads, each}));
  std::atomic<Index> next{0};
  std::atomic<bool> cancelled{false};
  parallel::run(threads, [&](int thread, int) {
    Scratch<T> scratch(memory.data() + thread * each, batch.S);
    parallel::Work done;  // since the last check
    for (Index b; (b = next.fetch_add(1, std::memory_order_relaxed)) < batch.B;) {
      if (cancelled.load(std::memory_order_relaxed)) return;
      const Row<T> row(batch, b);
      f(row, scratch, [&] {  // the caller's thread alone asks
        done = done + row.work_of_step();
        if (thread == 0 && done > parallel::kBetweenChecksOfSteps) {
          done = {};
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
                           [&](const ctc::Row<T>& row, ctc::Scratch<T>& scratch, auto&& go) {
                             T* saved = args.saved != nullptr ? args.saved + offsets[row.b] : nullptr;
                             args.losses[row.b] = ctc::forward(row, scratch, saved, go);
                           });
}

template <class T>
bool ctc_backward(const CtcBackwardArgs<T>& args) {
  const Buffer<Index> offsets = ctc::tape_offsets(args.batch);
  return ctc::for_each_row(args.batch, args.threads, args.cancellation,
                           [&](const ctc::Row<T>& row, ctc::Scratch<T>& scratch, auto&& go) {
                             const Index from = offsets[row.b], to = offsets[row.b + 1];
                             ctc::backward(row, scratch, args.saved + from, (to - from) / row.record.size(),
                                           args.losses[row.b], args.dlosses[row.b], args.dlogits, go);
                           });
}

}  // namespace seqfuse
