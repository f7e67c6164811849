"""Simple recurrent layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse import functional as F
from seqfuse.layers._recurrent import Recurrent

if TYPE_CHECKING:
    from collections.abc import Callable


class SimpleRNN(Recurrent):
    """Simple recurrent layer, in which h = activation(x W + h_prev U + b).

    Parameters
    ----------
    units : int
        Number of hidden units, H.
    activation : str, tuple or None, default "tanh"
        Activation function: a name, or a name and its constants; see `seqfuse.functional.rnn`. None means linear.
    use_bias : bool, default True
        Whether there is a bias.
    kernel_initializer : str, Initializer or callable, default "glorot_uniform"
        Initial values of the weights of x.
    recurrent_initializer : str, Initializer or callable, default "orthogonal"
        Initial values of the weights of h.
    bias_initializer : str, Initializer or callable, default "zeros"
        Initial values of the bias.
    kernel_regularizer, recurrent_regularizer, bias_regularizer : str, Regularizer or None, default None
        Penalties on the weights.
    dropout : float, default 0.0
        Fraction of the features of x that training sets to 0, in [0, 1). The same features at all steps.
    recurrent_dropout : float, default 0.0
        Fraction of the units of h_prev that training sets to 0 before the product with the recurrent weights, in
        [0, 1). The same units at all steps.
    seed : int, optional
        Seed of the dropout masks, in [0, 2**64). By default it follows from the seed of the process.
    return_sequences : bool, default False
        True: return the hidden state at every step, (batch, T, units). False: return the final one, (batch, units).
    return_state : bool, default False
        Whether to return the final states too.
    go_backwards : bool, default False
        Whether to process the steps from the last to the first. The outputs are in the order of processing.
    stateful : bool, default False
        Whether each call starts from the final state of the previous call. `reset_state` resets it to zeros.
    zero_output_for_mask : bool, default False
        True: the outputs at padding are 0. False: they repeat the hidden state of the last valid step.
    checkpoint : int, optional
        Keep only the states before every checkpoint-th step for `backward`, which recomputes the steps in between to
        the same bits. This saves memory and costs time. By default every step is kept.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape (T, I) of the input without the batch axis; None for any number of steps.
    **keras_options : Any
        Arguments of Keras that select an implementation, such as ``unroll`` and ``use_cudnn``, are ignored. Arguments
        of Keras that are not supported, such as ``kernel_constraint``, must be None.

    Raises
    ------
    ValueError
        If a number is out of range, or an activation is unknown.
    TypeError
        If an argument has a wrong type, or does not exist.

    Notes
    -----
    Weights: kernel (I, units), recurrent_kernel (units, units) and bias (units,).

    Call the layer as ``layer(x, initial_state=None, training=False, mask=None)`` with x of shape (batch, T, I), mask of
    shape (batch, T), True at valid steps, and initial_state of shape (batch, units).
    With return_state it returns ``[y, h]``.

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

    def functions(self) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
        """Return `rnn`, `rnn_forward` and `rnn_backward`.

        Returns
        -------
        tuple of callable
            The functions.
        """
        return F.rnn, F.rnn_forward, F.rnn_backward
