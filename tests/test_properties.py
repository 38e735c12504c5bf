"""What must hold whatever the data: laws of the estimators, on data that hypothesis makes up."""

import pickle
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from focalsk import (
    FocalEnsembleClassifier,
    FocalGridSearchCV,
    FocalNetClassifier,
    FocalRandomizedSearchCV,
    focal_loss,
    focal_posterior,
    sigmoid_focal_posterior,
)

FEW = settings(max_examples=6)

# Small nets on made-up data may have dead units only, and say so.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*has learned nothing:sklearn.exceptions.ConvergenceWarning"
)


class Data(NamedTuple):
    """Samples, their classes 0, 1, ..., and whole weights."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray


@st.composite
def data(draw: Any, rows: int = 24) -> Data:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_classes = draw(st.integers(2, 3))
    n = draw(st.integers(rows, rows + 16))
    X = rng.normal(size=(n, draw(st.integers(1, 4)))) * 10.0 ** draw(st.integers(-2, 2))
    X[rng.random(X.shape) < 0.2] = 0.0
    y = np.concatenate([np.arange(n_classes).repeat(4), rng.integers(n_classes, size=n)])[:n]
    return Data(X, y, rng.integers(1, 4, size=n))


# Of a net that learns slowly, so that equal training is what makes equal answers.
PARAMS = st.fixed_dictionaries(
    {
        "gamma": st.sampled_from([0.0, 0.5, 2.0]),
        "alpha": st.sampled_from([None, "balanced", "sqrt"]),
        "output": st.sampled_from(["softmax", "sigmoid"]),
        "label_smoothing": st.sampled_from([0.0, 0.1]),
        "random_state": st.integers(0, 9),
    }
)


def net(**params: Any) -> FocalNetClassifier:
    return FocalNetClassifier(4, **{"max_epochs": 3, "batch_size": -1} | params)


def ensemble(**params: Any) -> FocalEnsembleClassifier:
    small = {"n_estimators": 3, "n_folds": 3, "max_epochs": 3, "hidden_layer_sizes": 4}
    return FocalEnsembleClassifier(**small | params)


BOTH = pytest.mark.parametrize("make", [net, ensemble])


# Labels -------------------------------------------------------------------------------------------


@BOTH
@FEW
@given(data(), PARAMS)
def test_names_of_the_classes_do_not_matter(make, data, params):
    X, y, _ = data
    plain = make(**params).fit(X, y)
    names = np.array(["a", "b", "c"], dtype=object)
    named = make(**params).fit(X, names[y])
    assert_array_equal(named.predict_proba(X), plain.predict_proba(X))
    assert_array_equal(named.predict(X), names[plain.predict(X)])


@FEW
@given(data(), PARAMS)
def test_a_linear_net_does_not_know_the_order_of_the_classes(data, params):
    # Of zero weights at the start: a random start is the same for other classes.
    X, y, _ = data
    given = {**params, "module": Zero, "optimizer": "sgd", "lr": 0.01}
    order = np.random.default_rng(0).permutation(y.max() + 1)
    if params["output"] == "sigmoid" and len(order) == 2:
        order = np.array([1, 0])
    plain = net(**given).fit(X / (1 + abs(X).max()), y)
    other = net(**given).fit(X / (1 + abs(X).max()), order[y])
    found = other.predict_proba(X / (1 + abs(X).max()))[:, order]
    assert_allclose(found, plain.predict_proba(X / (1 + abs(X).max())), atol=1e-9)


class Zero(torch.nn.Linear):
    """A linear net that starts at zero."""

    def __init__(self, n_features: int, n_outputs: int) -> None:
        super().__init__(n_features, n_outputs)
        with torch.no_grad():
            self.weight.zero_()
            self.bias.zero_()


# Rows ---------------------------------------------------------------------------------------------


@BOTH
@FEW
@given(data(), PARAMS, st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_matter(make, data, params, random):
    X, y, weight = data
    order = np.array(random.sample(range(len(y)), len(y)))
    if make is ensemble:
        params = {**params, "batch_size": 10_000}  # batches are drawn by position
    plain = make(**params).fit(X, y, weight)
    other = make(**params).fit(X[order], y[order], weight[order])
    assert_allclose(other.predict_proba(X), plain.predict_proba(X), atol=1e-5)


@FEW
@given(data(), PARAMS)
def test_a_weight_of_2_is_two_rows(data, params):
    X, y, weight = data
    rows = np.arange(len(y)).repeat(weight)
    weighted = net(**params).fit(X, y, weight)
    repeated = net(**params).fit(X[rows], y[rows])
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-7)
    assert_allclose(
        weighted.class_count_ / weighted.class_count_.sum(), np.bincount(y[rows]) / len(rows)
    )


@BOTH
@FEW
@given(data(), PARAMS, st.sampled_from([2.0**-40, 0.125, 64.0, 2.0**80]))
def test_a_scale_of_the_weights_does_not_matter(make, data, params, scale):
    X, y, weight = data
    plain = make(**params).fit(X, y, weight)
    scaled = make(**params).fit(X, y, weight * scale)
    assert_allclose(scaled.predict_proba(X), plain.predict_proba(X), atol=1e-6)


@BOTH
@FEW
@given(data(), PARAMS)
def test_rows_without_weight_are_not_there(make, data, params):
    X, y, weight = data
    strange = np.concatenate([X, X[:3] * 1e6])
    found = make(**params).fit(strange, np.append(y, [0, 1, 0]), np.append(weight, [0, 0, 0]))
    assert_array_equal(found.predict_proba(X), make(**params).fit(X, y, weight).predict_proba(X))


@BOTH
@FEW
@given(data(), PARAMS)
def test_one_row_is_answered_as_among_others(make, data, params):
    X, y, _ = data
    clf = make(**params).fit(X, y)
    alone = np.concatenate([clf.predict_proba(X[i : i + 1]) for i in range(5)])
    assert_allclose(alone, clf.predict_proba(X)[:5], atol=1e-6)


# Probabilities ------------------------------------------------------------------------------------


@BOTH
@FEW
@given(data(), PARAMS)
def test_probabilities_are_some(make, data, params):
    X, y, _ = data
    clf = make(**params).fit(X, y)
    proba = clf.predict_proba(X)
    assert proba.min() >= 0
    assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    scores = clf.decision_function(X)
    decided = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
    assert_array_equal(clf.predict(X), clf.classes_[decided])


LOGITS = st.lists(st.lists(st.floats(-80, 80), min_size=3, max_size=3), min_size=1, max_size=4)


@given(LOGITS, st.floats(0, 10), st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3))
def test_posterior_rows_sum_to_one(logits, gamma, alpha):
    logits = torch.tensor(logits, dtype=torch.float64)
    for weights in (None, alpha):
        posterior = focal_posterior(logits, gamma, weights)
        assert posterior.min() >= 0
        torch.testing.assert_close(posterior.sum(-1), torch.ones(len(logits)).double())
    labels = sigmoid_focal_posterior(logits, gamma, alpha)
    assert labels.min() >= 0
    assert labels.max() <= 1


@given(LOGITS, st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3))
def test_a_small_gamma_is_almost_none(logits, alpha):
    logits = torch.tensor(logits, dtype=torch.float64)
    target = torch.arange(len(logits)) % 3
    assert_allclose(
        focal_posterior(logits, 1e-9, alpha), focal_posterior(logits, 0.0, alpha), atol=1e-6
    )
    assert_allclose(
        focal_loss(logits, target, 1e-9, alpha), focal_loss(logits, target, 0.0, alpha), rtol=1e-6
    )


@FEW
@given(data(), PARAMS)
def test_training_with_a_small_gamma_is_almost_training_without(data, params):
    X, y, _ = data
    found = [net(**{**params, "gamma": g}).fit(X, y).predict_proba(X) for g in (1e-9, 0.0)]
    assert_allclose(*found, atol=1e-5)


# Forms and types ----------------------------------------------------------------------------------


@FEW
@given(data(), PARAMS)
def test_dense_csr_and_frames_are_one(data, params):
    X, y, _ = data
    expected = net(**params).fit(X, y).predict_proba(X)
    frame = pd.DataFrame(X, columns=[f"column {j}" for j in range(X.shape[1])])
    assert_array_equal(net(**params).fit(frame, y).predict_proba(frame), expected)
    csr = net(**params).fit(sp.csr_array(X), y).predict_proba(sp.csr_array(X))
    assert_allclose(csr, expected, atol=1e-9)


@FEW
@given(data(), PARAMS)
def test_an_ensemble_reads_arrays_and_frames_alike(data, params):
    X, y, _ = data
    expected = ensemble(**params).fit(X, y).predict_proba(X)
    frame = pd.DataFrame(X, columns=[f"column {j}" for j in range(X.shape[1])])
    for form in (frame, frame.astype("Float64"), frame.astype(object)):
        assert_array_equal(ensemble(**params).fit(form, y).predict_proba(form), expected)


@BOTH
@FEW
@given(data(), PARAMS)
def test_float32_is_almost_float64(make, data, params):
    X, y, _ = data
    X = X.astype("f4")
    single = make(**params).fit(X, y).predict_proba(X)
    assert_allclose(single, make(**params).fit(X.astype("f8"), y).predict_proba(X), atol=1e-3)


# Ways of computing --------------------------------------------------------------------------------


def search(params: dict[str, Any], kind: Any = FocalGridSearchCV, **more: Any) -> Any:
    grid = {"gamma": [0.0, 2.0], "alpha": [None, "balanced"], "lr": [0.01, 0.001]}
    rest = {k: v for k, v in params.items() if k not in grid}
    if kind is FocalRandomizedSearchCV:
        more |= {"n_iter": 4, "random_state": 0}
    return kind(net(**rest), grid, cv=2, scoring="neg_log_loss", **more)


@settings(max_examples=4)
@given(data(), PARAMS)
def test_stacked_is_alone(data, params):
    X, y, _ = data
    together = search(params).fit(X, y)
    apart = search(params, GridSearchCV).fit(X, y)
    for key in ("split0_test_score", "split1_test_score"):
        assert_allclose(together.cv_results_[key], apart.cv_results_[key], rtol=1e-6)
    assert together.best_params_ == apart.best_params_
    assert_allclose(together.predict_proba(X), apart.predict_proba(X), atol=1e-7)


@pytest.mark.xdist_group("processes")
@settings(max_examples=2)
@given(data(), PARAMS)
@pytest.mark.parametrize("kind", [FocalGridSearchCV, FocalRandomizedSearchCV])
def test_two_workers_search_as_one_does(kind, data, params):
    X, y, _ = data
    found = [search(params, kind, n_jobs=n).fit(X, y) for n in (1, 2)]
    one, two = (s.cv_results_["mean_test_score"] for s in found)
    assert_allclose(one, two, rtol=1e-12)  # for two, the nets are cut into other stacks
    assert_array_equal(found[0].predict_proba(X), found[1].predict_proba(X))


@pytest.mark.xdist_group("processes")
@settings(max_examples=2)
@given(data(), PARAMS)
def test_two_workers_train_an_ensemble_as_one_does(data, params):
    X, y, _ = data
    one, two = (ensemble(n_jobs=n, **params).fit(X, y).predict_proba(X) for n in (1, 2))
    assert_allclose(one, two, atol=1e-6)


@pytest.mark.parametrize("make", [net, ensemble, search])
@FEW
@given(data(), PARAMS)
def test_saved_is_loaded_and_a_clone_is_its_original(make, data, params):
    X, y, _ = data
    original = search(params) if make is search else make(**params)
    fitted = clone(original).fit(X, y)
    loaded = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    again = clone(fitted)
    assert repr(again.get_params()) == repr(original.get_params())
    assert_array_equal(again.fit(X, y).predict_proba(X), fitted.predict_proba(X))
    assert repr(fitted.get_params()) == repr(original.get_params())
