"""The searches' `fit` is scikit-learn's: what it sets, refuses and says."""

import numpy as np
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification
from sklearn.metrics import get_scorer, make_scorer, recall_score
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from focalsk import FocalGridSearchCV, FocalNetClassifier, FocalRandomizedSearchCV

X, Y = make_classification(60, 4, n_redundant=0, weights=[0.7], flip_y=0.1, random_state=0)
WEIGHT = np.random.default_rng(0).uniform(0.5, 2, 60)
GRID = {"gamma": [0, 1], "alpha": [None, "balanced"]}
TWO_JOBS = pytest.param({"n_jobs": 2}, marks=pytest.mark.xdist_group("processes"))
PAIRS = [(FocalGridSearchCV, GridSearchCV), (FocalRandomizedSearchCV, RandomizedSearchCV)]


def make(**params):
    settings = {"hidden_layer_sizes": (3,), "max_epochs": 3, "batch_size": 16, "random_state": 0}
    return FocalNetClassifier(**{**settings, **params})


def both(pair=PAIRS[0], estimator=None, grid=GRID, **params):
    estimator = make() if estimator is None else estimator
    if pair[1] is RandomizedSearchCV:
        params = {"n_iter": 3, "random_state": 0, **params}
    return [kind(estimator, grid, **{"cv": 2, **params}) for kind in pair]


def last(results):
    return int(results["rank_test_score"].argmax())


def two_metrics(estimator, X, y):
    return {"a": estimator.score(X, y), "b": float(estimator.predict_proba(X)[:, 1].mean())}


RECALL = make_scorer(recall_score, zero_division=0)
CASES = {
    "plain": {},
    "named": {"scoring": "roc_auc"},
    "no-refit": {"refit": False},
    "callable-refit": {"refit": last},
    "multimetric": {"scoring": ["f1_macro", "accuracy"], "refit": "accuracy"},
    "multimetric-no-refit": {"scoring": ["f1_macro", "accuracy"], "refit": False},
    "multimetric-dict": {"scoring": {"x": "accuracy", "y": RECALL}, "refit": "x"},
    "callable-scoring": {"scoring": two_metrics, "refit": "b"},
    "train-scores": {"return_train_score": True},
    "splitter": {"cv": KFold(3, shuffle=True, random_state=0)},
    "splits": {"cv": [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]},
    "alone": {"estimator": make(optimizer=torch.optim.LBFGS)},
}


def compare(ours, theirs):
    """Both have the same attributes, of the same types and, as far as told here, values."""
    found, expected = vars(ours).copy(), vars(theirs)
    if (splits := expected.get("_checked_cv_orig")) is None:  # before scikit-learn 1.9
        found.pop("_checked_cv_orig", None)
    else:
        assert repr(found["_checked_cv_orig"]) == repr(splits)
    assert set(found) - set(expected) == {"checkpoint", "memory_budget", "stacks_"}
    assert set(expected) <= set(found)
    for name, value in expected.items():
        assert type(found[name]) is type(value), name
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    for name, value in theirs.cv_results_.items():
        if "_test_" in name or "_train_" in name:
            assert_allclose(ours.cv_results_[name], value, rtol=0, atol=1e-9, err_msg=name)
    for name in ("n_splits_", "multimetric_", "best_index_", "best_params_", "best_score_"):
        if hasattr(theirs, name):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name)), name
    assert repr(ours.scorer_) == repr(theirs.scorer_)


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=["grid", "randomized"])
@pytest.mark.parametrize("case", list(CASES))
def test_fit_sets_what_scikit_learns_sets(pair, case):
    ours, theirs = both(pair, **CASES[case])
    compare(ours.fit(X, Y), theirs.fit(X, Y))
    assert ours.stacks_


def test_fit_sets_what_scikit_learns_sets_of_weights_and_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    ours, theirs = both(scoring="accuracy")
    compare(ours.fit(frame, Y, sample_weight=WEIGHT), theirs.fit(frame, Y, sample_weight=WEIGHT))
    assert ours.feature_names_in_.tolist() == list("abcd")


@pytest.mark.parametrize("several", [False, True])
def test_fit_sets_what_scikit_learns_sets_with_metadata_routing(several):
    with sklearn.config_context(enable_metadata_routing=True):
        clf = make().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), clf)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        other = get_scorer("f1_macro").set_score_request(sample_weight=False)
        scoring = {"weighted": scorer, "f1": other} if several else scorer
        grid = {f"focalnetclassifier__{name}": values for name, values in GRID.items()}
        searches = both(
            estimator=pipeline, grid=grid, scoring=scoring, refit="f1" if several else True
        )
        ours, theirs = (search.fit(X, Y, sample_weight=WEIGHT) for search in searches)
    compare(ours, theirs)


