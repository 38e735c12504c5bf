"""Metrics of decisions and of probabilities, side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from imblearn.metrics import geometric_mean_score
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    make_scorer,
    matthews_corrcoef,
    recall_score,
    roc_auc_score,
)

from focalsk._compat._sklearn import HAS_BRIER_OF_SEVERAL, POSITIVE_OF_SEVERAL
from focalsk.displays import expected_calibration_error

__all__ = ["METRICS", "Metric", "scorer_for"]


@dataclass(frozen=True)
class Metric:
    """A metric and how to read it.

    Attributes
    ----------
    label : str
        Heading in tables and figures.
    score : callable
        ``score(y_true, labels, proba, classes) -> float``.
    scorer : str or callable
        What scikit-learn's searches maximise for it.
    greater_is_better : bool, default=True
        Whether a greater value is the better one.
    tuned : bool, default=False
        Whether its labels are decisions that were tuned for it on held-out training samples,
        instead of those of ``predict``.
    """

    label: str
    score: Callable[..., float]
    scorer: Any
    greater_is_better: bool = True
    tuned: bool = False


def _one_against_rest(score: Callable[..., float], y: Any, proba: Any, classes: Any) -> float:
    """Score the second of two classes, or the mean over those present of more."""
    truth = _indicators(y, classes)
    some = truth.any(axis=0) & ~truth.all(axis=0)
    scored = [1] if len(classes) == 2 else np.flatnonzero(some)
    return float(np.mean([score(truth[:, k], proba[:, k]) for k in scored]))


def _average_precision(y: Any, labels: Any, proba: Any, classes: Any) -> float:
    return _one_against_rest(average_precision_score, y, proba, classes)


def _roc_auc(y: Any, labels: Any, proba: Any, classes: Any) -> float:
    return _one_against_rest(roc_auc_score, y, proba, classes)


def _brier_score(y: Any, labels: Any, proba: Any, classes: Any) -> float:
    return float(np.mean((proba - _indicators(y, classes)) ** 2))


def _log_loss(y: Any, labels: Any, proba: Any, classes: Any) -> float:
    tiny = np.finfo(np.float64).eps  # as scikit-learn clips; rows that sum to one stay as they are
    proba = np.clip(proba, tiny, None)
    return float(log_loss(y, proba / proba.sum(axis=1, keepdims=True), labels=classes))


def _calibration_error(y: Any, labels: Any, proba: Any, classes: Any) -> float:
    return expected_calibration_error(y, proba, classes=classes)


def _balanced_accuracy(y: Any, labels: Any, proba: Any, classes: Any) -> float:
    # balanced_accuracy_score is the same, but warns of a decided class that y lacks.
    return float(recall_score(y, labels, labels=np.unique(y), average="macro"))


def _f1_macro(y: Any, labels: Any, proba: Any, classes: Any) -> float:
    return float(f1_score(y, labels, average="macro"))


def _g_mean(y: Any, labels: Any, proba: Any, classes: Any) -> float:
    return float(geometric_mean_score(y, labels, labels=np.unique(y)))


def _mcc(y: Any, labels: Any, proba: Any, classes: Any) -> float:
    return float(matthews_corrcoef(y, labels))


def _indicators(y: ArrayLike, classes: ArrayLike) -> NDArray[np.int_]:
    return (np.asarray(y)[:, None] == np.asarray(classes)).astype(int)  # (samples, classes)


_ECE_SCORER = make_scorer(
    expected_calibration_error, greater_is_better=False, response_method="predict_proba"
)
_DECISIONS = {
    "balanced_accuracy": Metric("bal. acc.", _balanced_accuracy, "balanced_accuracy"),
    "f1_macro": Metric("macro F1", _f1_macro, "f1_macro"),
    "g_mean": Metric("G-mean", _g_mean, make_scorer(geometric_mean_score)),
    "mcc": Metric("MCC", _mcc, "matthews_corrcoef"),
}

#: The metrics by their names in the results, in the order of tables. Average precision and ROC AUC
#: are those of the second of two classes, or the mean over more, each against the rest (without
#: those that the test fold lacks). The Brier score is the sum over the K classes, divided by K;
#: with two classes that is scikit-learn's ``brier_score_loss``. Metrics of decisions stand there
#: twice: of ``predict``, and ``*_tuned`` of decisions tuned on held-out training samples.
METRICS: dict[str, Metric] = {
    "average_precision": Metric("AP", _average_precision, "average_precision"),
    "roc_auc": Metric("ROC AUC", _roc_auc, "roc_auc_ovr"),
    **_DECISIONS,
    **{
        f"{name}_tuned": Metric(f"{base.label} tuned", base.score, base.scorer, tuned=True)
        for name, base in _DECISIONS.items()
    },
    "brier": Metric("Brier", _brier_score, "neg_brier_score", greater_is_better=False),
    "log_loss": Metric("log-loss", _log_loss, "neg_log_loss", greater_is_better=False),
    "ece": Metric("ECE", _calibration_error, _ECE_SCORER, greater_is_better=False),
}


def _scorer_of_several(metric: str, labels: list[Any]) -> Any:
    """A scorer of more than two classes where an older scikit-learn has none, else None."""
    if metric == "average_precision" and POSITIVE_OF_SEVERAL and 1 not in labels:
        both = ("decision_function", "predict_proba")
        return make_scorer(_average_precision_of_several, response_method=both)
    if metric == "brier" and not HAS_BRIER_OF_SEVERAL:
        kind = {"greater_is_better": False, "response_method": "predict_proba"}
        return make_scorer(_brier_of_several, **kind)
    return None


def _average_precision_of_several(y: Any, scores: Any, sample_weight: Any = None) -> float:
    # Without a `pos_label`, which a scorer would look for among the classes.
    return float(average_precision_score(y, scores, sample_weight=sample_weight))


def _brier_of_several(y: Any, proba: Any, sample_weight: Any = None) -> float:
    errors = ((_indicators(y, np.unique(y)) - proba) ** 2).sum(axis=1)
    return float(np.average(errors, weights=sample_weight))


def scorer_for(metric: str, classes: ArrayLike) -> Any:
    """What a search maximises for a metric, about the second of two classes whatever it is called.

    Parameters
    ----------
    metric : str
        A name of :data:`METRICS`.
    classes : array-like of shape (n_classes,)
        The classes, sorted.

    Returns
    -------
    str or callable
        scikit-learn's own name where that is about the right class: by itself it takes 1 for the
        positive label, and fails or scores the other class where there is another.

    Examples
    --------
    >>> from focalsk.comparison._metrics import scorer_for
    >>> scorer_for("average_precision", [0, 1])
    'average_precision'
    >>> scorer_for("g_mean", ["no", "yes"])
    make_scorer(geometric_mean_score, response_method='predict', pos_label=yes)
    """
    labels = np.asarray(classes).tolist()
    base = metric.removesuffix("_tuned")
    if len(labels) > 2:
        return _scorer_of_several(base, labels) or METRICS[metric].scorer
    if len(labels) != 2 or (labels[1] == 1 and not isinstance(labels[1], str)):
        return METRICS[metric].scorer
    positive = {"pos_label": labels[1]}
    both = ("decision_function", "predict_proba")
    if base == "average_precision":
        return make_scorer(average_precision_score, response_method=both, **positive)
    if base == "g_mean":
        return make_scorer(geometric_mean_score, **positive)
    if base == "brier":
        kind = {"greater_is_better": False, "response_method": "predict_proba"}
        return make_scorer(brier_score_loss, **kind, **positive)
    return METRICS[metric].scorer
