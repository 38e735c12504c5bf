"""Scores of many nets at once are those that scikit-learn gives each."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    fbeta_score,
    get_scorer,
    make_scorer,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV

from focalsk import FocalGridSearchCV, FocalNetClassifier
from focalsk._compat._sklearn import HAS_BRIER_OF_SEVERAL
from focalsk.estimators import Fold, Task
from focalsk.estimators._stack import OneOfStream, _as_fitted
from focalsk.search import _scores as module
from focalsk.search._scores import score_stream

AVERAGES = ("", "_macro", "_micro", "_weighted")
SCORERS = [
    "accuracy", "balanced_accuracy", "matthews_corrcoef",
    *(f"f1{a}" for a in AVERAGES), *(f"precision{a}" for a in AVERAGES),
    *(f"recall{a}" for a in AVERAGES),
    "average_precision", "roc_auc", "roc_auc_ovr", "roc_auc_ovr_weighted", "roc_auc_ovo",
    "roc_auc_ovo_weighted", "neg_log_loss", "neg_brier_score",
]  # fmt: skip
ORDINARY = SCORERS if HAS_BRIER_OF_SEVERAL else SCORERS[:-1]


def make(**params):
    return FocalNetClassifier(**{"hidden_layer_sizes": (3,), "random_state": 0, **params})


class Stream:
    """Nets whose logits are given, of which the search asks what it asks of trained ones."""

    def __init__(self, logits, classes, nets, dtype):
        n = logits.shape[1]
        X = np.zeros((2 * len(classes), 1), dtype)
        fold = Fold.of(make(), X, np.repeat(classes, 2))
        self.tasks = [Task(k, net, fold, 0) for k, net in enumerate(nets)]
        self.given = torch.as_tensor(logits, dtype=torch.float64 if dtype == "float64" else None)
        self.X = np.arange(n, dtype=dtype)[:, None]

    def logits(self, X):
        return self.given[:, X[:, 0].astype(int)]

    def classifier(self, k):
        return _as_fitted(self.tasks[k], OneOfStream(self, k))


@st.composite
def problems(draw):
    """A stream of nets with tied and untied logits, targets that may lack classes, weights."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_classes, n = draw(st.integers(2, 4)), draw(st.integers(16, 60))
    n_nets = draw(st.integers(1, 4))
    classes = draw(st.sampled_from(["ints", "others", "strings"]))
    classes = {
        "ints": np.arange(4),
        "others": np.array([-3, 1, 5, 9]),
        "strings": np.array(list("abcd")),
    }[classes]
    classes = classes[:n_classes]
    y = classes[rng.integers(draw(st.integers(1, n_classes)), size=n)]
    step = draw(st.sampled_from([0.0, 0.5, 2.0]))
    logits = rng.normal(size=(n_nets, n, n_classes)) * draw(st.sampled_from([0.5, 3.0, 30.0]))
    logits = np.round(logits / step) * step if step else logits
    weight = draw(st.sampled_from(["none", "ones", "some"]))
    weight = {"none": None, "ones": rng.uniform(0.1, 3, n), "some": rng.integers(0, 3, n) + 0.0}[
        weight
    ]
    if weight is not None and not weight.any():
        weight[0] = 1.0
    nets = [
        make(
            gamma=rng.choice([0.0, 1.0, 2.5]),
            alpha=rng.choice([None, "balanced", "inverse"]),
            proba=rng.choice(["posterior", "weighted", "raw"]),
        )
        for _ in range(n_nets)
    ]
    dtype = draw(st.sampled_from(["float64", "float32"]))
    return Stream(logits.astype(dtype), classes, nets, dtype), y, weight


