"""What all optimizers share: the step, the learning rate, limits on gradients, decay, accumulation and averages.

All parameters of a model lie in one flat array and all gradients in another, so that an update is one call of one
kernel (cpp/include/seqfuse/optimizer_impl.hpp), which goes over memory once.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seqfuse import _arrays, _backend, _checks, _names, _threads
from seqfuse._config import Configured, constructor_arguments
from seqfuse._update import Update
from seqfuse.optimizers import schedules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypedDict

    from numpy.typing import DTypeLike

    from seqfuse._arrays import Array

    class OptionsWithoutDecay(TypedDict, total=False):
        """Arguments that every optimizer takes, by name, but for weight_decay, which AdamW has its own of."""

        clipnorm: float | None
        clipvalue: float | None
        global_clipnorm: float | None
        use_ema: bool
        ema_momentum: float
        ema_overwrite_frequency: int | None
        loss_scale_factor: float | None
        gradient_accumulation_steps: int | None
        name: str | None

    class Options(OptionsWithoutDecay, total=False):
        """Arguments that every optimizer takes, by name."""

        weight_decay: float | None


_LIMITS = {"clipnorm": "norm", "clipvalue": "value", "global_clipnorm": "global_norm"}
_WRITEABLE = 0x400  # NPY_ARRAY_WRITEABLE


class Rule(NamedTuple):
    """What an optimizer asks of the kernel."""

    name: str  # in optimizer_rules.hpp
    states: dict[str, float]  # names, in the rule's order, and what they are filled with in the beginning
    numbers: tuple[float, ...]  # in the rule's order


class Optimizer(Configured):
    """A way to change parameters by their gradients; the classes beside it say which.

    Parameters
    ----------
    learning_rate : float, a schedule, or a function of the step (the number of calls of `update` before) or of nothing
    weight_decay : float        w -= w * weight_decay * learning_rate, before anything else moves w
    clipnorm, global_clipnorm, clipvalue : float        the greatest norm of the gradient of each variable, or of all
        together, or the greatest number in them; one of the three at most
    use_ema : bool        keep an average of the parameters, average = ema_momentum * average + (1 - ema_momentum) * w,
        which replaces them every `ema_overwrite_frequency` updates, and when training ends
    loss_scale_factor : float        the loss was multiplied by it (`scale_loss`), gradients are divided by it
    gradient_accumulation_steps : int        at least 2: parameters change at every so manieth call of `update`, by
        the mean of the gradients since
    name : str        the class in lower case by default

    Notes
    -----
    Arguments, defaults and order of operations are those of Keras 3.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
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
        **others: Any,
    ) -> None:
        own = type(self).__name__
        for other in others:
            near = _names.suggestion("learning_rate" if other == "lr" else other, constructor_arguments(type(self)))
            raise TypeError(f"{own}: there is no argument {other!r}{near}")
        self._rate = schedules.get(learning_rate, own)
        self._takes_step = _takes_step(self._rate)
        self.weight_decay = None if weight_decay is None else _checks.real(own, "weight_decay", weight_decay)
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        limits = {option: value for option in _LIMITS if (value := getattr(self, option)) is not None}
        if len(limits) > 1:
            raise ValueError(f"{own}: one of clipnorm, clipvalue and global_clipnorm must be given; got {limits}")
        self._limit, self._most = "none", 0.0
        for option, value in limits.items():
            if _checks.real(own, option, value, 0) > 0:  # 0 is no limit, as in Keras
                self._limit, self._most = _LIMITS[option], float(value)
        self.use_ema = use_ema
        self.ema_momentum = _checks.real(own, "ema_momentum", ema_momentum, 0)
        if self.ema_momentum > 1:
            raise ValueError(f"{own}: ema_momentum must be in [0, 1]; got {ema_momentum}")
        self.ema_overwrite_frequency = _count(own, "ema_overwrite_frequency", ema_overwrite_frequency, 1)
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = _count(own, "gradient_accumulation_steps", gradient_accumulation_steps, 2)
        self.name = name or _names.snake_case(own)
        self._calls = 0
        self._segments: tuple[tuple[str, int, int], ...] | None = None
        self._dtype: np.dtype[Any] = _arrays.FLOAT32
        self._average: Array | None = None
        self._accumulator: Array | None = None
        self._excluded_names: set[str] = set()
        self._excluded_pattern: re.Pattern[str] | None = None

    def _rule(self) -> Rule:
        raise NotImplementedError(f"{type(self).__name__}: _rule must say the rule; got an optimizer without one")

    # ---- what changes while it runs --------------------------------------------------------------------------------

    @property
    def iterations(self) -> int:
        """How many updates there were; with gradient accumulation, how many that changed parameters."""
        return self._calls // (self.gradient_accumulation_steps or 1)

    @property
    def learning_rate(self) -> float:
        """The rate of the next update. It can be set: to a number where it was one, to a schedule or a function."""
        rate = self._rate
        if callable(rate):
            return float(rate(self._calls) if self._takes_step else rate())
        return rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        rate = schedules.get(value, type(self).__name__)
        if isinstance(self._rate, schedules.LearningRateSchedule) and not callable(rate):
            raise TypeError(
                f"{type(self).__name__}: learning_rate must be a schedule, as it was; got {value!r}. "
                "Make the optimizer with a number to set it to numbers"
            )
        self._rate, self._takes_step = rate, _takes_step(rate)

    @property
    def state(self) -> dict[str, Array]:
        """What goes on from update to update: `iteration`, the number of calls, and flat arrays, by name.

        The arrays are the optimizer's own. Setting it copies into them, after `build`.
        """
        return {"iteration": np.array(self._calls, np.int64)} | (self._arrays if self.built else {})

    @state.setter
    def state(self, state: Mapping[str, Array]) -> None:
        own = self.state
        if state.keys() != own.keys():
            raise ValueError(f"{type(self).__name__}: state must have {sorted(own)}; got {sorted(state)}")
        for name, array in own.items():
            _checks.shape(type(self).__name__, f"state[{name!r}]", "(n,)", array.shape, np.shape(state[name]))
        for name, array in own.items():
            array[...] = state[name]
        self._calls = int(state["iteration"])

    def state_names(self) -> list[str]:
        """The names of the arrays in `state`, also before `build`."""
        more = {"average": self.use_ema, "gradient_accumulator": self.gradient_accumulation_steps}
        return [*self._rule().states, *(name for name, there in more.items() if there)]

    def excluded(self, names: Iterable[str]) -> list[str]:
        """Which of these variables `exclude_from_weight_decay` has named."""
        pattern = self._excluded_pattern
        return [n for n in names if n in self._excluded_names or (pattern and pattern.search(n.rsplit("/", 1)[-1]))]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, by name; the learning rate as a number is the one of now."""
        return super().get_config() | {"learning_rate": self._rate}

    # ---- before the first update -----------------------------------------------------------------------------------

    def exclude_from_weight_decay(
        self, var_list: Iterable[Any] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Name the variables that weight_decay passes by, before `build`.

        Parameters
        ----------
        var_list : variables, or their names as `build` is given them
        var_names : regular expressions; a variable is left out where one is found behind the last "/" of its name

        Raises
        ------
        ValueError        the optimizer is built
        """
        if self.built:
            raise ValueError(f"{type(self).__name__}: exclude_from_weight_decay must come before build; got it after")
        self._excluded_names = {v if isinstance(v, str) else getattr(v, "path", v.name) for v in var_list or ()}
        self._excluded_pattern = re.compile("|".join(var_names)) if var_names else None

    @property
    def built(self) -> bool:
        """Whether `build` has been called."""
        return self._segments is not None

    def build(self, dtype: DTypeLike, segments: Sequence[tuple[str, int, int]]) -> None:
        """Get ready for the parameters of a model. A second call for the same ones changes nothing.

        Parameters
        ----------
        dtype : float32 or float64
        segments : (name, start, stop) of each variable in the flat array, ascending; what lies between is left alone

        Raises
        ------
        ValueError        segments overlap or descend, or they are not those of the first call
        """
        own, segments = type(self).__name__, tuple(segments)
        dtype = _checks.float_dtype(own, dtype)
        if self.built:
            if segments != self._segments or dtype != self._dtype:
                raise ValueError(f"{own}: build must get the same parameters again; got others. Make a new optimizer")
            return
        ends = [0, *(stop for _, _, stop in segments)]
        for (name, start, stop), before in zip(segments, ends):
            if not before <= start <= stop:
                raise ValueError(f"{own}: segments must ascend; got {name!r} at {start}:{stop} after {before}")
        unknown = self._excluded_names - {name for name, _, _ in segments}
        if unknown:
            raise ValueError(f"{own}: var_list must name variables of the model; got {sorted(unknown)}")
        self._dtype, self._shape = dtype, (ends[-1],)
        runs = self._treated_alike(segments)
        rule = self._rule()
        self._arrays = {name: np.full(ends[-1], value, dtype) for name, value in rule.states.items()}
        states = tuple(self._arrays.values())
        if self.use_ema:
            self._average = self._arrays["average"] = np.zeros(ends[-1], dtype)
        if self.gradient_accumulation_steps:
            self._accumulator = self._arrays["gradient_accumulator"] = np.zeros(ends[-1], dtype)
        scale = 1.0 / (self.loss_scale_factor or 1.0) / (self.gradient_accumulation_steps or 1)
        self._update = Update(rule.name, states, rule.numbers, runs, scale, self._limit, self._most)
        self._segments = segments

    def _treated_alike(self, segments: Iterable[tuple[str, int, int]]) -> Array:
        """Runs of variables that the kernel may take in one go, (n, 3): start, stop, whether they decay."""
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
        """Take one step, in place.

        Parameters
        ----------
        parameters : (n,)        of the type given to `build`, n where its segments end; in C order; written
        gradients : (n,)        of the same kind; only read

        Raises
        ------
        ValueError        `build` was not called, or an array is not as it said
        """
        if not (self._fits(parameters, _arrays.C_ALIGNED | _WRITEABLE) and self._fits(gradients, _arrays.C_ALIGNED)):
            self._refuse(parameters, gradients)
        average, frequency = self._average, self.ema_overwrite_frequency
        done, momentum, moves = self._calls, self.ema_momentum, True
        if self._accumulator is not None:
            steps = self.gradient_accumulation_steps or 1
            np.add(self._accumulator if done % steps else 0.0, gradients, out=self._accumulator)
            gradients, moves, done = self._accumulator, (done + 1) % steps == 0, done // steps
        if done == 0:
            momentum = 0.0  # the average begins with what comes first
        if moves:
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
        """Whether the kernel can take an array as it is."""
        return (
            self._segments is not None
            and type(array) is np.ndarray
            and array.dtype == self._dtype
            and array.shape == self._shape
            and array.flags.num & flags == flags
        )

    def _refuse(self, *given: Any) -> None:
        own = f"{type(self).__name__}.update"
        if not self.built:
            raise ValueError(f"{own}: build must come before update; got no call of it")
        needed = f"(n,) = {self._shape} of {self._dtype}, in C order"
        for name, array in zip(("parameters", "gradients"), given):
            if not self._fits(array, _arrays.C_ALIGNED | (_WRITEABLE if name == "parameters" else 0)):
                got = f"{array.shape} of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
                raise ValueError(f"{own}: {name} must be {needed}; got {got}")

    def scale_loss(self, loss: float) -> float:
        """The loss, or its gradient, times loss_scale_factor."""
        return loss * (self.loss_scale_factor or 1.0)

    def finalize_variable_values(self, parameters: Array) -> None:
        """Put the average in place of the parameters where one is kept: training has ended."""
        if self.built and self._average is not None:
            np.copyto(parameters, self._average)


def _takes_step(rate: float | Callable[..., float]) -> bool:
    """Whether a learning rate is a function of the step; Keras calls those that are no schedules with nothing."""
    if isinstance(rate, schedules.LearningRateSchedule) or not callable(rate):
        return True
    return any(p.kind is not p.KEYWORD_ONLY for p in inspect.signature(rate).parameters.values())


def _count(own: str, name: str, value: Any, low: int) -> int | None:
    return None if value is None else _checks.integer(own, name, value, low)
