"""The weight of each class in the loss: from a scheme, a number, a dict or an array to a vector."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from focalsk.estimators._types import Numbers, Scheme

Floats = NDArray[np.float64]


# Each rule maps the positive counts of the classes that have samples to their weights.


def _balanced(counts: Floats) -> Floats:
    return counts.sum() / (len(counts) * counts)


def _inverse(counts: Floats) -> Floats:
    weight = 1.0 / counts
    return weight / weight.sum()


def _geometric(counts: Floats) -> Floats:
    return np.exp(np.log(counts).mean()) / counts


def _sqrt(counts: Floats) -> Floats:
    return np.sqrt(_balanced(counts))


def _effective(counts: Floats, beta: float) -> Floats:
    # 1 - beta**n as expm1, which stays exact for beta close to 1 and small weighted counts.
    log_beta = math.log(beta) if beta > 0 else -math.inf
    weight = (1.0 - beta) / -np.expm1(counts * log_beta)
    return weight * (len(weight) / weight.sum())


_RULES: dict[str, Callable[..., Floats]] = {
    "balanced": _balanced,
    "effective": _effective,
    "geometric": _geometric,
    "inverse": _inverse,
    "sqrt": _sqrt,
}

SCHEMES: tuple[str, ...] = tuple(_RULES)
"""The names that `compute_alpha` accepts as a scheme, in alphabetical order."""


def compute_alpha(
    alpha: Scheme | Mapping[Any, float] | Numbers | None,
    y: ArrayLike | sparse.sparray | sparse.spmatrix,
    *,
    classes: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    beta: float = 0.9999,
) -> Floats | None:
    """Compute the weight of each class in the loss.

    Write `n_k` for the number of samples of class `k` (with `sample_weight`, the sum of their
    weights), `n` for the sum of all `n_k`, and `K` for the number of classes with samples.

    Parameters
    ----------
    alpha : str, float, mapping, array-like or None
        How to weight the classes.

        - `None`: no weights, and `None` is returned.
        - `'balanced'`: `n / (K * n_k)`, as in scikit-learn. The mean weight of a sample is 1.
        - `'inverse'`: `1 / n_k`, scaled to sum to 1 over the classes.
        - `'geometric'`: `1 / n_k`, scaled to have the geometric mean 1 over the classes.
        - `'sqrt'`: the square root of `'balanced'`, a milder correction.
        - `'effective'`: `(1 - beta) / (1 - beta ** n_k)`, scaled to sum to `K`: the inverse of
          the effective number of samples [1]_.
        - a number in [0, 1], with two classes only: the weight of `classes[1]`; `classes[0]` gets
          `1 - alpha`, as in RetinaNet [2]_.
        - a mapping from classes to weights; a class it does not name gets 1. So is a Series of
          pandas whose index is not 0, 1, and so on: ``1 / y.value_counts()``, say.
        - an array of shape (n_classes,), one weight for each class in the order of `classes`.

        Under a scheme, a class without samples gets weight 0.
    y : array-like of shape (n_samples,), or array-like or sparse of shape (n_samples, n_labels)
        The class labels, or the 0/1 indicators of a multi-label problem, see Notes.
    classes : array-like of shape (n_classes,), default=None
        The classes, in the order of the weights to return. By default the sorted unique labels in
        `y`, or for a multi-label `y` the column numbers.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the samples. A weight of 2 counts as two samples.
    beta : float in [0, 1), default=0.9999
        The hyper-parameter of `'effective'`: 0 gives every class the same weight, and towards 1
        the weights approach inverse frequency. Other schemes ignore it.

    Returns
    -------
    weight : ndarray of shape (n_classes,) or (2, n_labels) and dtype float64, or None
        The weights of the classes in the order of `classes`. For a multi-label `y`, row 0 holds the
        weight of each label where it is absent and row 1 where it is present.

    Raises
    ------
    ValueError
        If `alpha` is an unknown scheme, has the wrong length, a negative or non-finite weight or
        one that is no number, only zeros, or names a class that is not in `classes`; if it is a
        number and there are not two classes, since it would only rescale the loss; if `y` is empty
        or has a label that is not in `classes`; if `sample_weight` is not valid or all zero; if
        `beta` is not in [0, 1).

    Notes
    -----
    Each label of a multi-label problem is a problem of its own with two classes, absent and
    present. A scheme counts each label by itself. A number `a` weights present by `a` and absent by
    `1 - a`. A vector or a mapping over the labels weights a label's whole term, absent and present
    alike, as class weights do in one-vs-rest. An array of shape (2, n_labels) is taken as it is.

    References
    ----------
    .. [1] Cui, Jia, Lin, Song & Belongie, "Class-Balanced Loss Based on Effective Number of
       Samples", CVPR 2019.
    .. [2] Lin, Goyal, Girshick, He & Dollár, "Focal Loss for Dense Object Detection", ICCV 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from focalsk.estimators import compute_alpha
    >>> y = ["no"] * 84 + ["yes"] * 16
    >>> compute_alpha("balanced", y).round(3)
    array([0.595, 3.125])
    >>> compute_alpha("geometric", y).round(3)
    array([0.436, 2.291])
    >>> compute_alpha(0.75, y)
    array([0.25, 0.75])
    >>> compute_alpha({"yes": 5}, y)
    array([1., 5.])

    Two labels, one of them rare:

    >>> Y = np.array([[1, 0], [0, 0], [1, 0], [0, 1]])
    >>> compute_alpha("balanced", Y).round(3)
    array([[1.   , 0.667],
           [1.   , 2.   ]])
    """
    if alpha is None:
        return None
    names, counts = _count(y, classes, sample_weight)
    if isinstance(alpha, str):
        return _from_scheme(alpha, counts, beta)
    if isinstance(alpha, Real) and not isinstance(alpha, (bool, np.bool_)):
        weight = _from_number(float(alpha), counts)
    elif isinstance(named := by_class(alpha), Mapping):
        weight = _from_mapping(named, names)
    else:
        weight = _from_array(named, counts)
    if not weight.any():
        raise ValueError(f"alpha must give at least one class a positive weight. Got {alpha!r}.")
    return np.tile(weight, (2, 1)) if weight.ndim < counts.ndim else weight


def _from_scheme(scheme: str, counts: Floats, beta: float) -> Floats:
    """Weigh the classes by a rule, each column of two-dimensional counts by itself."""
    if scheme not in _RULES:
        raise ValueError(f"alpha must be one of {list(SCHEMES)} if it is a string. Got {scheme!r}.")
    rule = _RULES[scheme]
    if rule is _effective:
        if not isinstance(beta, Real) or not 0.0 <= beta < 1.0:
            raise ValueError(f"beta must be in the range [0.0, 1.0). Got {beta!r}.")
        rule = partial(_effective, beta=beta)
    return np.apply_along_axis(_of_present, 0, counts, rule)


def _of_present(counts: Floats, rule: Callable[[Floats], Floats]) -> Floats:
    """Apply a rule to the classes that have samples; the others get 0."""
    weight = np.zeros_like(counts)
    present = counts > 0
    weight[present] = rule(counts[present])
    return weight


def _from_number(alpha: float, counts: Floats) -> Floats:
    if counts.ndim == 1 and len(counts) != 2:
        raise ValueError(
            f"alpha can be a number only with two classes, and there are {len(counts)}: it would "
            f"only rescale the loss. Give a weight for each class or a scheme. Got {alpha!r}."
        )
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"alpha must be in the range [0.0, 1.0] if it is a number. Got {alpha!r}.")
    pair = np.array([1.0 - alpha, alpha])
    return pair if counts.ndim == 1 else np.tile(pair[:, None], (1, counts.shape[1]))


def _from_mapping(alpha: Mapping[Any, float], names: list[Any]) -> Floats:
    unknown = [key for key in alpha if key not in names]
    if unknown:
        raise ValueError(f"alpha has the keys {unknown}, which are not among the classes {names}.")
    return _as_weights([alpha.get(name, 1.0) for name in names], "alpha")


def _from_array(alpha: ArrayLike, counts: Floats) -> Floats:
    weight = _as_weights(alpha, "alpha")
    shapes = {(counts.shape[-1],), counts.shape}  # the same shape twice if not multi-label
    if weight.shape not in shapes:
        allowed = " or ".join(str(shape) for shape in sorted(shapes, key=len))
        raise ValueError(f"alpha must have the shape {allowed}. Got {weight.shape}.")
    return weight


def by_class(values: Any) -> Any:
    """A Series of pandas whose index is not 0, 1, ... as a mapping; others as they are.

    What ``value_counts`` gives is in the order of the counts, and not in that of the classes.
    """
    if not hasattr(values, "to_dict") or getattr(values, "ndim", 0) != 1:
        return values
    return values if list(values.index) == list(range(len(values))) else dict(values.items())


def as_numbers(values: Any) -> Floats | None:
    """A float64 copy; None if something in it is no number: a date, a complex number, a bool."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        return None
    try:
        given = np.array(values)
        return None if given.dtype.kind in "cmMb" else given.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return None


