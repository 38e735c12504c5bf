"""What the classifiers answer, from samples to decisions and probabilities, in a graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from focalsk.estimators import FocalEnsembleClassifier, FocalNetClassifier, TargetCoding
from focalsk.export._graph import Graph, Value
from focalsk.export._inputs import encoded, numeric_columns
from focalsk.export._nets import dtype_of, net_logits, stack_logits
from focalsk.export._posterior import (
    Loss,
    label_answers,
    one_versus_rest_answers,
    softmax_answers,
)

__all__ = ["answers_of_ensemble", "answers_of_net", "columns_read", "decided", "double"]

_SURE = 1e-6  # no member of an ensemble is surer than that


def columns_read(estimator: Any) -> list[int] | None:
    """Places of the columns that an estimator reads, None for all of them."""
    encoder = getattr(estimator, "_encoder", None)
    if encoder is None:
        return None
    names = getattr(estimator, "feature_names_in_", None)
    return numeric_columns(encoder, None if names is None else names.tolist())


def double(X: Value) -> Value:
    """Samples as the checks of scikit-learn leave them: float32 and float64, others as float64."""
    return X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)


def answers_of_net(
    graph: Graph, estimator: FocalNetClassifier, X: Value, shape: tuple[int, ...]
) -> tuple[Value, Value]:
    """Decision scores and probabilities of a FocalNetClassifier for samples (B, *shape).

    Scores are (B, C), or (B,) of two classes; probabilities (B, C).
    """
    module = estimator.net_.module_
    logits = net_logits(graph, module, double(X), shape).astype(np.float64)
    coding = estimator._coding
    loss = _loss(coding, estimator.gamma_, estimator.alpha_, estimator._smoothing, dtype_of(module))
    scores, proba = _answers(coding, logits, loss, estimator.proba)
    if isinstance(estimator.decision, str) and estimator.decision == "auto":
        return _margin(scores) if _is_binary(coding) else scores, proba
    _, posterior = _answers(coding, logits, replace(loss, dtype=np.dtype(float)), "posterior")
    rule = estimator._rule(coding, estimator.class_count_)
    return _decision_scores(posterior, rule, coding.multilabel), proba


def answers_of_ensemble(
    graph: Graph, estimator: FocalEnsembleClassifier, X: Value, shape: tuple[int, ...]
) -> tuple[Value, Value]:
    """As :func:`answers_of_net`; the members' posteriors are averaged and calibrated."""
    if estimator._encoder is not None:
        X = X.astype(np.float64)
        if estimator._encoder.numbers_ is not None:
            X = encoded(X, estimator._encoder.numbers_)
    logits = stack_logits(graph, estimator.module_, double(X), shape).astype(np.float64)
    coding, criterion = estimator._coding, estimator._criterion
    loss = _loss(coding, criterion.gamma, estimator.alpha_, criterion.label_smoothing, np.float64)
    labels = coding.multilabel
    _, p = _answers(coding, logits, loss, "posterior")
    p = p.at_least(_SURE).at_most(1 - _SURE)
    if not labels:
        p = p / p.sum(-1)
    p = p.sum(0, keepdims=False) / float(estimator.n_iter_.size)
    proba = _with_temperature(p, estimator.temperature_, labels)
    return _decision_scores(proba, estimator.decision_, labels), proba


def decided(scores: Value, coding: TargetCoding, classes: NDArray[Any]) -> Value:
    """Classes (B,), or label indicators (B, K), from decision scores."""
    if coding.multilabel:
        return (scores > 0.0).astype(np.int64)
    if _is_binary(coding):
        index = (scores > 0.0).astype(np.int64)
    else:
        index = scores.op("ArgMax", axis=-1, keepdims=0, dtype=np.int64)
    return scores.graph.constant(classes).take(index, 0)


def _is_binary(coding: TargetCoding) -> bool:
    return len(coding.classes) == 2 and not coding.multilabel


def _margin(scores: Value) -> Value:
    """The second of two scores over the first."""
    return scores.take(1, -1) - scores.take(0, -1)


def _loss(coding: Any, gamma: Any, alpha: Any, smoothing: float, dtype: Any) -> Loss:
    if isinstance(gamma, torch.Tensor):
        gamma = gamma.numpy(force=True)
    return Loss(
        np.asarray(gamma, dtype=np.float64),
        None if alpha is None else np.asarray(alpha, dtype=np.float64),
        float(smoothing),
        len(coding.classes),
        np.dtype(dtype),
    )


def _answers(coding: TargetCoding, logits: Value, loss: Loss, proba: str) -> tuple[Value, Value]:
    if coding.multilabel:
        return label_answers(logits, loss, proba)
    if coding.n_outputs == 1 and _is_binary(coding):  # the logit z counts as the two (0, z)
        logits = (logits * 0.0).op("Concat", logits, axis=-1)
        return softmax_answers(logits, loss, proba)
    if type(coding).__name__ == "OneVersusRestCoding":
        return one_versus_rest_answers(logits, loss, proba)
    return softmax_answers(logits, loss, proba)


def _with_temperature(p: Value, temperature: float, labels: bool) -> Value:
    if labels:
        odds = (p / (-p + 1.0)) ** (1 / temperature)
        return odds / (odds + 1.0)
    powers = p ** (1 / temperature)
    return powers / powers.sum(-1)


def _decision_scores(proba: Value, decision: Any, labels: bool) -> Value:
    """As `Decision.scores`."""
    n_classes = len(decision.shift)
    binary = n_classes == 2 and not labels
    if decision.costs is not None:
        scores = proba @ -decision.costs
        return _margin(scores) if binary else scores
    logs = proba.op("Log")
    if labels:
        return logs - (-proba + 1.0).op("Log") + decision.shift
    if not binary:
        return logs + decision.shift
    with np.errstate(invalid="ignore"):
        shift = np.nan_to_num(
            decision.shift[1] - decision.shift[0], nan=-np.inf, posinf=np.inf, neginf=-np.inf
        )
    return _margin(logs) + shift
