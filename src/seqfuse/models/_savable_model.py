"""How a model is kept in a file."""

from __future__ import annotations

from typing import Any

from seqfuse._io import model as model_file


class SavableModel:
    """What a model has for files."""

    def save(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the model to a file, from which `load_model` makes it again, and its training goes on as it would here.

        Parameters
        ----------
        filepath : path        of any name; a safetensors file
        overwrite : bool        False: a FileExistsError where there is one

        Raises
        ------
        ValueError        the model has no shapes yet
        TypeError        an argument of a layer cannot be written: no number, string, or object with a get_config
        ImportError        safetensors is not installed: `pip install "seqfuse[io]"`

        Notes
        -----
        In it: layers and their arguments, weights, what the model was compiled with, the optimizer's state, the seeds
        of dropout and of the order of samples, and the states of stateful layers. Not in it: what metrics and callbacks
        have counted. The file is replaced in one go: a process that is killed leaves the old one whole.
        """
        model_file.save_model(self, filepath, overwrite)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights alone to a file, for `load_weights` of a model of the same shapes.

        Parameters
        ----------
        filepath, overwrite : as for `save`
        """
        model_file.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any) -> None:
        """Read the weights from a file of `save_weights`, or of `save`; they follow one another as in `weights`.

        Parameters
        ----------
        filepath : path

        Raises
        ------
        ValueError        other shapes, or a file that is damaged or something else; no weight is changed
        """
        model_file.load_weights(self, filepath)
