"""The default network: a multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from focalsk.nets import _csr as csr

__all__ = ["FocalMLP"]


class FocalMLP(nn.Module):
    """Multi-layer perceptron: linear layers with ReLU and dropout between them.

    Weights start as those of :class:`torch.nn.Linear`.

    Parameters
    ----------
    n_features : int
        Number of input features D.
    n_outputs : int
        Number of logits C.
    hidden_layer_sizes : int or sequence of int, default=(10, 10)
        Width of each hidden layer; an empty sequence gives a linear model.
    dropout : float, default=0.0
        Probability of zeroing a hidden unit while training, in [0, 1).

    Examples
    --------
    >>> import torch
    >>> from focalsk.nets import FocalMLP
    >>> FocalMLP(n_features=4, n_outputs=3)(torch.zeros(5, 4)).shape
    torch.Size([5, 3])
    """

    accepts_sparse = True
    """Whether the first layer takes a CSR tensor as it is. A subclass says so for itself."""

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        hidden_layer_sizes: int | Sequence[int] = (10, 10),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if isinstance(hidden_layer_sizes, Sequence):
            hidden = list(hidden_layer_sizes)
        else:
            hidden = [hidden_layer_sizes]
        sizes = [n_features, *hidden, n_outputs]
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in pairwise(sizes))
        self.dropout = dropout

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Logits (B, C) of a batch (B, D), dense or CSR."""
        first: Any
        first, *others = self.layers
        h = csr.linear(input, first.weight, first.bias) if csr.is_csr(input) else first(input)
        for layer in others:
            h = F.relu(h)
            if self.training and self.dropout > 0:
                h = drop(h, self.dropout)
            h = layer(h)
        return h


def drop(h: torch.Tensor, p: float | torch.Tensor) -> torch.Tensor:
    """Dropout from one uniform draw per (sample, unit), the draw being independent of `p`.

    Nets that differ only in `p` therefore share one random stream, which lets them train side by
    side exactly as they would alone.
    """
    keep = torch.rand(h.shape, dtype=torch.float32, device=h.device) >= p
    return h * keep / (1 - p)


class StackedMLP(nn.Module):
    """Several :class:`FocalMLP` of one shape side by side: parameters with a leading model axis.

    The M nets form S streams of K: nets of a stream see the same samples. The batch axis comes
    last inside, where it is long and contiguous.

    Parameters
    ----------
    nets : sequence of M FocalMLP
        Stream by stream.
    n_streams : int, default=1
        Number of streams S; it divides M.

    Examples
    --------
    >>> import torch
    >>> from focalsk.nets import FocalMLP, StackedMLP
    >>> nets = [FocalMLP(n_features=4, n_outputs=3) for _ in range(6)]
    >>> StackedMLP(nets, n_streams=2)(torch.zeros(2, 5, 4)).shape  # M, C, B
    torch.Size([6, 3, 5])
    """

    class_dim = 1
    """Where its output has the classes."""

    accepts_sparse = True
    """Whether a batch may be a tuple of CSR tensors, one per stream."""

    def __init__(self, nets: Sequence[FocalMLP], n_streams: int = 1) -> None:
        super().__init__()
        layers = list(zip(*(net.layers for net in nets), strict=True))
        self.n_streams = n_streams
        self.weights = nn.ParameterList(
            torch.stack([layer.weight.detach() for layer in group]) for group in layers
        )  # each (M, out, in)
        self.biases = nn.ParameterList(
            torch.stack([layer.bias.detach()[:, None] for layer in group]) for group in layers
        )  # each (M, out, 1)
        dropout = torch.tensor([net.dropout for net in nets], dtype=torch.float64)
        self.dropout = bool(dropout.any())
        self.threshold: torch.Tensor
        self.kept: torch.Tensor
        dtype = self.weights[0].dtype
        self.register_buffer("threshold", dropout.to(torch.float32)[:, None, None])
        self.register_buffer("kept", (1 - dropout).to(dtype)[:, None, None])

    def forward(self, input: torch.Tensor | Sequence[torch.Tensor]) -> torch.Tensor:
        """Logits (M, C, B) of one batch per stream: (S, B, D), or S CSR tensors (B, D)."""
        drops = self.training and self.dropout
        if isinstance(input, torch.Tensor):
            if not drops:
                return _StackedLayers.apply(input.transpose(1, 2), *self.weights, *self.biases)
            h = _first_layer(input.transpose(1, 2), self.weights[0], self.biases[0])
        else:
            h = torch.cat([self._first_of(s, part) for s, part in enumerate(input)])
        for weight, bias in zip(list(self.weights)[1:], list(self.biases)[1:], strict=True):
            h = F.relu(h)
            h = torch.baddbmm(bias, weight, self._drop(h) if drops else h)
        return h

    def _first_of(self, stream: int, input: torch.Tensor) -> torch.Tensor:
        # As in _first_layer, for the nets of one stream and a CSR tensor: (K, out, B).
        weight = self.weights[0].chunk(self.n_streams)[stream]
        bias = self.biases[0].chunk(self.n_streams)[stream]
        wide = csr.linear(input, weight.flatten(0, 1), bias.flatten())
        return wide.T.reshape(*weight.shape[:2], -1)

    def _drop(self, h: torch.Tensor) -> torch.Tensor:
        # The draw of one net alone, shared by all: see `drop`.
        draw = torch.rand((h.shape[2], h.shape[1]), dtype=torch.float32, device=h.device).T
        return h * (draw >= self.threshold) / self.kept

    def logits(self, stream: int, input: torch.Tensor) -> torch.Tensor:
        """Logits (K, B, C) of the nets of one stream for samples (B, D), dense or CSR."""
        k = len(self.weights[0]) // self.n_streams
        nets = slice(stream * k, (stream + 1) * k)
        (first, shift), *others = zip(self.weights, self.biases, strict=True)
        if csr.is_csr(input):
            h = self._first_of(stream, input)
        else:
            h = torch.baddbmm(shift[nets], first[nets], input.T.expand(k, -1, -1))
        for weight, bias in others:
            h = torch.baddbmm(bias[nets], weight[nets], F.relu(h))
        return h.transpose(1, 2)


