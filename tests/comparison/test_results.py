"""Comparison: what the folds add up to, and what is told of it."""

import numpy as np
import pandas as pd
import pytest
from _synthetic import METHODS, make_comparison
from numpy.testing import assert_allclose
from scipy import stats

from focalsk.comparison import METHODS as BUILT_IN
from focalsk.comparison import METRICS, Comparison, corrected_interval, corrected_ttest
from focalsk.comparison._folds import Failure
from focalsk.displays._statistics import holm

SHARE = 1 / 2  # test over training samples of three folds


@pytest.fixture(scope="module")
def comparison():
    return make_comparison()


@pytest.fixture(scope="module")
def failing():
    fail = [("focal-balanced", 1), *(("boosting", i) for i in range(3))]
    return make_comparison(fail=fail)


def scores(comparison, metric, method):
    rows = comparison.results_.query("metric == @metric and method == @method")
    return rows.sort_values(["repeat", "fold"])["value"].to_numpy()


# Summary ---------------------------------------------------------------------------------------


def test_results_have_a_row_for_each_fold_and_metric(comparison):
    assert len(comparison.results_) == len(METHODS) * 3 * len(METRICS)
    assert not comparison.results_.duplicated(["method", "repeat", "fold", "metric"]).any()


@pytest.mark.parametrize("metric", ["average_precision", "brier"])
def test_summary_holds_means_intervals_and_tests(comparison, metric):
    summary = comparison.summary(metric)
    best = summary.index[0]
    for method, row in summary.iterrows():
        values = scores(comparison, metric, method)
        assert row["mean"] == pytest.approx(values.mean())
        assert_allclose(row[["low", "high"]].astype(float), corrected_interval(values, SHARE))
    p_values = [
        corrected_ttest(scores(comparison, metric, best) - scores(comparison, metric, name), SHARE)
        for name in summary.index[1:]
    ]
    assert_allclose(summary["p_value"].iloc[1:], holm(p_values))
    assert np.isnan(summary["p_value"].iloc[0])
    assert (summary["failed"] == 0).all()


@pytest.mark.parametrize("metric", ["average_precision", "brier"])
def test_best_stands_first(comparison, metric):
    means = comparison.summary(metric)["mean"]
    greater = METRICS[metric].greater_is_better
    assert means.is_monotonic_decreasing if greater else means.is_monotonic_increasing
    if metric == comparison.scoring:
        assert comparison.best_ == means.index[0]


def test_ranks_are_means_over_the_folds(comparison):
    table = np.array([scores(comparison, "ece", method) for method in METHODS])
    ranks = stats.rankdata(table, axis=0).mean(axis=1)
    assert_allclose(comparison.summary("ece")["rank"].reindex(METHODS), ranks)


def test_repetitions_count_as_folds():
    comparison = make_comparison({"boosting": (2.0, 1.0), "smote": (1.0, 1.0)}, folds=2, repeats=2)
    assert comparison.n_folds_ == 4
    values = scores(comparison, "mcc", "smote")
    assert len(values) == 4
    assert comparison.summary("mcc").loc["smote", "low"] == corrected_interval(values, 1.0)[0]


def test_what_failed_stands_last_and_is_not_tested(failing):
    summary = failing.summary()
    assert list(summary.index[-2:]) == ["focal-balanced", "boosting"]
    assert summary["failed"].iloc[-2:].tolist() == [1, 3]
    assert summary[["rank", "p_value"]].iloc[-2:].isna().all(axis=None)
    values = scores(failing, "average_precision", "focal-balanced")
    assert len(values) == 2
    assert summary.loc["focal-balanced", "mean"] == pytest.approx(values.mean())
    assert np.isnan(summary.loc["boosting", "mean"])
    assert failing.n_folds_ == 3
    assert set(failing.failures_["method"]) == {"focal-balanced", "boosting"}


def test_best_never_failed():
    methods = {"boosting": (4.0, 1.0), "smote": (1.0, 1.0)}
    assert make_comparison(methods).best_ == "boosting"
    assert make_comparison(methods, fail=[("boosting", 0)]).best_ == "smote"
    # Where all failed somewhere, it is the best of the others' folds.
    assert make_comparison(methods, fail=[("boosting", 0), ("smote", 1)]).best_ == "boosting"


