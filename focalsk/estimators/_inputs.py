"""Numbers as a network likes them: without outliers, evenly spread, and none missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.special import ndtri
from sklearn.base import BaseEstimator, TransformerMixin

from focalsk.tables import Columns, TableCleaner, infer_columns, make_encoder, plain_frame

__all__ = ["InputEncoder", "NumberEncoder", "is_table", "what_is_read"]

Distribution = tuple[NDArray[np.float64], NDArray[np.float64]]  # values, and the share of each

_MAX_QUANTILES = 1000
_REACH = 3.0  # what a far outlier comes close to
_MANY_FEATURES = 128  # from which on numbers have one view, and no cosines
# A value that at least this share of the weight has is usual, if so many samples have another; but
# not where columns are many: pixels of which most are 0 are better seen whole.
_USUAL, _MIN_OTHERS, _FEW_FEATURES = 0.5, 40, 32
_MAX_BINS, _BIN_SIZE = 16, 20  # of the samples with another value


def is_table(X: Any) -> bool:
    """Whether X is a data frame with columns that are not all plain numbers."""
    if not hasattr(X, "columns") or not hasattr(X, "dtypes"):
        return False
    dtypes = X.dtypes.tolist() if hasattr(X.dtypes, "tolist") else list(X.dtypes)
    return not all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in dtypes)


class InputEncoder(TransformerMixin, BaseEstimator):
    """What the networks see of arrays, CSR matrices and tables.

    Numbers go through :class:`NumberEncoder`; the other columns of a table through the encoder of
    `focalsk.tables`. CSR matrices stay as they are.

    Attributes
    ----------
    n_numbers_ : int
        How many columns, from the first on, are numbers that may get cosines.
    """

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> InputEncoder:
        """Learn what the columns are and how their values are distributed."""
        self.n_numbers_ = 0
        self.table_ = self.numbers_ = None
        if sparse.issparse(X):
            return self
        if is_table(X):
            self.table_ = TableEncoder().fit(X)
            X = self.table_.numbers(X)
        self.numbers_ = NumberEncoder().fit(X, sample_weight=sample_weight)
        if self.numbers_.n_numbers_ <= _MANY_FEATURES:
            self.n_numbers_ = self.numbers_.n_numbers_
        return self

    def transform(self, X: Any) -> Any:
        """Columns of numbers (n_samples, n_outputs); after sparse ones in `fit`, X as it is."""
        if self.numbers_ is None:
            return X
        X = X.toarray() if sparse.issparse(X) else X
        if self.table_ is None:
            seen = self.numbers_.transform(X)
        else:
            numbers = self.numbers_.transform(self.table_.numbers(X))
            seen = np.hstack([numbers, self.table_.others(X)])
        return seen if seen.shape[1] else np.zeros((len(seen), 1))  # no column tells anything


def what_is_read(X: Any, encoder: InputEncoder | None) -> Any:
    """What a table says, or the numbers of X: the same in whatever form they come."""
    if encoder is not None and encoder.table_ is not None:
        return encoder.table_.read(X)
    return X.to_numpy() if hasattr(X, "iloc") else X


class NumberEncoder(TransformerMixin, BaseEstimator):
    """Numeric columns, each in two views, with an indicator where values were missing.

    The first view is robust: ``z / sqrt(1 + (z / 3) ** 2)`` for ``z = (x - median) / IQR``, near
    linear in the middle and bounded [1]_. The second is the normal quantile of a value's rank. A
    column of two values, and one of very many columns, has the first only. Missing values are 0 in
    both, and 1 in an indicator.

    Of 32 columns or fewer, one of which half or more is one value, as gains are mostly nothing, is
    seen in the same way: that value is 0 in both views, which are of the others alone, and 1 in an
    indicator. Up to 16 bins of the others, of equal shares and for 20 different samples or more
    each, have an indicator each, for what such values say is often not monotone.

    All are functions of the weighted distribution of a column, so that a sample of weight 2 counts
    as two samples.

    Attributes
    ----------
    n_numbers_ : int
        Number of columns in the first view; these come first.
    usual_ : ndarray of shape (n_numbers_,)
        The value that half or more of a column is, NaN without one.
    bin_columns_ : ndarray of shape (n_bins,)
        Which of the `n_numbers_` columns each bin is of.
    bin_edges_ : ndarray of shape (2, n_bins)
        A bin holds the values above the first of its edges, up to the second.

    References
    ----------
    .. [1] Holzmüller, Grinsztajn and Steinwart, "Better by Default: Strong Pre-Tuned MLPs and
       Boosted Trees on Tabular Data", NeurIPS 2024, arXiv:2407.04491.
    """

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> NumberEncoder:
        """Learn the distribution of each column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN is missing.
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Weights.
        """
        X = np.asarray(X, dtype=np.float64)
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, float)
        found = [_distribution(column, weight) for column in X.T]
        varies = np.array([len(values) > 1 for values, _ in found], dtype=bool)
        self.columns_ = np.flatnonzero(varies)
        kept = [found[j] for j in self.columns_]
        kept = self._set_apart(kept, X[weight > 0])
        self.center_, self.scale_ = np.zeros((2, len(kept)))
        self.quantiles_: list[tuple[NDArray[Any], NDArray[Any]]] = []
        for j, (values, share) in enumerate(kept):
            self.center_[j], self.scale_[j] = _center_and_scale(values, share)
            self.quantiles_.append(_thinned(values, ndtri(np.cumsum(share) - share / 2)))
        ranked = [len(values) > 2 and len(kept) <= _MANY_FEATURES for values, _ in kept]
        self.ranked_ = np.flatnonzero(ranked)
        self.missing_ = np.flatnonzero(np.isnan(X).any(axis=0) & ~np.isnan(X).all(axis=0))
        self.n_numbers_ = len(self.columns_)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Both views and the indicators.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
        """
        X = np.asarray(X, dtype=np.float64)
        numbers = X[:, self.columns_]
        usual = numbers == self.usual_
        numbers[usual] = np.nan
        with np.errstate(over="ignore", invalid="ignore"):
            z = (numbers - self.center_) / self.scale_
            z = z / np.sqrt(1 + (z / _REACH) ** 2)
        z[np.isposinf(numbers) | (np.isnan(z) & (numbers > self.center_))] = _REACH
        z[np.isneginf(numbers) | (np.isnan(z) & (numbers < self.center_))] = -_REACH
        normal = [np.interp(numbers[:, j], *self.quantiles_[j]) for j in self.ranked_]
        views = [z, *([np.column_stack(normal)] if normal else [])]
        if len(self.missing_):
            views.append(np.isnan(X[:, self.missing_]))
        if (apart := ~np.isnan(self.usual_)).any():
            views.append(usual[:, apart])
        if len(self.bin_columns_):
            low, high = self.bin_edges_
            binned = numbers[:, self.bin_columns_]
            views.append((low < binned) & (binned <= high))
        return np.nan_to_num(np.hstack(views), copy=False, nan=0.0)

    def _set_apart(self, kept: list[Distribution], X: NDArray[Any]) -> list[Distribution]:
        """Take out what most samples of a column have, and put the others into bins.

        Different rows are counted, whose number neither weights nor repetitions change.
        """
        self.usual_ = np.full(len(kept), np.nan)
        edges = [np.empty((2, 0)) for _ in kept]
        rest = list(kept)
        few = len(kept) <= _FEW_FEATURES
        mostly = [
            j
            for j, (values, share) in enumerate(kept)
            if few and len(values) > 2 and share.max() >= _USUAL
        ]
        rows = pd.DataFrame(X).drop_duplicates().to_numpy() if mostly else X
        for j in mostly:
            values, share = kept[j]
            most = share.argmax()
            column = rows[:, self.columns_[j]]
            n_others = int((column[~np.isnan(column)] != values[most]).sum())
            if n_others >= _MIN_OTHERS:
                self.usual_[j] = values[most]
                others = np.delete(share, most)
                rest[j] = np.delete(values, most), others / others.sum()
                edges[j] = _bin_edges(*rest[j], min(_MAX_BINS, n_others // _BIN_SIZE))
        self.bin_columns_ = np.repeat(np.arange(len(kept)), [each.shape[1] for each in edges])
        self.bin_edges_ = np.hstack([*edges, np.empty((2, 0))])
        return rest


def _distribution(column: NDArray[np.float64], weight: NDArray[np.float64]) -> Distribution:
    """Distinct values, and the share of the weight that each has."""
    known = ~np.isnan(column) & (weight > 0)
    values, place = np.unique(column[known], return_inverse=True)
    if not len(values):
        return values, values
    own = np.bincount(place, weight[known])
    return values, own / own.sum()


def _bin_edges(
    values: NDArray[np.float64], share: NDArray[np.float64], n_bins: int
) -> NDArray[np.float64]:
    """What bins of about equal shares are above and up to, (2, n_bins); none if one is all."""
    reached = np.cumsum(share) + 1e-12  # whatever rounding did
    inner = np.unique(values[np.searchsorted(reached, np.arange(1, n_bins) / n_bins)])
    inner = inner[inner < values[-1]]
    if not len(inner):
        return np.empty((2, 0))
    return np.array([[-np.inf, *inner], [*inner, np.inf]])


def _center_and_scale(
    values: NDArray[np.float64], share: NDArray[np.float64]
) -> tuple[float, float]:
    """Median, and IQR.

    The IQR is 0 where most samples have one value, as with gains of which most are nothing. Then
    the others give the scale: their IQR, or their distance from the median if that is more. If even
    that is 0, half the range does.
    """
    low, center, high = _quartiles(values, share)
    scale = high - low
    if scale == 0 and len(values) > 2:
        usual = share.argmax()
        low, middle, high = _quartiles(np.delete(values, usual), np.delete(share, usual))
        scale = max(high - low, abs(middle - center))
    return center, scale or values[-1] / 2 - values[0] / 2 or 1.0


def _quartiles(values: NDArray[np.float64], share: NDArray[np.float64]) -> list[float]:
    """The least values that a quarter, a half and three quarters of the weight do not exceed."""
    reached = np.cumsum(share) / share.sum() + 1e-12  # whatever rounding did
    places = np.searchsorted(reached, [0.25, 0.5, 0.75])
    return [float(value) for value in values[places]]


def _thinned(
    values: NDArray[np.float64], normal: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Knots of a piecewise linear function: all of them, or some at even steps."""
    if len(values) <= _MAX_QUANTILES:
        return values, normal
    steps = np.linspace(normal[0], normal[-1], _MAX_QUANTILES)
    chosen = np.unique(np.searchsorted(normal, steps).clip(max=len(values) - 1))
    return values[chosen], normal[chosen]


class TableEncoder:
    """A table's numbers, and its other columns as numbers."""

    def fit(self, X: Any) -> TableEncoder:
        """Learn what the columns are."""
        X = plain_frame(X)
        columns = infer_columns(X)
        self.clean_ = TableCleaner(numbers=columns.numeric, readings=columns.readings).fit(X)
        rest = Columns(
            categorical=columns.categorical, text=columns.text, readings=columns.readings
        )
        has_others = bool(rest.categorical or rest.text)
        self.others_ = make_encoder(rest).fit(X) if has_others else None
        self.columns_ = columns
        return self

    def read(self, X: Any) -> Any:
        """What the columns say: numbers (n_samples, n_numbers), or a frame with the others too."""
        numbers = self.numbers(X)
        rest = self.columns_.categorical + self.columns_.text
        if not rest:
            return numbers
        words = plain_frame(X)[rest].astype(str).reset_index(drop=True)
        return pd.concat([pd.DataFrame(numbers), words], axis=1)

    def numbers(self, X: Any) -> NDArray[np.float64]:
        """Numeric columns (n_samples, n_numbers), dates among them; NaN is missing."""
        return np.asarray(self.clean_.transform(X), dtype=np.float64)

    def others(self, X: Any) -> NDArray[np.float64]:
        """Categories and texts as numbers (n_samples, n_columns)."""
        if self.others_ is None:
            return np.empty((len(X), 0))
        return np.asarray(self.others_.transform(plain_frame(X)), dtype=np.float64)
