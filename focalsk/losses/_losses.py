"""Focal loss on logits, as functions and as modules.

Softmax over classes or a sigmoid per label, with class weights, sample weights, reductions and
checked arguments, around the core in `focalsk.losses._margins`.

References
----------
T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal Loss for Dense Object Detection",
ICCV 2017, arXiv:1708.02002.
"""

import torch
from torch import Tensor, nn

from focalsk.losses._checks import (
    Reduction,
    Values,
    binary_target,
    check_ignore_index,
    check_options,
    check_probabilities,
    check_softmax_shapes,
    fit_to,
    mask_ignored,
    outcome_weights,
    sigmoid_parameters,
    softmax_parameters,
    spread_weight,
    working_dtype,
)
from focalsk.losses._margins import (
    class_margins,
    dense_focal,
    sigmoid_focal,
    softmax_focal,
    total,
    weigh,
    weighted_sigmoid_focal,
)

__all__ = [
    "FocalLoss",
    "OneVersusRestLoss",
    "SigmoidFocalLoss",
    "focal_loss",
    "sigmoid_focal_loss",
]


def focal_loss(
    input: Tensor,
    target: Tensor,
    gamma: Values = 2.0,
    alpha: Values | None = None,
    *,
    weight: Values | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    avg_factor: float | Tensor | None = None,
) -> Tensor:
    r"""Softmax focal loss, ``sum_k t_k * alpha_k * (1 - p_k) ** gamma_k * -log(p_k)``.

    With ``gamma=0`` it is ``torch.nn.functional.cross_entropy(weight=alpha)`` in every option. It
    is exact at every margin, infinite logits included, in value and gradient, and differentiable
    twice.

    Parameters
    ----------
    input : Tensor of shape (C,), (N, C) or (N, C, d1, ...)
        Logits, floating point. float16 and bfloat16 are computed in float32; the result has input's
        dtype, or float32 under autocast.
    target : Tensor of shape (), (N,) or (N, d1, ...), integer; or of input's shape, floating point
        Class indices in [0, C), or class probabilities.
    gamma : float or array-like of shape (C,), default=2.0
        Focusing parameter, not negative; one for all or one per class.
    alpha : array-like of shape (C,), default=None
        Weight of each class, not negative.
    weight : array-like of shape (N,) or broadcastable to (N, d1, ...), default=None
        Weight of each sample. It never enters the denominator of the mean.
    ignore_index : int, default=-100
        Class index of the targets that count neither in the sum nor in the mean.
    label_smoothing : float in [0, 1], default=0.0
        Share of the target that is spread evenly over all classes.
    reduction : {"none", "sum", "mean"}, default="mean"
        The mean divides by the summed `alpha` of the targets (their number without `alpha`), for
        class probabilities by the number of targets.
    avg_factor : float or Tensor of shape (), default=None
        Divides the sum instead of that, e.g. the number of positives. Needs ``reduction="mean"``.

    Returns
    -------
    Tensor of shape (), or with ``reduction="none"`` (N, d1, ...)

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value. Values on an accelerator and in compiled or
        transformed functions are not inspected, as that would wait for the device.

    References
    ----------
    T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, arXiv:1708.02002.

    Examples
    --------
    >>> logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    >>> focal_loss(logits, torch.tensor([0, 2]), gamma=2.0, alpha=[0.2, 0.3, 0.5])
    tensor(0.6894)
    """
    focus, class_weight = softmax_parameters(gamma, alpha)
    return _softmax_loss(
        input,
        target,
        focus,
        class_weight,
        weight,
        ignore_index,
        label_smoothing,
        reduction,
        avg_factor,
    )