def _as_weights(value: ArrayLike, name: str) -> Floats:
    """Return a float64 copy of finite, non-negative numbers."""
    weight = as_numbers(value)
    if weight is None:
        raise ValueError(f"{name} must hold numbers. Got {reprlib.repr(value)}.")
    if not (np.isfinite(weight).all() and (weight >= 0).all()):
        found = value if isinstance(value, list) and len(value) < 20 else reprlib.repr(value)
        raise ValueError(f"{name} must be finite and not negative. Got {found}.")
    return weight


def _count(
    y: Any, classes: ArrayLike | None, sample_weight: ArrayLike | None
) -> tuple[list[Any], Floats]:
    """Return the classes and their (weighted) counts: (K,), or (2, K) for a multi-label y."""
    y = sparse.csc_array(y) if sparse.issparse(y) else _as_labels(y)
    if y.ndim not in (1, 2) or 0 in y.shape:
        raise ValueError(f"y must have one or two dimensions and not be empty. Got {y.shape}.")
    weight = (
        np.ones(y.shape[0])
        if sample_weight is None
        else _as_weights(sample_weight, "sample_weight")
    )
    if weight.shape != y.shape[:1]:
        raise ValueError(f"sample_weight must have the shape {y.shape[:1]}. Got {weight.shape}.")
    if not weight.any():
        raise ValueError("sample_weight must have at least one positive weight. Got only zeros.")
    with np.errstate(over="ignore"):
        if not np.isfinite(weight.sum()):
            raise ValueError("sample_weight must have a finite sum. Got larger values.")
    names = None if classes is None else _names(classes)
    if names is not None and any(name is None or name != name for name in names):
        raise ValueError(f"classes must not be missing. Got {names}.")
    if names is not None and len(set(names)) != len(names):
        raise ValueError(f"classes must be distinct. Got {names}.")
    return _count_labels(y, names, weight) if y.ndim == 2 else _count_classes(y, names, weight)


