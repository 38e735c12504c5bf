"""The class posterior behind a model trained with focal loss.

Focal loss finds the right class but not its probability. It is minimised by logits whose softmax
``v`` satisfies ``alpha_k * eta_k = h(v_k) / sum_j h(v_j)``, ``eta`` the posterior of the data::

    h(v) = v / ((1 - v) ** gamma - gamma * (1 - v) ** (gamma - 1) * v * log(v))

So ``h`` leads from the logits back to the posterior, under the class weights or free of them. It is
computed from margins and in logs, where no finite logit over- or underflows; or, where one gamma is
all there is, relative to the largest class, where nothing overflows either.

Label smoothing trains on ``(1 - eps) * eta + eps / C`` instead of `eta`, which is undone last, when
gamma and alpha are: ``eta = (q - eps / C) / (1 - eps)``.

References
----------
N. Charoenphakdee, J. Vongkulbhisal, N. Chairatanakul and M. Sugiyama, "On Focal Loss for
Class-Posterior Probability Estimation: A Theoretical Perspective", CVPR 2021, arXiv:2011.09172.
"""

import math
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor

from focalsk.losses._checks import (
    Values,
    as_parameter,
    check_outcome_weights,
    check_representable,
    check_smoothing,
    outcome_weights,
)
from focalsk.losses._margins import class_margins, is_traced

__all__ = ["focal_posterior", "sigmoid_focal_posterior"]


