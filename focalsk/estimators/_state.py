"""Classifiers as a state without code, and back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from focalsk.estimators._building import module_params
from focalsk.nets import Weights, decode, encode_attributes, name_of, read_module, seeded

if TYPE_CHECKING:
    from focalsk.estimators._ensemble import FocalEnsembleClassifier

__all__ = ["from_plain", "plain_attributes"]

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
