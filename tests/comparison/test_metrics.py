"""Metrics: scikit-learn's and imbalanced-learn's own, of decisions and of probabilities."""

import numpy as np
import pytest
from imblearn.metrics import geometric_mean_score
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    get_scorer,
    log_loss,
    matthews_corrcoef,
    roc_auc_score,
)
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB

from focalsk.comparison import METRICS, expected_calibration_error
from focalsk.comparison import _metrics as metrics_module
from focalsk.comparison._metrics import scorer_for

CV = StratifiedKFold(3, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def binary():
    return make_classification(300, weights=[0.85], flip_y=0.1, random_state=0)


def score(y, labels, proba, classes=None):
    classes = np.unique(y) if classes is None else classes
    return {name: metric.score(y, labels, proba, classes) for name, metric in METRICS.items()}


def fit_and_score(estimator, X, y):
    train, test = next(CV.split(X, y))
    fitted = estimator.fit(X[train], y[train])
    labels, proba = fitted.predict(X[test]), fitted.predict_proba(X[test])
    return y[test], labels, proba, fitted


# Against scikit-learn ---------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [[0, 1], ["no", "yes"]], ids=["int", "str"])
def test_binary_metrics_are_those_of_scikit_learn(binary, labels):
    X, y = binary
    y, predicted, proba, _ = fit_and_score(LogisticRegression(), X, np.asarray(labels)[y])
    positive, rare = proba[:, 1], labels[1]
    decisions = {
        "balanced_accuracy": balanced_accuracy_score(y, predicted),
        "f1_macro": f1_score(y, predicted, average="macro"),
        "g_mean": geometric_mean_score(y, predicted, average="multiclass"),
        "mcc": matthews_corrcoef(y, predicted),
    }
    expected = {
        "average_precision": average_precision_score(y, positive, pos_label=rare),
        "roc_auc": roc_auc_score(y == rare, positive),
        **decisions,
        **{f"{name}_tuned": value for name, value in decisions.items()},
        "brier": brier_score_loss(y, positive, pos_label=rare),
        "log_loss": log_loss(y, proba),
        "ece": expected_calibration_error(y, positive),
    }
    assert list(expected) == list(METRICS)
    assert score(y, predicted, proba) == pytest.approx(expected)


def test_multiclass_metrics_are_those_of_scikit_learn():
    y, predicted, proba, _ = fit_and_score(GaussianNB(), *load_iris(return_X_y=True))
    briers = [brier_score_loss(y == k, proba[:, k]) for k in range(3)]
    expected = {
        "average_precision": average_precision_score(y, proba),  # macro
        "roc_auc": roc_auc_score(y, proba, multi_class="ovr"),
        "balanced_accuracy": balanced_accuracy_score(y, predicted),
        "f1_macro": f1_score(y, predicted, average="macro"),
        "g_mean": geometric_mean_score(y, predicted),
        "mcc": matthews_corrcoef(y, predicted),
        "brier": np.mean(briers),
        "log_loss": log_loss(y, proba),
    }
    scores = score(y, predicted, proba)
    assert {name: scores[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("name", METRICS)
def test_searches_maximise_the_metric(binary, name):
    X, y = binary
    truth, labels, proba, fitted = fit_and_score(LogisticRegression(), X, y)
    test = next(CV.split(X, y))[1]
    searched = get_scorer(METRICS[name].scorer)(fitted, X[test], truth)
    sign = 1 if METRICS[name].greater_is_better else -1
    assert sign * searched == pytest.approx(score(truth, labels, proba)[name])


def test_class_without_test_sample_is_left_out_of_the_means():
    y, classes = np.array([0, 1, 1]), np.arange(3)
    proba = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1]])
    scores = score(y, proba.argmax(axis=1), proba, classes)
    two = [average_precision_score(y == k, proba[:, k]) for k in (0, 1)]
    assert scores["average_precision"] == np.mean(two)
    assert scores["roc_auc"] == np.mean([roc_auc_score(y == k, proba[:, k]) for k in (0, 1)])
    assert scores["brier"] == pytest.approx(((proba - np.eye(3)[y]) ** 2).sum(axis=1).mean() / 3)
    assert scores["g_mean"] == pytest.approx(np.sqrt(1 / 2))  # recalls 1 and 1/2
    assert scores["balanced_accuracy"] == 3 / 4


def test_log_loss_of_a_probability_of_zero_is_finite():
    proba = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    scores = score(np.array([1, 1, 0]), np.array([0, 1, 0]), proba)
    assert scores["log_loss"] == pytest.approx(-np.log(np.finfo(float).eps) / 3)


# Calibration error ------------------------------------------------------------------------------


