"""Adam's step without the search for its tensors, which takes longer than a small net's update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, AdamW

from focalsk._compat._torch import fused_adam_kernel, is_optimizer_hooked

__all__ = ["quick_step"]

Update = Callable[[Sequence[Tensor]], Any]


def quick_step(optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]) -> Update:
    """A function of the gradients that does as ``optimizer.step()``, and quicker for fused Adam.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Looked at now: the function is good until its state is replaced or a hook added. Its state
        stays what it always is, and learning rates and the like are read at every step.
    parameters : sequence of Tensor
        All that it trains.

    Returns
    -------
    callable
        Of a contiguous gradient for each of the parameters, in their order.
    """

    def step(grads: Sequence[Tensor]) -> None:
        for p, grad in zip(parameters, grads, strict=True):
            p.grad = grad
        optimizer.step()

    if not _is_plain(optimizer, parameters):
        return step
    kernels: list[Update] = []

    def quick(grads: Sequence[Tensor]) -> None:
        if not kernels:
            if not all(optimizer.state.get(p) for p in parameters):
                step(grads)  # which makes the state
                return
            place = {id(p): i for i, p in enumerate(parameters)}
            kernels.extend(_kernel(optimizer, group, place) for group in optimizer.param_groups)
        with torch.no_grad():
            for kernel in kernels:
                kernel(grads)

    return quick


def _is_plain(optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]) -> bool:
    """Whether a step is the fused kernel on all parameters and nothing else."""
    if type(optimizer) not in (Adam, AdamW):
        return False
    special = ("step", "grad_scale", "found_inf")  # schedulers wrap `step`, scalers set the others
    if any(name in vars(optimizer) for name in special) or is_optimizer_hooked(optimizer):
        return False
    if fused_adam_kernel(False) is None or fused_adam_kernel(True) is None:
        return False
    groups = [group for group in optimizer.param_groups if group["params"]]
    theirs = {id(p) for group in groups for p in group["params"]}
    return theirs == {id(p) for p in parameters} and all(
        group["fused"] and not (group["amsgrad"] or group["capturable"]) for group in groups
    )


def _kernel(
    optimizer: torch.optim.Optimizer, group: dict[str, Any], place: dict[int, int]
) -> Update:
    """The step of a group of parameters, which all have a state and a place in the gradients."""
    params = group["params"]
    if not params:
        return lambda grads: None
    places = [place[id(p)] for p in params]
    states = [optimizer.state[p] for p in params]
    means, squares = ([s[name] for s in states] for name in ("exp_avg", "exp_avg_sq"))
    # One addition counts all steps, as they become views of one tensor.
    counts = torch.stack([s["step"] for s in states])
    one = torch.ones_like(counts[0])
    steps = [counts[i] for i in range(len(states))]
    for state, count in zip(states, steps, strict=True):
        state["step"] = count
    decoupled = group.get("decoupled_weight_decay", isinstance(optimizer, AdamW))
    kernel: Any = fused_adam_kernel(decoupled)

    def update(grads: Any) -> None:
        counts.add_(one)
        beta1, beta2 = group["betas"]
        kernel(
            params,
            [grads[i] for i in places],
            means,
            squares,
            [],
            steps,
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=group["maximize"],
        )

    return update
