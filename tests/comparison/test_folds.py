"""Running: shared folds, test folds unseen, failures noted, and each fold saved as it ends."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from focalsk import FocalNetClassifier
from focalsk.comparison._folds import Failure, FoldPrediction, Split, run

CV = StratifiedKFold(3, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def binary():
    return make_classification(300, weights=[0.85], flip_y=0.1, random_state=0)


def splits_of(X, y):
    return [Split(0, fold, *pair) for fold, pair in enumerate(CV.split(X, y))]


def run_all(arms, X, y, **params):
    return list(run(arms, X, y, splits_of(X, y), seed=0, **params))


class Recorder(RandomOverSampler):
    """Oversampler that remembers what it was shown."""

    seen: list[np.ndarray] = []

    def _fit_resample(self, X, y):
        self.seen.append(X[:, 0].copy())
        return super()._fit_resample(X, y)


class Counter(GaussianNB):
    """Counts its fits, and fails on request."""

    fits = 0

    def __init__(self, fail_at=None):
        super().__init__()
        self.fail_at = fail_at

    def fit(self, X, y):
        type(self).fits += 1
        if type(self).fits == self.fail_at:
            raise ValueError("no luck\nand much more to say")
        return super().fit(X, y)


class Opposite(ClassifierMixin, BaseEstimator):
    """Labels that contradict the probabilities, to tell who reads which."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])

    def predict(self, X):
        return self.classes_[(X[:, 0] < 0.5).astype(int)]


def same(one, other):
    assert (one.method, one.repeat, one.fold) == (other.method, other.repeat, other.fold)
    assert_array_equal(one.test, other.test)
    assert_allclose(one.proba, other.proba, rtol=1e-6)
    assert_array_equal(one.labels, other.labels)
    assert one.tuned.keys() == other.tuned.keys()
    for name, labels in one.tuned.items():
        assert_array_equal(labels, other.tuned[name])


# Folds ------------------------------------------------------------------------------------------


def test_predictions_are_those_of_cross_val_predict(binary):
    X, y = binary
    proba = np.empty((len(y), 2))
    for said in run_all({"bayes": GaussianNB()}, X, y):
        proba[said.test] = said.proba
        assert said.fit_seconds > 0
        assert said.predict_seconds > 0
    assert_allclose(proba, cross_val_predict(GaussianNB(), X, y, cv=CV, method="predict_proba"))


def test_labels_are_those_of_predict():
    y = np.array([0, 1] * 30)
    X = np.where(y, 0.9, 0.1)[:, None]
    for said in run_all({"opposite": Opposite()}, X, y):
        assert_array_equal(said.labels, 1 - y[said.test])
        assert_array_equal(said.tuned["balanced_accuracy"], y[said.test])  # from the probabilities


def test_samplers_and_tuning_never_see_the_test_fold(binary):
    X, y = binary
    X = np.column_stack([np.arange(len(y)), X])  # the first column names the sample
    Recorder.seen.clear()
    folds = run_all({"over": make_pipeline(Recorder(random_state=0), GaussianNB())}, X, y)
    tuning, fitting = Recorder.seen[::2], Recorder.seen[1::2]
    for said, part, whole in zip(folds, tuning, fitting, strict=True):
        assert set(whole) == set(range(len(y))) - set(said.test)
        assert set(part) < set(whole)
        assert len(part) == pytest.approx(0.75 * len(whole), abs=2)


def test_without_tuning_there_is_one_fit(binary):
    Counter.fits = 0
    folds = run_all({"counter": Counter()}, *binary, tune=False)
    assert Counter.fits == len(folds) == 3
    assert not any(said.tuned for said in folds)


def test_two_jobs_give_what_one_gives(binary):
    net = FocalNetClassifier(alpha="balanced", max_epochs=2, random_state=0)
    arms = {"focal": make_pipeline(StandardScaler(), net), "bayes": GaussianNB()}
    one, two = (run_all(arms, *binary, n_jobs=n_jobs) for n_jobs in (1, 2))
    assert [said.method for said in one] == ["focal", "bayes"] * 3
    for a, b in zip(one, two, strict=True):
        same(a, b)


def test_estimators_stay_unfitted(binary):
    bayes = GaussianNB()
    run_all({"bayes": bayes}, *binary)
    assert not hasattr(bayes, "classes_")


def test_frames_and_sparse_matrices_give_what_arrays_give(binary):
    X, y = binary
    arms = {"focal": FocalNetClassifier(max_epochs=2, random_state=0)}
    expected = run_all(arms, X, y)
    for data in (pd.DataFrame(X), csr_array(X)):
        for one, other in zip(run_all(arms, data, y), expected, strict=True):
            same(one, other)


