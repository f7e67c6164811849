"""Versions, instruction set and number of threads: what a bug report should state."""

import platform

import numpy as np

from seqfuse import _backend, _threads
from seqfuse._version import __version__


class Info(dict[str, object]):
    """Dictionary that prints as a table."""

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{key:<{width}}  {_text(value)}" for key, value in self.items())


def _text(value: object) -> str:
    """Return a value as text, a list as its entries with commas between them."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def info() -> Info:
    """Return versions, the instruction set in use, those available, and the number of threads.

    Returns
    -------
    Info
        A dict that prints as a table, with these keys:

        - ``seqfuse``, ``numpy``, ``python``: versions, as strings.
        - ``platform``: operating system and processor architecture, as a string.
        - ``isa``: the instruction set of the kernels in use, as a string.
        - ``available``: the instruction sets that this build has and this processor can run, as a list of strings.
        - ``threads``: the number of threads of the kernels, as an int.
        - ``openmp``: True if the build has OpenMP, as a bool. Without it the kernels always use one thread.

    Examples
    --------
    >>> import seqfuse as sf
    >>> sf.info()["seqfuse"] == sf.__version__
    True
    """
    return Info(
        seqfuse=__version__,
        numpy=np.__version__,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=f"{platform.system()} {platform.machine()}",
        isa=_backend.isa,
        available=_backend.available(),
        threads=_threads.current(),
        openmp=bool(_backend.kernels.openmp),
    )
