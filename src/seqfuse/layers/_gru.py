"""Gated recurrent units."""

from __future__ import annotations

from typing import Any

from seqfuse import functional as F
from seqfuse.functional.gru import select_cell
from seqfuse.layers import activations
from seqfuse.layers._recurrent import Recurrent


class GRU(Recurrent):
    """z, r = sigmoid(x W + h_prev U + b), n = tanh(x Wn + bn + r * (h_prev Un + b'n)), h = z * h_prev + (1 - z) * n.

    Parameters
    ----------
    units : int        H, features of h
    activation : str or tuple        in the place of tanh; see `seqfuse.functional.gru`. None: linear
    recurrent_activation : str or tuple        in the place of sigmoid
    reset_after : bool        False: n = tanh(x Wn + (r * h_prev) Un + bn)
    update_gate : "previous" or "candidate"        what z multiplies; "candidate": h = (1 - z) * h_prev + z * n
    **kwargs : all others of `SimpleRNN`, and of `Layer`

    Notes
    -----
    Weights: kernel (I, 3*units), recurrent_kernel (units, 3*units), columns z, r, n; bias (2, 3*units), (3*units,) with
    reset_after=False. Cho et al. 2014, arXiv:1406.1078; update_gate="candidate" is Chung et al. 2014, arXiv:1412.3555.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import GRU
    >>> GRU(4)(np.ones((2, 5, 3))).shape
    (2, 4)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        reset_after: bool = True,
        update_gate: str = "previous",
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation = activations.check_cell_activation(
            "GRU", "recurrent_activation", recurrent_activation
        )
        select_cell("GRU", reset_after, update_gate)
        self.reset_after, self.update_gate = reset_after, update_gate

    def bias_shape(self) -> tuple[int, ...]:
        """Two rows where the reset gate acts after the product."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def functions(self) -> tuple[Any, Any, Any]:
        """`gru` and its pair."""
        return F.gru, F.gru_forward, F.gru_backward

    def cell_options(self) -> dict[str, Any]:
        """Both activations, and which of the four GRUs."""
        return {
            "activation": self.activation,
            "recurrent_activation": self.recurrent_activation,
            "reset_after": self.reset_after,
            "update_gate": self.update_gate,
        }
