"""Minibatches against indexing by hand, and what a seed decides."""

import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import sparse
from torch.utils.data import DataLoader, Subset

from focalsk.nets import _batches as module
from focalsk.nets._batches import ArrayDataset, Batches, in_blocks, seeded

N = 23
X = np.random.default_rng(0).normal(size=(N, 4)).round(1) * (np.arange(4) % 2)
Y = np.arange(N)
WEIGHT = np.linspace(0, 1, N)


def collect(batches, part=1):
    return torch.cat([batch[part] for batch in batches]).numpy()


def epochs(batches, n=3):
    found = []
    for epoch in range(n):
        batches.set_epoch(epoch)
        found.append(collect(batches))
    return found


# --- Batches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
def test_unshuffled_batches_cut_the_data(batch_size):
    batches = list(Batches(ArrayDataset(X, Y, WEIGHT), batch_size))
    assert len(batches) == len(Batches(ArrayDataset(X), batch_size)) == -(-N // batch_size)
    for i, batch in enumerate(batches):
        for part, whole in zip(batch, (X, Y, WEIGHT), strict=True):
            assert_array_equal(part, whole[i * batch_size : (i + 1) * batch_size])


def test_order_is_a_function_of_seed_and_epoch():
    dataset = ArrayDataset(X, Y)
    first = epochs(Batches(dataset, 5, shuffle=True, seed=3))
    torch.rand(5)
    again = epochs(Batches(dataset, 7, shuffle=True, seed=3))  # whatever the batch size
    assert_array_equal(first, again)
    orders = {tuple(order) for order in (*first, *epochs(Batches(dataset, 5, True, seed=4)))}
    assert len(orders) == 6
    for order in orders:
        assert_array_equal(np.sort(order), Y)


def test_order_without_a_seed_is_that_of_the_global_generator():
    batches = Batches(ArrayDataset(X, Y), 5, shuffle=True)
    state = torch.get_rng_state()
    first = collect(batches)
    torch.set_rng_state(state)
    assert_array_equal(collect(batches), first)
    assert (collect(batches) != first).any()


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_parts_stay_together(shuffle, parts):
    dataset = ArrayDataset(*(X, Y, WEIGHT)[:parts])
    batches = Batches(dataset, 5, shuffle=shuffle, seed=0)
    order = (
        collect(batches) if parts > 1 else collect(Batches(ArrayDataset(X, Y), 5, shuffle, seed=0))
    )
    assert_array_equal(collect(batches, 0), X[order])
    if parts == 3:
        assert_array_equal(collect(batches, 2), WEIGHT[order])


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("shuffle", [False, True])
def test_csr_is_dense(kind, shuffle):
    params = {"batch_size": 5, "shuffle": shuffle, "seed": 0, "dtype": torch.float32}
    dense = list(Batches(ArrayDataset(X, Y), **params))
    thin = list(Batches(ArrayDataset(kind(X), Y), **params))
    for (a, i), (b, j) in zip(dense, thin, strict=True):
        assert a.dtype == b.dtype == torch.float32
        assert torch.equal(a, b)
        assert torch.equal(i, j)


@pytest.mark.parametrize("values", [1, 20, 41, 10**6])
@pytest.mark.parametrize("X", [X, sparse.csr_matrix(X)], ids=["dense", "csr"])
def test_blocks_leave_no_trace(monkeypatch, X, values):
    dataset = ArrayDataset(X, Y, WEIGHT)
    params = {"batch_size": 5, "shuffle": True, "seed": 0}
    expected = list(Batches(dataset, **params))
    monkeypatch.setattr(module, "_BLOCK_VALUES", values)
    found = list(Batches(dataset, **params))
    assert [len(batch[1]) for batch in found] == [5, 5, 5, 5, 3]
    for batch, other in zip(found, expected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(batch, other, strict=True))


@pytest.mark.parametrize("values", [X, sparse.csr_matrix(X)], ids=["dense", "csr"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_reused_memory_holds_the_same_batches(monkeypatch, values, shuffle):
    """One after the other: that is all that is promised of them."""
    monkeypatch.setattr(module, "_BLOCK_VALUES", 2 * 4 * values.shape[1])  # two batches
    dataset = Subset(ArrayDataset(values, Y, WEIGHT), range(1, N))
    kept, reused = (
        Batches(dataset, 4, shuffle=shuffle, seed=0, reuse=reuse) for reuse in (False, True)
    )
    for own, shared in zip(kept, reused, strict=True):
        for part, again in zip(own, shared, strict=True):
            assert_array_equal(part, again)
    if isinstance(values, np.ndarray):
        assert len({batch[0].untyped_storage().data_ptr() for batch in reused}) == 1
        assert len({batch[0].untyped_storage().data_ptr() for batch in list(kept)}) > 1


def test_dtype_is_for_floating_point_numbers_only():
    (x, y, weight), *_ = Batches(ArrayDataset(X, Y, WEIGHT), dtype=torch.float32)
    assert (x.dtype, y.dtype, weight.dtype) == (torch.float32, torch.int64, torch.float32)
    (x, _), *_ = Batches(ArrayDataset(X.astype(np.int64), Y), dtype=torch.float32)
    assert x.dtype == torch.int64


def test_subset_is_its_rows():
    chosen = [7, 3, 11, 0]
    subset = Subset(ArrayDataset(X, Y, WEIGHT), chosen)
    (x, y, weight), *_ = Batches(subset, batch_size=10)
    assert_array_equal(y, Y[chosen])
    assert_array_equal(x, X[chosen])
    assert_array_equal(weight, WEIGHT[chosen])
    assert_array_equal(
        collect(Batches(Subset(ArrayDataset(sparse.csr_array(X), Y), chosen)), 0), X[chosen]
    )


# --- ArrayDataset --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "X", [X, torch.as_tensor(X), sparse.csr_array(X)], ids=lambda X: type(X).__name__
)
def test_dataset_of_torch_has_the_same_batches(X):
    dataset = ArrayDataset(X, Y, WEIGHT)
    assert len(dataset) == N
    x, y, weight = dataset[4]
    assert (y, weight) == (4, WEIGHT[4])
    assert_array_equal(x, module._take(dataset.X, slice(4, 5))[0])
    ours, torchs = Batches(dataset, 5), DataLoader(dataset, batch_size=5)
    for batch, other in zip(ours, torchs, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(batch, other, strict=True))


def test_arrays_are_not_copied():
    x = X.copy()
    dataset = ArrayDataset(x)
    x[0, 0] = 42.0
    assert dataset.X[0, 0] == 42.0
    assert dataset[3][1] == 0  # no targets: all the same


def test_read_only_arrays():
    x = X.copy()
    x.flags.writeable = False
    assert_array_equal(collect(Batches(ArrayDataset(x, Y), 5), 0), x)


@pytest.mark.parametrize("X", [X, sparse.csr_matrix(X)], ids=["dense", "csr"])
@pytest.mark.parametrize(
    ("name", "parts"), [("y", (Y[:-1],)), ("sample_weight", (Y, WEIGHT[:-1]))], ids=str
)
def test_lengths_must_agree(X, name, parts):
    with pytest.raises(ValueError, match=f"{name} must have one entry per sample. Got 22 for 23"):
        ArrayDataset(X, *parts)


# --- Seeds ---------------------------------------------------------------------------------------


def test_seeded_restores_the_generator():
    state = torch.get_rng_state()
    with seeded(0):
        first = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), state)

    @seeded(0)
    def fail():
        raise RuntimeError(torch.rand(3).tolist())

    with pytest.raises(RuntimeError, match=re.escape(str(first.tolist()))):
        fail()
    assert torch.equal(torch.get_rng_state(), state)


def test_seeded_streams_differ_by_every_key():
    draws = []
    for keys in [(0, 0), (0, 1), (1, 0), (1, 1), (7, 0), (0, 7)]:
        with seeded(*keys):
            draws.append(tuple(torch.rand(3).tolist()))
    assert len(set(draws)) == len(draws)


def test_seeded_with_none_moves_the_global_generator():
    state = torch.get_rng_state()
    with seeded(None, 7):
        torch.rand(1)
    assert not torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("shape", [(0, 3), (5, 3), (5,), (70_000,), (50_000, 3)])
def test_in_blocks_is_all_at_once(shape):
    rows = torch.arange(float(np.prod(shape))).reshape(shape)
    seen = []

    def double(block):
        seen.append(block.numel())
        return 2 * block

    assert torch.equal(in_blocks(double, rows), 2 * rows)
    assert sum(seen) == rows.numel()
    assert max(seen) <= 2**16
