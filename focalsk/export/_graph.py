"""An ONNX graph in the making, written as arithmetic on its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["MIN_OPSET", "OPSET", "Graph", "Value"]

OPSET = 18
"""The operator set of ONNX that is written unless another is asked for."""

MIN_OPSET = 13
"""The lowest operator set whose operators are used as they are defined there."""


class Scope(Protocol):
    """What is asked of skl2onnx's scope: names that nobody else has."""

    def get_unique_variable_name(self, seed: str) -> str:
        """A name for a value."""

    def get_unique_operator_name(self, seed: str) -> str:
        """A name for a node."""


class Container(Protocol):
    """What is asked of skl2onnx's container of nodes."""

    initializers: list[Any]
    nodes: list[Any]
    node_domain_version_pair_sets: set[tuple[str, int]]

    def add_node(self, op_type: str, inputs: Any, outputs: Any, **attributes: Any) -> None:
        """Append a node."""

    def get_options(self, model: Any, default_values: Any) -> dict[str, Any]:
        """The options of an estimator."""

    def target_opset_any_domain(self, domain: str) -> int:
        """The version of a domain's operators."""


class Graph:
    """Nodes and constants for skl2onnx's container.

    Nothing is added before an output asks for it, and the same operator on the same values is
    there once only.

    Parameters
    ----------
    scope, container : skl2onnx's Scope and ModelComponentContainer
        Where names come from, and where nodes go.
    """

    def __init__(self, scope: Scope, container: Container) -> None:
        self.scope = scope
        self.container = container
        self.opset = container.target_opset_any_domain("")
        if self.opset < MIN_OPSET:
            raise ValueError(f"target_opset must be at least {MIN_OPSET}. Got {self.opset}.")
        self._values: dict[tuple[Any, ...], Value] = {}
        self._pending: dict[str, Callable[[], None]] = {}

    def constant(self, value: ArrayLike, dtype: Any = None) -> Value:
        """A constant."""
        array = np.asarray(value, dtype=dtype)
        if array.dtype.kind == "U":
            array = array.astype(object)
        content = tuple(array.tolist()) if array.dtype.kind == "O" else array.tobytes()

        def add(name: str) -> None:
            from onnx.numpy_helper import from_array

            self.container.initializers.append(from_array(array.copy(order="C"), name))

        return self._value((array.dtype.str, array.shape, content), "c", array.dtype, add)

    def op(self, kind: str, *inputs: Value | ArrayLike, dtype: Any = None, **attrs: Any) -> Value:
        """The value of an operator of ONNX.

        Parameters
        ----------
        kind : str
            Its name.
        *inputs : Value, or array-like for a constant of the first value's type
        dtype : dtype, default=None
            That of the result; None for that of the first value.
        **attrs : its attributes
        """
        first = next(value for value in inputs if isinstance(value, Value))
        values = [v if isinstance(v, Value) else self.constant(v, first.dtype) for v in inputs]
        names = [value.name for value in values]
        dtype = np.dtype(first.dtype if dtype is None else dtype)

        def add(name: str) -> None:
            self._require(*names)
            self._add_node(kind, names, name, **attrs)

        return self._value((kind, *names, *sorted(attrs.items())), "v", dtype, add)

    def embed(self, model: Any, X: Value) -> Value:
        """The first output of a whole model of one input, whose nodes become this graph's."""
        from onnx.compose import add_prefix
        from onnx.inliner import inline_local_functions

        prefix = self.scope.get_unique_variable_name("focalsk_m")
        model = add_prefix(inline_local_functions(model), prefix)
        self._require(X.name)
        self._add_node("Identity", [X.name], model.graph.input[0].name)
        for domain in model.opset_import:
            self.container.node_domain_version_pair_sets.add((domain.domain, domain.version))
        self.container.initializers.extend(model.graph.initializer)
        self.container.nodes.extend(model.graph.node)
        return Value(self, model.graph.output[0].name, X.dtype)

    def output(self, value: Value, name: str) -> None:
        """Give a value the name of one of the model's outputs."""
        self._require(value.name)
        self._add_node("Identity", [value.name], name)

    def _value(
        self, key: tuple[Any, ...], kind: str, dtype: np.dtype[Any], add: Callable[[str], None]
    ) -> Value:
        if key not in self._values:
            name = self.scope.get_unique_variable_name(f"focalsk_{kind}")
            self._values[key] = Value(self, name, dtype)
            self._pending[name] = partial(add, name)
        return self._values[key]

    def _require(self, *names: str) -> None:
        """Add what these values need and is not there yet."""
        for name in names:
            add = self._pending.pop(name, None)
            if add is not None:
                add()

    def _add_node(self, kind: str, inputs: list[str], output: str, **attrs: Any) -> None:
        node = self.scope.get_unique_operator_name(f"focalsk_{kind}")
        self.container.add_node(kind, inputs, [output], name=node, **attrs)


