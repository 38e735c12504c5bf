"""A stacked search gives what scikit-learn's search gives: each candidate as if trained alone."""

import re
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.stats import loguniform, uniform
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from skorch.callbacks import EpochScoring, LRScheduler
from torch import nn

from focalsk import FocalGridSearchCV, FocalNetClassifier, FocalRandomizedSearchCV

SCORING = ("neg_log_loss", "balanced_accuracy")
LABEL_SCORING = {
    "brier": make_scorer(lambda y, p: -np.mean((y - p) ** 2), response_method="predict_proba"),
    "f1": "f1_macro",
}


def make(**params):
    settings = {"max_epochs": 2, "lr": 0.05, "batch_size": 16, "random_state": 0}
    return FocalNetClassifier(**{"hidden_layer_sizes": (4,), **settings, **params})


def make_data(n_classes, n=60):
    weights = [0.7, 0.3] if n_classes == 2 else [0.5, 0.3, 0.2]
    return make_classification(
        n, 5, n_informative=4, n_redundant=0, n_classes=n_classes, n_clusters_per_class=1,
        weights=weights, flip_y=0.1, random_state=0,
    )  # fmt: skip


BINARY, THREE = make_data(2), make_data(3)
LABELS = make_multilabel_classification(60, 5, n_classes=3, n_labels=2, random_state=0)
LABELS = (StandardScaler().fit_transform(LABELS[0]), LABELS[1])
WEIGHT = np.random.default_rng(0).choice([0.0, 0.5, 1.0, 3.0], 60)
ORDER = np.random.default_rng(1).permutation(60)
# Train on 25, 31 and 41 samples: last batches, and numbers of batches, differ.
UNEQUAL = [(ORDER[:n], ORDER[n:]) for n in (25, 31, 41)]


# --- What is compared ----------------------------------------------------------------------------


def run(kind, estimator, grid, X, y, fit_params=None, **kwargs):
    return kind(estimator, grid, **{"cv": 2, **kwargs}).fit(X, y, **(fit_params or {}))


def assert_same_results(ours, theirs, tol=1e-6):
    a, b = ours.cv_results_, theirs.cv_results_
    assert list(a) == list(b)
    assert repr(a["params"]) == repr(b["params"])
    scores = [name for name in a if re.match(r"(split\d+|mean|std)_(test|train)_", name)]
    assert scores
    for name in scores:
        assert_allclose(a[name], b[name], rtol=0, atol=tol, err_msg=name)
    for name in a:
        if name.startswith("rank_test_"):
            mean = b[name.replace("rank", "mean")]
            clear = mean[:, None] > mean + tol  # no tie
            assert ((a[name][:, None] < a[name]) >= clear).all(), name
        if name.startswith("param_"):
            assert repr(a[name]) == repr(b[name])
    for name in ("mean_fit_time", "mean_score_time"):
        assert (a[name] >= 0).all()


def assert_same_best(ours, theirs, X):
    assert ours.best_index_ == theirs.best_index_
    assert repr(ours.best_params_) == repr(theirs.best_params_)
    assert_array_equal(ours.best_estimator_.predict(X), theirs.best_estimator_.predict(X))
    assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))


def assert_distinct(search):
    """Candidates differ, so that mixing them up would show."""
    first = next(name for name in search.cv_results_ if name.startswith("mean_test_"))
    assert len(np.unique(search.cv_results_[first])) > 1


def compare(estimator, grid, X, y, fit_params=None, tol=1e-6, **kwargs):
    """Both searches, found equal."""
    theirs = run(GridSearchCV, estimator, grid, X, y, fit_params, **kwargs)
    ours = run(FocalGridSearchCV, estimator, grid, X, y, fit_params, **kwargs)
    assert_same_results(ours, theirs, tol)
    assert_distinct(ours)
    assert ours.n_splits_ == theirs.n_splits_
    assert ours.multimetric_ == theirs.multimetric_
    if kwargs.get("refit", True):
        assert_same_best(ours, theirs, X)
    return ours, theirs


def trained(search):
    return [stack["trained"] for stack in search.stacks_]


def n_nets(search):
    return sum(stack["n_nets"] for stack in search.stacks_)