def test_a_fit_of_another_estimator_is_scikit_learns():
    ours, theirs = both(estimator=StandardScaler(), grid={"with_mean": [True]}, scoring=count)
    compare(ours.fit(X, Y), theirs.fit(X, Y))
    assert ours.stacks_ is None


def count(estimator, X, y):
    return float(len(X))


def test_callbacks_of_scikit_learns_are_called():
    callback_room = pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
    ours, theirs = both()
    for search in (ours, theirs):
        search.set_callbacks(callback_room.ScoringMonitor(scoring="accuracy"))
        search.fit(X, Y)
    assert set(vars(ours)) - set(vars(theirs)) == {"checkpoint", "memory_budget", "stacks_"}


# --- What cannot be searched ---------------------------------------------------------------------


class FewerFolds(KFold):
    def split(self, X, y=None, groups=None):
        return list(super().split(X, y, groups))[:-1]


class NoFolds(KFold):
    def split(self, X, y=None, groups=None):
        return []

    def get_n_splits(self, X=None, y=None, groups=None):
        return 0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"grid": []}, "No fits were performed"),
        ({"cv": NoFolds(3)}, "No fits were performed"),
        ({"cv": FewerFolds(3)}, "inconsistent results. Expected 3 splits, got 2"),
        ({"error_score": "ignore"}, "'error_score' parameter of"),
        ({"grid": {"gamma": [-1]}}, "All the 2 fits failed"),
    ],
)
def test_same_errors(params, message):
    for search in both(**params):
        with pytest.raises(ValueError, match=message):
            search.fit(X, Y)


def nan(estimator, X, y):
    return np.nan


def nan_of_two(estimator, X, y):
    return {"a": 1.0, "b": np.nan}


@pytest.mark.parametrize(
    "params",
    [{"scoring": nan}, {"scoring": "jaccard_samples"}, {"scoring": nan_of_two, "refit": "b"}],
)
def test_no_candidate_is_the_best_of_none(params):
    ours, _ = both(**params)
    expected = "All 4 candidates scored NaN by scoring=.* none of them is the best"
    with (
        pytest.warns(UserWarning, match="non-finite|Scoring failed"),
        pytest.raises(ValueError, match=expected),
    ):
        ours.fit(X, Y)
    assert not {"best_index_", "best_params_", "best_estimator_"} & set(vars(ours))
    assert len(ours.cv_results_["params"]) == 4


def test_no_candidate_is_the_best_without_refit():
    ours, _ = both(scoring=nan, refit=False)
    with (
        pytest.warns(UserWarning, match="non-finite"),
        pytest.warns(UserWarning, match="none of them is the best"),
    ):
        ours.fit(X, Y)
    assert not hasattr(ours, "best_index_")
    assert ours.cv_results_["params"] == list(ParameterGrid(GRID))


def test_a_callable_chooses_among_nan():
    ours, theirs = both(scoring=nan, refit=last)
    for search in (ours, theirs):
        with pytest.warns(UserWarning, match="non-finite"):
            search.fit(X, Y)
    assert ours.best_index_ == theirs.best_index_


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("params", [{}, TWO_JOBS, {"refit": False}])
def test_what_is_put_around_scikit_learns_fit_is_around_ours(pair, params, monkeypatch):
    # MLflow's autologging logs so: its function stands in for GridSearchCV.fit and calls that.
    theirs = pair[1]
    plain = both(pair, **params)[0].fit(X, Y)
    heard, original = [], theirs.fit

    def fit(self, *args, **kwargs):
        heard.append(self)
        original(self, *args, **kwargs)
        heard.append(self.cv_results_)
        return self

    monkeypatch.setattr(theirs, "fit", fit)
    wrapped = both(pair, **params)[0]
    assert wrapped.fit(X, Y) is wrapped
    assert heard == [wrapped, wrapped.cv_results_]
    assert wrapped.stacks_ == plain.stacks_
    assert wrapped.stacks_[0]["trained"] == "stacked"
    assert set(vars(wrapped)) == set(vars(plain))
    for name in ("mean_test_score", "rank_test_score", "params"):
        assert list(wrapped.cv_results_[name]) == list(plain.cv_results_[name])
    if wrapped.refit:
        assert_allclose(wrapped.predict_proba(X), plain.predict_proba(X), rtol=0)


def test_a_search_that_is_wrapped_and_fails_leaves_nothing_behind(monkeypatch):
    original = GridSearchCV.fit
    monkeypatch.setattr(GridSearchCV, "fit", lambda self, *args, **kw: original(self, *args, **kw))
    search = both(scoring=lambda *args: float("nan"))[0]
    with pytest.raises(ValueError, match="scored NaN"), pytest.warns(UserWarning, match="finite"):
        search.fit(X, Y)
    assert "_run_search" not in vars(search)
