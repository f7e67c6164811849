"""Mutants of what drives the cells over time: steps, checkpoints, masks, padding, streams, weights' gradients."""

from .mutant import Mutant

INCLUDE = "cpp/include/seqfuse"
STEP = f"{INCLUDE}/recurrent_step_impl.hpp"
FORWARD = f"{INCLUDE}/recurrent_forward_impl.hpp"
BACKWARD = f"{INCLUDE}/recurrent_backward_impl.hpp"
REPLAY = f"{INCLUDE}/recurrent_replay_impl.hpp"
INSPECT = f"{INCLUDE}/recurrent_inspect_impl.hpp"
STREAM = f"{INCLUDE}/recurrent_stream_impl.hpp"
WEIGHTS = f"{INCLUDE}/recurrent_weight_gradients_impl.hpp"
OUTER = f"{INCLUDE}/outer_product_impl.hpp"
GEMM = f"{INCLUDE}/gemm.hpp"

RECURRENT = "tests/functional/test_recurrent.py"
OPTIONS = "tests/functional/test_options.py"
INVARIANCE = "tests/functional/test_invariance.py"
TAPE = "tests/functional/test_tape.py"
STREAMS = "tests/functional/test_stream.py"
INTERRUPT = "tests/functional/test_interrupt.py"

MUTANTS = [
    Mutant(
        "without a step the final state is 0, not the initial one",
        "cpp/bindings/recurrent.cpp",
        "std::copy_n(from.row(b), units, to.row(b));",
        "std::fill_n(to.row(b), units, T(0));",
        ("tests/functional/test_layouts.py", "tests/functional/test_properties.py"),
        killed_before=True,
    ),
    Mutant(
        "gru: the recurrent bias of the candidate is dropped",
        f"{INCLUDE}/recurrent_cell_forward_impl.hpp",
        "V::load(packed.separate_bias.data() + unit) + V::load(product + (G - 1) * kLanes)",
        "V::load(product + (G - 1) * kLanes)",
        (RECURRENT,),
        killed_before=True,
    ),
    Mutant(
        "forward: c0 is not read",
        FORWARD,
        "std::copy_n(seq_.c0.row(b), H, state_row(b));",
        "(void)b;",
        (RECURRENT,),
        killed_before=True,
    ),
    Mutant(
        "forward: a call of many steps is not cancelled",
        FORWARD,
        "cancellation_.poll()",
        "false",
        (INTERRUPT,),
        killed_before=True,
    ),
    Mutant(
        "forward: threads that share the units of a step do not wait for each other",
        FORWARD,
        "if (!split_.by_rows) barrier_.wait(team);",
        "(void)team;",
        (INVARIANCE,),
        killed_before=True,
    ),
    Mutant(
        "forward: y of padding is not cleared but 1",
        FORWARD,
        "std::fill(args_.y.at(t, b) + units.begin, args_.y.at(t, b) + units.end, T(0));",
        "std::fill(args_.y.at(t, b) + units.begin, args_.y.at(t, b) + units.end, T(1));",
        ("tests/functional/test_padding.py",),
        killed_before=True,
    ),
    Mutant(
        "checkpoints: the cell state is read where the hidden state is kept",
        REPLAY,
        "(c * (1 + states_) + s) * seq_.B * H_",
        "(c * (1 + states_)) * seq_.B * H_",
        (TAPE, OPTIONS),
        killed_before=True,
    ),
    Mutant(
        "checkpoints: a recomputed chunk reads the mask of the first steps",
        REPLAY,
        "args.sequence.valid += steps.begin * seq_.B;",
        "args.sequence.valid += 0;",
        (TAPE, OPTIONS, "tests/functional/test_padding.py"),
        killed_before=True,
    ),
    Mutant(
        "tape.states() of a sequence read backwards carries states over padding in the order of time",
        INSPECT,
        "seq_.reverse ? seq_.T_ - 1 - s : s",
        "s",
        (TAPE,),
        killed_before=True,
    ),
    Mutant(
        "backward: dh_prev lacks the recurrent mask",
        f"{INCLUDE}/recurrent_cell_backward_impl.hpp",
        "entry.mask == nullptr ? sum : sum * Vec<T>::load_first(entry.mask + unit, remaining)",
        "sum",
        (OPTIONS,),
        killed_before=True,
    ),
    Mutant(
        "backward: dc of the final state is not read",
        BACKWARD,
        "padded_copy(args.dc)",
        "padded_copy(Rows<const T>{})",
        (RECURRENT,),
        killed_before=True,
    ),
    Mutant(
        "backward: between segments of time the part of dh_prev that the cell carries is lost",
        BACKWARD,
        "(through_mask(entry, unit, weights_.H - unit, sum) + V::load(entry.carry + unit))",
        "through_mask(entry, unit, weights_.H - unit, sum)",
        (RECURRENT, INVARIANCE),
        killed_before=True,
    ),
    Mutant(
        "backward: dU reads h_prev without the recurrent mask",
        WEIGHTS,
        "entries[e].mask[u] * entries[e].h_prev[u]",
        "entries[e].h_prev[u]",
        (OPTIONS,),
        killed_before=True,
    ),
    Mutant(
        "backward: the gates of dW are in the order in which the cell computes them",
        OUTER,
        "product.gate[g] * H + unit",
        "g * H + unit",
        (RECURRENT,),
        killed_before=True,
    ),
    Mutant(
        "product: of a sum of more than 64 terms only the last block is kept",
        GEMM,
        "V::load(so_far) + acc[r][v]",
        "acc[r][v]",
        ("tests/functional/test_attention.py", RECURRENT),
        killed_before=True,
    ),
    Mutant(
        "stream: a copy begins with the other half of the states",
        STREAM,
        "other->current_ = current_;",
        "(void)other;",
        (STREAMS,),
        killed_before=False,
    ),
    Mutant(
        "stream: a copy begins with a cell state of 0",
        STREAM,
        "std::copy_n(c_.data(), c_.size(), other->c_.data());",
        "(void)other;",
        (STREAMS,),
        killed_before=False,
    ),
]