def test_class_without_training_sample_has_probability_zero():
    y = np.array(["a", "b"] * 8 + ["c"])
    split = Split(0, 0, np.arange(12), np.arange(12, 17))
    (said,) = run({"bayes": GaussianNB()}, np.arange(17.0)[:, None], y, [split], seed=0)
    assert said.proba.shape == (5, 3)
    assert_array_equal(said.proba[:, 2], 0)
    assert_allclose(said.proba.sum(axis=1), 1)
    assert "c" not in said.tuned["balanced_accuracy"]


def test_progress_counts_the_fits_and_is_silent_by_default(binary, capsys):
    run_all({"bayes": GaussianNB()}, *binary)
    assert capsys.readouterr() == ("", "")
    run_all({"bayes": GaussianNB()}, *binary, progress=True)
    out, err = capsys.readouterr()
    assert not out
    assert "3/3" in err


# Failures ---------------------------------------------------------------------------------------


def test_failure_is_noted_and_the_rest_goes_on(binary):
    Counter.fits = 0
    arms = {"counter": Counter(fail_at=3), "bayes": GaussianNB()}
    results = run_all(arms, *binary)
    failed = [said for said in results if isinstance(said, Failure)]
    assert failed == [Failure("counter", 0, 1, "ValueError: no luck")]
    assert sum(isinstance(said, FoldPrediction) for said in results) == 5


def test_probabilities_that_are_not_finite_are_a_failure():
    class Broken(Opposite):
        def predict_proba(self, X):
            return np.full((len(X), 2), np.nan)

    y = np.array([0, 1] * 30)
    for said in run_all({"broken": Broken()}, np.zeros((60, 1)), y, tune=False):
        assert "not finite" in said.error


# Saving -----------------------------------------------------------------------------------------


def test_what_is_saved_is_not_fitted_again(binary, tmp_path):
    Counter.fits = 0
    first = run_all({"a/b": Counter()}, *binary, checkpoint=tmp_path / "new")
    assert Counter.fits == 6
    again = run_all({"a/b": Counter()}, *binary, checkpoint=tmp_path / "new")
    assert Counter.fits == 6
    for one, other in zip(first, again, strict=True):
        same(one, other)


def test_a_stopped_run_goes_on_and_gives_the_same(binary, tmp_path):
    arms = {"focal": FocalNetClassifier(max_epochs=2, random_state=0), "counter": Counter()}
    whole = run_all(arms, *binary)
    stopped = run(arms, *binary, splits_of(*binary), seed=0, checkpoint=tmp_path)
    for _ in range(3):
        next(stopped)
    stopped.close()
    saved = len(list(tmp_path.iterdir()))
    assert 3 <= saved < 6
    Counter.fits = 0
    for one, other in zip(run_all(arms, *binary, checkpoint=tmp_path), whole, strict=True):
        same(one, other)
    assert Counter.fits < 6


def test_failures_are_tried_again(binary, tmp_path):
    Counter.fits = 0
    run_all({"counter": Counter(fail_at=3)}, *binary, checkpoint=tmp_path)
    Counter.fits = 10
    again = run_all({"counter": Counter(fail_at=3)}, *binary, checkpoint=tmp_path)
    assert Counter.fits == 12
    assert all(isinstance(said, FoldPrediction) for said in again)


@pytest.mark.parametrize("change", ["data", "parameters", "seed", "name"])
def test_another_run_does_not_take_what_is_saved(binary, tmp_path, change):
    X, y = binary
    run_all({"counter": Counter()}, X, y, checkpoint=tmp_path)
    Counter.fits = 0
    X = X + 1 if change == "data" else X
    name = "other" if change == "name" else "counter"
    arms = {name: Counter(-1 if change == "parameters" else None)}
    seed = 1 if change == "seed" else 0
    list(run(arms, X, y, splits_of(*binary), seed=seed, checkpoint=tmp_path))
    assert Counter.fits == 6


def test_half_written_files_are_not_read(binary, tmp_path):
    first = run_all({"bayes": GaussianNB()}, *binary, checkpoint=tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert all(name.endswith(".joblib") for name in names)
    (tmp_path / "tmp123.part").write_bytes(b"half")
    again = run_all({"bayes": GaussianNB()}, *binary, checkpoint=tmp_path)
    for one, other in zip(first, again, strict=True):
        same(one, other)
