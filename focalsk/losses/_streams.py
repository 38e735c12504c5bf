"""The softmax focal loss of many nets at once, of which some see the same samples."""

from __future__ import annotations

import torch
from torch import Tensor

from focalsk.losses._margins import _FAR, _QUICK_POWERS, _reach, softmax_focal_gradient

__all__ = ["softmax_focal_streams", "softmax_scratch"]


def softmax_scratch(n_classes: int) -> int:
    """How many values per net and sample `softmax_focal_streams` takes room for."""
    return n_classes + 5


def softmax_focal_streams(
    input: Tensor,
    target: Tensor,
    gamma: float | Tensor,
    weight: Tensor | None = None,
    scratch: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Losses of K nets on each of S streams of samples, and their gradients, off autograd's tape.

    What `softmax_focal_gradient` gives, with whole operations over all nets in place of one look-up
    per sample and net: the classes of a stream are indicators, made once for its nets.

    Parameters
    ----------
    input : Tensor of shape (S, K, C, B)
        Logits; the batch axis comes last.
    target : Tensor of shape (S, B) or (S, C, B)
        Class indices, or their indicators of input's dtype.
    gamma : float, or Tensor that broadcasts to (S, K, B)
    weight : Tensor that broadcasts to (S, K, B), default=None
    scratch : Tensor, default=None
        At least ``S * K * B * softmax_scratch(C)`` values to compute in, of which the loss may be
        one part. The gradient is then written over `input`, which must be contiguous.

    Returns
    -------
    loss : Tensor of shape (S, K, B)
    gradient : Tensor of shape (S, K, C, B)
    """
    n_classes, shape = input.shape[2], (*input.shape[:2], input.shape[3])
    # Where all logits are small, exp needs no maximum taken off, and no sum of it vanishes.
    near = input.device.type == "cpu" and _reach(input) < _FAR.get(input.dtype, 0.0) / 2
    if not near or n_classes < 2:
        index = target if target.dim() == 2 else target.argmax(1)
        weight = None if weight is None else weight.expand(shape)
        return softmax_focal_gradient(input, index[:, None].expand(shape), gamma, weight, dim=2)
    if target.dim() == 2:
        target = indicators(target, n_classes, input.dtype)
    n_values = input.numel() // n_classes * softmax_scratch(n_classes)
    if scratch is None:
        input, scratch = input.clone(), input.new_empty(n_values)
    parts = scratch[:n_values].view(-1, *shape)
    terms = _two_classes if n_classes == 2 else _many_classes
    return terms(input, target[:, None], gamma, weight, parts)


def indicators(target: Tensor, n_classes: int, dtype: torch.dtype) -> Tensor:
    """Class indices (M, B) as indicators (M, C, B)."""
    classes = torch.arange(n_classes, device=target.device)[:, None]
    return (target[:, None] == classes).to(dtype)


def _many_classes(
    input: Tensor, own: Tensor, gamma: float | Tensor, weight: Tensor | None, parts: Tensor
) -> tuple[Tensor, Tensor]:
    p, others, nll, u, power = parts[:5].unbind()
    of_own = parts[5:].view(input.shape)
    powers = input.exp_()
    torch.mul(powers, own, out=of_own)
    torch.sum(of_own, 2, out=p)
    torch.sum(powers.sub_(of_own), 2, out=others)
    torch.div(others, p, out=nll).log1p_()
    total = torch.add(p, others, out=u)
    p.div_(total)
    torch.div(others, total, out=u)
    loss, slope = _curve(nll, p, u, gamma, weight, power)
    # The gradient is slope p_j / u for another class, and minus their sum for the sample's own.
    slope.div_(others)
    torch.mul(others[:, :, None], own, out=of_own)
    return loss, powers.sub_(of_own).mul_(slope[:, :, None])


def _two_classes(
    input: Tensor, own: Tensor, gamma: float | Tensor, weight: Tensor | None, parts: Tensor
) -> tuple[Tensor, Tensor]:
    p, nll, u, power = parts[:4].unbind()
    sign = own[:, :, 1] - own[:, :, 0]
    first, second = input.unbind(2)
    odds = torch.sub(first, second, out=u).mul_(sign).exp_()  # of the other class
    torch.add(odds, 1, out=p).reciprocal_()
    torch.log1p(odds, out=nll)
    loss, slope = _curve(nll, p, odds.mul_(p), gamma, weight, power)
    torch.mul(slope, sign, out=first)
    torch.neg(first, out=second)
    return loss, input


def _curve(
    nll: Tensor, p: Tensor, u: Tensor, gamma: float | Tensor, weight: Tensor | None, power: Tensor
) -> tuple[Tensor, Tensor]:
    """Weighted losses of margins and minus their derivatives, over `power` and `p`; u is 1 - p."""
    if isinstance(gamma, Tensor) or gamma not in _QUICK_POWERS:
        torch.log(u, out=power).mul_(gamma).exp_()
    else:
        torch.pow(u, gamma, out=power)
    if isinstance(gamma, Tensor):
        slope = p.mul_(nll).mul_(gamma).add_(u)
    else:
        slope = torch.addcmul(u, p, nll, value=gamma, out=p)
    slope.mul_(power)
    loss = power.mul_(nll)
    if weight is not None:
        loss.mul_(weight)
        slope.mul_(weight)
    return loss, slope
