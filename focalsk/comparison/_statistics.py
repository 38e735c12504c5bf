"""Is one method better than another? Tests over the folds of a data set, and over data sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

__all__ = [
    "RankTest",
    "corrected_interval",
    "corrected_ttest",
    "holm",
    "rank_over_datasets",
    "win_tie_loss",
]


def corrected_interval(
    values: ArrayLike, test_share: float, level: float = 0.95
) -> tuple[float, float]:
    """Confidence interval of the mean over folds whose training samples overlap.

    The variance is enlarged by ``n_test / n_train``, as Nadeau and Bengio [1]_ propose: folds are
    not independent, and the usual interval is far too narrow.

    Parameters
    ----------
    values : array-like of shape (n_folds,)
        One score for each fold of all repetitions.
    test_share : float
        Number of test samples over that of training samples.
    level : float, default=0.95
        Confidence, in (0, 1).

    Returns
    -------
    low, high : float
        NaN with less than two folds.

    References
    ----------
    .. [1] Nadeau, C. and Bengio, Y. (2003). "Inference for the generalization error". Machine
       Learning 52.

    Examples
    --------
    >>> from focalsk.comparison import corrected_interval
    >>> low, high = corrected_interval([0.5, 0.6, 0.7, 0.6, 0.6], test_share=0.25)
    >>> f"{low:.3f} to {high:.3f}"
    '0.468 to 0.732'
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return np.nan, np.nan
    half = _standard_error(values, test_share) * stats.t.ppf((1 + level) / 2, len(values) - 1)
    return float(values.mean() - half), float(values.mean() + half)


def corrected_ttest(differences: ArrayLike, test_share: float) -> float:
    """Corrected resampled paired t-test of Nadeau and Bengio (2003), two-sided.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        Score of one method minus that of the other on the same fold.
    test_share : float
        Number of test samples over that of training samples.

    Returns
    -------
    float
        p-value; 1 if there is no difference at all, NaN with less than two folds.

    Examples
    --------
    >>> from focalsk.comparison import corrected_ttest
    >>> round(corrected_ttest([0.1, 0.2, 0.1, 0.3, 0.2], test_share=0.25), 3)
    0.033
    """
    differences = np.asarray(differences, dtype=float)
    if len(differences) < 2:
        return np.nan
    error = _standard_error(differences, test_share)
    if error == 0:
        return 1.0 if differences.mean() == 0 else 0.0
    return float(2 * stats.t.sf(abs(differences.mean()) / error, len(differences) - 1))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Adjust p-values of several tests so that any false alarm at all is as rare as one of one.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        NaN is left out and stays.

    Returns
    -------
    ndarray of shape (n_tests,)
        By the step-down procedure of Holm (1979).

    Examples
    --------
    >>> from focalsk.comparison._statistics import holm
    >>> holm([0.01, 0.04, 0.03]).round(2)
    array([0.03, 0.06, 0.06])
    """
    p_values = np.asarray(p_values, dtype=float)
    adjusted = p_values.copy()
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]  # NaN comes last
    left = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p_values[order] * left))
    return adjusted


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
    scores: pd.DataFrame, *, greater_is_better: bool = True, level: float = 0.05
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

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.comparison._statistics import rank_over_datasets
    >>> columns = {"a": [0.9, 0.8, 0.7, 0.9], "b": [0.8, 0.7, 0.8, 0.8], "c": [0.5, 0.6, 0.5, 0.4]}
    >>> test = rank_over_datasets(pd.DataFrame(columns))
    >>> test.mean_ranks.to_dict()
    {'a': 1.25, 'b': 1.75, 'c': 3.0}
    >>> round(test.p_value, 3), round(test.critical_difference, 2)
    (0.039, 1.66)
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
    level: float = 0.05,
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

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.comparison._statistics import win_tie_loss
    >>> scores = pd.DataFrame({"a": [0.9, 0.8, 0.7, 0.9], "b": [0.8, 0.8, 0.8, 0.8]})
    >>> win_tie_loss(scores, "b", tolerance=0.01)[["win", "tie", "loss"]]
       win  tie  loss
    a    2    1     1
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


def _standard_error(values: np.ndarray, test_share: float) -> float:
    return float(np.sqrt((1 / len(values) + test_share) * values.var(ddof=1)))