def _names(classes: ArrayLike) -> list[Any]:
    names = _as_labels(classes)
    if names.ndim != 1:
        raise ValueError(f"classes must be a list of labels. Got {reprlib.repr(classes)}.")
    return names.tolist()


def _as_labels(y: Any) -> NDArray[Any]:
    """As an array, in which a list of numbers and strings does not become one of strings."""
    try:
        array = np.asarray(y)
    except ValueError as error:  # ragged
        raise ValueError(f"Labels must be in an array or list. Got {reprlib.repr(y)}.") from error
    if array.dtype.kind == "U" and isinstance(y, (list, tuple)):
        mixed = not all(isinstance(label, str) for label in np.asarray(y, dtype=object).flat)
        array = np.asarray(y, dtype=object) if mixed else array
    return array


def _count_classes(
    y: NDArray[Any], names: list[Any] | None, sample_weight: Floats
) -> tuple[list[Any], Floats]:
    try:
        unique, code = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise ValueError("y must hold labels of one type, with none missing.") from error
    found = unique.tolist()
    if any(label is None or label != label for label in found):
        raise ValueError("y has missing labels.")
    if unique.dtype.kind == "f" and not (np.isfinite(unique) & (unique == np.rint(unique))).all():
        raise ValueError(f"y must hold classes, whole numbers if they are floats. Got {found[:5]}.")
    names = found if names is None else names
    position = {name: k for k, name in enumerate(names)}
    unknown = [label for label in found if label not in position]
    if unknown:
        raise ValueError(f"y has the labels {unknown}, which are not among the classes {names}.")
    # By position and not by searchsorted: `classes` need not be sorted, nor 1 pass for "1".
    code = np.array([position[label] for label in found])[code.ravel()]
    return names, np.bincount(code, sample_weight, len(names)).astype(np.float64)


def _count_labels(
    y: Any, names: list[Any] | None, sample_weight: Floats
) -> tuple[list[Any], Floats]:
    names = list(range(y.shape[1])) if names is None else names
    if len(names) != y.shape[1]:
        raise ValueError(f"classes must name the {y.shape[1]} columns of y. Got {len(names)}.")
    if not np.isin(y.data if sparse.issparse(y) else y, (0, 1)).all():
        raise ValueError("y must hold only 0 and 1 if it has two dimensions.")
    used = sample_weight > 0
    y, weight = y[used].astype(np.float64), sample_weight[used]
    present = y.T @ weight
    # A label that every sample has must not be left with a rounding error for the absent ones.
    always = y.sum(axis=0) == len(weight)
    absent = np.where(always, 0.0, np.maximum(weight.sum() - present, 0.0))
    return names, np.stack([absent, present])
