"""What a classifier is given, checked and coded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import validate_data

from focalsk._compat._sklearn import check_sample_weight, check_targets
from focalsk.estimators._target_coding import Samples, TargetCoding

if TYPE_CHECKING:
    from focalsk.estimators._classifier import FocalNetClassifier
    from focalsk.estimators._ensemble import FocalEnsembleClassifier

    Classifier: TypeAlias = FocalNetClassifier | FocalEnsembleClassifier

__all__ = [
    "check_X",
    "check_X_y",
    "check_class_names",
    "check_classes",
    "check_no_missing",
    "check_range",
    "plain",
    "read_samples",
    "read_validation_set",
    "to_mean_one",
    "weigh",
]


def check_X(estimator: Classifier, X: Any) -> Any:
    """Samples to predict, as floating point array or CSR matrix."""
    X = plain(X)
    _check_kind(estimator, X)
    X = _validated(estimator, X, reset=False)
    check_range(X, getattr(getattr(estimator, "net_", None), "dtype", None))
    return X


def check_X_y(estimator: Classifier, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
    """Samples and targets to train on; with `reset`, what X is like is noted on the estimator."""
    X, y = plain(X), plain(y, "y")
    _check_kind(estimator, X)
    _check_dense(y)
    check_no_missing(y, "y")
    X, y = _validated(estimator, X, y, multi_output=True, reset=reset)
    if isinstance(y, np.ndarray) and y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    return X, y


def _validated(estimator: Classifier, X: Any, *y: Any, **options: Any) -> Any:
    """What scikit-learn's check gives; its errors say what there is for words and gaps."""
    try:
        return validate_data(estimator, X, *y, **options, **_rules(estimator, X))
    except ValueError as error:
        message, name = str(error), type(estimator).__name__
        if message.startswith("could not convert string to float"):
            reader = "FocalEnsembleClassifier reads words in the columns of a data frame"
            way = reader if estimator.module is None else "put an encoder before it"
            raise ValueError(f"{message}. {name} takes numbers here; {way}.") from error
        if message.startswith("Input X contains NaN"):
            way = "put an imputer before it"
            if not (estimator._takes_missing() or estimator.module):
                way += ", or use FocalEnsembleClassifier, which takes gaps"
            raise ValueError(f"Input X contains NaN. {name} takes none here: {way}.") from error
        raise


def _check_dense(y: Any) -> None:
    if sparse.issparse(y) and y.shape[1:] in ((), (1,)):
        raise TypeError(
            "Sparse data was passed for y, but dense data is required for one class per sample. "
            "Use '.toarray()' to convert it to a dense array."
        )
    if isinstance(y, np.ndarray) and y.dtype.kind == "S":  # scikit-learn up to 1.6 takes them
        raise TypeError("Labels represented as bytes are not supported: decode them to strings.")


def plain(values: Any, name: str = "X") -> Any:
    """Refuse what NumPy would take for other numbers in silence, and bring tensors to it."""
    if isinstance(values, torch.Tensor):
        if values.layout != torch.strided or values.is_meta:
            kind = "meta" if values.is_meta else values.layout
            raise TypeError(f"{name} must be a dense tensor that holds numbers. Got {kind}.")
        values = values.detach()
        return (values.float() if values.dtype is torch.bfloat16 else values).numpy(force=True)
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"Input {name} is a masked array with missing values: fill or drop them.")
    if hasattr(values, "collect_schema") and not hasattr(values, "to_pandas"):
        raise TypeError(f"{name} must be data. Got a {type(values).__name__}: call collect().")
    if name != "y" and isinstance(values, np.ndarray):
        _refuse_dates(values, name)
    return values


def _refuse_dates(values: Any, name: str = "X") -> None:
    """Refuse an array or a frame with dates or times, which would become nanoseconds."""
    if dates := _dates_in(values):
        hint = ": a data frame may have columns of dates, and FocalEnsembleClassifier reads them"
        raise TypeError(f"{name} must hold numbers. Got {dates}{hint if name == 'X' else ''}.")


