"""CSR tensors against dense ones: the layer, its gradient, and whole fits."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.model_selection import GridSearchCV
from torch import nn
from torch.nn import functional as F

from focalsk import FocalGridSearchCV, FocalNet, FocalNetClassifier
from focalsk.nets import _batches as batches
from focalsk.nets import _csr as csr
from focalsk.nets._batches import ArrayDataset, Batches
from focalsk.nets._mlp import FocalMLP
from focalsk.nets._stacked_modules import StackedMLP

N, D = 90, 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)) * (RNG.random((N, D)) < 0.1)
X[[3, 4, N - 1]] = 0  # rows without a non-zero
Y = RNG.integers(0, 3, N)
W = RNG.random(N) + 0.5


def untidy(dense, index=np.int32, kind=sparse.csr_array):
    """Read-only CSR with columns out of order, every value in two halves, and stored zeros."""
    rows = [np.r_[np.flatnonzero(row)[::-1], np.flatnonzero(row), [0]] for row in dense]
    values = [row[columns] / 2 for row, columns in zip(dense, rows, strict=True)]
    for row, part in zip(dense, values, strict=True):
        part[-1] = 0 if len(part) > 1 or row[0] == 0 else row[0]
    ends = np.cumsum([0, *map(len, rows)])
    matrix = kind((np.concatenate(values), np.concatenate(rows), ends), shape=dense.shape)
    matrix.indptr, matrix.indices = ends.astype(index), matrix.indices.astype(index)
    for part in (matrix.indptr, matrix.indices, matrix.data):
        part.flags.writeable = False  # as joblib shares it
    return matrix


SHAPES = {
    "csr_array": sparse.csr_array(X),
    "csr_matrix": sparse.csr_matrix(X),
    "untidy": untidy(X),
    "untidy, int64": untidy(X, np.int64, sparse.csr_matrix),
}


@pytest.fixture
def always_sparse(monkeypatch):
    monkeypatch.setattr(batches, "_SPARSE_FEATURES", 0)
    monkeypatch.setattr(batches, "_SPARSE_DENSITY", 10)


@pytest.fixture
def layouts(monkeypatch):
    """The layouts that the first layer is given."""
    seen = set()
    forward, stacked = FocalMLP.forward, StackedMLP.forward

    def of(X):
        return X.layout if isinstance(X, torch.Tensor) else X[0].layout

    monkeypatch.setattr(FocalMLP, "forward", lambda net, X: (seen.add(of(X)), forward(net, X))[1])
    monkeypatch.setattr(
        StackedMLP, "forward", lambda net, X, **kw: (seen.add(of(X)), stacked(net, X, **kw))[1]
    )
    return seen


def test_untidy_is_what_it_says():
    assert_allclose(SHAPES["untidy"].toarray(), X)
    assert not SHAPES["untidy"].has_sorted_indices
    assert SHAPES["untidy, int64"].indices.dtype == np.int64


# --- The layer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 3 * D, 2**20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("matrix", SHAPES.values(), ids=SHAPES)
def test_layer_is_a_dense_one(monkeypatch, matrix, dtype, block):
    monkeypatch.setattr(csr, "_BLOCK_WEIGHTS", block)
    torch.manual_seed(0)
    weight, bias = torch.randn(7, D, dtype=dtype), torch.randn(7, dtype=dtype)
    pull = torch.randn(N, 7, dtype=dtype)
    found = []
    for layer, input in [
        (F.linear, torch.from_numpy(X).to(dtype)),
        (csr.linear, csr.as_tensor(matrix).to(dtype)),
    ]:
        params = [weight.clone().requires_grad_(), bias.clone().requires_grad_()]
        out = layer(input, *params)
        out.backward(pull)
        found.append([out.detach(), *(p.grad for p in params)])
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    for dense, thin in zip(*found, strict=True):
        assert thin.dtype == dtype
        assert thin.is_contiguous()
        assert_allclose(thin, dense, rtol=tolerance, atol=tolerance)


def test_tensor_shares_the_memory_of_the_matrix():
    matrix = sparse.csr_array(X)
    tensor = csr.as_tensor(matrix)
    assert np.shares_memory(tensor.values().numpy(), matrix.data)
    assert np.shares_memory(csr._as_matrix(tensor).indices, matrix.indices)


@pytest.mark.parametrize("size", [1, 7, N, 2 * N])
def test_split_is_slicing(size):
    parts = list(csr.split(csr.as_tensor(untidy(X)), size))
    assert len(parts) == -(-N // size)
    for i, part in enumerate(parts):
        assert_allclose(csr._as_matrix(part).toarray(), X[i * size : (i + 1) * size])


def test_fill_up_adds_empty_rows():
    filled = csr.fill_up(csr.as_tensor(sparse.csr_array(X)), N + 3)
    assert_array_equal(csr._as_matrix(filled).toarray(), np.r_[X, np.zeros((3, D))])


# --- Batches -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("always_sparse")
@pytest.mark.parametrize("matrix", SHAPES.values(), ids=SHAPES)
def test_sparse_batches_are_the_dense_ones(matrix):
    params = {"batch_size": 8, "shuffle": True, "seed": 0, "dtype": torch.float64}
    dense = list(Batches(ArrayDataset(X, Y, W), **params))
    thin = list(Batches(ArrayDataset(matrix, Y, W), accepts_sparse=True, **params))
    assert len(thin) == len(dense)
    for (a, *others), (b, *same) in zip(dense, thin, strict=True):
        assert csr.is_csr(b)
        assert_allclose(csr._as_matrix(b).toarray(), a)
        assert all(torch.equal(c, d) for c, d in zip(others, same, strict=True))


@pytest.mark.parametrize(
    ("shape", "density", "dtype", "kept"),
    [
        ((100, 5000), 0.01, torch.float32, True),
        ((100, 5000), 0.2, torch.float32, False),  # many non-zeros
        ((100, 500), 0.01, torch.float32, False),  # few features
        ((100, 5000), 0.01, torch.bfloat16, False),  # a type that scipy does not know
    ],
)
def test_only_what_is_quicker_stays_sparse(shape, density, dtype, kept):
    matrix = sparse.csr_array(sparse.random(*shape, density=density, random_state=0))
    for accepts_sparse in (False, True):
        batch = next(
            iter(Batches(ArrayDataset(matrix), accepts_sparse=accepts_sparse, dtype=dtype))
        )
        assert csr.is_csr(batch[0]) == (kept and accepts_sparse)
        assert batch[0].dtype == dtype


# --- Fits ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("always_sparse")
@pytest.mark.parametrize("matrix", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    "params",
    [{}, {"dropout": 0.3}, {"hidden_layer_sizes": ()}, {"early_stopping": True}],
    ids=str,
)
def test_fit_is_that_of_dense_samples(matrix, params, layouts):
    clf = FocalNetClassifier(max_epochs=5, batch_size=16, random_state=0).set_params(**params)
    dense = clf.fit(X, Y, sample_weight=W)
    losses, p = dense.loss_curve_, dense.predict_proba(X)
    assert torch.sparse_csr not in layouts
    layouts.clear()
    thin = clf.fit(matrix, Y, sample_weight=W)
    assert layouts == {torch.sparse_csr}
    assert_allclose(thin.loss_curve_, losses, rtol=1e-10)
    assert_allclose(thin.predict_proba(matrix), p, rtol=1e-10)
    assert_allclose(thin.predict_proba(X), p, rtol=1e-10)


@pytest.mark.usefixtures("always_sparse")
@pytest.mark.parametrize("convert", [sparse.csc_array, sparse.coo_array], ids=["csc", "coo"])
def test_other_formats_are_converted(convert):
    clf = FocalNetClassifier(max_epochs=2, random_state=0)
    expected = clf.fit(X, Y).predict_proba(X)
    assert_allclose(clf.fit(convert(X), Y).predict_proba(convert(X)), expected, rtol=1e-10)


@pytest.mark.usefixtures("always_sparse")
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_search_is_grid_search(dropout, layouts):
    # 88 samples in 3 folds: the last batches of the streams differ in length.
    clf = FocalNetClassifier(max_epochs=3, batch_size=16, dropout=dropout, random_state=0)
    params = {"gamma": [0, 2], "alpha": [None, "balanced"]}
    settings = {"scoring": "neg_log_loss", "cv": 3, "error_score": "raise"}
    ours = FocalGridSearchCV(clf, params, **settings).fit(sparse.csr_array(X[2:]), Y[2:])
    assert layouts == {torch.sparse_csr}
    for data in (X[2:], sparse.csr_array(X[2:])):
        theirs = GridSearchCV(clf, params, **settings).fit(data, Y[2:])
        for k in range(3):
            name = f"split{k}_test_score"
            assert_allclose(ours.cv_results_[name], theirs.cv_results_[name], rtol=1e-10)


class Scaled(FocalMLP):
    def forward(self, input):
        return super().forward(input.clamp(-1, 1))  # which CSR tensors cannot


class Aware(nn.Linear):
    accepts_sparse = True

    def forward(self, input):
        self.seen = input.layout
        return csr.linear(input, self.weight, self.bias)


@pytest.mark.usefixtures("always_sparse")
def test_modules_of_ones_own_get_dense_batches_unless_they_say_otherwise():
    matrix = sparse.csr_array(X)
    params = {"module__n_features": D, "module__n_outputs": 3, "max_epochs": 1, "verbose": 0}
    net = FocalNet(Scaled, dtype=torch.float64, random_state=0, **params).fit(matrix, Y)
    dense = FocalNet(Scaled, dtype=torch.float64, random_state=0, **params).fit(X, Y)
    assert_allclose(net.predict_proba(matrix), dense.predict_proba(X), rtol=1e-10)
    aware = FocalNet(Aware(D, 3), dtype=torch.float64, max_epochs=1, verbose=0).fit(matrix, Y)
    assert aware.module_.seen == torch.sparse_csr
