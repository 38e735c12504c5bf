"""compare_resampling: what a user calls, from parameters to results."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    RepeatedStratifiedKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.naive_bayes import GaussianNB

from focalsk import FocalNetClassifier
from focalsk._compat._sklearn import HAS_TEMPERATURE
from focalsk.comparison import METRICS, Comparison, compare_resampling
from focalsk.displays import corrected_interval

NETWORK = FocalNetClassifier((4,), max_epochs=2)
CHEAP = {"bayes": GaussianNB(), "logistic": LogisticRegression()}


@pytest.fixture(scope="module")
def binary():
    return make_classification(200, weights=[0.85], flip_y=0.1, random_state=0)


def compare(X, y, **params):
    defaults = {"estimator": NETWORK, "methods": CHEAP, "random_state": 0, "cv": 3}
    return compare_resampling(X, y, **(defaults | params))


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_sort_of_method_answers_on_every_fold(n_classes):
    X, y = make_classification(
        240,
        n_informative=6,
        n_classes=n_classes,
        weights=[0.7, 0.2, 0.1][:n_classes],
        random_state=0,
    )
    methods = ["focal-alpha", "logit-adjusted", "smote", "balanced-random-forest"]
    methods += ["temperature"] if HAS_TEMPERATURE else []
    comparison = compare(X, np.array(["a", "b", "c"])[y], methods=methods, cv=2)
    assert comparison.failures_.empty, comparison.failures_["error"].tolist()
    results = comparison.results_
    assert np.isfinite(results["value"]).all()
    assert len(results) == len(methods) * 2 * len(METRICS)
    assert comparison.best_ in comparison.estimators_


def test_results_are_tidy(binary):
    results = compare(*binary, n_repeats=2).results_
    keys = ["method", "repeat", "fold", "metric"]
    assert [*keys, "value", "fit_seconds", "predict_seconds"] == list(results.columns)
    assert not results.duplicated(keys).any()
    assert len(results) == 2 * 2 * 3 * len(METRICS)
    assert set(results["repeat"]) == {0, 1}
    assert set(results["fold"]) == {0, 1, 2}


def test_folds_of_a_repetition_divide_the_samples(binary):
    comparison = compare(*binary, n_repeats=2, tune=False)
    for repeat in (0, 1):
        tests = [
            said.test
            for said in comparison.predictions_
            if (said.method, said.repeat) == ("bayes", repeat)
        ]
        assert_array_equal(np.sort(np.concatenate(tests)), np.arange(200))


def test_splitters_and_splits_are_taken(binary):
    X, y = binary
    cv = StratifiedKFold(3, shuffle=True, random_state=4)
    one = compare(X, y, cv=cv, tune=False).results_
    other = compare(X, y, cv=list(cv.split(X, y)), tune=False).results_
    pd.testing.assert_series_equal(one["value"], other["value"])
    repeated = RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)
    assert set(compare(X, y, cv=repeated, tune=False).results_["repeat"]) == {0, 1}


def test_masks_and_negative_positions_are_splits_too(binary):
    X, y = binary
    rows = np.arange(len(y))
    plain = compare(X, y, cv=[(rows[50:], rows[:50])]).results_["value"]
    for split in [(rows >= 50, rows < 50), (list(range(-150, 0)), range(50))]:
        pd.testing.assert_series_equal(compare(X, y, cv=[split]).results_["value"], plain)


def test_samples_that_are_trained_and_tested_on_are_told_of(binary):
    X, y = binary
    rows = np.arange(len(y))
    with pytest.warns(UserWarning, match="200 samples are both in the training and in the test"):
        comparison = compare(X, y, cv=[(rows, rows)])
    assert "best" in repr(comparison)


def test_intervals_are_of_the_training_samples_that_there_were(binary):
    X, y = binary
    cv = StratifiedShuffleSplit(3, test_size=50, train_size=100, random_state=0)
    comparison = compare(X, y, cv=cv)
    assert {said.n_train for said in comparison.predictions_} == {100}
    row = comparison.summary().iloc[0]
    values = comparison.results_.query("method == @row.name and metric == 'average_precision'")
    low, high = corrected_interval(values["value"], 50 / 100)
    assert_allclose([row["low"], row["high"]], [low, high])


def test_first_repetition_is_that_of_a_run_without_more(binary):
    once, twice = (compare(*binary, n_repeats=n).results_ for n in (1, 2))
    first = twice[twice["repeat"] == 0].reset_index(drop=True)
    pd.testing.assert_series_equal(once["value"], first["value"])


def test_seed_decides_everything_and_leaves_no_trace(binary):
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - the global one is meant
    methods = ["focal-balanced", "smote", "focal"]
    one, other, third = (
        compare(*binary, methods=methods, random_state=seed, cv=2).results_["value"]
        for seed in (0, 0, 1)
    )
    pd.testing.assert_series_equal(one, other)
    assert not one.equals(third)
    assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_frame_of_every_sort_of_column():
    rng = np.random.default_rng(0)
    y = np.where(rng.random(150) < 0.3, "bad", "good")
    X = pd.DataFrame(
        {
            "number": rng.normal(y == "bad"),
            "category": pd.Categorical(rng.choice(["x", "y"], 150)),
            "flag": rng.random(150) < 0.5,
            "text": [f"word{i % 7} and {a} thing number {i}" for i, a in enumerate(y)],
        }
    )
    X.loc[::5, "number"] = np.nan
    network = FocalNetClassifier(max_epochs=50)
    methods = ["cross-entropy", "smote", "boosting"]
    comparison = compare(X, y, estimator=network, methods=methods, cv=2, tune=False)
    assert comparison.failures_.empty
    scores = comparison.summary("roc_auc")["mean"]
    assert (scores > 0.9).all()  # the text gives it away


def test_untuned_comparison_has_no_tuned_metric(binary):
    results = compare(*binary, tune=False).results_
    assert set(results["metric"]) == {name for name, metric in METRICS.items() if not metric.tuned}


def test_killed_run_goes_on(binary, tmp_path):
    params = {"methods": ["focal-balanced", "random-over"], "checkpoint": tmp_path}
    whole = compare(*binary, **params)
    for path in list(tmp_path.iterdir())[:3]:
        path.unlink()
    again = compare(*binary, **params)
    pd.testing.assert_series_equal(whole.results_["value"], again.results_["value"])


def test_a_method_that_fails_is_reported(binary):
    class Broken(GaussianNB):
        def fit(self, X, y):
            raise RuntimeError("it is broken")

    comparison = compare(*binary, methods={"broken": Broken(), **CHEAP})
    assert set(comparison.failures_["method"]) == {"broken"}
    assert set(comparison.failures_["error"]) == {"RuntimeError: it is broken"}
    assert comparison.best_ in CHEAP
    with pytest.raises(RuntimeError, match="Every method failed; 'broken' with RuntimeError: it"):
        compare(*binary, methods={"broken": Broken()})


def test_result_is_a_comparison(binary):
    X, y = binary
    comparison = compare(X, pd.Series(y))
    assert isinstance(comparison, Comparison)
    assert_array_equal(comparison.y_, y)
    assert comparison.scoring == "average_precision"


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"scoring": "accuracy"}, ValueError, "scoring must be among 'average_precision', .* Got"),
        ({"scoring": "mcc_tuned", "tune": False}, ValueError, "'mcc_tuned' needs tune=True"),
        ({"checkpoint": "x", "random_state": None}, ValueError, "needs an int random_state"),
        ({"estimator": LogisticRegression()}, TypeError, "must be a FocalNetClassifier. Got"),
        ({"cv": 40}, ValueError, "for each of the 40 folds. Got 3. of class 1"),
        ({"methods": ["nothing"]}, ValueError, "Got 'nothing' instead"),
    ],
)
def test_what_is_wrong_is_refused(binary, params, error, message):
    with pytest.raises(error, match=message):
        compare(*binary, **params)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match=r"at least two classes\. Got 'a' only"):
        compare(np.zeros((10, 2)), ["a"] * 10)


def test_iris_has_no_tuned_threshold_arm():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="knows two classes only"):
        compare(X, y, methods=["threshold"])
