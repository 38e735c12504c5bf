"""Pictures: they show what the comparison holds, and can be read."""

import sys
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from _synthetic import METHODS, make_comparison
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_curve

from focalsk.comparison._displays import (
    PLOTS,
    STYLES,
    draw,
    figure_size,
    relative_cost,
    representatives,
)
from focalsk.comparison._methods import METHODS as BUILT_IN
from focalsk.comparison._methods import family_of
from focalsk.displays import reliability_curve

pytest.importorskip("matplotlib")
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

THREE = {"labels": (0, 1, 2), "shares": (0.6, 0.1, 0.3)}


@pytest.fixture(scope="module")
def binary():
    return make_comparison(fail=[("cross-entropy-balanced", 0)])


@pytest.fixture(scope="module")
def three():
    return make_comparison({"cross-entropy": (2.0, 1.0), "smote": (1.0, 2.0)}, **THREE)


def drawn(comparison, kind):
    figure = Figure(figsize=figure_size(comparison, kind), layout="constrained")
    return draw(comparison, kind, figure.subplots())


def curves(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def pooled(comparison, method, column):
    folds = [said for said in comparison.predictions_ if said.method == method]
    truth = np.concatenate([comparison.y_[said.test] for said in folds])
    proba = np.concatenate([said.proba[:, column] for said in folds])
    return truth == comparison.classes_[column], proba


# Cost ------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=30).filter(
        lambda pairs: len({truth for truth, _ in pairs}) == 2
    ),
    st.floats(0.01, 100),
)
def test_cost_is_that_of_the_confusion_matrix(pairs, ratio):
    truth, proba = map(np.array, zip(*pairs, strict=True))
    (_, alarms), (misses, _) = confusion_matrix(truth, proba >= 1 / (1 + ratio))
    blind = min(truth.sum() * ratio, (~truth).sum())
    assert_allclose(relative_cost(truth, proba, [ratio]), (misses * ratio + alarms) / blind)


def test_true_probabilities_cost_least():
    rng = np.random.default_rng(0)
    proba = rng.beta(0.5, 2, 20_000)
    truth = rng.random(len(proba)) < proba
    ratios = [1, 3, 10, 30]
    honest = relative_cost(truth, proba, ratios)
    assert (honest <= 1).all()
    for wrong in (np.sqrt(proba), proba**2, (proba > 0.5).astype(float)):
        assert (relative_cost(truth, wrong, ratios) >= honest).all()


# Choice ----------------------------------------------------------------------------------------


def test_best_of_each_family_and_the_yardstick_are_shown(binary):
    order = [name for name in binary.summary().index if name in representatives(binary)]
    assert representatives(binary) == order
    shown = set(order)
    assert "cross-entropy" in shown
    for family in STYLES:
        members = [name for name in binary.summary().index if family_of(name) == family]
        assert not members or members[0] in shown
    assert len(shown) <= len(STYLES) + 1


def test_families_are_those_of_the_registry():
    assert {family_of(name) for name in BUILT_IN} == set(STYLES) - {"other"}
    assert family_of("my own") == "other"


def test_curves_are_about_the_second_or_the_rarest_class(binary, three):
    assert binary.positive_class_ == "rare & <bad>"
    assert three.positive_class_ == 1


# Pictures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PLOTS)
def test_every_kind_is_drawn(binary, kind, tmp_path):
    ax = drawn(binary, kind)
    assert ax.get_xlabel()
    assert ax.get_legend() is not None
    ax.figure.savefig(tmp_path / "picture.svg")  # nothing in it stops matplotlib


@pytest.mark.parametrize("kind", [kind for kind in PLOTS if kind != "cost"])
def test_every_kind_but_cost_knows_three_classes(three, kind):
    assert drawn(three, kind).lines


def test_cost_needs_two_classes(three):
    with pytest.raises(ValueError, match=r"kind='cost' .* needs two classes. Got 3"):
        drawn(three, "cost")


def test_ranking_has_a_row_for_each_method_the_best_on_top(binary):
    ax = drawn(binary, "ranking")
    summary = binary.summary()
    names = [label.get_text().removesuffix(" (1 failed)") for label in ax.get_yticklabels()]
    assert names == list(summary.index)
    assert ax.get_yticklabels()[-1].get_text() == "cross-entropy-balanced (1 failed)"
    top, bottom = ax.transData.transform([(0, 0), (0, len(names) - 1)])[:, 1]
    assert top > bottom
    markers = [line for line in ax.lines if len(line.get_xdata()) == 1]
    for line, (method, row) in zip(markers, summary.iterrows(), strict=True):
        assert line.get_xdata()[0] == row["mean"]
        assert line.get_color() == STYLES[family_of(method)][0]
        assert (line.get_markerfacecolor() == "white") == (row["p_value"] < 0.05)