def outcome(function):
    """A value, or the type of error; and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = function()
        except Exception as error:
            value = f"{type(error).__name__}: {error}"
    return value, sorted({str(warning.message) for warning in caught})


def compare(stream, y, weight, scorer):
    """Score all nets together and one by one."""
    params = {} if weight is None else {"sample_weight": weight}
    nets, found = range(len(stream.tasks)), []
    for k in nets:
        ours, our_warnings = outcome(
            lambda k=k: score_stream(stream, [k], stream.X, y, scorer, params, "raise")[0]
        )
        theirs, their_warnings = outcome(
            lambda k=k: scorer(stream.classifier(k), stream.X, y, **params)
        )
        assert our_warnings == their_warnings
        if isinstance(theirs, str):
            assert ours == theirs
        else:
            assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
        found.append(ours)
    together, _ = outcome(lambda: score_stream(stream, nets, stream.X, y, scorer, params, "raise"))
    if not isinstance(together, str):
        one_by_one = [
            outcome(lambda k=k: score_stream(stream, [k], stream.X, y, scorer, params, "raise"))[0][
                0
            ]
            for k in nets
        ]
        assert_allclose(together, one_by_one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "name",
    [pytest.param(k, marks=[pytest.mark.slow] * k.endswith("_weighted")) for k in SCORERS],
)
@settings(max_examples=6)
@given(problem=problems())
def test_scores_are_scikit_learns(name, problem):
    compare(*problem, get_scorer(name))


OTHERS = {
    "positive-first": make_scorer(f1_score, pos_label="a"),
    "positive-second": make_scorer(f1_score, pos_label="b"),
    "ap-of-b": make_scorer(
        average_precision_score, pos_label="b", response_method="decision_function"
    ),
    "ap-of-a": make_scorer(
        average_precision_score, pos_label="a", response_method="decision_function"
    ),
    "ap-of-proba": make_scorer(average_precision_score, response_method="predict_proba"),
    "auc-of-proba": make_scorer(roc_auc_score, response_method="predict_proba"),
    "error": make_scorer(accuracy_score, greater_is_better=False),
    "fbeta": make_scorer(fbeta_score, beta=2, average="macro"),
    "zero-division": make_scorer(f1_score, average="macro", zero_division=1),
    "labels": make_scorer(f1_score, average="macro", labels=[1]),
    "auc-of-decisions": make_scorer(
        roc_auc_score, response_method="decision_function", multi_class="ovr"
    ),
}


@pytest.mark.parametrize("name", list(OTHERS))
@settings(max_examples=6)
@given(problem=problems())
def test_scorers_with_arguments(name, problem):
    compare(*problem, OTHERS[name])


# --- What is quick, and what is left to scikit-learn ----------------------------------------------


X, Y = make_classification(
    90, 4, n_informative=3, n_redundant=0, weights=[0.7], flip_y=0.1, random_state=0
)
GRID = {"gamma": [0, 2], "alpha": [None, "balanced"], "proba": ["posterior", "raw"]}


def search(scoring, kind=FocalGridSearchCV, X=X, y=Y, grid=GRID, **params):
    params = {"cv": 3, "refit": False, "error_score": "raise", **params}
    return kind(make(max_epochs=20, batch_size=30, lr=0.05), grid, scoring=scoring, **params).fit(
        X, y
    )


@pytest.fixture
def asked(monkeypatch):
    """What scikit-learn is asked to score."""
    calls = []
    score_one = module.score_one

    def recorded(estimator, X, y, scorers, *args):
        calls.append(scorers)
        return score_one(estimator, X, y, scorers, *args)

    monkeypatch.setattr(module, "score_one", recorded)
    return calls


def all_scores(fitted):
    return {k: v for k, v in fitted.cv_results_.items() if "_test_" in k or "_train_" in k}


@pytest.mark.slow
@pytest.mark.parametrize("scoring", [None, *ORDINARY, ORDINARY])
def test_a_search_asks_scikit_learn_for_no_ordinary_score(asked, monkeypatch, scoring):
    ours = search(scoring, return_train_score=True)
    assert not asked
    monkeypatch.setattr(module, "batch_score", lambda *args: None)
    theirs = search(scoring, return_train_score=True)
    assert len(asked) == 8 * 3 * 2
    for name, values in all_scores(theirs).items():
        assert_allclose(ours.cv_results_[name], values, rtol=0, atol=1e-12, err_msg=name)


def test_a_search_asks_scikit_learn_for_the_others_only(asked):
    scoring = {"f1": "f1", "f2": make_scorer(fbeta_score, beta=2), "accuracy": "accuracy"}
    ours = search(scoring)
    assert len(asked) == 8 * 3
    assert {tuple(scorers._scorers) for scorers in asked} == {("f2",)}
    theirs = search(scoring, GridSearchCV)
    assert list(all_scores(ours)) == list(all_scores(theirs))
    for name, values in all_scores(theirs).items():
        assert_allclose(ours.cv_results_[name], values, rtol=0, atol=1e-12, err_msg=name)


def test_heirs_of_scorers_and_other_estimators_are_left_alone(asked):
    def scorer(estimator, X, y):
        return LogisticRegression().fit(estimator.predict_proba(X), y).score(X[:, :2], y)

    assert np.isfinite(search(scorer).cv_results_["mean_test_score"]).all()


def test_many_samples_are_scored_in_blocks(asked, monkeypatch):
    whole = search(["roc_auc", "f1"])
    monkeypatch.setattr("focalsk.search._scores._BLOCK_VALUES", 100)
    blocks = search(["roc_auc", "f1"])
    assert not asked
    for name, values in all_scores(whole).items():
        assert_allclose(blocks.cv_results_[name], values, rtol=0, atol=1e-14)