def sigmoid_focal_loss(
    input: Tensor,
    target: Tensor,
    gamma: Values = 2.0,
    alpha: Values | None = None,
    *,
    weight: Values | None = None,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    avg_factor: float | Tensor | None = None,
) -> Tensor:
    r"""Binary focal loss of every logit: two classes, many labels, one versus the rest.

    ``alpha_1 * t * (1-p)**gamma * -log(p) + alpha_0 * (1-t) * p**gamma * -log(1-p)``, with
    ``p = sigmoid(input)``. With ``gamma=0`` and no `alpha` it is
    ``torch.nn.functional.binary_cross_entropy_with_logits``. Exact like `focal_loss`.

    Parameters
    ----------
    input : Tensor of any shape (..., K)
        Logits of the K labels, floating point. float16 and bfloat16 are computed in float32; the
        result has input's dtype, or float32 under autocast.
    target : Tensor of input's shape, in [0, 1]; or integer of shape (...) where K > 1
        Whether, or how probably, each label holds; or the index of the one label that does, K for
        none of them (background).
    gamma : float or array-like of shape (K,), default=2.0
        Focusing parameter, not negative; one for all or one per label.
    alpha : float in [0, 1], or array-like of shape (K,) or (2, K), default=None
        Class weights, not negative. A float is the positives' weight, the negatives get
        1 - alpha. A vector weighs each label, positive or not. Two rows weigh each label's
        negatives (``alpha[0]``) and positives (``alpha[1]``).
    weight : array-like broadcastable to input, or of shape input.shape[:n], default=None
        Weight of each sample or element. It never enters the denominator of the mean.
    label_smoothing : float in [0, 1], default=0.0
        Share of the target that is spread evenly over the two outcomes of a label.
    reduction : {"none", "sum", "mean"}, default="mean"
        The mean divides by the number of elements.
    avg_factor : float or Tensor of shape (), default=None
        Divides the sum instead of that, e.g. the number of positives. Needs ``reduction="mean"``.

    Returns
    -------
    Tensor of shape (), or with ``reduction="none"`` of input's shape

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type, shape or value, as in `focal_loss`.

    References
    ----------
    T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, arXiv:1708.02002.

    Examples
    --------
    >>> logits, labels = torch.tensor([2.0, -1.0, 0.0]), torch.tensor([1.0, 0.0, 1.0])
    >>> sigmoid_focal_loss(logits, labels, gamma=2.0, alpha=0.25)
    tensor(0.0203)
    """
    focus, class_weight = sigmoid_parameters(gamma, alpha)
    return _sigmoid_loss(
        input, target, focus, class_weight, weight, label_smoothing, reduction, avg_factor
    )


