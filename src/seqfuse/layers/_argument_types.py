"""Type aliases for the signatures of layers, so that `help()` shows what each argument accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence  # used in the strings below

    from seqfuse import _activations
    from seqfuse._arrays import Array
    from seqfuse.initializers import Initializer
    from seqfuse.regularizers import Regularizer

# ---- arguments of constructors -----------------------------------------------------------------------------------

# A name, an instance, a class, a function (shape, dtype) -> array, an array of values, or a config.
InitializerLike: TypeAlias = (
    "str | Initializer | type[Initializer] | Callable[..., Array] | Array | dict[str, Any] | None"
)
# A name, an instance, a class, or a config.
RegularizerLike: TypeAlias = "str | Regularizer | type[Regularizer] | dict[str, Any] | None"
# A name, or a name and its constants. None means linear.
ActivationLike: TypeAlias = "_activations.ActivationLike | None"
# The sizes of the axes of an input; None for an axis of any size.
ShapeLike: TypeAlias = "Sequence[int | None]"

# ---- arguments and results of methods ----------------------------------------------------------------------------
# A layer with one input and one output has arrays here; a layer with several has lists of arrays. The base class
# accepts both, so these are Any to the type checker. A layer that has one input states the exact type instead.

Inputs: TypeAlias = Any  # array_like, or a list of array_like
Outputs: TypeAlias = Any  # an array, or a list of arrays
Masks: TypeAlias = Any  # bool array_like, None, or a list of these
Shapes: TypeAlias = Any  # a tuple of int or None, or a list of such tuples
Tape: TypeAlias = Any  # what forward keeps for backward; each layer has its own

Into: TypeAlias = "list[Array] | None"  # arrays that gradients of weights are added to; None: new arrays
Grads: TypeAlias = "tuple[Any, list[Array]]"  # gradients of the input and of the trainable weights
