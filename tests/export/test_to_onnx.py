"""onnxruntime answers as the classifiers do."""

import inspect
import itertools
import sys

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from torch import nn

from focalsk import FocalEnsembleClassifier, FocalNetClassifier, to_onnx

NET = {"hidden_layer_sizes": (8,), "max_epochs": 2, "lr": 0.05, "random_state": 0}
ENSEMBLE = {
    "n_estimators": 3,
    "hidden_layer_sizes": (16, 8),
    "max_epochs": 3,
    "n_cosines": 3,
    "random_state": 0,
}


def classes(n_classes, n_samples=300):
    X, y = make_classification(
        n_samples, 6, n_informative=4, n_redundant=0, n_classes=n_classes,
        weights=[0.8, 0.15][: n_classes - 1], random_state=0,
    )  # fmt: skip
    return X, y


DATA = {
    "two": classes(2),
    "three": classes(3),
    "labels": make_multilabel_classification(300, 6, n_classes=4, random_state=0),
}


def unseen(X):
    """Near, far, and where a net is sure; not so far that float32 rounds logits visibly."""
    far = 100.0 if X.dtype == np.float64 else 10.0
    return np.vstack([factor * X for factor in (1.0, 0.0, 3.0, far)])


def run(model, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)


def same_answers(clf, X, model=None, inputs=None, atol=1e-6):
    model = to_onnx(clf) if model is None else model
    label, proba = run(model, {"X": X} if inputs is None else inputs)
    np.testing.assert_allclose(proba, clf.predict_proba(X), atol=atol, rtol=0)
    expected = clf.predict(X)
    np.testing.assert_array_equal(label, expected)
    assert label.shape == expected.shape
    return model


COSTS = [[0.0, 1.0, 2.0], [5.0, 0.0, 1.0], [9.0, 2.0, 0.0]]

# One net ------------------------------------------------------------------------------------------

LOSSES = list(itertools.product((0.0, 2.0), (None, "balanced"), (0.0, 0.1)))
KINDS = list(itertools.product(DATA, ("softmax", "sigmoid"), ("posterior", "weighted", "raw")))


def check_net(data, output, proba, loss, dtype):
    X, y = DATA[data]
    gamma, alpha, smoothing = loss
    clf = FocalNetClassifier(
        gamma=gamma, alpha=alpha, label_smoothing=smoothing, output=output, proba=proba, **NET
    ).fit(X.astype(dtype), y)
    # In float32 a processor's rounding shows where smoothing is undone: 1.4e-6 on one of two.
    atol = 1e-6 if dtype == np.float64 else 2e-6
    same_answers(clf, unseen(X.astype(dtype)), atol=atol)


@pytest.mark.parametrize(("data", "output", "proba"), KINDS)
def test_a_net_answers_the_same(data, output, proba):
    """Of all losses, those that differ most from cross-entropy."""
    check_net(data, output, proba, (2.0, "balanced", 0.1), np.float64)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_loss_is_undone(loss, dtype):
    check_net("three", "softmax", "posterior", loss, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("data", "output", "proba"), KINDS)
