import numpy as np
import pytest

from seqfuse.bench.pytorch import reordered

pytestmark = pytest.mark.once


def test_reordered_swaps_z_and_r_of_the_gru_and_is_its_own_inverse():
    z_r_n = np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]])
    r_z_n = reordered("gru", z_r_n)
    np.testing.assert_array_equal(r_z_n, [[2.0, 3.0, 0.0, 1.0, 4.0, 5.0]])
    np.testing.assert_array_equal(reordered("gru", r_z_n), z_r_n)


def test_reordered_leaves_rnn_and_lstm_as_they_are():
    a = np.arange(8.0)
    np.testing.assert_array_equal(reordered("rnn", a), a)
    np.testing.assert_array_equal(reordered("lstm", a), a)
