"""Running: shared folds, test folds unseen, failures noted, and each fold saved as it ends."""

import os
import pickle
import re
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline
from joblib import parallel_config, register_parallel_backend
from joblib.parallel import ThreadingBackend
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from focalsk import FocalEnsembleClassifier, FocalNetClassifier
from focalsk.comparison._folds import Failure, FoldPrediction, Split, run

CV = StratifiedKFold(3, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def binary():
    return make_classification(300, weights=[0.85], flip_y=0.1, random_state=0)


def splits_of(X, y):
    return [Split(0, fold, *pair) for fold, pair in enumerate(CV.split(X, y))]


def run_all(estimators, X, y, **params):
    return list(run(estimators, X, y, splits_of(X, y), seed=0, **params))


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
    estimators = {"focal": make_pipeline(StandardScaler(), net), "bayes": GaussianNB()}
    one = run_all(estimators, *binary)
    with parallel_config("threading"):  # processes would only wait for torch to load
        two = run_all(estimators, *binary, n_jobs=2)
    assert [said.method for said in one] == ["focal", "bayes"] * 3
    for a, b in zip(one, two, strict=True):
        same(a, b)


def test_estimators_stay_unfitted(binary):
    bayes = GaussianNB()
    run_all({"bayes": bayes}, *binary)
    assert not hasattr(bayes, "classes_")


def test_frames_and_sparse_matrices_give_what_arrays_give(binary):
    X, y = binary
    estimators = {"focal": FocalNetClassifier(max_epochs=2, random_state=0)}
    expected = run_all(estimators, X, y)
    for data in (pd.DataFrame(X), csr_array(X)):
        for one, other in zip(run_all(estimators, data, y), expected, strict=True):
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
    estimators = {"counter": Counter(fail_at=3), "bayes": GaussianNB()}
    results = run_all(estimators, *binary)
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
    estimators = {"focal": FocalNetClassifier(max_epochs=2, random_state=0), "counter": Counter()}
    whole = run_all(estimators, *binary)
    stopped = run(estimators, *binary, splits_of(*binary), seed=0, checkpoint=tmp_path)
    for _ in range(3):
        next(stopped)
    stopped.close()
    saved = len(list(tmp_path.iterdir()))
    assert 3 <= saved < 6
    Counter.fits = 0
    for one, other in zip(run_all(estimators, *binary, checkpoint=tmp_path), whole, strict=True):
        same(one, other)
    assert Counter.fits < 6


def test_failures_are_tried_again(binary, tmp_path):
    Counter.fits = 0
    run_all({"counter": Counter(fail_at=3)}, *binary, checkpoint=tmp_path)
    Counter.fits = 10
    again = run_all({"counter": Counter(fail_at=3)}, *binary, checkpoint=tmp_path)
    assert Counter.fits == 12
    assert all(isinstance(said, FoldPrediction) for said in again)


@pytest.mark.parametrize("change", ["data", "parameters", "seed", "name", "imbalanced-learn"])
def test_another_run_does_not_take_what_is_saved(binary, tmp_path, change, monkeypatch):
    X, y = binary
    run_all({"counter": Counter()}, X, y, checkpoint=tmp_path)
    Counter.fits = 0
    if change == "imbalanced-learn":
        newer = {change: "99"}
        monkeypatch.setattr(
            "focalsk._compat._checkpoint.version", lambda name: newer.get(name) or version(name)
        )
    X = X + 1 if change == "data" else X
    name = "other" if change == "name" else "counter"
    estimators = {name: Counter(-1 if change == "parameters" else None)}
    seed = 1 if change == "seed" else 0
    list(run(estimators, X, y, splits_of(*binary), seed=seed, checkpoint=tmp_path))
    assert Counter.fits == 6


@pytest.mark.parametrize("damage", ["empty", "cut", "other bytes", "other content"])
def test_damaged_file_is_set_aside_and_trained_again(binary, tmp_path, damage):
    Counter.fits = 0
    first = run_all({"counter": Counter()}, *binary, checkpoint=tmp_path)
    path = sorted(tmp_path.iterdir())[1]
    whole = path.read_bytes()
    torn = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "other bytes": b"\x00" * 99,
        "other content": pickle.dumps("something else"),
    }[damage]
    path.write_bytes(torn)
    Counter.fits = 0
    with pytest.warns(UserWarning, match=re.escape(str(path)) + ".*done again"):
        again = run_all({"counter": Counter()}, *binary, checkpoint=tmp_path)
    assert Counter.fits == 2  # of one fold, with its tuning
    for one, other in zip(first, again, strict=True):
        same(one, other)
    assert path.with_name(f"{path.name}.damaged").read_bytes() == torn
    run_all({"counter": Counter()}, *binary, checkpoint=tmp_path)
    assert Counter.fits == 2


def test_file_that_cannot_be_written_is_named(binary, tmp_path, monkeypatch):
    run_all({"bayes": GaussianNB()}, *binary, checkpoint=tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    path = tmp_path / names[0]
    path.unlink()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left") as caught:
        run_all({"bayes": GaussianNB()}, *binary, checkpoint=tmp_path)
    assert caught.value.filename == str(path)
    assert sorted(path.name for path in tmp_path.iterdir()) == names[1:]


# Backends and ensembles ------------------------------------------------------------------------


class ListsOnly(ThreadingBackend):
    """Like that of Ray: it gives all results at the end."""

    supports_return_generator = False


def test_backend_without_generators_serves(binary):
    register_parallel_backend("lists-only", ListsOnly)
    expected = run_all({"bayes": GaussianNB()}, *binary)
    with parallel_config("lists-only", n_jobs=2):
        given = run_all({"bayes": GaussianNB()}, *binary)
    for one, other in zip(given, expected, strict=True):
        same(one, other)


def test_ensemble_tunes_its_decisions_without_another_fit(binary, monkeypatch):
    X, y = binary
    fits = []
    fit = FocalEnsembleClassifier.fit
    monkeypatch.setattr(
        FocalEnsembleClassifier, "fit", lambda self, *args: fits.append(1) or fit(self, *args)
    )
    ensemble = FocalEnsembleClassifier(
        n_estimators=4, hidden_layer_sizes=8, max_epochs=10, n_folds=4, random_state=0
    )
    folds = run_all({"ensemble": make_pipeline(ensemble)}, X, y)
    assert len(fits) == len(folds) == 3
    for said in folds:
        train = np.setdiff1d(np.arange(len(y)), said.test)
        ensemble.set_params(decision="auto").fit(X[train], y[train])
        assert_array_equal(said.labels, ensemble.predict(X[said.test]))
        for metric in ("balanced_accuracy", "f1_macro", "mcc"):
            ensemble.set_params(decision=metric)
            assert_array_equal(said.tuned[metric], ensemble.predict(X[said.test]))
        assert said.tuned.keys() == {"balanced_accuracy", "f1_macro", "g_mean", "mcc"}
        assert said.tuned["g_mean"].sum() > said.labels.sum()  # more of the rare class
