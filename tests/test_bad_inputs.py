"""Bad and odd inputs in one table: each has its error with its words, or the result of a plain one.

A row is the call and what comes: the type of an error and a part of its message, or nothing where
the answer is that of the same data in NumPy's arrays, bit by bit.
"""

import contextlib
import re
import warnings
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch import nn

from focalsk import (
    FocalEnsembleClassifier,
    FocalGridSearchCV,
    FocalLoss,
    FocalNet,
    FocalNetClassifier,
    FocalRandomizedSearchCV,
    PriorCorrectedClassifier,
    compute_alpha,
    focal_loss,
    focal_posterior,
    sigmoid_focal_loss,
    sigmoid_focal_posterior,
)
from focalsk.cli import main
from focalsk.comparison import LogitAdjustedClassifier, compare_resampling
from focalsk.displays import (
    CriticalDifferenceDisplay,
    EpochsDisplay,
    GridDisplay,
    ReliabilityDisplay,
    ThresholdDisplay,
    TradeOffDisplay,
    corrected_interval,
    corrected_ttest,
    expected_calibration_error,
    reliability_curve,
)
from focalsk.tables import (
    ColumnPicker,
    Columns,
    TableCleaner,
    infer_columns,
    make_cleaner,
    make_encoder,
    read_table,
)

NAN, INF = np.nan, np.inf
X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0.5).astype(int)
Y[:4] = 0, 1, 0, 1
LABELS = np.stack([Y, X[:, 1] > 0], 1).astype(int)
WORDS = np.array(["no", "yes"])[Y]
FRAME = pd.DataFrame(X, columns=list("abc"))
MIXED = FRAME.assign(d=["x", "y"] * 20)
DAYS = pd.date_range("2020", periods=40)
MASKED = np.ma.masked_equal([1, 2], 2)
LARGE = pd.Series([10**400, 1] * 20, dtype=object)
Z, T = torch.zeros(3, 2), torch.tensor([0, 1, 0])


def as_matrix(X: np.ndarray) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return np.asmatrix(X)


def but(values: Any, one: Any) -> np.ndarray:
    """Values whose first is another."""
    values = np.asarray(values)
    if isinstance(one, float):
        values = values.astype(float)
    elif one is None or isinstance(one, str) or values.dtype.kind == "U":
        values = values.astype(object)
    values = values.copy()
    values.flat[0] = one
    return values


def net(**params: Any) -> FocalNetClassifier:
    return FocalNetClassifier(**{"max_epochs": 1, "random_state": 0} | params)


def ensemble(**params: Any) -> FocalEnsembleClassifier:
    small = {"n_estimators": 2, "n_folds": 2, "max_epochs": 1, "hidden_layer_sizes": 2}
    return FocalEnsembleClassifier(**small | {"random_state": 0} | params)


def bare(**params: Any) -> FocalNet:
    return FocalNet(nn.Linear(3, 2), **{"max_epochs": 1, "verbose": 0} | params)


def grid(grid: Any = None, *, estimator: Any = None, **params: Any) -> FocalGridSearchCV:
    grid = {"gamma": [0, 2]} if grid is None else grid
    return FocalGridSearchCV(estimator or net(), grid, **{"cv": 2} | params)


def random(**params: Any) -> FocalRandomizedSearchCV:
    return FocalRandomizedSearchCV(
        net(), {"gamma": [0, 2]}, **{"cv": 2, "n_iter": 2, "random_state": 0} | params
    )


def corrected(**params: Any) -> PriorCorrectedClassifier:
    return PriorCorrectedClassifier(LogisticRegression(), **params)


def compare(X: Any = X, y: Any = Y, **params: Any) -> Any:
    few = {"estimator": net(), "methods": ["cross-entropy"], "cv": 2, "tune": False}
    return compare_resampling(X, y, **few | {"random_state": 0} | params)


def clean(X: Any, first: Any = FRAME) -> Any:
    """Numbers of a column of another frame than that of fit."""
    return TableCleaner(numbers=["a"]).fit(first).transform(X)


class Splits:
    """Splits of given sizes, whatever there is to split."""

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self.sizes = sizes

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Any:
        return ((np.arange(a), np.arange(len(Y) - b, len(Y))) for a, b in self.sizes)

    def get_n_splits(self, *args: Any) -> int:
        return len(self.sizes)


class Detached(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).detach()


class Whole(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).long()


class Mapping(nn.Linear):
    def forward(self, x: torch.Tensor) -> Any:
        return {"logits": super().forward(x)}


@dataclass
class Row:
    name: str
    call: Any
    error: type[BaseException]
    message: str


def refused(group: str, rows: list[tuple[str, Any, type[BaseException], str]]) -> list[Any]:
    return [pytest.param(Row(*row), id=f"{group}: {row[0]}") for row in rows]


SHAPE = "Expected 2D array, got 1D array instead"
NO_NAN = "Input X contains NaN"
NO_INF = "Input X contains infinity or a value too large"
NO_NAN_Y = "Input y contains NaN"

LOSSES = [
    ("input a list", lambda: focal_loss([[1.0, 2.0]], T), TypeError, "input must be a tensor"),
    ("input int", lambda: focal_loss(Z.long(), T), TypeError, "got torch.int64"),
    ("input sparse", lambda: focal_loss(Z.to_sparse(), T), TypeError, "input must be a dense"),
    ("input scalar", lambda: focal_loss(Z[0, 0], T[0]), ValueError, "must have an axis for"),
    ("no classes", lambda: focal_loss(Z[:, :0], T), ValueError, "input must have some classes"),
    ("target NumPy", lambda: focal_loss(Z, T.numpy()), TypeError, "target must be a tensor"),
    ("target bool", lambda: focal_loss(Z, T.bool()), TypeError, "got torch.bool"),
    ("target 2", lambda: focal_loss(Z, T + 1), ValueError, "class indices in [0, 2)"),
    ("target shape", lambda: focal_loss(Z, T[:2]), ValueError, "target must have shape (3,)"),
    ("target NaN", lambda: focal_loss(Z, Z * NAN), ValueError, "target must be in [0, 1]"),
    ("gamma NaN", lambda: focal_loss(Z, T, NAN), ValueError, "gamma must be finite"),
    ("gamma inf", lambda: focal_loss(Z, T, INF), ValueError, "gamma must be finite"),
    ("gamma -1", lambda: focal_loss(Z, T, -1), ValueError, "finite and not negative, got -1"),
    ("gamma text", lambda: focal_loss(Z, T, "2"), TypeError, "gamma must be a number"),
    ("gamma of 3", lambda: focal_loss(Z, T, [1, 2, 3]), ValueError, "gamma must have 2 entries"),
    ("gamma 1e300", lambda: focal_loss(Z, T, 1e300), ValueError, "gamma must be at most 3.403e+38"),
    ("alpha one", lambda: focal_loss(Z, T, 2, 0.5), ValueError, "one weight per class"),
    ("alpha 0", lambda: focal_loss(Z, T, 2, [0, 0]), ValueError, "alpha must be positive for some"),
    ("alpha 1e300", lambda: focal_loss(Z, T, 2, [1, 1e300]), ValueError, "alpha must be at most"),
    ("alpha name", lambda: focal_loss(Z, T, 2, "balanced"), TypeError, "alpha must be a number"),
    ("alpha ragged", lambda: FocalLoss(2, [[1], [1, 2]]), TypeError, "alpha must be a number"),
    ("weight -1", lambda: focal_loss(Z, T, weight=-1), ValueError, "weight must be finite and not"),
    ("weight of 2", lambda: focal_loss(Z, T, weight=[1, 1]), ValueError, "broadcastable"),
    ("weight 1e300", lambda: focal_loss(Z, T, weight=1e300), ValueError, "weight must be at most"),
    (
        "average 0",
        lambda: focal_loss(Z, T, avg_factor=0),
        ValueError,
        "avg_factor must be positive",
    ),
    ("average inf", lambda: focal_loss(Z, T, avg_factor=INF), ValueError, "positive and finite"),
    ("average text", lambda: focal_loss(Z, T, avg_factor="3"), TypeError, "avg_factor must be a"),
    ("average of 2", lambda: focal_loss(Z, T, avg_factor=T[:2]), ValueError, "avg_factor must be"),
    ("ignored 1.5", lambda: focal_loss(Z, T, ignore_index=1.5), TypeError, "ignore_index must be"),
    ("reduction", lambda: focal_loss(Z, T, reduction=["mean"]), ValueError, "reduction must be"),
    (
        "reduction an array",
        lambda: focal_loss(Z, T, reduction=np.array(["mean", "sum"])),
        ValueError,
        "reduction must be 'none', 'sum' or 'mean', got array(",
    ),
    (
        "smoothing",
        lambda: focal_loss(Z, T, label_smoothing=NAN),
        ValueError,
        "label_smoothing must",
    ),
    ("labels: target 2", lambda: sigmoid_focal_loss(Z, Z + 2), ValueError, "target must be in"),
    ("labels: alpha 2", lambda: sigmoid_focal_loss(Z, Z, 2, 2), ValueError, "alpha must be in"),
    (
        "posterior: list",
        lambda: focal_posterior([[1.0]], 2),
        TypeError,
        "logits must be a floating",
    ),
    ("posterior: gamma", lambda: focal_posterior(Z, 1e300), ValueError, "gamma must be at most"),
    ("posterior: 0", lambda: focal_posterior(Z, 2, [0, 0]), ValueError, "alpha must be positive"),
    ("posterior: large", lambda: focal_posterior(Z, 2, [1, 1e300]), ValueError, "alpha must be at"),
    ("posterior: dim", lambda: focal_posterior(Z, 2, dim=5), IndexError, "Dimension out of range"),
    ("posterior: dim '1'", lambda: focal_posterior(Z, 2, dim="1"), TypeError, "dim must be an int"),
    ("posterior: none", lambda: focal_posterior(Z[:, :0], 2), ValueError, "must have some classes"),
    (
        "posterior of labels: 0",
        lambda: sigmoid_focal_posterior(Z, 2, np.zeros((2, 2))),
        ValueError,
        "alpha must be positive for some outcome",
    ),
]

