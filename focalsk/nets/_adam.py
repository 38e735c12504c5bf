"""Adam's step without the search for its tensors, which takes longer than a small net's update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, AdamW
from torch.optim import optimizer as _registry

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
            group = optimizer.param_groups[0]
            kernels.append(_kernel(optimizer, group, parameters))
        with torch.no_grad():
            kernels[0](grads)

    return quick


def _is_plain(optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]) -> bool:
    """Whether a step is the fused kernel on all parameters and nothing else."""
    if type(optimizer) not in (Adam, AdamW):
        return False
    special = ("step", "grad_scale", "found_inf")  # schedulers wrap `step`, scalers set the others
    hooks = (
        optimizer._optimizer_step_pre_hooks,
        optimizer._optimizer_step_post_hooks,
        _registry._global_optimizer_pre_hooks,
        _registry._global_optimizer_post_hooks,
    )
    if any(name in vars(optimizer) for name in special) or any(hooks):
        return False
    if len(optimizer.param_groups) > 1:
        return False
    group = optimizer.param_groups[0]
    theirs = {id(p) for p in group["params"]}
    options = group["fused"] and not (group["amsgrad"] or group["capturable"])
    return theirs == {id(p) for p in parameters} and options


def _kernel(
    optimizer: torch.optim.Optimizer, group: dict[str, Any], parameters: Sequence[Tensor]
) -> Update:
    """The step of a group with these parameters, which all have a state."""
    params = list(parameters)
    states = [optimizer.state[p] for p in params]
    means, squares = ([s[name] for s in states] for name in ("exp_avg", "exp_avg_sq"))
    # One addition counts all steps, as they become views of one tensor.
    counts = torch.stack([s["step"] for s in states])
    one = torch.ones_like(counts[0])
    steps = [counts[i] for i in range(len(states))]
    for state, count in zip(states, steps, strict=True):
        state["step"] = count
    decoupled = group.get("decoupled_weight_decay", isinstance(optimizer, AdamW))
    kernel = torch._fused_adamw_ if decoupled else torch._fused_adam_

    def update(grads: Any) -> None:
        counts.add_(one)
        beta1, beta2 = group["betas"]
        kernel(
            params,
            grads,
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