def test_nothing_but_failures_is_an_error():
    failures = [Failure("smote", 0, 0, "ValueError: too few"), Failure("smote", 0, 1, "other")]
    with pytest.raises(RuntimeError, match="Every method failed; 'smote' with ValueError: too few"):
        Comparison(failures, np.array([0, 1]), {"smote": None}, "mcc")


def test_unknown_metric_is_refused(comparison):
    with pytest.raises(ValueError, match=r"metric must be among 'average_precision'.* Got 'auc'"):
        comparison.summary("auc")


def test_metric_of_tuned_decisions_needs_them():
    comparison = make_comparison({"smote": (2.0, 1.0)}, tuned=False)
    with pytest.raises(ValueError, match=r"'mcc_tuned' is of tuned decisions, and .* tuned none"):
        comparison.summary("mcc_tuned")


# Against one -----------------------------------------------------------------------------------


def test_against_tests_each_method_with_one(comparison):
    tests = comparison.against("smote", "brier")
    assert list(tests.index) == [name for name in METHODS if name != "smote"]
    for method, row in tests.iterrows():
        gains = scores(comparison, "brier", method) - scores(comparison, "brier", "smote")
        assert row["difference"] == pytest.approx(gains.mean())
        assert row["p_value"] == pytest.approx(corrected_ttest(gains, SHARE))
        assert_allclose(row[["low", "high"]].astype(float), corrected_interval(gains, SHARE))


def test_against_is_antisymmetric(comparison):
    one = comparison.against("smote").loc["boosting"]
    other = comparison.against("boosting").loc["smote"]
    assert_allclose(one[["difference", "low", "high"]], -other[["difference", "high", "low"]])
    assert one["p_value"] == pytest.approx(other["p_value"])


def test_against_leaves_out_what_failed(failing):
    tests = failing.against("smote")
    assert tests.loc[["focal-balanced", "boosting"]].isna().all(axis=None)
    assert tests.drop(["focal-balanced", "boosting"]).notna().all(axis=None)
    assert failing.against("boosting").isna().all(axis=None)


def test_unknown_reference_is_refused(comparison):
    with pytest.raises(ValueError, match=r"reference must be among 'cross-entropy'.* Got 'tree'"):
        comparison.against("tree")


# Shown -----------------------------------------------------------------------------------------


def test_repr_names_the_best(comparison):
    mean = comparison.summary()["mean"].iloc[0]
    text = repr(comparison)
    assert f"{len(METHODS)} methods over 3 folds" in text
    assert f"best by AP: {comparison.best_!r}, {mean:.3f} [" in text


def test_html_repr_is_escaped(comparison):
    html = comparison._repr_html_()
    assert "my own &lt;net&gt;" in html
    assert "<net>" not in html
    assert "&lt;Comparison of" in html


def test_table_is_that_of_the_report_module(comparison):
    assert comparison.table(["mcc"]).splitlines()[0].split() == ["method", "MCC", "↑", "fit", "s"]


@pytest.mark.slow
def test_default_table_of_all_methods_fits_a_terminal():
    comparison = make_comparison(dict.fromkeys(BUILT_IN, (2.0, 1.0)), n=100, folds=2)
    for metric in ["average_precision", "log_loss"]:
        comparison.scoring = metric
        assert max(map(len, comparison.table().splitlines()[:-1])) <= 100


def test_plot_draws_on_the_axes_given_or_on_new_ones(comparison):
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert comparison.plot("calibration", ax=ax) is ax
    assert len(ax.lines) > 2
    ax = comparison.plot()
    assert len(ax.get_yticklabels()) == len(METHODS)
    pyplot.close(ax.figure)


def test_report_is_written(comparison, tmp_path, monkeypatch):
    monkeypatch.setattr("focalsk.comparison._report._picture", lambda *_: "data:,")  # slow
    comparison.to_html(tmp_path / "report.html", title="Wine & more")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h1>Wine &amp; more</h1>" in text


def test_summary_is_a_frame_that_can_be_saved(comparison, tmp_path):
    comparison.summary().to_csv(tmp_path / "summary.csv")
    again = pd.read_csv(tmp_path / "summary.csv", index_col="method")
    pd.testing.assert_frame_equal(again, comparison.summary())