class FocalLoss(nn.Module):
    """Softmax focal loss, `focal_loss`, as a module.

    Parameters
    ----------
    gamma : float or array-like of shape (C,), default=2.0
    alpha : array-like of shape (C,), default=None
    ignore_index : int, default=-100
    label_smoothing : float in [0, 1], default=0.0
    reduction : {"none", "sum", "mean"}, default="mean"
        All as in `focal_loss`. `alpha`, and `gamma` if per class, are buffers.

    Examples
    --------
    >>> loss = FocalLoss(gamma=2.0, alpha=[0.2, 0.3, 0.5])
    >>> loss(torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0]]), torch.tensor([0, 2]))
    tensor(0.6894)
    """

    gamma: float | Tensor
    alpha: Tensor | None

    def __init__(
        self,
        gamma: Values = 2.0,
        alpha: Values | None = None,
        *,
        ignore_index: int = -100,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        check_options(reduction, None, label_smoothing)
        checked_gamma, checked_alpha = softmax_parameters(gamma, alpha)
        _keep(self, "gamma", checked_gamma, gamma)
        _keep(self, "alpha", checked_alpha, alpha)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.reduction = reduction

    def forward(
        self,
        input: Tensor,
        target: Tensor,
        weight: Values | None = None,
        avg_factor: float | Tensor | None = None,
    ) -> Tensor:
        """Return the loss of the logits; the arguments are those of `focal_loss`."""
        return _softmax_loss(
            input,
            target,
            self.gamma,
            self.alpha,
            weight,
            self.ignore_index,
            self.label_smoothing,
            self.reduction,
            avg_factor,
        )

    def extra_repr(self) -> str:
        """Return the parameters as text."""
        return _describe(self, "gamma", "alpha", "ignore_index", "label_smoothing", "reduction")


class SigmoidFocalLoss(nn.Module):
    """Binary focal loss of every logit, `sigmoid_focal_loss`, as a module.

    Parameters
    ----------
    gamma : float or array-like of shape (K,), default=2.0
    alpha : float in [0, 1], or array-like of shape (K,) or (2, K), default=None
    label_smoothing : float in [0, 1], default=0.0
    reduction : {"none", "sum", "mean"}, default="mean"
        All as in `sigmoid_focal_loss`. Arrays are buffers.

    Examples
    --------
    >>> loss = SigmoidFocalLoss(gamma=2.0, alpha=0.25)
    >>> loss(torch.tensor([2.0, -1.0, 0.0]), torch.tensor([1.0, 0.0, 1.0]))
    tensor(0.0203)
    """

    gamma: float | Tensor
    alpha: float | Tensor | None

    def __init__(
        self,
        gamma: Values = 2.0,
        alpha: Values | None = None,
        *,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        check_options(reduction, None, label_smoothing)
        checked_gamma, checked_alpha = sigmoid_parameters(gamma, alpha)
        _keep(self, "gamma", checked_gamma, gamma)
        _keep(self, "alpha", checked_alpha, alpha)
        self.label_smoothing = label_smoothing
        self.reduction = reduction

    def forward(
        self,
        input: Tensor,
        target: Tensor,
        weight: Values | None = None,
        avg_factor: float | Tensor | None = None,
    ) -> Tensor:
        """Return the loss of the logits; the arguments are those of `sigmoid_focal_loss`."""
        return _sigmoid_loss(
            input,
            target,
            self.gamma,
            self.alpha,
            weight,
            self.label_smoothing,
            self.reduction,
            avg_factor,
        )

    def extra_repr(self) -> str:
        """Return the parameters as text."""
        return _describe(self, "gamma", "alpha", "label_smoothing", "reduction")


class OneVersusRestLoss(SigmoidFocalLoss):
    """One sigmoid per class where a sample has one class, whose alpha weighs all its terms.

    The net is then that of samples drawn under the class weights, as with a softmax.
    """

    def forward(
        self,
        input: Tensor,
        target: Tensor,
        weight: Values | None = None,
        avg_factor: float | Tensor | None = None,
    ) -> Tensor:
        """Loss of logits (B, K) for class indices (B,)."""
        if isinstance(self.alpha, Tensor):
            chosen = self.alpha.to(input.dtype)[target]
            weight = chosen if weight is None else torch.as_tensor(weight) * chosen
        return sigmoid_focal_loss(
            input,
            target,
            self.gamma,
            weight=weight,
            label_smoothing=self.label_smoothing,
            avg_factor=avg_factor,
        )


def _keep(module: nn.Module, name: str, value: float | Tensor | None, given: object) -> None:
    """Store a checked parameter; arrays become buffers, in torch's dtype unless tensors."""
    if isinstance(value, Tensor):
        dtype = value.dtype if isinstance(given, Tensor) else torch.get_default_dtype()
        module.register_buffer(name, value.detach().to(dtype, copy=True))
    else:
        setattr(module, name, value)


def _describe(module: nn.Module, *names: str) -> str:
    values = ((name, getattr(module, name)) for name in names)
    return ", ".join(f"{n}={v.tolist() if isinstance(v, Tensor) else v!r}" for n, v in values)


# With gamma and alpha checked, once only by the modules -------------------------------------------


def _softmax_loss(
    input: Tensor,
    target: Tensor,
    gamma: float | Tensor,
    alpha: Tensor | None,
    weight: Values | None,
    ignore_index: int,
    label_smoothing: float,
    reduction: Reduction,
    avg_factor: float | Tensor | None,
) -> Tensor:
    check_options(reduction, avg_factor, label_smoothing)
    check_ignore_index(ignore_index)
    dtype, input = working_dtype(input)
    dim = check_softmax_shapes(input, target)
    n_classes = input.shape[dim]
    gamma = fit_to("gamma", gamma, n_classes, input)
    alpha = fit_to("alpha", alpha, n_classes, input)
    each = None if weight is None else spread_weight(weight, input.select(dim, 0))

    # What a target adds to the denominator of the mean, and whether it counts at all.
    counted: Tensor | None = None
    valid: Tensor | None = None
    dense: Tensor | None = None
    if target.is_floating_point():
        check_probabilities(target, ignore_index)
        dense = target.to(input.dtype)
    else:
        target, valid = mask_ignored(target.long(), n_classes, ignore_index)
        counted = None if alpha is None else alpha[target]
        if valid is not None:
            counted = valid.to(input.dtype) if counted is None else counted.where(valid, 0)
        if label_smoothing > 0:
            dense = torch.zeros_like(input).scatter(dim, target.unsqueeze(dim), 1.0)

    n_targets = input.numel() // max(n_classes, 1)
    denominator = _denominator(reduction, n_targets, counted, avg_factor)
    if dense is not None:
        dense = dense * (1 - label_smoothing) + label_smoothing / n_classes
        loss = _dense_loss(input, dense, gamma, alpha, dim)
        loss = loss if each is None else weigh(each, loss)
    else:
        focus = _pick(gamma, target)
        factor = counted if each is None else each if counted is None else counted * each
        if valid is None:
            return softmax_focal(input, target, focus, dim, factor, denominator).to(dtype)
        loss = softmax_focal(input, target, focus, dim, factor)
    # Without targets that count, the sum is divided by 0; their gradient is 0 nevertheless.
    loss = loss if valid is None else loss.where(valid, 0)
    return total(loss, denominator).to(dtype)


def _sigmoid_loss(
    input: Tensor,
    target: Tensor,
    gamma: float | Tensor,
    alpha: float | Tensor | None,
    weight: Values | None,
    label_smoothing: float,
    reduction: Reduction,
    avg_factor: float | Tensor | None,
) -> Tensor:
    check_options(reduction, avg_factor, label_smoothing)
    dtype, input = working_dtype(input)
    n_labels = input.shape[-1] if input.dim() else 1
    target = binary_target(input, target)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / 2
    gamma = fit_to("gamma", gamma, n_labels, input)
    alpha = fit_to("alpha", alpha, n_labels, input)
    denominator = _denominator(reduction, input.numel(), None, avg_factor)
    at_once = denominator if weight is None else None
    if alpha is None:
        loss = sigmoid_focal(input, target, gamma, at_once)
    else:
        negative, positive = outcome_weights(alpha)
        weights = target * positive, (1 - target) * negative
        loss = weighted_sigmoid_focal(input, *weights, gamma, at_once)
    if weight is not None:
        loss = total(weigh(spread_weight(weight, loss), loss), denominator)
    return loss.to(dtype)


def _pick(parameter: float | Tensor, target: Tensor) -> float | Tensor:
    vector = isinstance(parameter, Tensor) and parameter.dim() > 0
    return parameter[target] if vector else parameter  # type: ignore[index]


def _dense_loss(
    input: Tensor,
    target: Tensor,
    gamma: float | Tensor,
    alpha: Tensor | None,
    dim: int,
) -> Tensor:
    """Softmax focal loss of class probabilities."""

    def along_dim(vector: Tensor) -> Tensor:
        return vector.view(-1, *(1 for _ in range(input.dim() - dim - 1)))

    target = target if alpha is None else target * along_dim(alpha)
    gamma = along_dim(gamma) if isinstance(gamma, Tensor) else gamma
    margins = class_margins(input, dim)
    return dense_focal(margins, target, gamma).sum(dim)


def _denominator(
    reduction: Reduction, n_targets: int, counted: Tensor | None, avg_factor: float | Tensor | None
) -> float | Tensor | None:
    """Return what the sum of the losses is divided by, None for no sum at all."""
    if reduction == "none":
        return None
    if reduction == "sum":
        return 1.0
    if avg_factor is not None:
        return avg_factor
    return float(n_targets) if counted is None else counted.sum()
