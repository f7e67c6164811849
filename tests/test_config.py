"""Objects that say how they were made, and are made again from that or from a name."""

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
def test_config_holds_the_arguments_also_those_of_the_class_above(one, config):
    assert one.get_config() == config
    again = type(one).from_config(json.loads(json.dumps(config)))
    assert type(again) is type(one)
    assert again.get_config() == config


def test_repr_leaves_out_what_is_none():
    assert repr(Pair("a")) == "Pair(first='a', second=2)"
    assert repr(Alone()) == "Alone()"


def test_from_config_refuses_what_is_no_argument():
    with pytest.raises(TypeError, match="fourth"):
        Pair.from_config({"first": 1, "fourth": 4})


TABLE = {"alone": Alone, "triple": Triple}


@pytest.mark.parametrize("identifier", ["alone", "Alone", Alone, {"class_name": "Alone"}, {"class_name": "alone"}])
def test_made_makes_what_a_name_a_class_or_a_config_stands_for(identifier):
    assert type(get_instance("f", identifier, TABLE)) is Alone


def test_made_hands_the_config_on_and_anything_else_through():
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
def test_made_refuses_what_there_is_not(identifier, message):
    with pytest.raises(ValueError, match=message):
        get_instance("f", identifier, TABLE)
