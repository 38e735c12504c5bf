"""Arguments of the losses: what is allowed, and errors that say so."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from focalsk.losses._margins import is_traced

Values: TypeAlias = float | Sequence[float] | Sequence[Sequence[float]] | Tensor
"""A number, or an array-like (list, NumPy array, tensor) of them."""

Reduction: TypeAlias = Literal["none", "sum", "mean"]
"""What becomes of the losses of the samples."""


def _kind(value: object) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else f"{value!r}"


def _readable(value: Tensor) -> bool:
    """Whether values can be looked at without waiting for a device or breaking a trace."""
    return value.device.type == "cpu" and not is_traced()


def _check_range(name: str, value: Tensor, high: float) -> None:
    if value.numel() > 0 and _readable(value):
        least, most = (x.item() for x in value.aminmax())
        if not (0 <= least <= most <= high and most < math.inf):  # not (...): NaN fails as well
            allowed = f"in [0, {high}]" if high < math.inf else "finite and not negative"
            raise ValueError(f"{name} must be {allowed}, got values from {least} to {most}.")


def check_options(
    reduction: Reduction, avg_factor: float | Tensor | None, label_smoothing: float = 0.0
) -> None:
    """Refuse what is no reduction, factor or smoothing."""
    if not isinstance(reduction, str) or reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction must be 'none', 'sum' or 'mean', got {reduction!r}.")
    if avg_factor is not None and reduction != "mean":
        raise ValueError(f"avg_factor needs reduction='mean', got reduction={reduction!r}.")
    if avg_factor is not None:
        _check_factor(avg_factor)
    if not isinstance(label_smoothing, Real) or not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be a float in [0, 1], got {label_smoothing!r}.")


def _check_factor(avg_factor: object) -> None:
    scalar = isinstance(avg_factor, Tensor) and avg_factor.dim() == 0
    if isinstance(avg_factor, Tensor):
        good = scalar and (not _readable(avg_factor) or 0 < float(avg_factor) < math.inf)
    elif isinstance(avg_factor, Real):
        good = 0 < float(avg_factor) < math.inf
    else:
        raise TypeError(f"avg_factor must be a number or a scalar tensor, got {avg_factor!r}.")
    if not good:
        raise ValueError(f"avg_factor must be positive and finite, got {avg_factor!r}.")


def check_ignore_index(ignore_index: object) -> None:
    """Refuse what is no index of a class."""
    if not isinstance(ignore_index, Integral) or isinstance(ignore_index, bool):
        raise TypeError(f"ignore_index must be an int, got {ignore_index!r}.")


def check_smoothing(label_smoothing: float) -> None:
    """Refuse a smoothing that cannot be undone."""
    if not isinstance(label_smoothing, Real) or not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must be a float in [0, 1), got {label_smoothing!r}.")


def _as_tensor(name: str, value: object) -> Tensor:
    if not isinstance(value, Tensor):
        try:
            value = torch.tensor(value, dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError) as error:
            message = f"{name} must be a number or an array of them, got {value!r}."
            raise TypeError(message) from error
    if value.is_complex() or value.dtype == torch.bool:
        raise TypeError(f"{name} must hold real numbers, got {_kind(value)}.")
    return value


def as_parameter(name: str, value: Values) -> float | Tensor:
    """Return a parameter as float or tensor, checked to be finite and not negative."""
    if isinstance(value, bool):
        raise TypeError(f"{name} must be a number or an array of them, got {value!r}.")
    if isinstance(value, Real):
        number = float(value)
        if not 0 <= number < math.inf:
            raise ValueError(f"{name} must be finite and not negative, got {value!r}.")
        return number
    value = _as_tensor(name, value)
    _check_range(name, value, math.inf)
    return value


def _check_gamma(gamma: Values) -> float | Tensor:
    value = as_parameter("gamma", gamma)
    if isinstance(value, Tensor) and value.dim() > 1:
        raise ValueError(f"gamma must be a number or a vector, got shape {tuple(value.shape)}.")
    return value


def softmax_parameters(gamma: Values, alpha: Values | None) -> tuple[float | Tensor, Tensor | None]:
    """Return gamma and alpha of a softmax loss, checked."""
    if alpha is None:
        return _check_gamma(gamma), None
    value = as_parameter("alpha", alpha)
    if not isinstance(value, Tensor) or value.dim() == 0:
        raise ValueError(
            "alpha must hold one weight per class, as one number only rescales a softmax loss "
            f"(with two classes [1 - alpha, alpha] is meant), got {alpha!r}."
        )
    if value.dim() > 1:
        raise ValueError(f"alpha must be a vector, got shape {tuple(value.shape)}.")
    if _readable(value) and value.numel() and not value.any():
        raise ValueError(f"alpha must be positive for some class, got {alpha!r}.")
    return _check_gamma(gamma), value


def sigmoid_parameters(
    gamma: Values, alpha: Values | None
) -> tuple[float | Tensor, float | Tensor | None]:
    """Return gamma and alpha of a sigmoid loss, checked."""
    if alpha is None:
        return _check_gamma(gamma), None
    return _check_gamma(gamma), check_outcome_weights(alpha)


def check_outcome_weights(alpha: Values) -> float | Tensor:
    """Return a sigmoid loss's `alpha` as float or tensor, its values and rows checked."""
    value = as_parameter("alpha", alpha)
    if isinstance(value, Tensor) and value.dim() > 0:
        if value.dim() > 1 and value.shape[0] != 2:
            raise ValueError(f"alpha must have shape (K,) or (2, K), got {tuple(value.shape)}.")
    elif not isinstance(value, Tensor) and value > 1:
        raise ValueError(f"alpha must be in [0, 1] if it is one number, got {alpha!r}.")
    elif isinstance(value, Tensor):
        _check_range("alpha", value, 1)
    return value


