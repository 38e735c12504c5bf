"""Displays: they show what is so, mark what was decided, and refuse what they cannot show."""

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import calibration_curve
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score, recall_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from focalsk import (
    FocalEnsembleClassifier,
    FocalGridSearchCV,
    FocalNetClassifier,
    PriorCorrectedClassifier,
)
from focalsk.displays import (
    CriticalDifferenceDisplay,
    EpochsDisplay,
    GridDisplay,
    ReliabilityDisplay,
    ThresholdDisplay,
    TradeOffDisplay,
    corrected_ttest,
    expected_calibration_error,
    holm,
    reliability_curve,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def no_figure_is_left():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def data():
    return make_classification(400, weights=[0.85], class_sep=0.8, random_state=0)


@pytest.fixture(scope="module")
def ensemble(data):
    return FocalEnsembleClassifier(4, hidden_layer_sizes=(16,), max_epochs=8, random_state=0).fit(
        *data
    )


@pytest.fixture(scope="module")
def net(data):
    clf = FocalNetClassifier(alpha="balanced", max_epochs=12, early_stopping=True, random_state=0)
    return clf.fit(*data)


@pytest.fixture(scope="module")
def search(data):
    net = make_pipeline(StandardScaler(), FocalNetClassifier(max_epochs=3, random_state=0))
    grid = {"gamma": [2, 0], "alpha": [None, "balanced"], "lr": [0.001, 0.01]}
    grid = {f"focalnetclassifier__{name}": values for name, values in grid.items()}
    return FocalGridSearchCV(net, grid, scoring=["f1", "roc_auc"], refit="f1", cv=3).fit(*data)


def recall_twice(y_true, y_pred, sample_weight):
    return 2 * recall_score(y_true, y_pred, sample_weight=sample_weight)


def texts(ax):
    return [text.get_text() for text in ax.texts]


# Threshold -------------------------------------------------------------------------------------


def test_curves_are_the_metrics_of_the_decisions(data):
    _, y = data
    proba = np.random.default_rng(0).beta(1 + y, 3)
    weight = np.arange(len(y)) + 1.0
    display = ThresholdDisplay.from_predictions(
        y, proba, metrics=["f1", "balanced_accuracy"], sample_weight=weight
    )
    rows = list(zip(display.thresholds, *display.curves.values(), strict=True))
    for t, *values in rows[::12]:
        given = {"y_true": y, "y_pred": proba > t, "sample_weight": weight}
        expected = [f1_score(**given), balanced_accuracy_score(**given)]
        assert_allclose(values, expected)


@pytest.mark.parametrize(
    "decision",
    ["balanced", "mcc", ("recall", 0.7), [[0, 2], [3, 1]]],
)
def test_the_marked_threshold_is_where_the_ensemble_decides(ensemble, data, decision):
    X, y = data
    ensemble.set_params(decision=decision)
    display = ThresholdDisplay.from_estimator(ensemble, X, y, metrics="f1")
    ((_, threshold),) = display.decisions.items()
    assert_array_equal(ensemble.predict(X) == 1, ensemble.predict_proba(X)[:, 1] > threshold)
    assert display.thresholds[0] < threshold < display.thresholds[-1]
    assert f"{threshold:.2g}" in texts(display.ax_)[0]


def test_without_samples_the_ensemble_is_judged_out_of_fold(ensemble, data):
    metrics = ["mcc", recall_twice]
    own = ThresholdDisplay.from_estimator(ensemble.set_params(decision="f1"), metrics=metrics)
    proba = ensemble.oob_decision_function_[:, 1]
    same = ThresholdDisplay.from_predictions(
        data[1], proba, metrics=metrics, decisions=own.decisions
    )
    assert list(own.curves) == ["mcc", "recall_twice"]
    assert_array_equal(own.thresholds, same.thresholds)
    for name, values in own.curves.items():
        assert_array_equal(values, same.curves[name])


def test_a_threshold_needs_two_classes_and_samples(ensemble, net, data):
    X, y = data
    with pytest.raises(ValueError, match="X and y may be left out for a FocalEnsembleClassifier"):
        ThresholdDisplay.from_estimator(net)
    with pytest.raises(ValueError, match=r"two classes. Got 3"):
        ThresholdDisplay.from_predictions([0, 1, 2], [0.1, 0.2, 0.3])
    three = LogisticRegression().fit(X, np.arange(len(y)) % 3)
    with pytest.raises(ValueError, match=r"two classes. Got 3"):
        ThresholdDisplay.from_estimator(three, X, y)
    with pytest.raises(ValueError, match=r"metrics must be among .* Got 'roc' instead"):
        ThresholdDisplay.from_predictions([0, 1], [0.1, 0.2], metrics="roc")


# Grid ------------------------------------------------------------------------------------------


def test_a_cell_is_the_best_candidate_with_its_two_values(search):
    display = GridDisplay.from_estimator(search)
    results = pd.DataFrame(search.cv_results_)
    for (row, column), score in np.ndenumerate(display.scores):
        gamma = results["param_focalnetclassifier__gamma"] == display.x_values[column]
        alpha = results["param_focalnetclassifier__alpha"] == display.y_values[row]
        if display.y_values[row] is None:
            alpha = results["param_focalnetclassifier__alpha"].isna()
        assert_allclose(score, results.loc[gamma & alpha, "mean_test_f1"].max())
    assert display.x_values == [0, 2]
    assert display.y_values == [None, "balanced"]
    assert_allclose(display.scores[display.best_], search.best_score_)
    assert_array_equal(np.argwhere(np.isnan(display.p_values)), [display.best_])


def test_what_is_marked_is_what_the_test_says():
    rng = np.random.default_rng(0)
    level = {(0, "a"): 0.9, (1, "a"): 0.89, (0, "b"): 0.5, (1, "b"): 0.4}
    splits = np.array([mean + rng.normal(0, 0.01, 5) for mean in level.values()])
    splits[1] = splits[0] - [0.01, -0.01, 0.02, -0.005, 0.0]
    results = {f"split{i}_test_score": scores for i, scores in enumerate(splits.T)}
    results["params"] = [{"gamma": gamma, "alpha": alpha} for gamma, alpha in level]
    display = GridDisplay.from_cv_results(results)
    raw = [corrected_ttest(splits[0] - splits[i], 1 / 4) for i in (1, 2, 3)]
    assert_allclose([display.p_values[0, 1], *display.p_values[1]], holm(raw))
    assert display.p_values[0, 1] > 0.05 > display.p_values[1].max()
    assert len(display.ax_.collections) == 2  # the ring, and one dot


def test_a_search_of_scikit_learns_is_drawn_and_an_unknown_name_is_refused(data, search):
    found = GridSearchCV(LogisticRegression(), {"C": [0.1, 1], "fit_intercept": [True, False]})
    display = GridDisplay.from_estimator(found.fit(*data), x="C", y="fit_intercept")
    assert display.scores.shape == (2, 2)
    assert display.y_values == [True, False] or display.y_values == [False, True]
    with pytest.raises(ValueError, match=r"one parameter 'gamma'. It has \['C', 'fit_"):
        GridDisplay.from_estimator(found)
    with pytest.raises(ValueError, match=r"metric must be among \['f1', 'roc_auc'\]. Got 'score'"):
        GridDisplay.from_cv_results(search.cv_results_)


# Reliability -----------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_bins_of_a_curve_hold_all_samples(seed, n_bins):
    rng = np.random.default_rng(seed)
    proba = rng.integers(0, 20, 200) / 20
    y = rng.random(200) < 0.1 + 0.5 * proba
    predicted, observed = reliability_curve(y, proba, n_bins, "positives")
    assert len(predicted) <= n_bins
    assert (np.diff(predicted) > 0).all()
    assert ((observed >= 0) & (observed <= 1)).all()
    if n_bins == 1:
        assert_allclose([predicted[0], observed[0]], [proba.mean(), y.mean()])


def test_points_of_a_rare_class_have_as_many_positives():
    rng = np.random.default_rng(0)
    proba = rng.beta(0.5, 10, 20_000)
    y = rng.random(len(proba)) < proba
    predicted, observed = reliability_curve(y, proba, 10, "positives")
    assert len(predicted) == 10
    assert_allclose(observed, predicted, rtol=0.35)  # true probabilities, 95 positives a point
    assert_array_equal(
        reliability_curve(y, proba, 10),
        calibration_curve(y, proba, n_bins=10, strategy="quantile")[::-1],
    )


def test_what_was_corrected_is_drawn_before_and_after(net, data):
    X, y = data
    weighted = PriorCorrectedClassifier(LogisticRegression(class_weight="balanced")).fit(X, y)
    models = {"net": net, "logistic": weighted, "plain": LogisticRegression().fit(X, y)}
    display = ReliabilityDisplay.from_estimator(models, X, y)
    assert display.scale == "logit"
    assert list(display.curves) == list(models)
    assert list(display.before) == ["net", "logistic"]
    assert net.proba == "posterior"
    expected = reliability_curve(y, weighted.estimator_.predict_proba(X)[:, 1], 10, "positives")
    assert_array_equal(display.before["logistic"], expected)
    raw = FocalNetClassifier.predict_proba(net.set_params(proba="raw"), X)[:, 1]
    net.set_params(proba="posterior")
    assert_array_equal(display.before["net"], reliability_curve(y, raw, 10, "positives"))
    assert len(display.ax_.lines) == 1 + 3 + 2
    for line in display.ax_.lines[1:]:
        y_shown = line.get_ydata()
        low, high = display.ax_.get_ylim()
        assert ((y_shown >= low) & (y_shown <= high)).all()


def test_reliability_refuses_what_it_cannot_draw():
    with pytest.raises(ValueError, match="No sample is of the positive class 2"):
        ReliabilityDisplay.from_predictions([0, 1], [0.1, 0.2], pos_label=2)
    with pytest.raises(ValueError, match="before has methods that y_proba has not: \\['b'\\]"):
        ReliabilityDisplay.from_predictions([0, 1], {"a": [0.1, 0.2]}, before={"b": [0.1, 0.2]})
    with pytest.raises(ValueError, match=r"scale must be .* Got 'log' instead"):
        ReliabilityDisplay.from_predictions([0, 1], [0.1, 0.2], scale="log")
    with pytest.raises(ValueError, match=r"strategy must be .* Got 'uniform' instead"):
        reliability_curve([0, 1], [0.1, 0.2], strategy="uniform")


# Epochs ----------------------------------------------------------------------------------------


def test_the_epoch_that_was_kept_is_marked(net, data):
    display = EpochsDisplay.from_estimator(make_pipeline(StandardScaler(), net))
    assert_array_equal(display.curves["training loss"], net.loss_curve_)
    assert display.best == {"held-out loss": int(np.argmax(net.validation_scores_)) + 1}
    scored = FocalNetClassifier(
        max_epochs=5, early_stopping=True, monitor="balanced_accuracy", random_state=0
    ).fit(*data)
    display = EpochsDisplay.from_estimator(scored)
    assert display.best == {"balanced_accuracy": int(np.argmax(scored.validation_scores_)) + 1}
    assert_array_equal(display.score[1], scored.validation_scores_)
    assert len(display.figure_.axes) == 2


def test_without_held_out_samples_there_is_no_best_epoch(data):
    clf = FocalNetClassifier(max_epochs=3, random_state=0).fit(*data)
    display = EpochsDisplay.from_estimator(clf)
    assert list(display.curves) == ["training loss"]
    assert not display.best
    assert_array_equal(
        EpochsDisplay.from_history(clf.history_).curves["training loss"], clf.loss_curve_
    )
    with pytest.raises(ValueError, match="LogisticRegression has no history"):
        EpochsDisplay.from_estimator(LogisticRegression().fit(*data))


def test_all_members_are_drawn_with_their_best_epoch(ensemble):
    display = EpochsDisplay.from_estimator(ensemble)
    stars = [line for line in display.ax_.lines if line.get_marker() == "*"]
    points = sorted((line.get_xdata()[0], line.get_ydata()[0]) for line in stars)
    losses = [np.asarray(losses) for losses in ensemble.validation_loss_]
    assert points == sorted((np.nanargmin(v) + 1, np.nanmin(v)) for v in losses)
    (mean,) = display.curves.values()
    assert_allclose(mean[-1], np.mean([np.nanmin(v) for v in losses]))


# Trade-off -------------------------------------------------------------------------------------


def test_a_method_stands_where_its_numbers_are(net, data):
    X, y = data
    plain = LogisticRegression().fit(X, y)
    display = TradeOffDisplay.from_estimator({"net": net, "plain": plain}, X, y)
    for name, clf in {"net": net, "plain": plain}.items():
        error = expected_calibration_error(y, clf.predict_proba(X))
        assert display.calibration_error[name] == error
        accuracy = balanced_accuracy_score(y, clf.predict(X))
        assert_allclose(display.balanced_accuracy[name], accuracy)
    assert texts(display.ax_) == ["net", "plain"]
    low, high = display.ax_.get_xlim()
    assert high / low >= 4 - 1e-9  # no difference is blown up


# Ranks -----------------------------------------------------------------------------------------


def test_bars_join_what_does_not_differ():
    # Demšar's rule: methods whose mean ranks differ by less than the critical difference.
    ranks = pd.Series({"d": 5.0, "a": 1.0, "b": 2.0, "c": 2.9})
    display = CriticalDifferenceDisplay(mean_ranks=ranks, critical_difference=1.95).plot()
    assert display.groups_ == [["a", "b", "c"]]
    shown = " ".join(texts(display.ax_))
    assert all(f"{rank:.1f}" in shown and name in shown for name, rank in ranks.items())
    # q(0.05, 4 methods) is 2.569 in Demšar's table 5a.
    display = CriticalDifferenceDisplay.from_scores(np.random.default_rng(0).random((30, 4)))
    assert_allclose(display.critical_difference, 2.569 * np.sqrt(4 * 5 / (6 * 30)), rtol=1e-3)
    with pytest.raises(ValueError, match=r"two data sets and three methods. Got 5 and 2"):
        CriticalDifferenceDisplay.from_scores(np.zeros((5, 2)))


def test_failures_rank_last_and_losses_the_other_way():
    scores = pd.DataFrame({"a": [0.1, 0.2], "b": [0.2, np.nan], "c": [0.3, 0.4]})
    ranks = CriticalDifferenceDisplay.from_scores(scores, greater_is_better=False).mean_ranks
    assert ranks.to_dict() == {"a": 1.0, "b": 2.5, "c": 2.5}


# All -------------------------------------------------------------------------------------------


def test_pictures_go_where_they_are_told_and_can_be_drawn_again(
    net, ensemble, search, data, tmp_path
):
    X, y = data
    makers = [
        lambda ax: ThresholdDisplay.from_estimator(ensemble, metrics="f1", ax=ax),
        lambda ax: GridDisplay.from_estimator(search, ax=ax),
        lambda ax: ReliabilityDisplay.from_estimator(net, X, y, ax=ax),
        lambda ax: EpochsDisplay.from_estimator(net, ax=ax),
        lambda ax: TradeOffDisplay.from_estimator(net, X, y, ax=ax),
        lambda ax: CriticalDifferenceDisplay.from_scores(np.eye(3), ax=ax),
    ]
    figure, axes = plt.subplots(2, 3, figsize=(14, 9), layout="constrained")
    for make, ax in zip(makers, axes.flat, strict=True):
        display = make(ax)
        assert display.ax_ is ax
        assert display.figure_ is figure
        assert display.plot().ax_ is not ax
    figure.canvas.draw()


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'focalsk\[plot\]'"):
        CriticalDifferenceDisplay.from_scores(np.eye(3))