ALPHAS = [
    ("scheme", lambda: compute_alpha("foo", Y), ValueError, "alpha must be one of ['balanced'"),
    ("of 3", lambda: compute_alpha([1, 2, 3], Y), ValueError, "alpha must have the shape (2,)"),
    ("y floats", lambda: compute_alpha("sqrt", [0.1, 0.2]), ValueError, "whole numbers if they"),
    ("y inf", lambda: compute_alpha("sqrt", [1, INF]), ValueError, "y must hold classes"),
    ("y mixed", lambda: compute_alpha("sqrt", [0, "a"]), ValueError, "y must hold labels of one"),
    ("y None", lambda: compute_alpha("sqrt", [0, None]), ValueError, "with none missing"),
    ("classes NaN", lambda: compute_alpha("sqrt", Y, classes=[0, 1, NAN]), ValueError, "missing"),
    ("dates", lambda: compute_alpha(np.array([1, 2], "M8[D]"), Y), ValueError, "alpha must hold n"),
    ("spans", lambda: compute_alpha(np.array([1, 2], "m8[s]"), Y), ValueError, "alpha must hold n"),
    ("complex", lambda: compute_alpha([1, 2j], Y), ValueError, "alpha must hold numbers. Got"),
    ("masked", lambda: compute_alpha(MASKED, Y), ValueError, "alpha must hold numbers. Got masked"),
    ("large", lambda: compute_alpha([10**400, 1], Y), ValueError, "alpha must hold numbers. Got ["),
    (
        "of others",
        lambda: compute_alpha(pd.Series([1.0, 2.0], ["a", "b"]), Y),
        ValueError,
        "alpha has the keys ['a', 'b'], which are not among the classes [0, 1]",
    ),
    ("bool", lambda: compute_alpha([True, False], Y), ValueError, "alpha must hold numbers. Got"),
    ("one class", lambda: compute_alpha("sqrt", Y, classes=1), ValueError, "a list of lab"),
    (
        "classes 2-d",
        lambda: compute_alpha("sqrt", Y, classes=[[0, 1]]),
        ValueError,
        "a list of lab",
    ),
    ("y ragged", lambda: compute_alpha("sqrt", [[0], [0, 1]]), ValueError, "Labels must be in"),
    ("beta text", lambda: compute_alpha("effective", Y, beta="a"), ValueError, "beta must be in"),
    (
        "weights overflow",
        lambda: compute_alpha("sqrt", Y, sample_weight=np.full(40, 1e308)),
        ValueError,
        "sample_weight must have a finite sum",
    ),
]


