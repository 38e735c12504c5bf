"""Large data: nothing is copied whole, and files too large for memory train as arrays do."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import Subset

from focalsk import FocalNet, FocalNetClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 6)).astype(np.float32)
Y = (X[:, 0] > 0.8).astype(np.int64)


class Sees(Callback):
    """Keeps the datasets of the last epoch."""

    seen = {}

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        Sees.seen = {"train": dataset_train, "valid": dataset_valid}


@pytest.fixture
def file(tmp_path):
    """X as a read-only memory map."""
    path = tmp_path / "X.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def read(dataset):
    return dataset.dataset if isinstance(dataset, Subset) else dataset


@pytest.mark.parametrize(
    "params", [{}, {"early_stopping": True}, {"output": "sigmoid"}, {"alpha": "balanced"}], ids=str
)
@pytest.mark.parametrize("weight", [None, np.linspace(0.5, 2, len(X))], ids=["", "weights"])
def test_fit_copies_no_samples(file, params, weight):
    clf = FocalNetClassifier(max_epochs=2, callbacks=[Sees()], random_state=0, **params)
    for data in (X, X.astype(np.float64), file):
        clf.fit(data, Y, sample_weight=weight)
        assert np.shares_memory(read(Sees.seen["train"]).X.numpy(), data)
    clf.partial_fit(file, Y)
    assert np.shares_memory(Sees.seen["train"].X.numpy(), file)


def test_validation_split_of_a_net_copies_no_samples():
    net = FocalNet(
        nn.Linear(6, 2), train_split=ValidSplit(5), callbacks=[Sees()], max_epochs=1, verbose=0
    )
    net.fit(X, Y)
    for part in Sees.seen.values():
        assert isinstance(part, Subset)
        batches = net.get_iterator(part)
        assert np.shares_memory(batches.dataset.X.numpy(), X)
        assert_array_equal(torch.cat([batch[0] for batch in batches]), X[part.indices])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_memory_map_is_an_array(file, early_stopping):
    clf = FocalNetClassifier(max_epochs=3, early_stopping=early_stopping, random_state=0)
    p = clf.fit(X, Y).predict_proba(X)
    losses = clf.loss_curve_
    clf.fit(file, Y)
    assert clf.loss_curve_ == losses
    assert_array_equal(clf.predict_proba(file), p)
    assert_array_equal(clf.predict(file), clf.predict(X))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
@pytest.mark.parametrize("block", [1, 14, 600])  # values
def test_answers_in_blocks_are_those_of_all(monkeypatch, method, block):
    clf = FocalNetClassifier(max_epochs=1, alpha="balanced", random_state=0).fit(X, Y)
    expected = getattr(clf, method)(X)
    monkeypatch.setattr("focalsk.nets._batches._CACHED_VALUES", block)
    np.testing.assert_allclose(getattr(clf, method)(X), expected, rtol=1e-6)
