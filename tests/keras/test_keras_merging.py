"""Merging layers beside Keras's: broadcasting, masks, ties."""

import numpy as np
import pytest

from seqfuse import layers

keras = pytest.importorskip("keras")

from beside_keras import check_beside_keras  # noqa: E402  (where there is no Keras, it cannot be imported)

NAMES = ["Add", "Average", "Subtract", "Multiply", "Maximum"]
SHAPES = [((2, 3), (2, 3)), ((2, 4, 3), (2, 1, 3)), ((2, 1, 1), (2, 4, 3)), ((2, 3), (2, 4, 3)), ((2, 5, 4, 3), (2, 3))]
MASKS = [np.random.default_rng(3).random((2, 4)) < 0.5 for _ in range(3)]


def pair(name, *arguments):
    """Our layer and Keras's, made with the same arguments."""
    return getattr(layers, name)(*arguments), getattr(keras.layers, name)(*arguments)


def drawn(*shapes):
    rng = np.random.default_rng(1)
    return [np.round(2 * rng.standard_normal(shape)).astype(np.float32) for shape in shapes]  # whole: there are ties


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shapes", SHAPES)
def test_merging_as_keras(name, shapes):
    check_beside_keras(*pair(name), drawn(*shapes))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("given", [(1, 1), (1, 0), (0, 1)])
@pytest.mark.parametrize("shapes", [((2, 4, 3), (2, 4, 3)), ((2, 4, 1), (2, 4, 3))])
def test_merging_masks_as_keras(name, given, shapes):
    masks = [mask if there else None for mask, there in zip(MASKS, given)]
    check_beside_keras(*pair(name), drawn(*shapes), masks)


@pytest.mark.parametrize("name", ["Add", "Average", "Multiply", "Maximum"])
@pytest.mark.parametrize("given", [(1, 1, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (0, 0, 1), (0, 0, 0)])
def test_merging_of_three_as_keras(name, given):
    masks = [mask if there else None for mask, there in zip(MASKS, given)] if any(given) else None
    check_beside_keras(*pair(name), drawn(*[(2, 4, 3)] * 3), masks)


@pytest.mark.parametrize("name", ["Multiply", "Maximum"])
def test_merging_of_ranks_forgets_masks_as_keras(name):
    ours, theirs = pair(name)
    x = drawn((2, 4, 3), (2, 3))
    check_beside_keras(ours, theirs, x, [MASKS[0], None])


@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("given", [None, (1, 1), (1, 0), (0, 1)])
def test_concatenate_as_keras(axis, given):
    masks = given and [mask if there else None for mask, there in zip(MASKS, given)]
    check_beside_keras(*pair("Concatenate", axis), drawn((2, 4, 3), (2, 4, 3)), masks)


def test_concatenate_of_other_sizes_as_keras():
    check_beside_keras(*pair("Concatenate"), drawn((2, 4, 3), (2, 4, 1), (2, 4, 2)))
    check_beside_keras(*pair("Concatenate", 1), drawn((2, 4, 3), (2, 1, 3)))
