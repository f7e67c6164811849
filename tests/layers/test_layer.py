"""Tests of the base class: names, weights, calls on arrays and on symbolic tensors, masks, and custom layers."""

import inspect
import re

import numpy as np
import pytest

from layers.gradients import assert_gradients
from seqfuse import layers
from seqfuse.layers import (
    GRU,
    Add,
    Dense,
    Input,
    Layer,
)
from seqfuse.models import Model, Sequential


class Scale(Layer):
    """A layer as a user would write it."""

    ranks = (2,)
    symbols = "(batch, I)"

    def build(self, input_shape):
        self.scale = self.add_weight("scale", (input_shape[-1],), "normal", "l2")
        super().build(input_shape)

    def forward(self, x, training=False, mask=None, *, keep=True):
        x = self.prepare_input(x)
        return x * self.scale.value, x

    def backward(self, tape, dy, *, need_dx=True, into=None):
        into = self.targets(into)
        into[0] += (tape * dy).sum(0)
        return dy * self.scale.value, self.gradients(into)


class Twice(Layer):
    """A layer with two sublayers, one of which is also in a list."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = Dense(3)
        self.list = [self.first, Dense(2)]


def test_layer_matches_central_differences_when_written_by_a_user():
    assert_gradients(Scale(dtype="float64"), np.random.default_rng(0).normal(size=(4, 3)))


def test_layer_default_names_are_numbered_per_class():
    class BrandNewKind(Layer):
        pass

    assert [BrandNewKind().name for _ in range(3)] == ["brand_new_kind", "brand_new_kind_1", "brand_new_kind_2"]
    assert Layer(name="mine").name == "mine"


def test_layer_lists_weights_of_sublayers_once():
    layer = Twice()
    assert layer.sublayers() == [layer.first, layer.list[1]]
    layer.first.build((None, 4))
    layer.list[1].build((None, 3))
    assert layer.weights == layer.first.weights + layer.list[1].weights
    assert layer.weights[0].path == f"{layer.first.name}/kernel"
    assert layer.count_params() == 15 + 8
    layer.first.trainable = False
    assert layer.trainable_weights == layer.list[1].weights
    assert layer.non_trainable_weights == layer.first.weights


def test_layer_backward_returns_no_gradients_when_frozen():
    layer = Scale(trainable=False)
    y, tape = layer.forward(np.ones((2, 3)))
    assert layer.backward(tape, y)[1] == []
    into = []
    assert layer.backward(tape, y, into=into)[1] == []
    layer.trainable = True
    assert layer.trainable_weights == layer.weights
    assert len(layer.backward(tape, y)[1]) == 1


def test_layer_casts_inputs_to_its_dtype():
    for dtype in ("float32", "float64"):
        layer = Scale(dtype=dtype)
        for x in (np.ones((2, 3), np.float16), [[1, 2, 3]], np.ones((2, 3), bool), np.ones((2, 3), ">f8")):
            assert layer(x).dtype == layer.scale.dtype == dtype


@pytest.mark.parametrize("dtype", ["float16", "int32", "complex64", "floot32", 3])
def test_layer_refuses_other_dtypes(dtype):
    with pytest.raises(TypeError, match='Scale: dtype must be "float32" or "float64"; got'):
        Scale(dtype=dtype)


@pytest.mark.parametrize("x", [np.array([["a", "b"]]), np.ones((2, 3), complex), np.array([[None]])])
def test_layer_names_itself_when_inputs_are_not_real_numbers(x):
    with pytest.raises(TypeError, match="scaler: x must be"):
        Scale(name="scaler")(x)


def test_layer_names_itself_when_it_refuses_a_shape():
    layer = Scale(name="scaler")
    with pytest.raises(ValueError, match=r"scaler: the input must be \(batch, I\); got \(2, 3, 4\)"):
        layer(np.ones((2, 3, 4)))
    assert not layer.built
    layer(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"scaler: the input must be \(batch, I\) = \(\.\.\., 3\); got \(2, 4\)"):
        layer(np.ones((2, 4)))
    with pytest.raises(ValueError, match="scaler: the input must be"):
        layer(Input((4,)))


def test_layer_set_weights_changes_all_weights_or_none():
    layer = Scale()
    with pytest.raises(
        ValueError, match=r"weights must be 0 arrays; got 1\. The layer has no weights before it is built"
    ):
        layer.set_weights([np.ones(3)])
    layer(np.ones((2, 3)))
    layer.set_weights([np.ones(3)])
    with pytest.raises(ValueError, match=r"/scale must be .*\(3,\); got \(4,\)"):
        layer.set_weights([np.zeros(4)])
    assert (layer.get_weights()[0] == 1).all()


def test_layer_refuses_an_initializer_that_returns_another_shape():
    with pytest.raises(ValueError, match=r"the initial value of kernel must be .*\(3, 2\); got \(2, 3\)"):
        Dense(2, kernel_initializer=lambda shape, dtype: np.ones(shape[::-1]))(np.ones((1, 3)))


def test_layer_call_runs_on_arrays_and_connects_symbolic_tensors():
    layer, x = Scale(), Input((3,))
    y = layer(x)
    assert layer.built
    assert (y.shape, y.node.layer) == ((None, 3), layer)
    np.testing.assert_array_equal(layer(np.ones((1, 3)))[0], layer.scale.value)
    with pytest.raises(TypeError, match="inputs must all be symbolic, or all arrays; got ndarray"):
        GRU(2)(Input((4, 3)), initial_state=np.ones((1, 2)))
    with pytest.raises(ValueError, match="mask must be None for a symbolic input"):
        layer(x, mask=np.ones((1, 3), bool))


def test_layer_warns_once_when_it_does_not_support_a_mask():
    layer, mask = Scale(name="scaler"), np.ones((2, 3), bool)
    assert layer.compute_mask(None, None) is None
    with pytest.warns(
        UserWarning, match="scaler: the mask of its input ends here, because Scale does not support masking"
    ):
        assert layer.compute_mask(None, mask) is None
    assert layer.compute_mask(None, mask) is None  # without a second warning, which would be an error here
    assert Dense(2).compute_mask(None, mask) is mask


def test_layer_from_config_restores_the_layer():
    layer = Dense(3, "relu", kernel_regularizer="l2", name="d", dtype="float64")
    config = layer.get_config()
    assert (config["units"], config["activation"], config["dtype"], config["name"]) == (3, "relu", "float64", "d")
    again = Dense.from_config(config)
    assert again.get_config() == config
    assert repr(again).startswith("Dense(units=3, activation='relu'")


def test_layer_ignores_hints_of_keras_and_refuses_unsupported_arguments():
    GRU(2, implementation=2, unroll=True, use_cudnn="auto")
    with pytest.raises(ValueError, match="GRU: activity_regularizer must be None: it is not supported; got 'l2'"):
        GRU(2, activity_regularizer="l2")
    GRU(2, activity_regularizer=None)
    with pytest.raises(TypeError, match="GRU: there is no argument 'unit'"):
        GRU(2, unit=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_initializer": "glorot_unifrm"}, 'out: the initializer of kernel must be .*Did you mean "glorot_unif'),
        ({"bias_regularizer": "l3"}, 'out: the regularizer of bias must be one of "l1", "l2", "l1l2"; got .l3.'),
    ],
)
def test_layer_names_the_weight_when_an_initializer_or_regularizer_is_unknown(options, message):
    with pytest.raises(ValueError, match=message):
        Dense(3, name="out", **options)(Input((2,)))


def test_layer_uses_the_default_initializer_when_it_is_none():
    assert Dense(3, kernel_initializer=None)(np.ones((2, 4))).any()


def test_layer_names_the_missing_methods():
    with pytest.raises(NotImplementedError, match=r"Layer: forward and backward must be written; got none$"):
        Layer().forward(np.ones(3))

    class Doubles(Layer):
        def call(self, x):
            return 2 * x

    with pytest.raises(NotImplementedError, match=r"Doubles: forward .*Keras's call is not enough"):
        Doubles()(np.ones(3))
    with pytest.raises(NotImplementedError, match=r"Layer\.backward"):
        Layer().backward(None, np.ones(3))


@pytest.mark.parametrize("frozen", ["kernel", "bias"])
def test_layer_backward_skips_one_weight_when_only_it_is_frozen(frozen):
    layer, x = Dense(3), np.random.default_rng(0).normal(size=(4, 3))
    y, tape = layer.forward(x)
    dy = np.ones_like(y)
    both = dict(zip(("kernel", "bias"), layer.backward(tape, dy)[1]))
    getattr(layer, frozen).trainable = False
    (trainable,) = set(both) - {frozen}
    into = [np.ones_like(both[trainable])]
    (found,) = layer.backward(tape, dy, into=into)[1]
    assert found is into[0]
    np.testing.assert_allclose(found, 1 + both[trainable], rtol=1e-6)
    (found,) = layer.backward(tape, dy)[1]
    np.testing.assert_array_equal(found, both[trainable])


def test_layer_input_and_output_are_those_of_the_last_symbolic_call():
    x = Input((3,))
    layer = Dense(2)
    with pytest.raises(AttributeError, match="before it is called on a symbolic Input"):
        _ = layer.output
    y = layer(x)
    assert layer.input is x
    assert layer.output is y
    model = Model(x, Dense(1)(y))
    inside = Model(model.input, layer.output)
    rows = np.ones((4, 3))
    assert (inside.predict(rows) == layer(rows)).all()
    assert [w.path for w in layer.trainable_variables] == [w.path for w in layer.trainable_weights]


def test_layer_all_sublayers_lists_nested_layers_once():
    inside = Sequential([Dense(2), Dense(1)])
    x, z = Input((3,)), Input((3,))
    model = Model([x, z], Add()([inside(x), inside(z)]))
    found = model.all_sublayers()
    assert found.count(inside.layers[0]) == found.count(inside) == 1
    assert set(inside.layers) < set(found)


LAYER_TYPES = [
    exported
    for exported in (getattr(layers, name) for name in layers.__all__)
    if isinstance(exported, type) and issubclass(exported, Layer)
]


@pytest.mark.parametrize("layer_type", LAYER_TYPES)
def test_layer_signature_and_docstring_name_every_argument(layer_type):
    parameters = inspect.signature(layer_type).parameters.values()
    assert {"name", "trainable", "dtype", "input_shape"} <= {parameter.name for parameter in parameters}
    assert layer_type.__doc__, "the docstring must not be inherited"
    (section,) = re.findall(r"Parameters\n-+\n(.*?)\n\n", inspect.getdoc(layer_type), re.DOTALL)
    documented = re.findall(r"^(\S.*?) : ", section, re.MULTILINE)
    names = [f"**{p.name}" if p.kind is p.VAR_KEYWORD else p.name for p in parameters]
    assert ", ".join(documented).split(", ") == names
    assert [name for name in names if name.startswith("*")] == ["**keras_options"]
