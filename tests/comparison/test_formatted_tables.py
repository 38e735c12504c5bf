"""Tables given to the comparison: columns are told, leaks are left out, names are names."""

from html import escape

import numpy as np
import pandas as pd
import pytest
from _synthetic import make_comparison
from sklearn.linear_model import LogisticRegression

from focalsk.comparison import compare_resampling
from focalsk.tables import infer_columns

N = 120
QUICK = {"methods": {"plain": LogisticRegression()}, "cv": 2, "tune": False, "random_state": 0}


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.normal(size=N), "c": rng.choice(["a", "b"], N)})


@pytest.fixture
def y():
    return np.repeat(["no", "yes"], [90, 30])


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("row", np.random.default_rng(1).permutation(N), "'row' is left out: row numbers"),
        ("copy", np.repeat([1.0, 2.0], [90, 30]), "'copy' is left out: a copy of the target"),
        ("near", np.repeat([0.0, 9.0], [90, 30]) + np.arange(N) % 7, "'near': tells the classes"),
        ("debt", [f"{k * 37 % N + 999:,}.5" for k in range(N)], "'debt': thousands ','"),
    ],
)
def test_what_is_done_to_a_frame_is_warned_about_and_reported(
    frame, y, tmp_path, monkeypatch, name, values, message
):
    monkeypatch.setattr("focalsk.comparison._report._picture", lambda *_: "data:,")
    with pytest.warns(UserWarning, match=message):
        comparison = compare_resampling(frame.assign(**{name: values}), y, **QUICK)
    assert name in {**comparison.columns_.dropped, **comparison.columns_.notes} or name == "near"
    comparison.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "What the columns were taken for" in page
    assert name in page


def test_leaks_do_not_count(frame, y):
    leaky = frame.assign(row=np.arange(N), copy=y == "yes")
    expected = compare_resampling(frame, y, **QUICK)
    with pytest.warns(UserWarning, match="left out"):
        found = compare_resampling(leaky, y, **QUICK)
    pd.testing.assert_frame_equal(
        found.summary().drop(columns=["fit_seconds", "predict_seconds"]),
        expected.summary().drop(columns=["fit_seconds", "predict_seconds"]),
    )


def test_columns_can_be_given(frame, y):
    leaky = frame.assign(row=np.arange(N))
    columns = infer_columns(leaky, types={"row": "numeric", "c": "drop"})
    comparison = compare_resampling(leaky, y, columns=columns, **QUICK)
    assert comparison.columns_ is columns
    assert comparison.summary("roc_auc")["mean"].iloc[0] > 0.99


@pytest.mark.parametrize("kind", ["nullable", "arrow", "category", "polars"])
def test_other_frames_and_labels_give_the_same(frame, y, kind):
    expected = compare_resampling(frame, y, **QUICK)
    labels = pd.Series(y)
    if kind == "polars":
        polars = pytest.importorskip("polars")
        X = polars.DataFrame({name: frame[name].to_list() for name in frame})
        labels = polars.Series(y.tolist())
    elif kind == "arrow":
        pytest.importorskip("pyarrow")
        X, labels = frame.convert_dtypes(dtype_backend="pyarrow"), labels.astype("string[pyarrow]")
    elif kind == "category":
        X, labels = frame.astype({"c": "category"}), labels.astype("category")
    else:
        X, labels = frame.convert_dtypes(), labels.astype("string")
    found = compare_resampling(X, labels, **QUICK)
    assert not len(found.failures_)
    np.testing.assert_allclose(found.summary()["mean"], expected.summary()["mean"], atol=1e-9)


NAMES = ["$", "$$", "_a", "a_b^c", "<b>x</b>", "off 10%: $5_, not $10_", "Łódź", "\\alpha", "{0}"]


def as_shown(text):
    """A text of matplotlib's without what keeps it from being read as mathematics."""
    return text.replace(r"\$", "$").removeprefix("\u200b")


@pytest.mark.parametrize("name", NAMES)
def test_names_come_out_as_they_are_in_pictures(name):
    pytest.importorskip("matplotlib")
    methods = {name: (2.0, 1.0), "cross-entropy": (1.0, 1.0)}
    comparison = make_comparison(methods, labels=(" 0", f"{name}!"), n=60, folds=2)
    ax = comparison.plot("precision-recall")
    ax.figure.canvas.draw()
    assert name in [as_shown(text.get_text()) for text in ax.get_legend().get_texts()]
    assert f"{name}!" in as_shown(ax.get_xlabel())


@pytest.mark.slow
def test_names_come_out_as_they_are_in_reports(tmp_path):
    pytest.importorskip("matplotlib")
    methods = {name: (1 + k / 9, 1.0) for k, name in enumerate(NAMES)}
    comparison = make_comparison(methods, labels=(" 0", "$<b>x</b>_$"), n=60, folds=2)
    comparison.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<b>x</b>" not in page
    assert all(f"</span>{escape(name)}</th>" in page for name in NAMES)


# Means ------------------------------------------------------------------------------------------


def test_means_are_over_the_folds_that_all_finished():
    methods = {"a": (2.0, 1.0), "b": (1.0, 1.0), "c": (1.5, 1.0)}
    fine = make_comparison(methods, folds=4)
    failed = make_comparison(methods, folds=4, fail=[("b", 1), ("c", 2), ("c", 3), ("c", 1)])
    kept = fine.results_[fine.results_["metric"] == "average_precision"]
    means = kept[kept["fold"] != 1].groupby("method")["value"].mean()
    summary = failed.summary()
    assert summary["mean"]["a"] == pytest.approx(means["a"])
    assert summary["mean"]["b"] == pytest.approx(means["b"])
    assert np.isnan(summary["mean"]["c"])  # failed on most, and takes no folds from others
    assert summary["failed"].to_dict() == {"a": 0, "b": 1, "c": 3}
    assert failed.n_common_folds_ == 3
    assert "over the 3 of 4 folds that all methods finished" in failed.table()
    assert "b on 1 of 4 folds" in failed.table()


def test_one_that_fails_on_hard_folds_does_not_lead_by_that():
    methods = {"honest": (1.5, 1.0), "fragile": (1.4, 1.0)}
    fine = make_comparison(methods, folds=4)
    scores = fine.results_.query("metric == 'average_precision' and method == 'fragile'")
    hardest = int(scores.loc[scores["value"].idxmin(), "fold"])
    failed = make_comparison(methods, folds=4, fail=[("fragile", hardest)])
    kept = fine.results_.query("metric == 'average_precision' and fold != @hardest")
    expected = kept.groupby("method")["value"].mean()
    assert failed.summary()["mean"].to_dict() == pytest.approx(expected.to_dict())