@dataclass
class Case:
    grid: Any
    data: tuple = BINARY
    n_stacks: int = 1
    estimator: Any = field(default_factory=make)
    kwargs: dict = field(default_factory=dict)
    fit_params: dict = field(default_factory=dict)
    tol: float = 1e-6
    refit: bool = False


class Noisy(FunctionTransformer):
    """A step that is told a factor and stretches the samples by it."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def transform(self, X):
        return X * self.factor


def average_of_margins(estimator, X, y):
    return float(np.mean(estimator.decision_function(X) * np.where(y == 1, 1, -1)))


def last(name):
    return f"focalnetclassifier__{name}"


GAMMA_ALPHA = {"gamma": [0, 2.5], "alpha": [None, "balanced"]}
TWO = [{"gamma": [0], "alpha": [None]}, {"gamma": [2.5], "alpha": ["balanced"]}]
GAMMAS = {"gamma": [0.0, 2.0]}
STOPPING = {"early_stopping": True, "max_epochs": 12, "n_iter_no_change": 1, "lr": 0.1}
FRAME = pd.DataFrame(BINARY[0][:, :3], columns=["a", "b", "c"]).assign(
    kind=np.where(BINARY[0][:, 3] > 0, "x", "y")
)

CASES = {
    # What comes in.
    "dense": Case(
        {"gamma": [0, 1, 2.5], "alpha": [None, "sqrt", "balanced"]}, kwargs={"cv": 3}, refit=True
    ),
    "csr": Case(TWO, (sparse.csr_matrix(BINARY[0] * (BINARY[0] > 0)), BINARY[1]), refit=True),
    "float32": Case(GAMMA_ALPHA, (BINARY[0].astype(np.float32), BINARY[1]), tol=1e-5),
    "three-classes": Case(GAMMA_ALPHA, THREE),
    "string-labels": Case(TWO, (THREE[0], np.array(["b", "a", "c"])[THREE[1]]), refit=True),
    "labels": Case(TWO, LABELS, refit=True),
    "labels-gamma-each": Case(
        {"gamma": [[0, 1, 2], 1.0, [3.0, 0, 0]], "alpha": [0.3, None]}, LABELS
    ),
    "sigmoid": Case(GAMMA_ALPHA, estimator=make(output="sigmoid"), refit=True),
    "sigmoid-three": Case(
        {"gamma": [0, [0, 1, 2]], "alpha": [None, "balanced"]},
        THREE,
        estimator=make(output="sigmoid"),
    ),
    "output": Case({"output": ["softmax", "sigmoid"], **GAMMAS}, THREE, n_stacks=2),
    "sample-weight": Case(TWO, fit_params={"sample_weight": WEIGHT}),
    "class-missing-in-a-fold": Case(
        TWO,
        THREE,
        n_stacks=2,
        kwargs={
            "cv": [
                (np.flatnonzero(THREE[1] < 2), np.arange(60)),
                *StratifiedKFold(2).split(*THREE),
            ],
            "scoring": None,
        },
    ),
    # What may differ within a stack.
    "gamma-each": Case({"gamma": [[0, 1, 2], 2.0, [4, 0.5, 0]]}, THREE),
    "alpha-any": Case(
        {
            "alpha": [
                None,
                "balanced",
                "inverse",
                "geometric",
                "sqrt",
                "effective",
                0.25,
                [1.0, 3.0],
                {0: 1.0, 1: 5.0},
            ]
        }
    ),
    "class-weight": Case({"class_weight": [None, "balanced", {0: 1, 1: 5}]}),
    "alpha-or-class-weight": Case(
        [{"alpha": ["sqrt", 0.8]}, {"class_weight": ["balanced"], **GAMMAS}]
    ),
    "proba": Case({"proba": ["posterior", "weighted", "raw"], "alpha": ["balanced", None]}, THREE),
    "random-state": Case({"random_state": [0, 1], **GAMMAS}),
    "random-state-instance": Case(GAMMAS, estimator=make(random_state=np.random.RandomState(3))),
    "random-state-instances": Case(
        [
            {"scale": [StandardScaler(with_std=i % 2 == 0)], "net__random_state": [state]}
            for i, state in enumerate(map(np.random.RandomState, range(4)))
        ],
        n_stacks=2,
        estimator=Pipeline([("scale", StandardScaler()), ("net", make())]),
    ),
    "dropout": Case(
        {"dropout": [0.0, 0.2, 0.5]},
        estimator=make(hidden_layer_sizes=(6, 5)),
    ),
    "dropout-random-state": Case(
        {"dropout": [0.3, 0.5], "random_state": [0, 1]},
        n_stacks=2,  # folds of other numbers of batches
        kwargs={"cv": UNEQUAL},
    ),
    "adam": Case({"lr": [0.003, 0.05], "weight_decay": [0.0, 0.1]}),
    "adamw": Case(
        {"lr": [0.003, 0.05], "weight_decay": [0.0, 0.1]},
        n_stacks=2,
        estimator=make(optimizer="adamw"),
    ),
    "sgd": Case({"lr": [0.01, 0.5], "weight_decay": [0.0, 0.1]}, estimator=make(optimizer="sgd")),
    "sgd-momentum": Case(
        {"lr": [0.01, 0.1], "weight_decay": [0.0, 0.1]},
        estimator=make(optimizer="sgd", optimizer_params={"momentum": 0.9, "nesterov": True}),
    ),
    "decay-of-the-optimizer": Case(
        {"lr": [0.01, 0.1], "weight_decay": [0.0, 0.3]},
        n_stacks=4,
        estimator=make(optimizer_params={"weight_decay": 0.5}),
    ),
    "lr-of-the-optimizer": Case(
        {"lr": [0.01, 0.1], "gamma": [0, 2]},
        n_stacks=2,
        estimator=make(optimizer_params={"lr": 0.02}),
    ),
    "decoupled-decay": Case(
        {"lr": [0.01, 0.1], "weight_decay": [0.0, 0.3]},
        n_stacks=4,
        estimator=make(optimizer_params={"decoupled_weight_decay": True}),
    ),
    # What splits the work into several stacks.
    "shapes": Case({"hidden_layer_sizes": [(4,), [3, 3], 5, ()]}, n_stacks=4),
    "batch-size": Case({"batch_size": [7, -1, 1000], "gamma": [0, 2]}, n_stacks=3),
    "max-epochs": Case({"max_epochs": [1, 5], "gamma": [0, 2]}, n_stacks=2),
    "optimizer": Case(
        {"optimizer": ["adam", "adamw", "sgd", torch.optim.RMSprop], "lr": [0.01, 0.1]},
        n_stacks=5,  # RMSprop is not known to be linear in lr
    ),
    # Folds.
    "unequal": Case(TWO, n_stacks=2, kwargs={"cv": UNEQUAL}),
    "unequal-weights": Case(
        GAMMAS, n_stacks=2, kwargs={"cv": UNEQUAL}, fit_params={"sample_weight": WEIGHT}
    ),
    "unequal-one-batch": Case(GAMMAS, estimator=make(batch_size=-1), kwargs={"cv": UNEQUAL}),
    "unequal-labels": Case(TWO, LABELS, n_stacks=2, kwargs={"cv": UNEQUAL}),
    "unequal-sigmoid-three": Case(
        GAMMAS, THREE, n_stacks=2, estimator=make(output="sigmoid"), kwargs={"cv": UNEQUAL}
    ),
    "unequal-csr": Case(
        GAMMAS, (sparse.csr_array(BINARY[0]), BINARY[1]), n_stacks=2, kwargs={"cv": UNEQUAL}
    ),
    "smoothing": Case({"label_smoothing": [0, 0.1, 0.3], **GAMMA_ALPHA}, refit=True),
    "smoothing-sigmoid-three": Case(
        {"label_smoothing": [0.0, 0.3], **GAMMA_ALPHA}, THREE, estimator=make(output="sigmoid")
    ),
    "smoothing-labels": Case({"label_smoothing": [0.0, 0.3], **GAMMAS}, LABELS),
    "groups": Case(GAMMAS, kwargs={"cv": GroupKFold(3)}, fit_params={"groups": np.arange(60) // 7}),
    # Early stopping.
    "stopping": Case({"lr": [0.05, 0.3], **GAMMAS}, estimator=make(**STOPPING), refit=True),
    "stopping-unequal": Case(
        {"lr": [0.05, 0.3], **GAMMAS},
        n_stacks=1,
        estimator=make(**STOPPING),
        kwargs={"cv": UNEQUAL},
        fit_params={"sample_weight": WEIGHT},
    ),
    "stopping-scorer": Case(
        {"alpha": [None, "balanced"], **GAMMAS},
        estimator=make(**STOPPING, monitor="average_precision"),
    ),
    "stopping-callable": Case(
        {"random_state": [0, 1], **GAMMAS}, estimator=make(**STOPPING, monitor=average_of_margins)
    ),
    "stopping-lambda": Case(
        GAMMAS, estimator=make(**STOPPING, monitor=lambda clf, X, y: clf.score(X, y))
    ),
    "stopping-labels": Case(GAMMAS, LABELS, estimator=make(**STOPPING, monitor="f1_macro")),
    "stopping-fraction": Case(
        {"validation_fraction": [0.1, 0.3], "gamma": [0, 2]}, n_stacks=2, estimator=make(**STOPPING)
    ),
    # Pipelines.
    "scaler": Case(
        {"standardscaler__with_mean": [True, False], last("gamma"): [0, 2]},
        n_stacks=2,
        estimator=make_pipeline(StandardScaler(), make()),
    ),
    "step-in-the-grid": Case(
        {"scale": [StandardScaler(), "passthrough", FunctionTransformer(lambda X: X / 2)]},
        n_stacks=3,
        estimator=Pipeline([("scale", StandardScaler()), ("net", make())]),
    ),
    "classifier-in-the-grid": Case(
        {"net": [make(gamma=0), make(gamma=3)], "net__alpha": [None, "balanced"]},
        n_stacks=2,
        estimator=Pipeline([("scale", StandardScaler()), ("net", make())]),
        refit=True,
    ),
    "smote": Case(
        {"smote__k_neighbors": [2, 4], last("gamma"): [0, 2], last("alpha"): [None, 0.2]},
        n_stacks=2,
        estimator=make_imblearn_pipeline(StandardScaler(), SMOTE(random_state=0), make()),
        refit=True,
    ),
    "frame": Case(
        {last("gamma"): [0, 2], last("alpha"): [None, "balanced"]},
        (FRAME, np.array(["no", "yes"])[BINARY[1]]),
        estimator=make_pipeline(
            make_column_transformer(
                (OneHotEncoder(), ["kind"]), (StandardScaler(), ["a", "b", "c"])
            ),
            make(),
        ),
        refit=True,
    ),
    "bare-frame": Case(GAMMAS, (FRAME[["a", "b", "c"]], BINARY[1])),
    "pipeline-sample-weight": Case(
        {last("gamma"): [0, 2]},
        estimator=make_pipeline(StandardScaler(), make()),
        fit_params={last("sample_weight"): WEIGHT},
    ),
    # Scores.
    "default-scorer": Case(TWO, THREE, kwargs={"scoring": None}),
    "train-score": Case(TWO, kwargs={"return_train_score": True}),
    "callable-scorer": Case(GAMMAS, kwargs={"scoring": average_of_margins}),
    "callable-scorer-pipeline": Case(
        {"noisy__factor": [1.0, 3.0], last("gamma"): [0, 2]},
        n_stacks=2,
        estimator=make_pipeline(Noisy(), make()),
        kwargs={"scoring": average_of_margins, "return_train_score": True},
    ),
    "mixed-scorers-frame": Case(
        {last("gamma"): [0, 2]},
        (FRAME[["a", "b", "c"]], BINARY[1]),
        estimator=make_pipeline(StandardScaler(), make()),
        kwargs={
            "scoring": {"margin": average_of_margins, "log": "neg_log_loss"},
            "refit": "margin",
        },
    ),
    "dict-scorer": Case(
        GAMMAS,
        kwargs={
            "scoring": lambda clf, X, y: {
                "log": -log_loss(y, clf.predict_proba(X)),
                "acc": balanced_accuracy_score(y, clf.predict(X)),
            },
            "refit": "log",
            "return_train_score": True,
        },
    ),
}


# Variants of the others; these run with `make test-slow`.
VARIANTS = {
    "string-labels", "labels-gamma-each", "sigmoid-three", "gamma-each", "class-weight",
    "random-state-instance", "dropout-random-state", "adamw", "sgd", "lr-of-the-optimizer",
    "decoupled-decay", "unequal-sigmoid-three", "unequal-csr", "smoothing-sigmoid-three",
    "smoothing-labels", "stopping-callable", "stopping-labels", "bare-frame", "scaler",
    "callable-scorer", "callable-scorer-pipeline",
}  # fmt: skip
assert set(CASES) >= VARIANTS


@pytest.mark.parametrize(
    "case",
    [pytest.param(CASES[k], id=k, marks=[pytest.mark.slow] * (k in VARIANTS)) for k in CASES],
)
def test_grid_search(case):
    X, y = case.data
    scoring, refit = (LABEL_SCORING, "brier") if np.ndim(y) == 2 else (SCORING, SCORING[0])
    refit = refit if case.refit else False
    kwargs = case.kwargs
    if "scoring" not in kwargs:
        kwargs = {"scoring": scoring, "refit": refit, **kwargs}
    ours, _ = compare(case.estimator, case.grid, X, y, case.fit_params, case.tol, **kwargs)
    assert trained(ours) == ["stacked"] * case.n_stacks
    assert n_nets(ours) == len(ours.cv_results_["params"]) * ours.n_splits_


def test_streams_are_the_folds():
    ours = run(FocalGridSearchCV, make(), GAMMA_ALPHA, *BINARY)
    assert ours.stacks_ == [{"n_nets": 8, "n_streams": 2, "trained": "stacked"}]


# --- Choosing the best ---------------------------------------------------------------------------


def worst_log_loss(results):
    return int(np.argmin(results["mean_test_neg_log_loss"]))


def test_refit_callable():
    ours, theirs = compare(make(), GAMMAS, *BINARY, scoring=SCORING, refit=worst_log_loss)
    assert ours.best_index_ == worst_log_loss(theirs.cv_results_)
    assert not hasattr(ours, "best_score_")


@pytest.mark.parametrize("scoring", ["neg_log_loss", SCORING], ids=["one", "several"])
def test_no_refit(scoring):
    ours, theirs = compare(make(), GAMMAS, *BINARY, scoring=scoring, refit=False)
    for name in ("best_index_", "best_score_", "best_params_", "best_estimator_", "refit_time_"):
        assert hasattr(ours, name) == hasattr(theirs, name), name
    assert not hasattr(ours, "predict")


def test_best_score():
    ours, theirs = compare(make(), GAMMAS, *BINARY, scoring="neg_log_loss")
    assert ours.best_score_ == pytest.approx(theirs.best_score_, abs=1e-9)
    assert ours.score(*BINARY) == theirs.score(*BINARY)


# --- Candidates that fail ------------------------------------------------------------------------

FAILING = {
    "gamma": ({"gamma": [0, -1, 2]}, {}, "'gamma' parameter .* Got -1 instead"),
    "gamma-each": ({"gamma": [0, [1, 2, 3], 2]}, {}, r"'gamma' parameter .* Got \[1, 2, 3\]"),
    "alpha": ({"alpha": [None, "halanced", "sqrt"]}, {}, "'alpha' parameter .* 'halanced'"),
    "alpha-twice": (
        {"alpha": [None, "sqrt"]},
        {"class_weight": "balanced"},
        "Only one of 'alpha' and 'class_weight'",
    ),
    "hidden": ({"hidden_layer_sizes": [(4,), (0,), (3,)]}, {}, "'hidden_layer_sizes' parameter"),
    "device": ({"device": ["cpu", "nonsense"]}, {}, "'device' parameter .* 'nonsense'"),
    "optimizer": ({"optimizer_params": [{}, {"momentun": 1}]}, {}, "momentun"),
    "diverging": ({"lr": [0.05, 1e300, 0.01]}, {"optimizer": "sgd"}, "Training diverged.*lr=1e"),
    "diverging-monitor": (
        {"lr": [0.05, 1e300, 0.01]},
        {**STOPPING, "optimizer": "sgd", "monitor": "neg_log_loss"},
        "Training diverged.*lr=1e",
    ),
}
failing = pytest.mark.parametrize(("grid", "params", "message"), FAILING.values(), ids=FAILING)


def caught(kind, *args, **kwargs):
    """A search, and its one FitFailedWarning."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        search = run(kind, *args, **kwargs)
    return search, [str(w.message) for w in found if w.category is FitFailedWarning]


