"""What happens if a private name of torch goes: the public way does the same."""

import pytest
import torch
from torch import nn
from torch.optim import optimizer as registry

from focalsk._compat import _torch as compat


def test_the_kernels_of_adam_are_there_or_none(monkeypatch):
    assert compat.fused_adam_kernel(False) is torch._fused_adam_
    assert compat.fused_adam_kernel(True) is torch._fused_adamw_
    monkeypatch.delattr(torch, "_fused_adam_")
    monkeypatch.delattr(torch, "_fused_adamw_")
    assert compat.fused_adam_kernel(False) is compat.fused_adam_kernel(True) is None


@pytest.mark.parametrize("missing", [False, True])
def test_the_gradient_of_a_relu(monkeypatch, missing):
    if missing:
        monkeypatch.setattr(compat, "_threshold_backward", None)
    output = torch.tensor([[0.0, 2.0], [1e-9, 0.0]])
    gradient = torch.tensor([[1.0, 2.0], [3.0, -4.0]])
    assert compat.relu_backward_(gradient, output) is gradient
    assert gradient.tolist() == [[0.0, 2.0], [3.0, 0.0]]


def test_a_transform_is_seen_and_suspected(monkeypatch):
    seen = []
    torch.func.vmap(lambda x: seen.append(compat.is_functorch_active()) or x)(torch.zeros(2))
    assert seen == [True]
    assert not compat.is_functorch_active()
    monkeypatch.delattr(torch._C, "_are_functorch_transforms_active")
    assert compat.is_functorch_active()


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad


def test_a_function_is_applied():
    x = torch.ones(2, requires_grad=True)
    compat.apply_directly(Double, x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_hooks_of_modules_and_parameters_are_seen():
    layer = nn.Linear(2, 2)
    for value, register in [
        (layer, layer.register_forward_hook),
        (layer, layer.register_forward_pre_hook),
        (layer, layer.register_full_backward_hook),
        (layer, layer.register_full_backward_pre_hook),
        (layer.weight, layer.weight.register_hook),
        (layer.weight, layer.weight.register_post_accumulate_grad_hook),
    ]:
        assert not compat.is_hooked(value)
        handle = register(lambda *args: None)
        assert compat.is_hooked(value)
        handle.remove()
    layer.forward = layer.forward
    assert compat.is_hooked(layer)


def test_hooks_of_all_modules_are_seen_and_suspected(monkeypatch):
    assert not compat.any_module_hook()
    handle = nn.modules.module.register_module_forward_hook(lambda *args: None)
    assert compat.any_module_hook()
    handle.remove()
    monkeypatch.delattr(nn.modules.module, "_global_forward_hooks")
    assert compat.any_module_hook()


def test_hooks_of_optimizers_are_seen_and_suspected(monkeypatch):
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    assert not compat.is_optimizer_hooked(optimizer)
    for register in (
        optimizer.register_step_pre_hook,
        optimizer.register_step_post_hook,
        registry.register_optimizer_step_pre_hook,
        registry.register_optimizer_step_post_hook,
    ):
        handle = register(lambda *args: None)
        assert compat.is_optimizer_hooked(optimizer)
        handle.remove()
    monkeypatch.delattr(registry, "_global_optimizer_pre_hooks")
    assert compat.is_optimizer_hooked(optimizer)
