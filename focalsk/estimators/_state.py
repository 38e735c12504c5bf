"""Classifiers as a state without code, and back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import nn

from focalsk.estimators._building import module_params
from focalsk.nets import (
    WEIGHTS,
    VmapStack,
    Weights,
    decode,
    encode_attributes,
    encode_weights,
    is_saving,
    read_module,
    seeded,
)

__all__ = ["from_plain", "plain_attributes", "plain_stack", "stack_from_plain"]

_HISTORY = "__history_of_net__"  # an estimator's history is its net's


def plain_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """An estimator's attributes as plain values where they are known, as they are otherwise."""
    kept = dict(attributes)
    history = kept.get("history_")
    shared = history is not None and history is getattr(kept.get("net_"), "history", None)
    if shared:
        kept.pop("history_")
    made = kept.pop("_made_from", None)
    state = encode_attributes(kept)
    if made is not None:
        state["_made_from"] = encode_attributes(made)
    return {**state, _HISTORY: True} if shared else state


def from_plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a state of :func:`plain_attributes`."""
    attributes = decode({name: value for name, value in state.items() if name != _HISTORY})
    if state.get(_HISTORY):
        attributes["history_"] = attributes["net_"].history
    return attributes


def plain_stack(state: dict[str, Any], stack: Any) -> dict[str, Any]:
    """An ensemble's state; into a file without code go a user's weights alone."""
    if is_saving() and isinstance(state.get("module_"), nn.Module):
        state["module_"] = encode_weights(stack)
    return state


def stack_from_plain(estimator: Any) -> None:
    """Build the stack of an ensemble whose module_ is weights alone."""
    weights = vars(estimator).get("module_")
    if not isinstance(weights, Weights):
        return
    net = module_params(estimator, estimator.n_features_in_, estimator._coding.n_outputs)
    module, given = net["module"], {k[8:]: v for k, v in net.items() if k != "module"}
    if not isinstance(module, nn.Module):
        with seeded(0, WEIGHTS):  # no global generator moves
            module = module(**given)
    tensors = list(weights["state"].values())
    nets = [copy.deepcopy(module) for _ in range(len(tensors[0]))]
    estimator.module_ = read_module(VmapStack(nets, n_streams=1), weights).eval()