@failing
def test_failing_candidate_is_named_and_hurts_no_other(grid, params, message):
    error_score = -7.0 if "gamma" in grid else np.nan
    kwargs = {"scoring": "neg_log_loss", "refit": False, "return_train_score": True}
    args = (make(**params), grid, *BINARY)
    theirs, their_warnings = caught(GridSearchCV, *args, error_score=error_score, **kwargs)
    ours, our_warnings = caught(FocalGridSearchCV, *args, error_score=error_score, **kwargs)
    assert_same_results(ours, theirs)
    [text] = our_warnings
    assert len(their_warnings) == 1
    assert re.search(message, text, re.DOTALL)
    assert text.splitlines()[1:4] == their_warnings[0].splitlines()[1:4]  # how many failed

    failed = np.isnan if np.isnan(error_score) else (lambda score: score == error_score)
    bad = failed(ours.cv_results_["mean_test_score"])
    assert bad.sum() == 1
    good = [p for p, is_bad in zip(ours.cv_results_["params"], bad, strict=True) if not is_bad]
    without = run(
        FocalGridSearchCV, make(**params), [{k: [v] for k, v in p.items()} for p in good], *BINARY,
        **kwargs,
    )  # fmt: skip
    for name in ("mean_test_score", "split0_train_score"):
        assert_allclose(ours.cv_results_[name][~bad], without.cv_results_[name], rtol=0, atol=1e-9)


