"""Initializers whose spread follows from how many inputs and outputs a weight has: VarianceScaling and its names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from seqfuse import _checks, _names
from seqfuse.initializers.base import Drawn
from seqfuse.initializers.drawn import normal, truncated_normal, uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("uniform", "truncated_normal", "untruncated_normal")

# Standard deviation of a normal distribution that is cut at 2: sqrt(1 - 4 phi(2) / (2 Phi(2) - 1))
_TRUNCATED = 0.87962566103423978


class VarianceScaling(Drawn):
    """Numbers whose variance is scale / fan: the sums that a weight forms neither grow nor shrink with its size.

        uniform              in [-l, l), l = sqrt(3 scale / fan)
        truncated_normal     of standard deviation sqrt(scale / fan) after it was cut at two of those before
        untruncated_normal   of standard deviation sqrt(scale / fan)

    Parameters
    ----------
    scale : float        greater than 0
    mode : "fan_in", "fan_out" or "fan_avg"        the fan is the number of inputs, of outputs, or half their sum
    distribution : "uniform", "truncated_normal" or "untruncated_normal"        "normal" is the second
    seed : int or None        one object draws the same at every call, with or without it
    input_axes, output_axes : tuple of int        whose sizes multiply to the fans, where the shape alone does not say;
        both or neither

    Raises
    ------
    ValueError        a scale, mode or distribution that there is not

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializer = initializers.VarianceScaling(3.0, "fan_in", "uniform", seed=1)
    >>> bool(abs(initializer((9, 1000))).max() < 1.0)
    True
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed)
        function = type(self).__name__
        self.scale = _checks.real(function, "scale", scale)
        if not 0 < self.scale < math.inf:
            raise ValueError(f"{function}: scale must be greater than 0; got {self.scale}")
        self.mode = _names.look_up(function, "mode", mode, dict(zip(_MODES, _MODES)))
        distribution = "truncated_normal" if distribution == "normal" else distribution
        self.distribution = _names.look_up(
            function, "distribution", distribution, dict(zip(_DISTRIBUTIONS, _DISTRIBUTIONS))
        )
        if (input_axes is None) != (output_axes is None):
            raise ValueError(f"{function}: input_axes and output_axes must be given both or neither; got one of them")
        self.input_axes = input_axes
        self.output_axes = output_axes

    def values(self, shape: tuple[int, ...]) -> Array:
        fan_in, fan_out = fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return uniform(self.generator(), shape, -limit, limit)
        if self.distribution == "truncated_normal":
            return math.sqrt(variance) / _TRUNCATED * truncated_normal(self.generator(), shape)
        return math.sqrt(variance) * normal(self.generator(), shape)


def fans(
    shape: tuple[int, ...], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """How many inputs and outputs a weight has; the axes before the last two are a window, which counts for both."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


class _Named(VarianceScaling):
    """A choice of scale, mode and distribution that has a name."""

    _CHOICE: ClassVar[tuple[float, str, str]]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self._CHOICE, seed, input_axes, output_axes)


class GlorotUniform(_Named):
    """Numbers in [-l, l), l = sqrt(6 / (fan_in + fan_out)).

    Parameters
    ----------
    seed, input_axes, output_axes : as for `VarianceScaling`

    Notes
    -----
    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.GlorotUniform(seed=1)((3, 4)).shape
    (3, 4)
    """

    _CHOICE = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Named):
    """Numbers of a truncated normal distribution of variance 2 / (fan_in + fan_out).

    Parameters
    ----------
    seed, input_axes, output_axes : as for `VarianceScaling`

    Notes
    -----
    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.GlorotNormal(seed=1)((3, 4)).shape
    (3, 4)
    """

    _CHOICE = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Named):
    """Numbers in [-l, l), l = sqrt(6 / fan_in).

    Parameters
    ----------
    seed, input_axes, output_axes : as for `VarianceScaling`

    Notes
    -----
    He, Zhang, Ren and Sun, 2015, arXiv:1502.01852.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.HeUniform(seed=1)((3, 4)).shape
    (3, 4)
    """

    _CHOICE = (2.0, "fan_in", "uniform")


class HeNormal(_Named):
    """Numbers of a truncated normal distribution of variance 2 / fan_in.

    Parameters
    ----------
    seed, input_axes, output_axes : as for `VarianceScaling`

    Notes
    -----
    He, Zhang, Ren and Sun, 2015, arXiv:1502.01852.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.HeNormal(seed=1)((3, 4)).shape
    (3, 4)
    """

    _CHOICE = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Named):
    """Numbers in [-l, l), l = sqrt(3 / fan_in).

    Parameters
    ----------
    seed, input_axes, output_axes : as for `VarianceScaling`

    Notes
    -----
    LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.LecunUniform(seed=1)((3, 4)).shape
    (3, 4)
    """

    _CHOICE = (1.0, "fan_in", "uniform")


class LecunNormal(_Named):
    """Numbers of a truncated normal distribution of variance 1 / fan_in.

    Parameters
    ----------
    seed, input_axes, output_axes : as for `VarianceScaling`

    Notes
    -----
    LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.LecunNormal(seed=1)((3, 4)).shape
    (3, 4)
    """

    _CHOICE = (1.0, "fan_in", "truncated_normal")
