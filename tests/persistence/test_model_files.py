"""Models in files: the same when loaded, no code in them, and nothing accepted that has changed."""

import copy
import hashlib
import io
import os
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from numpy.testing import assert_array_equal
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

import focalsk
from focalsk import (
    FocalEnsembleClassifier,
    FocalGridSearchCV,
    FocalNet,
    FocalNetClassifier,
    PriorCorrectedClassifier,
    load_model,
    save_model,
)
from focalsk.comparison import METRICS
from focalsk.comparison import _metrics as metrics_module

FAST = {"max_epochs": 3, "random_state": 0}
X, Y = make_classification(120, n_features=6, weights=[0.8], random_state=0)
LABELS = make_multilabel_classification(60, n_features=6, n_classes=3, random_state=0)


class Net(nn.Module):
    """A module of a user's."""

    def __init__(self, n_features, n_outputs, width=4):
        super().__init__()
        self.first, self.norm = nn.Linear(n_features, width), nn.BatchNorm1d(width)
        self.last = nn.Linear(width, n_outputs)

    def forward(self, X):
        return self.last(self.norm(self.first(X)).relu())


class Doubler(FunctionTransformer):
    """A transformer of a user's."""


def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(X[:, :3].copy(), columns=list("abc"))
    frame["kind"] = rng.choice(["u", "v", "w"], len(X))
    frame["since"] = pd.date_range("2020-01-01", periods=len(X))
    frame["said"] = [" ".join(rng.choice(["alpha", "beta", "gamma", "delta"], 5)) for _ in X]
    frame.loc[3, "a"] = np.nan
    return frame


def net(module=None, **params):
    module = nn.Linear(6, 2) if module is None else module
    return FocalNet(module, random_state=0, verbose=0, max_epochs=2, **params)


MODELS = {
    "plain": lambda: FocalNetClassifier(**FAST).fit(X, Y),
    "everything": lambda: FocalNetClassifier(
        **FAST, gamma=[1.0, 2.0], alpha="sqrt", dropout=0.2, early_stopping=True, monitor="f1",
        label_smoothing=0.1, hidden_layer_sizes=(), optimizer_params={"betas": (0.8, 0.99)},
    ).fit(X, Y),
    "words": lambda: FocalNetClassifier(**FAST, alpha={"no": 0.25, "yes": 0.75}).fit(
        X, np.array(["no", "yes"])[Y]
    ),
    "numbers for keys": lambda: FocalNetClassifier(**FAST, alpha={False: 0.2, True: 0.8}).fit(
        X, Y.astype(bool)
    ),
    "decision": lambda: FocalNetClassifier(
        **FAST, early_stopping=True, decision="balanced"
    ).fit(X, Y),
    "sigmoid": lambda: FocalNetClassifier(**FAST, output="sigmoid", optimizer="sgd").fit(X, Y),
    "optimizer class": lambda: FocalNetClassifier(
        **FAST, optimizer=torch.optim.SGD, optimizer_params={"momentum": 0.9}
    ).fit(X, Y),
    "torch's own module": lambda: FocalNetClassifier(
        **FAST, module=nn.Sequential(nn.Linear(6, 3), nn.GELU(), nn.Dropout(0.1), nn.Linear(3, 2))
    ).fit(X, Y),
    "multi-label": lambda: FocalNetClassifier(**FAST, alpha="balanced").fit(*LABELS),
    "float32": lambda: FocalNetClassifier(**FAST).fit(X.astype(np.float32), Y),
    "ensemble": lambda: FocalEnsembleClassifier(3, **FAST).fit(X, Y),
    "ensemble of a table": lambda: FocalEnsembleClassifier(3, **FAST).fit(table(), Y),
    "pipeline": lambda: make_pipeline(StandardScaler(), FocalNetClassifier(**FAST)).fit(X, Y),
    "search": lambda: FocalGridSearchCV(
        FocalNetClassifier(**FAST), {"gamma": [0, 1]}, cv=2, scoring="average_precision"
    ).fit(X, Y),
    "prior": lambda: PriorCorrectedClassifier(
        LogisticRegression(class_weight="balanced")
    ).fit(X, Y),
    "prior of a net": lambda: PriorCorrectedClassifier(FocalNetClassifier(**FAST)).fit(X, Y),
    "forest": lambda: RandomForestClassifier(4, random_state=0).fit(X, Y),
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=4, random_state=0).fit(X, Y),
    "net": lambda: net().fit(X, Y),
    "net with a split": lambda: net(
        train_split=__import__("skorch").dataset.ValidSplit(3), criterion__alpha=[1.0, 2.0]
    ).fit(X, Y),
}  # fmt: skip