def of_both(make: Any) -> list[tuple[str, Any, type[BaseException], str]]:
    """What FocalNetClassifier and FocalEnsembleClassifier refuse alike."""

    def fit(X_: Any = X, y: Any = Y, weight: Any = None, **params: Any) -> Any:
        return lambda: make(**params).fit(X_, y, sample_weight=weight)

    name = type(make()).__name__
    several = f"{name} needs samples of at least 2 classes"
    return [
        ("X inf", fit(but(X, INF)), ValueError, NO_INF),
        ("X word", fit(but(X, "word")), ValueError, "could not convert string to float: 'word'"),
        ("X complex", fit(X + 0j), ValueError, "Complex data not supported"),
        ("X datetimes", fit(np.zeros((40, 3), "M8[s]")), TypeError, "Got datetime64[s]"),
        ("X masked", fit(np.ma.masked_less(X, 0)), ValueError, "X is a masked array"),
        ("X matrix", fit(as_matrix(X)), TypeError, "np.matrix is not supported"),
        ("X ragged", fit([[1, 2], [1]] * 20), ValueError, "inhomogeneous shape"),
        ("X 1-d", fit(X[:, 0]), ValueError, SHAPE),
        ("X 3-d", fit(X[:, :, None]), ValueError, "dim <= 2 is required"),
        ("X None", fit(None), ValueError, "Expected 2D array, got scalar"),
        ("X series", fit(FRAME["a"]), ValueError, "Expected a 2-dimensional container"),
        ("X no rows", fit(X[:0], Y[:0]), ValueError, "Found array with 0 sample(s)"),
        ("X no columns", fit(X[:, :0]), ValueError, "Found array with 0 feature(s)"),
        ("X one row", fit(X[:1], Y[:1]), ValueError, several),
        ("X shorter", fit(X[:9]), ValueError, "inconsistent numbers of samples: [9, 40]"),
        ("X sparse NaN", fit(sp.csr_array(but(X, NAN))), ValueError, NO_NAN),
        ("X sparse inf", fit(sp.csc_array(but(X, -INF))), ValueError, NO_INF),
        ("X lazy", fit(pl.DataFrame(X).lazy()), (TypeError, ValueError), "LazyFrame"),
        ("X twins", fit(FRAME.set_axis(["a", "a", "b"], axis=1)), ValueError, "'a'"),
        ("y None", fit(y=None), ValueError, "requires y to be passed"),
        ("y continuous", fit(y=X[:, 0]), ValueError, "Unknown label type: continuous"),
        ("y one NaN", fit(y=but(Y, NAN)), ValueError, NO_NAN_Y),
        ("y one None", fit(y=but(WORDS, None)), ValueError, NO_NAN_Y),
        ("y one NA", fit(y=pd.array(but(WORDS, None), dtype="string")), ValueError, NO_NAN_Y),
        ("y polars null", fit(y=pl.Series([None, *WORDS[1:]])), ValueError, NO_NAN_Y),
        ("y NaT", fit(y=np.array(["NaT", "2020"], "M8[D]")[Y]), ValueError, NO_NAN_Y),
        ("y inf", fit(y=but(Y, INF)), ValueError, "Input y contains infinity"),
        ("y masked", fit(y=np.ma.masked_equal(Y, 1)), ValueError, "y is a masked array"),
        ("y mixed", fit(y=but(WORDS, 1)), (TypeError, ValueError), ""),
        ("y one class", fit(y=Y * 0), ValueError, several),
        ("y 3-d", fit(y=Y[:, None, None]), ValueError, "Found array with dim 3"),
        ("y several", fit(y=LABELS * [1, 2]), ValueError, "0/1 label indicators. Got"),
        ("y indicators 0/2", fit(y=LABELS * 2), ValueError, "Got the values [2] among indicators"),
        ("y bytes", fit(y=WORDS.astype("S")), TypeError, "represented as bytes"),
        ("y complex", fit(y=Y + 0j), ValueError, "Complex data not supported"),
        ("y sparse", fit(y=sp.csr_array(Y[:, None])), TypeError, "Sparse data was passed for y"),
        ("y a dict", fit(y={0: 1}), TypeError, "at least 1 dimension"),
        ("weight -1", fit(weight=-np.ones(40)), ValueError, "Negative values in data passed"),
        ("weight NaN", fit(weight=but(np.ones(40), NAN)), ValueError, "sample_weight contains NaN"),
        ("weight inf", fit(weight=but(np.ones(40), INF)), ValueError, "contains infinity"),
        ("weight all 0", fit(weight=np.zeros(40)), ValueError, "ample"),
        ("weight number NaN", fit(weight=NAN), ValueError, "sample_weight"),
        ("weight of one class", fit(weight=1.0 - Y), ValueError, several),
        ("weight shorter", fit(weight=np.ones(9)), ValueError, "sample_weight.shape == (9,)"),
        ("weight 2-d", fit(weight=np.ones((40, 1))), ValueError, "must be 1D array or scalar"),
        ("weight None", fit(weight=[None] * 40), ValueError, "sample_weight contains NaN"),
        ("gamma NaN", fit(gamma=NAN), ValueError, f"'gamma' parameter of {name} must be"),
        ("gamma of 3", fit(gamma=[1, 2, 3]), ValueError, "or 2 of them, one per class"),
        ("gamma inf", fit(gamma=[1, INF]), ValueError, "'gamma' parameter of FocalNetClassifier"),
        ("alpha name", fit(alpha="foo"), ValueError, f"'alpha' parameter of {name} must be"),
        ("alpha NaN", fit(alpha=[1, NAN]), ValueError, "alpha must be finite and not negative"),
        ("alpha 0", fit(alpha=[0, 0]), ValueError, "at least one class a positive weight"),
        ("alpha unknown", fit(alpha={5: 1}), ValueError, "alpha has the keys [5]"),
        ("class_weight", fit(class_weight={5: 1}), ValueError, "class_weight has the keys [5]"),
        ("smoothing", fit(label_smoothing=1), ValueError, "'label_smoothing' parameter"),
        ("output", fit(output="relu"), ValueError, "'output' parameter"),
        ("decision", fit(decision="foo"), ValueError, "'decision' parameter"),
        ("costs", fit(decision=[[0, 1, 2]]), ValueError, "A cost matrix for 'decision'"),
        ("lr", fit(lr=NAN), ValueError, "'lr' parameter"),
        ("epochs", fit(max_epochs=1.5), ValueError, "'max_epochs' parameter"),
        ("batch", fit(batch_size=0), ValueError, "'batch_size' parameter"),
        ("device", fit(device="foo"), ValueError, "'device' parameter"),
        ("meta", fit(device="meta"), ValueError, "its tensors hold no numbers"),
        ("layers 0", fit(hidden_layer_sizes=[0]), ValueError, "'hidden_layer_sizes' parameter"),
        ("layers a dict", fit(hidden_layer_sizes={1: 2}), ValueError, "'hidden_layer_sizes'"),
        ("module detached", fit(module=Detached(3, 2)), ValueError, "cannot be trained"),
        ("module whole", fit(module=Whole(3, 2)), ValueError, "floating-point logits"),
        ("module dict", fit(module=Mapping(3, 2)), ValueError, "Got shape () instead"),
        ("module one logit", fit(module=nn.Linear(3, 1)), ValueError, "logits of shape (2, 2)"),
        ("module 4 wide", fit(module=nn.Linear(4, 2)), ValueError, "failed on samples of shape"),
        ("unfitted", lambda: make().predict(X), NotFittedError, f"This {name} instance is not"),
        ("predict inf", lambda: make().fit(X, Y).predict(but(X, INF)), ValueError, NO_INF),
        ("predict 2", lambda: make().fit(X, Y).predict(X[:, :2]), ValueError, "X has 2 features"),
        ("predict no rows", lambda: make().fit(X, Y).predict(X[:0]), ValueError, "0 sample(s)"),
        ("predict 1-d", lambda: make().fit(X, Y).predict_proba(X[0]), ValueError, SHAPE),
        (
            "predict other order",
            lambda: make().fit(FRAME, Y).predict(FRAME[["b", "a", "c"]]),
            ValueError,
            "must be in the same order as they were in fit",
        ),
    ]


CLASSIFIER = [
    (
        "both weights",
        lambda: net(alpha="sqrt", class_weight="balanced").fit(X, Y),
        ValueError,
        "Only one of 'alpha' and 'class_weight'",
    ),
    (
        "X a frame of dates",
        lambda: net().fit(pd.DataFrame({"a": pd.date_range("2020", periods=40)}), Y),
        TypeError,
        "X must hold numbers. Got datetime64",
    ),
    (
        "X polars' dates",
        lambda: net().fit(pl.DataFrame({"a": [date(2020, 1, 1)] * 40}), Y),
        TypeError,
        "X must hold numbers. Got Date: a data frame may have",
    ),
    (
        "X meta",
        lambda: net().fit(torch.zeros(40, 3, device="meta"), Y),
        TypeError,
        "X must be a dense tensor that holds numbers. Got meta",
    ),
    (
        "weight dates",
        lambda: net().fit(X, Y, Y.astype("M8[D]")),
        TypeError,
        "sample_weight must hold numbers. Got datetime64[D].",
    ),
    ("X NaN", lambda: net().fit(but(X, NAN), Y), ValueError, NO_NAN),
    ("X None in it", lambda: net().fit(but(X, None), Y), ValueError, NO_NAN),
    ("X NA", lambda: net().fit(FRAME.astype("Float64").mask(FRAME > 1), Y), ValueError, NO_NAN),
    ("predict NaN", lambda: net().fit(X, Y).predict(but(X, NAN)), ValueError, NO_NAN),
    (
        "predict too large",
        lambda: net().fit(X.astype("f4"), Y).predict_proba(X * 1e39),
        ValueError,
        "too large for dtype('float32')",
    ),
    (
        "optimizer",
        lambda: net(optimizer=lambda p, **_: None).fit(X, Y),
        ValueError,
        "instead of a torch optimizer",
    ),
    ("callbacks", lambda: net(callbacks=[("a",)]).fit(X, Y), ValueError, "'callbacks' parameter"),
    (
        "monitor",
        lambda: net(early_stopping=True, monitor=lambda *_: "a").fit(X, Y),
        ValueError,
        "must give a number. Got 'a'",
    ),
    (
        "monitor NaN",
        lambda: net(early_stopping=True, monitor=lambda *_: NAN).fit(X, Y),
        ValueError,
        "there is no best epoch to keep",
    ),
    ("classes NaN", lambda: net().partial_fit(X, Y, [0, NAN]), ValueError, "classes contains NaN"),
    ("classes 1.5", lambda: net().partial_fit(X, Y, [0, 1.5]), ValueError, "classes must be whole"),
    ("classes 2-d", lambda: net().partial_fit(X, Y, [[0, 1]]), ValueError, "classes must have one"),
    ("classes mixed", lambda: net().partial_fit(X, Y, [0, "a"]), TypeError, "classes must be all"),
    ("no classes", lambda: net().partial_fit(X, Y), ValueError, "classes must be passed on the"),
    ("lr 1e300", lambda: net(lr=1e300, max_epochs=3).fit(X, Y), ValueError, "Training diverged"),
]

