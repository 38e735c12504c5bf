"""The methods that are compared: one network in every neural method, and the yardsticks outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import imblearn.combine as combine
import imblearn.ensemble as ensemble
import imblearn.over_sampling as over_sampling
import imblearn.under_sampling as under_sampling
from imblearn.pipeline import Pipeline
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline as PlainPipeline

from focalsk._compat._sklearn import HAS_TEMPERATURE
from focalsk.estimators import (
    FocalEnsembleClassifier,
    FocalNetClassifier,
    LogitAdjustedClassifier,
    PriorCorrectedClassifier,
)
from focalsk.search import FocalGridSearchCV

__all__ = ["METHODS", "QUICK", "Method", "MethodContext", "family_of", "make_methods"]

GAMMAS = [0.5, 1.0, 2.0, 5.0]
ALPHAS = [None, "sqrt", "balanced"]


@dataclass(frozen=True)
class MethodContext:
    """What the methods are made of.

    Attributes
    ----------
    network : FocalNetClassifier
        The network of every neural method.
    encode : transformer
        From the columns of the data to the numbers that a network takes.
    clean : transformer or None
        For SMOTENC, which wants categories as they are: fills missing values, and leaves a frame
        that `encode` understands. None if no column is categorical.
    categorical : sequence of str
        The categorical columns of the cleaned frame.
    numeric : bool
        Whether there are other columns besides.
    n_classes : int
        Number of classes.
    scorer : str or callable
        What inner searches maximise.
    random_state : int or None
        Seed of everything.
    raw : bool, default=True
        Whether an ensemble of networks encodes the samples by itself, rather than by `encode`.
    n_inner : int, default=3
        Folds of searches and calibration within a training fold.
    """

    network: FocalNetClassifier
    encode: Any
    clean: Any
    categorical: list[str]
    numeric: bool
    n_classes: int
    scorer: Any
    random_state: int | None
    raw: bool = True
    n_inner: int = 3

    def net(self, **params: Any) -> FocalNetClassifier:
        """The network with another loss."""
        plain = {"gamma": 0.0, "alpha": None, "class_weight": None, "proba": "posterior"}
        return clone(self.network).set_params(**(plain | params))

    def pipe(self, classifier: Any, sampler: Any = None) -> Any:
        """The preprocessing, an optional sampler and a classifier."""
        steps = [*self.preprocess(), ("sampler", sampler), ("classifier", classifier)]
        kind = PlainPipeline if sampler is None else Pipeline
        return kind([step for step in steps if step[1] is not None])

    def pipe_ensemble(self, classifier: FocalEnsembleClassifier) -> Any:
        """An ensemble of networks, which takes columns as they are."""
        steps = [] if self.raw else self.preprocess()
        return PlainPipeline([*steps, ("classifier", classifier)])

    def preprocess(self) -> list[tuple[str, Any]]:
        """First steps of a pipeline."""
        return _flatten("preprocess", clone(self.encode))

    def inner_cv(self) -> StratifiedKFold:
        """Folds of searches and calibration within a training fold."""
        return StratifiedKFold(self.n_inner, shuffle=True, random_state=self.random_state)

    def search(self, estimator: Any, grid: Any) -> Any:
        """Search the parameters of a pipeline within the training fold."""
        stacked = isinstance(estimator.steps[-1][1], FocalNetClassifier)
        kind = FocalGridSearchCV if stacked else GridSearchCV
        return kind(estimator, grid, scoring=self.scorer, cv=self.inner_cv())


def _flatten(name: str, transformer: Any) -> list[tuple[str, Any]]:
    """Steps that are no pipelines: imbalanced-learn's pipelines take no others."""
    if not isinstance(transformer, PlainPipeline):
        return [(name, transformer)]
    return [step for part in transformer.steps for step in _flatten(*part)]


@dataclass(frozen=True)
class Method:
    """A built-in method.

    Attributes
    ----------
    family : {'loss', 'decision', 'resampling', 'ensemble', 'boosting'}
        What sort of method it is.
    build : callable
        ``build(context) -> estimator``.
    binary_only : bool, default=False
        Whether it knows two classes only.
    needs : str, default=""
        What is missing here for it to run: then 'default' leaves it out, and its name is refused.
    """

    family: str
    build: Callable[[MethodContext], Any]
    binary_only: bool = False
    needs: str = ""


