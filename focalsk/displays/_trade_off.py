"""Balanced accuracy of decisions against calibration error of probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import recall_score

from focalsk.displays._axes import COLORS, as_text, new_axes, plain_log_axis, write_names
from focalsk.displays._calibration import expected_calibration_error
from focalsk.displays._checks import check_axis, check_classifier, read_classes
from focalsk.displays._names import by_name

__all__ = ["TradeOffDisplay"]

_LEAST_ERROR = 1e-3  # as little as can be told on a log axis


class TradeOffDisplay:
    """Methods by their decisions and by their probabilities: the best are at the top left.

    Parameters
    ----------
    calibration_error : dict of str to float
        Of each method's probabilities, see
        :func:`~focalsk.displays.expected_calibration_error`.
    balanced_accuracy : dict of str to float
        Of the same methods' decisions.
    tuned : dict of str to float, default=None
        Of decisions at a tuned threshold: hollow, joined by a line.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Set by :meth:`plot`.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from focalsk import FocalNetClassifier
    >>> from focalsk.displays import TradeOffDisplay
    >>> X, y = make_classification(1000, weights=[0.9], class_sep=0.5, random_state=0)
    >>> plain = FocalNetClassifier(gamma=0, max_epochs=20, random_state=0).fit(X[:500], y[:500])
    >>> weighted = FocalNetClassifier(gamma=0, alpha="balanced", max_epochs=20, random_state=0)
    >>> display = TradeOffDisplay.from_estimator(
    ...     {"plain": plain, "weighted": weighted.fit(X[:500], y[:500])}, X[500:], y[500:]
    ... )
    >>> display.balanced_accuracy["weighted"] > display.balanced_accuracy["plain"]
    True
    """

    def __init__(
        self,
        *,
        calibration_error: Mapping[str, float],
        balanced_accuracy: Mapping[str, float],
        tuned: Mapping[str, float] | None = None,
    ) -> None:
        self.calibration_error = calibration_error
        self.balanced_accuracy = balanced_accuracy
        self.tuned = tuned

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: ArrayLike, *, ax: Any = None
    ) -> TradeOffDisplay:
        """Draw fitted classifiers.

        Parameters
        ----------
        estimator : classifier, or dict of str to classifier
            With `predict` and `predict_proba`.
        X : array-like of shape (n_samples, n_features)
            Samples that were not trained on.
        y : array-like of shape (n_samples,)
            Their classes.
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        TradeOffDisplay

        Raises
        ------
        ValueError
            If `y` holds classes that a classifier does not know.
        TypeError
            If one is no classifier with probabilities.
        """
        said = {}
        for name, clf in by_name(estimator).items():
            check_classifier(clf)
            said[name] = clf.predict(X), clf.predict_proba(X)
        return cls.from_predictions(y, said, classes=clf.classes_, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        predictions: Mapping[str, tuple[ArrayLike, ArrayLike]],
        *,
        classes: ArrayLike | None = None,
        ax: Any = None,
    ) -> TradeOffDisplay:
        """Draw given predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Classes.
        predictions : dict of str to (y_pred, y_proba)
            Decisions of shape (n_samples,) and probabilities of shape (n_samples, n_classes), or
            (n_samples,) for the second of two classes, by each method.
        classes : array-like of shape (n_classes,), default=None
            Classes of the columns; None for the sorted ones of `y_true`.
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        TradeOffDisplay

        Raises
        ------
        ValueError
            If there are no predictions, or they do not go with `y_true` and `classes`.

        Examples
        --------
        >>> from focalsk.displays import TradeOffDisplay
        >>> display = TradeOffDisplay.from_predictions(
        ...     [0, 0, 0, 1], {"mine": ([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.7])}
        ... )
        >>> round(display.balanced_accuracy["mine"], 3), round(display.calibration_error["mine"], 3)
        (0.833, 0.3)
        """
        y_true = read_classes(y_true)
        if not (isinstance(predictions, Mapping) and predictions):
            raise ValueError("predictions must be a dict of (y_pred, y_proba) by method.")
        errors, accuracies = {}, {}
        for name, (y_pred, proba) in predictions.items():
            errors[name] = expected_calibration_error(y_true, proba, classes=classes)
            check_axis(np.asarray(y_pred), "y_pred", len(y_true))
            recalls = recall_score(y_true, y_pred, labels=np.unique(y_true), average="macro")
            accuracies[name] = float(recalls)
        return cls(calibration_error=errors, balanced_accuracy=accuracies).plot(ax)

    def plot(
        self, ax: Any = None, *, styles: Mapping[str, tuple[str, str]] | None = None
    ) -> TradeOffDisplay:
        """Draw the methods.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.
        styles : dict of str to (color, marker), default=None
            Colour and marker of each method.

        Returns
        -------
        TradeOffDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        self.ax_ = ax = new_axes(ax, (5.2, 4.0))
        self.figure_ = ax.figure
        points, others = [], []
        for name, error in self.calibration_error.items():
            color, marker = (styles or {}).get(name, (COLORS[0], "o"))
            x, y = max(error, _LEAST_ERROR), self.balanced_accuracy[name]
            ax.plot(x, y, marker, color=color, markersize=6)
            points.append((x, y))
            if self.tuned is not None:
                tuned = self.tuned[name]
                ax.plot([x, x], [y, tuned], color=color, alpha=0.35, linewidth=1)
                ax.plot(x, tuned, marker, color=color, markerfacecolor="white", markersize=4)
                others.append((x, tuned))
        plain_log_axis(ax)
        ax.margins(0.14, 0.1)
        _widen(ax)
        ax.grid(alpha=0.25)
        ax.set_xlabel("calibration error of predict_proba (left is better)")
        ax.set_ylabel("balanced accuracy of decisions")
        self._named = [as_text(name) for name in self.calibration_error], points, others
        if styles is None:
            self.write_names()
        return self

    def write_names(self) -> None:
        """Write the names beside the points; once more when the axes have changed."""
        names, points, others = self._named
        write_names(self.ax_, names, np.array(points), others)


def _widen(ax: Any) -> None:
    """Axes that do not blow up differences that are none."""
    low, high = ax.get_xlim()
    factor = max(1.0, np.sqrt(4 * low / high))
    ax.set_xlim(low / factor, high * factor)
    low, high = ax.get_ylim()
    more = max(0.0, (0.08 - (high - low)) / 2)
    ax.set_ylim(low - more, high + more)
