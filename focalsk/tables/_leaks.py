"""What tells the classes without being a cause: row numbers, identifiers, copies of the target."""

from __future__ import annotations

import re
from math import lgamma, log

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from focalsk.tables._frames import as_numbers, is_date, kind_of

__all__ = [
    "copies_target",
    "improbably_distinct",
    "is_identifier",
    "named_identifier",
    "tells_classes",
]

NEAR_PERFECT = 0.97  # balanced accuracy of one column alone
_SURE = log(1e6)  # chance of less than one in a million
_NAME = re.compile(
    r"(^|[\W_])(id|ids|uid|guid|uuid|idx|index|row|rows|rownum|row_?number|nr|no|lfd_?nr|key|pk)$"
)
_NAMELESS = re.compile(r"(Unnamed: \d+|index|level_0|__index_level_\d+__)$")
_ROWS = 4000  # that a suspicion is founded on


def named_identifier(name: str) -> bool:
    """Whether a column is called as identifiers are: id, customer_id, customerID, Unnamed: 0.

    Parameters
    ----------
    name : str
        Of the column.
    """
    camel = re.search(r"[a-z](ID|Id|Nr|No|Key|UUID)$", name)
    return bool(camel or _NAMELESS.match(name) or _NAME.search(name.lower()))


def is_identifier(name: str, values: pd.Series) -> str:
    """Why a column of numbers names its rows and says nothing of them; empty if it does not.

    Parameters
    ----------
    name : str
        Of the column.
    values : Series
        The column.
    """
    if not _all_differ(values):
        return ""
    numbers, n = as_numbers(values), len(values)
    spread = numbers.max() - numbers.min() + 1
    if spread == n:
        if (np.diff(numbers) == 1).all():
            return "row numbers"
        if n >= 10:  # three numbers may be in any order for any reason
            return "row numbers, shuffled"
    if _NAMELESS.match(name):
        return "row numbers, with gaps"
    if named_identifier(name):
        return "identifier: all values differ"
    dense = spread < 4 * n and improbably_distinct(values)
    return "identifier: numbers that all differ" if dense else ""


def improbably_distinct(values: pd.Series) -> bool:
    """Whether a column holds so many whole numbers out of so few that some should be equal.

    Parameters
    ----------
    values : Series
        The column.
    """
    if not _all_differ(values):
        return False
    numbers, n = as_numbers(values), len(values)
    # Chance that all differ by accident: exp(-n**2 / (2 spread)).
    return bool(n * (n - 1) / 2 / (numbers.max() - numbers.min() + 1) > _SURE)


def _all_differ(values: pd.Series) -> bool:
    if kind_of(values) != "number" or is_date(values) or values.isna().any():
        return False
    numbers = as_numbers(values)
    return bool((numbers == np.round(numbers)).all() and len(np.unique(numbers)) == len(values))


def copies_target(values: pd.Series, y: NDArray[np.intp]) -> bool:
    """Whether a column is the target under other words, or with some cells missing.

    Parameters
    ----------
    values : Series of shape (n_samples,)
        A column.
    y : ndarray of int of shape (n_samples,)
        Classes, from 0.
    """
    codes, distinct = pd.factorize(values)
    n_classes = len(np.unique(y))
    if not 2 <= len(distinct) <= n_classes:
        return False
    known = codes >= 0
    codes, y = codes[known], y[known]
    of_class = np.full(y.max() + 1, -1)
    of_class[y] = codes
    # In K values for K classes each is one class; in fewer, each class is within one of them.
    return bool((of_class[y] == codes).all()) and _improbable(codes)


def _improbable(codes: NDArray[np.intp]) -> bool:
    """Whether the same values in another order would hardly ever agree so."""
    counts = np.bincount(codes)
    return lgamma(len(codes) + 1) - sum(lgamma(n + 1) for n in counts) > _SURE


def tells_classes(values: pd.Series, y: NDArray[np.intp]) -> float:
    """Balanced accuracy, on held-out rows, of what can be learned from one column alone.

    Parameters
    ----------
    values : Series of shape (n_samples,)
        A column.
    y : ndarray of int of shape (n_samples,)
        Classes, from 0.

    Returns
    -------
    float
        0 where it is far from perfect, or a class has too few rows to tell.
    """
    codes = _as_codes(values)
    if len(y) > _ROWS:
        rows = _some_rows(y)
        codes, y = codes[rows], y[rows]
    counts = np.bincount(y)
    if counts[counts > 0].min() < 6 or not _worth_it(codes, y):
        return 0.0
    n_leaves = 2 * len(counts) + 14
    tree = DecisionTreeClassifier(
        max_leaf_nodes=n_leaves, min_samples_leaf=2, class_weight="balanced", random_state=0
    )
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    predicted = cross_val_predict(tree, codes[:, None], y, cv=folds)
    return float(balanced_accuracy_score(y, predicted))


def _some_rows(y: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows of all classes; of a rare one all that fit."""
    rng = np.random.default_rng(0)
    share = _ROWS // len(np.unique(y))
    rows = [rng.permutation(np.flatnonzero(y == k))[:share] for k in np.unique(y)]
    return np.sort(np.concatenate(rows))


def _as_codes(values: pd.Series) -> NDArray[np.float64]:
    if kind_of(values) == "number":
        numbers = as_numbers(values)
        if np.nanmax(np.abs(numbers), initial=0) > np.finfo(np.float32).max:  # too large for a tree
            return pd.Series(numbers).rank(method="dense").to_numpy()
        return numbers
    codes, _ = pd.factorize(values.astype(object))
    return np.where(codes < 0, np.nan, codes).astype(float)


def _worth_it(codes: NDArray[np.float64], y: NDArray[np.intp]) -> bool:
    """Whether rows that are neighbours by this column are mostly of one class: a quick look."""
    order = np.argsort(codes, kind="stable")
    ordered = y[order]
    alike = ordered[1:] == ordered[:-1]
    shares = [alike[ordered[:-1] == k].mean() for k in np.unique(y) if (ordered[:-1] == k).any()]
    ties = len(np.unique(codes)) < len(codes) / 2  # whose order is that of the rows
    return ties or float(np.mean(shares)) > 0.75
