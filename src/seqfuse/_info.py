"""What is running: the answer to the first question of every report."""

import platform

import numpy as np

from seqfuse import _backend, _threads
from seqfuse._version import __version__


class Info(dict[str, object]):
    """A dict that prints as a table."""

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{key:<{width}}  {_text(value)}" for key, value in self.items())


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def info() -> Info:
    """Versions, the instruction set in use and those available, threads.

    Returns
    -------
    Info        a dict with the keys seqfuse, numpy, python, platform, isa, available (a list), threads and openmp
        (a bool: False means one thread whatever is set)

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
