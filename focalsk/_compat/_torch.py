"""Private names of torch. Where one is missing, what is public does the same in more time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as _modules
from torch.optim import optimizer as _optimizers

__all__ = [
    "any_module_hook",
    "apply_directly",
    "fused_adam_kernel",
    "is_functorch_active",
    "is_hooked",
    "is_optimizer_hooked",
    "relu_backward_",
    "takes_lazy_parameters",
]

_MODULE_HOOKS = [
    f"_{name}_hooks" for name in ("forward", "forward_pre", "backward", "backward_pre")
]
_OPTIMIZER_HOOKS = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
_ALL_OPTIMIZER_HOOKS = ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks")


def _holds_any(owner: Any, names: Any) -> bool:
    # What cannot be looked up may well be there.
    return any(getattr(owner, name, True) for name in names)


def any_module_hook() -> bool:
    """Whether hooks are set for all modules (`register_module_forward_hook` and its like).

    Nothing public tells. True where torch no longer keeps them under the names known here, so that
    modules are called and not read.
    """
    return _holds_any(_modules, [f"_global{name}" for name in _MODULE_HOOKS])


def is_hooked(value: nn.Module | Tensor) -> bool:
    """Whether a module or a parameter has hooks of its own, which want to be called.

    Nothing public tells. A module whose `forward` was replaced counts as hooked.
    """
    if isinstance(value, nn.Module):
        return "forward" in vars(value) or _holds_any(value, _MODULE_HOOKS)
    after = getattr(value, "_post_accumulate_grad_hooks", None)  # from torch 2.1 on
    return bool(getattr(value, "_backward_hooks", True) or after)


def is_optimizer_hooked(optimizer: torch.optim.Optimizer) -> bool:
    """Whether an optimizer, or every optimizer, has hooks around its step.

    Nothing public tells.
    """
    return _holds_any(optimizer, _OPTIMIZER_HOOKS) or _holds_any(_optimizers, _ALL_OPTIMIZER_HOOKS)


def fused_adam_kernel(decoupled: bool) -> Callable[..., None] | None:
    """The kernel of Adam's, or AdamW's, fused step; None where it goes by another name.

    Public is ``torch.optim.adam.adam(..., fused=True)``, which takes three times as long on the
    parameters of a small net.
    """
    return getattr(torch, "_fused_adamw_" if decoupled else "_fused_adam_", None)


def takes_lazy_parameters() -> bool:
    """Whether a fused optimizer can be made before the first batch gives parameters their shape.

    Nothing public tells; torch 2.4 looks at their type, which they refuse.
    """
    try:
        torch.is_floating_point(nn.UninitializedParameter())
    except ValueError:
        return False
    return True


def relu_backward_(gradient: Tensor, output: Tensor) -> Tensor:
    """Set a gradient to 0, in place, where the output of a ReLU is.

    Public is ``gradient.mul_(output > 0)``, in two passes.
    """
    if _threshold_backward is None:
        return gradient.mul_(output > 0)
    return _threshold_backward(gradient, output, 0, grad_input=gradient)


_threshold_backward = getattr(
    getattr(torch.ops.aten, "threshold_backward", None), "grad_input", None
)  # looked up once: that takes as long as a small gradient


def is_functorch_active() -> bool:
    """Whether `torch.func` is transforming what runs.

    Nothing public tells. True where this cannot be found out: what is written for transforms is
    right without them too.
    """
    try:
        return torch._C._are_functorch_transforms_active()
    except AttributeError:
        return True


def apply_directly(function: Any, *args: Any) -> Any:
    """``function.apply(*args)`` of an autograd Function, without a look at its signature.

    The look takes longer than a small loss. Public is `apply`.
    """
    try:
        apply = super(torch.autograd.Function, function).apply
    except AttributeError:
        apply = function.apply
    return apply(*args)
