"""The weights of a cell, and whether they fit each other and x: one check for each way that h enters a cell.

All checks have one signature. Messages say what to do with transposed weights, or with a matrix instead of a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from seqfuse._checks import refuse_shape, shape

if TYPE_CHECKING:
    from seqfuse._arrays import Array

Shape: TypeAlias = tuple[int, ...]


@dataclass(slots=True, eq=False, repr=False)
class Weights:
    """Weights of a cell that fit each other; the kernels read the fields by name."""

    W: Array  # (I, G*H)
    U: Any  # (H, G*H), (H,) of an indrnn, None without
    b: Any  # (G*H,), (2, G*H) or None
    peephole: Any  # (3, H) in C order or None

    def views(self) -> Weights:
        """Return views, whose shapes nobody else can change."""
        U, b = self.U, self.b
        return Weights(self.W.view(), None if U is None else U.view(), None if b is None else b.view(), self.peephole)


_TRANSPOSED = "PyTorch stores weights transposed: pass weight"


def full(function: str, gates: int, features: int, W: Array, U: Array, b: Array | None) -> int:
    """H, once W, U (H, G*H) and b fit it, each other and I = `features`."""
    shape_of_U = U.shape
    if len(shape_of_U) == 2:
        units: int
        units, columns = shape_of_U
        fits = columns == gates * units and units and W.shape == (features, columns)
        if fits and (b is None or b.shape == (columns,) or b.shape == (2, columns)):
            return units
    _refuse(function, gates, features, W.shape, shape_of_U, b)


def diagonal(function: str, gates: int, features: int, W: Array, U: Array, b: Array | None) -> int:
    """H, once W, U (H,) and b fit it, each other and I = `features`; the cell has one gate."""
    of_U, of_W = U.shape, W.shape
    if len(of_U) == 2 and of_U[0] == of_U[1]:
        advice = "Pass its diagonal, np.diag(U), or use rnn, which takes all of it"
        refuse_shape(function, "U", "(H,)", of_U[:1], of_U, advice)
    units: int | None = of_U[0] if len(of_U) == 1 else None
    if units is None and len(of_W) == 2 and of_W[0] == features:
        units = of_W[1]
    if units is None:
        refuse_shape(function, "U", "(H,)", None, of_U)
    if units == 0:
        raise ValueError(f"{function}: U must be (H,) with H at least 1; got {of_U}")
    needed = (features, units)
    shape(function, "W", "(I, H)", needed, of_W, f"{_TRANSPOSED}_ih.T" if of_W == needed[::-1] else "")
    shape(function, "U", "(H,)", (units,), of_U)
    _fit_bias(function, "H", units, b)
    return units


def none(function: str, gates: int, features: int, W: Array, U: None, b: Array | None) -> int:
    """H, once W and b fit it, each other and I = `features`; h enters by itself, without a U."""
    columns, of_W = f"{gates}*H", W.shape
    symbols = f"(I, {columns})"
    if len(of_W) != 2 or (of_W[0] != features and of_W[1] != features):
        refuse_shape(function, "W", f"{symbols} = ({features}, {columns})", None, of_W)
    if of_W[0] != features:
        refuse_shape(function, "W", f"{symbols} = ({features}, {columns})", None, of_W, f"{_TRANSPOSED}.T")
    if of_W[1] % gates:
        refuse_shape(function, "W", symbols, None, of_W, f"Its columns are {gates} blocks of H, one a gate")
    if of_W[1] == 0:
        raise ValueError(f"{function}: W must be {symbols} with H at least 1; got {of_W}")
    _fit_bias(function, columns, of_W[1], b)
    units: int = of_W[1] // gates
    return units


def _refuse(function: str, gates: int, features: int, W: Shape, U: Shape, b: Array | None) -> NoReturn:
    """Name the one of weights that do not fit that the caller must change."""
    columns = "H" if gates == 1 else f"{gates}*H"
    units = _intended_units(gates, features, W, U)
    if units is None:
        refuse_shape(function, "U", f"(H, {columns})", None, U)
    if units == 0:
        raise ValueError(f"{function}: U must be (H, {columns}) with H at least 1; got {U}")
    transposed = f"{_TRANSPOSED}_{{}}.T"
    if gates == 3:  # the GRU, which would run and be wrong
        transposed += ", its gates r, z, n put in the order z, r, n"
    needed = (features, gates * units)
    shape(function, "W", f"(I, {columns})", needed, W, transposed.format("ih") if W == needed[::-1] else "")
    needed = (units, gates * units)
    advice = transposed.format("hh") if U == needed[::-1] else ""
    if gates == 1 and U == (units,):
        advice = "For a weight a unit use indrnn"
    shape(function, "U", f"(H, {columns})", needed, U, advice)
    _fit_bias(function, columns, gates * units, b)
    raise AssertionError("weights that fit are not refused")


def _intended_units(gates: int, features: int, W: Shape, U: Shape) -> int | None:
    """H as the weights most likely mean it."""
    if len(U) == 2 and U[1] == gates * U[0]:
        return U[0]
    if len(U) == 2 and U[0] == gates * U[1]:
        return U[1]
    if len(W) == 2 and W[0] == features and W[1] % gates == 0:
        return W[1] // gates
    return None


def _fit_bias(function: str, columns: str, number: int, b: Array | None) -> None:
    if b is not None and b.shape != (number,) and b.shape != (2, number):
        refuse_shape(function, "b", f"({columns},) = {(number,)} or (2, {columns})", (2, number), b.shape)
