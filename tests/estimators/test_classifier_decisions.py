"""Decisions of FocalNetClassifier; those that are tuned are in test_ensemble.py."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from focalsk import FocalGridSearchCV, FocalNetClassifier


def make_imbalanced(n_classes):
    weights = [0.8, 0.2] if n_classes == 2 else [0.7, 0.2, 0.1]
    return make_classification(
        200, n_informative=4, n_classes=n_classes, weights=weights, class_sep=0.5, random_state=0
    )


@pytest.fixture(scope="module", params=[2, 3])
def fitted(request):
    X, y = make_imbalanced(n_classes=request.param)
    clf = FocalNetClassifier(gamma=1, alpha="sqrt", max_epochs=5, random_state=0)
    return clf.fit(X, y), X, y


def test_auto_decides_under_the_class_weights(fitted):
    clf, X, _ = fitted
    weighted = clf.set_params(proba="weighted", decision="auto").predict_proba(X)
    np.testing.assert_array_equal(clf.predict(X), weighted.argmax(axis=1))


def test_posterior_decides_for_the_most_probable_class(fitted):
    clf, X, _ = fitted
    p = clf.set_params(proba="posterior", decision="posterior").predict_proba(X)
    np.testing.assert_array_equal(clf.predict(X), p.argmax(axis=1))


def test_balanced_decides_for_the_greatest_posterior_over_prior(fitted):
    clf, X, y = fitted
    p = clf.set_params(proba="posterior", decision="balanced").predict_proba(X)
    np.testing.assert_array_equal(clf.predict(X), (p / np.bincount(y)).argmax(axis=1))


def test_costs_decide_for_the_least_expected_cost(fitted):
    clf, X, _ = fitted
    n_classes = len(clf.classes_)
    costs = np.random.default_rng(0).uniform(0.5, 2, (n_classes, n_classes))
    np.fill_diagonal(costs, 0)
    p = clf.set_params(proba="posterior", decision=costs.tolist()).predict_proba(X)
    np.testing.assert_array_equal(clf.predict(X), (p @ costs).argmin(axis=1))


def test_decisions_do_not_change_probabilities(fitted):
    clf, X, _ = fitted
    p = clf.set_params(proba="weighted", decision="auto").predict_proba(X)
    np.testing.assert_array_equal(clf.set_params(decision="balanced").predict_proba(X), p)


def test_labels_are_decided_by_their_odds_over_those_of_the_training_samples():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    Y = (X[:, :2] + rng.normal(size=(80, 2)) > [0.5, 1]).astype(int)
    clf = FocalNetClassifier(decision="balanced", max_epochs=5, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(clf.predict(X), clf.predict_proba(X) > Y.mean(axis=0))


@pytest.mark.parametrize(
    "costs", [[[0, 1]], [[0, 1], [1, np.nan]], ["mcc", "f1"], ("recall", 0.8), [[0, 1], [2]]]
)
def test_wrong_costs_are_refused_before_training(costs):
    X, y = make_imbalanced(n_classes=2)
    with pytest.raises(ValueError, match=r"cost matrix for 'decision'.* shape \(2, 2\)"):
        FocalNetClassifier(decision=costs, max_epochs=10**9).fit(X, y)


def test_a_search_over_decisions_trains_them_as_one_stack_and_scores_each_as_alone():
    X, y = make_imbalanced(n_classes=2)
    net = FocalNetClassifier(alpha="sqrt", max_epochs=3, random_state=0)
    grid = {"decision": ["auto", "posterior", "balanced"], "gamma": [0, 2]}
    both = [
        kind(net, grid, scoring="balanced_accuracy", cv=2, refit=False).fit(X, y)
        for kind in (FocalGridSearchCV, GridSearchCV)
    ]
    ours, theirs = (search.cv_results_["mean_test_score"] for search in both)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert len(set(ours)) > 2
