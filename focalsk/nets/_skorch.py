"""What FocalNet has to know of skorch's callbacks, criteria and batches, and of a user's."""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from sklearn import get_config
from sklearn.utils.metadata_routing import process_routing
from skorch import NeuralNet
from skorch.callbacks import (
    Callback,
    Checkpoint,
    PassthroughScoring,
    PrintLog,
    TrainEndCheckpoint,
)
from skorch.dataset import Dataset, unpack_data
from torch import nn

__all__ = [
    "LazyPrintLog",
    "WeightedDataset",
    "as_plain_dataset",
    "explain_batch_of_one",
    "explain_no_validation",
    "first_output",
    "has_batch_hooks",
    "is_ours",
    "is_several_inputs",
    "notice_probabilities",
    "parts_of",
    "routed_split_params",
    "smallest_batch",
    "takes_weight",
]

_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")
_READERS = (PassthroughScoring, Checkpoint, TrainEndCheckpoint)  # of rows per batch
# What a subclass overrides to look at batches, or to read their rows in the history.
_STEPS = (
    "train_step", "train_step_single", "validation_step", "get_loss", "get_train_step_accumulator",
    "notify",
)  # fmt: skip

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)

# skorch binds `print` when it is imported; others may replace the builtin later.
_PRINT = inspect.signature(PrintLog.__init__).parameters["sink"].default


class LazyPrintLog(PrintLog):
    """Print the history of a verbose net, and make no table otherwise."""

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        if net.verbose or self.sink is not _PRINT:
            super().on_epoch_end(net, **kwargs)


def is_ours(net: Any, *methods: str) -> bool:
    """Whether a net's methods are those of focalsk and skorch, none of a subclass of a user's."""
    kind = type(net)
    return all(name not in vars(net) and _is_known(getattr(kind, name)) for name in methods)


def _is_known(method: Any) -> bool:
    return getattr(method, "__module__", "").split(".")[0] in ("focalsk", "skorch")


def has_batch_hooks(net: Any) -> bool:
    """Whether a callback, or a subclass of a user's, follows the batches one by one."""
    if not is_ours(net, *_BATCH_HOOKS, *_STEPS):
        return True
    return any(_follows_batches(callback) for _, callback in net.callbacks_)


def _follows_batches(callback: Any) -> bool:
    if isinstance(callback, _READERS):
        return True
    # A callback need not inherit from skorch's, nor have its methods in its class.
    kind, own = type(callback), getattr(callback, "__dict__", {})
    return any(
        name in own or getattr(kind, name, None) is not getattr(Callback, name)
        for name in _BATCH_HOOKS
    )


def takes_weight(function: Callable[..., Any]) -> bool:
    """Whether a function has a parameter `weight`, or takes any."""
    return _takes(getattr(function, "__func__", function), "weight")


@functools.lru_cache(maxsize=256)
def _takes(function: Callable[..., Any], name: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        return False
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def parts_of(batch: Any) -> tuple[Any, Any, Any]:
    """Samples, targets and weights or None of a batch."""
    if isinstance(batch, (tuple, list)) and len(batch) == 3:
        return batch[0], batch[1], batch[2]
    X, y = unpack_data(batch)  # says what a batch must be, if this is none
    return X, y, None


def first_output(output: Any) -> Any:
    """The logits of a module: what it gives, or the first of a tuple."""
    return output[0] if isinstance(output, tuple) else output


class WeightedDataset(Dataset):
    """A Dataset of skorch's with dicts or lists of inputs, with a weight third in each sample."""

    def __init__(self, X: Any, y: Any, sample_weight: Any) -> None:
        super().__init__(X, y)
        self.weight = np.asarray(sample_weight)
        if self.weight.shape != (len(self),):
            raise ValueError(
                f"sample_weight must have one entry per sample. Got shape {self.weight.shape} for "
                f"{len(self)} samples."
            )

    def __getitem__(self, i: Any) -> tuple[Any, Any, Any]:
        X, y = super().__getitem__(i)
        return X, y, self.weight[i]


def as_plain_dataset(X: Any, y: Any) -> Dataset:
    """The Dataset of skorch itself, for a dict or list of inputs."""
    return Dataset(X, y)


def is_several_inputs(X: Any) -> bool:
    """Whether samples are a dict of inputs, or a list or tuple of arrays."""
    if isinstance(X, Mapping):
        return True
    return isinstance(X, (list, tuple)) and bool(X) and all(hasattr(part, "shape") for part in X)


def smallest_batch(module: torch.nn.Module) -> int:
    """Fewest samples a module can train on: BatchNorm needs a variance."""
    return 2 if any(isinstance(layer, _BATCH_NORMS) for layer in module.modules()) else 1


def explain_batch_of_one(error: ValueError) -> ValueError:
    """The error of a layer that got one sample to train on, with what to change."""
    if "more than 1 value per channel" not in str(error):
        return error
    return ValueError(
        "A layer that normalises over the batch got a batch of one sample. Choose another "
        f"'batch_size', so that no batch has a single sample: {error}"
    )


def explain_no_validation(error: KeyError) -> Exception:
    """The error of a callback that reads what only validation records."""
    found = re.search(r"valid_\w+", str(error))
    if found is None:
        return error
    return ValueError(
        f"A callback reads {found.group()!r} of the history, but no validation samples are held "
        "out. Pass early_stopping=True to FocalNetClassifier, train_split to FocalNet, or let the "
        "callback follow 'train_loss'. partial_fit of FocalNetClassifier never holds any out."
    )


def routed_split_params(net: Any, method: str, fit_params: dict[str, Any]) -> dict[str, Any]:
    """Which of the fit parameters go to `train_split`, by scikit-learn's routing if it is on."""
    if not get_config()["enable_metadata_routing"]:
        return fit_params
    routed = process_routing(net, method, **fit_params)
    return dict(routed.get("splitter", {"split": {}})["split"])


def notice_probabilities(module: nn.Module, output: torch.Tensor, sigmoid: bool) -> None:
    """Warn of a module that ends in a softmax or sigmoid, for the loss takes logits."""
    if sigmoid:
        layers = list(module.children()) if isinstance(module, nn.Sequential) else []
        found = bool(layers) and isinstance(layers[-1], nn.Sigmoid)
    else:
        found = (
            output.ndim == 2
            and output.shape[1] > 1
            and bool((output >= 0).all())
            and bool(((output.sum(dim=1) - 1).abs() < 1e-3).all())
        )
    if found:
        warnings.warn(
            f"The outputs of {type(module).__name__} look like probabilities, but a focal loss "
            f"takes logits: leave out the {'sigmoid' if sigmoid else 'softmax'} at its end.",
            UserWarning,
            stacklevel=2,
        )
