"""Saves and loads models: weights, structure, arguments of compile, and the state of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse import _checks
from seqfuse._io import file
from seqfuse._io.structure import Decoder, encode
from seqfuse._seeds import SeedGenerator
from seqfuse.layers._recurrent import recurrent_layers
from seqfuse.layers.weight import without_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from seqfuse._arrays import Array
    from seqfuse.layers.weight import Weight
    from seqfuse.optimizers import Optimizer


def save_model(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write a model to a file.

    The same as `Model.save`, which lists what the file contains.

    Parameters
    ----------
    model : Model
        A model with known shapes.
    filepath : str or path-like
        File to write.
    overwrite : bool, default True
        Whether to replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    ValueError
        If the model has no known shapes.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from seqfuse import io, layers
    >>> from seqfuse.models import Sequential
    >>> model = Sequential([layers.Input((None, 3)), layers.GRU(4), layers.Dense(1)])
    >>> with TemporaryDirectory() as folder:
    ...     io.save_model(model, Path(folder) / "model.safetensors")
    ...     io.load_model(Path(folder) / "model.safetensors").count_params()
    113
    """
    if getattr(model, "_graph", None) is None:
        raise ValueError(
            f"{model.name}: the model must be built from Input and layers before save. Call a Sequential first; for a "
            "model with its own forward use save_weights"
        )
    keys = _keys(model)
    tensors = {keys[weight]: weight.value for weight in model.weights} | dict(_states(model))
    content: dict[str, Any] = {
        "weights": list(keys.values()),
        "model": encode(model),
        "seeds": [generator.state for generator in _generators(model)],
        "compile": None,
    }
    if model._objective is not None:
        optimizer = model.optimizer
        compiled = {**model._compiled, "optimizer": optimizer}
        content["compile"] = encode(compiled)
        content["order"] = model._order_seeds.state
        content["excluded"] = optimizer.excluded([weight.path for weight in model.trainable_weights])
        content["iteration"] = None
        if model._parameters is not None and model._parameters.weights == model.trainable_weights:
            content["iteration"] = int(optimizer.state["iteration"])
            for name, parts in _parts(model).items():
                tensors |= {f"optimizer/{name}/{keys[weight]}": part for weight, part in parts}
    file.write("save", filepath, content, tensors, overwrite)


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write the weights of a model to a file.

    The same as `Model.save_weights`. Works for every model that has weights, also for one with a `forward` of its own.

    Parameters
    ----------
    model : Model
        A built model.
    filepath : str or path-like
        File to write.
    overwrite : bool, default True
        Whether to replace an existing file.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    ValueError
        If the model is not built.

    Examples
    --------
    See `load_weights`.
    """
    keys = _keys(model)
    tensors = {keys[weight]: weight.value for weight in model.weights}
    file.write("save_weights", filepath, {"weights": list(keys.values())}, tensors, overwrite)


def load_weights(model: Any, filepath: Any) -> None:
    """Load the weights of a model from a file.

    The same as `Model.load_weights`. The weights are matched by their order, and their shapes must agree.

    Parameters
    ----------
    model : Model
        A built model. It does not change if the file does not fit.
    filepath : str or path-like
        File written by `save_weights` or `save_model`.

    Raises
    ------
    ValueError
        If the file was not written by seqfuse, or has other weights than the model.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from seqfuse import io, layers
    >>> from seqfuse.models import Sequential
    >>> first, second = (Sequential([layers.Input((3,)), layers.Dense(1)]) for _ in range(2))
    >>> with TemporaryDirectory() as folder:
    ...     io.save_weights(first, Path(folder) / "weights.safetensors")
    ...     io.load_weights(second, Path(folder) / "weights.safetensors")
    >>> bool((first.get_weights()[0] == second.get_weights()[0]).all())
    True
    """
    weights = model.weights
    with file.opened("load_weights", filepath) as stored:
        names = stored.content["weights"]
        if len(names) != len(weights):
            raise ValueError(f"it has {len(names)} weights, but {model.name} has {len(weights)}")
        for name, weight in zip(names, weights):
            _checks.shape(model.name, weight.path, "as in the file", weight.shape, stored.shapes[name][0])
        tensors = stored.read()
        for name, weight in zip(names, weights):
            weight.assign(tensors[name])


def load_model(filepath: Any, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Any:
    """Load a model that was written by `Model.save`; see `seqfuse.models.load_model`."""
    with file.opened("load_model", filepath) as stored:
        content = stored.content
        if "model" not in content:
            raise ValueError("it contains only weights. Create the model and call its load_weights")
        decoder = Decoder(custom_objects)
        with without_numbers():
            model: Any = decoder.decode(content["model"])
        keys = _keys(model)
        if list(keys.values()) != content["weights"]:
            raise ValueError("its weights are not those of its layers")
        needed = {keys[weight]: (weight.shape, weight.dtype) for weight in keys}
        trained = compile and content["compile"] is not None
        if trained:
            model.compile(**decoder.decode(content["compile"]))
            model.optimizer.exclude_from_weight_decay(content["excluded"])
            if content["iteration"] is not None:
                for name in model.optimizer.state_names():
                    needed |= {f"optimizer/{name}/{keys[w]}": (w.shape, w.dtype) for w in model.trainable_weights}
        others = [name for name in stored.shapes if name.startswith("states/")]
        if not compile:
            others += [name for name in stored.shapes if name.startswith("optimizer/")]
        stored.check(needed | {name: stored.shapes[name] for name in others})
        states = _check_states(model, stored.shapes)
        tensors = stored.read()
        for weight, key in keys.items():
            weight.value = tensors[key]
        for layer, names in states:
            layer._state = tuple(tensors[name] for name in names)
        if trained:
            model._order_seeds.state = _seed(content["order"])
            if content["iteration"] is not None:
                model._ready_parameters()
                _restore(model.optimizer, model, tensors, keys, content["iteration"])
        generators = list(_generators(model))
        if len(generators) != len(content["seeds"]):
            raise ValueError(f"it has {len(content['seeds'])} seeds, but its layers have {len(generators)}")
        for generator, state in zip(generators, content["seeds"]):
            generator.state = _seed(state)
    return model


def _keys(model: Any) -> dict[Weight, str]:
    """Return a unique name for every weight: its path, with a number if the path occurs again."""
    weights = model.weights
    if not weights and not model.built:
        raise ValueError(f"{model.name}: the model has no weights before it is built. Call it first")
    keys: dict[Weight, str] = {}
    taken: set[str] = set()
    for weight in weights:
        key = f"weights/{weight.path}"
        if key in taken:
            key = f"{key}#{len(taken)}"
        taken.add(key)
        keys[weight] = key
    return keys


def _generators(model: Any) -> Iterator[SeedGenerator]:
    """Generate the seed generators of all layers."""
    for layer in model.all_sublayers():
        for name, value in vars(layer).items():
            if isinstance(value, SeedGenerator) and name != "_order_seeds":
                yield value


def _seed(state: Any) -> int:
    """Check the state of a seed generator."""
    return _checks.integer("seed", "state", state, 0, 2**64 - 1, "in [0, 2**64)")


def _states(model: Any) -> Iterator[tuple[str, Array]]:
    """Generate the states of stateful layers with their names."""
    for i, layer in enumerate(recurrent_layers(model)):
        if layer.stateful and layer._state is not None:
            for name, state in zip(layer.state_names, layer._state):
                yield f"states/{i}/{name}", state


def _check_states(model: Any, shapes: Any) -> list[tuple[Any, list[str]]]:
    """Return the stateful layers in the file with the names of their states; check the shapes."""
    found, left = [], {name for name in shapes if name.startswith("states/")}
    for i, layer in enumerate(recurrent_layers(model)):
        names = [f"states/{i}/{name}" for name in layer.state_names]
        if names[0] in left:
            shape = (shapes[names[0]][0][:1] + (layer.units,), layer._dtype)
            if any(shapes.get(name) != shape for name in names):
                raise ValueError(f"the states of {layer.name} must be (batch, {layer.units}) of {layer.dtype}")
            found.append((layer, names))
            left -= {*names}
    if left:
        raise ValueError(f"{sorted(left)[0]} does not belong to its structure")
    return found


def _parts(model: Any) -> dict[str, list[tuple[Weight, Array]]]:
    """Return the arrays of the optimizer by name, split into views with the shapes of the weights."""
    parameters, found = model._parameters, {}
    for name in model.optimizer.state_names():
        flat = model.optimizer.state[name]
        starts = [start for _, start, _ in parameters.segments]
        found[name] = [
            (weight, flat[start : start + weight.value.size].reshape(weight.shape))
            for weight, start in zip(parameters.weights, starts)
        ]
    return found


def _restore(
    optimizer: Optimizer, model: Any, tensors: Mapping[str, Array], keys: Mapping[Weight, str], iteration: Any
) -> None:
    """Restore the arrays and the number of calls of an optimizer."""
    for name, parts in _parts(model).items():
        for weight, part in parts:
            part[...] = tensors[f"optimizer/{name}/{keys[weight]}"]
    number = _checks.integer("optimizer", "iteration", iteration, 0)
    optimizer.state = optimizer.state | {"iteration": np.array(number)}
