"""LogitAdjustedClassifier: the class priors divided out of the decisions, after an ordinary fit."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from focalsk._compat._sklearn import HasMethods, Interval, fit_context
from focalsk.estimators._validation import check_no_missing

__all__ = ["LogitAdjustedClassifier", "divide_priors"]


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
        check_no_missing(y, "y")
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
        return self.classes_[divide_priors(proba, self.class_frequency_, self.tau).argmax(axis=1)]


def divide_priors(
    proba: NDArray[np.floating], prior: NDArray[np.floating], tau: float
) -> NDArray[np.floating]:
    """Probabilities over powers of the classes' shares, ``proba / prior ** tau`` up to a factor.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Probabilities.
    prior : ndarray of shape (n_classes,)
        Share of each class in training.
    tau : float
        Strength: 0 leaves the order as it is.
    """
    # Dividing by the greatest first keeps classes that training lacked at zero, not NaN.
    return proba / np.where(prior > 0, prior / np.max(prior), 1.0) ** tau