@failing
def test_failing_candidate_raises_if_asked(grid, params, message):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of numbers that overflow
        for kind in (GridSearchCV, FocalGridSearchCV):
            with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
                run(kind, make(**params), grid, *BINARY, error_score="raise")


def test_all_candidates_fail():
    grid = {"gamma": [-1, -2]}
    messages = []
    for kind in (GridSearchCV, FocalGridSearchCV):
        with pytest.raises(ValueError, match="All the 4 fits failed") as info:
            run(kind, make(), grid, *BINARY)
        messages.append(str(info.value))
    assert "Got -2 instead" in messages[1]


class Refusing(StandardScaler):
    def fit(self, X, y=None):
        if len(X) == 31:
            raise ValueError("not 31")
        return super().fit(X, y)


def test_preprocessing_that_fails_on_a_fold():
    kwargs = {"scoring": "neg_log_loss", "refit": False, "cv": UNEQUAL}
    args = (make_pipeline(Refusing(), make()), {last("gamma"): [0, 2]}, *BINARY)
    theirs, _ = caught(GridSearchCV, *args, **kwargs)
    ours, [text] = caught(FocalGridSearchCV, *args, **kwargs)
    assert_same_results(ours, theirs)
    assert "not 31" in text
    assert np.isnan(ours.cv_results_["split1_test_score"]).all()
    assert np.isfinite(ours.cv_results_["split0_test_score"]).all()


