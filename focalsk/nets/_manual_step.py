"""Training steps whose gradient is known in closed form, without autograd's tape.

A small net is done with its arithmetic sooner than autograd with its records of it. Where module
and loss are focalsk's own, their gradient takes as many operations as it has terms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as _registry

from focalsk.losses import FocalLoss, softmax_focal_gradient
from focalsk.nets._mlp import FocalMLP

__all__ = ["closed_form", "plain_forward"]

_GLOBAL_HOOKS = [
    f"_global_{name}_hooks" for name in ("forward", "forward_pre", "backward", "backward_pre")
]

Step = Callable[..., tuple[Tensor, Tensor]]
"""Of samples (B, D), targets (B,) and perhaps weights (B,): the mean loss and the logits (B, C).

The gradients are added to the `grad` of the parameters.
"""


def plain_forward(module: nn.Module, X: Any) -> Tensor | None:
    """Logits (B, C) of samples (B, D) when not training, without autograd.

    None unless the module is a FocalMLP without hooks, and such are its samples.
    """
    layers = _plain_layers(module)
    if not layers or not isinstance(X, Tensor) or X.layout != torch.strided:
        return None
    if torch.is_autocast_enabled(X.device.type):
        return None
    first = layers[0].weight
    if X.shape[1:] != first.shape[1:] or X.dtype != first.dtype or X.device != first.device:
        return None
    with torch.no_grad():
        biases = [layer.bias.unsqueeze(1) for layer in layers]
        logits, _ = _forward(X, [layer.weight for layer in layers], biases)
    return logits.t()


def closed_form(module: nn.Module, criterion: nn.Module, X: Any, y: Any) -> Step | None:
    """The training step of a module with a loss, where it is known.

    Parameters
    ----------
    module, criterion : torch.nn.Module
        Looked at now: the step is good until a parameter is replaced or a hook added.
    X, y : array-like
        Samples and targets that include those of all batches, to be checked once.

    Returns
    -------
    callable or None
        None if only autograd will do: for another module or loss, options beyond `gamma` and
        `alpha`, dropout, hooks, or parameters that are not all trained.
    """
    layers = _plain_layers(module)
    if not layers or module.dropout or not _plain_loss(criterion):
        return None
    n_features, n_outputs = layers[0].in_features, layers[-1].out_features
    if not _fits(X, y, n_features, n_outputs):
        return None
    dtype = layers[0].weight.dtype
    gamma: Any = criterion.gamma
    alpha: Any = criterion.alpha
    vectors = [v for v in (gamma, alpha) if isinstance(v, Tensor)]
    if any(v.requires_grad or (v.dim() and len(v) != n_outputs) for v in vectors):
        return None
    gamma, alpha = (v.to(dtype) if isinstance(v, Tensor) else v for v in (gamma, alpha))
    params = [p for layer in layers for p in (layer.weight, layer.bias)]
    if not all(map(_is_plainly_trained, params)):
        return None
    values = [p.detach() for p in params]
    weights, biases = values[::2], [bias[:, None] for bias in values[1::2]]
    turned = [weight.t() for weight in weights]

    def step(X: Tensor, y: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            logits, inputs = _forward(X, weights, biases)
            loss, gradient = _loss(logits, y, weight, gamma, alpha)
            for p, grad in zip(params, _backward(gradient, inputs, turned), strict=True):
                p.grad = grad if p.grad is None else p.grad + grad
        return loss, logits.t()

    return step


def _plain_layers(module: nn.Module) -> list[Any]:
    """The linear layers of a FocalMLP that does nothing but apply them; none of another module."""
    if type(module) is not FocalMLP:
        return []
    layers = list(module.layers.children())
    if not all(type(layer) is nn.Linear and layer.bias is not None for layer in layers):
        return []
    if any(getattr(_registry, name) for name in _GLOBAL_HOOKS) or not all(
        map(_is_unhooked, (module, module.layers, *layers))
    ):
        return []
    return layers


def _is_unhooked(module: nn.Module) -> bool:
    own = vars(module)
    return "forward" not in own and not (
        own["_forward_hooks"]
        or own["_forward_pre_hooks"]
        or own["_backward_hooks"]
        or own["_backward_pre_hooks"]
    )


def _is_plainly_trained(parameter: Tensor) -> bool:
    hooked = parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None)
    return parameter.requires_grad and not hooked


def _fits(X: Any, y: Any, n_features: int, n_outputs: int) -> bool:
    """Whether samples are rows of numbers with a class index each, none of them to be ignored."""
    if not isinstance(y, Tensor) or y.dim() != 1 or y.dtype != torch.int64:
        return False
    if getattr(X, "layout", torch.strided) != torch.strided:
        return False
    if X.shape[1:] != (n_features,) or not len(y) or torch.is_autocast_enabled(y.device.type):
        return False
    low, high = y.aminmax()
    return bool(low >= 0 and high < n_outputs)


def _plain_loss(criterion: nn.Module) -> bool:
    return (
        type(criterion) is FocalLoss
        and criterion.ignore_index < 0
        and not criterion.label_smoothing
        and criterion.reduction == "mean"
        and _is_unhooked(criterion)
    )


# The batch axis comes last inside, where it is long and contiguous.


def _forward(X: Tensor, weights: list[Tensor], biases: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Logits (C, B) of samples (B, D), and the inputs (D, B), (H, B), ... of the layers."""
    h = X.t()
    inputs = [h]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        h = torch.addmm(bias, weight, h).relu_()
        inputs.append(h)
    return torch.addmm(biases[-1], weights[-1], h), inputs


def _loss(
    logits: Tensor, y: Tensor, weight: Tensor | None, gamma: Any, alpha: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Mean loss of a batch and its gradient (C, B) in the logits."""
    if alpha is not None:
        weight = alpha[y] if weight is None else alpha[y] * weight
    gamma = gamma[y] if isinstance(gamma, Tensor) else gamma
    loss, gradient = softmax_focal_gradient(logits, y, gamma, weight, dim=0)
    return loss.mean(), gradient.div_(y.shape[0])


def _backward(gradient: Tensor, inputs: list[Tensor], turned: list[Tensor]) -> list[Tensor]:
    """Gradients of each layer's weight and bias, first layer first.

    `turned` are the transposed weights.
    """
    grads = []
    for i in range(len(turned) - 1, -1, -1):
        grads += [gradient.sum(1), torch.mm(gradient, inputs[i].t())]
        if i:
            gradient = torch.mm(turned[i], gradient)
            _threshold_backward(gradient, inputs[i], 0, grad_input=gradient)  # of ReLU, in place
    return grads[::-1]


_threshold_backward = torch.ops.aten.threshold_backward.grad_input
