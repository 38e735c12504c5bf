"""The scores of a search over two parameters, with all cells that may be the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from focalsk.displays._axes import as_text, new_axes
from focalsk.displays._checks import check_number
from focalsk.displays._statistics import LEVEL, corrected_ttest, holm

__all__ = ["GridDisplay"]


class GridDisplay:
    """Mean scores of a search over two parameters, the best cell and what is not worse marked.

    A ring is the best cell. A dot is one that is not significantly worse on the same splits: by the
    corrected resampled t-test of Nadeau and Bengio [1]_, adjusted for the number of cells by Holm's
    procedure. With few splits little is significant, and most cells have a dot: the search has
    then chosen among equals.

    Parameters
    ----------
    scores : ndarray of shape (n_y, n_x)
        Mean test scores, greater is better; NaN where there is none.
    p_values : ndarray of shape (n_y, n_x)
        Of the difference to the best cell, adjusted; NaN for the best and where there is no score.
    x_values, y_values : sequence
        The values of the parameters.
    x_name, y_name, score_name : str
        Labels.
    level : float, default=0.05
        p-values below it are significant.

    Attributes
    ----------
    best_ : tuple of int
        Row and column of the best cell.
    ax_, figure_ : matplotlib Axes and Figure
        Set by :meth:`plot`.
    image_ : matplotlib AxesImage
        The cells.

    References
    ----------
    .. [1] Nadeau, C. and Bengio, Y. (2003). "Inference for the generalization error". Machine
       Learning 52.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from focalsk import FocalGridSearchCV, FocalNetClassifier
    >>> from focalsk.displays import GridDisplay
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> search = FocalGridSearchCV(
    ...     FocalNetClassifier(max_epochs=10, random_state=0),
    ...     {"gamma": [0, 1, 2], "alpha": ["sqrt", "balanced"]},
    ...     scoring="average_precision",
    ... ).fit(X, y)
    >>> display = GridDisplay.from_estimator(search)
    >>> display.scores.shape, display.x_values
    ((2, 3), [0, 1, 2])
    """

    def __init__(
        self,
        *,
        scores: NDArray[np.float64],
        p_values: NDArray[np.float64],
        x_values: Sequence[Any],
        y_values: Sequence[Any],
        x_name: str,
        y_name: str,
        score_name: str,
        level: float = LEVEL,
    ) -> None:
        self.scores = scores
        self.p_values = p_values
        self.x_values = x_values
        self.y_values = y_values
        self.x_name = x_name
        self.y_name = y_name
        self.score_name = score_name
        self.level = level

    @classmethod
    def from_estimator(
        cls, search: Any, *, x: str = "gamma", y: str = "alpha", **kwargs: Any
    ) -> GridDisplay:
        """Draw a fitted search.

        Parameters
        ----------
        search : FocalGridSearchCV, GridSearchCV or another of scikit-learn's
            With `cv_results_`.
        x, y : str, default='gamma' and 'alpha'
            Names of the two parameters.
        **kwargs : dict
            Passed to :meth:`from_cv_results`. `metric` is by default the one that `refit` names.

        Returns
        -------
        GridDisplay
        """
        check_is_fitted(search, "cv_results_")
        if isinstance(search.scoring, str):
            kwargs.setdefault("score_name", search.scoring)
        if isinstance(search.refit, str):
            kwargs.setdefault("metric", search.refit)
        return cls.from_cv_results(search.cv_results_, x=x, y=y, **kwargs)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        *,
        x: str = "gamma",
        y: str = "alpha",
        metric: str = "score",
        score_name: str | None = None,
        test_train_ratio: float | None = None,
        level: float = LEVEL,
        ax: Any = None,
    ) -> GridDisplay:
        """Draw the results of a search.

        Parameters
        ----------
        cv_results : dict of arrays
            The attribute `cv_results_` of a search.
        x, y : str, default='gamma' and 'alpha'
            Names of the two parameters; ``'gamma'`` finds ``'focalnetclassifier__gamma'`` as well.
            If the search had others, a cell is the best candidate with these two.
        metric : str, default='score'
            Which of several metrics.
        score_name : str, default=None
            Its label; None for `metric`.
        test_train_ratio : float, default=None
            Number of test samples over that of training samples; None for that of k folds,
            ``1 / (n_splits - 1)``.
        level : float, default=0.05
            p-values below it are significant.
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        GridDisplay

        Raises
        ------
        ValueError
            If there is no such parameter or metric, or `level` is not in (0, 1).
        """
        check_number(level, "level", 0, 1)
        if "params" not in cv_results:
            raise ValueError("cv_results must be the cv_results_ of a search. Got no 'params'.")
        columns, rows = _values(cv_results, x), _values(cv_results, y)
        splits = _split_scores(cv_results, metric)
        x_values, y_values = _distinct(columns), _distinct(rows)
        # The candidate of each cell; of several, the best.
        means = splits.mean(axis=1)
        chosen = np.full((len(y_values), len(x_values)), -1)
        for i, (row, column) in enumerate(zip(rows, columns, strict=True)):
            cell = _index(y_values, row), _index(x_values, column)
            if not np.isnan(means[i]) and (chosen[cell] < 0 or means[i] > means[chosen[cell]]):
                chosen[cell] = i
        if (chosen < 0).all():
            raise ValueError(f"All candidates have NaN for {metric!r}.")
        scores = np.where(chosen < 0, np.nan, means[chosen])
        best = np.unravel_index(np.nanargmax(scores), scores.shape)
        if test_train_ratio is None:
            test_train_ratio = 1 / max(splits.shape[1] - 1, 1)
        p_values = [
            np.nan
            if i < 0 or i == chosen[best]
            else corrected_ttest(splits[chosen[best]] - splits[i], test_train_ratio)
            for i in chosen.flat
        ]
        return cls(
            scores=scores,
            p_values=holm(p_values).reshape(scores.shape),
            x_values=x_values,
            y_values=y_values,
            x_name=x,
            y_name=y,
            score_name=metric if score_name is None else str(score_name),
            level=level,
        ).plot(ax)

    @property
    def best_(self) -> tuple[int, int]:
        """Row and column of the best cell."""
        row, column = np.unravel_index(np.nanargmax(self.scores), self.scores.shape)
        return int(row), int(column)

    def plot(self, ax: Any = None, *, cmap: str = "cividis") -> GridDisplay:
        """Draw the cells.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.
        cmap : str, default='cividis'
            Colour map; the default is made for colour-blind readers.

        Returns
        -------
        GridDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        n_rows, n_columns = self.scores.shape
        size = (max(4.2, 1.9 + 0.62 * n_columns), max(2.6, 1.7 + 0.5 * n_rows))
        self.ax_ = ax = new_axes(ax, size)
        self.figure_ = ax.figure
        self.image_ = ax.imshow(self.scores, cmap=cmap, aspect="auto")
        mean = (np.nanmin(self.scores) + np.nanmax(self.scores)) / 2
        for (row, column), score in np.ndenumerate(self.scores):
            if np.isnan(score):
                continue
            color = "white" if score <= mean else "black"
            ax.text(column, row + 0.16, f"{score:.3f}", ha="center", va="center", color=color)
            if (row, column) == self.best_:
                marker = {"marker": "o", "s": 70, "facecolors": "none", "linewidths": 1.8}
                ax.scatter(column, row - 0.22, edgecolors=color, label="_best", **marker)
            elif not self.p_values[row, column] < self.level:
                ax.scatter(column, row - 0.22, s=22, c=color)
        ax.set_xticks(range(n_columns), [as_text(_short(value)) for value in self.x_values])
        ax.set_yticks(range(n_rows), [as_text(_short(value)) for value in self.y_values])
        ax.tick_params(length=0)
        ax.set(xlabel=self.x_name, ylabel=self.y_name)
        name = self.score_name.replace("_", " ")
        ax.set_title(
            f"{name}, mean over splits\nring: best; dot: not significantly worse", fontsize="small"
        )
        return self


