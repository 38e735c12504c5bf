"""A module of the user's, exported by torch and set into the graph."""

from __future__ import annotations

import copy
from typing import Any

import torch

from focalsk.export._graph import Graph, Value
from focalsk.export._libraries import library

__all__ = ["module_logits"]

_MIN_OPSET = 18  # torch's exporter writes no lower one


def module_logits(
    graph: Graph, module: torch.nn.Module, X: Value, shape: tuple[int, ...]
) -> Value:
    """Logits (B, C) of a module for samples (B, ...), by :func:`torch.onnx.export`.

    Parameters
    ----------
    graph : Graph
    module : torch.nn.Module
    X : Value
        Of the module's type.
    shape : tuple of int
        That of a sample.
    """
    name = type(module).__name__
    opset = graph.opset
    if opset < _MIN_OPSET:
        raise ValueError(
            f"A module of your own needs target_opset >= {_MIN_OPSET}, which is what torch.onnx "
            f"writes. Got {opset} for the module {name}."
        )
    library("onnxscript", "torch.onnx.export of the module " + name)
    module = copy.deepcopy(module).cpu().eval()
    example = torch.zeros(2, *shape, dtype=getattr(torch, X.dtype.name))
    try:
        program: Any = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            opset_version=opset,
            dynamic_shapes=({0: torch.export.Dim("n_samples")},),
            verbose=False,
        )
    except Exception as error:
        raise ValueError(
            f"torch.onnx.export cannot export the module {name} for samples of shape {shape}: "
            f"{error}"
        ) from error
    return graph.embed(program.model_proto, X)
