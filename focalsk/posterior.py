"""placeholder while being written: names used by focalsk.net and focalsk.head"""
import torch
from torch.nn import functional as F
from focalsk.losses import class_margins

def _log_h(m, gamma):
    nll_u = torch.where(m > 15, 1 + (-m).exp() / 2, F.softplus(-m) / torch.sigmoid(-m).clamp(min=1e-30))
    return F.logsigmoid(m) - gamma * F.logsigmoid(-m) - torch.log1p(gamma * torch.sigmoid(m) * nll_u)

def focal_scores(logits, gamma, *, dim=-1):
    return _log_h(class_margins(logits, dim), gamma)

def sigmoid_focal_scores(logits, gamma):
    return _log_h(logits, gamma) - _log_h(-logits, gamma)

def focal_posterior(logits, gamma, alpha=None, *, dim=-1):
    s = focal_scores(logits, gamma, dim=dim)
    if alpha is not None:
        s = s - torch.as_tensor(alpha, dtype=s.dtype).log()
    return s.softmax(dim)

def sigmoid_focal_posterior(logits, gamma, alpha=None):
    s = sigmoid_focal_scores(logits, gamma)
    if alpha is not None:
        alpha = torch.as_tensor(alpha, dtype=s.dtype)
        s = s - (alpha[1] / alpha[0]).log()
    return torch.sigmoid(s)