def samples_of(name):
    return {"ensemble of a table": table(), "multi-label": LABELS[0]}.get(
        name, X.astype(np.float32) if name == "float32" else X
    )


@pytest.mark.parametrize("name", MODELS)
def test_loaded_is_saved(tmp_path, name):
    model, asked = MODELS[name](), samples_of(name)
    save_model(model, tmp_path / "model.skops")
    loaded = load_model(tmp_path / "model.skops")
    assert type(loaded) is type(model)
    assert vars(loaded).keys() == vars(model).keys()
    assert_array_equal(loaded.predict_proba(asked), model.predict_proba(asked))
    assert_array_equal(loaded.predict(asked), model.predict(asked))


@pytest.mark.parametrize(
    "name", ["plain", "everything", "words", "ensemble", "multi-label", "net", "prior of a net"]
)
def test_only_types_of_focalsk_are_to_be_trusted(name):
    model, asked = MODELS[name](), samples_of(name)
    data = skops.io.dumps(model)
    types = skops.io.get_untrusted_types(data=data)
    assert {each.split(".")[0] for each in types} == {"focalsk"}
    loaded = skops.io.loads(data, trusted=types)
    assert_array_equal(loaded.predict_proba(asked), model.predict_proba(asked))


def test_unfitted_estimators_keep_their_parameters(tmp_path):
    path = tmp_path / "model.skops"
    model = FocalNetClassifier(
        alpha={1: 0.3, 0: 0.7}, optimizer=torch.optim.Adagrad, gamma=(1, 2), checkpoint=tmp_path
    )
    save_model(model, path)
    assert load_model(path).get_params() == model.get_params()
    search = FocalGridSearchCV(model, {"lr": [0.1, 0.2]}, checkpoint=tmp_path)
    save_model(search, path)
    assert str(load_model(path).get_params()) == str(search.get_params())


def test_file_is_one_of_skops(tmp_path):
    """Who has no focalsk.load_model reads it by skops alone."""
    path = tmp_path / "model.skops"
    model = MODELS["plain"]()
    save_model(model, path)
    content = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    assert_array_equal(content["estimator"].predict_proba(X), model.predict_proba(X))


# Modules of the user's --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "module"),
    [
        (lambda: FocalNetClassifier(module=Net, module_params={"width": 5}, **FAST), Net),
        (lambda: FocalNetClassifier(module=Net(6, 2), **FAST), Net(6, 2)),
        (lambda: FocalNetClassifier(module=lambda **given: Net(**given), **FAST), Net),
        (lambda: make_pipeline(StandardScaler(), FocalNetClassifier(module=Net, **FAST)), Net),
        (lambda: FocalEnsembleClassifier(3, module=nn.Linear(6, 2), **FAST), None),
        (lambda: net(Net, module__n_features=6, module__n_outputs=2), Net),
        (lambda: net(Net(6, 2)), Net(6, 2)),
    ],
    ids=["class", "instance", "factory", "pipeline", "ensemble", "net", "net of an instance"],
)
def test_module_is_given_again(tmp_path, make, module):
    model, path = make().fit(X, Y), tmp_path / "model.skops"
    save_model(model, path)
    before = torch.get_rng_state()
    loaded = load_model(path, module=module)
    assert_array_equal(torch.get_rng_state(), before)
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    if hasattr(model, "partial_fit"):
        assert_array_equal(
            loaded.partial_fit(X, Y).predict_proba(X), model.partial_fit(X, Y).predict_proba(X)
        )
    if module is not None:
        assert b"lambda" not in path.read_bytes()
        with pytest.raises(ValueError, match=r"model\.skops cannot be .*: pass module="):
            load_model(path)