@dataclass(frozen=True)
class Value:
    """A tensor of a graph, with the arithmetic of an array."""

    graph: Graph
    name: str
    dtype: np.dtype[Any]

    def op(self, kind: str, *inputs: Value | ArrayLike, dtype: Any = None, **attrs: Any) -> Value:
        """The value of an operator whose first input this is."""
        return self.graph.op(kind, self, *inputs, dtype=dtype, **attrs)

    def __add__(self, other: Value | ArrayLike) -> Value:
        return self.op("Add", other)

    def __sub__(self, other: Value | ArrayLike) -> Value:
        return self.op("Sub", other)

    def __mul__(self, other: Value | ArrayLike) -> Value:
        return self.op("Mul", other)

    def __truediv__(self, other: Value | ArrayLike) -> Value:
        return self.op("Div", other)

    def __pow__(self, other: Value | ArrayLike) -> Value:
        return self.op("Pow", other)

    def __matmul__(self, other: Value | ArrayLike) -> Value:
        return self.op("MatMul", other)

    def __neg__(self) -> Value:
        return self.op("Neg")

    def __gt__(self, other: Value | ArrayLike) -> Value:
        return self.op("Greater", other, dtype=bool)

    def __lt__(self, other: Value | ArrayLike) -> Value:
        return self.op("Less", other, dtype=bool)

    def __ge__(self, other: Value | ArrayLike) -> Value:
        return self.op("GreaterOrEqual", other, dtype=bool)

    def at_least(self, limit: ArrayLike) -> Value:
        """The greater of this and a constant."""
        return self.op("Max", limit)

    def at_most(self, limit: ArrayLike) -> Value:
        """The lesser of this and a constant."""
        return self.op("Min", limit)

    def where(self, condition: Value, other: Value | ArrayLike) -> Value:
        """The value itself where a condition holds, else the other."""
        if not isinstance(other, Value):
            other = self.graph.constant(other, self.dtype)
        return self.graph.op("Where", condition, self, other, dtype=self.dtype)

    def sum(self, axis: int, keepdims: bool = True) -> Value:
        """Sums along an axis."""
        axes = self.graph.constant([axis], np.int64)
        return self.op("ReduceSum", axes, keepdims=int(keepdims))

    def astype(self, dtype: Any) -> Value:
        """The same of another type."""
        from onnx.helper import np_dtype_to_tensor_dtype

        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        return self.op("Cast", to=int(np_dtype_to_tensor_dtype(dtype)), dtype=dtype)

    def take(self, index: Value | NDArray[np.integer] | int, axis: int) -> Value:
        """Entries at places of an axis, which a number leaves out."""
        if not isinstance(index, Value):
            index = self.graph.constant(index, np.int64)
        return self.op("Gather", index, axis=axis)

    def reshape(self, *shape: int) -> Value:
        """The same values in another shape; 0 keeps an axis, -1 takes what is left."""
        return self.op("Reshape", self.graph.constant(shape, np.int64))

    def expand(self, axis: int) -> Value:
        """The same with a new axis of length 1."""
        return self.op("Unsqueeze", self.graph.constant([axis], np.int64))
