"""Focal loss on logits: exact at every margin, twice differentiable, over any leading axes.

Every focal loss here is one function of one number per target, the margin ``m`` of its logit over
the others. With ``p = sigmoid(m)`` the target's probability and ``u = sigmoid(-m)`` the rest::

    loss(m) = u ** gamma * -log(p)
    slope(m) = -dloss/dm = u ** gamma * (u + gamma * p * -log(p))

``1 - p`` is never computed and both terms of the slope are positive, so nothing ever cancels.

`softmax_focal`, `sigmoid_focal` and `class_margins` are the elementwise core, unchecked and
unweighted; `focal_loss` and `sigmoid_focal_loss` add checks, weights and reductions; the modules
hold parameters.

References
----------
T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal Loss for Dense Object Detection",
ICCV 2017, arXiv:1708.02002.
"""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["FocalLoss", "SigmoidFocalLoss", "focal_loss", "sigmoid_focal_loss"]

Values: TypeAlias = float | Sequence[float] | Sequence[Sequence[float]] | Tensor
"""A number, or an array-like (list, NumPy array, tensor) of them."""


# The elementwise core ----------------------------------------------------------------------------


def softmax_focal(input: Tensor, target: Tensor, gamma: float | Tensor, dim: int = -1) -> Tensor:
    """Unweighted softmax focal loss of every target, with its gradient in closed form.

    Parameters
    ----------
    input : Tensor of shape (..., C, ...), float32 or float64
        Logits, the classes on `dim`.
    target : Tensor of int64, broadcastable to input's shape without `dim`
        Class indices in [0, C).
    gamma : float or Tensor broadcastable to the target's shape
        Focusing parameter, already gathered where it differs by class.
    dim : int, default=-1
        The axis of the classes.

    Returns
    -------
    Tensor of input's shape without `dim`
    """
    target = target.expand(input.shape[:dim] + input.shape[dim:][1:])
    return _differentiable(_softmax_terms, dim, input, target, gamma)


def sigmoid_focal(input: Tensor, target: Tensor, gamma: float | Tensor) -> Tensor:
    """Unweighted binary focal loss of every logit, with its gradient in closed form.

    Parameters
    ----------
    input : Tensor of any shape, float32 or float64
        Logits of the positive outcome.
    target : Tensor of input's dtype in [0, 1], broadcastable to input
        Probability of the positive outcome.
    gamma : float or Tensor broadcastable to input

    Returns
    -------
    Tensor of input's shape
    """
    return _differentiable(_sigmoid_terms, None, input, target, 1 - target, gamma)


def class_margins(input: Tensor, dim: int = -1) -> Tensor:
    """Margin of every class, ``input[k] - logsumexp(input[j] for j != k)``, exact at any size.

    Parameters
    ----------
    input : Tensor of shape (..., C, ...), float32 or float64
        Logits, the classes on `dim`.
    dim : int, default=-1
        The axis of the classes.

    Returns
    -------
    Tensor of input's shape
        ``sigmoid`` of it is the softmax of `input`.

    Examples
    --------
    >>> class_margins(torch.tensor([3.0, 1.0]))
    tensor([ 2., -2.])
    """
    input = input.movedim(dim, 0)
    _, index = input.max(0)  # three times as fast as argmax
    largest, log_total, _ = _softmax(input)
    # All but the largest class have p <= 1/2, where log(p) - log(1 - p) is safe. The largest one is
    # parked at p = 1/2 so that its unused branch stays finite backwards, then gets its own sum.
    log_p = _put(input - largest - log_total, index, -math.log(2))
    margins = log_p - torch.log1p(-log_p.exp())
    own, _ = _margin(input, index)
    return margins.scatter(0, index.unsqueeze(0), own.unsqueeze(0)).movedim(0, dim)


# From here on the classes come first and the rest is contiguous: with few classes, operations along
# the last axis take three times as long.


