"""Many nets of one shape as one module, its parameters with a leading model axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.nn import functional as F

from focalsk.nets import _csr as csr
from focalsk.nets._mlp import FocalMLP, expand, limit, random_units

__all__ = ["StackedMLP", "VmapStack"]

Drop: TypeAlias = Callable[[int], tuple[torch.Tensor, Any]]
"""Of a number of hidden units H: what to multiply them by, (S, K or 1, H, B) with zeros for what is
dropped, and the factor of the others, a number or (M, 1, 1).
"""


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

    accepts_sparse = True
    """Whether a batch may be a tuple of CSR tensors, one per stream."""

    def __init__(self, nets: Sequence[FocalMLP], n_streams: int = 1) -> None:
        super().__init__()
        layers = list(zip(*(net.layers for net in nets), strict=True))
        self.n_streams = n_streams
        self.n_features, self.n_numbers = nets[0].n_features, nets[0].n_numbers
        self.frequencies, self.phases = nets[0].frequencies, nets[0].phases
        self.weights = nn.ParameterList(
            torch.stack([layer.weight.detach() for layer in group]) for group in layers
        )  # each (M, out, in)
        self.biases = nn.ParameterList(
            torch.stack([layer.bias.detach()[:, None] for layer in group]) for group in layers
        )  # each (M, out, 1)
        rates = [net.dropout for net in nets]
        self.dropout = any(rates)
        self.is_one_rate = len(set(rates)) == 1
        self.limit: torch.Tensor
        self.factor: torch.Tensor
        limits = torch.tensor([limit(rate) for rate in rates], dtype=torch.int16)
        factors = torch.tensor([1 / (1 - rate) for rate in rates], dtype=self.weights[0].dtype)
        self.register_buffer("limit", limits[:, None, None])
        self.register_buffer("factor", factors[:, None, None])

    def forward(
        self, input: torch.Tensor | Sequence[torch.Tensor], drop: Drop | None = None
    ) -> torch.Tensor:
        """Logits (M, C, B) of one batch per stream: (S, B, D), or S CSR tensors (B, D)."""
        if isinstance(input, torch.Tensor):
            h = first_layer(self.expand(input), self.weights[0], self.biases[0])
        else:
            h = torch.cat([self._first_of(s, part) for s, part in enumerate(input)])
        for weight, bias in zip(list(self.weights)[1:], list(self.biases)[1:], strict=True):
            h = F.relu(h)
            if drop is not None:
                h = (h.unflatten(0, (self.n_streams, -1)) * drop(h.shape[1])[0]).flatten(0, 1)
            h = torch.baddbmm(bias, weight, h)
        return h

    def expand(self, input: torch.Tensor) -> torch.Tensor:
        """What the first layers take (S, inputs, B) of samples (S, B, D)."""
        X = input.transpose(1, 2)
        return expand(X, self) if self.frequencies else X

    def _first_of(self, stream: int, input: torch.Tensor) -> torch.Tensor:
        # As in first_layer, for the nets of one stream and a CSR tensor: (K, out, B).
        weight = self.weights[0].chunk(self.n_streams)[stream]
        bias = self.biases[0].chunk(self.n_streams)[stream]
        wide = csr.linear(input, weight.flatten(0, 1), bias.flatten())
        return wide.T.reshape(*weight.shape[:2], -1)

    def drop(self, sizes: Sequence[int], generators: Sequence[torch.Generator]) -> Drop | None:
        """Dropout of one batch per stream, of `sizes` samples, drawn as the nets do alone."""
        if not self.dropout:
            return None
        device, dtype = self.limit.device, self.factor.dtype
        parts = (self.limit, self.factor)
        if self.is_one_rate:
            limit, factor = (part[:1, None] for part in parts)
        else:
            limit, factor = (part.unflatten(0, (self.n_streams, -1)) for part in parts)

        def draw(n_units: int) -> tuple[torch.Tensor, torch.Tensor]:
            drawn = [
                random_units(size, n_units, device, generator)
                for size, generator in zip(sizes, generators, strict=True)
            ]
            padded = nn.utils.rnn.pad_sequence(drawn, batch_first=True)  # (S, B, H)
            keep = padded[:, None].mT >= limit  # (S, K or 1, H, B)
            scale = keep.to(dtype, memory_format=torch.contiguous_format).mul_(factor)
            return scale, self.factor

        return draw

    def logits(self, stream: int, input: torch.Tensor) -> torch.Tensor:
        """Logits (K, B, C) of the nets of one stream for samples (B, D), dense or CSR."""
        k = len(self.weights[0]) // self.n_streams
        nets = slice(stream * k, (stream + 1) * k)
        (first, shift), *others = zip(self.weights, self.biases, strict=True)
        if csr.is_csr(input):
            h = self._first_of(stream, input)
        else:
            h = first_layer(self.expand(input[None]), first[nets], shift[nets])
        for weight, bias in others:
            h = torch.baddbmm(bias[nets], weight[nets], F.relu(h))
        return h.transpose(1, 2)


def first_layer(input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Units (M, out, B) of samples (S, D, B): the nets of a stream are one wide layer over them."""
    n_streams, n_features, n_samples = input.shape
    wide = weight.reshape(n_streams, -1, n_features)  # (S, K * out, D)
    h = torch.baddbmm(bias.reshape(n_streams, -1, 1), wide, input)
    return h.view(*weight.shape[:2], n_samples)


class VmapStack(nn.Module):
    """Several nets of any one module side by side, by :func:`torch.func.vmap`.

    Parameters
    ----------
    nets : sequence of M modules
        Of the same class and shapes, stream by stream.
    n_streams : int, default=1
        Number of streams S; it divides M.
    """

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
        """Logits (M, C, B) of one batch per stream (S, B, ...)."""
        k = len(self.params[0]) // self.n_streams
        state = {
            name: value.unflatten(0, (self.n_streams, k)) for name, value in self._state().items()
        }
        inner = torch.func.vmap(self._one, in_dims=(0, None))  # over the nets of a stream
        return torch.func.vmap(inner)(state, input).flatten(0, 1).transpose(1, 2)

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
