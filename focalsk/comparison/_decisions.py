"""Decisions from probabilities: thresholds tuned for each metric on held-out samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from imblearn.metrics import geometric_mean_score
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix, roc_curve
from sklearn.pipeline import Pipeline

from focalsk.estimators import FocalEnsembleClassifier, divide_priors

__all__ = ["ENSEMBLE_DECISIONS", "decide", "decision_parameter", "tune_decisions"]

# Strengths of the adjustment that are tried with more than two classes: from plain argmax over
# that of balanced classes (1) to twice as much.
_STRENGTHS = np.linspace(0, 2, 21)


def _g_mean(
    y_true: NDArray[Any], y_pred: NDArray[Any], sample_weight: NDArray[Any] | None
) -> float:
    return float(geometric_mean_score(y_true, y_pred, sample_weight=sample_weight))


#: Value of the ensemble's own `decision` for each metric that decisions are tuned for.
ENSEMBLE_DECISIONS: dict[str, Any] = {
    "balanced_accuracy": "balanced_accuracy",
    "f1_macro": "f1_macro",
    "g_mean": _g_mean,
    "mcc": "mcc",
}


def decision_parameter(estimator: Any) -> str | None:
    """Name of the parameter by which a fitted estimator decides otherwise, without another fit.

    Parameters
    ----------
    estimator : classifier
        A pipeline whose last step is a FocalEnsembleClassifier has one.

    Returns
    -------
    str or None
    """
    if not isinstance(estimator, Pipeline):
        return None
    name, last = estimator.steps[-1]
    return f"{name}__decision" if isinstance(last, FocalEnsembleClassifier) else None


def tune_decisions(
    y_true: ArrayLike, proba: NDArray[np.floating], classes: ArrayLike, prior: ArrayLike
) -> dict[str, float]:
    """Find the decision rule that serves each metric best on held-out samples.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Classes of the held-out samples.
    proba : ndarray of shape (n_samples, n_classes)
        Their probabilities.
    classes : array-like of shape (n_classes,)
        Classes of the columns.
    prior : array-like of shape (n_classes,)
        Share of each class in training.

    Returns
    -------
    dict of str to float
        For 'balanced_accuracy', 'f1_macro', 'g_mean' and 'mcc': with two classes the probability
        of the second from which it is chosen, with more the strength of the logit adjustment.
    """
    y_true, classes = np.asarray(y_true), np.asarray(classes)
    if len(classes) == 2:
        confusion, rules = _confusion_by_threshold(y_true == classes[1], proba[:, 1])
    else:
        rules = _STRENGTHS
        decided = [decide(proba, classes, prior, rule) for rule in rules]
        confusion = np.array([confusion_matrix(y_true, said, labels=classes) for said in decided])
    scores = _scores_of_confusion(confusion)
    return {name: float(rules[values.argmax()]) for name, values in scores.items()}


def decide(
    proba: NDArray[np.floating], classes: ArrayLike, prior: ArrayLike, rule: float
) -> NDArray[Any]:
    """Decide by a rule from :func:`tune_decisions`.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Probabilities.
    classes, prior : array-like of shape (n_classes,)
        Classes of the columns and their shares in training.
    rule : float
        Threshold with two classes, strength of the logit adjustment with more.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    classes = np.asarray(classes)
    if len(classes) == 2:
        return classes[(proba[:, 1] >= rule).astype(int)]
    return classes[divide_priors(proba, np.asarray(prior), rule).argmax(axis=1)]


def _confusion_by_threshold(
    positive: NDArray[np.bool_], score: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Confusion matrices (T, 2, 2) at every threshold between two scores."""
    fpr, tpr, thresholds = roc_curve(positive, score, drop_intermediate=False)
    n_positive, n_negative = positive.sum(), (~positive).sum()
    # scikit-learn's rates are NaN where the held-out samples lack a class.
    tp, fp = np.nan_to_num(tpr) * n_positive, np.nan_to_num(fpr) * n_negative
    rows = [[n_negative - fp, fp], [n_positive - tp, tp]]
    # Half way down to the next score, for the samples to come lie on neither.
    below = np.append(thresholds[1:], thresholds[-1])
    middle = np.where(np.isinf(thresholds), np.inf, (thresholds + below) / 2)
    return np.moveaxis(np.array(rows), -1, 0), middle


def _scores_of_confusion(confusion: NDArray[Any]) -> dict[str, NDArray[np.floating]]:
    """The metrics of decisions from confusion matrices (T, K, K): true rows, decided columns."""
    right = np.einsum("tkk->tk", confusion).astype(float)
    truth, said = confusion.sum(axis=2).astype(float), confusion.sum(axis=1).astype(float)
    present = truth[0] > 0
    recall = right[:, present] / truth[:, present]
    n = truth.sum(axis=1)
    covariance = right.sum(axis=1) * n - (truth * said).sum(axis=1)
    spread = np.sqrt((n**2 - (truth**2).sum(axis=1)) * (n**2 - (said**2).sum(axis=1)))
    either = truth + said
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(either > 0, 2 * right / either, np.nan)
        mcc = np.where(spread > 0, covariance / spread, 0.0)
    return {
        "balanced_accuracy": recall.mean(axis=1),
        "f1_macro": np.nanmean(f1, axis=1),
        "g_mean": recall.prod(axis=1) ** (1 / present.sum()),
        "mcc": mcc,
    }
