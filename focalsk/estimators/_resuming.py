"""What a training depends on, so that it goes on from a checkpoint of its own and no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from focalsk._compat._checkpoint import checkpoint_key
from focalsk.estimators._target_coding import Samples

if TYPE_CHECKING:
    from focalsk.estimators._classifier import FocalNetClassifier
    from focalsk.estimators._members import Member

__all__ = ["fit_key", "stack_fit_key"]

# Parameters that do not change what is trained; the network is known by its first weights.
_NEUTRAL = {
    "callbacks", "checkpoint", "decision", "module", "module_params", "proba", "random_state",
    "verbose", "warm_start",
}  # fmt: skip


def fit_key(estimator: FocalNetClassifier, samples: Samples, valid: Samples | None = None) -> str:
    """A hash of all that a classifier's fit depends on, its net being made but not trained.

    `valid` are samples to validate with that are not among the others.
    """
    if estimator.callbacks:
        raise ValueError(
            "FocalNetClassifier takes 'checkpoint' or 'callbacks', not both: what callbacks "
            f"remember is not kept. Got checkpoint={estimator.checkpoint!r} and "
            f"callbacks={estimator.callbacks!r}."
        )
    net = estimator.net_
    return checkpoint_key(
        "FocalNetClassifier",
        _parameters(estimator),
        tuple(samples) if valid is None else (tuple(samples), tuple(valid)),
        estimator.classes_,
        (net.random_state, str(net.device)),
        _initial(net.module_),
    )


def stack_fit_key(members: Sequence[Member], device: Any, module: Any) -> str:
    """A hash of all that the training of an ensemble's members, as one stack, depends on."""
    first = members[0]
    return checkpoint_key(
        "FocalEnsembleClassifier",
        _parameters(first.estimator),
        tuple(first.fold.samples),
        first.fold.coding.key,
        first.fold.counts,
        [(member.seed, np.packbits(member.held_out)) for member in members],
        str(device),
        _initial(module),
    )


def _parameters(estimator: FocalNetClassifier) -> dict[str, Any]:
    given = estimator.get_params(deep=False)
    return {name: value for name, value in given.items() if name not in _NEUTRAL}


def _initial(module: Any) -> Any:
    return repr(module), {k: v.numpy(force=True) for k, v in module.state_dict().items()}
