"""Compare the merging layers with Keras: broadcasting, masks, ties."""

import numpy as np
import pytest
from beside import compare, pair
from support.pairwise import pairwise

NAMES = ["Add", "Average", "Subtract", "Multiply", "Maximum"]
SHAPES = [((2, 3), (2, 3)), ((2, 4, 3), (2, 1, 3)), ((2, 1, 1), (2, 4, 3)), ((2, 3), (2, 4, 3)), ((2, 5, 4, 3), (2, 3))]
MASKS = [np.random.default_rng(3).random((2, 4)) < 0.5 for _ in range(3)]


def drawn(*shapes):
    rng = np.random.default_rng(1)
    return [
        np.round(2 * rng.standard_normal(shape)).astype(np.float32) for shape in shapes
    ]  # integers, so that there are ties


@pytest.mark.parametrize(
    ("name", "shapes"), [*(("Multiply", shapes) for shapes in SHAPES), *((name, SHAPES[2]) for name in NAMES)]
)
def test_merging_matches_keras(name, shapes):
    compare(*pair(name), drawn(*shapes))


@pairwise(name=NAMES, given=[(1, 1), (1, 0), (0, 1)], shapes=[((2, 4, 3), (2, 4, 3)), ((2, 4, 1), (2, 4, 3))])
def test_merging_masks_match_keras(name, given, shapes):
    masks = [mask if there else None for mask, there in zip(MASKS, given)]
    compare(*pair(name), drawn(*shapes), mask=masks, carried=True)


@pytest.mark.parametrize("name", ["Add", "Multiply", "Maximum"])
@pytest.mark.parametrize("given", [(1, 1, 1), (1, 0, 1), (0, 0, 1), (0, 0, 0)])
def test_merging_of_three_inputs_matches_keras(name, given):
    masks = [mask if there else None for mask, there in zip(MASKS, given)] if any(given) else None
    compare(*pair(name), drawn(*[(2, 4, 3)] * 3), mask=masks, carried=True)


@pytest.mark.parametrize("name", ["Multiply", "Maximum"])
def test_merging_of_different_ranks_drops_masks_as_keras(name):
    ours, theirs = pair(name)
    x = drawn((2, 4, 3), (2, 3))
    compare(ours, theirs, x, mask=[MASKS[0], None], carried=True)


@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("given", [None, (1, 1), (1, 0), (0, 1)])
def test_concatenate_matches_keras(axis, given):
    masks = given and [mask if there else None for mask, there in zip(MASKS, given)]
    compare(*pair("Concatenate", axis), drawn((2, 4, 3), (2, 4, 3)), mask=masks, carried=True)


def test_concatenate_of_different_sizes_matches_keras():
    compare(*pair("Concatenate"), drawn((2, 4, 3), (2, 4, 1), (2, 4, 2)))
    compare(*pair("Concatenate", 1), drawn((2, 4, 3), (2, 1, 3)))
