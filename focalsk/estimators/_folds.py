"""Which samples a member of an ensemble holds out: folds as a function of what samples hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

__all__ = ["assign_folds", "by_group", "hash_rows"]

_MIX = np.uint64(0x9E3779B97F4A7C15)


def assign_folds(
    keys: NDArray[np.uint64], strata: NDArray[np.int64], n_folds: int, seed: int
) -> NDArray[np.int64]:
    """Deal samples out to folds, evenly within each stratum.

    Samples of one key and stratum lie in one fold: a copy of a sample never tells what becomes of
    it, two copies count as one sample of twice the weight, and the order of the samples does not
    matter.

    Parameters
    ----------
    keys : ndarray of shape (n_samples,)
        Equal for equal samples.
    strata : ndarray of shape (n_samples,)
        Their classes.
    n_folds : int
    seed : int
        What shuffles.

    Returns
    -------
    folds : ndarray of shape (n_samples,)
        In [0, n_folds).
    """
    shuffled = _scramble(keys ^ _scramble(np.array([seed], dtype=np.uint64)))
    order = np.lexsort((shuffled, strata))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(strata[order]) != 0) | (np.diff(shuffled[order]) != 0)
    group = np.cumsum(first) - 1  # of each sample in that order
    folds = np.empty(len(keys), dtype=np.int64)
    # Dealt on through the strata: small classes do not all begin in the first fold.
    folds[order] = group % n_folds
    return folds


def hash_rows(X: Any, codes: NDArray[Any]) -> NDArray[np.uint64]:
    """A 64-bit key of each row of an array, a CSR matrix or a frame with its target."""
    n_samples = len(codes)
    if sparse.issparse(X):
        matrix = sparse.csr_array(X, copy=True)
        matrix.sum_duplicates()
        bits = _bits(matrix.data) ^ _scramble(matrix.indices.astype(np.uint64))
        sums = np.concatenate([[np.uint64(0)], np.cumsum(_scramble(bits))])
        keys = sums[matrix.indptr[1:]] - sums[matrix.indptr[:-1]]
    elif isinstance(X, pd.DataFrame):
        keys = pd.util.hash_pandas_object(X, index=False).to_numpy()
    else:
        keys = _hash_columns(np.asarray(X).reshape(n_samples, -1))
    return _scramble(keys ^ _hash_columns(np.asarray(codes).reshape(n_samples, -1)))


def by_group(
    groups: ArrayLike, chosen: NDArray[np.int64], strata: NDArray[np.int64], n_samples: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Keys and strata of the chosen ones of n_samples, equal within each group.

    The stratum of a group is the rarest in it.

    Raises
    ------
    ValueError
        If there is not one group for each sample, one is missing, or all are one.
    """
    labels = np.asarray(groups)
    if labels.shape != (n_samples,):
        raise ValueError(
            f"groups must have one entry for each of the {n_samples} samples. "
            f"Got the shape {labels.shape}."
        )
    labels = pd.Series(labels[chosen])
    if labels.isna().any():
        raise ValueError(f"groups must not be missing. Got {int(labels.isna().sum())} that are.")
    if labels.nunique() < 2:
        only = labels.iloc[0]
        raise ValueError(f"groups must have two different entries or more. Got only {only}.")
    keys = _scramble(pd.util.hash_pandas_object(labels, index=False).to_numpy())
    rarity = np.bincount(strata)[strata]
    group = np.unique(keys, return_inverse=True)[1]
    order = np.lexsort((strata, rarity, group))
    first = np.flatnonzero(np.diff(group[order], prepend=-1))
    return keys, strata[order][first][group]


def _hash_columns(values: NDArray[Any]) -> NDArray[np.uint64]:
    keys = np.zeros(len(values), dtype=np.uint64)
    for column in values.T:
        keys = _scramble(keys ^ _bits(column))
    return keys


def _bits(values: NDArray[Any]) -> NDArray[np.uint64]:
    return (np.asarray(values, dtype=np.float64) + 0.0).view(np.uint64)  # -0.0 becomes 0.0


def _scramble(keys: Any) -> Any:
    """Every bit of the input in every bit of the output (the finalizer of SplitMix64)."""
    with np.errstate(over="ignore"):
        keys = (keys + _MIX).astype(np.uint64)
        keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return keys ^ (keys >> np.uint64(31))
