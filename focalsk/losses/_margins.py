"""Focal loss as a function of margins: exact everywhere, twice differentiable, any leading axes.

Every focal loss is one function of one number per target, the margin ``m`` of its logit over the
others. With ``p = sigmoid(m)`` the target's probability and ``u = sigmoid(-m)`` the rest::

    loss(m) = u ** gamma * -log(p)
    slope(m) = -dloss/dm = u ** gamma * (u + gamma * p * -log(p))

``1 - p`` is never computed and both terms of the slope are positive, so nothing ever cancels.
Nothing is checked, weighted or reduced here: see `focalsk.losses._losses`.

References
----------
T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal Loss for Dense Object Detection",
ICCV 2017, arXiv:1708.02002.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from focalsk._compat._torch import apply_directly, is_functorch_active

__all__ = [
    "class_margins",
    "dense_focal",
    "sigmoid_focal",
    "softmax_focal",
    "weighted_sigmoid_focal",
]

_QUICK_POWERS = (0.0, 0.5, 1.0, 2.0, 3.0)  # those that torch's pow multiplies out


def softmax_focal(
    input: Tensor,
    target: Tensor,
    gamma: float | Tensor,
    dim: int = -1,
    weight: Tensor | None = None,
    denominator: float | Tensor | None = None,
) -> Tensor:
    """Softmax focal loss of every target, or their sum, with its gradient in closed form.

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
    weight : Tensor broadcastable to the target's shape, default=None
        Factor of every loss; where it is 0, the loss is 0 even if it was infinite.
    denominator : float or Tensor of shape (), default=None
        What the sum of the losses is divided by; by default they are not summed.

    Returns
    -------
    Tensor of input's shape without `dim`, or of shape () with a denominator
    """
    if target.numel() * input.shape[dim] != input.numel():
        target = target.expand(input.shape[:dim] + input.shape[dim:][1:])
    return _differentiable(_softmax_terms, dim, denominator, input, target, gamma, weight)


def softmax_focal_gradient(
    input: Tensor,
    target: Tensor,
    gamma: float | Tensor,
    weight: Tensor | None = None,
    dim: int = -1,
) -> tuple[Tensor, Tensor]:
    """Return what `softmax_focal` does, and its gradient in the logits, off autograd's tape."""
    lean = _lean_softmax(dim, input, target, gamma, weight) if input.device.type == "cpu" else None
    if lean is None:
        return _softmax_terms(dim, input, target, gamma, weight)
    loss, factor, slope = lean  # the signs of two classes are everybody's
    return loss, factor * slope if input.shape[dim] == 2 else factor.mul_(slope)


def dense_focal_gradient(
    input: Tensor, weight: Tensor, gamma: float | Tensor, dim: int = -1
) -> tuple[Tensor, Tensor]:
    """Softmax focal loss of weighted classes and its gradient in the logits, off autograd's tape.

    With ``r_k = weight_k * u_k ** gamma * (1 + gamma * p_k * -log(p_k) / u_k)``, which is the
    slope of a margin over ``u_k = 1 - p_k``, the gradient of ``sum_k weight_k * loss(m_k)`` is
    ``p_j * sum_k r_k - r_j``: cross-entropy's, with `r` for the weights.

    Parameters
    ----------
    input : Tensor of shape (..., C, ...), float32 or float64
        Logits, the classes on `dim`.
    weight : Tensor broadcastable to input
        Class weight times class probability, smoothed or not.
    gamma : float or Tensor broadcastable to input
    dim : int, default=-1
        The axis of the classes.

    Returns
    -------
    loss : Tensor of input's shape without `dim`
    gradient : Tensor of input's shape
    """
    if isinstance(gamma, float) and gamma == 0:
        log_p = input.log_softmax(dim)
        p, loss, pull = log_p.exp(), weigh(weight, log_p).neg_(), weight
    else:
        margin = class_margins(input, dim)
        p, u = margin.sigmoid(), (-margin).sigmoid()
        # Beyond 40, -log(p) / u is 1 to double precision but computed as 0 / 0.
        ratio = -F.logsigmoid(margin.clamp(max=40)) / (-margin).clamp(min=-40).sigmoid()
        power = _power(margin, u, gamma)
        loss = weigh(weight, power * -F.logsigmoid(margin))
        pull = weight * power * (1 + gamma * p * ratio)
    return loss.sum(dim), p * pull.sum(dim, keepdim=True) - pull


