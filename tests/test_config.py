"""Tests of configurations: get_config, from_config, repr, and lookup by name, class or configuration."""

import json

import numpy as np
import pytest

from seqfuse._config import Configured, get_instance


class Pair(Configured):
    def __init__(self, first, second=2, *, third=None):
        self.first = first
        self.second = second
        self.third = third


class Triple(Pair):
    def __init__(self, fourth=4, **kwargs):
        super().__init__(**kwargs)
        self.fourth = fourth


class Alone(Pair):
    def __init__(self):
        super().__init__(1)


class Inherited(Triple):
    pass


@pytest.mark.parametrize(
    ("one", "config"),
    [
        (Pair(1), {"first": 1, "second": 2, "third": None}),
        (Triple(first=1, third=[3]), {"fourth": 4, "first": 1, "second": 2, "third": [3]}),
        (Inherited(5, first=1), {"fourth": 5, "first": 1, "second": 2, "third": None}),
        (Alone(), {}),
        (Configured(), {}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_config_includes_the_arguments_of_the_base_class(one, config):
    assert one.get_config() == config
    again = type(one).from_config(json.loads(json.dumps(config)))
    assert type(again) is type(one)
    assert again.get_config() == config


def test_repr_omits_arguments_that_are_none():
    assert repr(Pair("a")) == "Pair(first='a', second=2)"
    assert repr(Alone()) == "Alone()"


def test_from_config_refuses_unknown_arguments():
    with pytest.raises(TypeError, match="fourth"):
        Pair.from_config({"first": 1, "fourth": 4})


TABLE = {"alone": Alone, "triple": Triple}


@pytest.mark.parametrize("identifier", ["alone", "Alone", Alone, {"class_name": "Alone"}, {"class_name": "alone"}])
def test_get_instance_accepts_a_name_a_class_or_a_config(identifier):
    assert type(get_instance("f", identifier, TABLE)) is Alone


def test_get_instance_passes_the_config_on_and_returns_other_values_unchanged():
    assert get_instance("f", {"class_name": "Triple", "config": {"first": 1, "fourth": 9}}, TABLE).fourth == 9
    for given in (None, 3, Pair(1), np.sum):
        assert get_instance("f", given, TABLE) is given


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("alon", 'f: identifier must be one of "alone", "triple"; got .alon.* Did you mean "alone"'),
        ({"class_name": "Tripel"}, 'f: class_name must be one of .* Did you mean "triple"'),
        ({"config": {}}, 'f: identifier must be {"class_name": ..., "config": ...}; got'),
        ({"class_name": "Alone", "config": [1]}, "f: identifier must be {"),
    ],
)
def test_get_instance_refuses_unknown_names(identifier, message):
    with pytest.raises(ValueError, match=message):
        get_instance("f", identifier, TABLE)
