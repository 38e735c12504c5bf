"""What the members of an ensemble believe, averaged and calibrated."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from focalsk.estimators._target_coding import TargetCoding

__all__ = ["fit_temperature", "posterior_of", "with_temperature"]

_LEAST = 1e-6  # no average of a few nets can be surer than that
_BOUNDS, _PENALTY = (-0.7, 1.1), 2e-3  # of the log temperature


def posterior_of(
    logits: torch.Tensor, coding: TargetCoding, gamma: Any, alpha: Any, label_smoothing: float
) -> NDArray[np.float64]:
    """Posterior (..., K) of the data behind the logits (..., C) of nets."""
    loss = gamma, alpha, "posterior", label_smoothing
    p = coding.probabilities(logits.double(), *loss).numpy()
    p = p.clip(_LEAST, 1 - _LEAST)
    return p if coding.multilabel else p / p.sum(axis=-1, keepdims=True)


def fit_temperature(
    proba: NDArray[np.float64],
    codes: NDArray[Any],
    weight: NDArray[np.float64] | None,
    labels: bool,
) -> float:
    """The temperature of the least log loss on held-out samples.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, K)
    codes : ndarray of shape (n_samples,), or label indicators (n_samples, K)
    weight : ndarray of shape (n_samples,), or None
    labels : bool
        Whether they are indicators.
    """

    def log_loss(log_temperature: float) -> float:
        p = with_temperature(proba, float(np.exp(log_temperature)), labels)
        if labels:
            each = np.where(codes > 0, np.log(p), np.log1p(-p)).mean(axis=1)
        else:
            each = np.log(p[np.arange(len(p)), codes])
        return -float(np.average(each, weights=weight)) + _PENALTY * log_temperature**2

    found = minimize_scalar(log_loss, bounds=_BOUNDS, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def with_temperature(
    proba: NDArray[np.float64], temperature: float, labels: bool
) -> NDArray[np.float64]:
    """Probabilities whose logs, or log-odds of labels, are divided by a temperature."""
    if labels:
        odds = (proba / (1 - proba)) ** (1 / temperature)
        return odds / (1 + odds)
    powers = proba ** (1 / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)
