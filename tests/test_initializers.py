"""Tests of the initializers: distributions, bounds, orthogonality, seeds, names, invalid arguments."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from seqfuse import initializers, utils
from seqfuse.initializers.scaled import fans

SHAPE = (300, 400)
RANDOM = {
    "random_uniform": initializers.RandomUniform,
    "random_normal": initializers.RandomNormal,
    "truncated_normal": initializers.TruncatedNormal,
    "orthogonal": initializers.Orthogonal,
    "variance_scaling": initializers.VarianceScaling,
    "glorot_uniform": initializers.GlorotUniform,
    "glorot_normal": initializers.GlorotNormal,
    "he_uniform": initializers.HeUniform,
    "he_normal": initializers.HeNormal,
    "lecun_uniform": initializers.LecunUniform,
    "lecun_normal": initializers.LecunNormal,
}
FIXED = {
    "zeros": initializers.Zeros,
    "ones": initializers.Ones,
    "constant": initializers.Constant,
    "identity": initializers.Identity,
}
ALL = RANDOM | FIXED


def kolmogorov_distance(values: np.ndarray, distribution) -> float:
    """Return the Kolmogorov-Smirnov distance of the values from a distribution, times sqrt(n)."""
    ordered = np.sort(values.ravel())
    wanted = np.array([distribution(x) for x in ordered])
    steps = np.arange(ordered.size + 1) / ordered.size
    return float(max((steps[1:] - wanted).max(), (wanted - steps[:-1]).max()) * math.sqrt(ordered.size))


def normal_distribution(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


# One in 1000 samples of the distribution itself exceeds this distance, in units of 1 / sqrt(n).
KOLMOGOROV_LIMIT = 1.95


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_random_uniform_is_uniform_within_its_bounds(dtype):
    w = initializers.RandomUniform(-1.0, 3.0, seed=1)((100, 200), dtype)
    assert w.dtype == dtype
    assert w.min() >= -1
    assert w.max() <= 3
    assert kolmogorov_distance(w, lambda x: (x + 1) / 4) < KOLMOGOROV_LIMIT


def test_random_normal_is_normal():
    w = initializers.RandomNormal(mean=2.0, stddev=3.0, seed=1)((100, 200))
    assert kolmogorov_distance(w, lambda x: normal_distribution((x - 2) / 3)) < KOLMOGOROV_LIMIT


def test_truncated_normal_is_normal_within_two_deviations():
    w = initializers.TruncatedNormal(mean=2.0, stddev=3.0, seed=1)((100, 200))
    assert abs(w - 2).max() <= 6
    below, within = normal_distribution(-2), normal_distribution(2) - normal_distribution(-2)
    distance = kolmogorov_distance(w, lambda x: (normal_distribution((x - 2) / 3) - below) / within)
    assert distance < KOLMOGOROV_LIMIT


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / 700),
        ("glorot_normal", 2 / 700),
        ("he_uniform", 2 / 300),
        ("he_normal", 2 / 300),
        ("lecun_uniform", 1 / 300),
        ("lecun_normal", 1 / 300),
    ],
)
def test_presets_have_their_variance_and_bound(name, variance):
    w = ALL[name](seed=2)(SHAPE, "float64")
    # The fourth moment of these distributions is at most that of a normal one, three times the squared variance.
    assert abs(w.var() / variance - 1) < 5 * math.sqrt(2 / w.size)
    assert abs(w.mean()) < 5 * math.sqrt(variance / w.size)
    bound = math.sqrt(3 * variance) if name.endswith("uniform") else 2 * math.sqrt(variance) / 0.87962566103423978
    assert 0.999 * bound < abs(w).max() <= bound


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
def test_variance_scaling_obeys_mode(mode):
    w = initializers.VarianceScaling(5.0, mode, "untruncated_normal", seed=3)(SHAPE, "float64")
    variance = 5 / {"fan_in": 300, "fan_out": 400, "fan_avg": 350}[mode]
    assert kolmogorov_distance(w[:50], lambda x: normal_distribution(x / math.sqrt(variance))) < KOLMOGOROV_LIMIT
    assert abs(w).max() > 3 * math.sqrt(variance)


def test_truncated_stddev_constant_is_correct():
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    within = normal_distribution(2) - normal_distribution(-2)
    assert math.isclose(math.sqrt(1 - 4 * density / within), 0.87962566103423978, rel_tol=1e-15)


@pytest.mark.parametrize(
    ("shape", "axes", "wanted"),
    [
        ((), (None, None), (1, 1)),
        ((7,), (None, None), (7, 7)),
        ((3, 5), (None, None), (3, 5)),
        ((2, 3, 5), (None, None), (6, 10)),
        ((2, 4, 3, 5), (None, None), (24, 40)),
        ((6, 2, 5), ([0], [1, 2]), (6, 10)),
    ],
)
def test_fans_count_inputs_and_outputs(shape, axes, wanted):
    assert fans(shape, *axes) == wanted


@pytest.mark.parametrize("shape", [(6, 6), (5, 20), (20, 5), (2, 3, 4), (1, 1), (0, 3)])
def test_orthogonal_is_orthonormal_along_its_shorter_side(shape):
    q = initializers.Orthogonal(gain=3.0, seed=4)(shape, "float64").reshape(-1, shape[-1])
    product = q @ q.T if q.shape[0] < q.shape[1] else q.T @ q
    np.testing.assert_allclose(product, 9 * np.eye(len(product)), atol=1e-13)


def test_orthogonal_has_no_preferred_sign():
    # In a Householder QR the first element of each column has the opposite sign of the diagonal element of R.
    signs = [float(np.sign(initializers.Orthogonal(seed=seed)((2, 2))[0, 0])) for seed in range(400)]
    assert abs(sum(signs)) < 5 * math.sqrt(len(signs))


def test_deterministic_initializers_return_their_values():
    assert initializers.Zeros()((2, 3)).tolist() == [[0, 0, 0]] * 2
    assert initializers.Ones()((2, 3)).tolist() == [[1, 1, 1]] * 2
    assert initializers.Constant(0.25)((2, 3)).tolist() == [[0.25] * 3] * 2
    assert initializers.Identity(2.0)((2, 3)).tolist() == [[2, 0, 0], [0, 2, 0]]
    table = np.arange(6.0).reshape(2, 3)
    w = initializers.Constant(table)((2, 3), "float64")
    w[0, 0] = 9
    assert table[0, 0] == 0


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["float32", "float64", None])
def test_call_returns_a_new_contiguous_array_of_the_requested_type(name, dtype):
    w = ALL[name]()((3, 8), dtype)
    assert w.shape == (3, 8)
    assert w.dtype == (dtype or "float32")
    assert w.flags.c_contiguous
    assert w.flags.writeable


@pytest.mark.parametrize("name", RANDOM)
def test_call_is_repeatable_and_float32_is_rounded_float64(name):
    initializer = RANDOM[name]()
    first = initializer((4, 6), "float64")
    assert np.array_equal(first, initializer((4, 6), "float64"))
    assert np.array_equal(first.astype(np.float32), initializer((4, 6)))
    assert not np.array_equal(first, RANDOM[name]()((4, 6), "float64"))


@pytest.mark.parametrize("name", RANDOM)
def test_values_follow_the_seed_or_the_process_seed(name):
    assert np.array_equal(RANDOM[name](seed=7)(SHAPE), RANDOM[name](seed=7)(SHAPE))
    assert not np.array_equal(RANDOM[name](seed=7)(SHAPE), RANDOM[name](seed=8)(SHAPE))
    utils.set_random_seed(1)
    first, second = RANDOM[name]()((4, 4)), RANDOM[name]()((4, 4))
    utils.set_random_seed(1)
    assert np.array_equal(RANDOM[name]()((4, 4)), first)
    assert np.array_equal(RANDOM[name]()((4, 4)), second)
    utils.set_random_seed(2)
    assert not np.array_equal(RANDOM[name]()((4, 4)), first)


def test_values_of_a_seed_never_change():
    # The values of a seed are part of saved experiments. They come from splitmix64, then NumPy's PCG64 and ziggurat.
    assert initializers.RandomUniform(0.0, 1.0, seed=1)((3,), "float64").tolist() == UNIFORM_OF_SEED_1
    assert initializers.RandomNormal(0.0, 1.0, seed=1)((3,), "float64").tolist() == NORMAL_OF_SEED_1


UNIFORM_OF_SEED_1 = [0.6473076471841538, 0.4668732121883896, 0.5469688284229387]
NORMAL_OF_SEED_1 = [0.2715827589673271, -0.7071033853533732, 0.34527656900790094]


@pytest.mark.parametrize("name", ALL)
def test_get_accepts_names_classes_instances_and_configs(name):
    wanted = ALL[name]
    assert getattr(initializers, name) is wanted
    for identifier in (name, wanted.__name__, name.upper(), wanted, {"class_name": wanted.__name__, "config": {}}):
        assert type(initializers.get(identifier)) is wanted
    made = wanted()
    assert initializers.get(made) is made


@pytest.mark.parametrize(
    "made",
    [
        initializers.RandomUniform(-1.0, 2.0, seed=5),
        initializers.RandomNormal(1.0, 2.0, seed=5),
        initializers.TruncatedNormal(1.0, 2.0, seed=5),
        initializers.Orthogonal(2.0, seed=5),
        initializers.VarianceScaling(3.0, "fan_out", "normal", seed=5),
        initializers.GlorotUniform(seed=5, input_axes=[0], output_axes=[1]),
        initializers.Constant(3.0),
        initializers.Identity(3.0),
        initializers.Zeros(),
    ],
    ids=lambda made: type(made).__name__,
)
def test_config_round_trip_through_json(made):
    config = json.loads(json.dumps({"class_name": type(made).__name__, "config": made.get_config()}))
    again = initializers.get(config)
    assert again.get_config() == made.get_config()
    assert np.array_equal(again((4, 6)), made((4, 6)))


def test_get_accepts_aliases_callables_arrays_and_none():
    assert type(initializers.get("uniform")) is initializers.RandomUniform
    assert type(initializers.get("zero")) is initializers.Zeros

    def halves(shape, dtype=None):
        return np.full(shape, 0.5, dtype)

    assert initializers.get(halves) is halves
    assert initializers.get(None) is None
    assert initializers.get(np.arange(3.0))((3,)).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: initializers.get("glorot_unifrm"), ValueError, r'got .glorot_unifrm.\. Did you mean "glorot_uniform"'),
        (lambda: initializers.get({"class_name": "Zero_s"}), ValueError, 'class_name must be .* Did you mean "zeros"'),
        (lambda: initializers.get({"config": {}}), ValueError, "identifier must be {"),
        (lambda: initializers.get(3), TypeError, "identifier must be a name"),
        (lambda: initializers.VarianceScaling(mode="fan"), ValueError, "VarianceScaling: mode must be one of"),
        (lambda: initializers.VarianceScaling(distribution="gauss"), ValueError, "distribution must be one of"),
        (lambda: initializers.VarianceScaling(scale=0), ValueError, "scale must be greater than 0; got 0"),
        (lambda: initializers.GlorotNormal(input_axes=[0]), ValueError, "GlorotNormal: input_axes and output_axes"),
        (lambda: initializers.GlorotNormal(seed=-1), ValueError, "GlorotNormal: seed must be in"),
        (lambda: initializers.GlorotNormal(seed=0.5), TypeError, "GlorotNormal: seed must be an integer"),
        (lambda: initializers.RandomNormal(stddev=-1.0), ValueError, "RandomNormal: stddev must be at least 0"),
        (lambda: initializers.RandomUniform(1.0, 0.0), ValueError, "RandomUniform: maxval must be at least 1"),
        (lambda: initializers.Orthogonal()((3,)), ValueError, r"Orthogonal: shape must be .* got \(3,\)"),
        (lambda: initializers.Identity()((3, 3, 3)), ValueError, r"Identity: shape must be .* got \(3, 3, 3\)"),
        (lambda: initializers.Constant([1, 2])((2, 2)), ValueError, r"Constant: value must be .*\(2, 2\); got \(2,\)"),
        (lambda: initializers.Constant("a"), TypeError, "Constant: value must be"),
        (lambda: initializers.Zeros()((-1,)), ValueError, "Zeros: shape must be at least 0; got -1"),
        (lambda: initializers.Zeros()(3), TypeError, "Zeros: shape must be a tuple of integers; got 3"),
        (lambda: initializers.Zeros()((2**60,)), ValueError, "Zeros: shape must have at most"),
        (lambda: initializers.Zeros()((3,), "int32"), TypeError, "Zeros: dtype must be float32 or float64"),
    ],
)
def test_invalid_arguments_are_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


def test_import_does_not_load_numpy_random():
    code = (
        "import sys, numpy; before = set(sys.modules)\n"
        "import seqfuse.initializers, seqfuse.regularizers, seqfuse.utils\n"
        "print(*sorted(name for name in set(sys.modules) - before if name.startswith('numpy.random')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
