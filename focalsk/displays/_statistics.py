"""Is one method better than another? Tests over the folds of a data set."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from focalsk.displays._checks import check_axis, check_number, real_numbers

__all__ = ["LEVEL", "corrected_interval", "corrected_ttest", "holm"]

#: p-values below it are significant.
LEVEL = 0.05


def corrected_interval(
    values: ArrayLike, test_train_ratio: float, level: float = 0.95
) -> tuple[float, float]:
    """Confidence interval of the mean over folds whose training samples overlap.

    The variance is enlarged by ``n_test / n_train``, as Nadeau and Bengio [1]_ propose: folds are
    not independent, and the usual interval is far too narrow.

    Parameters
    ----------
    values : array-like of shape (n_folds,)
        One score for each fold of all repetitions.
    test_train_ratio : float
        Number of test samples over that of training samples.
    level : float, default=0.95
        Confidence, in [0, 1].

    Returns
    -------
    low, high : float
        NaN with less than two folds.

    Raises
    ------
    ValueError
        If `test_train_ratio` is negative or not finite, or `level` is not in [0, 1].
    TypeError
        If `values` are no numbers.

    References
    ----------
    .. [1] Nadeau, C. and Bengio, Y. (2003). "Inference for the generalization error". Machine
       Learning 52.

    Examples
    --------
    >>> from focalsk.displays import corrected_interval
    >>> low, high = corrected_interval([0.5, 0.6, 0.7, 0.6, 0.6], test_train_ratio=0.25)
    >>> f"{low:.3f} to {high:.3f}"
    '0.468 to 0.732'
    """
    check_number(level, "level", 0, 1, ends=True)
    values = _folds(values, "values", test_train_ratio)
    if len(values) < 2:
        return np.nan, np.nan
    half = _standard_error(values, test_train_ratio) * stats.t.ppf((1 + level) / 2, len(values) - 1)
    return float(values.mean() - half), float(values.mean() + half)


def corrected_ttest(differences: ArrayLike, test_train_ratio: float) -> float:
    """Corrected resampled paired t-test of Nadeau and Bengio (2003), two-sided.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        Score of one method minus that of the other on the same fold.
    test_train_ratio : float
        Number of test samples over that of training samples.

    Returns
    -------
    float
        p-value; 1 if there is no difference at all, NaN with less than two folds.

    Raises
    ------
    ValueError
        If `test_train_ratio` is negative or not finite.
    TypeError
        If `differences` are no numbers.

    Examples
    --------
    >>> from focalsk.displays import corrected_ttest
    >>> round(corrected_ttest([0.1, 0.2, 0.1, 0.3, 0.2], test_train_ratio=0.25), 3)
    0.033
    """
    differences = _folds(differences, "differences", test_train_ratio)
    if len(differences) < 2:
        return np.nan
    error = _standard_error(differences, test_train_ratio)
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
    >>> from focalsk.displays._statistics import holm
    >>> holm([0.01, 0.04, 0.03]).round(2)
    array([0.03, 0.06, 0.06])
    """
    p_values = np.asarray(p_values, dtype=float)
    adjusted = p_values.copy()
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]  # NaN comes last
    left = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p_values[order] * left))
    return adjusted


def _folds(values: ArrayLike, name: str, test_train_ratio: float) -> np.ndarray:
    """A number for each fold."""
    check_number(test_train_ratio, "test_train_ratio", 0, np.finfo(float).max, ends=True)
    numbers = real_numbers(values, name)
    check_axis(numbers, name, numbers.size)
    return numbers


def _standard_error(values: np.ndarray, test_train_ratio: float) -> float:
    return float(np.sqrt((1 / len(values) + test_train_ratio) * values.var(ddof=1)))