def _dates_in(values: Any) -> str:
    """The type of an array, or of a frame's first column, of dates or times; '' of any other."""
    types: Any = getattr(values, "dtypes", getattr(values, "dtype", None))
    for dtype in types if hasattr(types, "__iter__") else [types]:
        is_temporal = getattr(dtype, "is_temporal", None)  # polars
        if getattr(dtype, "kind", "") in ("m", "M") or (is_temporal is not None and is_temporal()):
            return str(dtype)
    return ""


def _check_kind(estimator: Classifier, X: Any) -> None:
    n_axes = getattr(X, "ndim", 2)
    if estimator.module is None and n_axes > 2:
        raise ValueError(
            f"Found array with dim {n_axes}, while dim <= 2 is required by "
            f"{type(estimator).__name__} without a 'module'. Images and the like need one."
        )
    _refuse_dates(X)
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        names, n = np.unique([str(name) for name in X.columns], return_counts=True)
        if (n > 1).any():
            raise ValueError(
                f"Each column needs a name of its own. Got {str(names[n > 1][0])!r} twice."
            )


def check_range(X: Any, dtype: torch.dtype | None) -> None:
    """Refuse finite values of X that a net of this type would take for infinite."""
    if dtype is not torch.float32 or X.dtype != np.float64:
        return
    values = X.data if sparse.issparse(X) else X
    limit = np.finfo(np.float32).max
    if values.size and (values.max() > limit or values.min() < -limit):
        raise ValueError("Input X contains infinity or a value too large for dtype('float32').")


def check_no_missing(values: Any, name: str) -> None:
    """Refuse None, NaN and NA among classes, in scikit-learn's words."""
    if values is None or sparse.issparse(values):
        return
    if not isinstance(values, np.ndarray) and callable(getattr(values, "isna", None)):
        missing = bool(np.asarray(values.isna()).any())  # pandas
    elif not isinstance(values, np.ndarray) and callable(getattr(values, "is_null", None)):
        missing = bool(values.is_null().any())  # polars
    else:
        if not isinstance(values, np.ndarray):
            try:
                values = np.asarray(values, dtype=object)
            except ValueError:  # ragged
                return
        if values.dtype.kind == "f":
            missing = bool(np.isnan(values).any())
        elif values.dtype.kind in "mM":
            missing = bool(np.isnat(values).any())
        else:
            missing = values.dtype.kind == "O" and any(map(_is_missing, values.flat))
    if missing:
        raise ValueError(f"Input {name} contains NaN.")


def check_class_names(classes: Any) -> None:
    """Refuse classes that no target could have."""
    if classes is None:
        return
    check_no_missing(classes, "classes")
    names = np.asarray(classes)
    if names.ndim != 1:
        raise ValueError(f"classes must have one dimension. Got an array of shape {names.shape}.")
    if names.dtype.kind == "f" and not (np.isfinite(names) & (names == np.rint(names))).all():
        raise ValueError(f"classes must be whole numbers if they are floats. Got {classes!r}.")
    texts = sum(isinstance(name, str) for name in np.asarray(classes, dtype=object))
    if 0 < texts < len(names):
        raise TypeError(f"classes must be all strings or all numbers. Got {classes!r}.")


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(value != value)


def check_table(estimator: Classifier, X: Any, y: Any = None, reset: bool = False) -> Any:
    """A data frame with columns of any kind, and its targets if it is to be trained on."""
    X = X if hasattr(X, "iloc") else plain(X).to_pandas()
    X = validate_data(estimator, X, reset=reset, skip_check_array=True)
    if not reset:
        return X
    check_consistent_length(X, y)
    return X, check_y(plain(y, "y"))


def check_y(y: Any) -> Any:
    """Classes (n,), or label indicators (n, K)."""
    y = check_targets(y, multi_output=True)
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


