"""The class prior that a fitted classifier has learned: of the samples and weights that reached it.

Resampling and class weights train a classifier on another share of each class than the data have.
That share is read off here: from the classes that came out of the samplers, counted on the way, and
from the weights in the parameters. Where it cannot be seen, that is said rather than guessed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, NuSVC

from focalsk.estimators._classifier import FocalNetClassifier
from focalsk.estimators._ensemble import FocalEnsembleClassifier

__all__ = ["Seen", "add_counters", "learned_prior", "remove_counters"]


class Seen(NamedTuple):
    """The targets that an estimator was fitted on.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The classes under the names by which this estimator knows them.
    codes : ndarray of shape (n_samples,), int
        Position of each sample's class.
    weight : ndarray of shape (n_samples,), or None
        Sample weights.
    """

    classes: NDArray[Any]
    codes: NDArray[np.intp]
    weight: NDArray[np.float64] | None = None

    def share(self) -> NDArray[np.float64]:
        """Weighted share of each class, of shape (n_classes,)."""
        weight = None if self.weight is None else np.asarray(self.weight, dtype=np.float64)
        if weight is not None and weight.any():  # whose sum may overflow
            weight = weight / weight.max()
        counts = np.bincount(self.codes, weight, minlength=len(self.classes))
        return counts / counts.sum()

    def rows(self, index: Any) -> Seen:
        """Some of the samples."""
        return Seen(
            self.classes, self.codes[index], None if self.weight is None else self.weight[index]
        )

    def encoded(self) -> Seen:
        """The same for the members of an ensemble that passes codes on, not classes."""
        return self._replace(classes=np.arange(len(self.classes)))


# Counting behind samplers -------------------------------------------------------------------------


class _ClassCounter(BaseEstimator):
    """A step of imbalanced-learn's pipelines that keeps the targets which pass it."""

    def fit(self, X: Any, y: Any) -> _ClassCounter:
        self.y_ = np.asarray(y)
        return self

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        return self.fit(X, y) and (X, y)


_COUNTER = "_class_counter"


def add_counters(estimator: Any) -> bool:
    """Put a counter before the last step of each imbalanced-learn pipeline in an estimator.

    Parameters
    ----------
    estimator : estimator
        Unfitted; changed in place.

    Returns
    -------
    bool
        Whether there are such pipelines.
    """
    library = sys.modules.get("imblearn.pipeline")  # nothing is of a type that was never imported
    if library is None:
        return False
    parts = [estimator, *estimator.get_params(deep=True).values()]
    pipelines = [part for part in parts if isinstance(part, library.Pipeline)]
    for pipeline in pipelines:
        if all(name != _COUNTER for name, _ in pipeline.steps):
            last = pipeline.steps[-1]
            pipeline.steps = [*pipeline.steps[:-1], (_COUNTER, _ClassCounter()), last]
    return bool(pipelines)


def remove_counters(estimator: Any) -> None:
    """Take the counters out of a fitted estimator again, wherever it keeps its pipelines."""
    for part in list(_parts(estimator, set())):
        if isinstance(part, Pipeline):
            part.steps = [step for step in part.steps if step[0] != _COUNTER]


def _parts(value: Any, known: set[int]) -> Iterator[Any]:
    """Every estimator that is reached through attributes and containers, itself included."""
    if id(value) in known:
        return
    known.add(id(value))
    if isinstance(value, dict):
        inside: Any = value.values()
    elif isinstance(value, (list, tuple)):
        inside = value
    elif isinstance(value, BaseEstimator) or type(value).__module__.startswith("sklearn."):
        yield value
        inside = getattr(value, "__dict__", {}).values()
    else:
        return
    for item in inside:
        yield from _parts(item, known)


# From samples to what was learned -----------------------------------------------------------------


def learned_prior(estimator: Any, seen: Seen) -> NDArray[np.float64]:
    """Share of each class in what a fitted classifier has learned from.

    Parameters
    ----------
    estimator : classifier
        Fitted, with its counters where it has samplers.
    seen : Seen
        What it was fitted on.

    Returns
    -------
    ndarray of shape (n_classes,)
        Sums to 1.

    Raises
    ------
    ValueError
        If it cannot be seen from the estimator.
    """
    if isinstance(estimator, Pipeline):
        return learned_prior(estimator.steps[-1][1], _after_samplers(estimator, seen))
    if isinstance(estimator, FocalEnsembleClassifier | CalibratedClassifierCV):
        return seen.share()  # put right by themselves, on the data as they are
    if isinstance(estimator, SVC | NuSVC):
        return seen._replace(weight=None).share()  # Platt's sigmoid is fitted without any weights
    if isinstance(estimator, FocalNetClassifier):
        undone = estimator.alpha_ is None or estimator.proba == "posterior"
        return seen.share() if undone else _weighted(seen.share(), estimator.alpha_)
    if hasattr(estimator, "target_prior_"):
        return np.asarray(estimator.target_prior_)
    if hasattr(estimator, "best_estimator_"):
        return learned_prior(estimator.best_estimator_, seen)
    if isinstance(estimator, FixedThresholdClassifier | TunedThresholdClassifierCV):
        return learned_prior(estimator.estimator_, seen)
    if isinstance(estimator, StackingClassifier):
        return learned_prior(estimator.final_estimator_, seen.encoded())
    if isinstance(estimator, VotingClassifier):
        members = estimator.estimators_  # those not dropped
        return _average(members, [seen.encoded()] * len(members), _kept_weights(estimator))
    if hasattr(estimator, "samplers_"):
        return _of_resampled_members(estimator, seen)
    if isinstance(estimator, BaggingClassifier):
        return _of_bagged_members(estimator, seen)
    return _of_plain(estimator, seen)


