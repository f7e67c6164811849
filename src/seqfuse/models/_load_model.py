"""Loading a model from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse._io import model as model_file
from seqfuse.models._model import Model

if TYPE_CHECKING:
    from collections.abc import Mapping


def load_model(filepath: Any, custom_objects: Mapping[str, Any] | None = None, compile: bool = True) -> Model:
    """Load a model that was written by `Model.save`, so that its training can be resumed.

    Parameters
    ----------
    filepath : str or os.PathLike
        Path of the file.
    custom_objects : dict, optional
        Your own classes and functions that the model uses, by name.
    compile : bool, default True
        Whether to restore the optimizer, loss and metrics, too.

    Returns
    -------
    Sequential or Model
        The model. Its weights, optimizer state and random seeds are those of the saved model.

    Raises
    ------
    ValueError
        If the file is damaged or has another format. The message states what is wrong.
    OSError
        If the file cannot be read.
    ImportError
        If safetensors is not installed.

    Examples
    --------
    >>> import os, tempfile
    >>> from seqfuse.layers import LSTM, Input
    >>> from seqfuse.models import Sequential, load_model
    >>> model = Sequential([Input((None, 3)), LSTM(4)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "lstm.safetensors")
    ...     model.save(path)
    ...     loaded = load_model(path)
    >>> bool((loaded.get_weights()[0] == model.get_weights()[0]).all())
    True
    """
    model: Model = model_file.load_model(filepath, custom_objects, compile)
    return model
