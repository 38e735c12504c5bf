"""Training steps with the gradient written by hand, without autograd's tape.

A small net is done with its arithmetic sooner than autograd with its records of it. For linear
layers with ReLU and dropout between them and focalsk's own losses, the gradient takes as many
operations as it has terms. All nets go through the same lines: the layers have a leading model
axis, and one net is a stack of one. Axes: M models in S streams, B samples, D features, C classes;
the batch axis comes last, where it is long and contiguous.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from focalsk._compat._torch import any_module_hook, is_hooked, relu_backward_
from focalsk.losses import SigmoidFocalLoss
from focalsk.nets._mlp import FocalMLP, expand, limit, random_units
from focalsk.nets._stacked_loss import StackedLoss, can_stack, stack_losses
from focalsk.nets._stacked_modules import Drop, StackedMLP

__all__ = ["layers_of_stack", "manual_step", "plain_forward", "stacked_step"]

Step = Callable[..., tuple[Tensor, list[Tensor]]]
"""Of samples (B, D), targets (B,) and perhaps weights (B,): the mean loss (1,) and the gradients
of the parameters, in the order of ``module.parameters()``.
"""


class Layers:
    """Stacked linear layers, of S streams of nets, as a step needs them.

    What a step computes lies where that of the step before it lay: memory that is fresh costs more
    than most of the operations.

    Parameters
    ----------
    weights, biases : lists of Tensors of shapes (M, out, in) and (M, out, 1)
        Those of each layer.
    n_streams : int
        Number of streams S.
    """

    def __init__(self, weights: list[Tensor], biases: list[Tensor], n_streams: int) -> None:
        self.weights, self.biases, self.n_streams = weights, biases, n_streams
        self.first = self.wide(weights[0])
        self.others = list(zip(weights[1:], biases[1:], strict=True))
        self.transposed = [weight.transpose(1, 2) for weight in weights[1:]]
        self.rooms: dict[int, Room] = {}
        self.grads: list[Tensor] = []

    def wide(self, values: Tensor) -> Tensor:
        """The units of a stream's nets side by side, as one wide layer: (S, K * out, n)."""
        return values.view(self.n_streams, -1, values.shape[2])

    def room(self, n_samples: int) -> Room:
        """Where to compute for a batch."""
        room = self.rooms.get(n_samples)
        if room is None:
            largest = max(self.rooms, default=0)
            whole = self.rooms[largest] if largest > n_samples else None
            room = self.rooms[n_samples] = Room(self, n_samples, whole)
        return room

    def logits(self, X: Tensor, drop: Drop | None = None) -> tuple[Tensor, list[Any]]:
        """Logits (M, C, B) of samples (S, D, B), and what `gradients` needs to know.

        That is the samples, and the factor that dropout has put on each hidden layer. All of it is
        good until the next call.
        """
        room = self.room(X.shape[2])
        torch.bmm(self.first, X, out=room.first)
        h = room.units[0].add_(self.biases[0])
        way: list[Any] = [X]
        for (weight, bias), out in zip(self.others, room.units[1:], strict=True):
            h.relu_()
            factor = None
            if drop is not None:
                scale, factor = drop(h.shape[1])
                h.view(self.n_streams, -1, *h.shape[1:]).mul_(scale)
            way.append(factor)
            h = torch.bmm(weight, h, out=out).add_(bias)
        return h, way

    def gradients(self, gradient: Tensor, way: list[Any]) -> list[Tensor]:
        """Gradients of each layer's weights and biases, from that of the logits (M, C, B).

        They are good until the next call.
        """
        if not self.grads:
            pairs = zip(self.weights, self.biases, strict=True)
            self.grads = [torch.empty_like(value) for pair in pairs for value in pair]
            self.first_grad = self.wide(self.grads[0])
        room = self.room(gradient.shape[2])
        for i in range(len(self.others), 0, -1):
            torch.sum(gradient, 2, keepdim=True, out=self.grads[2 * i + 1])
            torch.bmm(gradient, room.transposed[i - 1], out=self.grads[2 * i])
            gradient = torch.bmm(self.transposed[i - 1], gradient, out=room.gradients[i - 1])
            relu_backward_(gradient, room.units[i - 1])
            if way[i] is not None:
                gradient.mul_(way[i])
        torch.sum(gradient, 2, keepdim=True, out=self.grads[1])
        torch.bmm(self.wide(gradient), way[0].transpose(1, 2), out=self.first_grad)
        return self.grads


class Room:
    """Where a step computes: each layer's units (M, out, B), and gradients of hidden ones.

    A smaller batch computes in a part of the room that a larger one has.
    """

    def __init__(self, layers: Layers, n_samples: int, whole: Room | None) -> None:
        self.layers, self.n_samples, self.whole = layers, n_samples, whole
        shapes = [(*weight.shape[:2], n_samples) for weight in layers.weights]
        self.units = [self._part(shape, "units", i) for i, shape in enumerate(shapes)]
        self.first = layers.wide(self.units[0])

    @cached_property
    def transposed(self) -> list[Tensor]:
        return [h.transpose(1, 2) for h in self.units]

    @cached_property
    def gradients(self) -> list[Tensor]:
        hidden = self.units[:-1]
        return [self._part(h.shape, "gradients", i) for i, h in enumerate(hidden)]

    def _part(self, shape: Sequence[int], name: str, i: int) -> Tensor:
        if self.whole is None:
            return self.layers.first.new_empty(shape)
        return getattr(self.whole, name)[i].view(-1)[: math.prod(shape)].view(shape)

    def scratch(self, values_per_sample: int) -> Tensor | None:
        """Room for so many values per net and sample, the same at each call; None for none."""
        if self._scratch is None and values_per_sample:
            n_values = len(self.units[0]) * self.n_samples * values_per_sample
            if self.whole is None:
                self._scratch = self.layers.first.new_empty(n_values)
            else:
                self._scratch = self.whole.scratch(values_per_sample)
        return self._scratch

    _scratch: Tensor | None = None


