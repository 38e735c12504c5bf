"""What a comparison found, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from focalsk.comparison._methods import family_of
from focalsk.comparison._metrics import METRICS
from focalsk.displays import LEVEL, expected_calibration_error, holm
from focalsk.tables import some

if TYPE_CHECKING:
    from focalsk.comparison._results import Comparison

__all__ = ["calibration_limit", "metric_name", "say_failures", "verdict"]


def verdict(comparison: Comparison) -> list[str]:
    """What a comparison found, in plain sentences.

    Parameters
    ----------
    comparison : Comparison
        What :func:`compare_resampling` returned.

    Returns
    -------
    list of str
        Which method is best and which are not significantly worse; whether focal loss helps over
        class-weighted cross-entropy, and resampling over none, where these took part; and whether
        the probabilities of the best are calibrated.
    """
    said = [
        _say_best(comparison),
        _say_versus(comparison, "Focal loss", _focal(comparison), "cross-entropy-balanced"),
        _say_versus(comparison, "Resampling", _resampled(comparison), "cross-entropy"),
        _say_calibration(comparison),
    ]
    return [sentence for sentence in said if sentence]


def calibration_limit(
    proba: np.ndarray, classes: np.ndarray, n_draws: int = 200, seed: int = 0
) -> float:
    """Calibration error that probabilities show by chance although they are true.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes)
        Probabilities; rows sum to 1.
    classes : ndarray of shape (n_classes,)
        Classes of the columns.
    n_draws : int, default=200
        How often classes are drawn from the probabilities [1]_.
    seed : int, default=0
        Seed of the draws.

    Returns
    -------
    float
        What :func:`expected_calibration_error` exceeds in one of twenty draws.

    References
    ----------
    .. [1] Bröcker, J. and Smith, L. A. (2007). "Increasing the reliability of reliability
       diagrams". Weather and Forecasting 22.

    Examples
    --------
    >>> import numpy as np
    >>> from focalsk.comparison._words import calibration_limit
    >>> proba = np.full((400, 2), 0.5)
    >>> round(calibration_limit(proba, np.array([0, 1])), 2)  # 1.96 standard errors
    0.05
    """
    rng = np.random.default_rng(seed)
    steps = proba.cumsum(axis=1)[:, :-1]
    errors = [
        expected_calibration_error(
            classes[(rng.random((len(proba), 1)) > steps).sum(axis=1)], proba, classes=classes
        )
        for _ in range(n_draws)
    ]
    return float(np.quantile(errors, 1 - LEVEL))


def say_failures(comparison: Comparison) -> list[str]:
    """A line about each method that raised, with the first of its errors."""
    failures = comparison.failures_.groupby("method", sort=False)["error"]
    return [
        f"Failed: {name} on {len(errors)} of {comparison.n_folds_} folds, {errors.iloc[0]}"
        for name, errors in failures
    ]


def _say_best(comparison: Comparison) -> str:
    summary = comparison.summary()
    first, tested = summary.iloc[0], summary["p_value"].dropna()
    said = f"By {metric_name(comparison)}, {comparison.best_} is best: {first['mean']:.3f}"
    if np.isfinite(first["low"]):
        said += f" (95 % interval {first['low']:.3f} to {first['high']:.3f})"
    said += "."
    if tested.empty:
        return said
    close = [name for name, p_value in tested.items() if p_value >= LEVEL]
    if not close:
        return f"{said} All of the other {len(tested)} are significantly worse."
    if comparison.n_folds_ < 10:
        said = f"{said} {comparison.n_folds_} folds tell only large differences from luck."
    if len(close) == len(tested):
        return f"{said} None of the other {len(tested)} is significantly worse."
    return (
        f"{said} Of the other {len(tested)}, {len(close)} are not significantly worse: "
        f"{some(close)}."
    )


def metric_name(comparison: Comparison) -> str:
    """Name of the metric that ranks, in words or by its usual letters."""
    name = comparison.scoring.replace("_", " ")
    return METRICS[comparison.scoring].label if len(name) < 8 else name


def _focal(comparison: Comparison) -> list[str]:
    names = [name for name in comparison.estimators_ if name.startswith("focal")]
    return [name for name in names if family_of(name) != "ensemble"]  # that is another network


def _resampled(comparison: Comparison) -> list[str]:
    return [name for name in comparison.estimators_ if family_of(name) == "resampling"]


def _say_versus(comparison: Comparison, what: str, group: list[str], reference: str) -> str:
    """Whether a group of methods is better than a reference, tested as one family of tests."""
    if reference not in comparison.estimators_ or not group:
        return ""
    tests = comparison.against(reference).loc[group].dropna()
    if tests.empty:
        return ""
    sign = 1 if METRICS[comparison.scoring].greater_is_better else -1
    sure = holm(tests["p_value"]) < LEVEL
    gains = tests["difference"]
    parts = {
        "significantly better: ": gains[sure & (sign * gains > 0)],
        "significantly worse: ": gains[sure & (sign * gains < 0)],
        "no clear difference: ": gains[~sure],
    }
    said = "; ".join(
        start + some([f"{name} ({gain:+.3f})" for name, gain in part.items()])
        for start, part in parts.items()
        if len(part)
    )
    return f"{what} against {reference} of the same network, by {metric_name(comparison)}: {said}."


def _say_calibration(comparison: Comparison) -> str:
    folds = [
        said
        for said in comparison.predictions_
        if said.method == comparison.best_ and said.repeat == 0
    ]
    if not folds:
        return ""
    truth = np.concatenate([comparison.y_[said.test] for said in folds])
    proba = np.concatenate([said.proba for said in folds])
    error = expected_calibration_error(truth, proba, classes=comparison.classes_)
    limit = calibration_limit(proba, comparison.classes_)
    verb = "are not calibrated" if error > limit else "are calibrated as far as these samples tell"
    best = comparison.summary("ece").iloc[0]
    said = (
        f"The probabilities of {comparison.best_} {verb}: their calibration error over all test "
        f"samples is {error:.3f}, and true probabilities would show up to {limit:.3f} by chance."
    )
    positive = comparison.positive_class_
    column = proba[:, comparison.classes_ == positive].mean()
    said += (
        f" On average they give class {positive} {column:.1%}; its share is "
        f"{np.mean(truth == positive):.1%}."
    )
    return f"{said} The smallest calibration error is that of {best.name}."
