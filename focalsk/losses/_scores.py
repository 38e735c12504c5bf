"""Decision scores behind the three losses: under the class weights, label smoothing undone.

Their softmax or sigmoid is the posterior under the class weights, ``alpha_k * eta_k`` renormalised.
Where labels were smoothed, smoothing is undone at the place where the loss has put it, and weights
that were undone for that are put back.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from focalsk.losses._checks import outcome_weights
from focalsk.losses._posterior import (
    focal_posterior,
    focal_scores,
    sigmoid_focal_posterior,
    sigmoid_focal_scores,
    unsmoothed,
)

__all__ = ["label_scores", "one_versus_rest_posterior", "one_versus_rest_scores", "softmax_scores"]


def softmax_scores(
    logits: Tensor, gamma: Any, alpha: Any, label_smoothing: float, dim: int = -1
) -> Tensor:
    """Logs of the posterior under the weights, up to a constant, for `focal_loss`.

    `alpha` (C,) weighs the smoothed targets of a class, so that it is undone first.
    """
    if label_smoothing == 0:
        return focal_scores(logits, gamma, dim)
    scores = _log(focal_posterior(logits, gamma, alpha, dim=dim, label_smoothing=label_smoothing))
    if alpha is None:
        return scores
    behind = [1] * (logits.ndim - 1 - dim % logits.ndim)
    return scores + _log(torch.as_tensor(alpha, dtype=scores.dtype)).view(-1, *behind)


def label_scores(logits: Tensor, gamma: Any, alpha: Any, label_smoothing: float) -> Tensor:
    """Log-odds of every label under the weights of its outcomes, for `sigmoid_focal_loss`."""
    if label_smoothing == 0:
        return sigmoid_focal_scores(logits, gamma)
    p = sigmoid_focal_posterior(logits, gamma, alpha, label_smoothing=label_smoothing)
    scores = _log_odds(p)
    if alpha is None:
        return scores
    alpha = torch.as_tensor(alpha, dtype=scores.dtype)
    negative, positive = map(_log, outcome_weights(alpha))
    return scores + positive - negative


def one_versus_rest_scores(logits: Tensor, gamma: Any, label_smoothing: float) -> Tensor:
    """Log-odds of every class against the rest, for `OneVersusRestLoss`.

    `alpha` weighs samples, so that each sigmoid tells the smoothed share of its class among the
    weighted ones: smoothing is undone first, and the weights have no part in it.
    """
    scores = sigmoid_focal_scores(logits, gamma)
    return _log_odds(unsmoothed(scores.sigmoid(), label_smoothing)) if label_smoothing else scores


def one_versus_rest_posterior(
    logits: Tensor, gamma: Any, alpha: Any, label_smoothing: float
) -> Tensor:
    """Posterior of the classes on the last axis, for `OneVersusRestLoss`."""
    # In logs: far from every class, the sigmoids themselves would all vanish.
    log_p = F.logsigmoid(one_versus_rest_scores(logits, gamma, label_smoothing))
    if alpha is not None:
        alpha = torch.as_tensor(alpha, dtype=log_p.dtype)
        log_p = torch.where(alpha > 0, log_p - alpha.log(), -torch.inf)
    return log_p.softmax(dim=-1)


def _log_odds(p: Tensor) -> Tensor:
    """Log-odds, those of 0 and 1 finite."""
    return p.logit(eps=torch.finfo(p.dtype).eps)


def _log(values: Tensor) -> Tensor:
    """Logarithms, that of 0 finite."""
    return values.clamp(min=torch.finfo(values.dtype).tiny).log()
