"""Optimizers of torch as arrays, numbers and strings, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch

from focalsk.nets._plain import NotPlain, decode, encode, known, name_of, name_of_known

__all__ = ["encode_optimizer", "make_optimizer"]


def encode_optimizer(optimizer: Any, parameters: list[Any]) -> dict[str, Any]:
    """An optimizer of torch's; its parameters are known by their place in a list."""
    name = name_of_known(type(optimizer))
    if name is None:
        raise NotPlain(name_of(optimizer))
    place = {id(parameter): i for i, parameter in enumerate(parameters)}
    kept = optimizer.__getstate__()
    used = [p for group in kept["param_groups"] for p in group["params"]]
    if kept.keys() != {"defaults", "state", "param_groups"} or any(
        id(p) not in place for p in [*used, *kept["state"]]
    ):
        raise NotPlain(f"{name} over other parameters than the net's")
    groups = [
        {**group, "params": [place[id(p)] for p in group["params"]]}
        for group in kept["param_groups"]
    ]
    return {
        "name": name,
        "defaults": encode(kept["defaults"], strict=True),
        "groups": encode(groups, strict=True),
        "places": [place[id(p)] for p in kept["state"]],
        "state": [encode(dict(entry), strict=True) for entry in kept["state"].values()],
    }


def make_optimizer(state: Mapping[str, Any], parameters: list[Any]) -> Any:
    """What :func:`encode_optimizer` was given, over the parameters of a list."""
    kind = known(state["name"])
    if not issubclass(kind, torch.optim.Optimizer):
        raise ValueError(f"A state names {state['name']!r}, which is no optimizer.")
    optimizer = kind.__new__(kind)
    groups = decode(state["groups"])
    for group in groups:
        group["params"] = [parameters[i] for i in group["params"]]
    entries: Any = defaultdict(dict)
    for i, entry in zip(state["places"], state["state"], strict=True):
        entries[parameters[i]] = decode(entry)
    optimizer.__setstate__(
        {"defaults": decode(state["defaults"]), "state": entries, "param_groups": groups}
    )
    return optimizer
