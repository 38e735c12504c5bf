"""Networks in operators of ONNX: FocalMLP, a stack of them, and modules of the user's."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from focalsk.export._graph import Graph, Value
from focalsk.export._modules import SideBySide, module_logits
from focalsk.nets import FocalMLP, StackedMLP

__all__ = ["dtype_of", "net_logits", "stack_logits"]


def dtype_of(module: torch.nn.Module) -> np.dtype[Any]:
    """The floating point type of a module's parameters, float32 if it has none."""
    floats = (p for p in module.parameters() if p.is_floating_point())
    dtype = next((p.dtype for p in floats), torch.float32)
    return np.dtype(np.float64 if dtype is torch.float64 else np.float32)


def net_logits(graph: Graph, module: torch.nn.Module, X: Value, shape: tuple[int, ...]) -> Value:
    """Logits (B, C) of one net for samples (B, ...).

    Parameters
    ----------
    graph : Graph
    module : torch.nn.Module
    X : Value
    shape : tuple of int
        That of a sample.
    """
    module = getattr(module, "_orig_mod", module)  # what was compiled
    if type(module) is not FocalMLP:
        return module_logits(graph, module, X, shape)
    h = _with_cosines(X.astype(dtype_of(module)), module)
    for i, layer in enumerate(module.layers):
        h = h.op("Relu") if i else h
        linear: Any = layer
        h = h.op("Gemm", _array(linear.weight), _array(linear.bias), transB=1)
    return h


def stack_logits(graph: Graph, stack: Any, X: Value, shape: tuple[int, ...]) -> Value:
    """Logits (M, B, C) of the M nets of a stack for the same samples (B, ...)."""
    if not isinstance(stack, StackedMLP):
        members = SideBySide(_member(stack, m) for m in range(len(stack.params[0])))
        return module_logits(graph, members, X, shape)
    h = _with_cosines(X.astype(dtype_of(stack)), stack)
    for i, (weight, bias) in enumerate(zip(stack.weights, stack.biases, strict=True)):
        h = h.op("Relu") if i else h
        h = h @ _array(weight).transpose(0, 2, 1) + _array(bias).transpose(0, 2, 1)
    return h


def _with_cosines(X: Value, net: Any) -> Value:
    """Samples (B, D) with the cosines of their numbers behind them."""
    if not net.frequencies:
        return X
    numbers = X if net.n_numbers == net.n_features else X.take(np.arange(net.n_numbers), 1)
    frequencies = 2 * np.pi * np.asarray(net.frequencies, X.dtype)
    # A sine a quarter further on: onnxruntime up to 1.24 knows no cosine of float64.
    phases = np.asarray(net.phases, X.dtype) + X.dtype.type(np.pi / 2)
    waves = (numbers.expand(-1) * frequencies.astype(X.dtype) + phases).op("Sin")
    return X.op("Concat", waves.reshape(0, net.n_numbers * len(net.frequencies)), axis=1)


def _array(parameter: torch.Tensor) -> NDArray[Any]:
    return parameter.numpy(force=True)


def _member(stack: Any, m: int) -> torch.nn.Module:
    """One net of a stack of modules of the user's."""
    state = dict(zip(stack.names, stack.params, strict=True))
    state |= {name: getattr(stack, f"buffer{i}") for i, name in enumerate(stack.buffer_names)}
    module = copy.deepcopy(stack.base[0])
    module.load_state_dict({name: value[m] for name, value in state.items()}, strict=False)
    return module
