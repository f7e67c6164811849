"""Test the picture of the demo's learning curve."""

import numpy as np
import pytest

from seqfuse.demo.picture import can_draw, draw, spread
from seqfuse.demo.train import Epoch

pytestmark = pytest.mark.skipif(not can_draw(), reason="needs matplotlib")


def test_draw_saves_a_picture(tmp_path):
    path = tmp_path / "curve.png"
    draw(
        path, [Epoch(1, 3.0, 2.5, 1000, 2.0), Epoch(2, 2.4, 2.2, 1000, 2.0)], np.array([4.7, 3.3, 2.5, 2.0, 1.9, 1.93])
    )
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("values", [[4.7, 3.3, 2.5, 2.0, 1.9, 1.93], [1.0, 1.0, 1.0], [3.0]])
def test_spread_keeps_the_order_and_a_distance_between_labels(values):
    values = np.array(values)
    positions = spread(values, 0.1)
    assert np.all(np.diff(np.sort(positions)) >= 0.1 - 1e-12)
    assert np.all(np.diff(positions[np.argsort(values, kind="stable")]) > 0)
    assert positions.mean() == pytest.approx(values.mean())


def test_spread_does_not_move_distant_values():
    values = np.array([3.0, 1.0, 2.0])
    np.testing.assert_array_equal(spread(values, 0.5), values)
