"""A net as a state without code, and back: see :mod:`focalsk.nets._plain`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from focalsk._compat._skorch import component_names, optimizer_names, usual_virtual_params
from focalsk.nets._batches import WEIGHTS, seeded
from focalsk.nets._plain import (
    NotPlain,
    Weights,
    decode,
    encode,
    encode_attributes,
    encode_weights,
    here,
    is_saving,
    read_module,
)
from focalsk.nets._plain_optimizer import encode_optimizer, make_optimizer

__all__ = ["is_plain", "plain_state", "set_plain_state"]

_PLAIN = "__plain__"  # the parts of a net, which no attribute is called


def plain_state(net: Any) -> dict[str, Any] | None:
    """Attributes of a net as plain values; None if it holds what is not known.

    On the way into a file without code there is always a state: modules of the user's leave their
    weights, and other objects stand as they are.
    """
    strict = not is_saving()
    own = vars(net).copy()
    try:
        parts = _take_parts(net, own)
        state = encode_attributes(own, strict)
    except NotPlain:
        if strict:
            return None
        raise
    return {**state, _PLAIN: parts}


def is_plain(state: Mapping[str, Any]) -> bool:
    """Whether a state is one of :func:`plain_state`."""
    return _PLAIN in state


def _take_parts(net: Any, own: dict[str, Any]) -> dict[str, Any]:
    """Take the modules, criteria and optimizers out of a net's attributes."""
    parts: dict[str, Any] = {"components": {}, "optimizers": {}, "same": [], "virtual": False}
    parameters = _parameters(net)
    for name in component_names(net):
        if not isinstance(own.get(name), nn.Module):
            continue
        component = own.pop(name)
        state, whole = _encode_component(component, name)
        parts["components"][name] = state
        if own.get(name[:-1]) is component:  # the instance that was given
            parts["same"].append(name)
            if whole:
                own.pop(name[:-1])
    for name in (f"{name}_" for name in optimizer_names(net)):
        if isinstance(own.get(name), torch.optim.Optimizer):
            parts["optimizers"][name] = encode_optimizer(own.pop(name), parameters)
    usual = usual_virtual_params(net)
    virtual = own.get("virtual_params_", {})
    if virtual and list(map(_setter, virtual.items())) == list(map(_setter, usual.items())):
        parts["virtual"] = True
        own.pop("virtual_params_")
    return parts


def _setter(item: tuple[str, Any]) -> tuple[Any, ...]:
    pattern, setter = item
    return pattern, getattr(setter, "func", setter), getattr(setter, "keywords", None)


def _encode_component(component: nn.Module, name: str) -> tuple[Any, bool]:
    """A module's state, and whether it is all there is to the module."""
    if is_saving():  # torch.compile's wrapper is made again
        component = getattr(component, "_orig_mod", component)
    try:
        return encode(component, strict=True), True
    except NotPlain:
        if is_saving() and name == "module_":
            return encode_weights(component), False
        raise


def _parameters(net: Any) -> list[Any]:
    """All parameters of a net's modules and criteria, each once."""
    parts = (getattr(net, name, None) for name in component_names(net))
    found = (p for part in parts if isinstance(part, nn.Module) for p in part.parameters())
    return list({id(p): p for p in found}.values())


def set_plain_state(net: Any, state: Mapping[str, Any]) -> None:
    """Set a net's attributes by a state of :func:`plain_state`.

    Raises ValueError for a user's module that is not given, or does not fit the weights.
    """
    parts = state[_PLAIN]
    vars(net).update(decode({name: value for name, value in state.items() if name != _PLAIN}))
    device = vars(net).get("device")
    if isinstance(device, str):
        net.device = str(here(device))
    for name, component in parts["components"].items():
        component = decode(component)
        if isinstance(component, Weights):
            component = read_module(_build(net), component)
        if net.compile:
            component = net.torch_compile(component, name=name[:-1])
        vars(net)[name] = component
        if name in parts["same"]:
            vars(net)[name[:-1]] = component
    parameters = _parameters(net)
    for name, optimizer in parts["optimizers"].items():
        vars(net)[name] = make_optimizer(optimizer, parameters)
    if parts["virtual"]:
        net.virtual_params_ = usual_virtual_params(net)


def _build(net: Any) -> nn.Module:
    """A new module by the parameters of a net."""
    if isinstance(net.module, nn.Module):
        return copy.deepcopy(net.module)
    if isinstance(net.module, type) and not issubclass(net.module, nn.Module):
        raise ValueError(f"A state names {net.module.__name__} for a module.")
    with seeded(net.random_state or 0, WEIGHTS):  # no global generator moves
        return net.module(**net.get_params_for("module"))
