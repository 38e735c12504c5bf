"""From a classifier's parameters to the net that trains with them."""

from __future__ import annotations

import copy
import inspect
import re
import warnings
from collections.abc import Iterable, Mapping, Set
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from focalsk.estimators._target_coding import TargetCoding
from focalsk.nets import FIRST_BATCH, FocalMLP, FocalNet, seeded

if TYPE_CHECKING:
    from focalsk.estimators._classifier import FocalNetClassifier

__all__ = [
    "OPTIMIZERS",
    "as_gamma",
    "class_weights",
    "continue_net",
    "find_optimizer",
    "made_from",
    "make_criterion",
    "make_net",
    "make_seed",
    "module_params",
    "net_params",
    "try_module",
]

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


def make_net(estimator: FocalNetClassifier, X: Any, n_outputs: int, criterion: Any) -> FocalNet:
    """An initialized FocalNet with the parameters of a FocalNetClassifier, for samples like X."""
    net = FocalNet(
        **module_params(estimator, X.shape[1], n_outputs),
        **net_params(estimator, X),
        criterion=criterion,
        callbacks=_callbacks(estimator),
        random_state=make_seed(estimator),
        verbose=int(estimator.verbose),
    )
    try:
        net.initialize()
        if not isinstance(net.optimizer_, torch.optim.Optimizer):
            raise TypeError(f"'optimizer' made {net.optimizer_!r} instead of a torch optimizer")
    except Exception as error:
        hint = ""
        if isinstance(error, TypeError) and re.search("'n_(features|outputs)'", str(error)):
            hint = (
                ". A module class or factory is called with n_features= and n_outputs=; pass an "
                "instance instead if it does not take them"
            )
        raise ValueError(
            "FocalNetClassifier could not build its network from 'module', 'module_params', "
            f"'optimizer', 'optimizer_params' and 'callbacks': {error}{hint}"
        ) from error
    if estimator.module is not None:
        try_module(net, X[:2], n_outputs)
    return net


# What the net is made from, and whether it can be changed once it is.
_FIXED = (
    "hidden_layer_sizes",
    "module",
    "module_params",
    "optimizer",
    "device",
    "compile",
    "output",
)
_CHANGEABLE = (
    "lr", "weight_decay", "batch_size", "optimizer_params", "dropout", "callbacks", "verbose",
)  # fmt: skip


def made_from(estimator: FocalNetClassifier) -> dict[str, Any]:
    """The parameters that a net is made from, to be compared with later ones."""
    values = {name: getattr(estimator, name) for name in (*_FIXED, *_CHANGEABLE)}
    containers = (list, dict, np.ndarray)
    return {k: copy.copy(v) if isinstance(v, containers) else v for k, v in values.items()}


def continue_net(estimator: FocalNetClassifier, made: dict[str, Any], criterion: Any) -> None:
    """Give an estimator's net the parameters that were changed since it was made.

    `made` is what :func:`made_from` gave then. Raises ValueError for a parameter that a net cannot
    change.
    """
    net = estimator.net_
    net.criterion_ = criterion.to(net.device)
    changed = {
        name: getattr(estimator, name)
        for name, value in made.items()
        if not _same(name, value, getattr(estimator, name))
    }
    if estimator.module is not None:
        changed = {k: v for k, v in changed.items() if k not in ("hidden_layer_sizes", "dropout")}
    given, before = estimator.optimizer_params or {}, made.get("optimizer_params") or {}
    fixed = [name for name in _FIXED if name in changed]
    if "optimizer_params" in changed and not before.keys() <= given.keys() <= {
        *net.optimizer_.defaults
    }:
        fixed.append("optimizer_params")
    if fixed:
        raise ValueError(
            f"A fit that goes on, by warm_start=True or partial_fit, cannot change {fixed[0]!r}. "
            f"Got {changed[fixed[0]]!r} after {made[fixed[0]]!r}."
        )
    if "optimizer_params" in changed:
        net.set_params(**{f"optimizer__{name}": value for name, value in given.items()})
    if "weight_decay" in changed and "weight_decay" not in given:
        net.set_params(optimizer__weight_decay=float(estimator.weight_decay))
    if "lr" in changed and "lr" not in given:
        net.set_params(lr=float(estimator.lr))
    if "dropout" in changed:
        getattr(net.module_, "_orig_mod", net.module_).dropout = float(estimator.dropout)
        net.module__dropout = float(estimator.dropout)
    net.batch_size, net.verbose = int(estimator.batch_size), int(estimator.verbose)
    if "callbacks" in changed:
        net.callbacks = _callbacks(estimator)
        net.initialize_callbacks()


