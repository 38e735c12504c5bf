"""Trainings that survive: their last epochs in a file, from which the same training goes on."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import warnings
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.history import History

from focalsk._compat._files import write_whole
from focalsk._compat._joblib import content_hash
from focalsk.nets._best_epoch import BestEpoch

__all__ = ["EpochKeeper", "checkpoint_key", "read_checkpoint", "write_checkpoint"]

_MAGIC = b"focalsk checkpoint 1\n"
_DIGEST = hashlib.sha256().digest_size
_PACKAGES = ("focalsk", "numpy", "scikit-learn", "skorch", "torch")
# Seconds between two writings of a training that goes on.
SECONDS = 5.0


def checkpoint_key(*parts: Any) -> str:
    """A hash of all that a result depends on, the versions of the libraries among it.

    Raises
    ------
    ValueError
        If something cannot be told from another that differs: a lambda, say.
    """
    versions = [version(package) for package in _PACKAGES]
    try:
        return content_hash((versions, parts))
    except Exception as error:
        raise ValueError(
            "With 'checkpoint', all parameters and data must be such that they can be recognised "
            f"later, as what can be pickled is. Set checkpoint=None, or change this: {error}"
        ) from error


def write_checkpoint(
    path: Path, key: str, header: Any, arrays: Mapping[str, NDArray[Any]] | None = None
) -> None:
    """Write a file that holds a header (as JSON can), arrays, and a checksum of both.

    Raises
    ------
    OSError
        If it cannot be written, with its name; what was there stays.
    """
    text = json.dumps({"key": key, "header": header}, default=_plain)
    content = io.BytesIO()
    head = np.frombuffer(text.encode(), dtype=np.uint8)
    np.savez(content, allow_pickle=False, **{"": head, **(arrays or {})})
    payload = content.getvalue()
    parts = (_MAGIC, hashlib.sha256(payload).digest(), payload)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda file: file.writelines(parts))


def read_checkpoint(path: Path, key: str) -> tuple[Any, dict[str, NDArray[Any]]] | None:
    """Read what :func:`write_checkpoint` wrote; None if there is nothing that can be used.

    Nothing in the file is executed. One that is torn, or of something else, is renamed to
    ``*.damaged``.

    Warns
    -----
    UserWarning
        Of a file that is renamed.

    Raises
    ------
    OSError
        If the file is there and the disk does not give it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return _parse(content, key)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        aside = path.with_name(f"{path.name}.damaged")
        os.replace(path, aside)
        warnings.warn(
            f"The checkpoint {path} cannot be used: {error}. It is renamed to {aside.name}, and "
            "what it stood for is done again.",
            stacklevel=2,
        )
        return None


def _parse(content: bytes, key: str) -> tuple[Any, dict[str, NDArray[Any]]]:
    start = len(_MAGIC) + _DIGEST
    if not content.startswith(_MAGIC):
        raise ValueError("it is not a checkpoint of this version")
    if hashlib.sha256(content[start:]).digest() != content[len(_MAGIC) : start]:
        raise ValueError("it is torn or changed, its checksum is wrong")
    with np.load(io.BytesIO(content[start:]), allow_pickle=False) as arrays:
        found = dict(arrays)
    head = json.loads(found.pop("").tobytes())
    if head["key"] != key:
        raise ValueError("it is of other data, parameters or versions")
    return head["header"], found


def _plain(value: Any) -> Any:
    """Numbers and arrays of NumPy as JSON has them."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"A {type(value).__name__} has no place in a checkpoint.")


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
