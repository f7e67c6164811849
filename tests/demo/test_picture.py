"""The learning curve of the demo as a picture."""

import numpy as np
import pytest

from seqfuse.demo.picture import can_draw, draw
from seqfuse.demo.train import Epoch

pytestmark = pytest.mark.skipif(not can_draw(), reason="needs matplotlib")


def test_draw_saves_a_picture(tmp_path):
    path = tmp_path / "curve.png"
    draw(
        path, [Epoch(1, 3.0, 2.5, 1000, 2.0), Epoch(2, 2.4, 2.2, 1000, 2.0)], np.array([4.7, 3.3, 2.5, 2.0, 1.9, 1.93])
    )
    assert path.read_bytes().startswith(b"\x89PNG")
