"""Calls of a layer: on arrays, which runs it, and on symbolic tensors, which records a call for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqfuse.layers._tensor import Node, Tensor

if TYPE_CHECKING:
    from seqfuse.layers._argument_types import Inputs, Masks, Outputs
    from seqfuse.layers._tensor import Shape


class CallableLayer:
    """Base class of `Layer` that makes it callable on arrays and on symbolic tensors."""

    name: str
    built: bool
    node: Node | None  # the last symbolic call
    forward: Any  # these four are methods of Layer
    build: Any
    check_shape: Any
    compute_output_shape: Any

    def arguments(self, x: Inputs, **options: Any) -> tuple[Inputs, dict[str, Any]]:
        """Convert the arguments of a call to arguments of `forward`.

        A layer whose call has further inputs, such as ``initial_state``, overrides this method.

        Parameters
        ----------
        x : array_like or Tensor, or a list of them
            First argument of the call.
        **options : Any
            Keyword arguments of the call, except ``training`` and ``mask``.

        Returns
        -------
        inputs : array_like or Tensor, or a list of them
            First argument of `forward`.
        options : dict
            Keyword arguments of `forward`.
        """
        return x, options

    def __call__(self, x: Inputs, *others: Any, training: bool = False, mask: Masks = None, **options: Any) -> Outputs:
        """Run the layer on arrays, or connect it to symbolic tensors.

        Parameters
        ----------
        x : array_like or Tensor, or a list of them
            Inputs: arrays, or the symbolic outputs of `Input` and of other layers.
        *others : Any
            Further positional arguments; see `arguments`.
        training : bool, optional
            Whether to apply dropout.
        mask : array_like, shape (batch, T), optional
            True at valid steps. By default all steps are valid. Must be None for symbolic tensors.
        **options : Any
            Further keyword arguments; see `arguments`.

        Returns
        -------
        ndarray or Tensor, or a list of them
            The outputs; symbolic if the inputs are.

        Raises
        ------
        TypeError
            If some inputs are symbolic and others are arrays.
        ValueError
            If a shape does not fit, or if a mask is given for symbolic tensors.
        """
        inputs, options = self.arguments(x, *others, **options)
        several = isinstance(inputs, (list, tuple))
        given = list(inputs) if several else [inputs]
        if not any(isinstance(one, Tensor) for one in given):
            return self.forward(given if several else inputs, training=training, mask=mask, keep=False, **options)[0]
        for one in given:
            if not isinstance(one, Tensor):
                raise TypeError(f"{self.name}: inputs must all be symbolic, or all arrays; got {type(one).__name__}")
        if mask is not None:
            raise ValueError(
                f"{self.name}: mask must be None for a symbolic input. A model computes the masks from its inputs"
            )
        layer: Any = self  # a Layer
        return self._connect(Node(layer, given, options, several))

    def _connect(self, node: Node) -> Any:
        """Check the shapes of a symbolic call, build the layer if needed, and return the symbolic outputs."""
        shapes: list[Shape] = [tensor.shape for tensor in node.inputs]
        self.check_shape(shapes[0], source=node.inputs[0].node.layer)
        shape = shapes if node.several_in else shapes[0]
        if not self.built:
            self.build(shape)
        return node.gives(self.compute_output_shape(shape, **node.options))

    @property
    def input(self) -> Any:
        """Input of the last symbolic call: a `Tensor`, or a list of them."""
        node = self._last_call()
        return list(node.inputs) if node.several_in else node.inputs[0]

    @property
    def output(self) -> Any:
        """Output of the last symbolic call: a `Tensor` that can be an output of a model, or a list of them."""
        node = self._last_call()
        return list(node.outputs) if node.several_out else node.outputs[0]

    def _last_call(self) -> Node:
        if self.node is None:
            raise AttributeError(f"{self.name}: input and output do not exist before it is called on a symbolic Input")
        return self.node