def test_ensemble_of_modules_by_name(tmp_path):
    class Plain(nn.Linear):
        def __init__(self, n_features, n_outputs):
            super().__init__(n_features, n_outputs)

    model, path = FocalEnsembleClassifier(3, module=Plain, **FAST).fit(X, Y), tmp_path / "m"
    save_model(model, path)
    name = f"{Plain.__module__}.{Plain.__qualname__}"
    loaded = load_model(path, module={name: Plain})
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    with pytest.raises(ValueError, match="pass module="):
        load_model(path, module={"another": Plain})


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Net(6, 2), "made with a class or factory of .*Net as its module. Got Net"),
        (nn.Linear, "TypeError: .*'n_features'"),
        (lambda n_features, n_outputs: Net(n_features, n_outputs, 9), "does not fit the weights"),
    ],
)
def test_module_that_is_another_is_refused(tmp_path, module, message):
    path = tmp_path / "model.skops"
    save_model(FocalNetClassifier(module=Net, **FAST).fit(X, Y), path)
    with pytest.raises(ValueError, match=f"model.skops cannot be loaded.*{message}"):
        load_model(path, module=module)


@pytest.mark.parametrize("module", [Net, Net(6, 2), lambda **given: Net(**given)])
def test_module_without_a_place_is_refused(tmp_path, module):
    model, path = FocalNetClassifier(**FAST).fit(X, Y), tmp_path / "model.skops"
    save_model(model, path)
    with pytest.raises(ValueError, match=r"model\.skops has no module of your own"):
        load_model(path, module=module)
    again = load_model(path, module={"some.other.Net": Net})  # of many models
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"module": 5}, "module must be a torch.nn.Module class, factory or instance.* Got 5"),
        ({"module": {"Net": "Net"}}, "module must be a torch.nn.Module class.* Got 'Net'"),
        ({"module": np.zeros(2)}, "module must be a torch.nn.Module class"),
        ({"trusted": "a"}, "trusted must be a list of names. Got 'a'"),
        ({"trusted": 5}, "trusted must be a list of names. Got 5"),
        ({"trusted": [5]}, r"trusted must be a list of names. Got \[5\]"),
    ],
)
def test_options_of_no_use_are_refused(tmp_path, options, message):
    path = tmp_path / "model.skops"
    save_model(FocalNetClassifier(**FAST).fit(X, Y), path)
    with pytest.raises(TypeError, match=message):
        load_model(path, **options)


@pytest.mark.parametrize("classes", [[0, 1], ["no", "yes"], ["a", "b", "c"]], ids=str)
@pytest.mark.parametrize("metric", METRICS)
def test_searches_for_every_metric_of_a_comparison_are_loaded(
    tmp_path, monkeypatch, metric, classes
):
    monkeypatch.setattr(metrics_module, "POSITIVE_OF_SEVERAL", True)  # as with older scikit-learns
    monkeypatch.setattr(metrics_module, "HAS_BRIER_OF_SEVERAL", False)
    scoring = metrics_module.scorer_for(metric, classes)
    search = FocalGridSearchCV(FocalNetClassifier(**FAST), {"gamma": [0]}, scoring=scoring)
    save_model(search, tmp_path / "model.skops")
    assert repr(load_model(tmp_path / "model.skops").scoring) == repr(scoring)


# What is refused --------------------------------------------------------------------------------