ENSEMBLE = [
    ("batches", lambda: ensemble(batch_size="foo").fit(X, Y), ValueError, "'batch_size' parameter"),
    ("members", lambda: ensemble(n_estimators=0).fit(X, Y), ValueError, "'n_estimators' parameter"),
    ("folds", lambda: ensemble(n_folds=1).fit(X, Y), ValueError, "'n_folds' parameter"),
    (
        "decision afterwards",
        lambda: ensemble().fit(X, Y).set_params(decision="foo").predict(X),
        ValueError,
        "The 'decision' parameter of FocalEnsembleClassifier must be a str among",
    ),
    (
        "array after a table",
        lambda: ensemble().fit(MIXED, Y).predict(MIXED.to_numpy()),
        TypeError,
        "X must be a data frame, as in fit, with the columns ['a', 'b', 'c', 'd']",
    ),
    (
        "word in a number",
        lambda: ensemble().fit(MIXED, Y).predict(MIXED.assign(a="x")),
        ValueError,
        "Column 'a' must hold numbers. Got 'x'",
    ),
    (
        "objects",
        lambda: ensemble().fit(MIXED.assign(a=[[1]] * 40), Y),
        ValueError,
        "Column 'a' mixes numbers and strings",
    ),
]

NETS = [
    ("y None", lambda: bare().fit(X, None), ValueError, "y must be given"),
    ("y words", lambda: bare().fit(X, WORDS), TypeError, "A net trains on class indices"),
    ("y 2", lambda: bare().fit(X, Y + 1), ValueError, "class indices in [0, 2)"),
    ("y shorter", lambda: bare().fit(X, Y[:9]), ValueError, "y must have one entry per sample"),
    ("X a list", lambda: bare().fit(X.tolist(), Y), TypeError, "X must be an array"),
    (
        "weight -1",
        lambda: bare().fit(X, Y, sample_weight=-np.ones(40)),
        ValueError,
        "sample_weight must be finite and not negative",
    ),
    (
        "weight words",
        lambda: bare().fit(X, Y, sample_weight=["a"] * 40),
        TypeError,
        "sample_weight must hold real numbers",
    ),
    ("weight 0", lambda: bare().fit(X, Y, sample_weight=Y * 0), ValueError, "Got only zeros"),
    ("weight one", lambda: bare().fit(X, Y, sample_weight=2.0), ValueError, "Got a scalar"),
    (
        "weight complex",
        lambda: bare().fit(X, Y, sample_weight=Y + 0j),
        TypeError,
        "sample_weight must hold real numbers. Got complex128",
    ),
    ("no rows", lambda: bare().fit(X[:0], Y[:0]), ValueError, "Found array with 0 sample(s)"),
    ("no more rows", lambda: bare().partial_fit(X[:0], Y[:0]), ValueError, "0 sample(s)"),
    ("epochs -1", lambda: bare(max_epochs=-1).fit(X, Y), ValueError, "'max_epochs' parameter of F"),
    ("epochs 1.5", lambda: bare(max_epochs=1.5).fit(X, Y), ValueError, "Got 1.5 instead"),
    ("epochs of fit", lambda: bare().fit(X, Y, epochs=-1), ValueError, "of FocalNet.fit must be"),
    ("batch 0", lambda: bare(batch_size=0).fit(X, Y), ValueError, "'batch_size' parameter of Foc"),
    ("batch 1.5", lambda: bare(batch_size=1.5).fit(X, Y), ValueError, "'batch_size' parameter"),
    ("batch -2", lambda: bare(batch_size=-2).fit(X, Y), ValueError, "or a int among {-1}"),
    (
        "batch of training",
        lambda: bare(iterator_train__batch_size=0).fit(X, Y),
        ValueError,
        "'iterator_train__batch_size' parameter",
    ),
    ("lr inf", lambda: bare(lr=INF).fit(X, Y), ValueError, "'lr' parameter of FocalNet must be"),
    ("lr text", lambda: bare(lr="a").fit(X, Y), ValueError, "'lr' parameter"),
    ("seed -1", lambda: bare(random_state=-1).fit(X, Y), ValueError, "'random_state' parameter"),
    ("dtype text", lambda: bare(dtype="float32").fit(X, Y), ValueError, "'dtype' parameter"),
    ("split", lambda: bare(train_split=5).fit(X, Y), ValueError, "'train_split' parameter"),
    ("optimizer", lambda: bare(optimizer="adam").fit(X, Y), ValueError, "'optimizer' parameter"),
    ("callbacks", lambda: bare(callbacks=5).fit(X, Y), ValueError, "'callbacks' parameter"),
    ("X one number", lambda: bare().fit(1.0, Y), ValueError, "X must have an axis of samples"),
    (
        "X words",
        lambda: bare().fit(X.astype(str), Y),
        TypeError,
        "X must hold real numbers. Got <U",
    ),
    ("X complex", lambda: bare().fit(X + 0j, Y), TypeError, "Got complex128"),
    ("X dates", lambda: bare().fit(np.zeros((40, 3), "M8[s]"), Y), TypeError, "Got datetime64[s]"),
    ("X objects", lambda: bare().fit(X.astype(object), Y), TypeError, "Got object"),
    ("X masked", lambda: bare().fit(np.ma.masked_less(X, 0), Y), ValueError, "X is a masked array"),
    (
        "X sparse tensor",
        lambda: bare().fit(torch.tensor(X).to_sparse(), Y),
        TypeError,
        "X must be a dense tensor",
    ),
    ("y one number", lambda: bare().fit(X, 1), ValueError, "y must have an axis of samples"),
    (
        "y masked",
        lambda: bare().fit(X, np.ma.masked_equal(Y, 1)),
        ValueError,
        "y is a masked array",
    ),
    (
        "X too large",
        lambda: bare().fit(X, Y).predict_proba(np.full((1, 3), 1e300)),
        ValueError,
        "gives NaN or infinity for some samples",
    ),
    ("gamma", lambda: bare(criterion__gamma=-1).fit(X, Y), ValueError, "gamma must be finite"),
    (
        "NaN out",
        lambda: bare().fit(X, Y).predict_proba(but(X, NAN).astype("f4")),
        ValueError,
        "gives NaN or infinity for some samples",
    ),
]

PRIORS = [
    ("y None in it", lambda: corrected().fit(X, but(WORDS, None)), ValueError, NO_NAN_Y),
    ("y continuous", lambda: corrected().fit(X, X[:, 0]), ValueError, "Unknown label type"),
    ("y labels", lambda: corrected().fit(X, LABELS), ValueError, "y should be a 1d array"),
    ("prior NaN", lambda: corrected(train_prior=[1, NAN]).fit(X, Y), ValueError, "'train_prior'"),
    ("prior of 3", lambda: corrected(target_prior=[1, 2, 3]).fit(X, Y), ValueError, "per class"),
    ("prior keys", lambda: corrected(train_prior={0: 1}).fit(X, Y), ValueError, "Got [0] instead"),
    ("decision", lambda: corrected(decision="foo").fit(X, Y), ValueError, "'decision' parameter"),
    (
        "no probabilities",
        lambda: PriorCorrectedClassifier(LinearSVC()).fit(X, Y),
        ValueError,
        "'estimator' parameter",
    ),
    ("prior large", lambda: corrected(train_prior=LARGE[:2]).fit(X, Y), ValueError, "one number p"),
    ("prior complex", lambda: corrected(target_prior=[1, 1j]).fit(X, Y), ValueError, "one number "),
    ("prior dates", lambda: corrected(target_prior=DAYS[:2]).fit(X, Y), ValueError, "one number p"),
    ("prior masked", lambda: corrected(target_prior=MASKED).fit(X, Y), ValueError, "one number pe"),
    (
        "prior of others",
        lambda: corrected(target_prior=pd.Series([0.3, 0.7], ["a", "b"])).fit(X, Y),
        ValueError,
        "must have the classes [0, 1] for its keys. Got ['a', 'b'] instead",
    ),
    ("weight 0", lambda: corrected().fit(X, Y, sample_weight=Y * 0), ValueError, "ample"),
    ("weight dates", lambda: corrected().fit(X, Y, sample_weight=DAYS.to_numpy()), TypeError, "da"),
    (
        "tau",
        lambda: LogitAdjustedClassifier(LogisticRegression(), tau=NAN).fit(X, Y),
        ValueError,
        "'tau' parameter",
    ),
    (
        "adjusted: y None in it",
        lambda: LogitAdjustedClassifier(LogisticRegression()).fit(X, but(WORDS, None)),
        ValueError,
        NO_NAN_Y,
    ),
]