def stacked_step(
    layers: Layers,
    loss: StackedLoss,
    X: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    n_samples: Tensor | None = None,
    drop: Drop | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Losses (M,) of a batch (S, D, B) and the gradients of each layer's weights and biases.

    `target`, `weight` and `n_samples` are as for :class:`StackedLoss`. The gradients are good until
    the next step.
    """
    with torch.no_grad():
        logits, way = layers.logits(X, drop)
        scratch = layers.room(X.shape[2]).scratch(loss.scratch_values)
        losses, gradient = loss.forward(logits, target, weight, n_samples, scratch)
        return losses, layers.gradients(gradient, way)


def layers_of_stack(module: StackedMLP) -> tuple[Layers, list[Any]]:
    """The layers of a stack, and its parameters in the order of their gradients."""
    params = [p for pair in zip(module.weights, module.biases, strict=True) for p in pair]
    values = [p.detach() for p in params]
    return Layers(values[::2], values[1::2], module.n_streams), params


# One net ------------------------------------------------------------------------------------------


def plain_forward(module: Any, X: Any) -> Tensor | None:
    """Logits (B, C) of samples (B, D) when not training, without autograd.

    None unless the module is a FocalMLP without hooks and X is a dense tensor that it takes.
    """
    linear = _plain_layers(module)
    if not linear or not isinstance(X, Tensor) or X.layout != torch.strided:
        return None
    if torch.is_autocast_enabled(X.device.type):
        return None
    first = linear[0].weight
    if X.shape[1:] != (module.n_features,) or X.dtype != first.dtype or X.device != first.device:
        return None
    with torch.no_grad():
        logits, _ = _as_stack(linear).logits(_inputs(module, X))
    return logits[0].t()


def manual_step(module: Any, criterion: nn.Module, X: Any, y: Any) -> Step | None:
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
        None if only autograd will do: for another module or loss, hooks, or parameters that are
        not all trained.
    """
    linear = _plain_layers(module)
    if not linear or is_hooked(criterion):
        return None
    n_features, n_outputs = module.n_features, linear[-1].out_features
    if not can_stack(criterion, n_outputs) or not _fits(X, y, n_features, n_outputs, criterion):
        return None
    params = [p for layer in linear for p in (layer.weight, layer.bias)]
    if not all(map(_is_plainly_trained, params)):
        return None
    loss = stack_losses([criterion], 1, n_outputs, params[0].dtype).to(params[0].device)
    layers = _as_stack(linear)
    views: list[Tensor] = []

    def step(X: Tensor, y: Tensor, weight: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        weight = None if weight is None else weight.unsqueeze(0)
        drop = None
        if module.training and module.dropout:
            drop = partial(_drop_of_one, len(X), module.dropout, params[0])
        X, y = _inputs(module, X), y.unsqueeze(0)
        losses, grads = stacked_step(layers, loss, X, y, weight, drop=drop)
        if not views:  # of gradients that stay where they are
            views.extend(grad.view_as(p) for grad, p in zip(grads, params, strict=True))
        return losses.squeeze_(0), views

    return step


def _drop_of_one(n_samples: int, p: float, like: Tensor, n_units: int) -> tuple[Tensor, float]:
    keep = random_units(n_samples, n_units, like.device) >= limit(p)
    factor = 1 / (1 - p)
    scale = keep.t().to(like.dtype, memory_format=torch.contiguous_format).mul_(factor)
    return scale, factor


def _inputs(module: Any, X: Tensor) -> Tensor:
    """What the first layer takes (1, inputs, B) of samples (B, D)."""
    X = X.t()
    return (expand(X, module) if module.frequencies else X).unsqueeze(0)


def _as_stack(linear: Sequence[nn.Linear]) -> Layers:
    values = [(layer.weight.detach(), layer.bias.detach()) for layer in linear]
    return Layers([w[None] for w, _ in values], [b[None, :, None] for _, b in values], 1)


def _plain_layers(module: nn.Module) -> list[Any]:
    """The linear layers of a FocalMLP that does nothing but apply them; none of another module."""
    if type(module) is not FocalMLP:
        return []
    layers = list(module.layers.children())
    if not all(type(layer) is nn.Linear and layer.bias is not None for layer in layers):
        return []
    activations = list(module.activations.children())
    if not all(type(activation) is nn.ReLU for activation in activations):
        return []
    parts = (module, module.layers, *layers, *activations)
    if any_module_hook() or any(map(is_hooked, parts)):
        return []
    return layers


def _is_plainly_trained(parameter: Tensor) -> bool:
    return parameter.requires_grad and not is_hooked(parameter)


def _fits(X: Any, y: Any, n_features: int, n_outputs: int, criterion: nn.Module) -> bool:
    """Whether samples are rows of numbers, with a class each or with labels that are 0 or 1."""
    if getattr(X, "layout", torch.strided) != torch.strided or not isinstance(y, Tensor):
        return False
    if X.shape[1:] != (n_features,) or not len(y) or torch.is_autocast_enabled(y.device.type):
        return False
    if y.dim() == 2 and type(criterion) is SigmoidFocalLoss:
        return y.shape[1] == n_outputs and y.is_floating_point() and _within(y, 1)
    indices = y.dim() == 1 and y.dtype == torch.int64 and type(criterion) is not SigmoidFocalLoss
    return indices and _within(y, n_outputs - 1)


def _within(values: Tensor, high: int) -> bool:
    least, most = values.aminmax()
    return bool(least >= 0 and most <= high)
