"""Private names of skorch that FocalNet calls.

Of the methods that FocalNet overrides, `_default_callbacks` and `_set_training` are private too: a
version of skorch that no longer calls them would train with its own callbacks, or in its own modes.
"""

from __future__ import annotations

from typing import Any

__all__ = ["optimizer_names"]


def optimizer_names(net: Any) -> list[str]:
    """Names of a net's optimizers; one of focalsk's own has ``["optimizer"]``.

    No public replacement: skorch registers what `initialize_optimizer` sets. Where the register is
    missing, the net is taken to have the one that every net has.
    """
    return list(getattr(net, "_optimizers", ["optimizer"]))
