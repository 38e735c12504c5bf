"""Metrics of decisions against the threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from sklearn.metrics import precision_score, recall_score

from focalsk.displays._axes import COLORS, legend_below, new_axes, unit_axis
from focalsk.displays._checks import (
    check_axis,
    check_classifier,
    check_known,
    check_number,
    distinct,
    positives,
    probabilities,
    read_classes,
    real_numbers,
)
from focalsk.estimators import DECISION_METRICS, FocalEnsembleClassifier

__all__ = ["ThresholdDisplay"]

Metrics = str | Callable[..., float] | Sequence[str | Callable[..., float]]

_METRICS: dict[str, Callable[..., float]] = {
    **DECISION_METRICS,
    "precision": lambda y, p, w: precision_score(y, p, sample_weight=w, zero_division=np.nan),
    "recall": lambda y, p, w: recall_score(y, p, sample_weight=w),
}
_LABELS = {"mcc": "MCC", "f1": "F1", "f2": "F2", "f1_macro": "macro F1", "f2_macro": "macro F2"}
_ONE_SIDED = ("precision", "recall")  # best at one end, which is no threshold to choose
_N_THRESHOLDS = 121


class ThresholdDisplay:
    """Metrics against the threshold of the probability, with what was decided for.

    A sample is positive where its probability exceeds the threshold. Each curve but precision
    and recall has a dot where it is highest; lines mark the decisions that were made.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Increasing, in (0, 1).
    curves : dict of str to ndarray of shape (n_thresholds,)
        The value of each metric at each threshold; NaN where it has none.
    decisions : dict of str to float, default=None
        Thresholds to mark, by name.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Set by :meth:`plot`.
    lines_ : list of matplotlib Line2D
        The curves.

    See Also
    --------
    sklearn.model_selection.TunedThresholdClassifierCV : Tunes one by cross-validation.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from focalsk import FocalEnsembleClassifier
    >>> from focalsk.displays import ThresholdDisplay
    >>> X, y = make_classification(300, weights=[0.9], class_sep=0.5, random_state=0)
    >>> clf = FocalEnsembleClassifier(
    ...     n_estimators=4, max_epochs=10, decision="f1", random_state=0
    ... ).fit(X, y)
    >>> display = ThresholdDisplay.from_estimator(clf)
    >>> sorted(display.curves), sorted(display.decisions)
    (['balanced_accuracy', 'f1', 'mcc'], ['decision f1'])
    """

    def __init__(
        self,
        *,
        thresholds: NDArray[np.float64],
        curves: Mapping[str, NDArray[np.float64]],
        decisions: Mapping[str, float] | None = None,
    ) -> None:
        self.thresholds = thresholds
        self.curves = curves
        self.decisions = decisions

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: ArrayLike | None = None,
        *,
        metrics: Metrics = ("balanced_accuracy", "f1", "mcc"),
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
    ) -> ThresholdDisplay:
        """Draw the metrics of a fitted classifier of two classes.

        Parameters
        ----------
        estimator : classifier
            With `predict_proba` and two classes. The decision of a
            :class:`~focalsk.FocalEnsembleClassifier` is marked.
        X : array-like of shape (n_samples, n_features), default=None
            Samples that were not trained on. None for the out-of-fold posteriors of a
            FocalEnsembleClassifier, on which its decision was tuned.
        y : array-like of shape (n_samples,), default=None
            Their classes; with `X` only.
        metrics : str, callable or list of them, default=('balanced_accuracy', 'f1', 'mcc')
            Names of what FocalEnsembleClassifier tunes for, 'precision' or 'recall', or functions
            of (y_true, y_pred, sample_weight) of 0 and 1.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights; with `X` only.
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        ThresholdDisplay

        Raises
        ------
        ValueError
            If there are not two classes, or no samples where some are needed; if `y` holds others.
        TypeError
            If `estimator` is no classifier with probabilities.
        """
        check_classifier(estimator)
        if len(estimator.classes_) != 2 or np.ndim(estimator.classes_) != 1:
            raise ValueError(
                f"A threshold needs two classes. Got {len(estimator.classes_)} classes or labels."
            )
        own = isinstance(estimator, FocalEnsembleClassifier)
        if X is None:
            if not own:
                raise ValueError(
                    "X and y may be left out for a FocalEnsembleClassifier alone. "
                    f"Got a {type(estimator).__name__}."
                )
            rows, truth, sample_weight = estimator._held_out
            proba = estimator.oob_decision_function_[rows, 1]
        else:
            classes = read_classes(y, "y")
            check_known(classes, estimator.classes_, "y")
            truth = positives(classes, estimator.classes_[1])
            proba = estimator.predict_proba(X)[:, 1]
        decisions = {}
        if own:
            name = f"decision {_name(estimator.decision)}"
            decisions[name] = _threshold_of(estimator.decision_)
        return cls._draw(truth, proba, metrics, decisions, sample_weight, ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        metrics: Metrics = ("balanced_accuracy", "f1", "mcc"),
        decisions: Mapping[str, float] | None = None,
        pos_label: Any = None,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
    ) -> ThresholdDisplay:
        """Draw the metrics of given probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Classes, two of them.
        y_proba : array-like of shape (n_samples,)
            Probability of the positive class. NaN is left out.
        metrics : str, callable or list of them, default=('balanced_accuracy', 'f1', 'mcc')
            As for :meth:`from_estimator`.
        decisions : dict of str to float, default=None
            Thresholds to mark, by name.
        pos_label : int, float, bool or str, default=None
            The positive class; None for the greater one.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights.
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        ThresholdDisplay

        Raises
        ------
        ValueError
            If there are not two classes, no such metric, or thresholds or probabilities that are
            not in [0, 1].

        Examples
        --------
        >>> from focalsk.displays import ThresholdDisplay
        >>> display = ThresholdDisplay.from_predictions(
        ...     [0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], metrics="recall", decisions={"costs": 0.3}
        ... )
        >>> float(display.curves["recall"].max())
        1.0
        """
        y_true = read_classes(y_true)
        classes = distinct(y_true)
        if len(classes) != 2:
            raise ValueError(f"A threshold needs two classes. Got {len(classes)} in y_true.")
        truth = positives(y_true, classes[1] if pos_label is None else pos_label)
        return cls._draw(truth, y_proba, metrics, decisions, sample_weight, ax)

    @classmethod
    def _draw(
        cls,
        truth: ArrayLike,
        y_proba: ArrayLike,
        metrics: Metrics,
        decisions: Mapping[str, float] | None,
        weight: ArrayLike | None,
        ax: Any,
    ) -> ThresholdDisplay:
        truth, proba, weight = _read_samples(np.asarray(truth), y_proba, weight)
        thresholds = _thresholds(truth == 1, proba, _read_decisions(decisions))
        curves = {}
        for metric in _read_metrics(metrics):
            values = _values(metric, truth, proba, weight, thresholds)
            curves[_name(metric)] = np.array(values, dtype=np.float64)
        return cls(thresholds=thresholds, curves=curves, decisions=decisions).plot(ax)

    def plot(self, ax: Any = None) -> ThresholdDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        ThresholdDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.ax_ = ax = new_axes(ax, (5.2, 4.0))
        self.figure_ = ax.figure
        self.lines_ = []
        for i, (name, values) in enumerate(self.curves.items()):
            color = COLORS[i % len(COLORS)]
            label = _LABELS.get(name, name.replace("_", " "))
            (line,) = ax.plot(self.thresholds, values, color=color, lw=1.8, label=label)
            self.lines_.append(line)
            if name not in _ONE_SIDED and not np.isnan(values).all():
                best = np.nanargmax(values)
                ax.plot(self.thresholds[best], values[best], "o", color=color, ms=6)
        self._mark_decisions(ax)
        unit_axis(ax, "x", "logit", self.thresholds[0], self.thresholds[-1])
        ax.set_xlabel("threshold of the probability")
        ax.set_ylabel("metric" if len(self.curves) > 1 else self.lines_[0].get_label())
        ax.grid(alpha=0.25)
        title = None if set(self.curves) <= set(_ONE_SIDED) else "dot: best threshold"
        legend_below(ax, title, n_columns=min(3, len(self.curves)))
        return self

    def _mark_decisions(self, ax: Any) -> None:
        """Dashed lines with names above the axes, on two levels where there are several."""
        marked = sorted((self.decisions or {}).items(), key=lambda item: item[1])
        for i, (name, threshold) in enumerate(marked):
            ax.axvline(threshold, color="0.25", ls="--", lw=1.2, zorder=1)
            ax.annotate(
                f" {name}: {threshold:.2g} ",
                (threshold, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 2 + 12 * (i % 2)),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize="small",
                color="0.25",
            )


def _read_samples(
    truth: NDArray[np.bool_], y_proba: Any, sample_weight: Any
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64] | None]:
    """Classes of 0 and 1, probabilities and weights of the samples whose probability is known."""
    proba = probabilities(y_proba, "y_proba", missing=True)
    check_axis(proba, "y_proba", len(truth))
    known = ~np.isnan(proba)
    truth, proba, counts = truth[known].astype(int), proba[known], None
    if sample_weight is not None:
        counts = real_numbers(sample_weight, "sample_weight")
        check_axis(counts, "sample_weight", len(known))
        counts = counts[known]
        if not (np.isfinite(counts).all() and (counts >= 0).all()):
            raise ValueError("sample_weight must be finite and not negative.")
    if not np.bincount(truth, counts, 2).all():
        raise ValueError("A threshold needs samples of both classes that have a probability.")
    return truth, proba, counts


def _read_decisions(decisions: Any) -> list[float]:
    """The thresholds to mark."""
    if not isinstance(decisions, Mapping | None):
        raise TypeError(f"decisions must be a dict of thresholds. Got {decisions!r} instead.")
    marked = list((decisions or {}).values())
    for threshold in marked:
        if threshold == threshold:  # NaN stands for a rule without a threshold
            check_number(threshold, "A threshold of decisions", 0, 1, ends=True)
    return marked


def _read_metrics(metrics: Any) -> list[Any]:
    several = [metrics] if isinstance(metrics, str) or callable(metrics) else metrics
    if not (isinstance(several, Iterable) and (several := list(several))):
        raise ValueError(f"metrics must be some names or functions. Got {metrics!r} instead.")
    for metric in several:
        if not callable(metric) and metric not in _METRICS:
            known = ", ".join(map(repr, _METRICS))
            raise ValueError(f"metrics must be among {known}. Got {metric!r} instead.")
    return several


def _values(
    metric: Any,
    truth: NDArray[Any],
    proba: NDArray[np.float64],
    weight: NDArray[Any] | None,
    thresholds: NDArray[np.float64],
) -> list[float]:
    """The metric at each threshold."""
    if not isinstance(metric, str):
        return [metric(truth, (proba > t).astype(int), weight) for t in thresholds]
    # Metrics by name know a confusion matrix alone: four samples that weigh as much as its cells.
    score, cells = _METRICS[metric], ([0, 0, 1, 1], [0, 1, 0, 1])
    counted = (np.bincount(2 * truth + (proba > t), weight, 4) for t in thresholds)
    return [score(*cells, count.astype(float)) for count in counted]


def _name(metric: Any) -> str:
    if isinstance(metric, str):
        return metric
    if isinstance(metric, (tuple, list)) and isinstance(metric[0], str):
        return " ".join(map(str, metric))
    return getattr(metric, "__name__", "costs" if np.ndim(metric) == 2 else repr(metric))


def _threshold_of(decision: Any) -> float:
    """The probability of the second class from which a rule of two classes decides for it."""
    if decision.costs is not None:
        # The scores are linear in p and cross 0 once.
        at_0, at_1 = decision.scores(np.array([[1.0, 0.0], [0.0, 1.0]]))
        return float(np.clip(at_0 / (at_0 - at_1), 0, 1)) if at_0 != at_1 else np.nan
    first, second = decision.shift
    return float(expit(first - second))


def _thresholds(
    truth: NDArray[np.bool_], proba: NDArray[np.float64], marked: Sequence[float]
) -> NDArray[np.float64]:
    """Evenly spaced log-odds where the classes overlap, and where a decision is marked."""
    ends = [np.quantile(proba[truth], 0.05), np.quantile(proba[~truth], 0.995), *marked]
    ends = [min(max(end, 1e-4), 1 - 1e-4) for end in ends if not np.isnan(end)]
    low, high = expit(logit(min(ends)) - 0.7), expit(logit(max(ends)) + 0.7)
    return expit(np.linspace(logit(low), logit(high), _N_THRESHOLDS))
