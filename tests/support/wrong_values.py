"""Values that every function refuses, with their errors, for `functional/test_errors`.

A row is (argument, wrong value, error, part of the message).
"""

import numpy as np

T, B, I, H, V, C = 5, 2, 3, 4, 7, 6


def zeros(*shape, dtype=np.float64):
    return np.zeros(shape, dtype)


KINDS = "must be float64, float32, half, integers or bool; got"
READ_ONLY = zeros(T)
READ_ONLY.flags.writeable = False


def rows_of_numbers(argument, *shape):
    """Return the rows of an argument of real numbers."""
    ragged = [[1.0], [1.0, 2.0]]
    return [
        (argument, zeros(*shape, dtype=complex), TypeError, f"{KINDS} complex128. Pass its real part"),
        (argument, zeros(*shape, dtype=np.longdouble), TypeError, f"{KINDS} {np.dtype(np.longdouble)}. Pass it as"),
        (argument, zeros(*shape, dtype=object), TypeError, f"{KINDS} object. Pass an array of numbers"),
        (argument, "text", TypeError, f"{KINDS} <U4"),
        (argument, zeros(*shape, dtype="M8[s]"), TypeError, f"{KINDS} datetime64[s]"),
        (argument, ragged, ValueError, "must be an array; got list. NumPy says: "),
    ]


def rows_of_flag(argument):
    return [(argument, value, TypeError, f"must be True or False; got {value!r}") for value in (1, "yes", None)]


def rows_of_integers(argument, symbol, count):
    return [
        (argument, [0.0, 1.0], TypeError, "must be integers; got float64"),
        (argument, [0, -1], ValueError, f"must be in 0..{symbol}-1 = 0..{count - 1}; got -1 at [1]. "),
        (argument, [0, count], ValueError, f"must be in 0..{symbol}-1 = 0..{count - 1}; got {count} at [1]. "),
        (argument, [[0], [0, 1]], ValueError, "must be an array; got list"),
    ]


def rows_of_number(argument, *out_of_range):
    return [
        (argument, "0.5", TypeError, "must be a real number; got '0.5'"),
        (argument, None, TypeError, "must be a real number; got None"),
        (argument, 1j, TypeError, "must be a real number; got 1j"),
        *((argument, value, ValueError, f"must be {needed}; got {value}") for value, needed in out_of_range),
    ]


def rows_of_activation(argument):
    """Return the rows of an activation argument."""
    names = "tanh, sigmoid, relu, linear, hard_sigmoid, softsign, softplus, elu, leaky_relu"
    either = "must be a name or a tuple (name, alpha, beta); got"
    return [
        (argument, "Tanh", ValueError, f"must be one of {names}; got 'Tanh'. Did you mean 'tanh'?"),
        (argument, "leakyrelu", ValueError, "got 'leakyrelu'. Did you mean 'leaky_relu'?"),
        (argument, ("softmax", 1.0), ValueError, f"must be one of {names}; got 'softmax'"),
        (argument, ("tanh", 1.0), ValueError, "must be 'tanh', which has no constants; got ('tanh', 1.0)"),
        (argument, ("elu", 1.0, 0.5), ValueError, "must be ('elu', alpha); got ('elu', 1.0, 0.5)"),
        (argument, ("elu", np.nan), ValueError, "must have a finite alpha; got nan"),
        (argument, ("hard_sigmoid", 0.2, np.inf), ValueError, "must have a finite beta; got inf"),
        (argument, ("elu", "1"), TypeError, "must have a real number for alpha; got '1'"),
        (argument, None, TypeError, f"{either} NoneType"),
        (argument, np.tanh, TypeError, f"{either} ufunc"),
        (argument, ["elu", 1.0], TypeError, f"{either} list"),
        (argument, np.array(["elu"]), TypeError, f"{either} ndarray"),
        (argument, (), TypeError, f"{either} ()"),
    ]


def rows_of_target(argument, needed):
    return [
        (argument, [0.0] * T, TypeError, f"{argument} must be a numpy.ndarray"),
        (argument, zeros(T + 1), ValueError, f"{argument} must be {needed}; got (6,)"),
        (argument, READ_ONLY, ValueError, f"{argument} must be writeable; got a read-only array"),
    ]


def rows_of_rows(argument, batch):
    """Return the rows of an argument that selects rows of a batch of at least 2."""
    return [
        (argument, [0.5], TypeError, "must be integers; got float64"),
        (argument, "text", TypeError, "must be integers; got <U4"),
        (argument, [batch], ValueError, f"must be in 0..batch-1 = 0..{batch - 1}; got {batch} at [0]"),
        (argument, -1, ValueError, f"must be in 0..batch-1 = 0..{batch - 1}; got -1"),
        (argument, [[0]], ValueError, "must be an integer or (n,); got (1, 1)"),
        (argument, [True], ValueError, f"must be (batch,) = ({batch},); got (1,)"),
        (argument, [[0], [0, 1]], ValueError, "must be an array; got list"),
    ]


FRACTIONS = [(1.0, "in [0, 1)"), (-0.1, "in [0, 1)"), (float("nan"), "in [0, 1)")]
INDICES = "must be an integer; got"