def test_type_of_a_user_is_refused_by_name_unless_trusted(tmp_path):
    model = make_pipeline(Doubler(np.exp), FocalNetClassifier(**FAST)).fit(X, Y)
    path, name = tmp_path / "model.skops", f"{__name__}.Doubler"
    save_model(model, path)
    with pytest.raises(ValueError, match=f"model.skops holds .* not trusted: {name}"):
        load_model(path)
    loaded = load_model(path, trusted=[name])
    assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_what_has_no_name_is_not_saved(tmp_path):
    path = tmp_path / "model.skops"
    path.write_bytes(b"what was there")
    model = make_pipeline(FunctionTransformer(lambda X: X), FocalNetClassifier(**FAST))
    with pytest.raises(TypeError, match=r"Pipeline holds something .* without code: .*lambda"):
        save_model(model, path)
    assert path.read_bytes() == b"what was there"


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickle_within_a_state_is_not_opened(tmp_path):
    """skorch's own state of a net holds a pickle."""
    proof = tmp_path / "executed"
    state = {"device": "cpu", "__cuda_dependent_attributes__": pickle.dumps(Malicious(proof))}
    body = {"__module__": "focalsk.nets._focal_net", "__getstate__": lambda self: state}
    data = skops.io.dumps({"estimator": type("FocalNet", (), body)(), "versions": {}})
    path = tmp_path / "model.skops"
    write(path, data)
    with pytest.raises(ValueError, match="pickle within its state"):
        load_model(path)
    assert not proof.exists()


@pytest.mark.parametrize("content", [b"", b"focalsk model", b"PK\x03\x04", pickle.dumps({"a": 1})])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "model.skops"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.skops is no model of focalsk"):
        load_model(path)
    with pytest.raises(FileNotFoundError, match="none"):
        load_model(tmp_path / "none")


@pytest.mark.parametrize("content", [[1], {"versions": {}}, {"estimator": 1, "versions": "1"}])
def test_what_holds_no_model_is_refused(tmp_path, content):
    write(tmp_path / "model.skops", skops.io.dumps(content))
    with pytest.raises(ValueError, match=r"model\.skops holds no model"):
        load_model(tmp_path / "model.skops")


# Files ------------------------------------------------------------------------------------------