def fit_to(name: str, value: Any, n_classes: int, input: Tensor) -> Any:
    """Return a parameter in the input's dtype and place, one entry per class."""
    if value is None:
        return value
    if not isinstance(value, Tensor):
        check_representable(name, value, input.dtype)
        return value
    if value.dim() > 0 and value.shape[-1] != n_classes:
        raise ValueError(
            f"{name} must have {n_classes} entries, one per class, got shape {tuple(value.shape)}."
        )
    check_representable(name, value, input.dtype)
    return value.to(input.device, input.dtype)


def check_representable(name: str, value: float | Tensor, dtype: torch.dtype) -> None:
    """Refuse a finite value that a narrower type would take for infinite."""
    limit = torch.finfo(dtype).max
    if isinstance(value, Tensor):
        if value.dtype == dtype or value.numel() == 0 or not _readable(value):
            return
        value = float(value.max())
    elif is_traced():
        return
    if value > limit:
        raise ValueError(f"{name} must be at most {limit:.4g} to be {dtype}, got {value!r}.")


def check_softmax_shapes(input: Tensor, target: Tensor) -> int:
    """Return the axis of the classes, once the two shapes are known to fit."""
    if not isinstance(target, Tensor) or target.is_complex() or target.dtype == torch.bool:
        raise TypeError(
            f"target must be a tensor of class indices or probabilities, got {_kind(target)}."
        )
    if input.dim() == 0:
        raise ValueError("input must have an axis for the classes, got a scalar.")
    dim = min(input.dim() - 1, 1)
    if input.shape[dim] == 0:
        raise ValueError(f"input must have some classes, got shape {tuple(input.shape)}.")
    indices = input.shape[:dim] + input.shape[dim + 1 :]
    dense = target.is_floating_point()
    if target.shape != (input.shape if dense else indices):
        what = "class probabilities" if dense else "class indices"
        raise ValueError(
            f"target must have shape {tuple(input.shape if dense else indices)} to be {what} "
            f"of input of shape {tuple(input.shape)}, got {tuple(target.shape)} of {target.dtype}."
        )
    return dim


def check_probabilities(target: Tensor, ignore_index: int) -> None:
    """Refuse class probabilities that are none, or come with an ignored index."""
    if ignore_index >= 0:
        raise ValueError(f"ignore_index needs class indices as target, got {ignore_index}.")
    _check_range("target", target, 1)


def working_dtype(input: Tensor) -> tuple[torch.dtype, Tensor]:
    """Return the dtype of the result, and the input in float32 or float64."""
    if not isinstance(input, Tensor) or not input.is_floating_point():
        raise TypeError(f"input must be a tensor of floating-point logits, got {_kind(input)}.")
    if input.layout != torch.strided:
        raise TypeError(f"input must be a dense tensor, got {input.layout}.")
    if input.dtype in (torch.float32, torch.float64):
        return input.dtype, input
    autocast = torch.is_autocast_enabled(input.device.type)
    return torch.float32 if autocast else input.dtype, input.float()


def mask_ignored(target: Tensor, n_classes: int, ignore_index: int) -> tuple[Tensor, Tensor | None]:
    """Return targets that are all valid indices, and which of them count (None: all)."""
    readable = _readable(target) and target.numel() > 0
    if readable:
        low, high = (int(x) for x in target.aminmax())
        if low >= 0 and high < n_classes and not low <= ignore_index <= high:
            return target, None
    valid = target != ignore_index
    target = target.where(valid, 0)
    if readable and (int(target.min()) < 0 or int(target.max()) >= n_classes):
        raise ValueError(
            f"target must hold class indices in [0, {n_classes}) or ignore_index={ignore_index}, "
            f"got values from {low} to {high}."
        )
    return target, valid


def binary_target(input: Tensor, target: Tensor) -> Tensor:
    """Return targets of input's shape and dtype, class indices spread out one-hot."""
    if not isinstance(target, Tensor):
        raise TypeError(f"target must be a tensor, got {_kind(target)}.")
    if target.shape == input.shape:
        _check_range("target", target, 1)
        return target.to(input.dtype)
    if input.shape[:-1] != target.shape or input.dim() == 0 or input.shape[-1] == 1:
        raise ValueError(
            f"target must have input's shape {tuple(input.shape)}, or be class indices without its "
            f"last axis if that is longer than 1, got shape {tuple(target.shape)}."
        )
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise TypeError(f"target must be integer to be class indices, got {target.dtype}.")
    n_labels = input.shape[-1]
    _check_range("target", target, n_labels)
    return (target.unsqueeze(-1) == torch.arange(n_labels, device=target.device)).to(input.dtype)


def spread_weight(weight: Values, loss: Tensor) -> Tensor:
    """Return weights that broadcast to the loss: one per sample spreads over what follows."""
    weight = _as_tensor("weight", weight)
    _check_range("weight", weight, math.inf)
    check_representable("weight", weight, loss.dtype)
    weight = weight.to(loss.device, loss.dtype)
    spread = weight.reshape(weight.shape + (1,) * (loss.dim() - weight.dim()))
    fits = spread.dim() == loss.dim() and all(
        w in (1, n) for w, n in zip(spread.shape, loss.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"weight must be broadcastable to the loss of shape {tuple(loss.shape)}, "
            f"samples first, got shape {tuple(weight.shape)}."
        )
    return spread


def outcome_weights(alpha: Any) -> tuple[Any, Any]:
    """Return the negatives' and the positives' weights behind a sigmoid loss's `alpha`."""
    if not isinstance(alpha, Tensor) or alpha.dim() == 0:
        return 1 - alpha, alpha
    return (alpha[0], alpha[1]) if alpha.dim() > 1 else (alpha, alpha)
