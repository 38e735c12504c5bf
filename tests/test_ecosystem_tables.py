"""The ensemble with a table, the rare class first by name, among scikit-learn's tools."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_validate,
    learning_curve,
)

from focalsk import FocalEnsembleClassifier, FocalGridSearchCV, FocalNetClassifier
from focalsk._compat._sklearn import HAS_TEMPERATURE

SKLEARN = tuple(map(int, sklearn.__version__.split(".")[:2]))
RARE = "bad"
AP = make_scorer(average_precision_score, response_method="predict_proba", pos_label=RARE)


def make_table(n=160):
    rng = np.random.default_rng(0)
    y = np.where(rng.random(n) < 0.25, RARE, "good")
    late = y == RARE
    table = pd.DataFrame(
        {
            "amount": rng.normal(2.0 * late),
            "town": rng.choice(["Rome", "Oslo", "Bern"], n),
            "opened": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D"),
            "member": rng.random(n) < 0.5 + 0.3 * late,
        }
    )
    table.loc[::9, "amount"] = np.nan
    return table, y


X, Y = make_table()


def make(**params):
    fast = {"n_estimators": 2, "hidden_layer_sizes": (8,), "max_epochs": 8, "lr": 0.02}
    return FocalEnsembleClassifier(**fast, random_state=0, **params)


@pytest.fixture(scope="module")
def fitted():
    return make().fit(X, Y)


def test_cross_validate_returns_models_that_take_the_table():
    scores = cross_validate(
        make(), X, Y, cv=2, scoring=AP, return_estimator=True, return_indices=True
    )
    for model, rows, score in zip(
        scores["estimator"], scores["indices"]["test"], scores["test_score"], strict=True
    ):
        assert AP(model, X.iloc[rows], Y[rows]) == score > 0.4


def test_learning_curve_and_search_over_decisions():
    _, _, scores = learning_curve(make(), X, Y, cv=2, train_sizes=[0.5, 1.0], scoring=AP)
    assert np.isfinite(scores).all()
    grid = {"decision": ["posterior", "balanced", [[0, 5], [1, 0]]]}
    search = GridSearchCV(make(), grid, cv=2, scoring="balanced_accuracy").fit(X, Y)
    assert_array_equal(search.feature_names_in_, X.columns)
    assert search.best_params_["decision"] != "posterior"


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"] + ["temperature"] * HAS_TEMPERATURE)
def test_calibration_of_a_fitted_one(fitted, method):
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted), method=method).fit(X, Y)
    assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)


def test_voting_and_stacking(fitted):
    voting = VotingClassifier([("a", make()), ("b", make())], voting="soft").fit(X, Y)
    assert_allclose(voting.predict_proba(X), fitted.predict_proba(X))
    stacked = StackingClassifier([("net", make())], LogisticRegression(), cv=2).fit(X, Y)
    assert set(stacked.predict(X)) == {RARE, "good"}
    assert stacked.set_output(transform="pandas").transform(X).shape == (len(X), 1)


def test_thresholds_of_the_rare_class(fitted):
    scorer = make_scorer(f1_score, pos_label=RARE)
    tuned = TunedThresholdClassifierCV(make(), scoring=scorer, cv=2, random_state=0).fit(X, Y)
    assert scorer(tuned, X, Y) > 0.4
    fixed = FixedThresholdClassifier(FrozenEstimator(fitted), threshold=0.3, pos_label=RARE)
    expected = np.where(fitted.predict_proba(X)[:, 0] >= 0.3, RARE, "good")
    assert_array_equal(fixed.fit(X, Y).predict(X), expected)


def test_importance_and_dependence_of_columns_of_any_kind(fitted):
    weight = np.linspace(0.5, 2, len(X))
    found = permutation_importance(
        fitted, X, Y, scoring=AP, n_repeats=2, sample_weight=weight, random_state=0
    )
    assert found.importances_mean.argmax() == 0
    whole = X.assign(amount=X["amount"].fillna(0))  # quantiles of NaN are NaN
    columns = [("amount", None), ("town", ["town"]), ("member", ["member"])]
    # An older scikit-learn takes the values of a column of booleans for a mask.
    for column, kinds in columns if SKLEARN >= (1, 9) else columns[:2]:
        curve = partial_dependence(
            fitted, whole, [column], categorical_features=kinds, grid_resolution=4
        )
        assert np.ptp(curve["average"]) > 0


def test_one_net_says_what_takes_words_and_gaps():
    net = FocalNetClassifier(max_epochs=1)
    with pytest.raises(ValueError, match="FocalEnsembleClassifier reads words"):
        net.fit(X[["town"]], Y)
    with pytest.raises(ValueError, match="FocalEnsembleClassifier, which takes gaps"):
        net.fit(X[["amount"]], Y)


@pytest.mark.filterwarnings("ignore:Scoring failed", "ignore:One or more of the test scores")
@pytest.mark.parametrize("scoring", ["average_precision", ["accuracy", "f1"]])
def test_scores_of_a_class_1_say_so_where_classes_are_words(scoring):
    net, refit = FocalNetClassifier(max_epochs=1), scoring if isinstance(scoring, str) else "f1"
    search = FocalGridSearchCV(net, {"gamma": [0, 1]}, scoring=scoring, refit=refit, cv=2)
    with pytest.raises(ValueError, match=r"code them as in y == 'yes'"):
        search.fit(X[["amount"]].fillna(0), Y)
