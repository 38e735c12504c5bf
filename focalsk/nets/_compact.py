"""Nets that have stopped leave their stack: the same stack with fewer nets, and what trains it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

__all__ = ["nets_to_keep", "take_nets", "take_state"]


def nets_to_keep(running: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which streams to go on with and which of their nets, for nets (S, K) that are running.

    Every stream of a stack has as many nets: where one has fewer that run, some of its stopped
    ones stay.

    Returns
    -------
    streams : ndarray of shape (S',)
    nets : ndarray of shape (S', K')
        Positions within their streams.
    """
    streams = np.flatnonzero(running.any(axis=1))
    n_nets = running[streams].sum(axis=1).max()
    order = np.argsort(~running[streams], axis=1, kind="stable")
    return streams, np.sort(order[:, :n_nets], axis=1)


def take_nets(module: nn.Module, index: torch.Tensor, n_streams: int) -> Any:
    """A stack, or its losses, of some of the models only; all tensors have a leading model axis."""
    taken: Any = copy.deepcopy(module)
    with torch.no_grad():
        for tensor in [*taken.parameters(), *taken.buffers()]:
            tensor.data = tensor.data[index.to(tensor.device)]
    taken.n_streams = n_streams
    return taken


def take_state(optimizer: torch.optim.Optimizer, old: Any, new: Any, index: torch.Tensor) -> None:
    """Make an optimizer go on with some of the models, `new`, of those that it trains, `old`."""
    place = dict(zip(old.parameters(), new.parameters(), strict=True))
    for group in optimizer.param_groups:
        group["params"] = [place[p] for p in group["params"]]
    for p, state in list(optimizer.state.items()):
        optimizer.state[place[p]] = {
            name: value[index.to(value.device)] if _has_models(value, p) else copy.deepcopy(value)
            for name, value in state.items()
        }
        del optimizer.state[p]


def _has_models(value: Any, parameter: torch.Tensor) -> bool:
    return isinstance(value, torch.Tensor) and value.shape == parameter.shape