def _loss(**params: Any) -> Method:
    return Method("loss", lambda context: context.pipe(context.net(**params)))


def _searched(**grid: Any) -> Method:
    names = {f"classifier__{name}": values for name, values in grid.items()}
    return Method("loss", lambda context: context.search(context.pipe(context.net()), names))


def _sampled(sampler: Callable[..., Any]) -> Method:
    return Method(
        "resampling", lambda context: context.pipe(context.net(), _seed(sampler(), context))
    )


def _ensemble(make: Callable[..., Any], family: str = "ensemble", **params: Any) -> Method:
    return Method(family, lambda context: context.pipe(_seed(make(**params), context)))


def _seed(estimator: Any, context: MethodContext) -> Any:
    """Seed an estimator that takes a seed and has none."""
    if estimator.get_params(deep=False).get("random_state", 0) is None:
        estimator.set_params(random_state=context.random_state)
    return estimator


def _smote(context: MethodContext) -> Any:
    if context.clean is None:
        return context.pipe(context.net(), over_sampling.SMOTE(random_state=context.random_state))
    sampler = (
        over_sampling.SMOTENC(context.categorical, random_state=context.random_state)
        if context.numeric
        else over_sampling.SMOTEN(random_state=context.random_state)
    )
    steps = [
        ("clean", clone(context.clean)),
        ("sampler", sampler),
        *context.preprocess(),
        ("classifier", context.net()),
    ]
    return Pipeline(steps)


def _corrected(name: str) -> Method:
    """A method whose decisions stay, with the prior of the data put back into its probabilities."""
    return Method(
        "decision", lambda context: PriorCorrectedClassifier(METHODS[name].build(context))
    )


def _tuned_threshold(context: MethodContext) -> Any:
    return TunedThresholdClassifierCV(
        context.pipe(context.net()),
        scoring="balanced_accuracy",
        cv=context.inner_cv(),
        random_state=context.random_state,
    )


def _temperature(context: MethodContext) -> Any:
    return CalibratedClassifierCV(
        context.pipe(context.net()), method="temperature", cv=context.inner_cv(), ensemble=False
    )


def _focal_ensemble(context: MethodContext) -> Any:
    return context.pipe_ensemble(
        FocalEnsembleClassifier(device=context.network.device, random_state=context.random_state)
    )


#: The built-in methods by name. Each neural one trains the same network on the same preprocessed
#: samples; only the loss, what is done after the fit, or the training samples differ.
METHODS: dict[str, Method] = {
    "cross-entropy": _loss(),
    "cross-entropy-balanced": _loss(class_weight="balanced"),
    "focal": _searched(gamma=GAMMAS),
    "focal-alpha": _searched(gamma=[0.0, *GAMMAS], alpha=ALPHAS),
    "focal-balanced": _loss(gamma=2.0, class_weight="balanced"),
    "focal-balanced-raw": _loss(gamma=2.0, class_weight="balanced", proba="raw"),
    "threshold": Method("decision", _tuned_threshold, binary_only=True),
    "temperature": Method(
        "decision", _temperature, needs="" if HAS_TEMPERATURE else "scikit-learn 1.8 or newer"
    ),
    "logit-adjusted": Method(
        "decision", lambda context: LogitAdjustedClassifier(context.pipe(context.net()))
    ),
    "random-over": _sampled(over_sampling.RandomOverSampler),
    "random-under": _sampled(under_sampling.RandomUnderSampler),
    "smote": Method("resampling", _smote),
    "borderline-smote": _sampled(over_sampling.BorderlineSMOTE),
    "adasyn": _sampled(over_sampling.ADASYN),
    "smote-enn": _sampled(combine.SMOTEENN),
    "smote-tomek": _sampled(combine.SMOTETomek),
    "near-miss": _sampled(under_sampling.NearMiss),
    "focal-ensemble": Method("ensemble", _focal_ensemble),
    "balanced-random-forest": _ensemble(ensemble.BalancedRandomForestClassifier),
    "easy-ensemble": _ensemble(ensemble.EasyEnsembleClassifier),
    "balanced-bagging": _ensemble(ensemble.BalancedBaggingClassifier),
    "rus-boost": _ensemble(ensemble.RUSBoostClassifier),
    "random-over-corrected": _corrected("random-over"),
    "random-under-corrected": _corrected("random-under"),
    "smote-corrected": _corrected("smote"),
    "balanced-rf-corrected": _corrected("balanced-random-forest"),
    "boosting": _ensemble(HistGradientBoostingClassifier, "boosting"),
    "boosting-balanced": _ensemble(
        HistGradientBoostingClassifier, "boosting", class_weight="balanced"
    ),
}


