"""A model out of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse._io import model as model_file
from seqfuse.models._model import Model

if TYPE_CHECKING:
    from collections.abc import Mapping


def load_model(filepath: Any, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Model:
    """A model from a file that `Model.save` has written, which goes on where that one stood.

    Parameters
    ----------
    filepath : path
    custom_objects : dict        classes and functions of your own that the model is made of, by name
    compile : bool        False: the model alone, without what it was compiled with

    Returns
    -------
    Sequential or Model

    Raises
    ------
    ValueError        the file is damaged, or is something else; names it, and says what is wrong
    OSError        it cannot be read
    ImportError        safetensors is not installed

    Examples
    --------
    >>> import os, tempfile
    >>> from seqfuse.layers import LSTM, Input
    >>> from seqfuse.models import Sequential, load_model
    >>> model = Sequential([Input((None, 3)), LSTM(4)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "lstm.safetensors")
    ...     model.save(path)
    ...     again = load_model(path)
    >>> bool((again.get_weights()[0] == model.get_weights()[0]).all())
    True
    """
    model: Model = model_file.load_model(filepath, custom_objects, compile)
    return model