def _short(value: Any) -> str:
    return (
        f"{value:g}"
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        else str(value)
    )


def _values(cv_results: Mapping[str, Any], name: str) -> list[Any]:
    """The value of a parameter in each candidate; its default, where it is absent, is 'default'."""
    candidates = cv_results["params"]
    known = list(dict.fromkeys(key for params in candidates for key in params))
    found = [key for key in known if key == name] or [
        key for key in known if key.split("__")[-1] == name
    ]
    if len(found) != 1:
        raise ValueError(f"The search must have one parameter {name!r}. It has {known}.")
    return [params.get(found[0], "default") for params in candidates]


def _distinct(values: list[Any]) -> list[Any]:
    """In order of appearance, numbers in theirs."""
    some: list[Any] = []
    for value in values:
        if _index(some, value) < 0:
            some.append(value)
    numbers = all(isinstance(value, (int, float, np.number)) for value in some)
    return sorted(some) if numbers else some


def _index(values: Sequence[Any], value: Any) -> int:
    """The place of a value; 1 and True differ, and arrays are equal where all their entries are."""
    for i, other in enumerate(values):
        if other is value or (type(other) is type(value) and np.array_equal(other, value)):
            return i
    return -1


def _split_scores(cv_results: Mapping[str, Any], metric: str) -> NDArray[np.float64]:
    names: list[str] = []
    while f"split{len(names)}_test_{metric}" in cv_results:
        names.append(f"split{len(names)}_test_{metric}")
    if not names:
        known = [
            key.removeprefix("mean_test_") for key in cv_results if key.startswith("mean_test_")
        ]
        raise ValueError(f"metric must be among {known}. Got {metric!r} instead.")
    return np.column_stack([np.asarray(cv_results[name], dtype=np.float64) for name in names])
