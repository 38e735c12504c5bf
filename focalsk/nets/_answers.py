"""What a net's logits say, by the loss it was trained with: scores, posterior and decisions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from focalsk.losses import (
    FocalLoss,
    OneVersusRestLoss,
    SigmoidFocalLoss,
    focal_posterior,
    label_scores,
    one_versus_rest_posterior,
    one_versus_rest_scores,
    sigmoid_focal_posterior,
    softmax_scores,
)

__all__ = ["decide", "is_one_logit", "posterior", "scores"]

Loss = FocalLoss | SigmoidFocalLoss


def is_one_logit(logits: Tensor) -> bool:
    """Whether logits are (n,) or (n, 1), which stand for two classes with a sigmoid."""
    return logits.ndim == 1 or (logits.ndim == 2 and logits.shape[1] == 1)


def scores(loss: Loss, logits: Tensor) -> Tensor:
    """Scores under the class weights: log-odds (n,) of two classes, else of the logits' shape."""
    found = _scores(loss, logits)
    if isinstance(loss, SigmoidFocalLoss):
        return found.reshape(len(found)) if is_one_logit(found) else found
    return found[:, 1] - found[:, 0] if found.ndim == 2 and found.shape[1] == 2 else found


def decide(loss: Loss, logits: Tensor) -> Tensor:
    """Class indices (n,), or 0 and 1 of each label, under the class weights."""
    found = _scores(loss, logits)
    if isinstance(loss, SigmoidFocalLoss) and not isinstance(loss, OneVersusRestLoss):
        labels = (found > 0).to(torch.int64)
        return labels.reshape(len(labels)) if is_one_logit(labels) else labels
    return found.argmax(dim=1)


def posterior(loss: Loss, logits: Tensor) -> Tensor:
    """Probabilities of the data: rows (n, K) that sum to one, or those of each label."""
    gamma, alpha, smoothing = _cpu(loss.gamma), _cpu(loss.alpha), loss.label_smoothing
    if isinstance(loss, OneVersusRestLoss):
        return one_versus_rest_posterior(logits, gamma, alpha, smoothing)
    if not isinstance(loss, SigmoidFocalLoss):
        return focal_posterior(logits, gamma, alpha, dim=1, label_smoothing=smoothing)
    p = sigmoid_focal_posterior(logits, gamma, alpha, label_smoothing=smoothing)
    if not is_one_logit(logits):
        return p
    p = p.reshape(len(p))
    return torch.stack([1 - p, p], dim=1)


def _scores(loss: Loss, logits: Tensor) -> Tensor:
    gamma, alpha, smoothing = _cpu(loss.gamma), _cpu(loss.alpha), loss.label_smoothing
    if isinstance(loss, OneVersusRestLoss):
        return one_versus_rest_scores(logits, gamma, smoothing)
    if isinstance(loss, SigmoidFocalLoss):
        return label_scores(logits, gamma, alpha, smoothing)
    return softmax_scores(logits, gamma, alpha, smoothing, dim=1)


def _cpu(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value