def test_interval_beyond_the_range_of_the_metric_is_cut():
    comparison = make_comparison({"boosting": (4.0, 1.0), "smote": (0.5, 1.0)}, n=60)
    assert comparison.summary()["high"].max() > 1.01
    low, high = drawn(comparison, "ranking").get_xlim()
    assert low >= -0.01
    assert high <= 1.01


@pytest.mark.parametrize("data", ["binary", "three"])
def test_curves_are_those_of_scikit_learn(data, request):
    comparison = request.getfixturevalue(data)
    precisions = curves(drawn(comparison, "precision-recall"))
    calibrations = curves(drawn(comparison, "calibration"))
    for method in representatives(comparison):
        truth, proba = pooled(comparison, method, 1)
        precision, recall, _ = precision_recall_curve(truth, proba, drop_intermediate=True)
        assert_array_equal(precisions[method].get_data(), [recall, precision])
        observed, said = calibration_curve(truth, proba, n_bins=10, strategy="quantile")
        if truth.mean() < 0.2:  # then each point has as many positive samples
            said, observed = reliability_curve(truth, proba, strategy="positives")
        ax = calibrations[method].axes
        drawn_at = np.clip(said, *ax.get_xlim()), np.clip(observed, *ax.get_ylim())
        assert_allclose(calibrations[method].get_data(), drawn_at)


def test_costs_are_drawn_around_the_ratio_of_the_classes(binary):
    lines = curves(drawn(binary, "cost"))
    for method in representatives(binary):
        ratios, cost = lines[method].get_data()
        assert_allclose(cost, relative_cost(*pooled(binary, method, 1), ratios))
        assert ratios[0] <= 0.8 / 0.2 / 10 + 1e-9
        assert ratios[-1] >= 10 * 0.8 / 0.2 - 1e-9


@pytest.mark.slow
def test_names_of_all_methods_lie_apart():
    # As crowded as real results: many methods between two clusters.
    rng = np.random.default_rng(0)
    methods = {name: (rng.uniform(1, 2), rng.uniform(0.5, 4)) for name in BUILT_IN}
    ax = drawn(make_comparison(methods, n=100, folds=2), "trade-off")
    names = [text for text in ax.texts if isinstance(text, Annotation)]
    assert {text.get_text() for text in names} == set(BUILT_IN)
    boxes = [Text.get_window_extent(text) for text in names]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    markers = [ax.transData.transform(line.get_xydata()) for line in ax.lines]
    assert not any(box.count_contains(np.concatenate(markers)) for box in boxes)
    assert all(ax.bbox.containsx(box.x0) and ax.bbox.containsx(box.x1) for box in boxes)


def test_trade_off_shows_tuned_decisions_where_there_are_any(binary):
    tuned = drawn(binary, "trade-off")
    plain = drawn(make_comparison({"smote": (1.0, 1.0)}, tuned=False), "trade-off")
    names = ("ece", "balanced_accuracy", "balanced_accuracy_tuned")
    means = pd.DataFrame({name: binary.summary(name)["mean"] for name in names})
    singles = [line for line in tuned.lines if len(line.get_xdata()) == 1]
    points = {(line.get_xdata()[0], line.get_ydata()[0]) for line in singles}
    for method in METHODS:
        row = means.loc[method]
        for name in ("balanced_accuracy", "balanced_accuracy_tuned"):
            assert (max(row["ece"], 1e-3), row[name]) in points
    assert len(plain.lines) == 2  # a point, and one for the legend


def test_colours_are_okabe_and_itos():
    palette = {"#0072B2", "#56B4E9", "#D55E00", "#009E73", "#E69F00", "#CC79A7"}
    assert {to_hex(color).upper() for color, _ in STYLES.values()} == palette
    assert len({marker for _, marker in STYLES.values()}) == len(STYLES)


# Refusals --------------------------------------------------------------------------------------


def test_unknown_kind_is_refused(binary):
    with pytest.raises(ValueError, match=r"kind must be among 'ranking'.* Got 'roc' instead"):
        draw(binary, "roc")


def test_without_matplotlib_the_error_says_what_to_install(binary, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'focalsk\[plot\]'"):
        draw(binary, "ranking")
