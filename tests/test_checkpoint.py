"""Trainings that are broken off go on, and end as if they had not been."""

import contextlib
import errno
import os
import signal
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochTimer
from torch.optim import LBFGS

import focalsk._compat._checkpoint as files
import focalsk.nets._checkpoint as checkpoint
from focalsk import (
    FocalEnsembleClassifier,
    FocalGridSearchCV,
    FocalNetClassifier,
    FocalRandomizedSearchCV,
)
from focalsk.search import _run

X, y = make_classification(300, 8, n_informative=5, weights=[0.8], random_state=0)
PATIENT = {"early_stopping": True, "n_iter_no_change": 3, "max_epochs": 40}
MODELS = {
    "net": FocalNetClassifier(max_epochs=12, alpha="sqrt", random_state=0),
    "stopped": FocalNetClassifier(dropout=0.2, random_state=0, **PATIENT),
    "sgd": FocalNetClassifier(
        optimizer="sgd",
        optimizer_params={"momentum": 0.9},
        lr=0.1,
        monitor="average_precision",
        random_state=0,
        **PATIENT,
    ),
    "ensemble": FocalEnsembleClassifier(
        4, hidden_layer_sizes=16, n_iter_no_change=2, max_epochs=40, random_state=0
    ),
    "three folds": FocalEnsembleClassifier(
        3, hidden_layer_sizes=16, n_folds=3, batch_size=50, max_epochs=12, random_state=0
    ),
}
GRID = {"gamma": [0, 2], "alpha": ["sqrt", None], "batch_size": [64, 128]}
SEARCH = FocalGridSearchCV(
    FocalNetClassifier(max_epochs=4, random_state=0),
    GRID,
    scoring=["average_precision", "neg_log_loss"],
    refit="neg_log_loss",
    cv=3,
    return_train_score=True,
)


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)


class Broken(KeyboardInterrupt):
    """Comes where a user or the system might break in."""


def fit_until(model, n_files):
    """Fit, and break off when so many files have been written; True if it ended before."""
    with pytest.MonkeyPatch.context() as patch:
        written = []

        def write(path, fill):
            checkpoint_write(path, fill)
            written.append(path)
            if len(written) == n_files:
                raise Broken

        checkpoint_write = files.write_whole
        patch.setattr(files, "write_whole", write)
        try:
            model.fit(X, y)
        except Broken:
            return False
    return True


def scores_of(search):
    return {k: v for k, v in search.cv_results_.items() if "time" not in k and k != "params"}


def assert_same_search(search, expected):
    for name, values in scores_of(expected).items():
        np.testing.assert_array_equal(search.cv_results_[name], values)
    assert search.best_params_ == expected.best_params_
    np.testing.assert_array_equal(search.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("name", MODELS)
def test_a_fit_broken_off_goes_on_and_ends_the_same(name, tmp_path):
    expected = clone(MODELS[name]).fit(X, y)
    model = clone(MODELS[name]).set_params(checkpoint=tmp_path)
    n_breaks = 0
    while not fit_until(model, 3):
        n_breaks += 1
    assert n_breaks >= 2
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    np.testing.assert_array_equal(model.n_iter_, expected.n_iter_)


def test_the_history_is_whole(tmp_path):
    model = clone(MODELS["stopped"]).set_params(checkpoint=tmp_path)
    fit_until(model, 4)
    model.fit(X, y)
    expected = clone(MODELS["stopped"]).fit(X, y)
    assert model.loss_curve_ == expected.loss_curve_
    assert model.validation_scores_ == expected.validation_scores_


def test_a_fit_that_is_done_is_not_done_again(tmp_path, monkeypatch):
    model = clone(MODELS["net"]).set_params(checkpoint=str(tmp_path))
    first = model.fit(X, y).predict_proba(X)
    epochs = []
    monkeypatch.setattr(checkpoint.EpochKeeper, "save", lambda self, net: epochs.append(net))
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), first)
    assert not epochs  # but for the last one


