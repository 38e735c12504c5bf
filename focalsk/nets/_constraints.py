"""What the parameters and the samples of a FocalNet may be, in scikit-learn's words."""

from __future__ import annotations

from collections.abc import Sized
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch.utils.data import IterableDataset

from focalsk._compat._sklearn import Interval, Options, validate_parameter_constraints

__all__ = [
    "check_epochs",
    "check_numbers",
    "check_parameters",
    "check_some",
    "check_unmasked",
    "check_weight",
]

_SIZE = [Interval(Integral, 1, None, closed="left"), Options(Integral, {-1})]
_COUNT = Interval(Integral, 0, None, closed="left")
_TYPES = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
_CONSTRAINTS: dict[str, list[Any]] = {
    "module": [callable],
    "criterion": [callable],
    "optimizer": [callable],
    "lr": [Interval(Real, 0, np.inf, closed="left"), torch.Tensor],
    "max_epochs": [_COUNT],
    "batch_size": _SIZE,
    "train_split": [None, callable],
    "dataset": [callable],
    "iterator_train": [callable],
    "iterator_train__batch_size": _SIZE,
    "iterator_valid": [callable],
    "iterator_valid__batch_size": _SIZE,
    "callbacks": [None, list, Options(str, {"disable"})],
    "random_state": [None, _COUNT],
    "dtype": [None, Options(torch.dtype, _TYPES)],
}


def check_parameters(net: Any) -> None:
    """Refuse parameters that skorch and torch would fail on, or take in silence."""
    validate_parameter_constraints(_CONSTRAINTS, vars(net), caller_name=type(net).__name__)


def check_epochs(net: Any, epochs: Any) -> None:
    """Refuse what is no number of epochs to train."""
    allowed = {"epochs": [None, _COUNT]}
    name = f"{type(net).__name__}.fit"
    validate_parameter_constraints(allowed, {"epochs": epochs}, caller_name=name)


def check_some(net: Any, dataset: Any) -> None:
    """Refuse training samples of which there is none, or none that counts."""
    if isinstance(dataset, Sized) and not isinstance(dataset, IterableDataset) and not len(dataset):
        raise ValueError(
            "Found array with 0 sample(s) while a minimum of 1 is required by "
            f"{type(net).__name__}."
        )
    weight = getattr(dataset, "weight", None)
    if weight is not None and not weight.any():
        raise ValueError("sample_weight must be positive for some samples. Got only zeros.")


def check_numbers(name: str, values: Any) -> Any:
    """What torch makes a tensor of; a sparse matrix as CSR. Refuse what holds no numbers."""
    if sparse.issparse(values):
        return values if values.format == "csr" else values.tocsr()
    if isinstance(values, torch.Tensor):
        kind, what = ("c" if values.is_complex() else "f"), str(values.dtype)
        if values.layout != torch.strided:
            raise TypeError(f"{name} must be a dense tensor, or a CSR matrix. Got {values.layout}.")
    else:
        check_unmasked(name, values)
        if not hasattr(values, "dtype") or not isinstance(values.dtype, np.dtype):
            values = _as_numbers(values)
        kind, what = values.dtype.kind, str(values.dtype)
    if kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers. Got {what}.")
    if not values.ndim:
        raise ValueError(f"{name} must have an axis of samples. Got a scalar.")
    return values


def check_unmasked(name: str, values: Any) -> None:
    """Refuse arrays some of whose values are not there."""
    if np.ma.is_masked(values):
        raise ValueError(f"{name} is a masked array with missing values: fill or drop them.")


def _as_numbers(values: Any) -> Any:
    """An array of a list or a frame; pandas would give nullable columns as objects."""
    array = np.asarray(values)
    if array.dtype.kind != "O" or not hasattr(values, "iloc"):
        return array
    kinds = {getattr(dtype, "kind", "O") for dtype in np.atleast_1d(values.dtypes)}
    return values.to_numpy(np.float64, na_value=np.nan) if kinds <= set("fiub") else array


def check_weight(weight: torch.Tensor) -> None:
    """Refuse sample weights that are not finite or negative, where they can be read at once."""
    if weight.device.type != "cpu" or not weight.numel():
        return
    low, high = (value.item() for value in weight.aminmax())
    if not 0 <= low <= high < np.inf:  # NaN fails as well
        raise ValueError(
            f"sample_weight must be finite and not negative. Got values from {low} to {high}."
        )