def test_old_file_stays_whole_where_writing_fails(tmp_path, monkeypatch):
    path, model = tmp_path / "model.skops", MODELS["plain"]()
    save_model(model, path)
    before = path.read_bytes()

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*model\.skops"):
        save_model(model.partial_fit(X, Y), path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["model.skops"]


def test_other_versions_are_told_once(tmp_path, monkeypatch):
    path, model = tmp_path / "model.skops", MODELS["pipeline"]()
    with monkeypatch.context() as patch:
        patch.setattr("focalsk.persistence._files.version", lambda name: "0.1")
        save_model(model, path)
    with pytest.warns(UserWarning, match=r"model\.skops was saved with focalsk 0\.1, ") as told:
        load_model(path)
    assert len(told) == 1


def test_without_skops_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(ImportError, match="pip install skops"):
        save_model(FocalNetClassifier(), tmp_path / "model.skops")
    assert list(tmp_path.iterdir()) == []


# Files that have changed ------------------------------------------------------------------------


def write(path, data):
    """A file with the right checksum, whatever is in it."""
    line = f"focalsk model 3 sha256 {hashlib.sha256(data).hexdigest()}\n"
    path.write_bytes(line.encode() + data)


def mutated(content, rng):
    """A copy of some bytes with a fault of one of eight kinds."""
    changed, n = bytearray(content), len(content)
    kind, i, j = rng.integers(8), int(rng.integers(n)), int(rng.integers(n))
    length = int(rng.integers(1, 65))
    if kind == 0:
        changed[i] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        changed[i : i + length] = rng.bytes(min(length, n - i))
    elif kind == 2:
        del changed[i:]
    elif kind == 3:
        del changed[i : i + length]
    elif kind == 4:
        changed[i:i] = rng.bytes(length)
    elif kind == 5:
        changed[i], changed[j] = changed[j], changed[i]
    elif kind == 6:
        low, high = sorted((i, j))
        changed[low : low + length], changed[high : high + length] = (
            changed[high : high + length], changed[low : low + length],
        )  # fmt: skip
    else:
        changed[i : i + length] = bytes(min(length, n - i))
    return bytes(changed)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small file, its model's answers, and a place to write to."""
    path = tmp_path_factory.mktemp("small") / "model.skops"
    model = FocalNetClassifier((), max_epochs=1, random_state=0).fit(X, Y)
    save_model(model, path)
    return path.read_bytes(), model.predict_proba(X), path


def loaded_or_none(path):
    """The model of a file, or None where an error named the file."""
    said = ""
    try:
        return load_model(path)
    except ValueError as error:
        said = str(error)
    assert str(path) in said
    return None


def accepted(path, proba):
    """Whether a file is loaded, as the model that it was; else its error names it."""
    loaded = loaded_or_none(path)
    if loaded is not None:
        assert_array_equal(loaded.predict_proba(X), proba)
    return loaded is not None


@pytest.mark.parametrize("n", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_changed_files_are_refused_or_the_same(small, n):
    content, proba, path = small
    rng, n_same = np.random.default_rng(0), 0
    for _ in range(n):
        changed = mutated(content, rng)
        path.write_bytes(changed)
        same = accepted(path, proba)
        assert same == (changed == content)
        n_same += same
    assert n_same < n / 20


@pytest.mark.parametrize("n", [20, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("inside", [False, True], ids=["whole", "inside the zip"])
def test_changed_files_with_a_right_checksum_are_refused_or_load(small, n, inside):
    """Whoever writes the checksum anew gets an error that names the file, or a model of his own."""
    content, _, path = small
    data, rng = content.partition(b"\n")[2], np.random.default_rng(1)
    for _ in range(n):
        write(path, changed_zip(data, rng) if inside else mutated(data, rng))
        loaded_or_none(path)


def changed_zip(data, rng):
    old, new = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    names = old.namelist()
    chosen = names[rng.integers(len(names))] if rng.random() < 0.5 else "schema.json"
    with zipfile.ZipFile(new, "w") as file:
        for name in names:
            inner = old.read(name)
            file.writestr(name, mutated(inner, rng) if name == chosen else inner)
    return new.getvalue()


# Indices that compiled code follows -------------------------------------------------------------


def forest_with(change):
    model = RandomForestClassifier(2, random_state=0).fit(X, Y)
    tree = model.estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"] = state["nodes"].copy()
    change(state["nodes"])
    tree.__setstate__(state)
    return model


def boosting_with(change):
    model = HistGradientBoostingClassifier(max_iter=2, random_state=0).fit(X, Y)
    change(model._predictors[1][0].nodes)
    return model


@pytest.mark.parametrize(("make", "field"), [(forest_with, "left_child"), (boosting_with, "left")])
@pytest.mark.parametrize("value", [0, 10**6])
def test_tree_that_points_elsewhere_is_refused(tmp_path, make, field, value):
    model = make(lambda nodes: nodes[field].__setitem__(0, value))
    save_model(model, tmp_path / "model.skops")
    with pytest.raises(ValueError, match=r"model\.skops cannot be loaded: "):
        load_model(tmp_path / "model.skops")


@pytest.mark.parametrize(
    ("make", "field"), [(forest_with, "feature"), (boosting_with, "feature_idx")]
)
def test_tree_that_asks_for_more_features_is_refused(tmp_path, make, field):
    model = make(lambda nodes: nodes[field].__setitem__(0, 6))
    save_model(model, tmp_path / "model.skops")
    with pytest.raises(ValueError, match=r"model\.skops cannot be loaded: "):
        load_model(tmp_path / "model.skops")


def test_sparse_matrix_that_points_elsewhere_is_refused(tmp_path):
    from scipy import sparse

    model = LogisticRegression().fit(X, Y)
    model.extra_ = sparse.csr_matrix(np.eye(3))
    path = tmp_path / "model.skops"
    save_model(model, path)
    assert load_model(path).extra_.shape == (3, 3)
    model.extra_.indices[0] = 10**6
    save_model(model, path)
    with pytest.raises(ValueError, match=r"model\.skops cannot be loaded: .*ind(ices|ex)"):
        load_model(path)


def test_copies_share_what_they_hold():
    model = MODELS["plain"]()
    assert copy.copy(model).net_ is model.net_
    assert copy.copy(model.net_).module_ is model.net_.module_
    assert copy.deepcopy(model).net_.module_ is not model.net_.module_
    assert focalsk.load_model is load_model
