"""Methods of a model for saving and loading."""

from __future__ import annotations

import os

from seqfuse._io import model as model_file


class SavableModel:
    """Base class of `Model` with the methods for files."""

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the model to a file for `load_model`.

        Parameters
        ----------
        filepath : str or os.PathLike
            Path of the file, with any suffix. Its format is safetensors.
        overwrite : bool, default True
            Whether to replace an existing file.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is False.
        ValueError
            If the model is not built.
        TypeError
            If an argument of a layer cannot be written because it is not a number, a string or an object with a
            ``get_config``.
        ImportError
            If safetensors is not installed: ``pip install "seqfuse[io]"``.

        Notes
        -----
        The file contains the layers and their arguments, the weights, the arguments of `compile`, the optimizer's
        state, the seeds of dropout and shuffling, and the states of stateful layers. It does not contain the states of
        metrics and callbacks. The file is replaced atomically: if the process is killed, the old file remains.

        Examples
        --------
        >>> import os, tempfile
        >>> from seqfuse.layers import GRU, Input
        >>> from seqfuse.models import Sequential, load_model
        >>> model = Sequential([Input((None, 3)), GRU(4)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "gru.safetensors"))
        ...     loaded = load_model(os.path.join(folder, "gru.safetensors"))
        >>> loaded.count_params()
        108
        """
        model_file.save_model(self, filepath, overwrite)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write only the weights to a file, for `load_weights` of a model with the same shapes.

        Parameters
        ----------
        filepath : str or os.PathLike
            Path of the file, with any suffix. Its format is safetensors.
        overwrite : bool, default True
            Whether to replace an existing file.

        Raises
        ------
        FileExistsError
            If the file exists and `overwrite` is False.
        ValueError
            If the model is not built.
        ImportError
            If safetensors is not installed: ``pip install "seqfuse[io]"``.
        """
        model_file.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Load the weights from a file of `save_weights` or `save`, in the order of `weights`.

        Parameters
        ----------
        filepath : str or os.PathLike
            Path of the file.

        Raises
        ------
        ValueError
            If the shapes differ, or the file is damaged or has another format. No weight is changed.
        OSError
            If the file cannot be read.
        ImportError
            If safetensors is not installed: ``pip install "seqfuse[io]"``.
        """
        model_file.load_weights(self, filepath)
