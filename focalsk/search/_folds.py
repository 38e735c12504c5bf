"""The splits of a search: what comes before the classifier is fitted once for all candidates."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from focalsk._compat._sklearn import check_method_params, safe_split
from focalsk.estimators import FocalNetClassifier, Fold

__all__ = [
    "PreparedSplit",
    "ScoringSet",
    "final_estimator",
    "focal_classifier_of",
    "prepare_split",
    "with_steps",
]


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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Recorder:
        self.given_ = (X, y, sample_weight)
        return self

    def transform(self, X: Any) -> Any:
        return X


class ScoringSet(NamedTuple):
    """Samples to score on: as given, as they reach the net, their targets and weights."""

    raw: Any
    X: Any
    y: Any
    score_params: dict[str, Any]


@dataclass
class PreparedSplit:
    """One split under one setting of what comes before the classifier."""

    steps: Any  # the fitted pipeline with a Recorder at its end, or that alone
    given: tuple[Any, Any, Any]  # X, y, sample_weight for the classifier's fit
    scoring_sets: dict[str, ScoringSet]  # "test", and "train" if train scores are wanted
    folds: dict[Any, Fold] = field(default_factory=dict)

    def fold(self, classifier: FocalNetClassifier) -> Fold:
        """The training samples as a classifier reads them, shared where it reads them alike."""
        key = (classifier.output, classifier.module is None)
        if key not in self.folds:
            self.folds[key] = Fold.of(clone(classifier), *self.given)
        return self.folds[key]


def prepare_split(
    estimator: Any,
    X: Any,
    y: Any,
    indices: dict[str, Any],
    fit_params: dict[str, Any],
    score_params: dict[str, Any],
    *,
    return_train_score: bool,
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
    """
    recorder = Recorder.like(final_estimator(estimator))
    steps = with_final(clone(estimator), recorder)
    train = indices["train"]
    X_train, y_train = safe_split(estimator, X, y, train)
    steps.fit(X_train, y_train, **check_method_params(X, params=fit_params, indices=train))
    scoring_sets = {}
    for name in ("test", "train") if return_train_score else ("test",):
        rows = indices[name]
        raw, targets = safe_split(estimator, X, y, rows, train)
        params = check_method_params(X, params=score_params, indices=rows)
        scoring_sets[name] = ScoringSet(raw, steps.transform(raw), targets, params)
    return PreparedSplit(steps, recorder.given_, scoring_sets)


def with_steps(steps: Any, classifier: FocalNetClassifier, reader: FocalNetClassifier) -> Any:
    """A fitted classifier behind the fitted steps that come before it, if there are any."""
    if hasattr(reader, "feature_names_in_"):
        classifier.feature_names_in_ = reader.feature_names_in_
    return with_final(steps, classifier)