@pytest.mark.parametrize("change", ["X", "y", "weight", "lr", "seed", "order"])
def test_other_trainings_have_files_of_their_own(change, tmp_path):
    model = clone(MODELS["net"]).set_params(checkpoint=tmp_path).fit(X, y)
    other = {"X": X, "y": y, "weight": None, "order": slice(None)}
    if change == "X":
        other["X"] = X + 1e-9
    elif change == "y":
        other["y"] = np.where(np.arange(len(y)) == 7, 1 - y, y)
    elif change == "weight":
        other["weight"] = np.linspace(1, 2, len(y))
    elif change == "order":
        other["order"] = slice(None, None, -1)
    params = {"lr": {"lr": 0.006}, "seed": {"random_state": 1}}.get(change, {})
    order = other["order"]
    given = other["X"][order], other["y"][order], other["weight"]
    changed = model.set_params(**params).fit(*given).predict_proba(X)
    alone = clone(model).set_params(checkpoint=None).fit(*given)
    np.testing.assert_array_equal(changed, alone.predict_proba(X))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_holds_what_was_given_and_no_objects(tmp_path):
    path, arrays = tmp_path / "x.checkpoint", {"a": np.arange(3), "b": np.ones((2, 2))}
    files.write_checkpoint(path, "key", {"epoch": 3}, arrays)
    head, found = files.read_checkpoint(path, "key")
    assert head == {"epoch": 3}
    assert found.keys() == arrays.keys()  # below NumPy 2.1, `savez` may add its own parameters
    with pytest.raises(TypeError, match="An array of objects has no place in a checkpoint: 'c'"):
        files.write_checkpoint(path, "key", {}, {"c": np.array([None])})
    assert files.read_checkpoint(path, "key")[0] == head


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "pickle", "renamed"])
def test_a_damaged_file_is_told_of_and_set_aside(damage, tmp_path):
    model = clone(MODELS["net"]).set_params(checkpoint=tmp_path)
    expected = model.fit(X, y).predict_proba(X)
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
    elif damage == "empty":
        content = b""
    elif damage == "pickle":
        content = b"\x80\x04cos\nsystem\n(S'touch %s'\ntR." % bytes(tmp_path / "owned")
    else:
        model.set_params(lr=0.01).fit(X, y)
        (other,) = set(tmp_path.iterdir()) - {file}
        content = other.read_bytes()
        model.set_params(lr=clone(MODELS["net"]).lr)
    file.write_bytes(content)
    with pytest.warns(UserWarning, match=rf"{file.name} cannot be used: it is .*\.damaged"):
        model.fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert file.with_name(f"{file.name}.damaged").read_bytes() == content
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("model", [MODELS["net"], SEARCH], ids=["net", "search"])
def test_a_full_disk_is_told_of_and_leaves_what_was_there(model, tmp_path, monkeypatch):
    model = clone(model).set_params(checkpoint=tmp_path)
    fit_until(model, 2)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=f"No space left.*{tmp_path}"):
            model.fit(X, y)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
    expected = clone(model).set_params(checkpoint=None).fit(X, y)
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), expected.predict_proba(X))


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match=str(file)):
        clone(MODELS["net"]).set_params(checkpoint=file).fit(X, y)


@pytest.mark.parametrize("params", [{"callbacks": [EpochTimer()]}, {"optimizer": LBFGS}])
def test_what_cannot_be_kept_is_refused(params, tmp_path):
    model = clone(MODELS["net"]).set_params(checkpoint=tmp_path, **params)
    with pytest.raises(ValueError, match=r"'checkpoint' or 'callbacks'|state of LBFGS cannot"):
        model.fit(X, y)


def test_partial_fit_and_predictions_keep_nothing(tmp_path):
    model = clone(MODELS["net"]).set_params(checkpoint=tmp_path / "none")
    model.partial_fit(X, y, classes=[0, 1]).predict(X)
    assert not (tmp_path / "none").exists()


# Searches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_files", [1, 2, 3])
def test_a_search_broken_off_goes_on_and_ends_the_same(n_files, tmp_path):
    expected = clone(SEARCH).fit(X, y)
    search = clone(SEARCH).set_params(checkpoint=tmp_path)
    assert not fit_until(search, n_files)
    kept = len(list(tmp_path.iterdir()))
    assert kept == n_files
    trained = []
    with pytest.MonkeyPatch.context() as patch:
        run_stack = _run.run_stack
        patch.setattr(_run, "run_stack", lambda *args: trained.append(1) or run_stack(*args))
        search.fit(X, y)
    assert len(trained) == len(search.stacks_) - (kept - 1)  # one file is the plan
    assert_same_search(search, expected)
    assert search.stacks_ == expected.stacks_


def test_a_search_is_cut_as_the_first_time_whatever_memory_is_free(tmp_path, monkeypatch):
    expected = clone(SEARCH).fit(X, y)
    search = clone(SEARCH).set_params(checkpoint=tmp_path)
    fit_until(search, 2)
    monkeypatch.setattr(_run, "free_memory", lambda: 4)
    assert_same_search(search.fit(X, y), expected)


def test_searches_of_pipelines_and_of_what_no_stack_takes(tmp_path):
    pipeline = make_pipeline(StandardScaler(), FocalNetClassifier(max_epochs=2, random_state=0))
    grid = {"focalnetclassifier__gamma": [0, 2]}
    for estimator, params in [
        (pipeline, grid),
        (LogisticRegression(), {"C": [0.1, 1]}),
        (FocalEnsembleClassifier(2, max_epochs=2, random_state=0), {"gamma": [0, 1]}),
    ]:
        search = FocalGridSearchCV(estimator, params, cv=2, checkpoint=tmp_path)
        fit_until(search, 2)
        expected = clone(search).set_params(checkpoint=None).fit(X, y)
        assert_same_search(search.fit(X, y), expected)