def check_classes(estimator: Classifier, y: Any, sample_weight: Any = None) -> None:
    """Refuse targets and weights that no fit of a classifier takes, in the words of its `fit`."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None."
        )
    y = plain(y, "y")
    _check_dense(y)
    check_no_missing(y, "y")
    coding = TargetCoding.of(y := check_y(y), estimator.output)
    coding.check_several(coding.encode(y), estimator)
    if sample_weight is not None:
        _check_weights(y, sample_weight)


def take_rows(X: Any, rows: NDArray[np.intp]) -> Any:
    """Some rows of an array, a matrix or a frame; all of them without a copy."""
    if len(rows) == X.shape[0]:
        return X
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def _rules(estimator: Classifier, X: Any) -> dict[str, Any]:
    missing = estimator._takes_missing() and not sparse.issparse(X)
    return {
        "accept_sparse": "csr",
        "dtype": (np.float64, np.float32),
        "allow_nd": estimator.module is not None,  # images and the like are for a user's module
        "ensure_all_finite": "allow-nan" if missing else True,
    }


def weigh(X: Any, codes: NDArray[Any], sample_weight: ArrayLike | None) -> Samples:
    """The samples that have a weight, with the weights checked."""
    if sample_weight is None:
        return Samples(X, codes, None)
    weight = _check_weights(X, sample_weight)
    samples = Samples(X, codes, weight)
    return samples if weight.all() else samples.take(weight > 0)


def _check_weights(X: Any, sample_weight: ArrayLike) -> NDArray[Any]:
    weight = check_sample_weight(plain(sample_weight, "sample_weight"), X, ensure_non_negative=True)
    if np.isscalar(sample_weight):  # scikit-learn spreads a number and does not look at it
        weight = check_sample_weight(weight, X, ensure_non_negative=True)
    if not weight.any():
        raise ValueError("sample_weight must be positive for some samples. Got only zeros.")
    return weight


def to_mean_one(weight: NDArray[Any]) -> NDArray[Any]:
    """Weights scaled to mean 1, however large they are."""
    with np.errstate(over="ignore"):
        overflows = not np.isfinite(weight.sum())
    weight = weight / weight.max() if overflows else weight
    return weight / weight.mean()


def read_samples(
    estimator: Classifier,
    X: Any,
    y: Any,
    sample_weight: ArrayLike | None = None,
    *,
    reset: bool = True,
) -> tuple[TargetCoding, Samples]:
    """Everything that `fit` does with its arguments before it trains.

    Weights are scaled to mean 1 and samples without weight left out. Of the estimator, only
    ``n_features_in_`` and ``feature_names_in_`` are set, with `reset`.
    """
    X, y = check_X_y(estimator, X, y, reset)
    coding = TargetCoding.of(y, estimator.output)
    samples = weigh(X, coding.encode(y), sample_weight)
    if samples.weight is not None:
        samples = samples._replace(weight=to_mean_one(samples.weight))
    coding.check_several(samples.codes, estimator)
    return coding, samples


def read_validation_set(
    estimator: FocalNetClassifier,
    coding: TargetCoding,
    X_val: Any,
    y_val: Any,
    sample_weight_val: ArrayLike | None = None,
) -> Samples | None:
    """The samples that `fit` was given to validate with, checked and coded; None if there are none.

    The estimator must have seen the samples to train on. Weights are scaled to mean 1, and samples
    without weight left out.
    """
    given = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
    if all(value is None for value in given.values()):
        return None
    for name in ("X_val", "y_val"):
        if given[name] is None:
            others = " and ".join(key for key, value in given.items() if value is not None)
            raise ValueError(f"{name} must be passed too. Got only {others}.")
    if not estimator.early_stopping:
        raise ValueError(
            "X_val and y_val are for early stopping. Got early_stopping=False; set it to True."
        )
    try:
        X, y = check_X_y(estimator, X_val, y_val, reset=False)
        samples = weigh(X, coding.encode(_like(coding, y)), sample_weight_val)
    except (TypeError, ValueError) as error:
        raise type(error)(f"In the validation set (X_val, y_val): {error}") from error
    if samples.weight is None:
        return samples
    return samples._replace(weight=to_mean_one(samples.weight))


def _like(coding: TargetCoding, y: Any) -> Any:
    """Targets, refused if they are classes in place of labels, or numbers in place of strings."""
    multilabel = TargetCoding.of(y, "softmax").multilabel
    if coding.multilabel != multilabel:
        names = ["one class per sample", "label indicators"]
        raise ValueError(
            f"y must be {names[coding.multilabel]}, as in training. Got {names[multilabel]}."
        )
    texts = [isinstance(np.asarray(part, object).flat[0], str) for part in (y, coding.classes)]
    if not multilabel and texts[0] != texts[1]:
        raise ValueError(
            f"y must only have the classes {coding.classes.tolist()}. Got "
            f"{np.unique(y).tolist()[:5]}."
        )
    return y
