"""Tests of the attention mask, the dropout mask and sums over allowed keys."""

import numpy as np
import pytest
from support.attention_cases import make_attention_case

from seqfuse import reference
from seqfuse.reference.attention_mask import attention_mask, dropout_mask, sum_over_keys

from .settings import ATTENTION


@pytest.mark.parametrize("settings", ATTENTION)
def test_attention_mask_equals_the_definition_of_the_options(settings):
    case = make_attention_case(settings, B=3, Tq=6)
    options = {name: case.options[name] for name in ("causal", "window", "lengths") if name in case.options}
    allowed = attention_mask(case.shape, case.arguments.get("mask"), **options)
    np.testing.assert_array_equal(allowed, case.allowed)


# Rows are queries, shown as letters, and columns are keys. A dot is an excluded pair.
PICTURES = [
    ({"causal": True}, (3, 3), "a.. bb. ccc"),
    ({"causal": "top_left"}, (2, 4), "a... bb.."),
    ({"causal": "top_left"}, (4, 2), "a. bb cc dd"),
    ({"causal": "bottom_right"}, (2, 4), "aaa. bbbb"),
    ({"causal": "bottom_right"}, (4, 2), ".. .. c. dd"),
    ({"causal": "bottom_right", "lengths": [3]}, (2, 4), "aa.. bbb."),
    ({"causal": "bottom_right", "lengths": [1]}, (2, 4), ".... b..."),
    ({"causal": "bottom_right", "window": (1, 5)}, (2, 4), ".aa. ..bb"),
    ({"causal": "top_left", "window": (0, 0)}, (3, 4), "a... .b.. ..c."),
    ({"window": (1, 0)}, (3, 3), "a.. bb. .cc"),
    ({"window": (0, 1)}, (3, 3), "aa. .bb ..c"),
    ({"window": (None, 0)}, (3, 3), "a.. bb. ccc"),
    ({"window": (2**70, 0)}, (3, 3), "a.. bb. ccc"),
    ({"window": (0, 2**70), "lengths": [2]}, (3, 3), "aa. .b. ..."),
    ({"lengths": [2]}, (3, 3), "aa. bb. cc."),
    ({"lengths": [0]}, (2, 2), ".. .."),
]


@pytest.mark.parametrize(("options", "sizes", "picture"), PICTURES, ids=str)
def test_attention_mask_equals_hand_drawn_masks(options, sizes, picture):
    drawn = [[letter != "." for letter in row] for row in picture.split()]
    np.testing.assert_array_equal(attention_mask((1, 1, *sizes), **options)[0, 0], drawn)


def test_attention_mask_accepts_lengths_of_any_integer_dtype():
    for dtype in (np.uint8, np.int8, np.uint64):
        allowed = attention_mask((2, 1, 5, 3), causal="bottom_right", lengths=np.array([1, 3], dtype))
        np.testing.assert_array_equal(allowed.sum(axis=(1, 2, 3)), [1, 6])


def test_attention_mask_excludes_only_exact_minus_infinity():
    mask = np.array([[-np.inf, np.finfo(float).min, np.inf, np.nan]])
    np.testing.assert_array_equal(attention_mask((1, 1, 1, 4), mask)[0, 0], [[False, True, True, True]])


def test_dropout_mask_uses_word_j_mod_4_of_the_counter_j_div_4_i_h_b():
    rate, seed = 0.3, 0x123456789ABCDEF0
    is_kept = dropout_mask((2, 3, 4, 7), rate, seed)
    for b, h, i, j in np.ndindex(is_kept.shape):
        word = int(reference.philox4x32([j // 4, i, h, b], [0x9ABCDEF0, 0x12345678])[j % 4])
        assert is_kept[b, h, i, j] == (word >= int(rate * 2**32)), (b, h, i, j)


def test_dropout_mask_drops_the_given_fraction():
    is_kept = dropout_mask((2, 5, 100, 100), 0.2, 7)
    assert (~is_kept).mean() == pytest.approx(0.2, abs=4 * (0.2 * 0.8 / is_kept.size) ** 0.5)  # 4 standard deviations


def test_sum_over_keys_is_the_matrix_product_when_all_is_finite():
    rng = np.random.default_rng(0)
    allowed = rng.random(size=(2, 3, 4, 5)) < 0.5
    weights, rows = np.where(allowed, rng.normal(size=allowed.shape), 0), rng.normal(size=(2, 3, 5, 6))
    np.testing.assert_array_equal(sum_over_keys(weights, rows, allowed), weights @ rows)


@pytest.mark.filterwarnings("ignore:invalid value encountered in multiply")
def test_sum_over_keys_of_nan_and_infinities_affects_only_allowed_pairs():
    allowed = np.array([[True, True, False], [True, False, True], [True, False, False]])
    weights = np.where(allowed, 0.5, 0)
    rows = np.array([[1.0, 2.0], [np.inf, 4.0], [np.nan, -np.inf]])
    np.testing.assert_array_equal(sum_over_keys(weights, rows, allowed), [[np.inf, 3.0], [np.nan, -np.inf], [0.5, 1.0]])
