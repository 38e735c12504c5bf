"""Tests over folds and over data sets: against formulas, libraries and simulated nothing."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.model_selection import RepeatedKFold

from focalsk.comparison._statistics import (
    corrected_interval,
    corrected_ttest,
    holm,
    rank_over_datasets,
    win_tie_loss,
)

FOLDS = arrays(float, st.integers(3, 30), elements=st.floats(-1, 1, width=16), unique=True)

# AUC of C4.5 without and with tuned parameters: table 6 of Demšar (2006), who ranks the one but
# last data set by digits that the table does not show.
DEMSAR = pd.DataFrame(
    {
        "C4.5": "763 599 954 628 882 936 661 583 775 1000 940 619 972 957",
        "C4.5+m": "768 591 971 661 888 931 668 583 838 1000 962 666 981 978",
        "C4.5+cf": "771 590 968 654 886 916 609 563 866 1000 965 614 975.01 946",
        "C4.5+m+cf": "798 569 967 657 898 931 685 625 875 1000 962 669 975 970",
    }.items(),
    columns=["method", "scores"],
)
DEMSAR = DEMSAR.set_index("method")["scores"].str.split(expand=True).astype(float).T / 1000

# One data set ----------------------------------------------------------------------------------


@given(FOLDS)
def test_without_overlap_they_are_the_ordinary_ones(values):
    expected = stats.ttest_1samp(values, 0)
    assert corrected_ttest(values, test_share=0) == pytest.approx(expected.pvalue)
    assert_allclose(corrected_interval(values, test_share=0), expected.confidence_interval(0.95))


@given(FOLDS, st.floats(0, 1))
def test_variance_grows_by_the_test_share(values, share):
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


# Many data sets --------------------------------------------------------------------------------


def test_ranks_of_demsar():
    test = rank_over_datasets(DEMSAR)
    expected = {"C4.5+m+cf": 1.964, "C4.5+m": 2.0, "C4.5+cf": 2.893, "C4.5": 3.143}
    assert test.mean_ranks.round(3).to_dict() == expected
    assert list(test.mean_ranks.index) == list(expected)
    assert test.critical_difference == pytest.approx(1.25, abs=0.005)
    assert test.n_datasets == 14
    expected = stats.friedmanchisquare(*DEMSAR.to_numpy().T)
    assert (test.statistic, test.p_value) == tuple(expected)


def test_p_value_at_the_critical_difference_is_the_level():
    for level in (0.05, 0.1):
        test = rank_over_datasets(DEMSAR, level=level)
        gaps = np.subtract.outer(*[test.mean_ranks.to_numpy()] * 2)
        significant = np.abs(gaps) > test.critical_difference
        assert_array_equal(test.p_values < level, significant)
        assert significant.any() == (level == 0.1)


def test_p_values_are_those_of_scikit_posthocs():
    posthocs = pytest.importorskip("scikit_posthocs")
    test = rank_over_datasets(DEMSAR)
    expected = posthocs.posthoc_nemenyi_friedman(DEMSAR)
    expected = expected.loc[test.p_values.index, test.p_values.columns]
    assert_allclose(test.p_values, expected, atol=1e-6)


def test_losses_rank_the_other_way_round():
    test, mirrored = (
        rank_over_datasets(DEMSAR),
        rank_over_datasets(-DEMSAR, greater_is_better=False),
    )
    pd.testing.assert_series_equal(test.mean_ranks, mirrored.mean_ranks)


@pytest.mark.parametrize("greater_is_better", [True, False])
def test_failure_ranks_last(greater_is_better):
    scores = pd.DataFrame({"a": [1.0, np.nan], "b": [2.0, 2.0], "c": [3.0, 3.0]})
    test = rank_over_datasets(scores, greater_is_better=greater_is_better)
    assert test.mean_ranks["a"] == (3 if greater_is_better else 2)


@pytest.mark.parametrize(("rows", "columns"), [(1, 4), (14, 2)])
def test_ranks_need_sets_and_methods(rows, columns):
    with pytest.raises(ValueError, match=f"Got {rows} and {columns} instead"):
        rank_over_datasets(DEMSAR.iloc[:rows, :columns])


def test_wins_ties_and_losses_by_hand():
    counts = win_tie_loss(DEMSAR, "C4.5")
    assert counts.loc["C4.5+m", ["win", "tie", "loss"]].tolist() == [10, 2, 2]
    assert counts.loc["C4.5+m+cf", ["win", "tie", "loss"]].tolist() == [11, 1, 2]
    counts = win_tie_loss(DEMSAR, "C4.5", tolerance=0.0085)
    assert counts.loc["C4.5+m", ["win", "tie", "loss"]].tolist() == [7, 7, 0]
    gains = DEMSAR["C4.5+m"] - DEMSAR["C4.5"]
    assert counts.loc["C4.5+m", "difference"] == gains.median()


def test_wins_of_one_are_losses_of_the_other():
    one, other = win_tie_loss(DEMSAR, "C4.5"), win_tie_loss(DEMSAR, "C4.5+m")
    assert one.loc["C4.5+m", ["win", "loss"]].tolist() == (
        other.loc["C4.5", ["loss", "win"]].tolist()
    )
    mirrored = win_tie_loss(-DEMSAR, "C4.5", greater_is_better=False)
    assert_array_equal(one[["win", "tie", "loss"]], mirrored[["win", "tie", "loss"]])
    assert_allclose(one["difference"], -mirrored["difference"])


def test_signed_ranks_are_those_of_scipy():
    p_values = [
        stats.wilcoxon(DEMSAR[name] - DEMSAR["C4.5"], zero_method="zsplit").pvalue
        for name in DEMSAR.columns[1:]
    ]
    assert_allclose(win_tie_loss(DEMSAR, "C4.5")["p_value"], holm(p_values))


def test_differences_that_are_not_significant_are_ties():
    p_values = pd.DataFrame(0.5, DEMSAR.index, DEMSAR.columns)
    p_values.loc[0, "C4.5+m"] = 0.01
    counts = win_tie_loss(DEMSAR, "C4.5", p_values=p_values)
    assert counts.loc["C4.5+m", ["win", "tie", "loss"]].tolist() == [1, 13, 0]
    assert counts.loc["C4.5+cf", ["win", "tie", "loss"]].tolist() == [0, 14, 0]


def test_failure_loses():
    scores = pd.DataFrame({"a": [np.nan, np.nan, 0.9], "b": [0.5, np.nan, np.nan]})
    p_values = pd.DataFrame(np.nan, scores.index, scores.columns)
    for tests in (None, p_values):
        counts = win_tie_loss(scores, "b", p_values=tests)
        assert counts.loc["a", ["win", "tie", "loss"]].tolist() == [1, 1, 1]


def test_equal_methods_have_no_p_value_to_speak_of():
    scores = pd.DataFrame({"a": [0.5, 0.6], "b": [0.5, 0.6]})
    assert win_tie_loss(scores, "b").loc["a", "p_value"] == 1


def test_unknown_reference_is_refused():
    with pytest.raises(ValueError, match=r"reference must be a column of scores\. Got 'd' instead"):
        win_tie_loss(DEMSAR, "d")
