"""Private names of skorch that FocalNet calls.

Of the methods that FocalNet overrides, `_default_callbacks` and `_set_training` are private too: a
version of skorch that no longer calls them would train with its own callbacks, or in its own modes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from skorch.setter import optimizer_setter

__all__ = ["component_names", "optimizer_names", "usual_virtual_params"]


def optimizer_names(net: Any) -> list[str]:
    """Names of a net's optimizers; one of focalsk's own has ``["optimizer"]``.

    No public replacement: skorch registers what `initialize_optimizer` sets. Where the register is
    missing, the net is taken to have the one that every net has.
    """
    return list(getattr(net, "_optimizers", ["optimizer"]))


def component_names(net: Any) -> list[str]:
    """Attributes that hold a net's modules and criteria: ``["module_", "criterion_"]``.

    No public replacement, as for :func:`optimizer_names`.
    """
    names = (*getattr(net, "_modules", ["module"]), *getattr(net, "_criteria", ["criterion"]))
    return [f"{name}_" for name in names]


def usual_virtual_params(net: Any) -> dict[str, Any]:
    """What skorch registers in `virtual_params_` when it makes a net's optimizers.

    No public replacement: skorch registers them while it makes new optimizers.
    """
    found = {}
    for name in optimizer_names(net):
        patterns = [f"{name}__param_groups__*__*", f"{name}__*"]
        patterns += ["lr"] if name == "optimizer" else []
        setter = partial(optimizer_setter, optimizer_attr=f"{name}_", optimizer_name=name)
        found.update(dict.fromkeys(patterns, setter))
    return found
