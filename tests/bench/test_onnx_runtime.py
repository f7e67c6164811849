import numpy as np
import pytest

from seqfuse.bench.onnx_runtime import reordered

pytestmark = pytest.mark.once


def test_reordered_brings_the_lstm_to_i_o_f_c():
    np.testing.assert_array_equal(reordered("lstm", np.array(["i", "f", "g", "o"])), ["i", "o", "f", "g"])


def test_reordered_leaves_rnn_and_gru_as_they_are():
    a = np.arange(6.0)
    np.testing.assert_array_equal(reordered("rnn", a), a)
    np.testing.assert_array_equal(reordered("gru", a), a)
