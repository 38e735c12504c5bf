"""The searches as scikit-learn estimators: what they take, show, leave alone and raise."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from dask.distributed import Client, LocalCluster
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from focalsk import FocalGridSearchCV, FocalNetClassifier, FocalRandomizedSearchCV
from focalsk.nets._stack_net import StackNet

X, Y = make_classification(60, 4, n_redundant=0, weights=[0.7], flip_y=0.1, random_state=0)
GRID = {"gamma": [0, 1, 3], "alpha": [None, "balanced"]}
SEARCHES = [FocalGridSearchCV, FocalRandomizedSearchCV]


def make(**params):
    settings = {"hidden_layer_sizes": (3,), "max_epochs": 3, "batch_size": 16, "random_state": 0}
    return FocalNetClassifier(**{**settings, **params})


def make_search(kind=FocalGridSearchCV, estimator=None, **params):
    estimator = make() if estimator is None else estimator
    return kind(estimator, GRID, **{"cv": 2, "scoring": "neg_log_loss", **params})


def scores(search):
    return search.cv_results_["mean_test_score"]


# --- As a scikit-learn estimator -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(FocalGridSearchCV, GridSearchCV), (FocalRandomizedSearchCV, RandomizedSearchCV)],
)
def test_parameters_are_scikit_learns_and_memory_budget(ours, theirs):
    a, b = ours(make(), GRID), theirs(make(), GRID)
    own, other = a.get_params(deep=False), b.get_params(deep=False)
    assert own.pop("memory_budget") is None
    assert own.pop("checkpoint") is None
    assert list(own) == list(other)
    for name in set(own) - {"estimator"}:
        assert own[name] is other[name] or own[name] == other[name] or own[name] != own[name]
    assert isinstance(a, theirs)
    assert set(dir(b)) <= set(dir(a))


@pytest.mark.parametrize("kind", SEARCHES)
def test_clone_and_set_params(kind):
    search = make_search(kind, memory_budget=10**6, n_jobs=2)
    copied = clone(search)
    assert repr(copied.get_params()) == repr(search.get_params())
    copied.set_params(memory_budget=5, estimator__gamma=1.5, cv=4)
    assert (copied.memory_budget, copied.estimator.gamma, copied.cv) == (5, 1.5, 4)
    assert search.estimator.gamma == make().gamma
    assert is_classifier(search)


def test_fit_leaves_parameters_alone():
    search = make_search()
    before = repr(search.get_params())
    assert search.fit(X, Y) is search
    assert repr(search.get_params()) == before
    assert not any(name.endswith("_") for name in vars(search.estimator))


def test_methods_and_attributes_of_the_best():
    frame = pd.DataFrame(X, columns=list("abcd"))
    labels = np.array(["no", "yes"])[Y]
    search = make_search().fit(frame, labels)
    best = search.best_estimator_
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        assert_array_equal(getattr(search, method)(frame), getattr(best, method)(frame))
    assert search.classes_.tolist() == ["no", "yes"]
    assert search.feature_names_in_.tolist() == list("abcd")
    assert search.n_features_in_ == 4
    assert search.n_splits_ == 2
    assert search.refit_time_ > 0
    assert search.score(frame, labels) == search.scorer_(search, frame, labels)
    assert search.best_score_ == scores(search).max() == scores(search)[search.best_index_]


def test_not_fitted():
    with pytest.raises(NotFittedError):
        make_search().predict(X)


@pytest.mark.parametrize("dumps", [pickle.dumps, None], ids=["pickle", "joblib"])
def test_pickle(dumps, tmp_path):
    search = make_search(estimator=make_pipeline(StandardScaler(), make()))
    search.param_grid = {"focalnetclassifier__gamma": [0, 2]}
    search.fit(X, Y)
    if dumps:
        again = pickle.loads(dumps(search))
    else:
        joblib.dump(search, tmp_path / "search")
        again = joblib.load(tmp_path / "search")
    assert_array_equal(again.predict_proba(X), search.predict_proba(X))
    assert again.stacks_ == search.stacks_
    assert repr(again.get_params()) == repr(search.get_params())


def test_a_search_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), make_search()).fit(X, Y)
    scaled = StandardScaler().fit_transform(X)
    direct = make_search().fit(scaled, Y)
    assert_array_equal(pipeline.predict_proba(X), direct.predict_proba(scaled))


# --- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SEARCHES)
@pytest.mark.parametrize("budget", [0, -1, 1.5, "1 GB"])
def test_wrong_memory_budget(kind, budget):
    message = f"'memory_budget' parameter of {kind.__name__} must be .* Got {budget!r} instead"
    with pytest.raises(ValueError, match=message):
        make_search(kind, memory_budget=budget).fit(X, Y)


def test_wrong_arguments_are_refused_as_by_scikit_learn():
    with pytest.raises(ValueError, match="'refit' parameter of FocalGridSearchCV"):
        make_search(refit=3).fit(X, Y)
    with pytest.raises(ValueError, match="refit must be set to a scorer key"):
        make_search(scoring=["f1", "accuracy"]).fit(X, Y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_search().fit(X, Y[:-1])
    with pytest.raises(ValueError, match="Invalid parameter 'gama'"):
        FocalGridSearchCV(make(), {"gama": [1]}).fit(X, Y)
    with pytest.raises(ValueError, match="'cv' parameter of FocalGridSearchCV"):
        make_search(cv=1).fit(X, Y)


# --- Memory and jobs -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference():
    return make_search().fit(X, Y)


def test_tiny_memory_budget_changes_nothing(reference):
    search = make_search(memory_budget=1).fit(X, Y)
    assert search.stacks_ == [{"n_nets": 1, "n_streams": 1, "trained": "stacked"}] * 12
    assert reference.stacks_ == [{"n_nets": 12, "n_streams": 2, "trained": "stacked"}]
    assert_allclose(scores(search), scores(reference), rtol=0, atol=1e-9)


@pytest.mark.slow
def test_jobs_change_nothing(reference):
    search = make_search(n_jobs=2).fit(X, Y)
    assert [stack["n_nets"] for stack in search.stacks_] == [6, 6]
    assert_allclose(scores(search), scores(reference), rtol=0, atol=1e-9)


@pytest.mark.slow
def test_jobs_fit_alone_what_no_stack_takes():
    estimator = make(optimizer=torch.optim.LBFGS)
    one = make_search(estimator=estimator, refit=False).fit(X, Y)
    two = make_search(estimator=estimator, refit=False, n_jobs=2).fit(X, Y)
    assert [stack["trained"] for stack in two.stacks_] == ["alone"]
    assert_array_equal(scores(one), scores(two))


@pytest.mark.slow
def test_dask_changes_nothing(reference):
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, Client(cluster), joblib.parallel_config(backend="dask"):
        search = make_search().fit(X, Y)
    assert [stack["n_nets"] for stack in search.stacks_] == [6, 6]
    assert_allclose(scores(search), scores(reference), rtol=0, atol=1e-9)
    assert_array_equal(search.predict_proba(X), reference.predict_proba(X))


# --- Progress and interruption -------------------------------------------------------------------


@pytest.mark.parametrize(
    "n_jobs", [None, pytest.param(2, marks=pytest.mark.xdist_group("processes"))]
)
def test_verbose_shows_epochs(capsys, n_jobs):
    make_search(verbose=1, n_jobs=n_jobs, refit=False).fit(X, Y)
    shown = capsys.readouterr().err
    assert "36/36" in shown  # 6 candidates, 2 folds, 3 epochs
    assert "epoch" in shown


def test_quiet(capsys):
    make_search().fit(X, Y)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "")


def test_interrupt_in_training(monkeypatch):
    steps = []

    def interrupted(self, iterator):
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return manual_step(self, iterator)

    manual_step = StackNet._manual_step
    monkeypatch.setattr(StackNet, "_manual_step", interrupted)
    search = make_search()
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    assert len(steps) == 3
    assert not hasattr(search, "cv_results_")


def test_interrupt_in_a_monitor():
    calls = []

    def interrupted(estimator, X, y):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return 0.0

    with pytest.raises(KeyboardInterrupt):
        make_search(estimator=make(early_stopping=True, monitor=interrupted)).fit(X, Y)
    assert len(calls) == 3


# --- Randomness ----------------------------------------------------------------------------------


def test_global_generators_are_left_alone():
    torch_state = torch.random.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    grid = {"dropout": [0.0, 0.5], "early_stopping": [True, False]}
    FocalGridSearchCV(make(), grid, cv=2).fit(X, Y)
    assert_array_equal(torch.random.get_rng_state(), torch_state)
    assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


def test_without_a_seed_candidates_start_alike():
    grid = {"gamma": [2, 0, 2], "lr": [0.01]}
    search = FocalGridSearchCV(make(random_state=None), grid, cv=2, scoring="neg_log_loss")
    search.fit(X, Y)
    for name in ("split0_test_score", "split1_test_score"):
        first, other, second = search.cv_results_[name]
        assert first == pytest.approx(second, abs=1e-12)
        assert first != pytest.approx(other, abs=1e-6)


def test_without_a_seed_stacks_start_alike():
    # Of two stacks: the same net with batches of all samples, said in two ways.
    grid = {"batch_size": [-1, 1000]}
    search = FocalGridSearchCV(make(random_state=None), grid, cv=2, scoring="neg_log_loss")
    first, second = scores(search.fit(X, Y))
    assert len(search.stacks_) == 2
    assert first == pytest.approx(second, abs=1e-12)


def test_without_a_seed_searches_differ():
    a, b = (make_search(estimator=make(random_state=None), refit=False).fit(X, Y) for _ in "ab")
    assert not np.allclose(scores(a), scores(b))


def test_fits_repeat():
    a, b = (make_search().fit(X, Y) for _ in "ab")
    assert_array_equal(scores(a), scores(b))
    assert_array_equal(a.predict_proba(X), b.predict_proba(X))


def test_times_are_shares_of_the_stacks():
    results = make_search().fit(X, Y).cv_results_
    assert len(set(results["mean_fit_time"])) == 1
    assert results["mean_fit_time"][0] > 0
    assert (results["mean_score_time"] > 0).all()
