"""Tests over folds: against formulas, libraries and simulated nothing."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.model_selection import RepeatedKFold

from focalsk.displays._statistics import (
    corrected_interval,
    corrected_ttest,
    holm,
)

FOLDS = arrays(float, st.integers(3, 30), elements=st.floats(-1, 1, width=16), unique=True)

# One data set ----------------------------------------------------------------------------------


@given(FOLDS)
def test_without_overlap_they_are_the_ordinary_ones(values):
    expected = stats.ttest_1samp(values, 0)
    assert corrected_ttest(values, test_train_ratio=0) == pytest.approx(expected.pvalue)
    assert_allclose(
        corrected_interval(values, test_train_ratio=0), expected.confidence_interval(0.95)
    )


@given(FOLDS, st.floats(0, 1))
def test_variance_grows_by_the_test_train_ratio(values, share):
    n = len(values)
    error = np.sqrt((1 / n + share) * np.var(values, ddof=1))
    half = stats.t(n - 1).ppf(0.975) * error
    low, high = corrected_interval(values, share)
    assert_allclose([low, high], [values.mean() - half, values.mean() + half], atol=1e-12)
    p_value = 2 * stats.t(n - 1).sf(abs(values.mean() / error))
    assert corrected_ttest(values, share) == pytest.approx(p_value)


@given(FOLDS, st.floats(0, 1))
def test_interval_holds_what_the_test_does_not_reject(values, share):
    p_value = corrected_ttest(values, share)
    low, high = corrected_interval(values, share, level=1 - p_value)
    assert min(abs(low), abs(high)) == pytest.approx(0, abs=1e-6)


def test_equal_methods_are_rarely_called_different():
    # Two methods that differ by luck on each sample, in 10 repetitions of 5 folds.
    rng = np.random.default_rng(0)
    tests = [test for _, test in RepeatedKFold(n_splits=5, n_repeats=10).split(np.empty(50))]
    luck = rng.normal(size=(500, 50))
    folds = np.stack([luck[:, test].mean(axis=1) for test in tests], axis=1)
    corrected = np.mean([corrected_ttest(row, 10 / 40) < 0.05 for row in folds])
    naive = np.mean(stats.ttest_1samp(folds, 0, axis=1).pvalue < 0.05)
    assert corrected < 0.07
    assert naive > 0.5


def test_one_fold_tells_nothing():
    assert np.isnan(corrected_interval([0.5], 0.25)).all()
    assert np.isnan(corrected_ttest([0.5], 0.25))


def test_constant_differences():
    assert corrected_ttest([0.0, 0.0, 0.0], 0.25) == 1
    assert corrected_ttest([0.5, 0.5, 0.5], 0.25) == 0


# Many tests ------------------------------------------------------------------------------------


def test_holm_by_hand():
    # As statsmodels' multipletests(..., method="holm") has it.
    assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_closes_bonferroni(p_values):
    # The greatest p-value of Bonferroni's test over all sets of hypotheses with this one.
    n = range(len(p_values))
    sets = [chosen for size in n for chosen in combinations(n, size + 1)]
    tests = {chosen: min(1, len(chosen) * min(p_values[i] for i in chosen)) for chosen in sets}
    expected = [max(test for chosen, test in tests.items() if i in chosen) for i in n]
    assert_allclose(holm(p_values), expected)


def test_holm_leaves_out_what_was_not_tested():
    assert_array_equal(holm([0.02, np.nan, 0.5]), [0.04, np.nan, 0.5])
    assert holm([]).shape == (0,)
