"""Methods for imbalanced data, compared on the same folds by decisions and by probabilities.

Decisions and probabilities are two questions, and a method may answer one well and the other badly:
a comparison of labels alone rewards whatever moves the threshold. Metrics of decisions read
``predict``, the others ``predict_proba``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from imblearn.metrics import geometric_mean_score
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
)
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from tqdm import tqdm

__all__ = [
    "METRICS",
    "FoldPrediction",
    "Metric",
    "evaluate",
    "expected_calibration_error",
    "format_table",
    "predict_folds",
    "score_fold",
    "score_folds",
]


@dataclass(frozen=True)
class FoldPrediction:
    """What one method says of one test fold.

    Attributes
    ----------
    method : str
        Name of the method.
    fold : int
        Number of the split, from 0.
    test : ndarray of int of shape (n_test,)
        Positions of the test samples in the data.
    labels : ndarray of shape (n_test,)
        ``predict`` of the test samples.
    proba : ndarray of shape (n_test, n_classes)
        ``predict_proba``, with one column for each class of the whole data, in sorted order.
    fit_seconds : float
        Wall time of ``fit``, resampling included.
    """

    method: str
    fold: int
    test: NDArray[np.intp]
    labels: NDArray[Any]
    proba: NDArray[np.floating]
    fit_seconds: float


@dataclass(frozen=True)
class Metric:
    """A metric and how to read it.

    Attributes
    ----------
    label : str
        Heading in tables and figures.
    score : callable
        ``score(y_true, labels, proba, classes) -> float``.
    greater_is_better : bool, default=True
        Whether a greater value is the better one.
    """

    label: str
    score: Callable[..., float]
    greater_is_better: bool = True


# Metrics ----------------------------------------------------------------------------------------


def expected_calibration_error(
    y_true: ArrayLike, proba: ArrayLike, n_bins: int = 15, classes: ArrayLike | None = None
) -> float:
    """Mean gap between confidence and frequency, over equal-width bins of the confidence.

    With two classes, the confidence is the probability of the second and the frequency its share of
    the bin, so that the error is about the reliability curve of the rare class. With more classes,
    the confidence is the greatest probability and the frequency that of its class being right [1]_.
    Bins are closed on the right, and weigh as much as they have samples.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True classes.
    proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of the classes, or of the second of two.
    n_bins : int, default=15
        Number of bins between 0 and 1.
    classes : array-like of shape (n_classes,), default=None
        Classes of the columns of `proba`; None for the sorted classes of `y_true`.

    Returns
    -------
    float
        In [0, 1]; 0 is perfect calibration.

    References
    ----------
    .. [1] Guo, C., Pleiss, G., Sun, Y. and Weinberger, K. Q. (2017). "On calibration of modern
       neural networks". ICML 2017.

    Examples
    --------
    Four samples of confidence 0.3, of which one is positive: the gap is 0.05.

    >>> from focalsk.comparison import expected_calibration_error
    >>> round(expected_calibration_error([0, 0, 0, 1], [0.3, 0.3, 0.3, 0.3]), 6)
    0.05
    """
    y_true, proba = np.asarray(y_true), np.asarray(proba, dtype=np.float64)
    classes = np.unique(y_true) if classes is None else np.asarray(classes)
    if proba.ndim == 1:
        proba = np.column_stack([1 - proba, proba])
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1. Got {n_bins!r} instead.")
    if proba.shape != (len(y_true), len(classes)):
        raise ValueError(
            f"proba must have a row for each of the {len(y_true)} samples and a column for each of "
            f"the {len(classes)} classes. Got the shape {proba.shape} instead."
        )
    top = np.ones(len(proba), dtype=int) if len(classes) == 2 else proba.argmax(axis=1)
    confidence = np.take_along_axis(proba, top[:, None], axis=1)[:, 0]
    edges = np.linspace(0, 1, n_bins + 1)
    bins = np.digitize(confidence, edges[1:-1], right=True)
    gaps = np.bincount(bins, weights=(classes[top] == y_true) - confidence)
    return float(np.abs(gaps).sum() / len(proba))


def _average_precision(y_true: Any, labels: Any, proba: Any, classes: Any) -> float:
    truth = _indicators(y_true, classes)
    present = [1] if len(classes) == 2 else np.flatnonzero(truth.any(axis=0))
    return float(np.mean([average_precision_score(truth[:, k], proba[:, k]) for k in present]))


def _brier_score(y_true: Any, labels: Any, proba: Any, classes: Any) -> float:
    return float(np.mean((proba - _indicators(y_true, classes)) ** 2))


def _indicators(y_true: ArrayLike, classes: ArrayLike) -> NDArray[np.int_]:
    return (np.asarray(y_true)[:, None] == np.asarray(classes)).astype(int)  # (samples, classes)


def _g_mean(y_true: Any, labels: Any, proba: Any, classes: Any) -> float:
    return float(geometric_mean_score(y_true, labels, labels=np.unique(y_true)))


#: The metrics by their names in the results, in the order of the table. The average precision is
#: that of the second of two classes, or the mean over more, each against the rest (without those
#: that the test fold lacks). The Brier score is the sum over the K classes, divided by K; with two
#: classes that is scikit-learn's ``brier_score_loss``.
METRICS: dict[str, Metric] = {
    "average_precision": Metric("AP", _average_precision),
    "balanced_accuracy": Metric(
        "bal. acc.", lambda y, labels, *_: balanced_accuracy_score(y, labels)
    ),
    "f1_macro": Metric("macro F1", lambda y, labels, *_: f1_score(y, labels, average="macro")),
    "g_mean": Metric("G-mean", _g_mean),
    "mcc": Metric("MCC", lambda y, labels, *_: matthews_corrcoef(y, labels)),
    "brier": Metric("Brier", _brier_score, greater_is_better=False),
    "ece": Metric(
        "ECE",
        lambda y, labels, proba, classes: expected_calibration_error(y, proba, classes=classes),
        greater_is_better=False,
    ),
}


# Cross-validation -------------------------------------------------------------------------------


def evaluate(
    arms: Mapping[str, Any],
    X: Any,
    y: ArrayLike,
    *,
    cv: Any = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Cross-validate several classifiers on the same folds.

    Parameters
    ----------
    arms : dict of str to estimator
        Classifiers with ``predict`` and ``predict_proba``, by name. One that scales or resamples
        does so in a pipeline, so that it sees training folds only.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,)
        Classes.
    cv : int, splitter or iterable of splits, default=None
        Folds, stratified for an int; None for five.
    n_jobs : int, default=None
        Fits that run at once, as in joblib. Changes the time and no score.
    progress : bool, default=False
        Whether to show a bar that counts the fits.

    Returns
    -------
    DataFrame
        One row for each method, fold and metric of :data:`METRICS`, with the columns ``method``,
        ``fold``, ``metric`` and ``value``; ``fit_seconds`` stands among the metrics.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from focalsk.comparison import evaluate
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> results = evaluate({"prior": DummyClassifier(), "bayes": GaussianNB()}, X, y)
    >>> accuracy = results[results["metric"] == "balanced_accuracy"]
    >>> accuracy.groupby("method")["value"].mean().round(3).to_dict()
    {'bayes': 0.928, 'prior': 0.5}
    """
    return score_folds(y, predict_folds(arms, X, y, cv=cv, n_jobs=n_jobs, progress=progress))