def _same(name: str, a: Any, b: Any) -> bool:
    if a is b:
        return True
    if name == "hidden_layer_sizes":
        return np.array_equal(np.atleast_1d(a), np.atleast_1d(b))
    if name == "device":
        return find_device(a) == find_device(b)
    if isinstance(a, torch.nn.Module) or isinstance(b, torch.nn.Module):
        return joblib.hash(_weights_of(a)) == joblib.hash(_weights_of(b))
    try:
        return bool(a == b)
    except (TypeError, ValueError, RuntimeError):  # arrays or tensors within
        return joblib.hash(a) == joblib.hash(b)


def _weights_of(module: Any) -> Any:
    if not isinstance(module, torch.nn.Module):
        return None
    return repr(module), {k: v.numpy(force=True) for k, v in module.state_dict().items()}


def net_params(estimator: FocalNetClassifier, X: Any) -> dict[str, Any]:
    """The parameters of FocalNet that do not differ between nets trained side by side."""
    device = find_device(estimator.device)
    double = X.dtype == np.float64 and device.type == "cpu"
    return {
        **optimizer_params(estimator, device),
        "lr": estimator.lr,
        "max_epochs": estimator.max_epochs,
        "batch_size": int(estimator.batch_size),
        "device": str(device),
        "compile": estimator.compile,
        "dtype": torch.float64 if double else torch.float32,
    }


def make_seed(estimator: FocalNetClassifier) -> int:
    """The seed that an estimator's `random_state` stands for."""
    return int(check_random_state(estimator.random_state).randint(np.iinfo(np.int32).max))


def make_criterion(
    estimator: FocalNetClassifier, coding: TargetCoding, counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64] | None, Any]:
    """Alpha, and the loss of a coding with it and with the estimator's gamma and smoothing."""
    alpha, class_weight = estimator.alpha, estimator.class_weight
    if alpha is not None and class_weight is not None:
        raise ValueError(
            "Only one of 'alpha' and 'class_weight' may be set: class_weight is another name for "
            f"alpha. Got alpha={alpha!r} and class_weight={class_weight!r}."
        )
    _notice_penalty(alpha, coding, counts)
    alpha = class_weights(alpha, class_weight, coding, counts)
    gamma, smoothing = _check_gamma(estimator.gamma, coding), float(estimator.label_smoothing)
    return alpha, coding.loss(gamma, alpha, smoothing)


def _notice_penalty(alpha: Any, coding: TargetCoding, counts: NDArray[np.float64]) -> None:
    """Warn of a number that is no class weight, but what MLPClassifier calls alpha."""
    small = isinstance(alpha, Real) and 0 < float(alpha) < 0.01
    if small and counts.shape == (2,) and counts[1] <= counts[0]:
        warnings.warn(
            f"alpha={alpha} gives class {coding.classes[1]}, the rarer one, a weight of {alpha} "
            f"beside {1 - float(alpha):g}. alpha holds class weights; the L2 penalty that "
            "MLPClassifier calls alpha is weight_decay.",
            UserWarning,
            stacklevel=5,
        )


