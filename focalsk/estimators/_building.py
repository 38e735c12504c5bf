"""From a classifier's parameters to the net that trains with them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from focalsk.estimators._target_coding import Head
from focalsk.losses import FocalLoss, OneVersusRestLoss, SigmoidFocalLoss
from focalsk.nets import FocalMLP, FocalNet

__all__ = [
    "OPTIMIZERS",
    "as_gamma",
    "divergence",
    "find_optimizer",
    "make_criterion",
    "make_net",
    "make_seed",
    "module_params",
    "net_params",
]

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


def make_net(estimator: Any, X: Any, n_outputs: int, criterion: Any) -> FocalNet:
    """An initialized FocalNet with the parameters of a FocalNetClassifier, for samples like X."""
    net = FocalNet(
        **module_params(estimator, X.shape[1], n_outputs),
        **net_params(estimator, X),
        criterion=criterion,
        callbacks=[_clone_callback(callback) for callback in estimator.callbacks or []],
        random_state=make_seed(estimator),
        verbose=int(estimator.verbose),
    )
    try:
        net.initialize()
    except Exception as error:
        raise ValueError(
            "FocalNetClassifier could not build its network from 'module', 'module_params', "
            f"'optimizer', 'optimizer_params' and 'callbacks': {error}"
        ) from error
    if estimator.module is not None:
        _try_module(net, X[:2], n_outputs)
    return net


def net_params(estimator: Any, X: Any) -> dict[str, Any]:
    """The parameters of FocalNet that do not differ between nets trained side by side."""
    device = find_device(estimator.device)
    double = X.dtype == np.float64 and device.type == "cpu"
    return {
        **optimizer_params(estimator, device),
        "lr": estimator.lr,
        "max_epochs": estimator.max_epochs,
        "batch_size": estimator.batch_size,
        "device": str(device),
        "compile": estimator.compile,
        "dtype": torch.float64 if double else torch.float32,
    }


def make_seed(estimator: Any) -> int:
    """The seed that an estimator's `random_state` stands for."""
    return int(check_random_state(estimator.random_state).randint(np.iinfo(np.int32).max))


def make_criterion(
    estimator: Any, head: Head, counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64] | None, Any]:
    """Alpha, and the loss of a head with it and with the estimator's gamma."""
    alpha, class_weight = estimator.alpha, estimator.class_weight
    if alpha is not None and class_weight is not None:
        raise ValueError(
            "Only one of 'alpha' and 'class_weight' may be set: class_weight is another name for "
            f"alpha. Got alpha={alpha!r} and class_weight={class_weight!r}."
        )
    alpha = head.alpha(class_weight if alpha is None else alpha, counts)
    weights = head.loss_alpha(alpha)
    loss: type[torch.nn.Module] = SigmoidFocalLoss
    if not head.sigmoid:
        loss = FocalLoss
    elif head.one_versus_rest:
        loss = OneVersusRestLoss
    tensor = None if weights is None else torch.as_tensor(weights)
    return alpha, loss(_check_gamma(estimator.gamma, head), tensor)


def as_gamma(criterion: Any) -> float | NDArray[np.float64]:
    """The gamma of a loss, as a float or an array (n_outputs,)."""
    gamma = criterion.gamma
    return gamma.numpy(force=True) if isinstance(gamma, torch.Tensor) else gamma


def divergence(estimator: Any) -> str:
    """What to say of an estimator whose weights are no longer numbers."""
    return (
        f"Training diverged: weights of {estimator!r} became infinite or NaN. Lower 'lr', now "
        f"{estimator.lr}, or scale the features."
    )


