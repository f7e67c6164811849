"""Random initializers whose variance depends on the number of inputs and outputs: VarianceScaling and variants."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from seqfuse import _checks, _names
from seqfuse.initializers.base import RandomInitializer
from seqfuse.initializers.random import normal, truncated_normal, uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqfuse._arrays import Array

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("uniform", "truncated_normal", "untruncated_normal")

# Standard deviation of a standard normal distribution truncated at 2: sqrt(1 - 4 phi(2) / (2 Phi(2) - 1))
_TRUNCATED_STDDEV = 0.87962566103423978


class VarianceScaling(RandomInitializer):
    """Random values with variance scale / fan, so that the size of a layer does not affect the scale of its output.

    The distributions are ::

        uniform              in [-l, l) with l = sqrt(3 * scale / fan)
        truncated_normal     standard deviation sqrt(scale / fan) after the truncation at two standard deviations
        untruncated_normal   standard deviation sqrt(scale / fan)

    Parameters
    ----------
    scale : float, default 1.0
        Factor of the variance, greater than 0.
    mode : {"fan_in", "fan_out", "fan_avg"}, default "fan_in"
        The fan is the number of inputs, the number of outputs, or their mean.
    distribution : {"truncated_normal", "uniform", "untruncated_normal"}, default "truncated_normal"
        Distribution. "normal" means "truncated_normal".
    seed : int, optional
        Seed. An initializer returns the same values at every call, as in Keras. Without a seed, its values follow
        from `seqfuse.utils.set_random_seed`.
    input_axes, output_axes : sequence of int, optional
        Axes whose sizes multiply to the number of inputs and of outputs, for weights whose shape alone does not
        determine them. Give both or neither.

    Raises
    ------
    ValueError
        If `scale`, `mode` or `distribution` is not one of those above.

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
            raise ValueError(f"{function}: input_axes and output_axes must be given together; got only one of them")
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
            return math.sqrt(variance) / _TRUNCATED_STDDEV * truncated_normal(self.generator(), shape)
        return math.sqrt(variance) * normal(self.generator(), shape)


def fans(
    shape: tuple[int, ...], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """Return the numbers of inputs and outputs of a weight.

    The axes before the last two are the window of a convolution; its size is a factor of both numbers.
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


class _Preset(VarianceScaling):
    """VarianceScaling with fixed scale, mode and distribution."""

    _PRESET: ClassVar[tuple[float, str, str]]

    def __init__(
        self,
        seed: int | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self._PRESET, seed, input_axes, output_axes)


class GlorotUniform(_Preset):
    """Glorot uniform distribution: [-l, l) with l = sqrt(6 / (fan_in + fan_out)).

    Parameters
    ----------
    seed : int, optional
        Seed. An initializer returns the same values at every call, as in Keras. Without a seed, its values follow
        from `seqfuse.utils.set_random_seed`.
    input_axes, output_axes : sequence of int, optional
        Axes whose sizes multiply to the number of inputs and of outputs; see `VarianceScaling`.

    References
    ----------
    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", AISTATS.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.GlorotUniform(seed=1)((3, 4)).shape
    (3, 4)
    """

    _PRESET = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Glorot normal distribution: truncated normal with variance 2 / (fan_in + fan_out).

    Parameters
    ----------
    seed : int, optional
        Seed. An initializer returns the same values at every call, as in Keras. Without a seed, its values follow
        from `seqfuse.utils.set_random_seed`.
    input_axes, output_axes : sequence of int, optional
        Axes whose sizes multiply to the number of inputs and of outputs; see `VarianceScaling`.

    References
    ----------
    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", AISTATS.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.GlorotNormal(seed=1)((3, 4)).shape
    (3, 4)
    """

    _PRESET = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Preset):
    """He uniform distribution: [-l, l) with l = sqrt(6 / fan_in).

    Parameters
    ----------
    seed : int, optional
        Seed. An initializer returns the same values at every call, as in Keras. Without a seed, its values follow
        from `seqfuse.utils.set_random_seed`.
    input_axes, output_axes : sequence of int, optional
        Axes whose sizes multiply to the number of inputs and of outputs; see `VarianceScaling`.

    References
    ----------
    He, Zhang, Ren and Sun 2015, arXiv:1502.01852.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.HeUniform(seed=1)((3, 4)).shape
    (3, 4)
    """

    _PRESET = (2.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """He normal distribution: truncated normal with variance 2 / fan_in.

    Parameters
    ----------
    seed : int, optional
        Seed. An initializer returns the same values at every call, as in Keras. Without a seed, its values follow
        from `seqfuse.utils.set_random_seed`.
    input_axes, output_axes : sequence of int, optional
        Axes whose sizes multiply to the number of inputs and of outputs; see `VarianceScaling`.

    References
    ----------
    He, Zhang, Ren and Sun 2015, arXiv:1502.01852.

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.HeNormal(seed=1)((3, 4)).shape
    (3, 4)
    """

    _PRESET = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """LeCun uniform distribution: [-l, l) with l = sqrt(3 / fan_in).

    Parameters
    ----------
    seed : int, optional
        Seed. An initializer returns the same values at every call, as in Keras. Without a seed, its values follow
        from `seqfuse.utils.set_random_seed`.
    input_axes, output_axes : sequence of int, optional
        Axes whose sizes multiply to the number of inputs and of outputs; see `VarianceScaling`.

    References
    ----------
    LeCun, Bottou, Orr and Müller 1998, "Efficient BackProp".

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.LecunUniform(seed=1)((3, 4)).shape
    (3, 4)
    """

    _PRESET = (1.0, "fan_in", "uniform")


class LecunNormal(_Preset):
    """LeCun normal distribution: truncated normal with variance 1 / fan_in.

    Parameters
    ----------
    seed : int, optional
        Seed. An initializer returns the same values at every call, as in Keras. Without a seed, its values follow
        from `seqfuse.utils.set_random_seed`.
    input_axes, output_axes : sequence of int, optional
        Axes whose sizes multiply to the number of inputs and of outputs; see `VarianceScaling`.

    References
    ----------
    LeCun, Bottou, Orr and Müller 1998, "Efficient BackProp".

    Examples
    --------
    >>> from seqfuse import initializers
    >>> initializers.LecunNormal(seed=1)((3, 4)).shape
    (3, 4)
    """

    _PRESET = (1.0, "fan_in", "truncated_normal")