def class_weights(
    alpha: Any, class_weight: Any, coding: TargetCoding, counts: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """The weights that `alpha` asks for, or `class_weight`, whose errors are under its own name."""
    if class_weight is None:
        return coding.alpha(alpha, counts)
    try:
        return coding.alpha(class_weight, counts)
    except ValueError as error:
        raise ValueError(str(error).replace("alpha ", "class_weight ", 1)) from error


def as_gamma(criterion: Any) -> float | NDArray[np.float64]:
    """The gamma of a loss, as a float or an array (n_outputs,)."""
    gamma = criterion.gamma
    return gamma.numpy(force=True) if isinstance(gamma, torch.Tensor) else gamma


def _check_gamma(gamma: Any, coding: TargetCoding) -> Any:
    if not isinstance(gamma, Iterable):
        return float(gamma)
    try:
        values = np.asarray(gamma, dtype=np.float64)
        fits = values.shape == (coding.n_outputs,) and 0 <= values.min() <= values.max() < np.inf
    except (TypeError, ValueError):  # not numbers
        fits = False
    if not fits:
        what = "label" if coding.multilabel else "class"
        raise ValueError(
            "The 'gamma' parameter of FocalNetClassifier must be a float in the range [0.0, inf) "
            f"or {coding.n_outputs} of them, one per {what} (one alone for output='sigmoid' with "
            f"two classes). Got {gamma!r} instead."
        )
    return torch.as_tensor(values)


def find_device(device: str | torch.device) -> torch.device:
    """The torch device of a name; "auto" is CUDA where there is some, else the CPU."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        if found.type == "meta":
            raise RuntimeError("its tensors hold no numbers")
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            "The 'device' parameter of FocalNetClassifier must be 'auto' or a device that torch "
            f"can use here, such as 'cpu'. Got {device!r} instead: {error}"
        ) from error
    return found


def module_params(estimator: FocalNetClassifier, n_features: int, n_outputs: int) -> dict[str, Any]:
    """FocalNet's `module` and its arguments."""
    module, given = estimator.module, estimator.module_params or {}
    if isinstance(module, torch.nn.Module):
        if given:
            raise ValueError(
                "module_params are for a module class or factory. Got an instance of "
                f"{type(module).__name__} as 'module' and {given!r} as 'module_params'."
            )
        try:
            return {"module": copy.deepcopy(module)}
        except Exception as error:  # lazy buffers, say
            raise ValueError(
                f"The 'module' {type(module).__name__} cannot be copied; pass its class or a "
                f"factory instead: {error}"
            ) from error
    if module is None:
        module = FocalMLP
        sizes: Any = estimator.hidden_layer_sizes
        listed = isinstance(sizes, Iterable) and not isinstance(sizes, (Mapping, Set))
        sizes = list(sizes) if listed else [sizes]
        if not all(isinstance(size, Integral) and int(size) >= 1 for size in sizes):
            raise ValueError(
                "The 'hidden_layer_sizes' parameter of FocalNetClassifier must be an int in the "
                f"range [1, inf) or several. Got {estimator.hidden_layer_sizes!r} instead."
            )
        sizes = [int(size) for size in sizes]
        given = {"hidden_layer_sizes": sizes, "dropout": estimator.dropout, **given}
    given = {"n_features": n_features, "n_outputs": n_outputs, **given}
    return {"module": module, **{f"module__{name}": value for name, value in given.items()}}


def find_optimizer(estimator: FocalNetClassifier) -> Any:
    """The optimizer class that an estimator's `optimizer` names or is."""
    optimizer: Any = estimator.optimizer
    return OPTIMIZERS.get(optimizer, optimizer)


def optimizer_params(estimator: FocalNetClassifier, device: torch.device) -> dict[str, Any]:
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


def _callbacks(estimator: FocalNetClassifier) -> list[Any]:
    """The callbacks as a net may change them, for parameters must stay as they were set."""
    return [_clone_callback(callback) for callback in estimator.callbacks or []]


def cloned_callbacks(callbacks: list[Any]) -> list[Any]:
    """Copies of callbacks, where they can be copied; anything else as it is, for `fit` to judge."""
    clones = []
    for callback in callbacks:
        try:
            clones.append(_clone_callback(callback))
        except ValueError:
            clones.append(callback)
    return clones


def _clone_callback(callback: Any) -> Any:
    if isinstance(callback, (tuple, list)):
        if len(callback) != 2 or not isinstance(callback[0], str):
            raise _no_callback(callback)
        return callback[0], _clone_callback(callback[1])
    if not all(hasattr(callback, name) for name in ("set_params", "initialize", "on_train_begin")):
        raise _no_callback(callback)
    if inspect.isclass(callback):
        return callback
    try:
        return clone(callback, safe=False)
    except Exception:  # it holds what cannot be copied, such as a connection: used as it is
        return callback


def _no_callback(callback: Any) -> ValueError:
    return ValueError(
        "The 'callbacks' parameter of FocalNetClassifier must be a list of skorch callbacks, or of "
        f"pairs (name, callback). Got {callback!r} in it."
    )


def try_module(net: FocalNet, X: Any, n_outputs: int) -> None:
    """Refuse a user's module that cannot take the data, gives other logits, or cannot learn.

    Lazy layers draw their weights here, by the net's seed.
    """
    name = type(net.module_).__name__
    try:
        with seeded(net.random_state, FIRST_BATCH):
            (batch,) = net.get_iterator(net.get_dataset(X), training=False)
            net._set_training(False)
            logits = net.infer(batch[0])
    except Exception as error:
        hint = ""
        if X.ndim == 3:
            hint = (
                f". n_features is X.shape[1], here {X.shape[1]}; if the module wants images with "
                "an axis of channels, pass X[:, None]"
            )
        raise ValueError(
            f"The 'module' {name} failed on samples of shape {X.shape}: {error}{hint}"
        ) from error
    logits = logits[0] if isinstance(logits, tuple) else logits
    shape = tuple(getattr(logits, "shape", ()))
    if shape != (X.shape[0], n_outputs):
        raise ValueError(
            f"The 'module' {name} must map {X.shape[0]} samples to logits of shape "
            f"{(X.shape[0], n_outputs)}. Got shape {shape} instead."
        )
    if not logits.is_floating_point():
        raise ValueError(
            f"The 'module' {name} must give floating-point logits. Got {logits.dtype} instead."
        )
    if not logits.requires_grad:
        raise ValueError(
            f"The 'module' {name} cannot be trained: its logits do not lead back to its "
            "parameters. Leave out detach() and torch.no_grad()."
        )