def _softmax(input: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the largest logit, the log-sum-exp over it, and the softmax; infinities are fine."""
    limits = torch.finfo(input.dtype)
    largest = input.detach().amax(0)
    finite = input.clamp(limits.min, limits.max)
    shares = finite.softmax(0)
    if torch.is_grad_enabled():
        shifted = finite - largest.clamp(limits.min, limits.max)
        return largest, shifted.logsumexp(0), shares
    # The same without another round of exponentials, but not differentiable where logits tie.
    return largest, -shares.amax(0).log(), shares


def _put(input: Tensor, index: Tensor, value: float) -> Tensor:
    return input.scatter(0, index.unsqueeze(0), value)


def _margin(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the margin of the target class and minus its gradient in the logits."""
    own = input.gather(0, target.unsqueeze(0)).squeeze(0)
    largest, log_total, shares = _softmax(_put(input, target, -math.inf))
    return own - largest - log_total, _put(shares, target, -1.0)


def _curve(margin: Tensor, gamma: float | Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of a margin and minus its derivative."""
    return _curve_of(F.logsigmoid(margin), margin.sigmoid(), (-margin).sigmoid(), gamma)


def _curve_of(log_p: Tensor, p: Tensor, u: Tensor, gamma: float | Tensor) -> tuple[Tensor, Tensor]:
    limits = torch.finfo(u.dtype)
    # Clamped, so that 0 ** (gamma - 1) and 0 * log(0) do not turn up as NaN, backwards included.
    power = u.clamp(min=limits.tiny).pow(gamma)
    rise = gamma * p * log_p.clamp(min=limits.min)
    return -power * log_p, power * (u - rise)


def _softmax_terms(
    dim: int, input: Tensor, target: Tensor, gamma: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Return the loss of every target and its gradient in the logits."""
    if input.shape[dim] == 2:  # the margin is a difference: half the time
        first, second = input.unbind(dim)
        sign = (2 * target - 1).to(input.dtype)
        loss, slope = _curve((second - first) * sign, gamma)
        slope = slope * sign
        return loss, torch.stack((slope, -slope), dim)
    margin, direction = _margin(input.movedim(dim, 0).contiguous(), target)
    loss, slope = _curve(margin, gamma)
    return loss, (slope * direction).movedim(0, dim)


def _margin_terms(
    dim: None, margin: Tensor, weight: Tensor, gamma: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Return the loss of every margin times its weight and its gradient in the margin."""
    loss, slope = _curve(margin, gamma)
    return _weigh(weight, loss), -weight * slope


def _sigmoid_terms(
    dim: None, input: Tensor, positive: Tensor, negative: Tensor, gamma: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Return the loss under the weights of the two outcomes and its gradient in the logits."""
    p, u = input.sigmoid(), (-input).sigmoid()
    hit, up = _curve_of(F.logsigmoid(input), p, u, gamma)
    miss, down = _curve_of(F.logsigmoid(-input), u, p, gamma)
    loss = _weigh(positive, hit) + _weigh(negative, miss)
    return loss, negative * down - positive * up


def _weigh(weight: Tensor, loss: Tensor) -> Tensor:
    """Return the product, 0 where the weight is even if the loss is infinite."""
    return weight * loss.where(weight != 0, 0)


class _ClosedForm(torch.autograd.Function):
    """A loss whose gradient is known: ``terms(dim, input, *args)`` returns both.

    The gradient has input's shape, the loss that shape without `dim` (unless None).
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(terms: Any, dim: int | None, input: Tensor, *args: Any) -> tuple[Tensor, Tensor]:
        loss, gradient = terms(dim, input, *args)
        return loss, gradient

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.terms, ctx.dim, *args = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.constants = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(output[1], *(a if isinstance(a, Tensor) else None for a in args))

    @staticmethod
    def backward(ctx: Any, upstream: Tensor, _: None) -> tuple[Tensor | None, ...]:
        gradient, *saved = ctx.saved_tensors
        nothing = [None for _ in saved[1:]]
        if upstream is None:
            return None, None, None, *nothing
        if torch.is_grad_enabled():  # a second derivative is wanted: write the gradient on the tape
            args = (c if s is None else s for s, c in zip(saved, ctx.constants, strict=True))
            _, gradient = ctx.terms(ctx.dim, *args)
        if ctx.dim is not None:
            upstream = upstream.unsqueeze(ctx.dim)
        return None, None, upstream * gradient, *nothing


def _differentiable(terms: Any, dim: int | None, input: Tensor, *args: Any) -> Tensor:
    if any(isinstance(a, Tensor) and a.requires_grad for a in args):
        loss, _ = terms(dim, input, *args)  # plain autograd reaches the other arguments as well
    elif _traced():
        loss, _ = _ClosedForm.apply(terms, dim, input, *args)
    else:  # without inspecting the signature of forward, which takes longer than a small loss
        loss, _ = super(torch.autograd.Function, _ClosedForm).apply(terms, dim, input, *args)
    return loss


def _traced() -> bool:
    """Whether a compiler or a function transform is looking on."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()


# The losses --------------------------------------------------------------------------------------


def focal_loss(
    input: Tensor,
    target: Tensor,
    gamma: Values = 2.0,
    alpha: Values | None = None,
    *,
    weight: Values | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
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
    _check_options(reduction, avg_factor, label_smoothing)
    focus, class_weight = _softmax_parameters(gamma, alpha)
    dtype, input = _working_dtype(input)
    dim = _check_softmax_shapes(input, target)
    n_classes = input.shape[dim]
    focus = _fit("gamma", focus, n_classes, input)
    class_weight = _fit("alpha", class_weight, n_classes, input)

    # What a target adds to the denominator of the mean, and whether it counts at all.
    counted: Tensor | None = None
    valid: Tensor | None = None
    dense: Tensor | None = None
    if target.is_floating_point():
        _check_probabilities(target, ignore_index)
        dense = target.to(input.dtype)
    else:
        target, valid = _mask_ignored(target.long(), n_classes, ignore_index)
        counted = None if class_weight is None else class_weight[target]
        if label_smoothing > 0:
            dense = torch.zeros_like(input).scatter(dim, target.unsqueeze(dim), 1.0)

    if dense is None:
        loss = softmax_focal(input, target, _pick(focus, target), dim)
        loss = loss if counted is None else _weigh(counted, loss)
    else:
        dense = dense * (1 - label_smoothing) + label_smoothing / n_classes
        loss = _dense_loss(input, dense, focus, class_weight, dim)
    if valid is not None:
        loss = loss.where(valid, 0)
        counted = valid.to(loss.dtype) if counted is None else counted.where(valid, 0)
    return _reduce(loss, weight, reduction, counted, avg_factor).to(dtype)


def sigmoid_focal_loss(
    input: Tensor,
    target: Tensor,
    gamma: Values = 2.0,
    alpha: Values | None = None,
    *,
    weight: Values | None = None,
    reduction: str = "mean",
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
    _check_options(reduction, avg_factor)
    focus, class_weight = _sigmoid_parameters(gamma, alpha)
    dtype, input = _working_dtype(input)
    n_labels = input.shape[-1] if input.dim() else 1
    target = _binary_target(input, target)
    focus = _fit("gamma", focus, n_labels, input)
    class_weight = _fit("alpha", class_weight, n_labels, input)
    if class_weight is None:
        loss = sigmoid_focal(input, target, focus)
    else:
        negative, positive = outcome_weights(class_weight)
        weights = target * positive, (1 - target) * negative
        loss = _differentiable(_sigmoid_terms, None, input, *weights, focus)
    return _reduce(loss, weight, reduction, None, avg_factor).to(dtype)


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
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        _check_options(reduction, None, label_smoothing)
        checked_gamma, checked_alpha = _softmax_parameters(gamma, alpha)
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
        return focal_loss(
            input,
            target,
            self.gamma,
            self.alpha,
            weight=weight,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
            avg_factor=avg_factor,
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
        self, gamma: Values = 2.0, alpha: Values | None = None, *, reduction: str = "mean"
    ) -> None:
        super().__init__()
        _check_options(reduction, None)
        checked_gamma, checked_alpha = _sigmoid_parameters(gamma, alpha)
        _keep(self, "gamma", checked_gamma, gamma)
        _keep(self, "alpha", checked_alpha, alpha)
        self.reduction = reduction

    def forward(
        self,
        input: Tensor,
        target: Tensor,
        weight: Values | None = None,
        avg_factor: float | Tensor | None = None,
    ) -> Tensor:
        """Return the loss of the logits; the arguments are those of `sigmoid_focal_loss`."""
        return sigmoid_focal_loss(
            input,
            target,
            self.gamma,
            self.alpha,
            weight=weight,
            reduction=self.reduction,
            avg_factor=avg_factor,
        )

    def extra_repr(self) -> str:
        """Return the parameters as text."""
        return _describe(self, "gamma", "alpha", "reduction")


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


# Steps shared by the losses ----------------------------------------------------------------------


def _working_dtype(input: Tensor) -> tuple[torch.dtype, Tensor]:
    """Return the dtype of the result, and the input in float32 or float64."""
    if not isinstance(input, Tensor) or not input.is_floating_point():
        raise TypeError(f"input must be a tensor of floating-point logits, got {_kind(input)}.")
    if input.dtype in (torch.float32, torch.float64):
        return input.dtype, input
    autocast = torch.is_autocast_enabled(input.device.type)
    return torch.float32 if autocast else input.dtype, input.float()


def _pick(parameter: float | Tensor, target: Tensor) -> float | Tensor:
    vector = isinstance(parameter, Tensor) and parameter.dim() > 0
    return parameter[target] if vector else parameter  # type: ignore[index]


def _dense_loss(
    input: Tensor, target: Tensor, gamma: float | Tensor, alpha: Tensor | None, dim: int
) -> Tensor:
    """Softmax focal loss of class probabilities."""

    def along_dim(vector: Tensor) -> Tensor:
        return vector.view(-1, *(1 for _ in range(input.dim() - dim - 1)))

    target = target if alpha is None else target * along_dim(alpha)
    gamma = along_dim(gamma) if isinstance(gamma, Tensor) else gamma
    margins = class_margins(input, dim)
    return _differentiable(_margin_terms, None, margins, target, gamma).sum(dim)


def outcome_weights(alpha: Any) -> tuple[Any, Any]:
    """Return the negatives' and the positives' weights behind a sigmoid loss's `alpha`."""
    if not isinstance(alpha, Tensor) or alpha.dim() == 0:
        return 1 - alpha, alpha
    return (alpha[0], alpha[1]) if alpha.dim() > 1 else (alpha, alpha)


def _mask_ignored(
    target: Tensor, n_classes: int, ignore_index: int
) -> tuple[Tensor, Tensor | None]:
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


def _binary_target(input: Tensor, target: Tensor) -> Tensor:
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


def _spread(weight: Values, loss: Tensor) -> Tensor:
    """Return weights that broadcast to the loss: one per sample spreads over what follows."""
    weight = _as_tensor("weight", weight).to(loss.device, loss.dtype)
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


def _reduce(
    loss: Tensor,
    weight: Values | None,
    reduction: str,
    counted: Tensor | None,
    avg_factor: float | Tensor | None,
) -> Tensor:
    if weight is not None:
        loss = loss * _spread(weight, loss)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    if avg_factor is not None:
        return loss.sum() / avg_factor
    return loss.mean() if counted is None else loss.sum() / counted.sum()


# Checks ------------------------------------------------------------------------------------------


def _kind(value: object) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else f"{value!r}"


def _readable(value: Tensor) -> bool:
    """Whether values can be looked at without waiting for a device or breaking a trace."""
    return value.device.type == "cpu" and not _traced()


def _check_range(name: str, value: Tensor, high: float) -> None:
    if value.numel() > 0 and _readable(value):
        least, most = (x.item() for x in value.aminmax())
        if not (0 <= least <= most <= high and most < math.inf):  # not (...): NaN fails as well
            allowed = f"in [0, {high}]" if high < math.inf else "finite and not negative"
            raise ValueError(f"{name} must be {allowed}, got values from {least} to {most}.")


def _check_options(
    reduction: str, avg_factor: float | Tensor | None, label_smoothing: float = 0.0
) -> None:
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction must be 'none', 'sum' or 'mean', got {reduction!r}.")
    if avg_factor is not None and reduction != "mean":
        raise ValueError(f"avg_factor needs reduction='mean', got reduction={reduction!r}.")
    if isinstance(avg_factor, Real) and not avg_factor > 0:
        raise ValueError(f"avg_factor must be positive, got {avg_factor!r}.")
    if not isinstance(label_smoothing, Real) or not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be a float in [0, 1], got {label_smoothing!r}.")


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


def _softmax_parameters(
    gamma: Values, alpha: Values | None
) -> tuple[float | Tensor, Tensor | None]:
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
    return _check_gamma(gamma), value


def _sigmoid_parameters(
    gamma: Values, alpha: Values | None
) -> tuple[float | Tensor, float | Tensor | None]:
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


def _fit(name: str, value: Any, n_classes: int, input: Tensor) -> Any:
    """Return a parameter in the input's dtype and place, one entry per class."""
    if not isinstance(value, Tensor):
        return value
    if value.dim() > 0 and value.shape[-1] != n_classes:
        raise ValueError(
            f"{name} must have {n_classes} entries, one per class, got shape {tuple(value.shape)}."
        )
    return value.to(input.device, input.dtype)


def _check_softmax_shapes(input: Tensor, target: Tensor) -> int:
    """Return the axis of the classes, once the two shapes are known to fit."""
    if not isinstance(target, Tensor) or target.is_complex() or target.dtype == torch.bool:
        raise TypeError(
            f"target must be a tensor of class indices or probabilities, got {_kind(target)}."
        )
    if input.dim() == 0:
        raise ValueError("input must have an axis for the classes, got a scalar.")
    dim = min(input.dim() - 1, 1)
    indices = input.shape[:dim] + input.shape[dim + 1 :]
    dense = target.is_floating_point()
    if target.shape != (input.shape if dense else indices):
        what = "class probabilities" if dense else "class indices"
        raise ValueError(
            f"target must have shape {tuple(input.shape if dense else indices)} to be {what} "
            f"of input of shape {tuple(input.shape)}, got {tuple(target.shape)} of {target.dtype}."
        )
    return dim


def _check_probabilities(target: Tensor, ignore_index: int) -> None:
    if ignore_index >= 0:
        raise ValueError(f"ignore_index needs class indices as target, got {ignore_index}.")
    _check_range("target", target, 1)
