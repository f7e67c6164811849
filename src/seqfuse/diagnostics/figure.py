"""Create matplotlib figures without pyplot, so that no window opens and no global state changes."""

from __future__ import annotations

from typing import Any


def new_figure(function: str, width: float, height: float) -> Any:
    """Return an empty `matplotlib.figure.Figure` of the given size in inches.

    Raises
    ------
    ImportError
        If matplotlib is not installed. The message names `function` and the extra to install.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(f'{function}: matplotlib must be installed. Run: pip install "seqfuse[plot]"') from None
    return Figure(figsize=(width, height), layout="constrained")
