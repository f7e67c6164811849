"""Contenders are checked before they are timed."""

import numpy as np
import pytest

from seqfuse.bench.case import Case, Contender
from seqfuse.bench.measurements import WrongError, measurements
from seqfuse.bench.recurrent import contenders
from seqfuse.bench.recurrent.shapes import Shape, flops
from seqfuse.bench.tables import CELLS

SHORT = 1e-4  # seconds of each measurement: what is tested is who is timed, not how long it takes
CASE = Case("rnn", "forward", Shape(3, 2, 4, 5), 1)


def run(enter, case=CASE):
    (measured,) = measurements(CELLS._replace(enter=enter), [case], [], 1, SHORT)
    return measured


def shifted(contender):
    return contender._replace(read=lambda result: {k: a + 0.1 for k, a in contender.read(result).items()})


def test_measurements_refuse_to_time_what_is_wrong():
    with pytest.raises(WrongError, match=r"^rnn forward \(3, 2, 4, 5\), threads 1: y is out by 1.00e-01"):
        run(lambda *given: [shifted(contenders.seqfuse(*given[:2]))])


def test_measurements_name_the_wrong_one_of_several_of_ours():
    def enter(*given):
        ours = contenders.seqfuse(*given[:2])
        return [ours, shifted(ours)._replace(name="padded")]

    with pytest.raises(WrongError, match="threads 1: padded: y is out by"):
        run(enter)


def test_measurements_leave_out_a_peer_that_is_wrong(capsys):
    zeros = {name: np.zeros(1) for name in ("y", "h")}

    def enter(problem, work, *_):
        peer = Contender("pytorch packed", problem, lambda: zeros, lambda result: result)
        return [contenders.seqfuse(problem, work), peer]

    assert list(run(enter).timing.seconds) == ["seqfuse"]
    message = "pytorch packed left out of rnn forward (3, 2, 4, 5), threads 1: y has the shape (1,)"
    assert message in capsys.readouterr().err


def test_measurements_judge_each_contender_by_its_own_problem():
    measured = run(contenders.with_padding)
    assert list(measured.timing.seconds) == ["seqfuse", "padded"]
    assert (measured.amount, measured.unit) == (flops(*CASE[:3], real=4), "FLOP")  # of rows of 3 and 1 steps
