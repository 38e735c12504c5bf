"""The classifier among the tools that a scikit-learn user has."""

import copy
import io
import pickle

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import skops.io
import torch
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_imblearn_pipeline
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from focalsk import FocalNetClassifier

FAST = {"hidden_layer_sizes": (8,), "max_epochs": 15, "lr": 0.05, "random_state": 0}


@pytest.fixture(scope="module")
def data():
    return make_classification(
        240, 5, n_informative=4, n_redundant=0, weights=[0.8], class_sep=1.5, random_state=0
    )


@pytest.fixture(scope="module")
def fitted(data):
    return FocalNetClassifier(**FAST).fit(*data)


def weights_of(classifier):
    return [p.detach().numpy().copy() for p in classifier.net_.module_.parameters()]


def assert_same_weights(a, b):
    for p, q in zip(weights_of(a), weights_of(b), strict=True):
        assert_array_equal(p, q)


# --- Frames --------------------------------------------------------------------------------------


def make_frame(data):
    frame = pd.DataFrame(data[0], columns=[f"x{i}" for i in range(5)])
    colour = np.where(data[0][:, 0] > 0, "red", "blue")
    return frame.assign(colour=colour), np.where(data[1], "yes", "no")


def test_column_transformer_with_pandas_output(data):
    X, y = make_frame(data)
    transform = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["colour"]),
        (StandardScaler(), ["x0", "x1", "x2"]),
        verbose_feature_names_out=False,
    )
    pipe = make_pipeline(transform, FocalNetClassifier(**FAST)).set_output(transform="pandas")
    pipe.fit(X, y)
    names = ["colour_blue", "colour_red", "x0", "x1", "x2"]
    assert_array_equal(pipe[-1].feature_names_in_, names)
    assert pipe[-1].n_features_in_ == 5
    assert pipe.score(X, y) > 0.85
    same = FocalNetClassifier(**FAST).fit(transform.fit_transform(X).to_numpy(), y)
    assert_array_equal(pipe.predict_proba(X), same.predict_proba(transform.transform(X).to_numpy()))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frame_is_its_array_with_names(data, fitted, frame):
    X, y = data
    columns = [f"x{i}" for i in range(5)]
    named = frame(dict(zip(columns, X.T, strict=True)))
    classifier = FocalNetClassifier(**FAST).fit(
        named, (pd if frame is pd.DataFrame else pl).Series(y)
    )
    assert_array_equal(classifier.feature_names_in_, columns)
    # Frames lie in memory by column, which changes the last bits of a matrix product.
    assert_allclose(classifier.predict_proba(named), fitted.predict_proba(X), rtol=1e-9)
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(named[columns[::-1]])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_monitor_does_not_mind_frames(data, early_stopping):
    X, y = make_frame(data)
    classifier = FocalNetClassifier(**FAST, early_stopping=early_stopping, monitor="f1_macro")
    classifier.fit(X.drop(columns="colour"), y)
    assert classifier.feature_names_in_.tolist() == [f"x{i}" for i in range(5)]


# --- Searches and samplers -----------------------------------------------------------------------


@pytest.mark.xdist_group("processes")
def test_grid_search_is_the_same_in_parallel(data):
    grid = {"gamma": [0.0, 2.0], "alpha": [None, "balanced"]}
    serial, parallel = (
        GridSearchCV(
            FocalNetClassifier(**FAST), grid, cv=2, scoring="average_precision", n_jobs=n_jobs
        ).fit(*data)
        for n_jobs in (1, 2)
    )
    scores = serial.cv_results_["mean_test_score"]
    assert_array_equal(scores, parallel.cv_results_["mean_test_score"])
    assert len(set(scores)) > 1
    assert_same_weights(serial.best_estimator_, parallel.best_estimator_)


def test_imblearn_pipeline_is_resampling_by_hand(data):
    X, y = data
    pipe = make_imblearn_pipeline(SMOTE(random_state=0), FocalNetClassifier(**FAST)).fit(X, y)
    by_hand = FocalNetClassifier(**FAST).fit(*SMOTE(random_state=0).fit_resample(X, y))
    assert_array_equal(pipe.predict_proba(X), by_hand.predict_proba(X))
    assert by_hand.class_count_[0] == by_hand.class_count_[1]


META = {
    "calibrated": lambda net: CalibratedClassifierCV(net, cv=2),
    "tuned threshold": lambda net: TunedThresholdClassifierCV(net, cv=2),
    "voting": lambda net: VotingClassifier(
        [("net", net), ("line", LogisticRegression())], voting="soft"
    ),
    "stacking": lambda net: StackingClassifier([("net", net)], cv=2),
    "bagging": lambda net: BaggingClassifier(net, n_estimators=2, random_state=0),
    "one vs rest": lambda net: OneVsRestClassifier(net),
}


@pytest.mark.parametrize("wrap", META.values(), ids=META)
def test_meta_estimators(data, wrap):
    X, y = data
    labels = np.array(["common", "rare"])[y]
    model = wrap(FocalNetClassifier(**FAST)).fit(X, labels)
    assert model.score(X, labels) > 0.88
    proba = model.predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1)
    assert proba[y == 1, 1].mean() > proba[y == 0, 1].mean() + 0.3


def test_one_vs_rest_has_several_nets(data):
    X, y = data
    three = np.where(X[:, 0] > 1, 2, y)
    model = OneVsRestClassifier(FocalNetClassifier(**FAST)).fit(X, three)
    assert len(model.estimators_) == 3
    assert_array_equal(
        model.estimators_[1].predict(X),
        FocalNetClassifier(**FAST).fit(X, three == 1).predict(X),
    )


