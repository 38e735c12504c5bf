"""Ranks of methods over many data sets, tests of them, and their picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from focalsk.comparison._displays import STYLES
from focalsk.comparison._methods import family_of
from focalsk.displays import LEVEL, CriticalDifferenceDisplay, holm

__all__ = ["RankTest", "plot_critical_difference", "rank_over_datasets", "win_tie_loss"]


@dataclass(frozen=True)
class RankTest:
    """Ranks of methods over many data sets; what :func:`rank_over_datasets` returns.

    Attributes
    ----------
    mean_ranks : Series of shape (n_methods,)
        Mean over the data sets, the best first; 1 is the best, and equals share their ranks.
    statistic, p_value : float
        Of the Friedman test that all methods are equally good.
    critical_difference : float
        Mean ranks that are further apart differ significantly by Nemenyi's test.
    p_values : DataFrame of shape (n_methods, n_methods)
        Of Nemenyi's test, for each pair of methods.
    n_datasets : int
        Number of data sets.
    """

    mean_ranks: pd.Series
    statistic: float
    p_value: float
    critical_difference: float
    p_values: pd.DataFrame
    n_datasets: int


def rank_over_datasets(
    scores: pd.DataFrame, *, greater_is_better: bool = True, level: float = LEVEL
) -> RankTest:
    """Rank methods on each of many data sets, and test whether their ranks differ.

    Friedman's test, and Nemenyi's for all pairs, as Demšar [1]_ recommends them.

    Parameters
    ----------
    scores : DataFrame of shape (n_datasets, n_methods)
        A score for each data set and method. NaN, for a method that failed, ranks last.
    greater_is_better : bool, default=True
        Whether a greater score is the better one.
    level : float, default=0.05
        Significance of the critical difference, in (0, 1).

    Returns
    -------
    RankTest

    Raises
    ------
    ValueError
        With less than two data sets or three methods.

    Notes
    -----
    Whether two methods differ by Nemenyi's test depends on which others are ranked with them [2]_.
    :func:`win_tie_loss` looks at two at a time.

    References
    ----------
    .. [1] Demšar, J. (2006). "Statistical comparisons of classifiers over multiple data sets".
       JMLR 7.
    .. [2] Benavoli, A., Corani, G. and Mangili, F. (2016). "Should we really use post-hoc tests
       based on mean-ranks?". JMLR 17.

    """
    n, k = scores.shape
    if n < 2 or k < 3:
        raise ValueError(
            f"Ranks need at least two data sets and three methods. Got {n} and {k} instead."
        )
    ranks = _better(scores, greater_is_better).rank(axis=1, ascending=False)
    means = ranks.mean().sort_values()
    statistic, p_value = stats.friedmanchisquare(*ranks.to_numpy().T)
    error = np.sqrt(k * (k + 1) / (12 * n))  # of a mean rank, as the studentized range has it
    gaps = np.abs(np.subtract.outer(means.to_numpy(), means.to_numpy()))
    p_values = stats.studentized_range.sf(gaps / error, k, np.inf)
    np.fill_diagonal(p_values, 1.0)
    return RankTest(
        mean_ranks=means,
        statistic=float(statistic),
        p_value=float(p_value),
        critical_difference=float(stats.studentized_range.ppf(1 - level, k, np.inf) * error),
        p_values=pd.DataFrame(p_values, means.index, means.index),
        n_datasets=n,
    )


def win_tie_loss(
    scores: pd.DataFrame,
    reference: str,
    *,
    greater_is_better: bool = True,
    tolerance: float = 0.0,
    p_values: pd.DataFrame | None = None,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Count the data sets on which methods beat, equal and lose to one of them.

    Parameters
    ----------
    scores : DataFrame of shape (n_datasets, n_methods)
        A score for each data set and method. NaN, for a method that failed, loses.
    reference : str
        The method that the others are compared with.
    greater_is_better : bool, default=True
        Whether a greater score is the better one.
    tolerance : float, default=0.0
        Scores that differ by no more are tied.
    p_values : DataFrame of shape (n_datasets, n_methods), default=None
        Of a test of each method against the reference on each data set, as from
        ``Comparison.against``; scores that do not differ significantly are tied as well.
    level : float, default=0.05
        Significance, in (0, 1).

    Returns
    -------
    DataFrame
        A row for each method besides the reference: ``win``, ``tie`` and ``loss``, from the
        method's side; ``difference``, the median of its scores minus those of the reference where
        neither failed; ``p_value`` of Wilcoxon's signed-rank test over the data sets, adjusted by
        :func:`holm`. The test counts a failure as a greater loss than any other.

    """
    if reference not in scores:
        raise ValueError(f"reference must be a column of scores. Got {reference!r} instead.")
    others = [name for name in scores if name != reference]
    better = _better(scores, greater_is_better)
    with np.errstate(invalid="ignore"):  # both failed
        gains = better[others].sub(better[reference], axis=0).fillna(0.0)
    tied = gains.abs() <= tolerance
    if p_values is not None:
        tied |= np.isfinite(gains) & ~(p_values.loc[gains.index, others] < level)
    wins, losses = (gains > 0) & ~tied, (gains < 0) & ~tied
    tests = [_signed_rank(gains[name].to_numpy()) for name in others]
    return pd.DataFrame(
        {
            "win": wins.sum(),
            "tie": tied.sum(),
            "loss": losses.sum(),
            "difference": scores[others].sub(scores[reference], axis=0).median(),
            "p_value": holm(tests),
        },
        index=others,
    )


def _better(scores: pd.DataFrame, greater_is_better: bool) -> pd.DataFrame:
    """Scores of which the greater is the better, failures below all others."""
    return (scores if greater_is_better else -scores).astype(float).fillna(-np.inf)


def _signed_rank(gains: np.ndarray) -> float:
    """Wilcoxon's test, in which zeros are shared out between both sides."""
    if not gains.any():
        return 1.0
    worst = np.abs(gains[np.isfinite(gains)]).max(initial=0.0) + 1  # beyond any difference
    return float(stats.wilcoxon(np.clip(gains, -worst, worst), zero_method="zsplit").pvalue)


def plot_critical_difference(test: RankTest, ax: Any = None) -> Any:
    """Draw mean ranks over data sets; a bar joins methods that do not differ significantly.

    Parameters
    ----------
    test : RankTest
        What :func:`rank_over_datasets` returned.
    ax : matplotlib Axes, default=None
        What to draw on; None for a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    display = CriticalDifferenceDisplay(
        mean_ranks=test.mean_ranks, critical_difference=test.critical_difference
    )
    colors = {name: STYLES[family_of(name)][0] for name in test.mean_ranks.index}
    return display.plot(ax, colors=colors).ax_