def grumpy(estimator, X, y):
    if estimator.gamma == 1:
        raise ValueError("no score for gamma 1")
    return average_of_margins(estimator, X, y)


def test_scorer_that_fails():
    kwargs = {"scoring": grumpy, "refit": False}
    searches = []
    for kind in (FocalGridSearchCV, GridSearchCV):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            searches.append(run(kind, make(), {"gamma": [0, 1, 2]}, *BINARY, **kwargs))
        texts = [str(w.message) for w in found]
        assert ["no score for gamma 1" in text for text in texts] == [True, True, False]
        assert "test scores are non-finite" in texts[2]
    ours, theirs = searches
    assert_same_results(ours, theirs)
    assert np.isnan(ours.cv_results_["mean_test_score"]).tolist() == [False, True, False]


# --- Metadata routing ----------------------------------------------------------------------------


@pytest.mark.parametrize("piped", [False, True])
def test_routed_sample_weight(piped):
    with config_context(enable_metadata_routing=True):
        clf = make().set_fit_request(sample_weight=True)
        estimator, grid = clf, GAMMAS
        if piped:
            estimator = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), clf)
            grid = {last("gamma"): [0, 2]}
        log = make_scorer(
            lambda y, p, sample_weight=None: -log_loss(y, p, sample_weight=sample_weight),
            response_method="predict_proba",
        )
        unweighted, _ = compare(
            estimator, grid, *BINARY, {"sample_weight": WEIGHT},
            scoring=log.set_score_request(sample_weight=False),
        )  # fmt: skip
        weighted, _ = compare(
            estimator, grid, *BINARY, {"sample_weight": WEIGHT},
            scoring=log.set_score_request(sample_weight=True),
        )  # fmt: skip
        no_weight, _ = compare(estimator, grid, *BINARY, scoring="neg_log_loss")
    scores = [s.cv_results_["mean_test_score"] for s in (unweighted, weighted, no_weight)]
    assert len(np.unique(np.round(scores, 9), axis=0)) == 3