def of_searches(make: Any) -> list[tuple[str, Any, type[BaseException], str]]:
    """What is wrong with all fits is said once, as a single fit says it."""
    one = make(estimator=ensemble()) if make is grid else make()
    name = type(one.estimator).__name__
    return [
        ("y None", lambda: one.fit(X, None), ValueError, f"{name} requires y to be passed"),
        ("y one class", lambda: one.fit(X, Y * 0), ValueError, f"{name} needs samples of at least"),
        ("y continuous", lambda: one.fit(X, X[:, 0]), ValueError, "Unknown label type: continuous"),
        ("y one None", lambda: make().fit(X, but(WORDS, None)), ValueError, NO_NAN_Y),
        ("y mixed", lambda: make().fit(X, but(WORDS, 1)), ValueError, "Unknown label type"),
        ("y several", lambda: make().fit(X, LABELS * [1, 2]), ValueError, "Got several classes"),
        ("y a dict", lambda: make().fit(X, {0: 1}), ValueError, "inconsistent numbers of samples"),
        (
            "weight shorter",
            lambda: make().fit(X, Y, sample_weight=np.ones(9)),
            ValueError,
            "sample_weight.shape == (9,)",
        ),
        (
            "weight -1",
            lambda: make().fit(X, Y, sample_weight=-np.ones(40)),
            ValueError,
            "Negative values in data passed",
        ),
        ("cv 1", lambda: make(cv=1).fit(X, Y), ValueError, "'cv' parameter"),
        ("cv text", lambda: make(cv="a").fit(X, Y), ValueError, "'cv' parameter"),
        ("cv of none", lambda: make(cv=[]).fit(X, Y), ValueError, "No fits were performed"),
        ("scoring", lambda: make(scoring="foo").fit(X, Y), ValueError, "'scoring' parameter"),
        ("refit", lambda: make(scoring=["f1"], refit="r2").fit(X, Y), ValueError, "refit"),
        ("budget", lambda: make(memory_budget=0).fit(X, Y), ValueError, "'memory_budget'"),
        ("X shorter", lambda: make().fit(X[:9], Y), ValueError, "inconsistent numbers of samples"),
        ("X NaN", lambda: make().fit(but(X, NAN), Y), ValueError, NO_NAN),
        ("y NaN", lambda: make().fit(X, but(Y, NAN)), ValueError, NO_NAN_Y),
        ("unfitted", lambda: make().predict(X), NotFittedError, "is not fitted yet"),
        ("predict 2", lambda: make().fit(X, Y).predict(X[:, :2]), ValueError, "X has 2 features"),
    ]


SEARCHES = [
    ("unknown", lambda: grid({"foo": [1]}).fit(X, Y), ValueError, "Invalid parameter 'foo'"),
    ("no list", lambda: grid({"gamma": 2}).fit(X, Y), TypeError, "needs to be a list"),
    ("empty", lambda: grid({"gamma": []}).fit(X, Y), ValueError, "non-empty sequence"),
    ("all bad", lambda: grid({"gamma": [-1]}).fit(X, Y), ValueError, "All the 2 fits failed"),
    ("no iterations", lambda: random(n_iter=0).fit(X, Y), ValueError, "'n_iter' parameter"),
]

COMPARISONS = [
    ("no rows", lambda: compare(X[:0], Y[:0]), ValueError, "Found array with 0 sample(s)"),
    ("X 1-d", lambda: compare(X[:, 0]), ValueError, SHAPE),
    ("X 3-d", lambda: compare(X[:, :, None]), ValueError, "Found array with dim 3"),
    ("X None", lambda: compare(None), ValueError, "Expected 2D array, got scalar"),
    ("X no columns", lambda: compare(X[:, :0]), ValueError, "0 feature(s)"),
    ("X inf", lambda: compare(but(X, INF)), ValueError, "Input X contains infinity"),
    ("X 1e300", lambda: compare(but(X, 1e300)), ValueError, "X must hold numbers up to 1e+150"),
    (
        "frame 1e300",
        lambda: compare(FRAME.assign(a=but(X[:, 0], 1e300))),
        ValueError,
        "Column 'a' must hold numbers up to 1e+150",
    ),
    (
        "frame '1e300'",
        lambda: compare(FRAME.assign(a=but(X[:, 0], 1e300)).astype(str)),
        ValueError,
        "Column 'a' must hold numbers up to 1e+150",
    ),
    ("X word", lambda: compare(but(X, "w")), ValueError, "could not convert string to float: 'w'"),
    ("X complex", lambda: compare(X + 0j), ValueError, "Complex data not supported"),
    ("X datetimes", lambda: compare(np.zeros((40, 3), "M8[s]")), TypeError, "Got datetime64[s]"),
    ("X masked", lambda: compare(np.ma.masked_less(X, 0)), ValueError, "X is a masked array"),
    ("X sparse NaN", lambda: compare(sp.csr_array(but(X, NAN))), ValueError, NO_NAN),
    ("X shorter", lambda: compare(X[:9]), ValueError, "inconsistent numbers of samples"),
    (
        "X twins",
        lambda: compare(FRAME.set_axis(["a", "a", "b"], axis=1)),
        ValueError,
        "Each column needs a name of its own. Got 'a' twice",
    ),
    ("y None", lambda: compare(y=None), ValueError, "requires y to be passed"),
    ("y None in it", lambda: compare(y=but(WORDS, None)), ValueError, NO_NAN_Y),
    ("y NaN in it", lambda: compare(y=but(Y, NAN)), ValueError, NO_NAN_Y),
    ("y NA in it", lambda: compare(y=pd.Series([pd.NA, *WORDS[1:]])), ValueError, NO_NAN_Y),
    ("y categories", lambda: compare(y=pd.Categorical([None, *WORDS[1:]])), ValueError, NO_NAN_Y),
    ("y continuous", lambda: compare(y=X[:, 0]), ValueError, "Unknown label type: continuous"),
    ("y mixed", lambda: compare(y=but(WORDS, 1)), TypeError, "y must hold classes of one type"),
    ("y sparse", lambda: compare(y=sp.csr_array(Y[:, None])), TypeError, "Sparse data was passed"),
    ("y dates", lambda: compare(y=np.array(["2020", "2021"], "M8[Y]")[Y]), TypeError, "datetime64"),
    ("y labels", lambda: compare(y=LABELS), ValueError, "y should be a 1d array"),
    ("y one class", lambda: compare(y=Y * 0), ValueError, "y must hold at least two classes"),
    ("y rare", lambda: compare(y=but(Y, 7)), ValueError, "Got 1 of class 7"),
    ("cv 1", lambda: compare(cv=1), ValueError, "n_splits=2 or more, got n_splits=1"),
    ("cv of none", lambda: compare(cv=[]), ValueError, "cv must give at least one split"),
    (
        "cv without a test",
        lambda: compare(cv=Splits((20, 0), (20, 20))),
        ValueError,
        "Got 20 and 0 in split 0",
    ),
    ("cv untrained", lambda: compare(cv=Splits((0, 20))), ValueError, "Got 0 and 20 in split 0"),
    (
        "cv outside",
        lambda: compare(cv=[([0, 99], [1])]),
        ValueError,
        "of which there are 40. Got others in split 0",
    ),
    ("cv of words", lambda: compare(cv=[(["a"], [1])]), ValueError, "cv must give the positions"),
    ("scoring", lambda: compare(scoring=["brier"]), ValueError, "scoring must be among"),
    ("methods None", lambda: compare(methods=None), TypeError, "methods must be names, or pairs"),
    ("methods unknown", lambda: compare(methods=["foo"]), ValueError, "methods must be among"),
    ("method of one", lambda: compare(methods=[("a",)]), ValueError, "Got ('a',) in it"),
    ("method 5", lambda: compare(methods={"a": 5}), TypeError, "The method 'a' must be a classif"),
    (
        "method scales",
        lambda: compare(methods={"a": StandardScaler()}),
        TypeError,
        "The method 'a' must be a classifier",
    ),
    ("estimator", lambda: compare(estimator=5), TypeError, "estimator must be a FocalNetClass"),
    ("preprocessor", lambda: compare(preprocessor="a"), TypeError, "preprocessor must be a trans"),
    ("columns", lambda: compare(FRAME, columns=["a"]), TypeError, "columns must be a Columns"),
    ("columns of none", lambda: compare(columns=Columns()), TypeError, "for a data frame"),
    (
        "checkpoint",
        lambda: compare(checkpoint="x", random_state=None),
        ValueError,
        "checkpoint nee",
    ),
]