def _first_layer(input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    # The nets of a stream are one wide layer over its samples: (S, K * out, D) @ (S, D, B).
    n_streams, n_features, n_samples = input.shape
    wide = weight.view(n_streams, -1, n_features)
    h = torch.baddbmm(bias.view(n_streams, -1, 1), wide, input)
    return h.view(*weight.shape[:2], n_samples)


class _StackedLayers(torch.autograd.Function):
    """Linear layers of stacked nets with ReLU between them.

    What autograd would do, but in place: for hundreds of nets, fresh memory for every step of it
    would cost as much as the arithmetic. Once differentiable.
    """

    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, *params: torch.Tensor) -> torch.Tensor:
        weights, biases = params[: len(params) // 2], params[len(params) // 2 :]
        inputs = [input]  # of each layer: (S, D, B), then (M, H, B)
        h = _first_layer(input, weights[0], biases[0])
        for weight, bias in zip(weights[1:], biases[1:], strict=True):
            inputs.append(h.relu_())
            h = torch.baddbmm(bias, weight, h)
        ctx.save_for_backward(*inputs, *weights)
        return h

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        n_layers = len(ctx.saved_tensors) // 2
        inputs, weights = ctx.saved_tensors[:n_layers], ctx.saved_tensors[n_layers:]
        of_weights, of_biases = [], []
        for h, weight in zip(inputs[:0:-1], weights[:0:-1], strict=True):
            of_weights.append(torch.bmm(grad, h.transpose(1, 2)))
            of_biases.append(grad.sum(2, keepdim=True))
            grad = torch.bmm(weight.transpose(1, 2), grad)
            torch.ops.aten.threshold_backward.grad_input(grad, h, 0, grad_input=grad)
        wide = grad.view(inputs[0].shape[0], -1, grad.shape[2])
        of_weights.append(torch.bmm(wide, inputs[0].transpose(1, 2)).view(weights[0].shape))
        of_biases.append(grad.sum(2, keepdim=True))
        return None, *of_weights[::-1], *of_biases[::-1]


class VmapStack(nn.Module):
    """Several nets of any one module side by side, by :func:`torch.func.vmap`.

    Parameters
    ----------
    nets : sequence of M modules
        Of the same class and shapes, stream by stream.
    n_streams : int, default=1
        Number of streams S; it divides M.
    """

    class_dim = -1

    def __init__(self, nets: Sequence[nn.Module], n_streams: int = 1) -> None:
        super().__init__()
        params, buffers = torch.func.stack_module_state(list(nets))
        self.names = list(params)
        self.n_streams = n_streams
        self.params = nn.ParameterList(params.values())  # each (M, ...)
        self.buffer_names = list(buffers)
        for i, buffer in enumerate(buffers.values()):
            self.register_buffer(f"buffer{i}", buffer)
        # In a list, so that it is no submodule: only its code is of use.
        self.base = [nets[0]]

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Logits (M, B, C) of one batch per stream (S, B, ...)."""
        k = len(self.params[0]) // self.n_streams
        state = {
            name: value.unflatten(0, (self.n_streams, k)) for name, value in self._state().items()
        }
        inner = torch.func.vmap(self._one, in_dims=(0, None))  # over the nets of a stream
        return torch.func.vmap(inner)(state, input).flatten(0, 1)

    def logits(self, stream: int, input: torch.Tensor) -> torch.Tensor:
        """Logits (K, B, C) of the nets of one stream for samples (B, ...)."""
        k = len(self.params[0]) // self.n_streams
        nets = slice(stream * k, (stream + 1) * k)
        state = {name: value[nets] for name, value in self._state().items()}
        return torch.func.vmap(self._one, in_dims=(0, None))(state, input)

    def _state(self) -> dict[str, torch.Tensor]:
        buffers = {name: getattr(self, f"buffer{i}") for i, name in enumerate(self.buffer_names)}
        return dict(zip(self.names, self.params, strict=True)) | buffers

    def _one(self, state: dict[str, torch.Tensor], input: torch.Tensor) -> torch.Tensor:
        self.base[0].train(self.training)
        return torch.func.functional_call(self.base[0], state, (input,))
