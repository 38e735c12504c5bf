"""From probabilities to decisions: by class weights, by costs, or by what serves a metric best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    fbeta_score,
    matthews_corrcoef,
    precision_recall_curve,
)

__all__ = ["METRICS", "Decision", "decide"]

# Functions of (y_true, y_pred, sample_weight), greater is better.
METRICS: dict[str, Callable[..., float]] = {
    "accuracy": lambda y, p, w: accuracy_score(y, p, sample_weight=w),
    "balanced_accuracy": lambda y, p, w: balanced_accuracy_score(y, p, sample_weight=w),
    "f1": lambda y, p, w: f1_score(y, p, sample_weight=w, zero_division=0.0),
    "f2": lambda y, p, w: fbeta_score(y, p, beta=2, sample_weight=w, zero_division=0.0),
    "f1_macro": lambda y, p, w: _averaged(1, y, p, w),
    "f2_macro": lambda y, p, w: _averaged(2, y, p, w),
    "mcc": lambda y, p, w: matthews_corrcoef(y, p, sample_weight=w),
}
_TAUS = np.linspace(-0.3, 1.5, 37)
_SMOOTH = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9  # neighbours agree on where the best is


def _averaged(beta: float, y: Any, p: Any, w: Any) -> float:
    score = fbeta_score(y, p, beta=beta, average="macro", sample_weight=w, zero_division=0.0)
    return float(score)


@dataclass(frozen=True)
class Decision:
    """A rule that turns probabilities into decisions.

    Scores are ``log(posterior) + shift``; the greatest one decides. For labels, and for two
    classes, the log-odds plus a shift are compared with 0. With costs, the score is the negative
    expected cost.

    Parameters
    ----------
    shift : ndarray of shape (n_classes,), or (n_labels,)
        What is added to the logs.
    costs : ndarray of shape (n_classes, n_classes), default=None
        ``costs[i, j]`` of deciding for class j where i is true.
    metric : str, default=None
        What the shift was tuned for.
    taus, curve : ndarrays of shape (n_taus,)
        With a metric: multiples of the log prior that were tried, and the smoothed metric at each.
    tau : float or None
        The best of them.
    """

    shift: NDArray[np.float64]
    costs: NDArray[np.float64] | None = None
    metric: str | None = None
    taus: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    curve: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    tau: float | None = None

    def scores(self, proba: NDArray[np.float64], labels: bool = False) -> NDArray[np.float64]:
        """Decision scores (n, K), or log-odds (n,) of two classes, from probabilities (n, K)."""
        if self.costs is not None:
            scores = -proba @ self.costs
            return scores[:, 1] - scores[:, 0] if proba.shape[1] == 2 else scores
        with np.errstate(divide="ignore"):
            logs = np.log(proba)
            if labels:
                return logs - np.log1p(-proba) + self.shift
        scores = logs + self.shift
        if proba.shape[1] != 2:
            return scores
        with np.errstate(invalid="ignore"):
            return np.nan_to_num(
                scores[:, 1] - scores[:, 0], nan=0.0, posinf=np.inf, neginf=-np.inf
            )


def decide(
    rule: Any,
    *,
    weights: NDArray[np.float64] | None,
    prior: NDArray[np.float64],
    held_out: tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None] | None = None,
    labels: bool = False,
) -> Decision:
    """Make a decision rule.

    Parameters
    ----------
    rule : 'auto', 'posterior', 'balanced', array-like of costs, a name of METRICS or a callable
        See FocalEnsembleClassifier; a pair of 'precision' or 'recall' and a number as well.
    weights : ndarray of shape (n_classes,) or (2, n_labels), or None
        Class weights.
    prior : ndarray of shape (n_classes,) or (n_labels,)
        Shares of the classes, or of the samples that have a label.
    held_out : (probabilities (n, K), codes, weights or None), default=None
        What a metric is tuned on, by nets that were not trained on these samples.
    labels : bool, default=False
        Whether targets are label indicators.
    """
    none = np.zeros(len(prior))
    if isinstance(rule, str) and rule in ("auto", "posterior", "balanced"):
        if rule == "balanced":
            return Decision(-_log_prior(prior, labels))
        if rule == "posterior" or weights is None:
            return Decision(none)
        with np.errstate(divide="ignore"):
            logs = np.log(weights)
        return Decision(logs[1] - logs[0] if labels else logs)
    named = isinstance(rule, (tuple, list)) and len(rule) == 2 and isinstance(rule[0], str)
    if held_out and named:
        return _at_least(rule[0], float(rule[1]), held_out, len(prior), labels)
    if isinstance(rule, str) or callable(rule):
        return _tuned(rule, prior, held_out, labels)
    return Decision(none, costs=_checked_costs(rule, len(prior), labels))


def _log_prior(prior: NDArray[np.float64], labels: bool) -> NDArray[np.float64]:
    """Logs of the shares, or log-odds of labels; 0 for a class that never came up."""
    with np.errstate(divide="ignore"):
        logs = np.log(prior) - (np.log1p(-prior) if labels else 0.0)
    return np.where(np.isfinite(logs), logs, 0.0)


def _tuned(rule: Any, prior: Any, held_out: Any, labels: bool) -> Decision:
    metric = METRICS[rule] if isinstance(rule, str) else rule
    proba, codes, weight = held_out
    known = ~np.isnan(proba).any(axis=1)
    proba, codes = proba[known], codes[known]
    weight = None if weight is None else weight[known]
    log_prior = _log_prior(prior, labels)
    values = np.empty(len(_TAUS))
    for i, tau in enumerate(_TAUS):
        scores = Decision(-tau * log_prior).scores(proba, labels)
        decided = scores > 0 if labels or scores.ndim == 1 else scores.argmax(axis=1)
        values[i] = metric(codes, decided.astype(np.int64), weight)
    padded = np.pad(values, len(_SMOOTH) // 2, mode="edge")
    curve = np.convolve(padded, _SMOOTH, mode="valid")
    tau = float(_TAUS[curve.argmax()])
    name = rule if isinstance(rule, str) else getattr(rule, "__name__", repr(rule))
    return Decision(-tau * log_prior, metric=name, taus=_TAUS, curve=curve, tau=tau)


def _at_least(name: str, least: float, held_out: Any, n_classes: int, labels: bool) -> Decision:
    """The threshold with the best recall at a precision, or the best precision at a recall."""
    if name not in ("precision", "recall") or not 0 < least <= 1 or labels or n_classes != 2:
        raise ValueError(
            "decision=('precision', p) and ('recall', r) need two classes and a number in (0, 1]. "
            f"Got {(name, least)!r} for {n_classes} {'labels' if labels else 'classes'}."
        )
    proba, codes, weight = held_out
    known = ~np.isnan(proba).any(axis=1)
    weight = None if weight is None else weight[known]
    precision, recall, thresholds = precision_recall_curve(
        codes[known], proba[known, 1], sample_weight=weight
    )
    given, wanted = (precision, recall) if name == "precision" else (recall, precision)
    reached = given[:-1] >= least
    if not reached.any():
        raise ValueError(f"No threshold reaches a {name} of {least} on the held-out samples.")
    chosen = np.flatnonzero(reached)[wanted[:-1][reached].argmax()]
    p = min(max(thresholds[chosen] - 1e-12, 1e-300), 1 - 1e-16)
    shift = np.array([np.log(p), np.log1p(-p)])
    return Decision(shift, metric=f"{name} >= {least:g}")


def _checked_costs(costs: Any, n_classes: int, labels: bool) -> NDArray[np.float64]:
    try:
        values = np.asarray(costs, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.full(0, np.nan)
    if labels or values.shape != (n_classes, n_classes) or not np.isfinite(values).all():
        raise ValueError(
            f"A cost matrix for 'decision' must hold finite numbers of shape {(n_classes,) * 2}, "
            f"and classes rather than labels. Got {costs!r}."
        )
    return values
