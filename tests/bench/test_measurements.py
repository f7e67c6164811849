"""Test that contenders are validated before they are timed."""

import numpy as np
import pytest

from seqfuse.bench.case import Case, Contender
from seqfuse.bench.measurements import WrongError, measurements
from seqfuse.bench.recurrent import contenders
from seqfuse.bench.recurrent.shapes import Shape, flops
from seqfuse.bench.tables import CELLS

SHORT = 1e-4  # seconds per measurement: the tests do not depend on the times
CASE = Case("rnn", "forward", Shape(3, 2, 4, 5), 1)


def run(make_contenders, case=CASE):
    (timed,) = measurements(CELLS._replace(contenders=make_contenders), [case], [], 1, SHORT)
    return timed


def shifted(contender):
    return contender._replace(read=lambda result: {k: a + 0.1 for k, a in contender.read(result).items()})


def test_measurements_raise_when_a_result_of_seqfuse_is_wrong():
    with pytest.raises(WrongError, match=r"^rnn forward \(3, 2, 4, 5\), threads 1: y has an error of 1.00e-01"):
        run(lambda *given: [shifted(contenders.seqfuse(*given[:2]))])


def test_measurements_name_the_wrong_contender_of_seqfuse():
    def make_contenders(*given):
        ours = contenders.seqfuse(*given[:2])
        return [ours, shifted(ours)._replace(name="padded")]

    with pytest.raises(WrongError, match="threads 1: padded: y has an error of"):
        run(make_contenders)


def test_measurements_report_and_omit_a_wrong_peer(capsys):
    zeros = {name: np.zeros(1) for name in ("y", "h")}

    def make_contenders(problem, work, *_):
        peer = Contender("pytorch packed", problem, lambda: zeros, lambda result: result)
        return [contenders.seqfuse(problem, work), peer]

    assert list(run(make_contenders).timing.seconds) == ["seqfuse"]
    message = "pytorch packed left out of rnn forward (3, 2, 4, 5), threads 1: y has shape (1,)"
    assert message in capsys.readouterr().err


def test_measurements_validate_each_contender_with_its_own_problem():
    timed = run(contenders.with_padding)
    assert list(timed.timing.seconds) == ["seqfuse", "padded"]
    assert (timed.amount, timed.unit) == (flops(*CASE[:3], valid=4), "FLOP")  # rows of 3 and 1 steps