P = np.linspace(0.1, 0.9, 40)
ranked, thresholds = CriticalDifferenceDisplay.from_scores, ThresholdDisplay.from_predictions
reliable, traded = ReliabilityDisplay.from_predictions, TradeOffDisplay.from_predictions
RESULTS = {"params": [{"gamma": 0, "alpha": None}], "split0_test_score": [0.5]}


def logistic() -> LogisticRegression:
    return LogisticRegression().fit(X, Y)


CALIBRATION = [
    ("NaN", lambda: expected_calibration_error(Y, P * NAN), ValueError, "Got values from nan to n"),
    (
        "above 1",
        lambda: expected_calibration_error(Y, P + 1),
        ValueError,
        "proba must be in [0, 1]",
    ),
    (
        "dates",
        lambda: expected_calibration_error(Y, DAYS),
        TypeError,
        "proba must hold numbers. Got",
    ),
    (
        "complex",
        lambda: expected_calibration_error(Y, P + 0j),
        TypeError,
        "proba must hold numbers",
    ),
    (
        "y 2-d",
        lambda: expected_calibration_error(LABELS, P),
        ValueError,
        "Got the shape (40, 2) inst",
    ),
    (
        "y None",
        lambda: expected_calibration_error(but(WORDS, None), P),
        ValueError,
        "y_true must have",
    ),
    (
        "classes",
        lambda: expected_calibration_error(Y, P, classes=["a", "b"]),
        ValueError,
        "Got 0 in",
    ),
    (
        "bins",
        lambda: expected_calibration_error(Y, P, n_bins=1.5),
        ValueError,
        "n_bins must be a who",
    ),
    (
        "curve: y words",
        lambda: reliability_curve(WORDS, P),
        ValueError,
        "whether a sample is positive",
    ),
    ("curve: NaN", lambda: reliability_curve(Y, P * NAN), ValueError, "proba must be in [0, 1]"),
    (
        "curve: shorter",
        lambda: reliability_curve(Y, P[:9]),
        ValueError,
        "each of the 40 samples. Got",
    ),
    (
        "curve: bins",
        lambda: reliability_curve(Y, P, 0, "positives"),
        ValueError,
        "n_bins must be a w",
    ),
    (
        "curve: masked",
        lambda: reliability_curve(Y, np.ma.masked_less(P, 0.5)),
        ValueError,
        "masked",
    ),
]

DISPLAYS = [
    (
        "label",
        lambda: reliable(Y, P, pos_label="zzz"),
        ValueError,
        "positive class 'zzz'. The classes",
    ),
    (
        "labels",
        lambda: reliable(Y, P, pos_label=[1]),
        ValueError,
        "pos_label must be one class. Got [1]",
    ),
    (
        "y masked",
        lambda: reliable(np.ma.masked_equal(Y, 1), P),
        ValueError,
        "y_true is a masked array",
    ),
    (
        "y sparse",
        lambda: reliable(sp.csr_array(Y[:, None]), P),
        ValueError,
        "y_true must have one dim",
    ),
    (
        "nothing said",
        lambda: reliable(Y, {}),
        ValueError,
        "must be dicts of probabilities by method",
    ),
    (
        "before",
        lambda: reliable(Y, P, before=5),
        ValueError,
        "must be dicts of probabilities by meth",
    ),
    (
        "axes",
        lambda: reliable(Y, P, ax=5),
        TypeError,
        "ax must be matplotlib Axes, or None for new on",
    ),
    (
        "proba 2-d",
        lambda: thresholds(Y, np.eye(40)),
        ValueError,
        "y_proba must have one entry for each",
    ),
    (
        "proba above 1",
        lambda: thresholds(Y, 2 * P),
        ValueError,
        "y_proba must be in [0, 1]. Got values",
    ),
    (
        "proba words",
        lambda: thresholds(Y, P.astype(str)),
        TypeError,
        "y_proba must hold numbers. Got",
    ),
    (
        "none known",
        lambda: thresholds(Y, P * NAN),
        ValueError,
        "A threshold needs samples of both cla",
    ),
    (
        "metrics",
        lambda: thresholds(Y, P, metrics=[]),
        ValueError,
        "metrics must be some names or funct",
    ),
    (
        "metric 5",
        lambda: thresholds(Y, P, metrics=[5]),
        ValueError,
        "metrics must be among 'accuracy'",
    ),
    (
        "decisions",
        lambda: thresholds(Y, P, decisions=[0.5]),
        TypeError,
        "decisions must be a dict of th",
    ),
    (
        "decision 2",
        lambda: thresholds(Y, P, decisions={"a": 2}),
        ValueError,
        "must be a number in [0, 1]",
    ),
    (
        "weight -1",
        lambda: thresholds(Y, P, sample_weight=-P),
        ValueError,
        "sample_weight must be finite",
    ),
    (
        "weight of one",
        lambda: thresholds(Y, P, sample_weight=Y),
        ValueError,
        "samples of both classes",
    ),
    (
        "weight shorter",
        lambda: thresholds(Y, P, sample_weight=P[:9]),
        ValueError,
        "Got the shape (9,)",
    ),
    (
        "y unknown",
        lambda: ThresholdDisplay.from_estimator(logistic(), X, WORDS),
        ValueError,
        "Got 'no'",
    ),
    (
        "y three",
        lambda: ReliabilityDisplay.from_estimator(logistic(), X, Y + 1),
        ValueError,
        "Got 2 in",
    ),
    (
        "no probabilities",
        lambda: TradeOffDisplay.from_estimator(LinearSVC().fit(X, Y), X, Y),
        TypeError,
        "estimator must be a classifier with predict_proba. Got LinearSVC()",
    ),
    (
        "no predictions",
        lambda: traded(Y, {}),
        ValueError,
        "predictions must be a dict of (y_pred, y_p",
    ),
    (
        "predictions",
        lambda: traded(Y, {"a": (Y[:9], P)}),
        ValueError,
        "y_pred must have one entry for",
    ),
    (
        "history",
        lambda: EpochsDisplay.from_history([]),
        ValueError,
        "history must be a list with a di",
    ),
    (
        "losses",
        lambda: EpochsDisplay.from_history([{"a": 1}]),
        ValueError,
        "history must have a 'train",
    ),
    ("scores words", lambda: ranked(X.astype(str)), TypeError, "scores must hold numbers. Got"),
    (
        "scores 3-d",
        lambda: ranked(X[None]),
        ValueError,
        "scores must have two dimensions. Got the sh",
    ),
    (
        "level",
        lambda: ranked(X, level=2),
        ValueError,
        "level must be a number in (0, 1). Got 2 instead",
    ),
    (
        "better",
        lambda: ranked(X, greater_is_better="a"),
        TypeError,
        "greater_is_better must be a bool",
    ),
    (
        "results",
        lambda: GridDisplay.from_cv_results({}),
        ValueError,
        "must be the cv_results_ of a sea",
    ),
    (
        "levels",
        lambda: GridDisplay.from_cv_results(RESULTS, level=NAN),
        ValueError,
        "level must be a n",
    ),
    (
        "values 2-d",
        lambda: corrected_ttest(X, 0.25),
        ValueError,
        "differences must have one entry for",
    ),
    (
        "ratio -1",
        lambda: corrected_ttest(P, -1),
        ValueError,
        "test_train_ratio must be a number in [0",
    ),
    ("interval", lambda: corrected_interval(P, 0.25, 2), ValueError, "level must be a number in"),
]

