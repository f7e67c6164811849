"""Test the comparison of results with the reference."""

import numpy as np

from seqfuse.bench.validation import disagreement


def test_disagreement_accepts_rounding_only():
    right = {"y": np.array([[1.0, -2.0]])}
    assert disagreement({"y": right["y"].astype(np.float32) + np.float32(1e-6)}, right) is None
    assert "y has an error of 1.00e-02" in str(disagreement({"y": right["y"] + 0.01}, right))
    assert "shape (1, 1)" in str(disagreement({"y": right["y"][:, :1]}, right))
    assert "error of nan" in str(disagreement({"y": right["y"] * np.nan}, right))
    assert disagreement({"y": np.empty((0, 3))}, {"y": np.empty((0, 3))}) is None


def test_disagreement_compares_the_root_mean_square_of_gradients_when_kinked():
    right = {"y": np.ones((100, 100)), "dx": np.ones((100, 100))}
    one_unit = right["dx"].copy()
    one_unit[0, 0] = 1.5
    assert "dx has an error of" in str(disagreement({**right, "dx": one_unit}, right))
    assert disagreement({**right, "dx": one_unit}, right, kinked=True) is None
    assert "y has an error of" in str(disagreement({**right, "y": one_unit}, right, kinked=True))
    for wrong in (1.1 * right["dx"], np.nan * right["dx"]):
        assert "dx has an error of" in str(disagreement({**right, "dx": wrong}, right, kinked=True))
