"""CSR matrices as tensors, and the linear layer that reads nothing but their non-zeros."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from scipy import sparse

__all__ = ["as_tensor", "fill_up", "is_csr", "linear", "split"]

# How many weights are multiplied at a time: scipy turns them round, in a copy.
_BLOCK_WEIGHTS = 2**20


def is_csr(values: Any) -> bool:
    """Whether `values` is a CSR tensor."""
    return isinstance(values, torch.Tensor) and values.layout == torch.sparse_csr


def as_tensor(matrix: Any) -> torch.Tensor:
    """A CSR matrix of scipy's as a CSR tensor that shares its memory.

    Parameters
    ----------
    matrix : CSR matrix or array of shape (B, D)
        Of any floating point type and index type. Its columns may be in any order and occur twice.

    Returns
    -------
    Tensor of shape (B, D) and layout ``torch.sparse_csr``
    """
    with warnings.catch_warnings():
        # Read-only arrays (joblib's shared data) are only ever read here.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        ends, columns, values = map(torch.from_numpy, (matrix.indptr, matrix.indices, matrix.data))
    return _make(ends, columns, values, matrix.shape[1])


def split(X: torch.Tensor, n_samples: int) -> Iterator[torch.Tensor]:
    """Rows of a CSR tensor (B, D), `n_samples` at a time; the last part may have fewer."""
    ends, columns, values = X.crow_indices(), X.col_indices(), X.values()
    for start in range(0, len(X), n_samples):
        part = ends[start : start + n_samples + 1]
        cut = slice(int(part[0]), int(part[-1]))
        yield _make(part - part[0], columns[cut], values[cut], X.shape[1])


def fill_up(X: torch.Tensor, n_samples: int) -> torch.Tensor:
    """A CSR tensor with empty rows at its end, for `n_samples` rows in all."""
    ends = X.crow_indices()
    ends = torch.cat([ends, ends[-1:].expand(n_samples - len(X))])
    return _make(ends, X.col_indices(), X.values(), X.shape[1])


def _make(
    ends: torch.Tensor, columns: torch.Tensor, values: torch.Tensor, n_features: int
) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        # Unchecked, for torch would refuse columns out of order, which matter to nobody here.
        return torch.sparse_csr_tensor(
            ends, columns, values, (len(ends) - 1, n_features), check_invariants=False
        )


def linear(X: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """``X @ weight.T + bias`` in a time that depends on the non-zeros of X.

    The gradient of `weight` is dense. There is none of X. Once differentiable.

    Parameters
    ----------
    X : CSR tensor of shape (B, D)
        On the CPU, of the weights' floating point type, float32 or float64.
    weight : Tensor of shape (H, D)
    bias : Tensor of shape (H,)

    Returns
    -------
    Tensor of shape (B, H)

    Examples
    --------
    >>> import numpy as np, torch
    >>> from scipy import sparse
    >>> from focalsk.nets._csr import as_tensor, linear
    >>> X = as_tensor(sparse.csr_array(np.eye(3)))
    >>> linear(X, torch.ones(2, 3, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
    tensor([[1., 1.],
            [1., 1.],
            [1., 1.]], dtype=torch.float64)
    """
    return _Product.apply(X, weight) + bias


class _Product(torch.autograd.Function):
    """``X @ weight.T`` by scipy.

    torch's own product with a CSR tensor needs MKL, and for the gradient takes several times as
    long: it turns the tensor round and returns the result transposed.
    """

    @staticmethod
    def forward(ctx: Any, X: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        ctx.matrix, ctx.blocks = _as_matrix(X), _blocks(weight)
        out = weight.new_empty((len(X), len(weight)))
        for units in ctx.blocks:
            out.numpy()[:, units] = ctx.matrix @ weight[units].numpy().T
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[None, torch.Tensor]:
        turned = ctx.matrix.T
        out = grad.new_empty((grad.shape[1], turned.shape[0]))
        for units in ctx.blocks:
            out.numpy()[units] = (turned @ grad[:, units].numpy()).T
        return None, out


def _as_matrix(X: torch.Tensor) -> sparse.csr_array:
    arrays = (X.values(), X.col_indices(), X.crow_indices())
    return sparse.csr_array(tuple(array.numpy() for array in arrays), shape=tuple(X.shape))


def _blocks(weight: torch.Tensor) -> list[slice]:
    n_units, n_features = weight.shape
    step = max(1, _BLOCK_WEIGHTS // max(1, n_features))
    return [slice(start, start + step) for start in range(0, n_units, step)]