TABLES = [
    ("array", lambda: infer_columns(X), TypeError, "X must be a DataFrame of pandas or polars"),
    ("lazy", lambda: infer_columns(pl.DataFrame(X).lazy()), TypeError, "call collect()"),
    ("no columns", lambda: infer_columns(FRAME[[]]), ValueError, "X must have columns"),
    ("no rows", lambda: infer_columns(FRAME[:0]), ValueError, "No column is of use: 'a' (all miss"),
    ("y shorter", lambda: infer_columns(FRAME, Y[:9]), ValueError, "y must have one entry per row"),
    ("types", lambda: infer_columns(FRAME, types={"q": "text"}), ValueError, "Got 'q' besides"),
    ("kind", lambda: infer_columns(FRAME, types={"a": "q"}), ValueError, "types must be among"),
    ("encoder", lambda: make_encoder(["a"]), TypeError, "columns must be a Columns"),
    (
        "absent",
        lambda: make_encoder(Columns(numeric=["q"])).fit(FRAME),
        ValueError,
        "X lacks the columns 'q'",
    ),
    (
        "infinite",
        lambda: make_encoder(Columns(numeric=["a"])).fit(FRAME.assign(a=INF)),
        ValueError,
        "Column 'a' holds infinite values",
    ),
    ("y one", lambda: infer_columns(FRAME, 5), ValueError, "y must have one dimension. Got the"),
    ("y 2-d", lambda: infer_columns(FRAME, LABELS), ValueError, "Got the shape (40, 2) instead"),
    ("y None", lambda: infer_columns(FRAME, but(WORDS, None)), ValueError, "with none missing"),
    ("y NaN", lambda: infer_columns(FRAME, but(Y, NAN)), ValueError, "y must hold classes, with n"),
    ("y continuous", lambda: infer_columns(FRAME, X[:, 0]), ValueError, "Got numbers with fract"),
    (
        "y masked",
        lambda: infer_columns(FRAME, np.ma.masked_equal(Y, 1)),
        ValueError,
        "a masked arr",
    ),
    (
        "decimal",
        lambda: infer_columns(FRAME, decimal=[",", "."]),
        ValueError,
        "decimal must be '.'",
    ),
    ("decimals", lambda: infer_columns(FRAME, decimal=Y), ValueError, "decimal must be '.' or ','"),
    ("thousands 5", lambda: infer_columns(FRAME, thousands=5), ValueError, "must be one character"),
    (
        "thousands b'.'",
        lambda: infer_columns(FRAME, thousands=b"."),
        ValueError,
        "Got b'.' instead",
    ),
    ("dates 5", lambda: infer_columns(FRAME, date_format=5), ValueError, "date_format must be one"),
    (
        "dates %Q",
        lambda: infer_columns(FRAME, date_format="%Q"),
        ValueError,
        "Got '%Q': 'Q' is a bad",
    ),
    (
        "dates words",
        lambda: infer_columns(FRAME, date_format="day"),
        ValueError,
        "Got 'day': it nam",
    ),
    (
        "missing 5",
        lambda: infer_columns(FRAME, missing=5),
        TypeError,
        "missing must be a list of w",
    ),
    (
        "missing bytes",
        lambda: infer_columns(FRAME, missing=b"."),
        TypeError,
        "missing must be a list",
    ),
    ("missing lists", lambda: infer_columns(FRAME, missing=[[1]]), TypeError, "Got [1] in it"),
    (
        "types a list",
        lambda: infer_columns(FRAME, types=["a"]),
        TypeError,
        "types must be a dict by",
    ),
    (
        "huge",
        lambda: infer_columns(FRAME.assign(a=LARGE)),
        ValueError,
        "Column 'a' holds values out of range",
    ),
    (
        "complex",
        lambda: clean(FRAME.assign(a=1j)),
        ValueError,
        "Column 'a' must hold numbers. Got ",
    ),
    (
        "bytes",
        lambda: clean(FRAME.assign(a=b"1")),
        ValueError,
        "Column 'a' must hold numbers. Got b",
    ),
    (
        "dates",
        lambda: clean(FRAME.assign(a=DAYS)),
        ValueError,
        "numbers, as in fit. Got dates instead",
    ),
    ("times", lambda: clean(FRAME.assign(a=DAYS - DAYS[0])), ValueError, "Got times instead"),
    (
        "twins",
        lambda: clean(pd.concat([FRAME, FRAME], axis=1)),
        ValueError,
        "of its own. Got 'a' tw",
    ),
    (
        "numbers for dates",
        lambda: clean(FRAME, FRAME.assign(a=DAYS)),
        ValueError,
        "Column 'a' must hold dates, as in fit. Got numbers instead.",
    ),
    (
        "lists for words",
        lambda: TableCleaner(strings=["d"]).fit(MIXED).transform(MIXED.assign(d=[["x"]] * 40)),
        ValueError,
        "Column 'd' must hold words or numbers. Got ['x']",
    ),
    (
        "a word for names",
        lambda: TableCleaner("a").fit(FRAME),
        TypeError,
        "numbers must be a list of",
    ),
    (
        "picked 5",
        lambda: ColumnPicker(5).fit_transform(FRAME),
        TypeError,
        "columns must be a list o",
    ),
    (
        "unfitted",
        lambda: TableCleaner(["a"]).transform(FRAME),
        NotFittedError,
        "This TableCleaner in",
    ),
    ("cleaner", lambda: make_cleaner(["a"]), TypeError, "columns must be a Columns"),
    ("kinds a word", lambda: Columns(numeric="a"), TypeError, "numeric must be a list of names"),
    ("kinds None", lambda: Columns(text=None), TypeError, "text must be a list of names. Got None"),
    (
        "two kinds",
        lambda: Columns(["a"], ["a"]),
        ValueError,
        "Each column has one place. Got 'a' tw",
    ),
    ("no file", lambda: read_table("absent.csv"), FileNotFoundError, "No such file: absent.csv"),
    ("a folder", lambda: read_table("."), ValueError, ". is not a file"),
]


@pytest.mark.parametrize(
    "row",
    refused("losses", LOSSES)
    + refused("compute_alpha", ALPHAS)
    + refused("classifier", of_both(net) + CLASSIFIER)
    + refused("ensemble", of_both(ensemble) + ENSEMBLE)
    + refused("net", NETS)
    + refused("priors", PRIORS)
    + refused("grid", of_searches(grid) + SEARCHES)
    + refused("random", of_searches(random))
    + refused("comparison", COMPARISONS)
    + refused("calibration", CALIBRATION)
    + refused("displays", DISPLAYS)
    + refused("tables", TABLES),
)
def test_refused(row):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some inputs warn before they are refused
        with pytest.raises(row.error, match=re.escape(row.message)):
            row.call()


INT64 = sp.csr_array(X)
INT64.indices, INT64.indptr = INT64.indices.astype("i8"), INT64.indptr.astype("i8")
READ_ONLY = X.copy()
READ_ONLY.flags.writeable = False