def family_of(method: str) -> str:
    """Sort of method, 'other' for what is not built in."""
    return METHODS[method].family if method in METHODS else "other"


#: The methods that answer quickly.
QUICK = [
    "cross-entropy",
    "cross-entropy-balanced",
    "focal-balanced",
    "threshold",
    "random-over",
    "smote",
    "balanced-random-forest",
    "boosting",
]

Methods = str | Iterable[Any] | Mapping[str, Any]


def make_methods(methods: Methods, context: MethodContext) -> dict[str, Any]:
    """Build the methods to compare.

    Parameters
    ----------
    methods : 'default', 'quick', iterable or dict
        Names of :data:`METHODS` (or 'default' and 'quick' for several), or pairs of a name and an
        estimator, a sampler, or a pair of either and a grid of parameters; or a dict of such
        pairs.
    context : MethodContext
        What the methods are made of.

    Returns
    -------
    dict of str to estimator
        Unfitted classifiers with ``predict`` and ``predict_proba``.

    Raises
    ------
    ValueError
        If a name is unknown, stands twice, or is of a method for two classes only.
    TypeError
        If what is given is neither a classifier nor a sampler.
    """
    if isinstance(methods, str):
        methods = [methods]
    if not isinstance(methods, Iterable):
        raise TypeError(f"methods must be names, or pairs of a name and a method. Got {methods!r}.")
    pairs = methods.items() if isinstance(methods, Mapping) else _expand(methods, context)
    estimators: dict[str, Any] = {}
    for name, spec in pairs:
        if name in estimators:
            raise ValueError(f"Each method needs a name of its own. Got {name!r} twice.")
        estimators[name] = _build(name, spec, context)
    if not estimators:
        raise ValueError("methods must name at least one method. Got none.")
    return estimators


def _expand(methods: Iterable[Any], context: MethodContext) -> Iterable[tuple[str, Any]]:
    """Pairs of name and what it stands for."""
    for item in methods:
        if not isinstance(item, str):
            if not isinstance(item, (tuple, list)) or len(item) != 2:
                raise ValueError(
                    f"methods must be names, or pairs of a name and a method. Got {item!r} in it."
                )
            yield item[0], item[1]
        elif item in ("default", "quick"):
            for name in METHODS if item == "default" else QUICK:
                method = METHODS[name]
                if not method.needs and (context.n_classes == 2 or not method.binary_only):
                    yield name, method
        elif item not in METHODS:
            known = ", ".join(map(repr, ["default", "quick", *METHODS]))
            raise ValueError(f"methods must be among {known}. Got {item!r} instead.")
        elif context.n_classes > 2 and METHODS[item].binary_only:
            raise ValueError(
                f"The method {item!r} knows two classes only. Got {context.n_classes} classes."
            )
        elif METHODS[item].needs:
            raise ValueError(f"The method {item!r} needs {METHODS[item].needs}.")
        else:
            yield item, METHODS[item]


def _build(name: str, spec: Any, context: MethodContext) -> Any:
    if isinstance(spec, Method):
        return spec.build(context)
    if isinstance(spec, tuple):
        estimator, grid = spec
        return context.search(_build(name, estimator, context), grid)
    if hasattr(spec, "fit_resample"):
        return context.pipe(context.net(), _seed(clone(spec), context))
    if not hasattr(spec, "fit") or not is_classifier(spec):
        raise TypeError(
            f"The method {name!r} must be a classifier, a sampler, or a pair of one and a grid of "
            f"parameters. Got {spec!r} instead."
        )
    if isinstance(spec, PlainPipeline):
        return clone(spec)  # it has its own preprocessing
    classifier = _seed(clone(spec), context)
    if isinstance(classifier, FocalEnsembleClassifier):
        return context.pipe_ensemble(classifier)
    return context.pipe(classifier)
