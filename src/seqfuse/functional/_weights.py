"""The weights of a cell, and the checks of their shapes: one for each kind of recurrence (full, diagonal, none).

All checks have the same signature. Messages state what to do with transposed weights, or with a matrix instead of a
vector.
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
    """Weights of a cell with matching shapes; the kernels read the fields by name."""

    W: Array  # (I, G*H)
    U: Any  # (H, G*H); (H,) for an IndRNN; None for a minGRU
    b: Any  # (G*H,), (2, G*H) or None
    peephole: Any  # (3, H) in C order or None

    def views(self) -> Weights:
        """Return views, so that the caller cannot change their shapes."""
        U, b = self.U, self.b
        return Weights(self.W.view(), None if U is None else U.view(), None if b is None else b.view(), self.peephole)


_TRANSPOSED = "PyTorch stores weights transposed: pass weight"


def full(function: str, gates: int, features: int, W: Array, U: Array, b: Array | None) -> int:
    """Check the shapes of W, U (H, G*H) and b for I = `features`; return H."""
    U_shape = U.shape
    if len(U_shape) == 2:
        units: int
        units, columns = U_shape
        fits = columns == gates * units and units and W.shape == (features, columns)
        if fits and (b is None or b.shape == (columns,) or b.shape == (2, columns)):
            return units
    _refuse(function, gates, features, W.shape, U_shape, b)


def diagonal(function: str, gates: int, features: int, W: Array, U: Array, b: Array | None) -> int:
    """Check the shapes of W, U (H,) and b for I = `features` and a cell with one gate; return H."""
    U_shape, W_shape = U.shape, W.shape
    if len(U_shape) == 2 and U_shape[0] == U_shape[1]:
        advice = "Pass its diagonal, np.diag(U), or use rnn, which uses the whole matrix"
        refuse_shape(function, "U", "(H,)", U_shape[:1], U_shape, advice)
    units: int | None = U_shape[0] if len(U_shape) == 1 else None
    if units is None and len(W_shape) == 2 and W_shape[0] == features:
        units = W_shape[1]
    if units is None:
        refuse_shape(function, "U", "(H,)", None, U_shape)
    if units == 0:
        raise ValueError(f"{function}: U must be (H,) with H at least 1; got {U_shape}")
    needed = (features, units)
    shape(function, "W", "(I, H)", needed, W_shape, f"{_TRANSPOSED}_ih.T" if W_shape == needed[::-1] else "")
    shape(function, "U", "(H,)", (units,), U_shape)
    _check_bias(function, "H", units, b)
    return units


def none(function: str, gates: int, features: int, W: Array, U: None, b: Array | None) -> int:
    """Check the shapes of W and b for I = `features` and a cell without U; return H."""
    columns, W_shape = f"{gates}*H", W.shape
    symbols = f"(I, {columns})"
    if len(W_shape) != 2 or (W_shape[0] != features and W_shape[1] != features):
        refuse_shape(function, "W", f"{symbols} = ({features}, {columns})", None, W_shape)
    if W_shape[0] != features:
        refuse_shape(function, "W", f"{symbols} = ({features}, {columns})", None, W_shape, f"{_TRANSPOSED}.T")
    if W_shape[1] % gates:
        refuse_shape(function, "W", symbols, None, W_shape, f"Its columns are {gates} blocks of H, one per gate")
    if W_shape[1] == 0:
        raise ValueError(f"{function}: W must be {symbols} with H at least 1; got {W_shape}")
    _check_bias(function, columns, W_shape[1], b)
    units: int = W_shape[1] // gates
    return units


def _refuse(function: str, gates: int, features: int, W: Shape, U: Shape, b: Array | None) -> NoReturn:
    """Raise an error that names the weight to change."""
    columns = "H" if gates == 1 else f"{gates}*H"
    units = _intended_units(gates, features, W, U)
    if units is None:
        refuse_shape(function, "U", f"(H, {columns})", None, U)
    if units == 0:
        raise ValueError(f"{function}: U must be (H, {columns}) with H at least 1; got {U}")
    transposed = f"{_TRANSPOSED}_{{}}.T"
    if gates == 3:  # a GRU with the gates in another order would run, with wrong results
        transposed += ", its gates r, z, n put in the order z, r, n, as weights_from_pytorch does"
    needed = (features, gates * units)
    shape(function, "W", f"(I, {columns})", needed, W, transposed.format("ih") if W == needed[::-1] else "")
    needed = (units, gates * units)
    advice = transposed.format("hh") if U == needed[::-1] else ""
    if gates == 1 and U == (units,):
        advice = "For one weight per unit use indrnn"
    shape(function, "U", f"(H, {columns})", needed, U, advice)
    _check_bias(function, columns, gates * units, b)
    raise AssertionError("weights that fit are not refused")


def _intended_units(gates: int, features: int, W: Shape, U: Shape) -> int | None:
    """Infer H from the weights, for the error message."""
    if len(U) == 2 and U[1] == gates * U[0]:
        return U[0]
    if len(U) == 2 and U[0] == gates * U[1]:
        return U[1]
    if len(W) == 2 and W[0] == features and W[1] % gates == 0:
        return W[1] // gates
    return None


def _check_bias(function: str, columns: str, number: int, b: Array | None) -> None:
    """Check that b has `number` elements, in one or two rows."""
    if b is not None and b.shape != (number,) and b.shape != (2, number):
        advice = f"Pass b.reshape(2, {number})" if b.shape == (2 * number,) else ""
        refuse_shape(function, "b", f"({columns},) = {(number,)} or (2, {columns})", (2, number), b.shape, advice)
