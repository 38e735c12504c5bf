"""Mean ranks of methods over data sets, and which of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from focalsk.displays._axes import as_text, new_axes
from focalsk.displays._checks import check_number, real_numbers
from focalsk.displays._statistics import LEVEL

__all__ = ["CriticalDifferenceDisplay"]


class CriticalDifferenceDisplay:
    """Mean ranks of methods over data sets; a bar joins methods that do not differ significantly.

    Methods whose mean ranks are further apart than the critical difference of Nemenyi's test differ
    significantly, as Demšar [1]_ recommends it. Whether two do depends on which others are ranked
    with them [2]_.

    Parameters
    ----------
    mean_ranks : Series of shape (n_methods,)
        By method; 1 is best.
    critical_difference : float
        Difference from which on methods differ.

    Attributes
    ----------
    groups_ : list of list of str
        What the bars join: largest groups of methods that do not differ. Set by :meth:`plot`.
    ax_, figure_ : matplotlib Axes and Figure
        Set by :meth:`plot`.

    References
    ----------
    .. [1] Demšar, J. (2006). "Statistical comparisons of classifiers over multiple data sets".
       JMLR 7.
    .. [2] Benavoli, A., Corani, G. and Mangili, F. (2016). "Should we really use post-hoc tests
       based on mean-ranks?". JMLR 17.

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.displays import CriticalDifferenceDisplay
    >>> scores = pd.DataFrame({"a": [0.9, 0.8, 0.9, 0.7], "b": [0.8, 0.7, 0.8, 0.6], "c": 0.5})
    >>> display = CriticalDifferenceDisplay.from_scores(scores)
    >>> display.mean_ranks.to_dict(), round(display.critical_difference, 2)
    ({'a': 1.0, 'b': 2.0, 'c': 3.0}, 1.66)
    >>> display.groups_
    [['a', 'b'], ['b', 'c']]
    """

    def __init__(self, *, mean_ranks: pd.Series, critical_difference: float) -> None:
        self.mean_ranks = mean_ranks
        self.critical_difference = critical_difference

    @classmethod
    def from_scores(
        cls,
        scores: pd.DataFrame | ArrayLike,
        *,
        greater_is_better: bool = True,
        level: float = LEVEL,
        ax: Any = None,
    ) -> CriticalDifferenceDisplay:
        """Rank methods on each of many data sets.

        Parameters
        ----------
        scores : DataFrame or array-like of shape (n_datasets, n_methods)
            One score for each data set and method. NaN, for a method that failed, ranks last.
        greater_is_better : bool, default=True
            Whether a greater score is the better one.
        level : float, default=0.05
            Significance of the critical difference, in (0, 1).
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        CriticalDifferenceDisplay

        Raises
        ------
        ValueError
            With less than two data sets or three methods, or a `level` outside (0, 1).
        TypeError
            If scores are no numbers.
        """
        check_number(level, "level", 0, 1)
        if greater_is_better not in (True, False):
            raise TypeError(f"greater_is_better must be a bool. Got {greater_is_better!r} instead.")
        values = real_numbers(scores, "scores")
        if values.ndim != 2:
            raise ValueError(f"scores must have two dimensions. Got the shape {values.shape}.")
        table = pd.DataFrame(values, columns=getattr(scores, "columns", None))
        n, k = table.shape
        if n < 2 or k < 3:
            raise ValueError(
                f"Ranks need at least two data sets and three methods. Got {n} and {k} instead."
            )
        signed = (table if greater_is_better else -table).fillna(-np.inf)
        ranks = signed.rank(axis=1, ascending=False).mean().sort_values(kind="stable")
        error = np.sqrt(k * (k + 1) / (12 * n))  # of a mean rank, as the studentized range has it
        critical = float(stats.studentized_range.ppf(1 - level, k, np.inf) * error)
        return cls(mean_ranks=ranks, critical_difference=critical).plot(ax)

    def plot(
        self, ax: Any = None, *, colors: Mapping[str, str] | None = None
    ) -> CriticalDifferenceDisplay:
        """Draw the ranks on a line, the best on the left.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.
        colors : dict of str to str, default=None
            Colour of each method.

        Returns
        -------
        CriticalDifferenceDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        means = self.mean_ranks.sort_values(kind="stable")
        ranks = means.to_numpy(dtype=float)
        self.groups_ = [list(means.index[i : j + 1]) for i, j in self._bars(ranks)]
        half = -(-len(ranks) // 2)
        n_bars = len(self.groups_)
        self.ax_ = ax = new_axes(ax, (8, 1.1 + 0.2 * half + 0.1 * n_bars))
        self.figure_ = ax.figure
        left, right = np.floor(ranks.min() - 0.01), np.ceil(ranks.max() + 0.01)
        names = 0.2 + 0.07 * (6 + max(len(str(name)) for name in means.index))  # inches
        width = ax.figure.get_figwidth()
        pad = (right - left) * names / max(width - 2 * names, 0.3 * width)
        ax.set_xlim(left - pad, right + pad)
        ax.set_ylim(-1.2 - 0.45 * n_bars - half, 2.6)
        self._plot_scale(ax, left, right)
        for k, (i, j) in enumerate(self._bars(ranks)):
            y = -0.5 - 0.45 * k
            ax.plot([ranks[i] - 0.04, ranks[j] + 0.04], [y, y], color="0.2", lw=3.5, zorder=3)
        for i, (name, rank) in enumerate(means.items()):
            color = (colors or {}).get(str(name), "0.15")
            first = i < half
            level = i if first else len(ranks) - 1 - i
            y = -0.9 - 0.45 * n_bars - level
            end = left - 0.02 * pad if first else right + 0.02 * pad
            ax.plot([rank, rank, end], [0, y, y], color=color, lw=1.0)
            ax.plot(rank, 0, "o", color=color, ms=4, zorder=4)
            text = as_text(f"{name} ({rank:.1f})" if first else f"({rank:.1f}) {name}")
            ax.annotate(
                text,
                (end, y),
                (-4 if first else 4, 0),
                textcoords="offset points",
                ha="right" if first else "left",
                va="center",
                fontsize="small",
            )
        return self

    def _bars(self, ranks: NDArray[np.float64]) -> list[tuple[int, int]]:
        """First and last of each largest group of at least two whose ranks are close."""
        bars: list[tuple[int, int]] = []
        for i, rank in enumerate(ranks):
            j = int(np.searchsorted(ranks, rank + self.critical_difference, side="right")) - 1
            if j > i and (not bars or j > bars[-1][1]):
                bars.append((i, j))
        return bars

    def _plot_scale(self, ax: Any, left: float, right: float) -> None:
        ax.set_axis_off()
        ax.plot([left, right], [0, 0], color="0.15", lw=1.2)
        step = max(1, round((right - left) / 12))
        for tick in np.arange(left, right + 1, step):
            ax.plot([tick, tick], [0, 0.25], color="0.15", lw=1.0)
            ax.text(tick, 0.4, f"{tick:g}", ha="center", va="bottom", fontsize="small")
        start = left
        width = min(self.critical_difference, right - left)
        ax.plot([start, start + width], [1.7, 1.7], "|-", color="0.4", lw=1.2, ms=6)
        label = f" critical difference {self.critical_difference:.1f}; 1 is best"
        ax.text(start + width, 1.7, label, ha="left", va="center", fontsize="small", color="0.4")