def test_a_random_search_goes_on(tmp_path):
    search = FocalRandomizedSearchCV(
        SEARCH.estimator, GRID, n_iter=3, cv=2, random_state=0, checkpoint=tmp_path
    )
    fit_until(search, 2)
    assert_same_search(search.fit(X, y), clone(search).set_params(checkpoint=None).fit(X, y))


def test_another_search_does_not_use_the_files(tmp_path):
    search = clone(SEARCH).set_params(checkpoint=tmp_path).fit(X, y)
    n_files = len(list(tmp_path.iterdir()))
    changed = search.set_params(cv=2).fit(X, y)
    assert_same_search(changed, clone(changed).set_params(checkpoint=None).fit(X, y))
    assert len(list(tmp_path.iterdir())) > n_files


def test_scorers_that_cannot_be_recognised_are_refused(tmp_path):
    search = clone(SEARCH).set_params(
        scoring=lambda clf, X, y: clf.score(X, y), refit=False, checkpoint=tmp_path
    )
    with pytest.raises(ValueError, match="With 'checkpoint', all parameters and data must be"):
        search.fit(X, y)


class Deadly(StandardScaler):
    """Kills the process that it works in, once, unless that is the first one."""

    def __init__(self, file="", spared=0):
        super().__init__()
        self.file = file
        self.spared = spared

    def transform(self, X, copy=None):
        if os.getpid() != self.spared:
            with contextlib.suppress(FileExistsError):
                Path(self.file).touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        return super().transform(X, copy)


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True])
def test_a_worker_that_dies_costs_its_stack(kept, tmp_path):
    estimator = make_pipeline(
        Deadly(str(tmp_path / "died"), os.getpid()),
        FocalNetClassifier(max_epochs=2, random_state=0),
    )
    grid = {"focalnetclassifier__gamma": [0, 2], "focalnetclassifier__batch_size": [64, 128]}
    search = FocalGridSearchCV(estimator, grid, cv=2, scoring=Accuracy(), n_jobs=2)
    if kept:
        search.set_params(checkpoint=tmp_path / "kept")
    with pytest.warns(RuntimeWarning, match="A worker process died"), parallel_config("loky"):
        search.fit(X, y)
    assert (tmp_path / "died").exists()
    expected = clone(search).set_params(n_jobs=1, checkpoint=None).fit(X, y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )


class Accuracy:
    """A scorer that goes through the whole pipeline."""

    def __call__(self, model, X, y):
        model[:-1].transform(X)
        return float((model.predict(X) == y).mean())


# Killed for good ----------------------------------------------------------------------------------


def killed_fits(model, attribute, folder, seed, n_kills):
    """Fit in processes that are killed at random moments; what the last found, and the kills."""
    rng = np.random.default_rng(seed)
    found = folder / "found.npy"
    kills = 0
    while not found.exists():
        child = os.fork()
        if child == 0:
            try:
                warnings.simplefilter("error")
                model.fit(X, y)
                with open(folder / "part", "wb") as file:
                    np.save(file, attribute(model))
                os.replace(folder / "part", found)
            finally:
                os._exit(0)
        killer = None
        if kills < n_kills:
            sig = [signal.SIGKILL, signal.SIGTERM][rng.integers(2)]
            killer = threading.Timer(rng.uniform(0.02, 0.4), kill, (child, sig))
            killer.start()
        status = os.waitpid(child, 0)[1]
        if killer is not None:
            killer.cancel()
        kills += os.WIFSIGNALED(status)
    return np.load(found), kills


def kill(process, sig):
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, sig)


@pytest.mark.kills
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("name", ["stopped", "ensemble", "three folds", "search"])
def test_killed_at_random_moments_and_never_half_used(name, tmp_path):
    if name == "search":
        model = clone(SEARCH).set_params(refit=False)

        def attribute(search):
            return np.stack([scores_of(search)[f"split{i}_test_neg_log_loss"] for i in (0, 1)])
    else:
        model = clone(MODELS[name])

        def attribute(model):
            return model.predict_proba(X)

    expected = attribute(clone(model).fit(X, y))
    n_kills, round_ = 0, 0
    while n_kills < 20:
        folder = tmp_path / str(round_)
        folder.mkdir()
        kept = clone(model).set_params(checkpoint=folder / "kept")
        found, kills = killed_fits(kept, attribute, folder, round_, 20 - n_kills)
        np.testing.assert_array_equal(found, expected)
        n_kills += kills
        round_ += 1
    print(f"{name}: {n_kills} kills in {round_} fits survived")
