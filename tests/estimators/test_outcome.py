"""What a training comes to: whole or undone, warned about where idle, never NaN."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback, EpochScoring
from torch import nn

from focalsk import FocalGridSearchCV, FocalNetClassifier

X, Y = make_classification(
    120, 5, n_informative=4, n_redundant=0, weights=[0.7], class_sep=1.5, random_state=0
)


def make(**params):
    return FocalNetClassifier(**{"max_epochs": 5, "lr": 0.05, "random_state": 0, **params})


class Stop(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) > 1:
            raise RuntimeError("stop")


class Interrupt(Callback):
    def on_batch_end(self, net, **kwargs):
        raise KeyboardInterrupt


FAILURES = {
    "diverges": ({"lr": 1e300}, ValueError),
    "callback": ({"callbacks": [Stop()]}, RuntimeError),
    "alpha": ({"alpha": [1, 2, 3]}, ValueError),
    "monitor": ({"early_stopping": True, "monitor": lambda *a: "x"}, ValueError),
    "interrupt": ({"callbacks": [Interrupt()]}, KeyboardInterrupt),
}
failures = pytest.mark.parametrize(("change", "error"), FAILURES.values(), ids=FAILURES)


@failures
def test_a_failed_first_fit_leaves_nothing(change, error):
    estimator = make(**change)
    before = set(vars(estimator))
    with pytest.raises(error):
        estimator.fit(X, Y)
    assert set(vars(estimator)) == before


@failures
@pytest.mark.parametrize("warm_start", [False, True])
def test_a_failed_refit_leaves_the_fit_before(change, error, warm_start):
    estimator, same = (make(warm_start=warm_start).fit(X, Y) for _ in "ab")
    other = X if warm_start else X[:, :3]
    usual = {name: getattr(estimator, name) for name in change}
    with pytest.raises(error):
        estimator.set_params(**change).fit(other, Y)
    assert_array_equal(estimator.predict_proba(X), same.predict_proba(X))
    assert (estimator.n_iter_, estimator.n_features_in_) == (5, 5)
    estimator.set_params(**usual).partial_fit(X, Y)
    assert_array_equal(estimator.predict_proba(X), same.partial_fit(X, Y).predict_proba(X))


@pytest.mark.parametrize(
    ("params", "dtype", "weight"),
    [
        ({"alpha": [1e25, 1e25]}, np.float32, None),
        ({"alpha": [1e-50, 1e-50]}, np.float32, None),
        ({"alpha": [1e200, 1e200]}, np.float64, None),
        ({"alpha": [1e-320, 1e-320]}, np.float64, None),
        ({"weight_decay": 1e300}, np.float64, None),
        ({"lr": 1e-300}, np.float64, None),
        ({"optimizer": "sgd", "lr": 1e3}, np.float64, None),
    ],
)
def test_learning_nothing_is_said(params, dtype, weight):
    with pytest.warns(ConvergenceWarning, match="has learned nothing, or part of it: .*lr="):
        make(**params).fit(X.astype(dtype), Y, weight)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_far_from_zero_nothing_is_learned_and_it_is_said(scale):
    clf = make(alpha=[scale, scale], early_stopping=scale > 1)
    with pytest.warns(ConvergenceWarning, match=r"its loss is .*, and guessing would do better"):
        clf.fit(X + 1e8, Y)
    clf.fit(X * 1e3, Y)  # large, but about zero


def test_learning_nothing_is_said_of_partial_fit():
    with pytest.warns(ConvergenceWarning, match="sample_weight"):
        make().partial_fit(X, Y, classes=[0, 1], sample_weight=np.full(120, 1e200))


@pytest.mark.parametrize("scale", [1e-300, 1e300, 1.7e308])
def test_weights_of_any_size_are_weights(scale):
    assert_array_equal(
        make().fit(X, Y, np.full(120, scale)).predict(X), make().fit(X, Y).predict(X)
    )


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_values_too_large_for_float32_are_refused(kind, method):
    fitted = make().fit(X.astype(np.float32), Y)
    with pytest.raises(ValueError, match=r"too large for dtype\('float32'\)"):
        getattr(fitted, method)(kind(X * 1e39))


class NotANumber(nn.Linear):
    def __init__(self, n_features, n_outputs):
        super().__init__(n_features, n_outputs)

    def forward(self, X):
        return super().forward(X) * (1 if self.training else np.nan)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_nan_is_never_given(method):
    fitted = make(module=NotANumber).fit(X, Y)
    with pytest.raises(ValueError, match="gives NaN for some samples"):
        getattr(fitted, method)(X)


class Draws(nn.Linear):
    def __init__(self, n_features, n_outputs):
        super().__init__(n_features, n_outputs)

    def forward(self, X):
        return nn.functional.dropout(super().forward(X), 0.5, training=True)


@pytest.mark.parametrize("module", [nn.LazyLinear(2), Draws], ids=["lazy", "draws"])
def test_what_draws_late_obeys_the_seed(module):
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (make(module=module).fit(X, Y).predict_proba(X) for _ in "ab")
    assert_array_equal(first, second)
    search = FocalGridSearchCV(make(module=module), {"gamma": [0, 1]}, cv=2).fit(X, Y)
    search.predict(X)
    assert torch.equal(state, torch.get_rng_state())
    assert_array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


# --- Going on ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "change",
    [
        {"lr": 1e-9},
        {"weight_decay": 5.0},
        {"batch_size": 7},
        {"alpha": "balanced"},
        {"gamma": 0.0},
        {"dropout": 0.5},
        {"optimizer_params": {"momentum": 0.9}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_parameter_counts(how, change):
    same, other = (make(optimizer="sgd", warm_start=True, batch_size=40).fit(X, Y) for _ in "ab")
    before = same.decision_function(X)
    getattr(same, how)(X, Y)
    getattr(other.set_params(**change), how)(X, Y)
    assert not np.array_equal(same.decision_function(X), other.decision_function(X))
    if "lr" in change:
        assert abs(other.decision_function(X) - before).max() < 1e-5


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "change",
    [
        {"hidden_layer_sizes": (3,)},
        {"module": NotANumber},
        {"optimizer": "sgd"},
        {"output": "sigmoid"},
        {"compile": True},
        {"optimizer_params": {"unknown": 1}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_cannot_be_changed_is_refused(how, change):
    estimator = make(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=f"cannot change '{next(iter(change))}'"):
        getattr(estimator.set_params(**change), how)(X, Y)


def test_another_way_to_write_a_parameter_is_no_change():
    estimator = make(warm_start=True, hidden_layer_sizes=(4, 4), device="cpu").fit(X, Y)
    estimator.set_params(hidden_layer_sizes=np.array([4, 4]), device=torch.device("cpu")).fit(X, Y)
    assert estimator.n_iter_ == 10


# --- Errors in words -----------------------------------------------------------------------------


class Detached(NotANumber):
    def forward(self, X):
        return nn.Linear.forward(self, X).detach()


class NoFeatures(nn.Linear):
    def __init__(self):
        super().__init__(5, 2)


def convolution(n_features, n_outputs):
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(12, n_outputs))


@pytest.mark.parametrize(
    ("params", "X", "message"),
    [
        ({"device": "meta"}, X, "'device' parameter .* Got 'meta'"),
        ({"callbacks": [("a",)]}, X, "'callbacks' parameter .* pairs"),
        ({"callbacks": [3]}, X, "'callbacks' parameter .* Got 3"),
        ({"module": Detached}, X, "do not lead back to its parameters"),
        ({"module": NoFeatures}, X, "called with n_features= and n_outputs=; pass an instance"),
        ({"module": convolution}, np.zeros((120, 4, 5)), r"pass X\[:, None\]"),
        ({}, np.zeros((120, 4, 5)), "without a 'module'"),
    ],
)
def test_errors_say_what_to_do(params, X, message):
    with pytest.raises(ValueError, match=message):
        make(**params).fit(X, Y)


def test_callbacks_that_cannot_be_cloned_are_used_as_they_are():
    class Odd(Callback):
        def __init__(self, trial):
            self._trial, self.epochs = trial, 0

        def on_epoch_end(self, net, **kwargs):
            self.epochs += 1

    callback = Odd("trial")
    make(callbacks=[callback]).fit(X, Y)
    assert callback.epochs == 5


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "f1"])
@pytest.mark.parametrize("on_train", [False, True])
def test_scores_for_rare_classes_as_callbacks(output, scoring, on_train):
    score = EpochScoring(scoring, lower_is_better=False, name="s", on_train=on_train)
    fitted = make(output=output, early_stopping=True, callbacks=[score])
    found = fitted.fit(X, np.where(Y, "yes", "no")).history_[:, "s"]
    assert all(0 <= value <= 1 for value in found)


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
@pytest.mark.parametrize("scoring", ["roc_auc_ovr", "f1_macro", "accuracy"])
def test_scores_of_three_classes_as_callbacks(output, scoring):
    score = EpochScoring(scoring, lower_is_better=False, name="s")
    y = np.array(["a", "b", "c"])[np.arange(120) % 3]
    fitted = make(output=output, early_stopping=True, callbacks=[score]).fit(X, y)
    assert np.isfinite(fitted.history_[:, "s"]).all()


@pytest.mark.slow
def test_a_class_of_this_file_goes_to_other_processes():
    with_jobs = CalibratedClassifierCV(make(module=Draws), n_jobs=2, cv=2).fit(X, Y)
    assert_array_equal(
        with_jobs.predict_proba(X),
        CalibratedClassifierCV(make(module=Draws), cv=2).fit(X, Y).predict_proba(X),
    )
