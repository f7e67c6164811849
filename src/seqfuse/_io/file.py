"""A safetensors file of a model: it is replaced atomically, and checked before any memory is allocated for it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from typing import TYPE_CHECKING, Any

import numpy as np

from seqfuse._io.structure import checked_depth

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from seqfuse._arrays import Array

    Shapes = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]

FORMAT = "seqfuse-1"
MAX_CONTENT = 16 << 20  # characters of JSON
MAX_HEADER = 64 << 20  # bytes: the JSON, and about 100 per tensor
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype(np.float32), "F64": np.dtype(np.float64)}
# First bytes of other file formats.
_FOREIGN = {b"PK\x03\x04": "a zip, as .keras files are", b"\x89HDF": "HDF5"}


def _safetensors(function: str) -> Any:
    """Import safetensors; raise an ImportError that names the extra."""
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(f'{function}: safetensors must be installed. Run: pip install "seqfuse[io]"') from None
    return safetensors


def checksum(content: str, tensors: Mapping[str, Array]) -> str:
    """Return the SHA-256 of the content and of the names, types, shapes and values of the tensors."""
    digest = hashlib.sha256(content.encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def write(function: str, path: Any, content: Any, tensors: Mapping[str, Array], overwrite: bool = True) -> None:
    """Write a file atomically: after an error the old file is unchanged.

    Raises
    ------
    ImportError
        If safetensors is not installed.
    FileNotFoundError
        If the folder does not exist.
    FileExistsError
        If `overwrite` is False and the file exists.
    """
    library = _safetensors(function)
    target = os.path.realpath(os.fspath(path))
    if not overwrite and os.path.exists(target):
        raise FileExistsError(f"{function}: {target} exists. Pass overwrite=True to replace it")
    tensors = {name: np.array(value) for name, value in tensors.items()}  # another thread may train the model
    text = json.dumps(content, separators=(",", ":"))
    if len(text) > MAX_CONTENT:
        raise ValueError(f"{function}: the structure must be at most {MAX_CONTENT} characters of JSON; got {len(text)}")
    metadata = {"format": FORMAT, "checksum": checksum(text, tensors), "content": text}
    raw = library.numpy.save(tensors, metadata)
    part = f"{target}.{secrets.token_hex(4)}.part"
    try:
        with open(part, "xb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(part)
        raise
    folder = os.open(os.path.dirname(target), os.O_RDONLY)  # so that the new name is on the disk, too
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Stored:
    """An open file: its content and the shapes of its tensors. `read` returns the tensors.

    Attributes
    ----------
    content : dict
        Decoded JSON.
    shapes : dict
        Shape and type of every tensor, by name.
    """

    def __init__(self, refused: str, handle: Any) -> None:
        self._refused, self._handle = refused, handle
        metadata = handle.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{refused}; its format is {metadata.get('format')!r}, not {FORMAT!r}")
        self._text: str = metadata.get("content", "")
        self._checksum = metadata.get("checksum")
        if len(self._text) > MAX_CONTENT:
            raise ValueError(f"{refused}; its structure has {len(self._text)} characters, more than {MAX_CONTENT}")
        try:
            self.content: Any = json.loads(checked_depth(self._text))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{refused}; its structure is not JSON: {error}") from None
        if not isinstance(self.content, dict):
            raise ValueError(f"{refused}; its structure is not a dict")
        self.shapes: Shapes = {}
        for name in handle.keys():  # noqa: SIM118  # the handle is not a mapping
            part = handle.get_slice(name)
            dtype = _DTYPES.get(part.get_dtype())
            if dtype is None:
                raise ValueError(f"{refused}; {name} is {part.get_dtype()}, not F32 or F64")
            self.shapes[name] = tuple(part.get_shape()), dtype

    def check(self, needed: Shapes) -> None:
        """Raise a ValueError unless the tensors are exactly those that the structure needs."""
        for name, (shape, dtype) in needed.items():
            if name not in self.shapes:
                raise ValueError(f"{self._refused}; {name} is missing")
            if self.shapes[name] != (shape, dtype):
                got, kind = self.shapes[name]
                raise ValueError(f"{self._refused}; {name} must be {shape} of {dtype}; got {got} of {kind}")
        more = sorted(self.shapes.keys() - needed.keys())
        if more:
            raise ValueError(f"{self._refused}; {more[0]} does not belong to its structure")

    def read(self) -> dict[str, Array]:
        """Return all tensors; raise a ValueError if the checksum of tensors and content does not match."""
        tensors = {name: self._handle.get_tensor(name) for name in self.shapes}
        if checksum(self._text, tensors) != self._checksum:
            raise ValueError(f"{self._refused}; its checksum does not match its content: the file is damaged")
        return tensors


@contextlib.contextmanager
def opened(function: str, path: Any) -> Iterator[Stored]:
    """Open a file for reading. Any error in its content, also inside the context, is a ValueError that names the file.

    Raises
    ------
    ImportError
        If safetensors is not installed.
    OSError
        If the file cannot be opened.
    ValueError
        If the file is damaged or has another format.
    """
    library = _safetensors(function)
    path = os.fspath(path)
    refused = f"{function}: {path} must be a file saved by seqfuse"
    with open(path, "rb") as file:
        start, size = file.read(8), os.fstat(file.fileno()).st_size
    header = int.from_bytes(start, "little")
    for magic, name in _FOREIGN.items():
        if start.startswith(magic):
            raise ValueError(f"{refused}; it is {name}")
    if size < 8 or header > min(size - 8, MAX_HEADER):
        raise ValueError(f"{refused}; it has {size} bytes, and its header claims {header}")
    try:
        with library.safe_open(path, framework="numpy") as handle:
            yield Stored(refused, handle)
    except library.SafetensorError as error:
        raise ValueError(f"{refused}; {error}") from None
    except OSError:
        raise
    except Exception as error:
        if str(error).startswith(refused):
            raise
        kind = "" if isinstance(error, (TypeError, ValueError)) else f"{type(error).__name__} "
        raise ValueError(f"{refused}; {kind}{error}") from error
