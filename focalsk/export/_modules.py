"""A module of the user's, exported by torch and set into the graph."""

from __future__ import annotations

import contextlib
import copy
import inspect
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

    In the module's type, or in float32 where onnxruntime has not all of its operators in float64,
    such as convolutions.

    Parameters
    ----------
    graph : Graph
    module : torch.nn.Module
    X : Value
    shape : tuple of int
        That of a sample.
    """
    name = _name_of(module)
    if graph.opset < _MIN_OPSET:
        raise ValueError(
            f"A module of your own needs target_opset >= {_MIN_OPSET}, which is what torch.onnx "
            f"writes. Got {graph.opset} for the module {name}."
        )
    if "dynamo" not in inspect.signature(torch.onnx.export).parameters:
        raise ImportError(
            f"The export of the module {name} needs torch 2.5, got {torch.__version__}"
        )
    library("onnxscript", "torch.onnx.export of the module " + name)
    module = copy.deepcopy(module).cpu().eval()
    if any(p.dtype is torch.float64 for p in module.parameters()):
        model = _exported(module, torch.zeros(2, *shape, dtype=torch.float64), graph.opset)
        if _runs(model):
            return graph.embed(model, X.astype(np.float64))
    model = _exported(module.float(), torch.zeros(2, *shape), graph.opset)
    return graph.embed(model, X.astype(np.float32))


def _exported(module: torch.nn.Module, example: torch.Tensor, opset: int) -> Any:
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
        if isinstance(error, ImportError) and "onnxscript" in str(error):
            raise ImportError(
                f"torch {torch.__version__} needs a newer onnxscript to export "
                f"{_name_of(module)} ({error}): pip install --upgrade onnxscript"
            ) from error
        raise ValueError(
            f"torch.onnx.export cannot export the module {_name_of(module)} for samples of shape "
            f"{tuple(example.shape[1:])} (pass X if they have another): {error}"
        ) from error
    return program.model_proto


def _runs(model: Any) -> bool:
    """Whether onnxruntime is there and has every operator of a model."""
    try:
        import onnxruntime

        onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    except Exception:  # its errors have no common type
        return False
    return True


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
