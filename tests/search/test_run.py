"""The work of a search: what is prepared, shared, cut up, trained and scored."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from focalsk import FocalGridSearchCV, FocalNetClassifier
from focalsk.estimators import Fold, Stack, Task
from focalsk.search._chunks import chunk_streams, net_bytes
from focalsk.search._folds import final_estimator, focal_classifier_of

X, Y = make_classification(60, 4, n_redundant=0, weights=[0.7], random_state=0)


def make(**params):
    settings = {"hidden_layer_sizes": (3,), "max_epochs": 2, "batch_size": 16, "random_state": 0}
    return FocalNetClassifier(**{**settings, **params})


def make_search(estimator=None, grid=None, **params):
    estimator = make() if estimator is None else estimator
    grid = {"gamma": [0, 2], "alpha": [None, "balanced"]} if grid is None else grid
    return FocalGridSearchCV(estimator, grid, **{"cv": 3, "refit": False, **params})


def test_final_and_focal_classifier_of():
    clf, other = make(), LogisticRegression()
    assert final_estimator(clf) is focal_classifier_of(clf) is clf
    assert final_estimator(make_pipeline(StandardScaler(), clf)) is clf
    assert focal_classifier_of(make_imblearn_pipeline(SMOTE(), clf)) is clf
    assert final_estimator(make_pipeline(clf, other)) is other
    assert focal_classifier_of(make_pipeline(clf, other)) is None
    assert focal_classifier_of(make_pipeline(other, "passthrough")) is None


# --- Shared work ---------------------------------------------------------------------------------


class Counting(StandardScaler):
    calls: list = []

    def fit(self, X, y=None):
        self.calls.append(("fit", self.with_mean, len(X)))
        return super().fit(X, y)

    def transform(self, X):
        self.calls.append(("transform", self.with_mean, len(X)))
        return super().transform(X)


@pytest.fixture
def calls():
    Counting.calls = []
    return Counting.calls


def test_preprocessing_runs_once_per_fold_and_setting(calls):
    grid = {
        "counting__with_mean": [True, False],
        "focalnetclassifier__gamma": [0, 1, 2],
        "focalnetclassifier__hidden_layer_sizes": [(3,), (2,)],
    }
    make_search(make_pipeline(Counting(), make()), grid).fit(X, Y)
    once = [("fit", 40), ("transform", 40), ("transform", 20)]
    for with_mean in (True, False):
        assert [(name, n) for name, mean, n in calls if mean is with_mean] == once * 3


def test_train_scores_need_one_more_transformation(calls):
    search = make_search(make_pipeline(Counting(), make()), {}, return_train_score=True)
    search.fit(X, Y)
    assert [name for name, *_ in calls] == ["fit", *["transform"] * 3] * 3


def stacks_of(search):
    """Nets in each stack, and how many arrays of samples they share."""
    return [(stack["n_nets"], stack["n_streams"]) for stack in search.fit(X, Y).stacks_]


def test_nets_of_a_fold_share_their_samples(calls):
    grid = {
        "focalnetclassifier__hidden_layer_sizes": [(3,), (2,)],
        "focalnetclassifier__output": ["softmax", "sigmoid"],
        "focalnetclassifier__gamma": [0, 2],
    }
    search = make_search(make_pipeline(Counting(), make()), grid)
    assert stacks_of(search) == [(2 * 3, 3)] * 4
    assert len(calls) == 3 * 3


def test_early_stopping_splits_are_made_once():
    assert stacks_of(make_search(make(early_stopping=True))) == [(12, 3)]


def test_seeds_of_their_own_have_early_stopping_splits_of_their_own():
    grid = {"random_state": [0, 1], "gamma": [0, 2]}
    assert stacks_of(make_search(make(early_stopping=True), grid)) == [(12, 2 * 3)]


@pytest.mark.parametrize("random_state", [None, 0, np.random.RandomState(0)], ids=str)
def test_candidates_have_one_seed(random_state):
    search = make_search(make(random_state=random_state), {"gamma": [2, 2.0]}).fit(X, Y)
    one, other = search.cv_results_["mean_test_score"]
    assert one == other


# --- Cutting up ----------------------------------------------------------------------------------


def make_streams(n_streams, n_nets, **params):
    clf = make(**params)
    folds = [Fold.of(make(**params), X, Y) for _ in range(n_streams)]
    return [[Task((k, s), clf, folds[s], 0) for k in range(n_nets)] for s in range(n_streams)]


def shapes(chunks):
    assert all(len({len(stream) for stream in chunk}) == 1 for chunk in chunks)
    return [(len(chunk), len(chunk[0])) for chunk in chunks]


@pytest.mark.parametrize(
    ("budget", "n_jobs", "expected"),
    [
        (1000, 1, [(3, 4)]),
        (12, 1, [(3, 4)]),
        (11, 1, [(3, 3), (3, 1)]),
        (6, 1, [(3, 2), (3, 2)]),
        (2, 1, [(2, 1)] * 4 + [(1, 1)] * 4),
        (0.1, 1, [(1, 1)] * 12),
        (1000, 2, [(3, 2), (3, 2)]),
        (1000, 12, [(1, 1)] * 12),
        (12, 4, [(3, 1)] * 4),
    ],
)
def test_chunks(budget, n_jobs, expected):
    streams = make_streams(3, 4)
    per_net = net_bytes(streams[0][0])
    chunks = chunk_streams(streams, max(1, int(budget * per_net)), n_jobs)
    assert shapes(chunks) == expected
    keys = [task.key for chunk in chunks for stream in chunk for task in stream]
    assert sorted(keys) == [(k, s) for k in range(4) for s in range(3)]


@pytest.mark.parametrize(
    ("n_stacks", "n_jobs", "expected"),
    [(1, 2, 2), (2, 2, 1), (3, 2, 2), (4, 2, 1), (2, 4, 2), (6, 4, 2), (3, 1, 1)],
)
def test_stacks_that_can_be_shared_out_are_left_whole(n_stacks, n_jobs, expected):
    chunks = chunk_streams(make_streams(3, 4), 2**30, n_jobs, n_stacks)
    assert len(chunks) == expected


def test_memory_budget_cuts_stacks():
    per_net = net_bytes(make_streams(1, 1)[0][0])
    assert stacks_of(make_search()) == [(12, 3)]  # a quarter of the free memory is plenty
    assert stacks_of(make_search(memory_budget=6 * per_net)) == [(6, 3)] * 2
    assert stacks_of(make_search(memory_budget=1)) == [(1, 1)] * 12


def test_net_bytes_grow_with_what_a_net_takes():
    def size(**params):
        return net_bytes(make_streams(1, 1, **params)[0][0])

    # 3 * 4 + 3 + 2 * 3 + 2 weights and 5 biased units, in 60 samples at most.
    assert size() > 8 * 4 * 23
    assert size() < size(batch_size=32) < size(batch_size=-1) == size(batch_size=60)
    assert size(batch_size=60) == size(batch_size=1000)
    assert size() < size(hidden_layer_sizes=(100,))
    assert size(module=lambda n_features, n_outputs: nn.Linear(4, 2)) > size(hidden_layer_sizes=())


# --- Scoring -------------------------------------------------------------------------------------


def names_and_steps(estimator, X, y):
    """A scorer that sees what a scorer of a whole pipeline should see."""
    assert isinstance(X, list)
    assert list(estimator.named_steps) == ["dictvectorizer", "focalnetclassifier"]
    assert estimator[0].feature_names_ == ["a", "b"]
    assert set(estimator.classes_) == {0, 1}
    assert estimator[-1].gamma_ == estimator[-1].gamma
    return estimator.score(X, y)


def test_a_callable_scores_the_pipeline_on_raw_samples():
    records = [{"a": a, "b": b} for a, b in X[:, :2]]
    pipeline = make_pipeline(DictVectorizer(), make())
    grid = {"focalnetclassifier__gamma": [0, 2]}
    search = make_search(pipeline, grid, scoring=names_and_steps, error_score="raise")
    search.fit(records, Y)
    plain = make_search(pipeline, grid, scoring="accuracy").fit(records, Y)
    for name in ("split0_test_score", "mean_test_score"):
        assert search.cv_results_[name].tolist() == plain.cv_results_[name].tolist()
    assert search.stacks_ == plain.stacks_


def test_a_scorer_may_predict_other_samples():
    seen = []

    def scorer(estimator, X, y):
        seen.append((estimator.predict_proba(X), estimator.predict_proba(X[:5].copy())))
        return 0.0

    make_search(scoring=scorer).fit(X, Y)
    assert len(seen) == 12
    for p, first in seen:
        np.testing.assert_allclose(p[:5], first, rtol=1e-12)


def test_a_scorer_may_copy_its_samples(monkeypatch):
    """The nets of a stream are asked about samples once, and once more about others."""
    asked = []
    logits = Stack.logits

    def counted(self, stream, X):
        asked.append(len(X))
        return logits(self, stream, X)

    monkeypatch.setattr(Stack, "logits", counted)

    def scorer(estimator, X, y):
        whole = estimator.predict_proba(X)
        assert (estimator.predict_proba(X.copy()) == whole).all()
        assert_allclose(estimator.predict_proba(X[:5].copy()), whole[:5], rtol=1e-12)
        assert (estimator.predict_proba(X.copy()) == whole).all()
        return float(whole[:, 1].mean())

    make_search(scoring=scorer, error_score="raise").fit(X, Y)
    assert asked == [20, 5] * 3


def test_a_scorer_may_copy_sparse_samples():
    data = sparse.csr_array(X)

    def scorer(estimator, X, y):
        half = X.copy()
        half.data *= 0.5
        assert not np.allclose(estimator.predict_proba(half), estimator.predict_proba(X))
        assert (estimator.predict(X.copy()) == estimator.predict(X)).all()
        return 0.0

    make_search(scoring=scorer, error_score="raise").fit(data, Y)


def test_one_bad_monitor_costs_no_other_candidate():
    def monitor(estimator, X, y):
        if estimator.gamma == 2:
            raise ValueError("no gamma 2")
        return estimator.score(X, y)

    search = make_search(make(early_stopping=True, monitor=monitor), {"gamma": [0, 2, 3]})
    with (
        pytest.warns(UserWarning, match="test scores are non-finite"),
        pytest.warns(FitFailedWarning, match="no gamma 2"),
    ):
        search.fit(X, Y)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True, False]