def _after_samplers(pipeline: Any, seen: Seen) -> Seen:
    """What reaches the last step of a pipeline."""
    for name, step in pipeline.steps[:-1]:
        if name == _COUNTER:
            return Seen(seen.classes, np.searchsorted(seen.classes, step.y_))
    for name, step in pipeline.steps[:-1]:
        if hasattr(step, "fit_resample"):
            if not hasattr(step, "sample_indices_"):
                raise _unseen(f"the sampler {name!r}, {step!r}, has left")
            seen = seen.rows(step.sample_indices_)
    return seen


def _kept_weights(voting: Any) -> list[float] | None:
    """Weights of the members of a VotingClassifier that are not dropped."""
    if voting.weights is None:
        return None
    pairs = zip(voting.estimators, voting.weights, strict=True)
    return [weight for (_, member), weight in pairs if member != "drop"]


def _average(members: Any, seen: list[Seen], weights: Any = None) -> NDArray[np.float64]:
    priors = [learned_prior(*pair) for pair in zip(members, seen, strict=True)]
    return np.average(priors, axis=0, weights=weights)


def _of_resampled_members(ensemble: Any, seen: Seen) -> NDArray[np.float64]:
    """Of BalancedRandomForestClassifier and RUSBoostClassifier: a sampler per member."""
    shares = [seen.rows(sampler.sample_indices_).share() for sampler in ensemble.samplers_]
    share = np.mean(shares, axis=0)
    rule = getattr(ensemble, "class_weight", None)
    if rule == "balanced_subsample":  # of what the samplers have left
        return _weighted(share, 1 / np.where(share > 0, share, 1))
    return _weighted(share, _class_weight(rule, seen))


def _of_bagged_members(ensemble: Any, seen: Seen) -> NDArray[np.float64]:
    """Of BaggingClassifier, BalancedBaggingClassifier and EasyEnsembleClassifier."""
    members, encoded = ensemble.estimators_, seen.encoded()
    if seen.weight is not None:  # members draw by the weights or take them over
        return _average(members, [encoded] * len(members))
    return _average(members, [encoded.rows(index) for index in ensemble.estimators_samples_])


def _of_plain(estimator: Any, seen: Seen) -> NDArray[np.float64]:
    """Of a classifier that trains on what it is given, under the weights in its parameters."""
    inner = estimator.get_params(deep=True)
    if isinstance(estimator, FrozenEstimator):
        raise _unseen("a FrozenEstimator was trained on before")
    nested = any(hasattr(value, "fit") for value in inner.values())
    if nested and any(_moves_prior(name, value) for name, value in inner.items()):
        raise _unseen(f"the members of {type(estimator).__name__} were trained on")
    params = estimator.get_params(deep=False)
    for name in ("priors", "class_prior"):  # of discriminant analysis and naive Bayes
        if params.get(name) is not None:
            return _weighted(np.ones(len(seen.classes)), params[name])
    if params.get("fit_prior") is False:
        return np.full(len(seen.classes), 1 / len(seen.classes))
    weights = np.ones(len(seen.classes))
    for name in _WEIGHT_PARAMETERS:
        weights = weights * _parameter_weight(name, params.get(name), seen)
    return _weighted(seen.share(), weights)


# scikit-learn and LightGBM; XGBoost and LightGBM; LightGBM; CatBoost.
_WEIGHT_PARAMETERS = (
    "class_weight", "scale_pos_weight", "is_unbalance", "class_weights", "auto_class_weights",
)  # fmt: skip


def _moves_prior(name: str, value: Any) -> bool:
    if hasattr(value, "fit_resample"):
        return True
    name = name.rpartition("__")[2]
    if name == "is_unbalance":
        return bool(value)
    return name in _WEIGHT_PARAMETERS and value is not None and value not in (1, "None")


def _parameter_weight(name: str, value: Any, seen: Seen) -> Any:
    """Weights of the classes by one parameter."""
    if not _moves_prior(name, value):
        return 1.0
    if name == "scale_pos_weight":
        return np.array([1.0, float(value)])
    if name == "is_unbalance" or value == "Balanced":
        return _class_weight("balanced", seen)
    if value == "SqrtBalanced":
        return np.sqrt(_class_weight("balanced", seen))
    return _class_weight(value, seen)


def _class_weight(rule: Any, seen: Seen) -> NDArray[np.float64]:
    """Weight of each class by scikit-learn's `class_weight`; 1 for a class without samples."""
    weights = np.ones(len(seen.classes))
    if rule is None:
        return weights
    if isinstance(rule, dict):
        return np.array([rule.get(c, 1.0) for c in seen.classes.tolist()], dtype=np.float64)
    if not isinstance(rule, str):
        return np.asarray(rule, dtype=np.float64)
    share = seen.share()
    present = share > 0  # 'balanced' and a forest's 'balanced_subsample', which is so on average
    weights[present] = 1 / share[present]
    return weights


def _weighted(share: NDArray[np.float64], weights: Any) -> NDArray[np.float64]:
    mass = share * np.asarray(weights, dtype=np.float64)
    return mass / mass.sum()


def _unseen(what: str) -> ValueError:
    return ValueError(
        "The 'train_prior' parameter of PriorCorrectedClassifier must hold the prior that the "
        f"estimator has learned: 'auto' cannot see what {what}."
    )
