"""Tests of names: conversion to snake case, lookup, and suggestions."""

import pytest

from seqfuse import _names

TABLE = {"adam": 1, "adamw": 2, "rmsprop": 3, "SGD": 4}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("GlorotUniform", "glorot_uniform"),
        ("LSTM", "lstm"),
        ("GRU", "gru"),
        ("SimpleRNN", "simple_rnn"),
        ("L1L2", "l1l2"),
        ("RNNCell", "rnn_cell"),
        ("GlobalAveragePooling1D", "global_average_pooling1d"),
        ("glorot_uniform", "glorot_uniform"),
        ("GLOROT_UNIFORM", "glorot_uniform"),
        ("", ""),
    ],
)
def test_snake_case(name, wanted):
    assert _names.snake_case(name) == wanted


@pytest.mark.parametrize(("name", "entry"), [("adam", 1), ("Adam", 1), ("ADAMW", 2), ("SGD", 4)])
def test_look_up_finds_upper_and_lower_case(name, entry):
    assert _names.look_up("compile", "optimizer", name, TABLE) == entry


def test_look_up_suggests_the_most_similar_name():
    with pytest.raises(ValueError, match="adm") as raised:
        _names.look_up("compile", "optimizer", "adm", TABLE)
    assert str(raised.value) == (
        'compile: optimizer must be one of "adam", "adamw", "rmsprop", "SGD"; got \'adm\'. Did you mean "adam"?'
    )


@pytest.mark.parametrize(("name", "near"), [("Adamm", "adam"), ("adm_w", "adamw"), ("RMSpropp", "rmsprop")])
def test_suggestion_is_the_nearest(name, near):
    assert _names.suggestion(name, TABLE) == f'. Did you mean "{near}"?'


def test_suggestion_is_empty_when_no_name_is_similar():
    assert _names.suggestion("lion", TABLE) == ""
    with pytest.raises(ValueError, match=r"got 'lion'$"):
        _names.look_up("compile", "optimizer", "lion", TABLE)
