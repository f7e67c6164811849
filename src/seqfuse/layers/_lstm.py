"""Long short-term memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqfuse import functional as F
from seqfuse import initializers
from seqfuse.layers import activations
from seqfuse.layers._recurrent import Recurrent


class LSTM(Recurrent):
    """i, f, o = sigmoid(x W + h_prev U + b), g = tanh(...), c = f * c_prev + i * g, h = o * tanh(c).

    Parameters
    ----------
    units : int        H, features of h and of c
    activation : str or tuple        in the place of tanh; see `seqfuse.functional.lstm`. None: linear
    recurrent_activation : str or tuple        in the place of sigmoid
    unit_forget_bias : bool        the bias of the forget gate starts from 1
    **kwargs : all others of `SimpleRNN`, and of `Layer`

    Notes
    -----
    Weights: kernel (I, 4*units), recurrent_kernel (units, 4*units), bias (4*units,); columns i, f, g, o. States: h, c.
    Call it with `initial_state=[h0, c0]`. Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import LSTM
    >>> (y, h, c), tape = LSTM(4, return_sequences=True, return_state=True).forward(np.ones((2, 5, 3)))
    >>> y.shape, bool((h == y[:, -1]).all())
    ((2, 5, 4), True)
    """

    gates = 4
    state_names = ("h", "c")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation = activations.check_cell_activation(
            "LSTM", "recurrent_activation", recurrent_activation
        )
        self.unit_forget_bias = unit_forget_bias

    def initial_bias(self) -> Any:
        """bias_initializer, with ones in the place of the forget gate."""
        if not self.unit_forget_bias:
            return self.bias_initializer
        initial: Any = initializers.get(self.bias_initializer)
        H = self.units

        def with_ones(shape: tuple[int, ...], dtype: Any) -> Any:
            i, rest = initial((H,), dtype=dtype), initial((2 * H,), dtype=dtype)
            return np.concatenate([i, np.ones(H, dtype), rest])

        return with_ones

    def functions(self) -> tuple[Any, Any, Any]:
        """`lstm` and its pair."""
        return F.lstm, F.lstm_forward, F.lstm_backward

    def cell_options(self) -> dict[str, Any]:
        """Both activations."""
        return {"activation": self.activation, "recurrent_activation": self.recurrent_activation}