def test_every_combination(data, output, proba, loss, dtype):
    check_net(data, output, proba, loss, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("data", DATA)
def test_a_net_decides_as_told(data, dtype):
    X, y = DATA[data]
    clf = FocalNetClassifier(alpha="balanced", label_smoothing=0.1, **NET).fit(X.astype(dtype), y)
    costs = {"two": [[[0.0, 1.0], [7.0, 0.0]]], "three": [COSTS], "labels": []}[data]
    for decision in ["posterior", "balanced", *costs]:
        same_answers(clf.set_params(decision=decision), unseen(X.astype(dtype)))


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_gamma_and_alpha_may_differ_by_class(output):
    X, y = DATA["three"]
    clf = FocalNetClassifier(gamma=[0.0, 0.5, 3.0], alpha=[0.0, 1.0, 20.0], output=output, **NET)
    same_answers(clf.fit(X, y), unseen(X))


def test_labels_that_weights_leave_out():
    X, y = DATA["labels"]
    alpha = [[1.0, 0.0, 1.0, 2.0], [1.0, 1.0, 0.0, 5.0]]
    clf = FocalNetClassifier(alpha=alpha, **NET).fit(X, y)
    _, proba = run(same_answers(clf, unseen(X)), {"X": X})
    assert (proba[:, 1] == 1).all()
    assert (proba[:, 2] == 0).all()


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows_where_a_net_is_sure(data, dtype):
    X, y = DATA[data]
    clf = FocalNetClassifier(gamma=2.0, alpha="balanced", **NET).fit(X.astype(dtype), y)
    with torch.no_grad():
        clf.net_.module_.layers[-1].weight.mul_(1e4)
    _, proba = run(same_answers(clf, unseen(X.astype(dtype))), {"X": X.astype(dtype)})
    assert np.isfinite(proba).all()


def test_linear_models_and_cosines():
    X, y = DATA["three"]
    same_answers(FocalNetClassifier([], max_epochs=2, random_state=0).fit(X, y), X)
    from focalsk.nets import FocalMLP

    params = {"n_cosines": 4, "n_numbers": 5}
    clf = FocalNetClassifier(module=FocalMLP, module_params=params, max_epochs=2, random_state=0)
    same_answers(clf.fit(X, y), X)


CLASSES = {
    "strings": ["b", "", "ä"],
    "objects": np.array(["b", "c", "a"], dtype=object),
    "ints": [7, -3, 2**40],
    "floats": [1.0, 3.0, 2.0],
    "bools": [False, True],
}


@pytest.mark.parametrize("kind", CLASSES)
def test_classes_of_any_kind(kind):
    names = np.asarray(CLASSES[kind])
    X, y = DATA["two" if len(names) == 2 else "three"]
    same_answers(FocalNetClassifier(**NET).fit(X, names[y]), X)


# The ensemble -------------------------------------------------------------------------------------

DECISIONS = {
    "two": ["auto", "balanced", ("recall", 0.9), [[0.0, 1.0], [7.0, 0.0]]],
    "three": ["posterior", "balanced", COSTS],
    "labels": ["auto", "balanced"],
}


def with_everything(X):
    """Numbers of all sorts: mostly nothing, few values, outliers, constant, two values, missing."""
    X = X.copy()
    X[:, 0] = np.maximum(X[:, 0] - np.quantile(X[:, 0], 0.6), 0)
    X[:, 1] = np.round(X[:, 1])
    X[:, 2] = np.exp(4 * X[:, 2])
    X[:, 3] = 1.0
    X[:, 4] = X[:, 4] > 0
    X[np.random.default_rng(0).random(len(X)) < 0.2, 5] = np.nan
    return X


def check_ensemble(data, dtype, decisions):
    X, y = DATA[data]
    X = with_everything(X).astype(dtype)
    clf = FocalEnsembleClassifier(gamma=1.0, alpha="balanced", **ENSEMBLE).fit(X, y)
    new = np.vstack([X, -X, 10 * X, np.full_like(X, np.nan)])
    for decision in decisions:
        clf.set_params(decision=decision)
        same_answers(clf, new, to_onnx(clf, X))


@pytest.mark.parametrize("data", DATA)
def test_an_ensemble_answers_and_decides_the_same(data):
    check_ensemble(data, np.float32, DECISIONS[data])


@pytest.mark.slow
@pytest.mark.parametrize("data", DATA)
def test_an_ensemble_decides_as_it_was_tuned(data):
    check_ensemble(data, np.float64, ["f1_macro", "f2_macro"])


def test_an_ensemble_in_single_precision():
    """More than 500 samples are trained on in float32, of which the answers may differ a little."""
    X, y = classes(3, 1500)
    clf = FocalEnsembleClassifier(output="sigmoid", alpha="balanced", **ENSEMBLE).fit(X, y)
    assert next(clf.module_.parameters()).dtype is torch.float32
    same_answers(clf, np.vstack([X, -X, 3 * X]))


def test_an_ensemble_of_a_frame_takes_a_matrix_or_its_columns():
    X, y = DATA["three"]
    frame = pd.DataFrame(with_everything(X), columns=list("abcdef"))
    nullable = frame.convert_dtypes()  # which the ensemble encodes as a table
    columns = {name: frame[[name]].to_numpy() for name in frame}
    for given in (frame, nullable):
        clf = FocalEnsembleClassifier(**ENSEMBLE).fit(given, y)
        for model, inputs in (
            (to_onnx(clf), {"X": frame.to_numpy()}),
            (to_onnx(clf, frame), columns),
        ):
            same_answers(clf, given, model, inputs)


def test_what_an_ensemble_encodes_by_itself_is_refused():
    X, y = DATA["two"]
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame["where"] = np.where(X[:, 0] > 0, "north", "south")
    clf = FocalEnsembleClassifier(**ENSEMBLE).fit(frame, y)
    with pytest.raises(ValueError, match=r"\['where'\]. Encode them first"):
        to_onnx(clf)


# Modules of the user's ----------------------------------------------------------------------------


exports = pytest.mark.skipif(
    "dynamo" not in inspect.signature(torch.onnx.export).parameters, reason="needs torch 2.5"
)


class Own(nn.Module):
    def __init__(self, n_features, n_outputs, norm=True):
        super().__init__()
        self.first = nn.Linear(n_features, 8)
        self.norm = nn.BatchNorm1d(8) if norm else nn.Identity()
        self.last = nn.Linear(8, n_outputs)

    def forward(self, X):
        return self.last(torch.tanh(self.norm(self.first(X)))), X


class Image(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.conv = nn.Conv1d(n_features, 4, 3, padding=1)
        self.last = nn.Linear(4, n_outputs)

    def forward(self, X):
        return self.last(self.conv(X).relu().mean(-1))


@exports
@pytest.mark.slow
def test_a_module_of_the_users():
    X, y = DATA["three"]
    clf = FocalNetClassifier(module=Own, alpha="balanced", max_epochs=2, random_state=0)
    same_answers(clf.fit(X, y), unseen(X))
    series = np.random.default_rng(0).normal(size=(40, 3, 5)).astype(np.float32)
    clf = FocalNetClassifier(module=Image, max_epochs=2, random_state=0).fit(series, y[:40])
    same_answers(clf, series[:7], to_onnx(clf, series))
    with pytest.raises(ValueError, match="target_opset >= 18"):
        to_onnx(clf, series, target_opset=17)


def test_an_onnxscript_that_is_older_than_torch_is_named(monkeypatch):
    def export(*args, dynamo, **options):
        raise ModuleNotFoundError("No module named 'onnxscript._framework_apis.torch_2_99'")

    monkeypatch.setattr(torch.onnx, "export", export)
    X, y = DATA["three"]
    clf = FocalNetClassifier(module=Own, max_epochs=1, random_state=0).fit(X, y)
    with pytest.raises(ImportError, match="needs a newer onnxscript to export Own"):
        to_onnx(clf)


@exports
@pytest.mark.slow
def test_a_module_that_cannot_be_exported():
    class Steered(Own):
        def forward(self, X):
            logits = self.last(torch.tanh(self.first(X)))
            return logits if X.abs().sum() > 0 else -logits

    X, y = DATA["three"]
    clf = FocalNetClassifier(module=Steered, max_epochs=1, random_state=0)
    with pytest.raises(ValueError, match=r"cannot export the module Steered for samples of shape"):
        to_onnx(clf.fit(X, y))


@exports
@pytest.mark.slow
def test_an_ensemble_of_modules_of_the_users():
    X, y = DATA["three"]
    params = {"module": Image, "n_estimators": 3, "max_epochs": 2, "random_state": 0}
    series = np.stack([X, X[::-1]], axis=-1)
    clf = FocalEnsembleClassifier(**params).fit(series, y)
    same_answers(clf, series[:50], to_onnx(clf, series))


# The model and the errors -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clf():
    X, y = DATA["three"]
    return FocalNetClassifier(**NET).fit(X, y)


@pytest.mark.parametrize("opset", [13, 15, 18, 20])
def test_the_operator_set_is_the_one_that_was_asked_for(clf, opset):
    model = to_onnx(clf, target_opset=opset)
    assert {d.version for d in model.opset_import if d.domain == ""} == {opset}
    onnx.checker.check_model(model, full_check=True)
    same_answers(clf, DATA["three"][0], model)


def test_the_input_is_as_the_net_was_trained(clf):
    X, y = DATA["three"]
    assert run(to_onnx(clf), {"X": X[:1]})[1].dtype == np.float64
    single = FocalNetClassifier(**NET).fit(X.astype(np.float32), y)
    assert run(to_onnx(single), {"X": X[:1].astype(np.float32)})[1].dtype == np.float32
    same_answers(clf, X.round().astype(int), to_onnx(clf, X.round().astype(int)))


def test_errors(clf, monkeypatch):
    with pytest.raises(NotFittedError):
        to_onnx(FocalNetClassifier())
    with pytest.raises(ValueError, match="'target_opset' parameter of to_onnx must be at least 13"):
        to_onnx(clf, target_opset=12)
    with pytest.raises(ValueError, match="was fitted on 6 columns"):
        to_onnx(clf, pd.DataFrame({"a": [1.0], "b": [2.0]}))
    with pytest.raises(ValueError, match="Inputs must be numbers"):
        to_onnx(clf, pd.DataFrame([list("abcdef")], columns=list("uvwxyz")))
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'focalsk\[onnx\]'"):
        to_onnx(clf)
