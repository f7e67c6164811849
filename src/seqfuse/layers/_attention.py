"""Attention layer with dot-product or concatenated scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _checks
from seqfuse import functional as F
from seqfuse._seeds import SeedGenerator
from seqfuse.layers import activations
from seqfuse.layers._base_attention import BaseAttention, add_gradients, identity, step_mask

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.layers._argument_types import Grads, Inputs, Into, Masks, Outputs, ShapeLike, Shapes, Tape

TANH = activations.functions_for(activations.parse("Attention", "score_mode", "tanh"))


class AttentionTape(NamedTuple):
    """Tape of `Attention`."""

    y: Any  # tape of F.attention_forward
    weights: Any  # tape of F.attention_forward with identity matrices as values, if the weights were returned
    scores: Any  # tape of `score`, for score_mode="concat"
    q: Array
    query_mask: Array | None  # (B, Tq, 1)
    inputs: int  # number of inputs


class ConcatTape(NamedTuple):
    """Tape of the concatenated scores."""

    total: Array  # (B, Tq, Tk, D): q + k
    slope: Array  # (B, Tq, Tk, D): derivative of tanh at `total`
    sums: Array  # (B, Tq, Tk): sum of tanh over D


class Attention(BaseAttention):
    """Dot-product attention (Luong style): y = softmax(s) value.

    The scores are ::

        s = scale * query key^T                                 score_mode="dot"
        s = w * sum over d of tanh(scale * (query + key))       score_mode="concat"

    Parameters
    ----------
    use_scale : bool, default False
        Whether scale is a trainable weight. Otherwise it is 1, not 1 / sqrt(D).
    score_mode : "dot" or "concat", default "dot"
        Kind of the scores. "concat" has the trainable weight w and needs O(Tq * T * D) memory.
    dropout : float, default 0.0
        Fraction of the attention weights that is dropped during training, in [0, 1).
    seed : int, optional
        Seed of the dropout.
    name : str, optional
        Name of the layer. By default it follows from the class.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : "float32" or "float64", default "float32"
        The dtype of the weights and of the computation.
    input_shape : tuple of int or None, optional
        Shape of the first input without the batch axis; None for an axis of any size.
    **keras_options : Any
        Further arguments of Keras, which are ignored or must be None; see `Layer`.

    Raises
    ------
    ValueError
        If an argument is out of range, or the shapes of the inputs do not fit.

    Notes
    -----
    The layer is called on [query, value] or [query, value, key] with the shapes (batch, Tq, D), (batch, T, Dv) and
    (batch, T, D). The key is the value by default. The output is (batch, Tq, Dv).

    A call accepts two options. ``use_causal_mask=True`` lets query i attend to keys j <= i only.
    ``return_attention_scores=True`` returns [y, weights] with the attention weights (batch, Tq, T).

    The masks of query and value are (batch, Tq) and (batch, T). Masked keys are excluded; y is 0 at masked queries. If
    no key is left for a query, y is 0; Keras attends to masked keys then.

    References
    ----------
    Luong, Pham and Manning 2015, arXiv:1508.04025.

    Examples
    --------
    >>> import numpy as np
    >>> from seqfuse.layers import Attention
    >>> query, value = np.zeros((1, 2, 3)), np.arange(12.0).reshape(1, 4, 3)
    >>> Attention()([query, value])[0, 0]  # equal scores: the mean of the values
    array([4.5, 5.5, 6.5], dtype=float32)
    >>> Attention()([query, value], use_causal_mask=True)[0]
    array([[0. , 1. , 2. ],
           [1.5, 2.5, 3.5]], dtype=float32)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike = "float32",
        input_shape: ShapeLike | None = None,
        **keras_options: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, input_shape=input_shape, **keras_options)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f'Attention: score_mode must be "dot" or "concat"; got {score_mode!r}')
        self.use_scale, self.score_mode = use_scale, score_mode
        self.dropout = _checks.fraction("Attention", "dropout", dropout)
        self.seed = seed
        self._seeds = SeedGenerator(seed) if dropout else None

    def build(self, input_shape: Shapes) -> None:
        self.add_weights(input_shape[0])
        super().build(input_shape)
        self._features = None  # the number of features may differ from call to call

    def add_weights(self, query: ShapeLike) -> None:
        """Create the weights scale and concat_score_weight, if they are used.

        Parameters
        ----------
        query : tuple of int or None
            Shape of the query.
        """
        self.scale = self.add_weight("scale", (), "ones") if self.use_scale else None
        concat = self.score_mode == "concat"
        self.concat_score_weight = self.add_weight("concat_score_weight", (), "ones") if concat else None

    # ---- forward and backward ------------------------------------------------------------------------------------

    def forward(
        self,
        x: Inputs,
        training: bool = False,
        mask: Masks = None,
        *,
        keep: bool = True,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Outputs, Tape]:
        """Return y, or [y, weights], and the tape for `backward`.

        Parameters
        ----------
        x : list of array_like
            [query, value] or [query, value, key].
        training : bool, optional
            Whether to apply dropout.
        mask : list of array_like, optional
            Masks of the inputs, [(batch, Tq), (batch, T)]; True at valid steps. None means that all steps are valid.
        keep : bool, optional
            False states that `backward` will not be called.
        return_attention_scores : bool, optional
            Whether to return the attention weights (batch, Tq, T), too.
        use_causal_mask : bool, optional
            Whether query i attends to keys j <= i only.

        Returns
        -------
        y : ndarray, shape (batch, Tq, Dv), or list of ndarray
            Output, or [y, weights].
        tape : object
            First argument of `backward`.
        """
        q, v, *others = self.sequences(x)
        k = others[0] if others else v
        query_mask, value_mask = self._masks(mask, q, v)
        if query_mask is not None and not return_attention_scores:
            q = np.where(query_mask, q, 0)  # so that the padding, NaN included, has no effect on gradients
        options: dict[str, Any] = {"scale": 1.0, "causal": "top_left" if use_causal_mask else False}
        if training and self._seeds is not None:
            options |= {"dropout": self.dropout, "seed": self._seeds.next()}
        if value_mask is not None:
            options["mask"] = value_mask[:, None, None]
        scores = None
        heads = q[:, None], k[:, None]
        if self.score_mode == "concat":
            scores, options["mask"] = self._concat(q, k, value_mask)
            heads = np.zeros((*q.shape[:2], 1), q.dtype)[:, None], np.zeros((*k.shape[:2], 1), q.dtype)[:, None]
        elif self.scale is not None:
            heads = (q * self.scale.value)[:, None], heads[1]
        y, y_tape = F.attention_forward(*heads, v[:, None], **options) if keep else (
            F.attention(*heads, v[:, None], **options), None
        )  # fmt: skip
        y = y[:, 0]
        if query_mask is not None:
            y = np.where(query_mask, y, 0)
        if not return_attention_scores:
            return y, AttentionTape(y_tape, None, scores, q, query_mask, len(x))
        weights, weights_tape = F.attention_forward(*heads, identity(heads[1]), **options)
        return [y, weights[:, 0]], AttentionTape(y_tape, weights_tape, scores, q, query_mask, len(x))

    def backward(self, tape: AttentionTape, dy: Outputs, *, need_dx: bool = True, into: Into = None) -> Grads:
        # dx is [dquery, dvalue] or [dquery, dvalue, dkey]
        into = self.targets(into)
        dy, dweights = dy if tape.weights is not None else (dy, None)
        concat = tape.scores is not None
        dq: Any = None
        dk: Any = None
        dv: Any = None
        ds: Any = None
        if dy is not None:
            dy = dy if tape.query_mask is None else np.where(tape.query_mask, dy, 0)
            dq, dk, dv, ds = F.attention_backward(tape.y, dy[:, None], need_dmask=concat)
        if dweights is not None:
            more = F.attention_backward(tape.weights, dweights[:, None], need_dmask=concat)
            dq, dk, ds = add_gradients(dq, more.dq), add_gradients(dk, more.dk), add_gradients(ds, more.dmask)
        if dq is None:
            return [None] * tape.inputs, self.gradients(into)
        if tape.scores is not None:
            dq, dk = self._concat_backward(tape.scores, ds[:, 0], into)
        else:
            dq, dk = dq[:, 0], dk[:, 0]
            if self.scale is not None:  # forward: s = (q * scale) k^T
                into[0][...] += (dq * tape.q).sum()
                dq = dq * self.scale.value
        dv = None if dv is None else dv[:, 0]
        return ([dq, add_gradients(dv, dk)] if tape.inputs == 2 else [dq, dv, dk]), self.gradients(into)

    def _masks(self, mask: Any, q: Array, v: Array) -> tuple[Array | None, Array | None]:
        """Return the masks of query, (B, Tq, 1), and of value, (B, T)."""
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or not 2 <= len(mask) <= 3:
            raise ValueError(f"{self.name}: mask must be [query_mask, value_mask]; got {type(mask).__name__}")
        query_mask = None if mask[0] is None else step_mask(self.name, mask[0], q.shape)[:, :, None]
        return query_mask, None if mask[1] is None else step_mask(self.name, mask[1], v.shape)

    # ---- concatenated scores -------------------------------------------------------------------------------------

    def _concat(self, q: Array, k: Array, value_mask: Array | None) -> tuple[Any, Array]:
        """Return a tape and the scores (B, 1, Tq, Tk), -inf at masked keys; they are added as a mask to scores of 0."""
        if value_mask is not None:
            k = np.where(value_mask[:, :, None], k, 0)
        scores, tape = self.score(q[:, :, None] + k[:, None])
        if value_mask is not None:
            scores = np.where(value_mask[:, None], scores, -np.inf)
        return tape, scores[:, None]

    def _concat_backward(self, tape: Any, ds: Array, into: list[Array]) -> tuple[Array, Array]:
        """Return dq and dk; accumulate the gradients of the weights into `into`."""
        da = self.score_backward(tape, ds, into)
        return da.sum(2), da.sum(1)

    def score(self, total: Array) -> tuple[Array, Any]:
        """Compute the scores s = w * sum over d of tanh(scale * total).

        Parameters
        ----------
        total : ndarray, shape (B, Tq, Tk, D)
            Sum query + key.

        Returns
        -------
        s : ndarray, shape (B, Tq, Tk)
            Scores.
        tape : object
            First argument of `score_backward`.
        """
        assert self.concat_score_weight is not None
        y, slope = TANH.forward(total if self.scale is None else total * self.scale.value)
        sums = y.sum(-1)
        return sums * self.concat_score_weight.value, ConcatTape(total, slope, sums)

    def score_backward(self, tape: Any, ds: Array, into: list[Array]) -> Array:
        """Return the gradient of query + key; accumulate those of scale and w into `into`.

        Parameters
        ----------
        tape : object
            Second result of `score`.
        ds : ndarray, shape (B, Tq, Tk)
            Gradient of the scores.
        into : list of ndarray
            One array per weight.

        Returns
        -------
        ndarray, shape (B, Tq, Tk, D)
            Gradient of query + key.
        """
        assert self.concat_score_weight is not None
        into[-1][...] += (ds * tape.sums).sum()
        da = TANH.backward(tape.slope, (ds * self.concat_score_weight.value)[..., None])
        if self.scale is not None:
            into[0][...] += (da * tape.total).sum()
            da = da * self.scale.value
        return da

    # ---- shapes --------------------------------------------------------------------------------------------------

    def check_together(self, shapes: Any, sources: Any = (None,) * 3) -> None:
        # in addition, query and key need the same number of features
        super().check_together(shapes, sources)
        query, key = shapes[0][2], shapes[-1][2]
        if query != key and query is not None and key is not None:
            raise ValueError(f"{self.name}: query and key must have the same number of features; got {query} and {key}")

    def compute_output_shape(
        self, input_shape: Shapes, return_attention_scores: bool = False, use_causal_mask: bool = False
    ) -> Any:
        """Return the shape of y, and that of the weights if they are returned.

        Parameters
        ----------
        input_shape : list of tuple
            Shapes of the inputs.
        return_attention_scores, use_causal_mask : bool, optional
            Options of the call.

        Returns
        -------
        tuple, or list of tuple
            (batch, Tq, Dv), or [(batch, Tq, Dv), (batch, Tq, T)].
        """
        (batch, Tq, _), (_, T, Dv) = input_shape[:2]
        return [(batch, Tq, Dv), (batch, Tq, T)] if return_attention_scores else (batch, Tq, Dv)