def _check_gamma(gamma: Any, head: Head) -> Any:
    if not isinstance(gamma, Iterable):
        return float(gamma)
    try:
        values = np.asarray(gamma, dtype=np.float64)
        fits = values.shape == (head.n_outputs,) and 0 <= values.min() <= values.max() < np.inf
    except (TypeError, ValueError):  # not numbers
        fits = False
    if not fits:
        what = "label" if head.multilabel else "class"
        raise ValueError(
            "The 'gamma' parameter of FocalNetClassifier must be a float in the range [0.0, inf) "
            f"or {head.n_outputs} of them, one per {what} (one alone for output='sigmoid' with "
            f"two classes). Got {gamma!r} instead."
        )
    return torch.as_tensor(values)


def find_device(device: str | torch.device) -> torch.device:
    """The torch device of a name; "auto" is CUDA where there is some, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            "The 'device' parameter of FocalNetClassifier must be 'auto' or a device that torch "
            f"can use here, such as 'cpu'. Got {device!r} instead: {error}"
        ) from error
    return found


def module_params(estimator: Any, n_features: int, n_outputs: int) -> dict[str, Any]:
    """FocalNet's `module` and its arguments."""
    module, given = estimator.module, estimator.module_params or {}
    if isinstance(module, torch.nn.Module):
        if given:
            raise ValueError(
                "module_params are for a module class or factory. Got an instance of "
                f"{type(module).__name__} as 'module' and {given!r} as 'module_params'."
            )
        return {"module": copy.deepcopy(module)}
    if module is None:
        module = FocalMLP
        sizes = estimator.hidden_layer_sizes
        sizes = list(sizes) if isinstance(sizes, Iterable) else [sizes]
        if not all(isinstance(size, Integral) and int(size) >= 1 for size in sizes):
            raise ValueError(
                "The 'hidden_layer_sizes' parameter of FocalNetClassifier must be an int in the "
                f"range [1, inf) or several. Got {estimator.hidden_layer_sizes!r} instead."
            )
        sizes = [int(size) for size in sizes]
        given = {"hidden_layer_sizes": sizes, "dropout": estimator.dropout, **given}
    given = {"n_features": n_features, "n_outputs": n_outputs, **given}
    return {"module": module, **{f"module__{name}": value for name, value in given.items()}}


def find_optimizer(estimator: Any) -> Any:
    """The optimizer class that an estimator's `optimizer` names or is."""
    return OPTIMIZERS.get(estimator.optimizer, estimator.optimizer)


def optimizer_params(estimator: Any, device: torch.device) -> dict[str, Any]:
    """FocalNet's `optimizer` and its arguments; Adam is fused into one call where it can be."""
    optimizer = find_optimizer(estimator)
    given = dict(estimator.optimizer_params or {})
    if estimator.weight_decay:
        given["weight_decay"] = estimator.weight_decay
    if optimizer in (torch.optim.Adam, torch.optim.AdamW) and device.type in ("cpu", "cuda"):
        # Each of these has its own loop over the parameters; only one may be asked for.
        given.setdefault("fused", not (given.get("foreach") or given.get("differentiable")))
    if optimizer is torch.optim.AdamW:
        given.setdefault("weight_decay", estimator.weight_decay)
    return {"optimizer": optimizer, **{f"optimizer__{name}": v for name, v in given.items()}}


def _clone_callback(callback: Any) -> Any:
    # A callback is changed by the net that calls it, and parameters must stay as they were set.
    if isinstance(callback, (tuple, list)):
        name, inner = callback
        return name, _clone_callback(inner)
    return callback if inspect.isclass(callback) else clone(callback, safe=False)


def _try_module(net: FocalNet, X: Any, n_outputs: int) -> None:
    """Refuse a user's module that cannot take the data or gives another number of logits."""
    name = type(net.module_).__name__
    try:
        shape = tuple(net.forward(X).shape)
    except Exception as error:
        raise ValueError(
            f"The 'module' {name} failed on samples of shape {X.shape}: {error}"
        ) from error
    if shape != (X.shape[0], n_outputs):
        raise ValueError(
            f"The 'module' {name} must map {X.shape[0]} samples to logits of shape "
            f"{(X.shape[0], n_outputs)}. Got shape {shape} instead."
        )
