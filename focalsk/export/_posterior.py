r"""The posterior behind focal loss, in operators of ONNX.

The functions of `focalsk.losses`, with everything in float64 and without one step that cancels or
overflows. Of a softmax, ``u = 1 - p`` is the sum of the other probabilities, by a product with a
matrix of ones that has zeros on its diagonal. ``r = -log(p) / u`` loses its digits where `p` nears
1, so that its series ``1 + u / 2 + u**2 / 3`` stands in for it below ``u = 1e-4``.

Of a sigmoid, ``log h(m) - log h(-m)`` is odd in `m`: it is computed for ``a = |m|``, where with
``e = exp(-a)`` and ``L = log(1 + e)`` it is ::

    (1 + gamma) * a + log((1 + gamma * e * (a + L)) / (1 + gamma * L / e))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focalsk.export._graph import Value

__all__ = ["Loss", "label_answers", "one_versus_rest_answers", "softmax_answers"]

_SMALL = 1e-4  # below which series are used
_LEAST = 1e-6  # as `focalsk.losses.unsmoothed` has it


@dataclass(frozen=True)
class Loss:
    """What training did to the posterior.

    Parameters
    ----------
    gamma : ndarray of shape () or (C,)
    alpha : ndarray, or None
        Class weights (C,), or of absent and present labels (2, K).
    smoothing : float
    n_classes : int
        How many classes or labels there are.
    dtype : dtype
        That of the net, which limits odds.
    """

    gamma: NDArray[np.float64]
    alpha: NDArray[np.float64] | None
    smoothing: float
    n_classes: int
    dtype: np.dtype[Any]

    @property
    def tiny(self) -> float:
        """The least probability that has a logarithm."""
        return float(np.finfo(self.dtype).tiny)

    @property
    def eps(self) -> float:
        """The least probability that has odds."""
        return float(np.finfo(self.dtype).eps)

    def outcome_weights(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights (K,) of labels where absent and where present."""
        alpha = np.asarray(self.alpha)
        if alpha.ndim == 0:
            return 1 - alpha, alpha
        return (alpha[0], alpha[1]) if alpha.ndim == 2 else (alpha, alpha)


# One class per sample, by a softmax ---------------------------------------------------------------


def softmax_answers(logits: Value, loss: Loss, proba: str) -> tuple[Value, Value]:
    """Decision scores and probabilities (..., C) of logits (..., C) of float64."""
    scores = log_h = _log_h(logits, loss)
    posterior = None
    if loss.smoothing:
        posterior = _unsmoothed(_softmax(log_h, loss.alpha), loss)
        scores = posterior.at_least(loss.tiny).op("Log")
        if loss.alpha is not None:
            scores = scores + np.log(np.maximum(loss.alpha, loss.tiny))
    if proba == "raw":
        return scores, _softmax(logits)
    if proba == "weighted":
        return scores, _softmax(scores)
    return scores, posterior or _softmax(log_h, loss.alpha)


def _softmax(scores: Value, alpha: NDArray[np.float64] | None = None) -> Value:
    """Probabilities, free of the weights if these are given; a class of weight 0 has none."""
    if alpha is not None:
        with np.errstate(divide="ignore"):
            scores = scores - np.where(alpha > 0, np.log(alpha), np.inf)
    return scores.op("Softmax", axis=-1)


def _log_h(logits: Value, loss: Loss) -> Value:
    log_p = logits.op("LogSoftmax", axis=-1)
    if not loss.gamma.any():
        return log_p
    p = log_p.op("Exp")
    u = (p @ (1.0 - np.eye(loss.n_classes))).at_least(1e-300)
    series = (u * (1 / 3) + 0.5) * u + 1.0
    ratio = series.where(u < _SMALL, -log_p / u)
    bend = (p * ratio * loss.gamma + 1.0).op("Log")
    return log_p - u.op("Log") * loss.gamma - bend


def _unsmoothed(p: Value, loss: Loss) -> Value:
    bare = (p - loss.smoothing / loss.n_classes) / (1 - loss.smoothing)
    bare = bare.op("Max", p * _LEAST)
    return bare / bare.sum(-1)


# One class per sample, by a sigmoid each, and labels ----------------------------------------------


def one_versus_rest_answers(logits: Value, loss: Loss, proba: str) -> tuple[Value, Value]:
    """Decision scores and probabilities (..., C) of logits (..., C) of float64."""
    scores = _sigmoid_scores(logits, loss.gamma)
    if loss.smoothing:
        p = _each_unsmoothed(scores.op("Sigmoid"), loss.smoothing)
        scores = _log_odds(p, loss.eps)
    if proba == "raw":
        return scores, _softmax(_log_sigmoid(logits))
    alpha = loss.alpha if proba == "posterior" else None
    return scores, _softmax(_log_sigmoid(scores), alpha)


def label_answers(logits: Value, loss: Loss, proba: str) -> tuple[Value, Value]:
    """Decision scores and probabilities (..., K) of logits (..., K) of float64."""
    scores = _sigmoid_scores(logits, loss.gamma)
    if proba == "raw" and loss.smoothing == 0:
        return scores, logits.op("Sigmoid")
    if proba == "weighted" and loss.smoothing == 0:
        return scores, scores.op("Sigmoid")
    posterior = _label_posterior(scores, loss)
    if loss.smoothing:
        scores = _log_odds(posterior, loss.eps)
        if loss.alpha is not None:
            negative, positive = (np.maximum(w, loss.tiny) for w in loss.outcome_weights())
            scores = scores + (np.log(positive) - np.log(negative))
    if proba == "raw":
        return scores, logits.op("Sigmoid")
    return scores, posterior if proba == "posterior" else scores.op("Sigmoid")


def _label_posterior(scores: Value, loss: Loss) -> Value:
    if loss.alpha is None:
        return _each_unsmoothed(scores.op("Sigmoid"), loss.smoothing)
    negative, positive = loss.outcome_weights()
    trained = (negative > 0) & (positive > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.where(trained, np.log(negative) - np.log(positive), 0.0)
    p = _each_unsmoothed((scores + shift).op("Sigmoid"), loss.smoothing)
    if trained.all():
        return p
    return p.where(p.graph.constant(trained), (positive > 0).astype(np.float64))


def _sigmoid_scores(m: Value, gamma: NDArray[np.float64]) -> Value:
    """Log-odds under the weights; those of margin 0 are 0."""
    if not gamma.any():
        return m
    a = m.op("Abs")
    e = (-a).op("Exp")
    log1p = (e + 1.0).op("Log")
    # L and L / e, by their series where 1 + e has lost the digits of e.
    series = ((e * -0.25 + 1 / 3) * e - 0.5) * e + 1.0
    ratio = series.where(e < _SMALL, log1p / e.at_least(1e-300))
    bend = ((e * (a + ratio * e) * gamma + 1.0) / (ratio * gamma + 1.0)).op("Log")
    return m.op("Sign") * (a * (1 + gamma) + bend)


def _log_sigmoid(m: Value) -> Value:
    return m.at_most(0.0) - ((-m.op("Abs")).op("Exp") + 1.0).op("Log")


def _log_odds(p: Value, eps: float) -> Value:
    p = p.at_least(eps).at_most(1 - eps)
    return (p / (-p + 1.0)).op("Log")


def _each_unsmoothed(p: Value, smoothing: float) -> Value:
    if smoothing == 0:
        return p
    bare = (p - smoothing / 2) / (1 - smoothing)
    return bare.op("Max", p * _LEAST).op("Min", p * _LEAST + (1 - _LEAST))