def sigmoid_focal_gradient(
    input: Tensor, positive: Tensor, negative: Tensor, gamma: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Return what `weighted_sigmoid_focal` does, and its gradient, off autograd's tape."""
    args = (None, input, positive, negative, gamma)
    lean = _lean_sigmoid(*args) if input.device.type == "cpu" else None
    return _sigmoid_terms(*args) if lean is None else lean


def sigmoid_focal(
    input: Tensor,
    target: Tensor,
    gamma: float | Tensor,
    denominator: float | Tensor | None = None,
) -> Tensor:
    """Unweighted binary focal loss of every logit, or their sum, with its gradient in closed form.

    Parameters
    ----------
    input : Tensor of any shape, float32 or float64
        Logits of the positive outcome.
    target : Tensor of input's dtype in [0, 1], broadcastable to input
        Probability of the positive outcome.
    gamma : float or Tensor broadcastable to input
    denominator : float or Tensor of shape (), default=None
        What the sum of the losses is divided by; by default they are not summed.

    Returns
    -------
    Tensor of input's shape, or of shape () with a denominator
    """
    return weighted_sigmoid_focal(input, target, 1 - target, gamma, denominator)


def weighted_sigmoid_focal(
    input: Tensor,
    positive: Tensor,
    negative: Tensor,
    gamma: float | Tensor,
    denominator: float | Tensor | None = None,
) -> Tensor:
    """`sigmoid_focal` with a weight of input's shape for each outcome instead of a target."""
    return _differentiable(_sigmoid_terms, None, denominator, input, positive, negative, gamma)


def dense_focal(margin: Tensor, weight: Tensor, gamma: float | Tensor) -> Tensor:
    """Focal loss of every margin times a weight of its shape."""
    return _differentiable(_margin_terms, None, None, margin, weight, gamma)


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
    limits = torch.finfo(input.dtype)
    _, index = input.max(dim, keepdim=True)  # three times as fast as argmax
    largest = input.detach().gather(dim, index)
    finite = input.clamp(limits.min, limits.max) - largest.clamp(limits.min, limits.max)
    log_p = input - largest - finite.exp().sum(dim, keepdim=True).log()
    # All but the largest class have p <= 1/2, where log(p) - log(1 - p) is safe. The largest one is
    # parked at p = 1/2 so that its unused branch stays finite backwards, then gets its own sum.
    log_p = log_p.scatter(dim, index, -math.log(2))
    margins = log_p - torch.log1p(-log_p.exp())
    own, _, _ = _against_others(input, index, dim)
    return margins.scatter(dim, index, own)


def _against_others(input: Tensor, index: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the margin of one class over the others, and the others' softmax as a fraction.

    That is ``powers / total``, where `powers` has input's shape and is 0 at `index`.
    """
    limits = torch.finfo(input.dtype)
    others = input.scatter(dim, index, -math.inf)
    largest = others.detach().amax(dim, keepdim=True)
    # Infinite logits must not meet as inf - inf; those that reach an infinite largest one count 1.
    shifted = others - largest.clamp(limits.min, limits.max)
    # Not clamp, whose gradient where both are the same is 1 up to torch 2.13 and 0 from 2.14 on.
    powers = shifted.masked_fill(shifted > 0, 0.0).exp()
    total = powers.sum(dim, keepdim=True).clamp(min=limits.tiny)  # 0 if all others are -inf
    return input.gather(dim, index) - largest - total.log(), powers, total


def _curve(margin: Tensor, gamma: float | Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of a margin and minus its derivative."""
    log_p, p, u = F.logsigmoid(margin), margin.sigmoid(), (-margin).sigmoid()
    return _curve_of(log_p, p, u, _power(margin, u, gamma), gamma)


def _power(margin: Tensor, u: Tensor, gamma: float | Tensor) -> Tensor:
    """Return ``u ** gamma`` for ``u = sigmoid(-margin)``."""
    if isinstance(gamma, float) and gamma in _QUICK_POWERS:
        # Clamped, so that 0 ** (gamma - 1) does not turn up as infinity backwards.
        return u.clamp(min=torch.finfo(u.dtype).tiny).pow(gamma)
    log_u = F.logsigmoid(-margin).clamp(min=torch.finfo(u.dtype).min)  # 0 * -inf is not 0
    return (gamma * log_u).exp()


def _curve_of(
    log_p: Tensor, p: Tensor, u: Tensor, power: Tensor, gamma: float | Tensor
) -> tuple[Tensor, Tensor]:
    # Clamped, so that 0 * log(0) is not NaN, backwards included.
    rise = gamma * p * log_p.clamp(min=torch.finfo(u.dtype).min)
    return -power * log_p, power * (u - rise)


def _softmax_terms(
    dim: int, input: Tensor, target: Tensor, gamma: float | Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the loss of every target times its weight and its gradient in the logits."""
    loss, gradient = _plain_softmax_terms(dim, input, target, gamma)
    if weight is None:
        return loss, gradient
    return weigh(weight, loss), weight.expand_as(loss).unsqueeze(dim) * gradient


def _plain_softmax_terms(
    dim: int, input: Tensor, target: Tensor, gamma: float | Tensor
) -> tuple[Tensor, Tensor]:
    if input.shape[dim] == 2:  # the margin is a difference: half the time
        first, second = input.unbind(dim)
        sign = (2 * target - 1).to(input.dtype)
        loss, slope = _curve((second - first) * sign, gamma)
        slope = slope * sign
        return loss, torch.stack((slope, -slope), dim)
    if dim in (-1, input.dim() - 1) and input.dim() > 1:
        # With few classes, operations along the last axis take three times as long.
        loss, gradient = _plain_softmax_terms(0, input.movedim(dim, 0).contiguous(), target, gamma)
        return loss, gradient.movedim(0, dim)
    index = target.unsqueeze(dim)
    margin, powers, total = _against_others(input, index, dim)
    loss, slope = _curve(margin.squeeze(dim), gamma)
    slope = slope.unsqueeze(dim)
    return loss, (powers * (slope / total)).scatter(dim, index, -slope)


def _margin_terms(
    dim: None, margin: Tensor, weight: Tensor, gamma: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Return the loss of every margin times its weight and its gradient in the margin."""
    loss, slope = _curve(margin, gamma)
    return weigh(weight, loss), -weight * slope


def _sigmoid_terms(
    dim: None, input: Tensor, positive: Tensor, negative: Tensor, gamma: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Return the loss under the weights of the two outcomes and its gradient in the logits."""
    p, u = input.sigmoid(), (-input).sigmoid()
    hit, up = _curve_of(F.logsigmoid(input), p, u, _power(input, u, gamma), gamma)
    miss, down = _curve_of(F.logsigmoid(-input), u, p, _power(-input, p, gamma), gamma)
    loss = weigh(positive, hit) + weigh(negative, miss)
    return loss, negative * down - positive * up


def weigh(weight: Tensor, loss: Tensor) -> Tensor:
    """Return the product, 0 where the weight is even if the loss is infinite."""
    return weight * loss.where(weight != 0, 0)


# Finite logits on a CPU ---------------------------------------------------------------------------
#
# They can be looked at, and need no guards against infinity: all follows from the odds ``u / p``
# against the target, in few operations and in place. In large batches an operation over all logits
# is what counts, in small ones that there is one more.

_SIGNS = {
    dtype: torch.tensor([2.0, -2.0], dtype=dtype, device="cpu")
    for dtype in (torch.float32, torch.float64)
}
_FAR = {torch.float32: 70.0, torch.float64: 560.0}  # exp(+-_FAR) and its sums are normal numbers


def _reach(input: Tensor) -> float:
    """Return the largest size of a logit; infinity if there is none or one is NaN."""
    if input.numel() == 0:
        return math.inf
    least, most = input.aminmax()
    low, high = least.item(), most.item()
    return max(-low, high) if low <= high else math.inf


def _lean_softmax(
    dim: int, input: Tensor, target: Tensor, gamma: float | Tensor, weight: Tensor | None
) -> tuple[Tensor, ...] | None:
    """Return what `_softmax_terms` does, the gradient as two factors, or None if it is too much.

    The first factor has input's shape, the second one class.
    """
    limits, far, reach = torch.finfo(input.dtype), _FAR[input.dtype], _reach(input)
    near = reach < far / 2
    if reach > limits.max / 4 or input.shape[dim] == 1:
        return None
    if near and input.shape[dim] == 2:
        return _lean_two_classes(dim, input, target, gamma, weight)
    index = target.unsqueeze(dim)
    if near:
        powers = input.exp()
        own = powers.gather(dim, index)
    else:
        powers = input - input.amax(dim, keepdim=True)
        exponent = powers.gather(dim, index)
        own = exponent.clamp(min=-far).exp_()  # where it is less, p is nothing beside u
        powers.exp_()
    others = powers.scatter_(dim, index, torch.zeros_like(own)).sum(dim, keepdim=True)
    if not near:
        others.clamp_(min=limits.tiny)
    powers.scatter_(dim, index, others.neg())
    nll, total = torch.div(others, own).log1p_(), own + others
    if not near:
        nll.sub_(exponent.add_(far).clamp_(max=0))
    if isinstance(gamma, Tensor):
        gamma = gamma.expand_as(target).unsqueeze(dim)
    loss, slope = _lean_curve(nll, own.div_(total), others / total, gamma)
    slope.div_(others)
    if weight is not None:
        weight = weight.expand_as(target).unsqueeze(dim)
        loss, slope = loss.mul_(weight), slope.mul_(weight)
    return loss.squeeze(dim), powers, slope


def _lean_two_classes(
    dim: int, input: Tensor, target: Tensor, gamma: float | Tensor, weight: Tensor | None
) -> tuple[Tensor, ...]:
    """Return what `_lean_softmax` does, from the difference of the logits."""
    first, second = input.unbind(dim)
    half = target.to(input.dtype).sub_(0.5)  # half the sign of the second logit's part
    root = (first - second).mul_(half).exp_()
    odds = root * root
    p = (odds + 1).reciprocal_()
    loss, slope = _lean_curve(odds.log1p(), p, odds.mul_(p), gamma)
    slope.mul_(half)
    if weight is not None:
        loss, slope = loss.mul_(weight), slope.mul_(weight)
    behind = input.dim() - 1 - dim % input.dim()
    signs = _SIGNS[input.dtype].view(2, *[1] * behind) if behind else _SIGNS[input.dtype]
    return loss, signs, slope.unsqueeze(dim)


def _lean_sigmoid(
    dim: None, input: Tensor, positive: Tensor, negative: Tensor, gamma: float | Tensor
) -> tuple[Tensor, Tensor] | None:
    """Return what `_sigmoid_terms` does, or None if the logits are too large."""
    if _reach(input) > _FAR[input.dtype]:
        return None
    odds = input.exp()
    u = (odds + 1).reciprocal_()
    p = odds * u
    hit, up = _lean_curve(odds.reciprocal().log1p_(), p, u, gamma)
    miss, down = _lean_curve(odds.log1p_(), u, p, gamma)
    gradient = down.mul_(negative).sub_(up.mul_(positive))
    return hit.mul_(positive).add_(miss.mul_(negative)), gradient


def _lean_curve(nll: Tensor, p: Tensor, u: Tensor, gamma: float | Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of a margin and minus its derivative."""
    if isinstance(gamma, Tensor):
        power, slope = u.log().mul_(gamma).exp_(), (p * nll).mul_(gamma).add_(u)
    else:
        power = u.pow(gamma) if gamma in _QUICK_POWERS else u.log().mul_(gamma).exp_()
        slope = torch.addcmul(u, p, nll, value=gamma)
    return power * nll, slope.mul_(power)


# Differentiation ----------------------------------------------------------------------------------


class _Eager(torch.autograd.Function):
    """A loss whose gradient is known: ``terms(dim, input, *args)`` returns both.

    The gradient has input's shape, the loss that shape without `dim` (unless None). The sum is
    taken here as well, which in a small batch saves a fifth of the time.
    """

    @staticmethod
    def forward(
        ctx: Any,
        terms: Any,
        dim: int | None,
        denominator: float | Tensor | None,
        input: Tensor,
        *args: Any,
    ) -> Tensor:
        lean = _LEAN.get(terms) if input.device.type == "cpu" else None
        results = lean and lean(dim, input, *args)
        loss, *factors = results or terms(dim, input, *args)
        _remember(ctx, (terms, dim, input, *args), factors)
        ctx.denominator = denominator
        return total(loss, denominator)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        gradient, *slope = _gradient(ctx)
        if ctx.denominator is not None:
            upstream = upstream / ctx.denominator
        elif ctx.dim is not None:
            upstream = upstream.unsqueeze(ctx.dim)
        if slope:
            upstream = upstream * slope[0]
        return None, None, None, gradient * upstream, *(None for _ in ctx.constants)


class _ClosedForm(torch.autograd.Function):
    """The same for compilers and function transforms."""

    generate_vmap_rule = True

    @staticmethod
    def forward(terms: Any, dim: int | None, input: Tensor, *args: Any) -> tuple[Tensor, Tensor]:
        loss, gradient = terms(dim, input, *args)
        return loss, gradient

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        ctx.mark_non_differentiable(output[1])
        _remember(ctx, inputs, output[1:])

    @staticmethod
    def backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = _gradient(ctx)
        if ctx.dim is not None:
            upstream = upstream.unsqueeze(ctx.dim)
        return None, None, upstream * gradient, *(None for _ in ctx.constants)


def _remember(ctx: Any, inputs: tuple[Any, ...], factors: Sequence[Tensor]) -> None:
    ctx.terms, ctx.dim, input, *args = inputs
    ctx.constants = [None if isinstance(a, Tensor) else a for a in args]
    ctx.save_for_backward(input, *(a if isinstance(a, Tensor) else None for a in args), *factors)


def _gradient(ctx: Any) -> Sequence[Tensor]:
    """Return the factors of the gradient, or, for a second derivative, write it on the tape."""
    input, *saved = ctx.saved_tensors
    if not torch.is_grad_enabled():
        return saved[len(ctx.constants) :]
    args = (c if a is None else a for a, c in zip(saved, ctx.constants, strict=False))
    return ctx.terms(ctx.dim, input, *args)[1:]


_LEAN: dict[Any, Any] = {_softmax_terms: _lean_softmax, _sigmoid_terms: _lean_sigmoid}


def _differentiable(
    terms: Any, dim: int | None, denominator: float | Tensor | None, input: Tensor, *args: Any
) -> Tensor:
    if any(isinstance(a, Tensor) and a.requires_grad for a in (denominator, *args)):
        loss, _ = terms(dim, input, *args)  # plain autograd reaches the other arguments as well
        return total(loss, denominator)
    if is_traced():
        loss, _ = _ClosedForm.apply(terms, dim, input, *args)
        return total(loss, denominator)
    # Without inspecting the signature of forward, which takes longer than a small loss.
    return apply_directly(_Eager, terms, dim, denominator, input, *args)


def total(loss: Tensor, denominator: float | Tensor | None) -> Tensor:
    """Return the sum of the losses over the denominator, or the losses themselves if None."""
    return loss if denominator is None else loss.sum() / denominator


def is_traced() -> bool:
    """Whether a compiler or a function transform is looking on."""
    return torch.compiler.is_compiling() or is_functorch_active()
