"""What pictures and their numbers are given: refused by name where it is nothing of the kind."""

from __future__ import annotations

import reprlib
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

__all__ = [
    "check_axis",
    "check_classifier",
    "check_known",
    "check_number",
    "check_whole",
    "distinct",
    "positives",
    "probabilities",
    "read_classes",
    "real_numbers",
]

_ROUNDING = 1e-6  # what probabilities of float32 may have beyond 0 and 1


def real_numbers(values: Any, name: str) -> NDArray[np.float64]:
    """An array of float64 from any array-like of numbers; NaN where they are missing."""
    _refuse_masked(values, name)
    values = values.detach().cpu() if hasattr(values, "detach") else values
    kind = np.asarray(values).dtype.kind
    try:
        if kind not in "biufO":
            raise TypeError(f"a {np.asarray(values).dtype} is none")
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold numbers. Got {reprlib.repr(values)}.") from error


def probabilities(values: Any, name: str, missing: bool = False) -> NDArray[np.float64]:
    """Numbers in [0, 1], up to rounding; with `missing`, NaN may be among them."""
    array = real_numbers(values, name)
    known = array[~np.isnan(array)] if missing else array
    # NaN is in no interval.
    if known.size and not (known.min() >= -_ROUNDING and known.max() <= 1 + _ROUNDING):
        raise ValueError(
            f"{name} must be in [0, 1]. Got values from {known.min():g} to {known.max():g}."
        )
    return array


def check_axis(array: NDArray[Any], name: str, n: int) -> None:
    """Refuse what has not one entry for each of n samples."""
    if array.shape != (n,):
        raise ValueError(
            f"{name} must have one entry for each of the {n} samples. Got the shape {array.shape}."
        )


def read_classes(y_true: Any, name: str = "y_true") -> NDArray[Any]:
    """Classes of some samples, of which none is missing."""
    _refuse_masked(y_true, name)
    array = np.asarray(y_true)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension. Got the shape {array.shape} instead.")
    if not len(array):
        raise ValueError(f"{name} must have some samples. Got none.")
    if pd.isna(array).any():
        raise ValueError(f"{name} must have no missing values.")
    return array


def distinct(classes: NDArray[Any], name: str = "y_true") -> NDArray[Any]:
    """The classes, sorted."""
    try:
        return np.unique(classes)
    except TypeError as error:
        raise TypeError(f"{name} must hold classes of one type.") from error


def positives(classes: NDArray[Any], label: Any) -> NDArray[np.bool_]:
    """Which samples are of the positive class; at least one must be."""
    truth = np.asarray(classes == label)
    if truth.shape != classes.shape or np.ndim(label):
        raise ValueError(f"pos_label must be one class. Got {label!r} instead.")
    if not truth.any():
        known = reprlib.repr(distinct(classes).tolist())
        raise ValueError(f"No sample is of the positive class {label!r}. The classes are {known}.")
    return truth


def check_classifier(clf: Any) -> None:
    """Refuse what is no fitted classifier with probabilities."""
    check_is_fitted(clf)
    if not (hasattr(clf, "predict_proba") and hasattr(clf, "classes_")):
        raise TypeError(f"estimator must be a classifier with predict_proba. Got {clf!r} instead.")


def check_known(y: NDArray[Any], classes: Any, name: str = "y_true") -> None:
    """Refuse classes that are none of those known."""
    known = np.asarray(classes).tolist()
    if unknown := [label for label in distinct(y, name).tolist() if label not in known]:
        raise ValueError(f"{name} must be of the classes {known}. Got {unknown[0]!r} in it.")


def check_number(value: Any, name: str, low: float, high: float, *, ends: bool = False) -> None:
    """Refuse what is no number between two, or one of these with `ends`."""
    fits = isinstance(value, Real) and (
        low < float(value) < high or (ends and value in (low, high))
    )
    if not fits:
        between = f"[{low:g}, {high:g}]" if ends else f"({low:g}, {high:g})"
        raise ValueError(f"{name} must be a number in {between}. Got {value!r} instead.")


def check_whole(value: Any, name: str) -> None:
    """Refuse what is no whole number from 1 on."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1:
        raise ValueError(f"{name} must be a whole number of at least 1. Got {value!r} instead.")


def _refuse_masked(values: Any, name: str) -> None:
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"{name} is a masked array with missing values: fill or drop them.")
