"""Comparison: the metrics are scikit-learn's, the folds are shared, the test fold stays unseen."""

import numpy as np
import pandas as pd
import pytest
from imblearn.metrics import geometric_mean_score
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris, make_classification
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    matthews_corrcoef,
)
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from focalsk import FocalNetClassifier
from focalsk.comparison import (
    METRICS,
    FoldPrediction,
    evaluate,
    expected_calibration_error,
    format_table,
    predict_folds,
    score_fold,
    score_folds,
)

CV = StratifiedKFold(3, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def binary():
    return make_classification(300, weights=[0.85], flip_y=0.1, random_state=0)


def scores_of_one_fold(estimator, X, y, train, test):
    results = evaluate({"one": estimator}, X, y, cv=[(train, test)])
    return results.set_index("metric")["value"]


class Recorder(RandomOverSampler):
    """Oversampler that remembers what it was shown."""

    seen: list[np.ndarray] = []

    def _fit_resample(self, X, y):
        self.seen.append(X[:, 0].copy())
        return super()._fit_resample(X, y)


class Opposite(ClassifierMixin, BaseEstimator):
    """Labels that contradict the probabilities, to tell who reads which."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])

    def predict(self, X):
        return self.classes_[(X[:, 0] < 0.5).astype(int)]


# Metrics ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [[0, 1], ["no", "yes"]], ids=["int", "str"])
def test_binary_metrics_are_those_of_scikit_learn(binary, labels):
    X, y = binary
    y = np.asarray(labels)[y]
    train, test = next(CV.split(X, y))
    fitted = LogisticRegression().fit(X[train], y[train])
    predicted, proba = fitted.predict(X[test]), fitted.predict_proba(X[test])[:, 1]
    scores = scores_of_one_fold(LogisticRegression(), X, y, train, test)
    expected = {
        "average_precision": average_precision_score(y[test], proba, pos_label=labels[1]),
        "balanced_accuracy": balanced_accuracy_score(y[test], predicted),
        "f1_macro": f1_score(y[test], predicted, average="macro"),
        "g_mean": geometric_mean_score(y[test], predicted, average="multiclass"),
        "mcc": matthews_corrcoef(y[test], predicted),
        "brier": brier_score_loss(y[test], proba, pos_label=labels[1]),
        "ece": expected_calibration_error(y[test], proba),
    }
    assert list(expected) == list(METRICS)
    assert_allclose(scores[list(expected)], list(expected.values()))


def test_multiclass_metrics_are_those_of_scikit_learn():
    X, y = load_iris(return_X_y=True)
    train, test = next(CV.split(X, y))
    fitted = GaussianNB().fit(X[train], y[train])
    predicted, proba = fitted.predict(X[test]), fitted.predict_proba(X[test])
    scores = scores_of_one_fold(GaussianNB(), X, y, train, test)
    briers = [brier_score_loss(y[test] == k, proba[:, k]) for k in range(3)]
    expected = {
        "average_precision": average_precision_score(y[test], proba),  # macro
        "balanced_accuracy": balanced_accuracy_score(y[test], predicted),
        "f1_macro": f1_score(y[test], predicted, average="macro"),
        "g_mean": geometric_mean_score(y[test], predicted),
        "mcc": matthews_corrcoef(y[test], predicted),
        "brier": np.mean(briers),
    }
    assert_allclose(scores[list(expected)], list(expected.values()))


def test_decisions_are_read_from_predict_and_the_rest_from_predict_proba():
    y = np.array([0, 1] * 20)
    X = np.where(y, 1.0, 0.0)[:, None]  # perfect probabilities, and every label wrong
    scores = scores_of_one_fold(Opposite(), X, y, np.arange(20), np.arange(20, 40))
    assert scores[["average_precision", "brier", "ece"]].tolist() == [1, 0, 0]
    decisions = ["balanced_accuracy", "f1_macro", "g_mean", "mcc"]
    assert scores[decisions].tolist() == [0, 0, 0, -1]


def test_class_without_test_sample_is_left_out_of_the_mean_precision():
    y = np.array([0, 1, 1, 2])  # the fold is the first three
    proba = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1]])
    test = np.arange(3)
    scores = score_fold(y, FoldPrediction("one", 0, test, proba.argmax(axis=1), proba, 0.0))
    two = [average_precision_score(y[test] == k, proba[:, k]) for k in (0, 1)]
    assert scores["average_precision"] == np.mean(two)
    assert scores["brier"] == pytest.approx(
        ((proba - np.eye(3)[y[test]]) ** 2).sum(axis=1).mean() / 3
    )
    assert scores["g_mean"] == pytest.approx(np.sqrt(1 / 2))  # recalls 1 and 1/2


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
    with pytest.raises(ValueError, match="n_bins must be at least 1"):
        expected_calibration_error([0, 1], [0.1, 0.9], n_bins=0)


# Cross-validation -------------------------------------------------------------------------------


def test_results_are_tidy(binary):
    arms = {"prior": DummyClassifier(), "bayes": GaussianNB()}
    results = evaluate(arms, *binary, cv=CV)
    assert list(results.columns) == ["method", "fold", "metric", "value"]
    assert not results.duplicated(["method", "fold", "metric"]).any()
    assert len(results) == 2 * 3 * (len(METRICS) + 1)
    assert set(results["metric"]) == {*METRICS, "fit_seconds"}
    assert np.isfinite(results["value"]).all()


def test_predictions_are_those_of_cross_val_predict(binary):
    X, y = binary
    folds = predict_folds({"bayes": GaussianNB()}, X, y, cv=CV)
    proba = np.empty((len(y), 2))
    for said in folds:
        proba[said.test] = said.proba
    assert_allclose(proba, cross_val_predict(GaussianNB(), X, y, cv=CV, method="predict_proba"))


def test_folds_are_shared_even_if_the_splitter_shuffles_anew(binary):
    cv = StratifiedKFold(3, shuffle=True)  # without a seed
    folds = predict_folds({"a": GaussianNB(), "b": GaussianNB()}, *binary, cv=cv)
    for one, other in zip(folds[::2], folds[1::2], strict=True):
        assert (one.method, other.method, one.fold) == ("a", "b", other.fold)
        assert_array_equal(one.test, other.test)
        assert_array_equal(one.proba, other.proba)


def test_samplers_never_see_the_test_fold(binary):
    X, y = binary
    X = np.column_stack([np.arange(len(y)), X])  # the first column names the sample
    Recorder.seen.clear()
    arms = {"oversampling": make_pipeline(Recorder(random_state=0), GaussianNB())}
    folds = predict_folds(arms, X, y, cv=CV)
    assert len(Recorder.seen) == len(folds) == 3
    for seen, said in zip(Recorder.seen, folds, strict=True):
        assert set(seen) == set(range(len(y))) - set(said.test)


def test_two_jobs_give_what_one_gives(binary):
    net = FocalNetClassifier(alpha="balanced", max_epochs=2, random_state=0)
    arms = {"focal": make_pipeline(StandardScaler(), net), "bayes": GaussianNB()}
    one, two = (evaluate(arms, *binary, cv=CV, n_jobs=n_jobs) for n_jobs in (1, 2))
    one, two = (frame[frame["metric"] != "fit_seconds"] for frame in (one, two))
    pd.testing.assert_frame_equal(one, two, rtol=1e-6)


def test_estimators_stay_unfitted(binary):
    bayes = GaussianNB()
    evaluate({"bayes": bayes}, *binary, cv=CV)
    assert not hasattr(bayes, "classes_")


def test_frames_and_sparse_matrices_give_what_arrays_give(binary):
    X, y = binary
    arms = {"logistic": LogisticRegression()}
    expected = evaluate(arms, X, y, cv=CV)
    scored = expected["metric"] != "fit_seconds"
    for data in (pd.DataFrame(X), csr_array(X)):
        results = evaluate(arms, data, pd.Series(y), cv=CV)
        assert_allclose(results["value"][scored], expected["value"][scored], rtol=1e-3)


def test_class_without_training_sample_has_probability_zero():
    y = np.array(["a", "b"] * 5 + ["c"])
    X = np.arange(11.0)[:, None]
    split = (np.arange(8), np.arange(8, 11))
    (said,) = predict_folds({"bayes": GaussianNB()}, X, y, cv=[split])
    assert said.proba.shape == (3, 3)
    assert_array_equal(said.proba[:, 2], 0)
    assert_allclose(said.proba.sum(axis=1), 1)


def test_no_arm_is_refused(binary):
    with pytest.raises(ValueError, match="arms must name at least one estimator"):
        evaluate({}, *binary)


def test_progress_counts_the_fits_and_is_silent_by_default(binary, capsys):
    evaluate({"bayes": GaussianNB()}, *binary, cv=CV)
    assert capsys.readouterr() == ("", "")
    evaluate({"bayes": GaussianNB()}, *binary, cv=CV, progress=True)
    out, err = capsys.readouterr()
    assert not out
    assert "3/3" in err


# Table ------------------------------------------------------------------------------------------


def test_table_holds_the_means_and_marks_the_best(binary):
    arms = {"prior": DummyClassifier(), "naive bayes": GaussianNB()}
    results = evaluate(arms, *binary, cv=CV)
    table = format_table(results)
    heading, *lines = table.splitlines()
    assert [line.split("  ")[0].strip() for line in lines] == list(arms)  # in the order given
    assert all(metric.label in heading for metric in METRICS.values())
    assert (heading.count("↑"), heading.count("↓")) == (5, 2)
    mean = results.groupby(["method", "metric"])["value"].mean()
    for line, method in zip(lines, arms, strict=True):
        cells = line.removeprefix(method).split()
        shown = [float(cell.split("±")[0]) for cell in cells]
        assert_allclose(shown, mean[method][list(METRICS)], atol=5.1e-4)
        best = [cell.endswith("*") for cell in cells]
        wanted = [
            mean[method, name] == mean[:, name].agg("max" if metric.greater_is_better else "min")
            for name, metric in METRICS.items()
        ]
        assert best == wanted


def test_ties_are_all_marked(binary):
    results = evaluate({"a": GaussianNB(), "b": GaussianNB()}, *binary, cv=CV)
    assert format_table(results).count("*") == 2 * len(METRICS)


def test_table_of_one_fold_has_no_deviation(binary):
    X, y = binary
    folds = predict_folds({"bayes": GaussianNB()}, X, y, cv=[next(CV.split(X, y))])
    assert "±" not in format_table(score_folds(y, folds))
