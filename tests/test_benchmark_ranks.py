"""Ranks over many data sets: against a published table, SciPy and scikit-posthocs."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from focalsk.displays._statistics import holm

# SciPy up to 1.12 says that it takes what newer ones take as well.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Exact p-value calculation does not work"),
    pytest.mark.filterwarnings("ignore:Sample size too small for normal approximation"),
]

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
SCORES = np.random.default_rng(0).normal([0, 0.1, 2, 2], size=(30, 4))
SCORES = pd.DataFrame(SCORES, columns=[*"abc", "smote"])


@pytest.fixture(scope="module")
def ranks():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
        import _ranks

        yield _ranks
    sys.modules.pop("_ranks", None)


def test_ranks_of_demsar(ranks):
    test = ranks.rank_over_datasets(DEMSAR)
    expected = {"C4.5+m+cf": 1.964, "C4.5+m": 2.0, "C4.5+cf": 2.893, "C4.5": 3.143}
    assert test.mean_ranks.round(3).to_dict() == expected
    assert list(test.mean_ranks.index) == list(expected)
    assert test.critical_difference == pytest.approx(1.25, abs=0.005)
    assert test.n_datasets == 14
    expected = stats.friedmanchisquare(*DEMSAR.to_numpy().T)
    assert (test.statistic, test.p_value) == tuple(expected)


def test_p_value_at_the_critical_difference_is_the_level(ranks):
    for level in (0.05, 0.1):
        test = ranks.rank_over_datasets(DEMSAR, level=level)
        gaps = np.subtract.outer(*[test.mean_ranks.to_numpy()] * 2)
        significant = np.abs(gaps) > test.critical_difference
        assert_array_equal(test.p_values < level, significant)
        assert significant.any() == (level == 0.1)


def test_p_values_are_those_of_scikit_posthocs(ranks):
    posthocs = pytest.importorskip("scikit_posthocs")
    test = ranks.rank_over_datasets(DEMSAR)
    expected = posthocs.posthoc_nemenyi_friedman(DEMSAR)
    expected = expected.loc[test.p_values.index, test.p_values.columns]
    assert_allclose(test.p_values, expected, atol=1e-6)


def test_losses_rank_the_other_way_round(ranks):
    test, mirrored = (
        ranks.rank_over_datasets(DEMSAR),
        ranks.rank_over_datasets(-DEMSAR, greater_is_better=False),
    )
    pd.testing.assert_series_equal(test.mean_ranks, mirrored.mean_ranks)


@pytest.mark.parametrize("greater_is_better", [True, False])
def test_failure_ranks_last(ranks, greater_is_better):
    scores = pd.DataFrame({"a": [1.0, np.nan], "b": [2.0, 2.0], "c": [3.0, 3.0]})
    test = ranks.rank_over_datasets(scores, greater_is_better=greater_is_better)
    assert test.mean_ranks["a"] == (3 if greater_is_better else 2)


@pytest.mark.parametrize(("rows", "columns"), [(1, 4), (14, 2)])
def test_ranks_need_sets_and_methods(ranks, rows, columns):
    with pytest.raises(ValueError, match=f"Got {rows} and {columns} instead"):
        ranks.rank_over_datasets(DEMSAR.iloc[:rows, :columns])


def test_wins_ties_and_losses_by_hand(ranks):
    counts = ranks.win_tie_loss(DEMSAR, "C4.5")
    assert counts.loc["C4.5+m", ["win", "tie", "loss"]].tolist() == [10, 2, 2]
    assert counts.loc["C4.5+m+cf", ["win", "tie", "loss"]].tolist() == [11, 1, 2]
    counts = ranks.win_tie_loss(DEMSAR, "C4.5", tolerance=0.0085)
    assert counts.loc["C4.5+m", ["win", "tie", "loss"]].tolist() == [7, 7, 0]
    gains = DEMSAR["C4.5+m"] - DEMSAR["C4.5"]
    assert counts.loc["C4.5+m", "difference"] == gains.median()


def test_wins_of_one_are_losses_of_the_other(ranks):
    one, other = ranks.win_tie_loss(DEMSAR, "C4.5"), ranks.win_tie_loss(DEMSAR, "C4.5+m")
    assert one.loc["C4.5+m", ["win", "loss"]].tolist() == (
        other.loc["C4.5", ["loss", "win"]].tolist()
    )
    mirrored = ranks.win_tie_loss(-DEMSAR, "C4.5", greater_is_better=False)
    assert_array_equal(one[["win", "tie", "loss"]], mirrored[["win", "tie", "loss"]])
    assert_allclose(one["difference"], -mirrored["difference"])


def test_signed_ranks_are_those_of_scipy(ranks):
    p_values = [
        stats.wilcoxon(DEMSAR[name] - DEMSAR["C4.5"], zero_method="zsplit").pvalue
        for name in DEMSAR.columns[1:]
    ]
    assert_allclose(ranks.win_tie_loss(DEMSAR, "C4.5")["p_value"], holm(p_values))


def test_differences_that_are_not_significant_are_ties(ranks):
    p_values = pd.DataFrame(0.5, DEMSAR.index, DEMSAR.columns)
    p_values.loc[0, "C4.5+m"] = 0.01
    counts = ranks.win_tie_loss(DEMSAR, "C4.5", p_values=p_values)
    assert counts.loc["C4.5+m", ["win", "tie", "loss"]].tolist() == [1, 13, 0]
    assert counts.loc["C4.5+cf", ["win", "tie", "loss"]].tolist() == [0, 14, 0]


def test_failure_loses(ranks):
    scores = pd.DataFrame({"a": [np.nan, np.nan, 0.9], "b": [0.5, np.nan, np.nan]})
    p_values = pd.DataFrame(np.nan, scores.index, scores.columns)
    for tests in (None, p_values):
        counts = ranks.win_tie_loss(scores, "b", p_values=tests)
        assert counts.loc["a", ["win", "tie", "loss"]].tolist() == [1, 1, 1]


def test_equal_methods_have_no_p_value_to_speak_of(ranks):
    scores = pd.DataFrame({"a": [0.5, 0.6], "b": [0.5, 0.6]})
    assert ranks.win_tie_loss(scores, "b").loc["a", "p_value"] == 1


def test_unknown_reference_is_refused(ranks):
    with pytest.raises(ValueError, match=r"reference must be a column of scores\. Got 'd' instead"):
        ranks.win_tie_loss(DEMSAR, "d")


def test_diagram_names_the_methods_with_their_ranks(ranks):
    test = ranks.rank_over_datasets(SCORES)
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    ax = Figure(figsize=(8, 2)).subplots()
    assert ranks.plot_critical_difference(test, ax=ax) is ax
    texts = " ".join(text.get_text() for text in ax.texts)
    for name, rank in test.mean_ranks.items():
        assert name in texts
        assert f"({rank:.1f})" in texts


def test_without_matplotlib_the_error_says_what_to_install(ranks, monkeypatch):
    test = ranks.rank_over_datasets(SCORES)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'focalsk\[plot\]'"):
        ranks.plot_critical_difference(test)
