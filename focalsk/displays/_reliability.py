"""Reliability of several methods, before and after what corrects them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from focalsk.displays._axes import COLORS, MARKERS, as_text, legend_below, new_axes, unit_axis
from focalsk.displays._calibration import reliability_curve
from focalsk.displays._checks import (
    check_classifier,
    check_known,
    distinct,
    positives,
    read_classes,
)
from focalsk.displays._names import by_name
from focalsk.estimators import FocalNetClassifier, PriorCorrectedClassifier

__all__ = ["ReliabilityDisplay"]

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]

_RARE = 0.2  # a smaller share is drawn on axes of log-odds


class ReliabilityDisplay:
    """Observed share against predicted probability, of several methods, before and after.

    For a rare class the axes are those of log-odds, and each point has as many positive samples:
    otherwise all curves would lie in one corner.

    Parameters
    ----------
    curves : dict of str to (predicted, observed)
        For each method, arrays of shape (n_bins,).
    before : dict of str to (predicted, observed), default=None
        Curves of some of the methods before they were corrected: hollow and dashed.
    share : float
        Share of the positive class.
    scale : {'logit', 'linear'}
        Of both axes.
    pos_label : object, default=None
        The positive class, for the labels of the axes.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Set by :meth:`plot`.
    lines_ : dict of str to matplotlib Line2D
        The curves.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : One classifier.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from focalsk import FocalNetClassifier
    >>> from focalsk.displays import ReliabilityDisplay
    >>> X, y = make_classification(1000, weights=[0.9], class_sep=0.5, random_state=0)
    >>> clf = FocalNetClassifier(alpha="balanced", max_epochs=20, random_state=0)
    >>> display = ReliabilityDisplay.from_estimator(clf.fit(X[:500], y[:500]), X[500:], y[500:])
    >>> display.scale, list(display.before)
    ('logit', ['FocalNetClassifier'])
    """

    def __init__(
        self,
        *,
        curves: Mapping[str, Curve],
        share: float,
        scale: str,
        before: Mapping[str, Curve] | None = None,
        pos_label: Any = None,
    ) -> None:
        self.curves = curves
        self.share = share
        self.scale = scale
        self.before = before
        self.pos_label = pos_label

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        pos_label: Any = None,
        n_bins: int = 10,
        scale: str = "auto",
        ax: Any = None,
    ) -> ReliabilityDisplay:
        """Draw fitted classifiers.

        Parameters
        ----------
        estimator : classifier, or dict of str to classifier
            With `predict_proba`. What a :class:`~focalsk.FocalNetClassifier` and a
            :class:`~focalsk.PriorCorrectedClassifier` correct is drawn before and after.
        X : array-like of shape (n_samples, n_features)
            Samples that were not trained on.
        y : array-like of shape (n_samples,)
            Their classes.
        pos_label : int, float, bool or str, default=None
            The positive class; None for the last of ``classes_``.
        n_bins : int, default=10
            Points of a curve at most.
        scale : {'auto', 'logit', 'linear'}, default='auto'
            Of the axes; 'auto' is 'logit' where less than a fifth is positive.
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        ValueError
            If `y` holds classes that a classifier does not know, or none that is positive.
        TypeError
            If one is no classifier with probabilities.
        """
        after, before, classes = {}, {}, read_classes(y, "y")
        for name, clf in by_name(estimator).items():
            check_classifier(clf)
            check_known(classes, clf.classes_, "y")
            label = clf.classes_[-1] if pos_label is None else pos_label
            if label not in list(clf.classes_):
                raise ValueError(f"pos_label must be among {clf.classes_}. Got {label!r} instead.")
            column = list(clf.classes_).index(label)
            after[name] = clf.predict_proba(X)[:, column]
            bent = _before(clf, X)
            if bent is not None:
                before[name] = bent[:, column]
        return cls.from_predictions(
            y, after, before=before, pos_label=label, n_bins=n_bins, scale=scale, ax=ax
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike | Mapping[str, ArrayLike],
        *,
        before: Mapping[str, ArrayLike] | None = None,
        pos_label: Any = None,
        n_bins: int = 10,
        scale: str = "auto",
        ax: Any = None,
    ) -> ReliabilityDisplay:
        """Draw given probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Classes.
        y_proba : dict of str to array-like of shape (n_samples,), or one such array
            Probability of the positive class by each method.
        before : dict of str to array-like of shape (n_samples,), default=None
            What some of the methods said before they were corrected.
        pos_label : int, float, bool or str, default=None
            The positive class; None for the greatest.
        n_bins : int, default=10
            Points of a curve at most.
        scale : {'auto', 'logit', 'linear'}, default='auto'
            Of the axes; 'auto' is 'logit' where less than a fifth is positive.
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        ValueError
            If there is no such scale, no positive sample, or `before` has another method; if
            probabilities are not in [0, 1], or not as many as classes.

        Examples
        --------
        >>> from focalsk.displays import ReliabilityDisplay
        >>> display = ReliabilityDisplay.from_predictions(
        ...     [0, 0, 1, 1], {"mine": [0.1, 0.3, 0.6, 0.8]}, n_bins=2
        ... )
        >>> display.curves["mine"][1]
        array([0., 1.])
        """
        y_true = read_classes(y_true)
        label = distinct(y_true)[-1] if pos_label is None else pos_label
        truth = positives(y_true, label)
        said = y_proba if isinstance(y_proba, Mapping) else {"classifier": y_proba}
        if not said or not isinstance(before, Mapping | None):
            raise ValueError("y_proba and before must be dicts of probabilities by method.")
        unknown = set(before or {}) - set(said)
        if unknown:
            raise ValueError(f"before has methods that y_proba has not: {[*map(str, unknown)]}.")
        if not isinstance(scale, str) or scale not in ("auto", "logit", "linear"):
            raise ValueError(f"scale must be 'auto', 'logit' or 'linear'. Got {scale!r} instead.")
        share = float(truth.mean())
        if scale == "auto":
            scale = "logit" if share < _RARE else "linear"
        strategy = "positives" if scale == "logit" else "quantile"
        drawn = [
            {name: reliability_curve(truth, p, n_bins, strategy) for name, p in probas.items()}
            for probas in (said, before or {})
        ]
        return cls(
            curves=drawn[0], before=drawn[1], share=share, scale=scale, pos_label=label
        ).plot(ax)

    def plot(
        self, ax: Any = None, *, styles: Mapping[str, Mapping[str, Any]] | None = None
    ) -> ReliabilityDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.
        styles : dict of str to dict, default=None
            Further arguments of matplotlib's `plot` for each method.

        Returns
        -------
        ReliabilityDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.ax_ = ax = new_axes(ax, (4.8, 4.6))
        self.figure_ = ax.figure
        self.lines_: dict[str, Any] = {}
        curves = [*self.curves.values(), *(self.before or {}).values()]
        x_limits, y_limits = (
            self._limits(np.concatenate([curve[k] for curve in curves])) for k in range(2)
        )
        low, high = np.transpose([x_limits, y_limits])[:, :, None]
        diagonal = [low.min(), high.max()]
        if self.scale == "logit":  # straight there as well
            ax.set(xscale="logit", yscale="logit")
        ax.plot(diagonal, diagonal, color="0.5", ls=":", lw=1.2, label="calibrated", zorder=1)
        for i, (name, (predicted, observed)) in enumerate(self.curves.items()):
            style: dict[str, Any] = {"color": COLORS[i % len(COLORS)], "linewidth": 1.6}
            style |= {"marker": MARKERS[i % len(MARKERS)], "markersize": 5}
            style |= (styles or {}).get(name, {})
            if self.before and name in self.before:
                bent = {**style, "linestyle": "--", "linewidth": 1, "markerfacecolor": "white"}
                ax.plot(*np.clip(self.before[name], low, high), alpha=0.75, **bent)
            # What is 0 or 1 is drawn at the edge.
            inside = np.clip((predicted, observed), low, high)
            (line,) = ax.plot(*inside, label=as_text(name), clip_on=False, **style)
            self.lines_[name] = line
        unit_axis(ax, "x", self.scale, *x_limits)
        unit_axis(ax, "y", self.scale, *y_limits)
        of = "" if self.pos_label is None else f" of class {as_text(self.pos_label)}"
        ax.set(xlabel=f"predicted probability{of}", ylabel="observed share")
        ax.grid(alpha=0.25)
        legend_below(ax, "hollow, dashed: before the correction" if self.before else None)
        return self

    def _limits(self, values: NDArray[np.float64]) -> tuple[float, float]:
        """Around all values but those next to 0 and 1, and around the share of positives."""
        if self.scale == "linear":
            return -0.02, 1.02
        values = values[(values > self.share / 100) & (values < 0.999)]
        low, high = logit(np.min([*values, self.share])), logit(np.max([*values, self.share]))
        return float(expit(low - 0.4)), float(expit(high + 0.4))


def _before(clf: Any, X: Any) -> Any:
    """What a classifier would have said without its correction; None for one that has none."""
    if isinstance(clf, PriorCorrectedClassifier):
        return clf.estimator_.predict_proba(X)
    if isinstance(clf, FocalNetClassifier) and clf.proba == "posterior":
        proba = clf.proba
        try:
            return clf.set_params(proba="raw").predict_proba(X)
        finally:
            clf.set_params(proba=proba)
    return None
