"""The quick step of Adam: the optimizer's own, to the last bit."""

import copy

import pytest
import torch
from torch.optim import SGD, Adam, AdamW

from focalsk.nets._adam import quick_step


def parameters():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in ((3, 4), (3,))]


def set_gradients(params, seed):
    generator = torch.Generator().manual_seed(seed)
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator)


def pair(make):
    """The same optimizer twice, each with parameters of its own."""
    sides = []
    for _ in range(2):
        params = parameters()
        sides.append((params, make(params)))
    return sides


def assert_same(left, right):
    for p, q in zip(left[0], right[0], strict=True):
        assert torch.equal(p, q)
    states = (side[1].state_dict()["state"] for side in (left, right))
    for ours, theirs in zip(*(state.values() for state in states), strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(torch.as_tensor(ours[k]), torch.as_tensor(theirs[k])) for k in ours)


OPTIMIZERS = {
    "Adam": lambda p: Adam(p, lr=0.1, fused=True),
    "its options": lambda p: Adam(
        p, lr=0.1, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.2, maximize=True, fused=True
    ),
    "AdamW": lambda p: AdamW(p, lr=0.1, weight_decay=0.5, fused=True),
    "groups": lambda p: Adam(
        [{"params": p[:1], "lr": 1.0}, {"params": p[1:], "weight_decay": 0.5}], fused=True
    ),
    "not fused": lambda p: Adam(p, lr=0.1),
    "amsgrad": lambda p: Adam(p, lr=0.1, amsgrad=True, fused=True),
    "SGD": lambda p: SGD(p, lr=0.1, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_is_the_step_of_the_optimizer(name):
    ours, theirs = pair(OPTIMIZERS[name])
    step = quick_step(ours[1], ours[0])
    for i in range(6):
        if i == 2:  # rates may change at any time
            ours[1].param_groups[0]["lr"] = theirs[1].param_groups[0]["lr"] = 0.01
        if i == 4:  # and it may be made anew
            step = quick_step(ours[1], ours[0])
        for params, _ in (ours, theirs):
            set_gradients(params, i)
        step([p.grad for p in ours[0]])
        theirs[1].step()
        assert_same(ours, theirs)


def test_state_goes_on_in_the_optimizer_itself():
    ours, theirs = pair(OPTIMIZERS["Adam"])
    step = quick_step(ours[1], ours[0])
    for i in range(3):
        for params, _ in (ours, theirs):
            set_gradients(params, i)
        step([p.grad for p in ours[0]])
        theirs[1].step()
    loaded = OPTIMIZERS["Adam"](ours[0])
    loaded.load_state_dict(copy.deepcopy(ours[1].state_dict()))
    for optimizer in (loaded, theirs[1]):
        optimizer.step()
    assert_same((ours[0], loaded), theirs)


def test_hooks_and_schedulers_are_heard():
    params = parameters()
    optimizer = Adam(params, fused=True)
    heard = []
    handle = optimizer.register_step_post_hook(lambda *args: heard.append("post"))
    set_gradients(params, 0)
    quick_step(optimizer, params)([p.grad for p in params])
    handle.remove()
    assert heard == ["post"]
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    quick_step(optimizer, params)([p.grad for p in params])
    scheduler.step()  # warns if it has not seen the step
    assert optimizer.param_groups[0]["lr"] == 0.0005


def test_parameters_of_others_are_left_alone():
    params, other = parameters(), torch.ones(2, requires_grad=True)
    optimizer = Adam([*params, other], fused=True)
    for i in range(2):
        set_gradients(params, i)
        quick_step(optimizer, params)([p.grad for p in params])
    assert torch.equal(other, torch.ones(2))
    assert not optimizer.state.get(other)
