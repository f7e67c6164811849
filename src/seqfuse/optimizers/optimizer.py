"""Base class of the optimizers: learning rate, gradient limits, weight decay, accumulation and averaging.

All parameters of a model are in one flat array and all gradients in another. An update is one call of one kernel
(cpp/include/seqfuse/optimizer_impl.hpp) that passes over memory once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _arrays, _backend, _checks, _names, _threads
from seqfuse._config import Configured, constructor_arguments
from seqfuse._update import Update
from seqfuse.optimizers import schedules
from seqfuse.optimizers._rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import DTypeLike

    from seqfuse._arrays import Array
    from seqfuse.optimizers.schedules import LearningRateLike


_LIMITS = {"clipnorm": "norm", "clipvalue": "value", "global_clipnorm": "global_norm"}
_WRITEABLE = 0x400  # NPY_ARRAY_WRITEABLE


class Optimizer(Configured):
    """Base class of all optimizers.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable, default 0.001
        Learning rate. A schedule or another callable is called with the number of updates so far; a callable
        without parameters is called with no argument.
    weight_decay : float, optional
        Weight decay rate. Every update first does ``w -= learning_rate * weight_decay * w``, before the gradient is
        applied. None means no decay.
    clipnorm : float, optional
        Maximum L2 norm of the gradient of each variable. At most one of `clipnorm`, `clipvalue` and
        `global_clipnorm` may be given. 0 means no limit.
    clipvalue : float, optional
        Maximum absolute value of each element of the gradients.
    global_clipnorm : float, optional
        Maximum L2 norm of the gradients of all variables together.
    use_ema : bool, default False
        Keep an exponential moving average of the parameters. It replaces the parameters every
        `ema_overwrite_frequency` updates and at the end of the training.
    ema_momentum : float, default 0.99
        Momentum of the average, in [0, 1]:
        ``average = ema_momentum * average + (1 - ema_momentum) * w``.
    ema_overwrite_frequency : int, optional
        Number of updates after which the average replaces the parameters. By default it replaces them only
        at the end of the training.
    loss_scale_factor : float, optional
        Factor by which the loss is multiplied (see `scale_loss`). The gradients are divided by it.
    gradient_accumulation_steps : int, optional
        Number of calls of `update` per change of the parameters, at least 2. The change uses the mean of the
        gradients of these calls. By default every call changes the parameters.
    name : str, optional
        Name of the optimizer. The class name in snake case by default.
    **unknown : Any
        Any other argument is refused by a TypeError that suggests the nearest name.

    Raises
    ------
    ValueError
        If an argument is outside its range, or more than one gradient limit is given.
    TypeError
        If an argument is not a number where one is needed, or does not exist.

    Notes
    -----
    Arguments, defaults and the order of operations are those of Keras 3. Use a subclass such as `SGD` or `Adam`.

    Examples
    --------
    >>> from seqfuse.optimizers import SGD, Optimizer
    >>> isinstance(SGD(0.1), Optimizer)
    True
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        function = type(self).__name__
        for argument in unknown:
            meant = "learning_rate" if argument == "lr" else argument
            near = _names.suggestion(meant, constructor_arguments(type(self)))
            raise TypeError(f"{function}: there is no argument {argument!r}{near}")
        self._rate = schedules.get(learning_rate, function)
        self._rate_takes_step = schedules.accepts_step(self._rate)
        self.weight_decay = None if weight_decay is None else _checks.real(function, "weight_decay", weight_decay)
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        limits = {option: value for option in _LIMITS if (value := getattr(self, option)) is not None}
        if len(limits) > 1:
            raise ValueError(
                f"{function}: at most one of clipnorm, clipvalue and global_clipnorm may be given; got {limits}"
            )
        self._limit, self._max = "none", 0.0
        for option, value in limits.items():
            if _checks.real(function, option, value, 0) > 0:  # 0 means no limit, as in Keras
                self._limit, self._max = _LIMITS[option], float(value)
        self.use_ema = use_ema
        self.ema_momentum = _checks.real(function, "ema_momentum", ema_momentum, 0)
        if self.ema_momentum > 1:
            raise ValueError(f"{function}: ema_momentum must be in [0, 1]; got {ema_momentum}")
        self.ema_overwrite_frequency = _count(function, "ema_overwrite_frequency", ema_overwrite_frequency, 1)
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = _count(
            function, "gradient_accumulation_steps", gradient_accumulation_steps, 2
        )
        self.name = name or _names.snake_case(function)
        self._calls = 0
        self._segments: tuple[tuple[str, int, int], ...] | None = None
        self._dtype: np.dtype[Any] = _arrays.FLOAT32
        self._average: Array | None = None
        self._accumulator: Array | None = None
        self._excluded_names: set[str] = set()
        self._excluded_pattern: re.Pattern[str] | None = None

    def _rule(self) -> Rule:
        """Return the update rule."""
        raise NotImplementedError(f"{type(self).__name__}._rule: a subclass must return its Rule; got no definition")

    # ---- state that changes during training ------------------------------------------------------------------------

    @property
    def iterations(self) -> int:
        """Number of updates of the parameters so far."""
        return self._calls // (self.gradient_accumulation_steps or 1)

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next update.

        A number can be replaced by a number, a schedule or a callable; a schedule by a schedule or a callable.
        """
        rate = self._rate
        if callable(rate):
            return float(rate(self._calls) if self._rate_takes_step else rate())
        return rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        rate = schedules.get(value, type(self).__name__)
        if isinstance(self._rate, schedules.LearningRateSchedule) and not callable(rate):
            raise TypeError(
                f"{type(self).__name__}: learning_rate must be a schedule, because it is one now; got {value!r}. "
                "Create the optimizer with a number to assign numbers"
            )
        self._rate, self._rate_takes_step = rate, schedules.accepts_step(rate)

    @property
    def state(self) -> dict[str, Array]:
        """State of the optimizer by name: the number of calls (`iteration`) and flat arrays.

        The arrays are the optimizer's own, not copies. Assigning a state copies it into them; call `build` first.
        """
        return {"iteration": np.array(self._calls, np.int64)} | (self._arrays if self.built else {})

    @state.setter
    def state(self, state: Mapping[str, Array]) -> None:
        current = self.state
        if state.keys() != current.keys():
            raise ValueError(f"{type(self).__name__}: state must have {sorted(current)}; got {sorted(state)}")
        for name, array in current.items():
            _checks.shape(type(self).__name__, f"state[{name!r}]", "(n,)", array.shape, np.shape(state[name]))
        for name, array in current.items():
            array[...] = state[name]
        self._calls = int(state["iteration"])

    def state_names(self) -> list[str]:
        """Return the names of the arrays in `state`; `build` need not have been called."""
        optional = {"average": self.use_ema, "gradient_accumulator": self.gradient_accumulation_steps}
        return [*self._rule().states, *(name for name, used in optional.items() if used)]

    def excluded(self, names: Iterable[str]) -> list[str]:
        """Return those variables that `exclude_from_weight_decay` has named.

        Parameters
        ----------
        names : iterable of str
            Names of variables.

        Returns
        -------
        list of str
            The names that weight decay skips.
        """
        pattern = self._excluded_pattern
        return [n for n in names if n in self._excluded_names or (pattern and pattern.search(n.rsplit("/", 1)[-1]))]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments by name, with the current learning rate.

        Returns
        -------
        dict
            Arguments by name. `from_config` creates an equal optimizer from them.
        """
        return super().get_config() | {"learning_rate": self._rate}

    # ---- preparation -----------------------------------------------------------------------------------------------

    def exclude_from_weight_decay(
        self, var_list: Iterable[Any] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Exclude variables from weight decay. Must be called before `build`.

        Parameters
        ----------
        var_list : iterable of Weight or str, optional
            Variables, or their names as passed to `build`.
        var_names : iterable of str, optional
            Regular expressions. A variable is excluded if one of them is found in the last part of its name,
            after the last "/".

        Raises
        ------
        ValueError
            If `build` has been called.
        """
        if self.built:
            raise ValueError(
                f"{type(self).__name__}: exclude_from_weight_decay must be called before build; got a call after it"
            )
        self._excluded_names = {v if isinstance(v, str) else getattr(v, "path", v.name) for v in var_list or ()}
        self._excluded_pattern = re.compile("|".join(var_names)) if var_names else None

    @property
    def built(self) -> bool:
        """True after `build`."""
        return self._segments is not None

    def build(self, dtype: DTypeLike, segments: Sequence[tuple[str, int, int]]) -> None:
        """Allocate the state for the parameters of a model. A second call with the same arguments does nothing.

        Parameters
        ----------
        dtype : dtype_like
            Type of the parameters, float32 or float64.
        segments : sequence of (str, int, int)
            Name, start and stop of every variable in the flat array of parameters, in ascending order. Elements
            between the segments are never changed.

        Raises
        ------
        ValueError
            If segments overlap or are not in order, or if they differ from those of the first call.
        """
        function, segments = type(self).__name__, tuple(segments)
        dtype = _checks.float_dtype(function, dtype)
        if self.built:
            if segments != self._segments or dtype != self._dtype:
                raise ValueError(
                    f"{function}: build must get the parameters of its first call; got different ones. "
                    "Create a new optimizer"
                )
            return
        ends = [0, *(stop for _, _, stop in segments)]
        for (name, start, stop), before in zip(segments, ends):
            if not before <= start <= stop:
                raise ValueError(
                    f"{function}: segments must be in ascending order; got {name!r} at {start}:{stop} after {before}"
                )
        unknown = self._excluded_names - {name for name, _, _ in segments}
        if unknown:
            raise ValueError(f"{function}: var_list must name variables of the model; got {sorted(unknown)}")
        self._dtype, self._shape = dtype, (ends[-1],)
        runs = self._runs(segments)
        rule = self._rule()
        self._arrays = {name: np.full(ends[-1], value, dtype) for name, value in rule.states.items()}
        states = tuple(self._arrays.values())
        if self.use_ema:
            self._average = self._arrays["average"] = np.zeros(ends[-1], dtype)
        if self.gradient_accumulation_steps:
            self._accumulator = self._arrays["gradient_accumulator"] = np.zeros(ends[-1], dtype)
        grad_scale = 1.0 / (self.loss_scale_factor or 1.0) / (self.gradient_accumulation_steps or 1)
        self._update = Update(rule.name, states, rule.numbers, runs, grad_scale, self._limit, self._max)
        self._segments = segments

    def _runs(self, segments: Iterable[tuple[str, int, int]]) -> Array:
        """Return runs of adjacent variables, int64 of shape (n, 3): start, stop, 1 if weight decay applies."""
        runs: list[list[int]] = []
        segments = list(segments)
        excluded = set(self.excluded(name for name, _, _ in segments))
        for name, start, stop in segments:
            decays = int(bool(self.weight_decay) and name not in excluded)
            if runs and runs[-1][1:] == [start, decays] and self._limit != "norm":
                runs[-1][1] = stop
            elif stop > start:
                runs.append([start, stop, decays])
        return np.array(runs, np.int64).reshape(-1, 3)

    # ---- updates ---------------------------------------------------------------------------------------------------

    def update(self, parameters: Array, gradients: Array) -> None:
        """Update the parameters in place.

        Parameters
        ----------
        parameters : ndarray, shape (n,)
            All parameters, contiguous, of the type passed to `build`; n is the stop of the last segment.
        gradients : ndarray, shape (n,)
            All gradients, in the same layout. Not changed.

        Raises
        ------
        ValueError
            If `build` has not been called, or an array has another shape, type or memory layout.
        """
        if not (self._fits(parameters, _arrays.C_ALIGNED | _WRITEABLE) and self._fits(gradients, _arrays.C_ALIGNED)):
            self._refuse(parameters, gradients)
        average, frequency = self._average, self.ema_overwrite_frequency
        done, momentum, applies = self._calls, self.ema_momentum, True
        if self._accumulator is not None:
            steps = self.gradient_accumulation_steps or 1
            np.add(self._accumulator if done % steps else 0.0, gradients, out=self._accumulator)
            gradients, applies, done = self._accumulator, (done + 1) % steps == 0, done // steps
        if done == 0:
            momentum = 0.0  # the average starts at the first parameters
        if applies:
            self._update.weight_decay = self.weight_decay or 0.0
            _backend.kernels.optimizer_update(
                self._update, parameters, gradients, average, done + 1, self.learning_rate, momentum, _threads.current()
            )
        elif average is not None:
            average *= momentum
            average += (1.0 - momentum) * parameters
        if average is not None and frequency and (done + 1) % frequency == 0:
            np.copyto(parameters, average)
        self._calls += 1

    def _fits(self, array: Array, flags: int) -> bool:
        return (
            self._segments is not None
            and type(array) is np.ndarray
            and array.dtype == self._dtype
            and array.shape == self._shape
            and array.flags.num & flags == flags
        )

    def _refuse(self, *given: Any) -> None:
        """Raise the error for an array that does not fit."""
        function = f"{type(self).__name__}.update"
        if not self.built:
            raise ValueError(f"{function}: build must be called before update; got no call of it")
        needed = f"(n,) = {self._shape} of {self._dtype}, contiguous"
        for name, array in zip(("parameters", "gradients"), given):
            if not self._fits(array, _arrays.C_ALIGNED | (_WRITEABLE if name == "parameters" else 0)):
                got = f"{array.shape} of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
                raise ValueError(f"{function}: {name} must be {needed}; got {got}")

    def scale_loss(self, loss: float) -> float:
        """Return the loss multiplied by `loss_scale_factor`.

        Parameters
        ----------
        loss : float
            Loss, or its gradient.

        Returns
        -------
        float
            ``loss * loss_scale_factor``, or `loss` if there is no factor.
        """
        return loss * (self.loss_scale_factor or 1.0)

    def finalize_variable_values(self, parameters: Array) -> None:
        """Replace the parameters by their average at the end of a training. Does nothing unless `use_ema` is set.

        Parameters
        ----------
        parameters : ndarray, shape (n,)
            All parameters; written in place.
        """
        if self.built and self._average is not None:
            np.copyto(parameters, self._average)


def _count(function: str, name: str, value: Any, low: int) -> int | None:
    return None if value is None else _checks.integer(function, name, value, low)