# Forms of X: the answers are those of X itself.
FORMS = {
    "Fortran": np.asfortranarray(X),
    "read-only": READ_ONLY,
    "negative strides": X[::-1].copy()[::-1],
    "every other": np.repeat(X, 2, axis=1)[:, ::2],
    "big-endian": X.astype(">f8"),
    "objects": X.astype(object),
    "words": X.astype(str),
    "lists": X.tolist(),
    "long double": X.astype(np.longdouble),
    "unmasked": np.ma.masked_array(X),
    "tensor": torch.tensor(X),
    "tensor with gradient": torch.tensor(X, requires_grad=True),
    "pandas": FRAME,
    "pandas nullable": FRAME.astype("Float64"),
    "pandas objects": FRAME.astype(object),
    "polars": pl.DataFrame(X),
}
SPARSE = {
    "csr": sp.csr_array(X),
    "csr of int64": INT64,
    "csr matrix": sp.csr_matrix(X),
    "csc": sp.csc_array(X),
    "coo": sp.coo_array(X),
    "lil": sp.lil_array(X),
    "dok": sp.dok_array(X),
    "bsr": sp.bsr_array(X),
    "dia": sp.dia_array(X),
}

# Forms of y: the classes are these, and the answers those of numbers.
TARGETS = {
    "floats": (Y.astype(float), [0.0, 1.0]),
    "float16": (Y.astype("f2"), [0.0, 1.0]),
    "uint8": (Y.astype("u1"), [0, 1]),
    "large": (Y * 2**62, [0, 2**62]),
    "bool": (Y == 1, [False, True]),
    "list": (Y.tolist(), [0, 1]),
    "tensor": (torch.tensor(Y), [0, 1]),
    "words": (WORDS, ["no", "yes"]),
    "objects": (WORDS.astype(object), ["no", "yes"]),
    "an empty word": (np.array(["", "yes"])[Y], ["", "yes"]),
    "category": (pd.Series(WORDS, dtype="category"), ["no", "yes"]),
    "string": (pd.Series(WORDS, dtype="string"), ["no", "yes"]),
    "Int64": (pd.Series(Y, dtype="Int64"), [0, 1]),
    "boolean": (pd.Series(Y == 1, dtype="boolean"), [False, True]),
    "polars": (pl.Series(WORDS.tolist()), ["no", "yes"]),
    "polars category": (pl.Series(WORDS.tolist(), dtype=pl.Categorical), ["no", "yes"]),
}


@pytest.fixture(scope="module", params=[net, ensemble], ids=["classifier", "ensemble"])
def model(request):
    return request.param, request.param().fit(X, Y).predict_proba(X)


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_X_are_one(name, model):
    make, expected = model
    np.testing.assert_array_equal(make().fit(FORMS[name], Y).predict_proba(FORMS[name]), expected)


@pytest.mark.parametrize("name", SPARSE)
def test_forms_of_sparse_X_are_one(name, model):
    make, _ = model
    found = make().fit(SPARSE[name], Y).predict_proba(SPARSE[name])
    np.testing.assert_array_equal(found, make().fit(SPARSE["csr"], Y).predict_proba(SPARSE["csr"]))


@pytest.mark.parametrize("name", TARGETS)
def test_forms_of_y_are_one(name, model):
    make, expected = model
    y, classes = TARGETS[name]
    clf = make().fit(X, y)
    assert clf.classes_.tolist() == classes
    np.testing.assert_array_equal(clf.predict_proba(X), expected)


@pytest.mark.parametrize("make", [net, ensemble])
@pytest.mark.parametrize("weight", [1.0, 1e-300, 1e300, 1.7e308])
def test_only_the_proportions_of_weights_count(make, weight):
    found = make().fit(X, Y, np.full(40, weight)).predict_proba(X)
    expected = make().fit(X, Y, np.ones(40)).predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("make", [net, ensemble])
def test_a_thousand_classes(make):
    y = np.arange(2000) % 1000
    proba = make().fit(np.tile(X, (50, 1)), y).predict_proba(X)
    assert proba.shape == (40, 1000)
    np.testing.assert_allclose(proba.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("make", "X_", "told"),
    [
        (net, np.ones((40, 3)), False),
        (net, np.full((40, 3), 2**63 - 1), True),  # a lone net scales nothing
        (net, sp.csr_array((40, 3)), False),
        (ensemble, np.ones((40, 3)), False),
        (ensemble, np.full((40, 3), 2**63 - 1), False),
        (ensemble, sp.csr_array((40, 3)), False),
    ],
    ids=["net-ones", "net-huge", "net-empty", "ensemble-ones", "ensemble-huge", "ensemble-empty"],
)
def test_columns_that_tell_nothing_leave_the_class_frequencies_alike(make, X_, told):
    with pytest.warns(ConvergenceWarning) if told else contextlib.nullcontext():
        clf = make().fit(X_, Y)
    proba = clf.predict_proba(X_)
    assert np.isfinite(proba).all()
    np.testing.assert_array_equal(proba, np.tile(proba[:1], (40, 1)))


def test_a_series_gives_each_class_its_own():
    """What value_counts gives is in the order of the counts."""
    y = np.where(X[:, 0] > -1, "yes", "no")  # the greater class is the frequent one
    counts = pd.Series(y).value_counts()
    assert counts.index.tolist() == ["yes", "no"]
    assert compute_alpha(1 / counts, y).tolist() == [1 / counts["no"], 1 / counts["yes"]]
    expected = corrected(target_prior=counts.to_dict()).fit(X, y).predict_proba(X)
    found = corrected(target_prior=counts).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(found, expected)
    expected = net(alpha=(1 / counts).to_dict()).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(net(alpha=1 / counts).fit(X, y).predict_proba(X), expected)
    plain = compute_alpha(pd.Series([1.0, 2.0]), y)  # counted from 0: by place
    assert plain.tolist() == [1.0, 2.0]


def test_priors_of_the_data_take_weights_of_any_size():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the estimator's own sums overflow
        clf = corrected().fit(X, Y, sample_weight=np.full(40, 1e308))
    np.testing.assert_allclose(clf.target_prior_, [1 - Y.mean(), Y.mean()])
    np.testing.assert_allclose(clf.train_prior_, [1 - Y.mean(), Y.mean()])


def test_a_table_whose_words_became_numbers_has_unknown_categories():
    clf = ensemble().fit(MIXED, Y)
    found = clf.predict_proba(MIXED.assign(d=1.5))
    np.testing.assert_array_equal(found, clf.predict_proba(MIXED.assign(d="never seen")))


def test_a_failed_search_says_why_in_the_comparison():
    methods = {"mine": (net(), {"classifier__gamma": [-1]})}
    with pytest.raises(RuntimeError, match=r"fits failed.*'gamma' parameter"):
        compare(methods=methods)


CSV = "a,b,left\n" + "".join(f"{i},{i % 7},{'yes' if i % 3 else 'no'}\n" for i in range(30))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "absent.csv", "--target", "left"], "No such file: absent.csv"),
        (["compare", "d.csv", "--target", "foo"], "No column 'foo' in d.csv"),
        (["compare", "d.csv"], "needs the name of its target column"),
        (["compare", "d.csv", "--target", "left", "--methods", "foo"], "methods must be among"),
        (["fit", "d.csv", "--target", "left", "--method", "foo", "-o", "m"], "foo"),
        (["fit", "empty.csv", "--target", "left", "-o", "m"], "empty.csv: it is empty"),
        (["predict", "absent", "d.csv", "-o", "p.csv"], "absent"),
        (["predict", "d.csv", "d.csv", "-o", "p.csv"], "d.csv is no model"),
    ],
)
def test_the_command_line_refuses_in_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.csv").write_text(CSV)
    (tmp_path / "empty.csv").write_text("")
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert len([line for line in said.splitlines() if "note:" not in line]) == 1