def focal_posterior(
    logits: Tensor,
    gamma: Values,
    alpha: Values | None = None,
    *,
    dim: int = -1,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Class posterior of the data from the logits of a model trained with `focal_loss`.

    Parameters
    ----------
    logits : Tensor of shape (..., C, ...), floating point
        float16 and bfloat16 are computed and returned in float32.
    gamma : float or array-like of shape (C,), or broadcastable to `logits`
        The focusing parameter of the training.
    alpha : array-like of shape (C,), or broadcastable to `logits`, default=None
        The class weights of the training. None leaves the posterior under those weights, which
        decides as the training meant to. A class of weight 0 was never trained, so its posterior is
        undefined, and reported as 0.
    dim : int, default=-1
        The axis of the classes.
    label_smoothing : float in [0, 1), default=0.0
        That of the training, whose `alpha` is needed then. Where the model says less than smoothing
        leaves to a class, its posterior is almost 0, in the order of the logits.

    Returns
    -------
    Tensor of logits' shape
        Probabilities that sum to one along `dim`; the softmax of `logits` if ``gamma=0`` and
        `alpha` is None.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a finite number or array without negative entries, or `alpha` is one
        number.

    Examples
    --------
    >>> logits = torch.tensor([[1.0, 0.0, -1.0]])
    >>> focal_posterior(logits, gamma=0.0)
    tensor([[0.6652, 0.2447, 0.0900]])
    >>> focal_posterior(logits, gamma=2.0, alpha=[0.2, 0.3, 0.5])
    tensor([[0.9268, 0.0612, 0.0120]])
    """
    logits = _at_least_float32(logits)
    if not isinstance(dim, Integral):
        raise TypeError(f"dim must be an int, got {dim!r}.")
    if logits.dim() and logits.size(dim) == 0:
        raise ValueError(f"logits must have some classes, got shape {tuple(logits.shape)}.")
    weights = None if alpha is None else _along(dim, logits, "alpha", alpha)
    if weights is not None and weights.dim() == 0:
        raise ValueError(f"alpha must hold one weight per class, got {alpha!r}.")
    if weights is not None and not is_traced() and not weights.any():
        raise ValueError(f"alpha must be positive for some class, got {alpha!r}.")
    gamma = as_parameter("gamma", gamma)
    check_representable("gamma", gamma, logits.dtype)
    check_smoothing(label_smoothing)
    taped = torch.is_grad_enabled() and logits.requires_grad
    simple = not taped and not is_traced() and _are_moderate(weights)
    if isinstance(gamma, float) and simple:
        posterior = _posterior_of_one_gamma(logits, gamma, weights, dim)
    else:
        scores = focal_scores(logits, gamma, dim)
        if weights is not None:
            scores = (scores - weights.log()).where(weights > 0, -math.inf)
        posterior = scores.softmax(dim)
    return unsmoothed(posterior, label_smoothing, dim)


def sigmoid_focal_posterior(
    logits: Tensor,
    gamma: Values,
    alpha: Values | None = None,
    *,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Posterior of every label from the logits of a model trained with `sigmoid_focal_loss`.

    Parameters
    ----------
    logits : Tensor of shape (..., K), floating point
        float16 and bfloat16 are computed and returned in float32.
    gamma : float or array-like of shape (K,), or broadcastable to `logits`
        The focusing parameter of the training.
    alpha : float in [0, 1], or array-like of shape (K,) or (2, K), default=None
        The class weights of the training, as in `sigmoid_focal_loss`: the positives' with 1 - alpha
        for the negatives; one per label, which leaves its posterior as it is; or the negatives' in
        ``alpha[0]`` and the positives' in ``alpha[1]``, each broadcastable to `logits`. None leaves
        the posterior under those weights. An outcome of weight 0 was never trained, so its
        posterior is undefined, and reported as 0; both of a label with 0 are an error.
    label_smoothing : float in [0, 1), default=0.0
        As in `focal_posterior`.

    Returns
    -------
    Tensor of logits' shape
        Probability of each label; the sigmoid of `logits` if ``gamma=0`` and `alpha` is None.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a finite number or array without negative entries, or does not fit.

    Examples
    --------
    >>> sigmoid_focal_posterior(torch.tensor([-1.0, 0.0, 1.0]), gamma=2.0, alpha=0.25)
    tensor([0.1704, 0.7500, 0.9777])
    """
    check_smoothing(label_smoothing)
    scores = sigmoid_focal_scores(logits, gamma)
    if alpha is None:
        return unsmoothed(scores.sigmoid(), label_smoothing)
    check_outcome_weights(alpha)
    negative, positive = outcome_weights(_along(-1, scores, "alpha", alpha))
    if not is_traced() and not ((positive > 0) | (negative > 0)).all():
        raise ValueError(f"alpha must be positive for some outcome of each label, got {alpha!r}.")
    trained = (positive > 0) & (negative > 0)
    posterior = (scores + negative.log() - positive.log()).sigmoid()
    posterior = unsmoothed(posterior, label_smoothing)
    return posterior.where(trained, (positive > 0).to(scores.dtype))


def focal_scores(logits: Tensor, gamma: Values, dim: int = -1) -> Tensor:
    """Log of ``h`` for every class; its softmax is the posterior under the class weights.

    Parameters
    ----------
    logits, gamma, dim
        As in `focal_posterior`.

    Returns
    -------
    Tensor of logits' shape

    Examples
    --------
    >>> focal_scores(torch.tensor([1.0, 0.0]), gamma=0.0)  # log softmax
    tensor([-0.3133, -1.3133])
    """
    logits = _at_least_float32(logits)
    return _log_h(class_margins(logits, dim), _along(dim, logits, "gamma", gamma))


def sigmoid_focal_scores(logits: Tensor, gamma: Values) -> Tensor:
    """Log-odds of every label under the class weights, ``log h(p) - log h(1 - p)``.

    Parameters
    ----------
    logits, gamma
        As in `sigmoid_focal_posterior`.

    Returns
    -------
    Tensor of logits' shape

    Examples
    --------
    >>> sigmoid_focal_scores(torch.tensor([-1.0, 0.0, 1.0]), gamma=2.0)
    tensor([-2.6817,  0.0000,  2.6817])
    """
    logits = _at_least_float32(logits)
    focus = _along(-1, logits, "gamma", gamma)
    if isinstance(gamma, float) and gamma == 0:
        return logits
    return _log_h(logits, focus) - _log_h(-logits, focus)


def unsmoothed(p: Tensor, label_smoothing: float, dim: int | None = None) -> Tensor:
    """Undo label smoothing: ``(p - eps / C) / (1 - eps)``, renormalised.

    Parameters
    ----------
    p : Tensor
        Probabilities of the classes on `dim`, or of labels if `dim` is None, with two outcomes.
    label_smoothing : float in [0, 1)
    dim : int, default=None

    Returns
    -------
    Tensor of p's shape
        What falls below ``_LEAST * p`` is put there, so that no two classes change places.
    """
    if label_smoothing == 0:
        return p
    if dim is not None:
        bare = (p - label_smoothing / p.shape[dim]) / (1 - label_smoothing)
        bare = torch.maximum(bare, _LEAST * p)
        return bare / bare.sum(dim, keepdim=True)
    bare = (p - label_smoothing / 2) / (1 - label_smoothing)
    return torch.minimum(torch.maximum(bare, _LEAST * p), 1 - _LEAST * (1 - p))


_LEAST = 1e-6


def _are_moderate(weights: Tensor | None) -> bool:
    """Whether no class weighs so little that what underflows beside it may be all there is."""
    return weights is None or bool(weights.amin() > 1e-6 * weights.amax())


def _posterior_of_one_gamma(
    logits: Tensor, gamma: float, weights: Tensor | None, dim: int
) -> Tensor:
    """Posterior by ``h(p) / h(p of the largest class)``, in half the time of the logs.

    With ``e = exp(logits - largest)``, of which one is 1 and the others sum to ``rest``, ``p`` is
    ``e / (1 + rest)``, ``1 - p`` is ``(rest + (1 - e)) / (1 + rest)`` without cancellation, and the
    ratio of the powers of ``1 - p`` never exceeds 1.
    """
    limits = torch.finfo(logits.dtype)
    # With few classes, operations along the last axis take many times as long. The limits keep
    # differences finite, as -inf * 0 is not 0.
    logits = logits.movedim(dim, 0).contiguous().clamp(limits.min / 4, limits.max / 4)
    if gamma == 0:
        posterior = logits.softmax(0)
    else:
        largest, index = logits.max(0, keepdim=True)
        difference = logits - largest
        e = difference.exp()
        rest = e.scatter(0, index, 0).sum(0).clamp_(min=limits.tiny)
        others = (1 - e).add_(rest)
        odds = torch.sub(rest.log1p(), difference, out=difference).mul_(e)  # p * -log(p) / (1 - p)
        bend = torch.addcdiv(odds.new_ones(()), odds, others, value=gamma)
        posterior = torch.div(rest, others, out=others).pow_(gamma).mul_(e).div_(bend)
    posterior = posterior.movedim(0, dim)
    if weights is not None:
        posterior = posterior * (weights.amin() / weights)
    elif gamma == 0:
        return posterior
    return posterior / posterior.sum(dim, keepdim=True)


def _log_h(margin: Tensor, gamma: Tensor) -> Tensor:
    """Log of ``h`` at ``p = sigmoid(margin)``: ``log p - gamma * log u - log(1 + gamma * p * r)``.

    Here ``u = 1 - p`` and ``r = -log(p) / u``.
    """
    limit = 1e-9 * torch.finfo(margin.dtype).max  # an infinite margin would end in inf - inf
    margin = margin.clamp(-limit, limit)
    # Beyond 40, r is 1 to double precision but computed as 0 / 0; before -40, p makes it vanish.
    moderate = margin.clamp(-40, 40)
    ratio = -F.logsigmoid(moderate) / (-moderate).sigmoid()
    bend = torch.log1p(gamma * margin.sigmoid() * ratio)
    return F.logsigmoid(margin) - gamma * F.logsigmoid(-margin) - bend


def _at_least_float32(logits: Tensor) -> Tensor:
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        found = str(logits.dtype) if isinstance(logits, Tensor) else type(logits).__name__
        raise TypeError(f"logits must be a floating point tensor, got {found}.")
    return logits if logits.dtype == torch.float64 else logits.float()


def _along(dim: int, logits: Tensor, name: str, value: Values) -> Tensor:
    """Return a checked parameter as a tensor that broadcasts to the logits, vectors on `dim`."""
    value = as_parameter(name, value)
    check_representable(name, value, logits.dtype)
    tensor = torch.as_tensor(value, dtype=logits.dtype, device=logits.device)
    if tensor.dim() != 1:
        return tensor
    if len(tensor) not in (1, logits.shape[dim]):
        raise ValueError(
            f"{name} must have {logits.shape[dim]} entries, one per class, got {len(tensor)}."
        )
    return tensor.view(-1, *(1 for _ in logits.shape[dim:][1:]))
