"""Decisions from probabilities: tuned thresholds, and the class priors divided out."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.metrics import confusion_matrix, roc_curve
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from focalsk._compat._sklearn import HasMethods, Interval, fit_context

__all__ = ["LogitAdjustedClassifier", "decide", "tune_decisions"]

# Strengths of the adjustment that are tried with more than two classes: from plain argmax over
# that of balanced classes (1) to twice as much.
_STRENGTHS = np.linspace(0, 2, 21)


class LogitAdjustedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Decide as if all classes were equally frequent, after an ordinary fit.

    Post-hoc logit adjustment [1]_: the decision is the class with the greatest
    ``log(proba) - tau * log(frequency)``. The probabilities stay those of the fit.

    Parameters
    ----------
    estimator : classifier
        Any classifier with ``predict_proba``.
    tau : float, default=1.0
        Strength, at least 0: 0 leaves the decisions as they are, 1 is that of balanced classes.

    Attributes
    ----------
    estimator_ : classifier
        The fitted one.
    classes_ : ndarray of shape (n_classes,)
        The classes.
    class_frequency_ : ndarray of shape (n_classes,)
        Share of each class in training.

    References
    ----------
    .. [1] Menon, A. K., Jayasumana, S., Rawat, A. S., Jain, H., Veit, A. and Kumar, S. (2021).
       "Long-tail learning via logit adjustment". ICLR 2021.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from focalsk.comparison import LogitAdjustedClassifier
    >>> X, y = make_classification(weights=[0.9], random_state=0)
    >>> plain = LogisticRegression().fit(X, y)
    >>> adjusted = LogitAdjustedClassifier(LogisticRegression()).fit(X, y)
    >>> int(plain.predict(X).sum()), int(adjusted.predict(X).sum())
    (9, 12)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "tau": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, estimator: Any, tau: float = 1.0) -> None:
        self.estimator = estimator
        self.tau = tau

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: ArrayLike) -> LogitAdjustedClassifier:
        """Fit the classifier and count the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Classes.
        """
        self.estimator_ = clone(self.estimator).fit(X, y)
        self.classes_, counts = np.unique(np.asarray(y), return_counts=True)
        self.class_frequency_ = counts / counts.sum()
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Probabilities of the fitted classifier, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Class with the greatest adjusted probability, of shape (n_samples,)."""
        proba = self.predict_proba(X)
        return self.classes_[_adjusted(proba, self.class_frequency_, self.tau).argmax(axis=1)]


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
    return classes[_adjusted(proba, np.asarray(prior), rule).argmax(axis=1)]


def _adjusted(proba: Any, prior: Any, tau: float) -> NDArray[np.floating]:
    # Dividing by the greatest first keeps classes that training lacked at zero, not NaN.
    return proba / np.where(prior > 0, prior / np.max(prior), 1.0) ** tau


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
