"""A module of the user's, exported by torch and set into the graph."""

from __future__ import annotations

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from focalsk.export._graph import Graph, Value
from focalsk.export._libraries import library

__all__ = ["SideBySide", "module_logits"]

_MIN_OPSET = 18  # torch's exporter writes no lower one


class SideBySide(torch.nn.Module):
    """Several modules that see the same samples (B, ...); their logits are (M, B, C)."""

    def __init__(self, members: Iterable[torch.nn.Module]) -> None:
        super().__init__()
        self.members = torch.nn.ModuleList(members)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Logits of all members."""
        logits = [member(input) for member in self.members]
        return torch.stack([each[0] if isinstance(each, tuple) else each for each in logits])


def module_logits(graph: Graph, module: torch.nn.Module, X: Value, shape: tuple[int, ...]) -> Value:
    """Logits (B, C) of a module for samples (B, ...), by :func:`torch.onnx.export`.

    They are computed in float32: onnxruntime has no convolution, for one, in float64.

    Parameters
    ----------
    graph : Graph
    module : torch.nn.Module
    X : Value
    shape : tuple of int
        That of a sample.
    """
    name = _name_of(module)
    opset = graph.opset
    if opset < _MIN_OPSET:
        raise ValueError(
            f"A module of your own needs target_opset >= {_MIN_OPSET}, which is what torch.onnx "
            f"writes. Got {opset} for the module {name}."
        )
    library("onnxscript", "torch.onnx.export of the module " + name)
    module = copy.deepcopy(module).cpu().float().eval()
    example = torch.zeros(2, *shape)
    try:
        with _in_silence():
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
            f"torch.onnx.export cannot export the module {name} for samples of shape {shape} "
            f"(pass X if they have another): {error}"
        ) from error
    return graph.embed(program.model_proto, X.astype(np.float32))


def _name_of(module: torch.nn.Module) -> str:
    return type(module.members[0] if isinstance(module, SideBySide) else module).__name__


@contextlib.contextmanager
def _in_silence() -> Iterator[None]:
    """Without what torch's exporter says of itself and of libraries that are not installed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
