"""Empty figures, drawn without a screen and without pyplot's global state."""

from __future__ import annotations

from typing import Any


def new_figure(function: str, width: float, height: float) -> Any:
    """A `matplotlib.figure.Figure`, sizes in inches.

    Raises
    ------
    ImportError        matplotlib is not installed
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(f'{function}: matplotlib must be installed. Run: pip install "seqfuse[plot]"') from None
    return Figure(figsize=(width, height), layout="constrained")
