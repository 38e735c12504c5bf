"""The softmax focal loss of many nets at once, of which some see the same samples."""

from __future__ import annotations

import torch
from torch import Tensor

from focalsk.losses._margins import _FAR, _lean_curve, _reach, softmax_focal_gradient

__all__ = ["softmax_focal_streams"]


def softmax_focal_streams(
    input: Tensor, target: Tensor, gamma: float | Tensor, weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Losses of K nets on each of S streams of samples, and their gradients, off autograd's tape.

    What `softmax_focal_gradient` gives, with whole operations over all nets in place of one look-up
    per sample and net: the classes of a stream are indicators, made once for its nets.

    Parameters
    ----------
    input : Tensor of shape (S, K, C, B)
        Logits; the batch axis comes last.
    target : int64 Tensor of shape (S, B)
        Class indices.
    gamma : float, or Tensor that broadcasts to (S, K, B)
    weight : Tensor that broadcasts to (S, K, B), default=None

    Returns
    -------
    loss : Tensor of shape (S, K, B)
    gradient : Tensor of shape (S, K, C, B)
    """
    n_classes = input.shape[2]
    # Where all logits are small, exp needs no maximum taken off, and no sum of it vanishes.
    near = input.device.type == "cpu" and _reach(input) < _FAR.get(input.dtype, 0.0) / 2
    if not near or n_classes < 2:
        shape = (*input.shape[:2], input.shape[3])
        index = target[:, None].expand(shape)
        weight = None if weight is None else weight.expand(shape)
        return softmax_focal_gradient(input, index, gamma, weight, dim=2)
    if n_classes == 2:
        return _two_classes(input, target, gamma, weight)
    classes = torch.arange(n_classes, device=input.device)[:, None]
    own = (target[:, None] == classes).to(input.dtype)[:, None]  # (S, 1, C, B)
    powers = input.exp()
    of_own = powers * own
    p = of_own.sum(2)
    others = powers.sub_(of_own).sum(2)
    nll, total = torch.div(others, p).log1p_(), p + others
    p.div_(total)
    loss, slope = _lean_curve(nll, p, torch.div(others, total, out=total), gamma)
    if weight is not None:
        loss.mul_(weight)
        slope.mul_(weight)
    # The gradient is slope p_j for another class and minus their sum for the sample's own.
    slope.div_(others)
    torch.mul(others[:, :, None], own, out=of_own)
    return loss, powers.sub_(of_own).mul_(slope[:, :, None])


def _two_classes(
    input: Tensor, target: Tensor, gamma: float | Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return what `softmax_focal_streams` does, from the difference of the logits."""
    first, second = input.unbind(2)
    half = target.to(input.dtype).sub_(0.5)[:, None]  # half the sign of the second logit's part
    root = (first - second).mul_(half).exp_()
    odds = root.square_()
    p = (odds + 1).reciprocal_()
    loss, slope = _lean_curve(odds.log1p(), p, odds.mul_(p), gamma)
    slope.mul_(half)
    if weight is not None:
        loss.mul_(weight)
        slope.mul_(weight)
    gradient = torch.empty_like(input)
    torch.mul(slope, 2.0, out=gradient[:, :, 0])
    torch.mul(slope, -2.0, out=gradient[:, :, 1])
    return loss, gradient