def test_fixed_threshold_cuts_the_posterior(data):
    X, y = data
    classifier = FocalNetClassifier(**FAST, class_weight="balanced")
    cut = FixedThresholdClassifier(classifier, threshold=0.3, response_method="predict_proba")
    cut.fit(X, y)
    expected = cut.estimator_.predict_proba(X)[:, 1] >= 0.3
    assert_array_equal(cut.predict(X), expected)
    assert 0 < expected.sum() < len(y)


# --- Metadata routing ----------------------------------------------------------------------------


def test_sample_weight_is_routed(data):
    X, y = data
    sample_weight = np.where(y == 1, 3.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        net = FocalNetClassifier(**FAST).set_fit_request(sample_weight=True)
        net.set_score_request(sample_weight=True)
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), net)
        scoring = get_scorer("accuracy").set_score_request(sample_weight=True)
        result = cross_validate(
            pipe, X, y, cv=2, params={"sample_weight": sample_weight}, scoring=scoring,
            return_estimator=True, return_indices=True,
        )  # fmt: skip
        train = result["indices"]["train"][0]
        scaled = StandardScaler().fit_transform(X[train])
        direct = FocalNetClassifier(**FAST).fit(scaled, y[train], sample_weight[train])
        without = FocalNetClassifier(**FAST).fit(scaled, y[train])
        assert_same_weights(result["estimator"][0][-1], direct)
        assert not np.array_equal(weights_of(direct)[0], weights_of(without)[0])
        search = GridSearchCV(pipe, {"focalnetclassifier__gamma": [2.0]}, cv=2, scoring=scoring)
        search.fit(X, y, sample_weight=sample_weight)
        whole = FocalNetClassifier(**FAST).fit(StandardScaler().fit_transform(X), y, sample_weight)
        assert_same_weights(search.best_estimator_[-1], whole)


# --- Persistence ---------------------------------------------------------------------------------


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(model):
    data = skops.io.dumps(model)
    types = skops.io.get_untrusted_types(data=data)
    assert {name.split(".")[0] for name in types} == {"focalsk"}
    return skops.io.loads(data, trusted=types)


SAVERS = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "joblib": by_joblib,
    "cloudpickle": lambda model: pickle.loads(cloudpickle.dumps(model)),
    "deepcopy": copy.deepcopy,
    "skops": by_skops,
}
# What can be trained on, and how.
CONTINUE = {
    "warm_start": lambda model, X, y: model.set_params(warm_start=True, max_epochs=3).fit(X, y),
    "partial_fit": lambda model, X, y: model.partial_fit(X, y),
}


@pytest.mark.parametrize("more", CONTINUE.values(), ids=CONTINUE)
@pytest.mark.parametrize("save", SAVERS.values(), ids=SAVERS)
def test_loaded_model_goes_on_as_if_never_saved(data, save, more):
    kept = FocalNetClassifier(**FAST, dropout=0.1, alpha="balanced").fit(*data)
    loaded = save(kept)
    assert_array_equal(loaded.predict_proba(data[0]), kept.predict_proba(data[0]))
    before = weights_of(kept)
    more(kept, *data)
    more(loaded, *data)
    assert_same_weights(kept, loaded)
    assert not np.array_equal(before[0], weights_of(kept)[0])
    assert kept.loss_curve_ == loaded.loss_curve_


def test_cloudpickle_takes_a_lambda_for_a_module(data):
    factory = lambda n_features, n_outputs: nn.Linear(n_features, n_outputs)  # noqa: E731
    model = FocalNetClassifier(module=factory, random_state=0, max_epochs=3).fit(*data)
    loaded = pickle.loads(cloudpickle.dumps(model))
    assert_array_equal(loaded.predict_proba(data[0]), model.predict_proba(data[0]))


def test_clone_is_unfitted_and_fits_the_same(data, fitted):
    copy = clone(fitted)
    assert not hasattr(copy, "net_")
    assert copy.get_params() == fitted.get_params()
    assert_same_weights(copy.fit(*data), fitted)


# --- Representation ------------------------------------------------------------------------------


def test_repr(data, fitted):
    assert repr(FocalNetClassifier()) == "FocalNetClassifier()"
    assert repr(FocalNetClassifier(gamma=0.5)) == "FocalNetClassifier(gamma=0.5)"
    assert "FocalNetClassifier" in fitted._repr_html_()
    assert "fitted" in fitted._repr_html_()
    pipe = make_pipeline(StandardScaler(), FocalNetClassifier(alpha="sqrt"))
    assert "StandardScaler" in pipe._repr_html_()
    assert "sqrt" in pipe._repr_html_()


# --- Text ----------------------------------------------------------------------------------------


def test_text_is_never_densified_whole(monkeypatch):
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(60)]
    topics = rng.integers(0, 2, 200)
    texts = [" ".join([*rng.choice(words, 3), f"topic{topic}"]) for topic in topics]
    rows = []
    densify = sparse.csr_matrix.toarray
    dense_of = lambda self, *args, **kwargs: rows.append(self.shape[0]) or densify(self)  # noqa: E731
    for kind in (sparse.csr_matrix, sparse.csr_array):
        monkeypatch.setattr(kind, "toarray", dense_of)
        monkeypatch.setattr(kind, "todense", dense_of)
    monkeypatch.setattr("focalsk.nets._batches._BLOCK_VALUES", 1)
    monkeypatch.setattr("focalsk.nets._array_net.EVALUATION_VALUES", 1)
    pipe = make_pipeline(TfidfVectorizer(), FocalNetClassifier(**FAST, batch_size=32))
    assert cross_val_score(pipe, texts, topics, cv=2).min() > 0.8
    assert pipe.fit(texts, topics).score(texts, topics) > 0.95
    assert max(rows) == 32
    assert pipe[-1].net_.module_.layers[0].weight.dtype == torch.float64