def predict_folds(
    arms: Mapping[str, Any],
    X: Any,
    y: ArrayLike,
    *,
    cv: Any = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> list[FoldPrediction]:
    """Predict every test fold with every method; :func:`evaluate` before the scoring.

    Parameters
    ----------
    arms, X, y, cv, n_jobs, progress
        As for :func:`evaluate`.

    Returns
    -------
    list of FoldPrediction
        One for each fold and method, fold by fold.
    """
    y = np.asarray(y)
    if not arms:
        raise ValueError("arms must name at least one estimator. Got none.")
    splits = list(check_cv(cv, y, classifier=True).split(X, y))
    jobs = (
        delayed(_predict_fold)(method, clone(arm), X, y, fold, *split)
        for fold, split in enumerate(splits)
        for method, arm in arms.items()
    )
    predictions = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    total = len(splits) * len(arms)
    return list(tqdm(predictions, total=total, unit="fit", disable=not progress))


def _predict_fold(
    method: str,
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    fold: int,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
) -> FoldPrediction:
    start = perf_counter()
    estimator.fit(_safe_indexing(X, train), y[train])
    fit_seconds = perf_counter() - start
    X_test, classes = _safe_indexing(X, test), np.unique(y)
    # A class that no training sample has keeps its column, at probability zero.
    proba = np.zeros((len(test), len(classes)))
    proba[:, np.searchsorted(classes, estimator.classes_)] = estimator.predict_proba(X_test)
    return FoldPrediction(method, fold, test, estimator.predict(X_test), proba, fit_seconds)


def score_fold(y: ArrayLike, prediction: FoldPrediction) -> dict[str, float]:
    """Score one prediction by every metric of :data:`METRICS`.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Classes of the whole data.
    prediction : FoldPrediction
        Prediction of one test fold.

    Returns
    -------
    dict of str to float
    """
    y = np.asarray(y)
    said = (y[prediction.test], prediction.labels, prediction.proba, np.unique(y))
    return {name: float(metric.score(*said)) for name, metric in METRICS.items()}


def score_folds(y: ArrayLike, predictions: Iterable[FoldPrediction]) -> pd.DataFrame:
    """Score predictions; :func:`evaluate` after the training.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Classes of the whole data.
    predictions : iterable of FoldPrediction
        Predictions of test folds.

    Returns
    -------
    DataFrame
        As from :func:`evaluate`.
    """
    rows = [
        (said.method, said.fold, metric, value)
        for said in predictions
        for metric, value in (score_fold(y, said) | {"fit_seconds": said.fit_seconds}).items()
    ]
    return pd.DataFrame(rows, columns=["method", "fold", "metric", "value"])


# Table ------------------------------------------------------------------------------------------


def format_table(results: pd.DataFrame) -> str:
    """Table of the methods: mean ± standard deviation over the folds, the best marked by a star.

    Parameters
    ----------
    results : DataFrame
        As from :func:`evaluate`.

    Returns
    -------
    str
        Rows in the order of the results; an arrow says which way a metric is better.

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.comparison import format_table
    >>> rows = [("a", 0, 0.50), ("a", 1, 0.60), ("b", 0, 0.60), ("b", 1, 0.70)]
    >>> results = pd.DataFrame(rows, columns=["method", "fold", "value"]).assign(metric="mcc")
    >>> print(format_table(results))
                 MCC ↑
    a      0.550±.071
    b      0.650±.071*
    """
    groups = results.groupby(["method", "metric"], sort=False)["value"]
    mean, spread = groups.mean().unstack(), groups.std().unstack()
    methods = list(dict.fromkeys(results["method"]))
    columns = {}
    for name, metric in METRICS.items():
        if name not in mean:
            continue
        values = mean.loc[methods, name].round(3)
        best = values.max() if metric.greater_is_better else values.min()
        heading = f"{metric.label} {'↑' if metric.greater_is_better else '↓'}"
        columns[heading] = [
            f"{value:.3f}{_spread(std)}{'*' if value == best else ' '}"
            for value, std in zip(values, spread.loc[methods, name], strict=True)
        ]
    return pd.DataFrame(columns, index=methods).to_string()


def _spread(std: float) -> str:
    return "" if np.isnan(std) else f"±{std:.3f}".replace("0.", ".")