# --- Modules of the user's own -------------------------------------------------------------------


class Tanh(nn.Module):
    def __init__(self, n_features, n_outputs, width=4):
        super().__init__()
        self.inner = nn.Linear(n_features, width)
        self.outer = nn.Linear(width, n_outputs)
        self.register_buffer("scale", torch.tensor(0.7))

    def forward(self, X):
        return self.outer(torch.tanh(self.inner(X * self.scale)))


class Convolution(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.conv = nn.Conv2d(n_features, 3, 3)
        self.last = nn.Linear(3, n_outputs)

    def forward(self, X):
        return self.last(torch.relu(self.conv(X)).mean(dim=(2, 3)))


class WithLayer(Tanh):
    def __init__(self, n_features, n_outputs, layer):
        super().__init__(n_features, n_outputs)
        self.layer = layer

    def forward(self, X):
        return super().forward(self.layer(X))


def make_images(y):
    X = np.random.default_rng(2).normal(size=(len(y), 2, 5, 4))
    X[:, 0, :3] += y[:, None, None]
    return X


MODULES = {
    "class": (make(module=Tanh, module_params={"width": 3}), TWO, BINARY),
    "images": (make(module=Convolution), GAMMAS, (make_images(THREE[1]), THREE[1])),
    "images-float32": (
        make(module=Convolution),
        GAMMAS,
        (make_images(THREE[1]).astype(np.float32), THREE[1]),
    ),
    "labels": (make(module=Tanh), TWO, LABELS),
    "sigmoid": (make(module=Tanh, output="sigmoid"), TWO, BINARY),
    "lr": (make(module=Tanh), {"lr": [0.01, 0.1], "weight_decay": [0, 0.1]}, BINARY),
    "random-state": (make(module=Tanh), {"random_state": [0, 1], **GAMMAS}, BINARY),
    "stopping": (make(module=Tanh, **STOPPING), GAMMAS, BINARY),
    "instance": (make(module=Tanh(5, 2).double()), GAMMAS, BINARY),
    "lambda": (make(module=lambda n_features, n_outputs: Tanh(n_features, 2)), GAMMAS, BINARY),
    "layer-norm": (
        make(module=WithLayer, module_params={"layer": nn.LayerNorm(5)}), GAMMAS, BINARY,
    ),
}  # fmt: skip


UNEQUAL_MODULES = ["class", "images", "labels", "stopping"]


@pytest.mark.parametrize(
    ("name", "cv"),
    [(name, 2) for name in MODULES] + [(name, UNEQUAL) for name in UNEQUAL_MODULES],
    ids=[*MODULES, *(f"{name}-unequal" for name in UNEQUAL_MODULES)],
)
def test_module(name, cv):
    estimator, grid, data = MODULES[name]
    scoring, refit = LABEL_SCORING if np.ndim(data[1]) == 2 else SCORING, False
    tol = 1e-5 if data[0].dtype == np.float32 else 1e-6
    ours, _ = compare(estimator, grid, *data, tol=tol, scoring=scoring, refit=refit, cv=cv)
    if not estimator.early_stopping:
        assert trained(ours) == ["stacked"] * (1 if cv == 2 else 2)
    assert set(trained(ours)) == {"stacked"}


def test_modules_in_the_grid():
    grid = {"module": [Tanh, None], "gamma": [0, 2]}
    ours, _ = compare(make(), grid, *BINARY, scoring=SCORING, refit="neg_log_loss")
    assert trained(ours) == ["stacked", "stacked"]


# --- What is fitted alone ------------------------------------------------------------------------


class Mixing(torch.optim.SGD):
    """An optimizer of which nothing is known."""


class Subclass(FocalNetClassifier):
    def predict_proba(self, X):
        return 0.5 * super().predict_proba(X) + 0.25


def with_layer(layer):
    return make(module=WithLayer, module_params={"layer": layer})


ALONE = {
    "batch-norm": (with_layer(nn.BatchNorm1d(5)), "vmap refused WithLayer: "),
    "batch-norm-of-a-batch": (
        with_layer(nn.BatchNorm1d(5, track_running_stats=False)), "vmap refused WithLayer: ",
    ),
    "dropout": (with_layer(nn.Dropout(0.4)), "vmap refused WithLayer: .*random"),
    "callbacks": (
        make(callbacks=[LRScheduler("StepLR", step_size=1), EpochScoring("accuracy")]),
        "it has callbacks, which belong to one net",
    ),
    "subclass": (Subclass(**make().get_params()), "Subclass is not a FocalNetClassifier"),
    "lbfgs": (
        make(optimizer=torch.optim.LBFGS, optimizer_params={"max_iter": 3}), "its optimizer, LBFGS"
    ),
    "own-optimizer": (make(optimizer=Mixing), "its optimizer, Mixing"),
    "param-groups": (
        make(optimizer_params={"param_groups": [("layers.0*", {"lr": 0.5})]}),
        "its param_groups",
    ),
}  # fmt: skip


class Centred(Tanh):
    """The logits of a sample depend on the other samples, and nothing refuses that."""

    def forward(self, X):
        return super().forward(X - X.mean(dim=0))


ALONE["mixing-samples"] = make(module=Centred), "Centred mixes the samples of a batch"


@pytest.mark.parametrize(("estimator", "reason"), ALONE.values(), ids=ALONE)
def test_alone(estimator, reason):
    ours, _ = compare(
        estimator, {"gamma": [0, 2]}, *BINARY, scoring=SCORING, refit="neg_log_loss",
        cv=UNEQUAL[1:], return_train_score=True,
    )  # fmt: skip
    [stack] = ours.stacks_
    assert (stack["n_nets"], stack["trained"]) == (4, "alone")
    assert re.match(reason, stack["reason"])


def test_stacked_and_alone_in_one_search():
    grid = {
        "net": [make(), LogisticRegression(), make(callbacks=[EpochScoring("f1")])],
        "scale": ["passthrough", StandardScaler()],
    }
    estimator = Pipeline([("scale", StandardScaler()), ("net", make())])
    ours, _ = compare(estimator, grid, *BINARY, scoring=SCORING, refit="neg_log_loss")
    reasons = sorted(stack.get("reason", "") for stack in ours.stacks_)
    assert reasons == [
        "", "", *["LogisticRegression is not a FocalNetClassifier"] * 2,
        *["it has callbacks, which belong to one net"] * 2,
    ]  # fmt: skip


@pytest.mark.parametrize("piped", [False, True])
def test_another_estimator(piped):
    estimator, name = LogisticRegression(), "C"
    if piped:
        estimator, name = make_pipeline(StandardScaler(), estimator), "logisticregression__C"
    ours, _ = compare(estimator, {name: [0.01, 1]}, *BINARY, scoring="neg_log_loss")
    assert ours.stacks_ is None


# --- Randomized search ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_randomized_search(seed):
    distributions = {
        "gamma": uniform(0, 5),
        "lr": loguniform(1e-3, 1e-1),
        "alpha": [None, "sqrt", "balanced"],
        "hidden_layer_sizes": [(4,), (3, 3)],
    }
    kwargs = {"n_iter": 8, "random_state": seed, "scoring": SCORING, "refit": "neg_log_loss"}
    theirs = run(RandomizedSearchCV, make(), distributions, *BINARY, **kwargs)
    ours = run(FocalRandomizedSearchCV, make(), distributions, *BINARY, **kwargs)
    assert_same_results(ours, theirs)
    assert_same_best(ours, theirs, BINARY[0])
    assert_distinct(ours)
    params = ours.cv_results_["params"]
    assert len(params) == 8
    assert len(ours.stacks_) == len({p["hidden_layer_sizes"] for p in params})
    assert set(trained(ours)) == {"stacked"}


def test_randomized_search_of_a_pipeline():
    estimator = make_pipeline(StandardScaler(), make())
    distributions = [{last("gamma"): uniform(0, 5)}, {last("alpha"): ["sqrt", "balanced", None]}]
    kwargs = {"n_iter": 5, "random_state": 0, "scoring": "neg_log_loss"}
    theirs = run(RandomizedSearchCV, estimator, distributions, *BINARY, **kwargs)
    ours = run(FocalRandomizedSearchCV, estimator, distributions, *BINARY, **kwargs)
    assert_same_results(ours, theirs)
    assert_same_best(ours, theirs, BINARY[0])
