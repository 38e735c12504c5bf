"""Trainings that survive: their last epochs in a file, from which the same training goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.history import History

from focalsk._compat._checkpoint import read_checkpoint, write_checkpoint
from focalsk.nets._best_epoch import BestEpoch

__all__ = ["EpochKeeper"]

# Seconds between two writings of a training that goes on.
SECONDS = 5.0


class EpochKeeper:
    """Keeps the last epochs of a training of a net, or of a stack, in a file.

    Batches and dropout are functions of the seed and of the number of the epoch. So the weights,
    the optimizer's state, the history and what early stopping knows are all there is to keep.

    Parameters
    ----------
    folder : path-like
        Where the file lies.
    key : str
        Hash of all that the training depends on; part of the file's name.
    stopper : BestEpoch, default=None
        What stops the training.
    """

    def __init__(
        self, folder: str | os.PathLike[str], key: str, stopper: BestEpoch | None = None
    ) -> None:
        self.path = Path(folder) / f"epochs-{key}.focalsk"
        self.key = key
        self.stopper = stopper
        self._written = time.monotonic()

    def resume(self, net: Any) -> int:
        """Bring a net that is about to train to where it was, and return the epochs behind it."""
        found = read_checkpoint(self.path, self.key)
        if found is None:
            return 0
        header, arrays = found
        groups = _by_prefix(arrays)
        if "in_stack" in arrays and len(arrays["in_stack"]) < len(net.in_stack_):
            net.take(arrays["in_stack"])
        state = {name: torch.from_numpy(value) for name, value in groups["module"].items()}
        net.module_.load_state_dict(state)
        _load_optimizer(net.optimizer_, groups.get("optimizer", {}), header["optimizer"])
        net.history_ = History(header["history"])
        if self.stopper is not None:
            self.stopper.load_state(groups["best"], groups["best_state"])
        return len(net.history)

    def save(self, net: Any) -> None:
        """Write where a training is after an epoch, unless that was done a moment ago."""
        if time.monotonic() - self._written < SECONDS:
            return
        arrays = _prefixed("module", _as_arrays(net.module_.state_dict()))
        state, numbers = _optimizer_state(net.optimizer_)
        arrays |= _prefixed("optimizer", state)
        if getattr(net, "in_stack_", None) is not None:
            arrays["in_stack"] = net.in_stack_
        if self.stopper is not None:
            best, weights = self.stopper.state()
            arrays |= _prefixed("best", best) | _prefixed("best_state", _as_arrays(weights))
        header = {"history": list(net.history), "optimizer": numbers}
        write_checkpoint(self.path, self.key, header, arrays)
        self._written = time.monotonic()


def _prefixed(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}/{name}": value for name, value in arrays.items()}


def _by_prefix(arrays: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for name, value in arrays.items():
        prefix, _, rest = name.partition("/")
        groups.setdefault(prefix, {})[rest] = value
    return groups


def _as_arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, NDArray[Any]]:
    return {name: value.numpy(force=True) for name, value in tensors.items()}


def _parameters_of(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors of the state as arrays, and its numbers, by the parameter's place and the name."""
    tensors, numbers = {}, {}
    for i, p in enumerate(_parameters_of(optimizer)):
        for name, value in optimizer.state.get(p, {}).items():
            if isinstance(value, torch.Tensor):
                tensors[f"{i}/{name}"] = value.numpy(force=True)
            elif value is None or isinstance(value, (int, float)):
                numbers[f"{i}/{name}"] = value
            else:
                raise ValueError(
                    f"The state of {type(optimizer).__name__} cannot be kept in a checkpoint: its "
                    f"{name!r} is a {type(value).__name__}. Set checkpoint=None."
                )
    return tensors, numbers


def _load_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Any], numbers: Mapping[str, Any]
) -> None:
    parameters = _parameters_of(optimizer)
    fused = {id(p): group.get("fused") for group in optimizer.param_groups for p in group["params"]}
    for place, value in {**tensors, **numbers}.items():
        i, _, name = place.partition("/")
        p = parameters[int(i)]
        if isinstance(value, np.ndarray):
            value = torch.from_numpy(value)
            if name != "step" or fused[id(p)]:
                value = value.to(p.device)
        optimizer.state[p][name] = value
