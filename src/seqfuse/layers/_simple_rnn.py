"""The simple cell: h' = f(x W + h U + b)."""

from __future__ import annotations

from typing import Any

from seqfuse import functional as F
from seqfuse.layers._recurrent import Recurrent


class SimpleRNN(Recurrent):
    """h = f(x W + h_prev U + b), over the steps of x.

    Parameters
    ----------
    units : int        H, features of h
    activation : str or tuple        f; see `seqfuse.functional.rnn`. None: linear
    use_bias : bool
    kernel_initializer, recurrent_initializer, bias_initializer : str, Initializer or callable
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str, Regularizer or None
    dropout, recurrent_dropout : float in [0, 1)        of x and of h_prev, one pattern for all steps, in training
    seed : int        of what is dropped
    return_sequences : bool        True: y (batch, T, units), every step; False: (batch, units), the last
    return_state : bool        True: the final state too
    go_backwards : bool        read from the last step to the first; y in the order of reading
    stateful : bool        go on from the state of the batch before; `reset_state()` forgets it
    zero_output_for_mask : bool        y at unreal steps is 0; False: it is the state that is carried over them
    checkpoint : int        keep every checkpoint-th state for backward, and compute the others again: less memory
    **kwargs : name, trainable, dtype, input_shape        as for `Layer`

    Notes
    -----
    Weights: kernel (I, units), recurrent_kernel (units, units), bias (units,). Call it with `initial_state=h0`.
    J. L. Elman, "Finding structure in time", 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import SimpleRNN
    >>> y, tape = SimpleRNN(4, return_sequences=True).forward(np.ones((2, 5, 3)))
    >>> y.shape
    (2, 5, 4)
    """

    gates = 1

    def functions(self) -> tuple[Any, Any, Any]:
        """`rnn` and its pair."""
        return F.rnn, F.rnn_forward, F.rnn_backward
