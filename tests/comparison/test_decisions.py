"""Decisions: the tuned rules are the best there are, and the logit adjustment is Menon's."""

import numpy as np
import pytest
from imblearn.metrics import geometric_mean_score
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef
from sklearn.utils.estimator_checks import parametrize_with_checks

from focalsk.comparison import LogitAdjustedClassifier
from focalsk.comparison._decisions import decide, tune_decisions

METRICS = {
    "balanced_accuracy": balanced_accuracy_score,
    "f1_macro": lambda y, labels: f1_score(y, labels, average="macro"),
    "g_mean": geometric_mean_score,
    "mcc": matthews_corrcoef,
}
EVEN = [0.5, 0.5]


@parametrize_with_checks([LogitAdjustedClassifier(LogisticRegression())])
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def held_out():
    rng = np.random.default_rng(0)
    y = rng.random(400) < 0.15
    score = np.round(1 / (1 + np.exp(-rng.normal(y * 1.5 - 2, 1))), 2)  # with ties
    return np.array(["no", "yes"])[y.astype(int)], np.column_stack([1 - score, score])


@pytest.mark.parametrize("name", METRICS)
def test_no_threshold_beats_the_tuned_one(held_out, name):
    y, proba = held_out
    rule = tune_decisions(y, proba, ["no", "yes"], EVEN)[name]
    reached = METRICS[name](y, decide(proba, ["no", "yes"], EVEN, rule))
    for threshold in np.linspace(0, 1.01, 102):
        other = np.where(proba[:, 1] >= threshold, "yes", "no")
        assert METRICS[name](y, other) <= reached + 1e-12


@pytest.mark.parametrize("name", METRICS)
def test_no_strength_that_is_tried_beats_the_tuned_one(name):
    rng = np.random.default_rng(0)
    y = rng.choice(4, p=[0.7, 0.2, 0.07, 0.03], size=600)
    proba = rng.dirichlet([7, 2, 0.7, 0.3], size=600) + 0.5 * np.eye(4)[y]
    proba /= proba.sum(axis=1, keepdims=True)
    prior = np.bincount(y) / len(y)
    rule = tune_decisions(y, proba, np.arange(4), prior)[name]
    values = {
        tau: METRICS[name](y, (np.log(proba) - tau * np.log(prior)).argmax(axis=1))
        for tau in np.linspace(0, 2, 21)
    }
    assert values[min(values, key=lambda tau: abs(tau - rule))] == pytest.approx(
        max(values.values())
    )


def test_held_out_samples_of_one_class_still_give_a_rule():
    proba = np.array([[0.9, 0.1], [0.6, 0.4]])
    with pytest.warns(match="No positive samples"):
        rules = tune_decisions([0, 0], proba, [0, 1], EVEN)
    assert_array_equal(decide(proba, [0, 1], EVEN, rules["balanced_accuracy"]), [0, 0])


def test_adjusted_decisions_divide_the_frequencies_out():
    X, y = load_iris(return_X_y=True)
    kept = np.r_[0:50, 50:75, 100:110]
    X, y = X[kept], np.array(["a", "b", "c"])[y[kept]]
    plain = LogisticRegression().fit(X, y)
    proba, frequency = plain.predict_proba(X), np.array([50, 25, 10]) / 85
    for tau in (0, 0.5, 1.0):
        adjusted = LogitAdjustedClassifier(LogisticRegression(), tau=tau).fit(X, y)
        by_hand = (np.log(proba) - tau * np.log(frequency)).argmax(axis=1)
        assert_array_equal(adjusted.predict(X), plain.classes_[by_hand])
        assert_array_equal(adjusted.predict_proba(X), proba)


def test_adjustment_of_two_classes_is_the_threshold_at_the_prior():
    X, y = make_classification(300, weights=[0.8], random_state=0)
    adjusted = LogitAdjustedClassifier(LogisticRegression()).fit(X, y)
    assert_array_equal(adjusted.predict(X), adjusted.predict_proba(X)[:, 1] > y.mean())
