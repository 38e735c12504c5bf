"""The splits of a search: what comes before the classifier is fitted once for all candidates."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from focalsk._compat._sklearn import check_method_params, safe_split
from focalsk.estimators import FocalNetClassifier, Fold, Rows, check_X

__all__ = [
    "PreparedSplit",
    "ScoringSet",
    "Shared",
    "final_estimator",
    "focal_classifier_of",
    "prepare_split",
    "with_steps",
]


# X, y, sample_weight, and the three of a validation set, for a classifier's `fit`.
Given: TypeAlias = tuple[Any, Any, Any, tuple[Any, Any, Any]]


def final_estimator(estimator: Any) -> Any:
    """The last step of a pipeline; any other estimator itself."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def focal_classifier_of(estimator: Any) -> FocalNetClassifier | None:
    """The FocalNetClassifier that an estimator is or ends in; None if there is none."""
    last = final_estimator(estimator)
    return last if isinstance(last, FocalNetClassifier) else None


def with_final(steps: Any, last: Any) -> Any:
    """A pipeline of the same steps, not copied, but the last; the last itself if none precede."""
    if not isinstance(steps, Pipeline):
        return last
    pipeline = copy.copy(steps)
    pipeline.steps = [*steps.steps[:-1], (steps.steps[-1][0], last)]
    return pipeline


class Recorder(BaseEstimator):
    """Stands for the classifier at the end of a pipeline and keeps what reaches it."""

    @classmethod
    def like(cls, classifier: FocalNetClassifier) -> Recorder:
        """One that asks for the metadata that a classifier asks for in `fit`."""
        recorder = cls()
        if get_config()["enable_metadata_routing"]:
            recorder.set_fit_request(**classifier.get_metadata_routing().fit.requests)
        return recorder

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Recorder:
        self.given_ = (X, y, sample_weight, (X_val, y_val, sample_weight_val))
        return self

    def transform(self, X: Any) -> Any:
        return X


class Shared:
    """The samples of a search as its classifiers read them, in one array for all splits.

    Parameters
    ----------
    X : array-like
        All samples as given.
    """

    def __init__(self, X: Any) -> None:
        self.X = X
        self._read: dict[bool, Any] = {}

    def rows(self, reader: FocalNetClassifier, indices: Any) -> Rows | None:
        """Some of the samples, for a classifier that has read these; None if that is all it can.

        Of all samples, some may be such as it refuses.
        """
        key = reader.module is None
        if key not in self._read:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self._read[key] = check_X(reader, self.X)
            except Exception:  # the splits without those samples are read one by one
                self._read[key] = None
        whole = self._read[key]
        return None if whole is None else Rows(whole, np.arange(whole.shape[0])[indices])


@dataclass(frozen=True)
class ScoringSet:
    """Samples to score on, copied when they are asked for."""

    estimator: Any
    whole: Any  # all samples as given
    rows: Any  # which of them
    train: Any  # and which of them the nets train on
    y: Any
    score_params: dict[str, Any]
    X: Any = None  # as the steps before the net send them to it; None if there are none

    @property
    def raw(self) -> Any:
        """The samples as given."""
        return safe_split(self.estimator, self.whole, None, self.rows, self.train)[0]


@dataclass
class PreparedSplit:
    """One split under one setting of what comes before the classifier."""

    steps: Any  # the fitted pipeline with a Recorder at its end, or that alone
    given: Callable[[], Given]  # what the classifier's fit gets
    scoring_sets: dict[str, ScoringSet]  # "test", and "train" if train scores are wanted
    rows: Callable[[FocalNetClassifier], Rows | None]  # the same X as part of a shared array
    folds: dict[Any, Fold] = field(default_factory=dict)

    def fold(self, classifier: FocalNetClassifier) -> Fold:
        """The training samples as a classifier reads them, shared where it reads them alike."""
        key = (classifier.output, classifier.module is None, classifier.early_stopping)
        if key not in self.folds:
            reader = clone(classifier)
            fold = Fold.of(reader, *self.given(), rows=self.rows)
            self.folds[key] = fold
        return self.folds[key]

    def __getstate__(self) -> dict[str, Any]:
        # Other processes score; the folds go to them with the tasks.
        return self.__dict__ | {"given": None, "rows": None, "folds": {}}


def prepare_split(
    estimator: Any,
    X: Any,
    y: Any,
    indices: dict[str, Any],
    fit_params: dict[str, Any],
    score_params: dict[str, Any],
    *,
    return_train_score: bool,
    shared: Shared,
) -> PreparedSplit:
    """Fit what comes before the classifier and send the samples through it.

    Parameters
    ----------
    estimator : FocalNetClassifier or Pipeline that ends in one
        Unfitted.
    X, y : the data.
    indices : dict of str -> ndarray
        Rows to "train" and to "test" on.
    fit_params, score_params : dict
        What goes with `fit` and with scoring, for all samples.
    return_train_score : bool
        Whether the training samples are to be scored too.
    shared : Shared
        X, of which a classifier without steps before it takes rows.
    """
    steps = with_final(clone(estimator), Recorder.like(final_estimator(estimator)))
    train = indices["train"]

    def given() -> Given:
        X_train, y_train = safe_split(estimator, X, y, train)
        params = check_method_params(X, params=fit_params, indices=train)
        recorder = final_estimator(steps.fit(X_train, y_train, **params))
        samples: Given = recorder.given_
        recorder.given_ = None
        return samples

    alone = not isinstance(steps, Pipeline)
    found = None if alone else given()
    scoring_sets = {}
    for name in ("test", "train") if return_train_score else ("test",):
        rows = indices[name]
        raw, targets = safe_split(estimator, X, y, rows, train)
        params = check_method_params(X, params=score_params, indices=rows)
        sent = None if alone else steps.transform(raw)
        scoring_sets[name] = ScoringSet(estimator, X, rows, train, targets, params, sent)
    return PreparedSplit(
        steps,
        given if found is None else lambda: found,
        scoring_sets,
        partial(shared.rows, indices=train) if alone else lambda reader: None,
    )


def with_steps(steps: Any, classifier: FocalNetClassifier, reader: FocalNetClassifier) -> Any:
    """A fitted classifier behind the fitted steps that come before it, if there are any."""
    if hasattr(reader, "feature_names_in_"):
        classifier.feature_names_in_ = reader.feature_names_in_
    return with_final(steps, classifier)
