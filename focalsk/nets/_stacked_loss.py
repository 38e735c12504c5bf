"""The losses of M nets at once, with their gradients in the logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from focalsk.losses import (
    FocalLoss,
    OneVersusRestLoss,
    SigmoidFocalLoss,
    dense_focal_gradient,
    indicators,
    sigmoid_focal_gradient,
    softmax_focal_gradient,
    softmax_focal_streams,
    softmax_scratch,
)

__all__ = ["StackedLoss", "stack_losses"]

# So many samples, of all nets together, have their losses by look-ups.
_FEW = 2**13


class StackedLoss(nn.Module):
    """The loss of each of M nets, in S streams of K, with its own gamma, alpha and smoothing.

    It is computed with its gradient, which is known in closed form; autograd takes no part. The
    loss of one net is a stack of one. A subclass says in `_terms` what targets mean.

    Parameters
    ----------
    criteria : sequence of M FocalLoss, SigmoidFocalLoss or OneVersusRestLoss
        The losses of the nets alone, all of one kind.
    n_streams : int
        Number of streams S.
    n_outputs : int
        Number of logits C of a net.
    dtype : torch.dtype
        That of the logits.
    """

    gamma: float | Tensor  # one number, or (M, 1), or (M, C, 1)
    smoothing: float | Tensor  # one number, or (M, 1, 1)
    alpha: Tensor | None  # (M, C), or of labels (M, 2, C)
    n_outcomes = 2  # over which smoothing spreads
    scratch_values = 0  # per net and sample, if `forward` is given room

    def __init__(
        self, criteria: Sequence[Any], n_streams: int, n_outputs: int, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.n_streams, self.n_nets = n_streams, len(criteria) // n_streams
        self.n_outputs = n_outputs
        self._keep("gamma", [c.gamma for c in criteria], dtype)
        self._keep("smoothing", [c.label_smoothing for c in criteria], dtype)
        alphas = [c.alpha for c in criteria]
        given = next((alpha for alpha in alphas if alpha is not None), None)
        if given is not None:
            alphas = [torch.ones_like(given) if alpha is None else alpha for alpha in alphas]
            given = torch.stack(alphas).to(dtype)
        self.register_buffer("alpha", given)

    def _keep(self, name: str, values: list[Any], dtype: torch.dtype) -> None:
        """Keep one number where all nets share it, which is quicker, else a tensor."""
        if all(isinstance(value, float) and value == values[0] for value in values):
            setattr(self, name, values[0])
            return
        tensors = [torch.as_tensor(value, dtype=dtype) for value in values]
        if any(tensor.ndim for tensor in tensors):
            tensors = [tensor.expand(self.n_outputs) for tensor in tensors]
        self.register_buffer(name, torch.stack(tensors)[..., None])

    def forward(
        self,
        logits: Tensor,
        target: Tensor,
        weight: Tensor | None,
        n_samples: Tensor | None = None,
        scratch: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Mean losses of a batch per stream, and their gradients.

        Parameters
        ----------
        logits : Tensor of shape (M, C, B)
        target : Tensor of shape (S, B), class indices; of labels (S, B, C), 0 or 1
        weight : Tensor of shape (S, B), or None
        n_samples : Tensor of shape (S, 1), or None
            How many samples of each stream's batch count; None for all.
        scratch : Tensor, default=None
            At least ``M * B * scratch_values`` values to compute in; `logits` may then be
            overwritten by the gradient.

        Returns
        -------
        losses : Tensor of shape (M,)
        gradient : Tensor of shape (M, C, B)
        """
        loss, gradient = self._terms(logits, target, weight, scratch)
        if n_samples is None:
            return loss.mean(1), gradient.div_(loss.shape[1])
        n_samples = self._of_nets(n_samples)
        return loss.sum(1).div_(n_samples.squeeze(1)), gradient.div_(n_samples[..., None])

    def _of_nets(self, values: Tensor) -> Tensor:
        """Repeat what the streams have (S, ...) for their nets (M, ...)."""
        if self.n_nets == 1:
            return values
        if self.n_streams == 1:
            return values.expand(self.n_nets, *values.shape[1:])
        return values.repeat_interleave(self.n_nets, 0)

    def _terms(
        self, logits: Tensor, target: Tensor, weight: Tensor | None, scratch: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Weighted losses (M, B) of logits (M, C, B), and their gradients (M, C, B).

        Target and weight are those of the streams; `scratch` may be used, or not.
        """
        raise NotImplementedError

    def _gamma_of_logits(self) -> Any:
        """Gamma as it broadcasts to logits (M, C, B)."""
        if isinstance(self.gamma, float) or self.gamma.ndim == 3:
            return self.gamma
        return self.gamma[..., None]

    def _spread(self, positive: Tensor) -> Tensor:
        """Probabilities (M, C, B) of the classes or labels, with a part spread evenly."""
        smoothing = self.smoothing
        if isinstance(smoothing, float):
            if smoothing == 0:
                return positive
        else:
            smoothing = smoothing[..., None]
        return positive * (1 - smoothing) + smoothing / self.n_outcomes

    def _sigmoid_terms(
        self, logits: Tensor, positive: Tensor, negative: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """What `_terms` gives, from the weights of the two outcomes of each logit.

        Here `weight` is that of the nets (M, B).
        """
        if weight is not None:
            positive, negative = positive * weight[:, None], negative * weight[:, None]
        loss, gradient = sigmoid_focal_gradient(logits, positive, negative, self._gamma_of_logits())
        return loss.sum(1), gradient


class _SoftmaxLosses(StackedLoss):
    """One class per sample, by a softmax; alpha weighs every class's term."""

    def __init__(self, criteria: Any, n_streams: int, n_outputs: int, dtype: torch.dtype) -> None:
        super().__init__(criteria, n_streams, n_outputs, dtype)
        self.n_outcomes = n_outputs
        self.scratch_values = softmax_scratch(n_outputs)

    def _terms(
        self, logits: Tensor, target: Tensor, weight: Tensor | None, scratch: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        if not isinstance(self.smoothing, float) or self.smoothing:
            return self._smoothed_terms(logits, self._of_nets(target), weight)
        if logits.shape[0] * logits.shape[2] <= _FEW:
            return self._few_terms(logits, self._of_nets(target), weight)
        grid = (self.n_streams, self.n_nets)
        gamma, weight = self.gamma, None if weight is None else weight[:, None]
        per_class = isinstance(gamma, Tensor) and gamma.ndim == 3
        if per_class or self.alpha is not None:
            target = own = indicators(target, self.n_outputs, logits.dtype)
        if self.alpha is not None:
            # A product with indicators chooses each sample's weight, for all nets of a stream.
            alpha = torch.bmm(self.alpha.view(*grid, -1), own)
            weight = alpha if weight is None else alpha.mul_(weight)
        if isinstance(gamma, Tensor):
            gamma = torch.bmm(gamma.view(*grid, -1), own) if per_class else gamma.view(*grid, 1)
        streams = logits.view(*grid, *logits.shape[1:])
        loss, gradient = softmax_focal_streams(streams, target, gamma, weight, scratch)
        return loss.flatten(0, 1), gradient.flatten(0, 1)

    def _few_terms(
        self, logits: Tensor, target: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Of few samples, by look-ups: fewer operations, which each sample pays more for."""
        weight = None if weight is None else self._of_nets(weight)
        if self.alpha is not None:
            alpha = self.alpha.gather(1, target)
            weight = alpha if weight is None else alpha.mul_(weight)
        gamma = self.gamma
        if isinstance(gamma, Tensor) and gamma.ndim == 3:
            gamma = gamma[..., 0].gather(1, target)
        return softmax_focal_gradient(logits, target, gamma, weight, dim=1)

    def _smoothed_terms(
        self, logits: Tensor, target: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        each = self._spread(indicators(target, self.n_outputs, logits.dtype))
        each = each if self.alpha is None else each * self.alpha[..., None]
        each = each if weight is None else each * self._of_nets(weight)[:, None]
        return dense_focal_gradient(logits, each, self._gamma_of_logits(), dim=1)


class _OneVersusRestLosses(StackedLoss):
    """One class per sample, by a sigmoid per class; alpha weighs the sample by its class."""

    def _terms(
        self, logits: Tensor, target: Tensor, weight: Tensor | None, scratch: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        target = self._of_nets(target)
        weight = None if weight is None else self._of_nets(weight)
        positive = self._spread(indicators(target, self.n_outputs, logits.dtype))
        negative = 1 - positive
        if self.alpha is not None:
            chosen = self.alpha.gather(1, target)
            weight = chosen if weight is None else chosen * weight
        return self._sigmoid_terms(logits, positive, negative, weight)


class _LabelLosses(StackedLoss):
    """Labels that are present or absent by themselves, with a weight for either."""

    def _terms(
        self, logits: Tensor, target: Tensor, weight: Tensor | None, scratch: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        weight = None if weight is None else self._of_nets(weight)
        positive = self._spread(self._of_nets(target).transpose(1, 2).to(logits.dtype))
        negative = 1 - positive
        if self.alpha is not None:
            positive = positive * self.alpha[:, 1, :, None]
            negative = negative * self.alpha[:, 0, :, None]
        return self._sigmoid_terms(logits, positive, negative, weight)


_KINDS: dict[type, type[StackedLoss]] = {
    FocalLoss: _SoftmaxLosses,
    OneVersusRestLoss: _OneVersusRestLosses,
    SigmoidFocalLoss: _LabelLosses,
}


def stack_losses(
    criteria: Sequence[nn.Module], n_streams: int, n_outputs: int, dtype: torch.dtype
) -> StackedLoss:
    """The :class:`StackedLoss` of the criteria's kind."""
    return _KINDS[type(criteria[0])](criteria, n_streams, n_outputs, dtype)


def can_stack(criterion: Any, n_outputs: int) -> bool:
    """Whether the terms of a criterion with its options are known here."""
    kind = type(criterion)
    if kind not in _KINDS or criterion.reduction != "mean":
        return False
    for value in (criterion.gamma, criterion.alpha):
        if isinstance(value, Tensor) and (
            value.requires_grad or (value.ndim and value.shape[-1] != n_outputs)
        ):
            return False
    if kind is FocalLoss:
        return bool(criterion.ignore_index < 0)
    n_axes = 2 if kind is SigmoidFocalLoss else 1
    return criterion.alpha is None or getattr(criterion.alpha, "ndim", 0) == n_axes