def test_calibration_error_of_two_classes_by_hand():
    # Bins (0, .5] and (.5, 1]: |1/2 - .3| of two samples and |2/3 - .9| of three.
    y, proba = [0, 1, 1, 1, 0], [0.2, 0.4, 0.8, 0.9, 1.0]
    by_hand = 2 / 5 * abs(1 / 2 - 0.3) + 3 / 5 * abs(2 / 3 - 0.9)
    assert expected_calibration_error(y, proba, n_bins=2) == pytest.approx(by_hand)
    columns = np.column_stack([1 - np.asarray(proba), proba])
    assert expected_calibration_error(y, columns, n_bins=2) == pytest.approx(by_hand)


def test_calibration_error_of_three_classes_by_hand():
    # Greatest probabilities .5 (right), .6 (wrong), .9 (right), 1 (right); bins of width 1/2.
    y = ["a", "b", "c", "b"]
    proba = [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.0, 0.1, 0.9], [0.0, 1.0, 0.0]]
    by_hand = 1 / 4 * abs(1 - 0.5) + 3 / 4 * abs(2 / 3 - 2.5 / 3)
    assert expected_calibration_error(y, proba, n_bins=2) == pytest.approx(by_hand)


@pytest.mark.parametrize("edge", [0.0, 0.2, 0.4, 1.0])
def test_bins_are_closed_on_the_right(edge):
    # 0 stands in the first bin, an edge in the bin below it.
    below, above = max(edge - 0.1, 0.0), min(edge + 0.1, 1.0)
    shared = expected_calibration_error([0, 1], [below, edge], n_bins=5)
    assert shared == pytest.approx(abs(1 - below - edge) / 2)
    if 0 < edge < 1:
        apart = expected_calibration_error([0, 1], [above, edge], n_bins=5)
        assert apart == pytest.approx((above + 1 - edge) / 2)


def test_calibrated_probabilities_have_a_small_error():
    rng = np.random.default_rng(0)
    proba = rng.beta(0.5, 4, size=50_000)
    y = rng.random(len(proba)) < proba
    assert expected_calibration_error(y, proba) < 0.005
    assert expected_calibration_error(y, np.sqrt(proba)) > 0.1


def test_calibration_error_of_an_absent_class_needs_the_classes():
    y, proba = [0, 0], [[0.9, 0.1], [0.7, 0.3]]
    assert expected_calibration_error(y, proba, n_bins=1, classes=[0, 1]) == pytest.approx(0.2)
    with pytest.raises(ValueError, match=r"1 classes. Got the shape \(2, 2\)"):
        expected_calibration_error(y, proba)


def test_number_of_bins_must_be_positive():
    with pytest.raises(ValueError, match="n_bins must be a whole number of at least 1"):
        expected_calibration_error([0, 1], [0.1, 0.9], n_bins=0)


@pytest.mark.parametrize("labels", [(0, 1), (-1, 1), (1, 2), ("no", "yes"), (False, True)])
@pytest.mark.parametrize("name", METRICS)
def test_searches_maximise_the_metric_whatever_the_labels(name, labels):
    X, y = make_classification(200, weights=[0.8], random_state=0)
    expected = LogisticRegression().fit(X, y)
    y_named = np.array(labels)[y]
    classes = np.unique(y_named)
    model = LogisticRegression().fit(X, y_named)
    scorer = scorer_for(name, classes)
    scorer = get_scorer(scorer) if isinstance(scorer, str) else scorer
    metric = METRICS[name]
    score = metric.score(y, expected.predict(X), expected.predict_proba(X), np.array([0, 1]))
    sign = 1 if metric.greater_is_better else -1
    assert sign * scorer(model, X, y_named) == pytest.approx(score)


@pytest.mark.parametrize("metric", ["average_precision", "brier"])
@pytest.mark.parametrize("old", [False, True])
def test_several_classes_are_scored_whatever_the_version_of_scikit_learn(monkeypatch, metric, old):
    if old:
        monkeypatch.setattr(metrics_module, "POSITIVE_OF_SEVERAL", True)
        monkeypatch.setattr(metrics_module, "HAS_BRIER_OF_SEVERAL", False)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.array(["a", "b", "c"])[rng.integers(3, size=60)]
    clf = LogisticRegression().fit(X, y)
    found = metrics_module.scorer_for(metric, clf.classes_)
    found = get_scorer(found)(clf, X, y)
    proba = clf.predict_proba(X)
    one_hot = y[:, None] == clf.classes_
    if metric == "brier":
        assert found == pytest.approx(-((one_hot - proba) ** 2).sum(axis=1).mean())
    else:
        scores = clf.decision_function(X)
        each = [average_precision_score(one_hot[:, k], scores[:, k]) for k in range(3)]
        assert found == pytest.approx(np.mean(each))
