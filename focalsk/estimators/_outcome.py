"""What a training has come to: kept whole or undone, and warned about where nothing was learned."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from focalsk.nets import PREDICTION, seeded

if TYPE_CHECKING:
    from focalsk.estimators._classifier import FocalNetClassifier
    from focalsk.estimators._ensemble import FocalEnsembleClassifier

    Classifier: TypeAlias = FocalNetClassifier | FocalEnsembleClassifier

__all__ = [
    "check_outputs",
    "divergence",
    "is_finite",
    "trace",
    "unchanged_on_failure",
    "warn_if_idle",
]

# How many samples are asked whether the net tells any of them from the others.
_N_ASKED = 32

# A loss as that of samples whose logit is as far on the wrong side of the decision.
_FAR_OFF = 100.0

# How many weights are compared one by one.
_N_COMPARED = 2**16


@contextlib.contextmanager
def unchanged_on_failure(estimator: Any, continuing: bool) -> Iterator[None]:
    """Run a fit that leaves the estimator as it was if it fails, or is interrupted.

    A net that goes on with its training gets its weights, optimizer and history back.
    """
    attributes = vars(estimator).copy()
    restore = _restorer(estimator.net_) if continuing else None
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(attributes)
        if restore is not None:
            restore()
        raise


def _restorer(net: Any) -> Any:
    attributes, n_epochs = vars(net).copy(), len(net.history)
    module, optimizer = net.module_, net.optimizer_
    tensors = [*module.parameters(), *module.buffers()]
    values = [tensor.detach().clone() for tensor in tensors]
    groups = [dict(group) for group in optimizer.param_groups]
    state = {
        p: {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in entries.items()}
        for p, entries in optimizer.state.items()
    }

    def restore() -> None:
        vars(net).clear()
        vars(net).update(attributes)
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(value)
        for group, earlier in zip(optimizer.param_groups, groups, strict=True):
            group.clear()
            group.update(earlier)
        optimizer.state.clear()
        optimizer.state.update(state)
        del net.history[n_epochs:]

    return restore


def divergence(estimator: Classifier) -> str:
    """What to say of an estimator whose weights are no longer numbers."""
    return (
        f"Training diverged: weights of {estimator!r} became infinite or NaN. Lower 'lr', now "
        f"{estimator.lr}, or scale the features."
    )


def is_finite(module: torch.nn.Module) -> bool:
    """Whether all weights are numbers."""
    return all(bool(p.isfinite().all()) for p in module.parameters())


def check_outputs(values: np.ndarray) -> np.ndarray:
    """Refuse predictions that are no numbers."""
    if np.isnan(values).any():
        raise ValueError(
            "The network gives NaN for some samples. Values of X are too large for its floating "
            "point type, or the 'module' gives NaN itself."
        )
    return values


def trace(module: torch.nn.Module) -> torch.Tensor:
    """What tells whether a module's trained parameters have changed: they, or sums of many."""
    with torch.no_grad():
        trained = [p.detach() for p in module.parameters() if p.requires_grad]
        if sum(p.numel() for p in trained) > _N_COMPARED:
            trained = [torch.stack([p.sum(), p.abs().sum()]) for p in trained]
        return torch.cat([p.flatten() for p in trained]) if trained else torch.empty(0)


def warn_if_idle(
    estimator: Classifier,
    before: torch.Tensor,
    continuing: bool,
    X: Any = None,
    stacklevel: int = 2,
) -> None:
    """Warn if training has moved nothing, has overflowed, or tells no sample from another.

    Parameters
    ----------
    estimator : FocalNetClassifier
        Just trained.
    before : Tensor
        The :func:`trace` of its module before.
    continuing : bool
        Whether an earlier training may have left nothing to learn.
    X : array or CSR matrix, default=None
        Samples to ask the net about; None asks about none.
    """
    net: Any = estimator.net_
    loss = net.history[-1]["train_loss"]
    same = torch.equal(before, trace(net.module_))
    if len(before) and same and (loss != 0 or not continuing):
        problem = "no weight has changed: its gradients are too large or too small for a step"
    elif not np.isfinite(loss):
        problem = f"its loss became {loss}"
    elif _overflowed(net):
        problem = "its gradients were too large for the optimizer"
    elif _is_far_off(net, estimator.early_stopping):
        problem = f"its loss is {loss:.3g}, and guessing would do better"
    elif X is not None and _answers_alike(net, X):
        problem = "its scores are the same for all samples"
    else:
        return
    given = {name: getattr(estimator, name) for name in ("lr", "weight_decay", "alpha")}
    said = ", ".join(f"{name}={value!r}" for name, value in given.items())
    warnings.warn(
        f"{type(estimator).__name__} has learned nothing, or part of it: {problem}. Look at {said} "
        "and sample_weight, and scale the features.",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )


def _overflowed(net: Any) -> bool:
    states = [
        value
        for state in net.optimizer_.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
    ]
    if sum(value.numel() for value in states) <= _N_COMPARED:  # in one go
        states = [torch.cat([value.flatten().double().cpu() for value in states])] if states else []
    return any(not bool(value.isfinite().all()) for value in states)


def _is_far_off(net: Any, best_epoch: bool) -> bool:
    """Whether the loss is nowhere near that of a guess, which is log K times a weight at most."""
    criterion = net._focal()
    if criterion is None:
        return False
    alpha = 1.0 if criterion.alpha is None else float(torch.as_tensor(criterion.alpha).max())
    losses = net.history[:, "train_loss"]
    return bool((min(losses) if best_epoch else losses[-1]) > _FAR_OFF * max(alpha, 1.0))


def _answers_alike(net: Any, X: Any) -> bool:
    rows = np.unique(np.linspace(0, X.shape[0] - 1, _N_ASKED).astype(int))
    asked = X[rows]
    dense = asked.toarray() if hasattr(asked, "toarray") else asked
    if (dense == dense[:1]).all():
        return False
    with seeded(net.random_state, PREDICTION):  # a module of the user's may draw
        logits = net.forward(asked)
    logits = logits[0] if isinstance(logits, tuple) else logits
    spread = (logits - logits[:1]).abs().max()
    return bool(spread <= 1e-6 * logits.abs().max())
