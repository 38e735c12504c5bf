"""What all pictures share: colours, axes, legends, names beside points. matplotlib comes late."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from focalsk.displays._names import shortened

__all__ = [
    "COLORS",
    "MARKERS",
    "as_text",
    "legend_below",
    "new_axes",
    "plain_log_axis",
    "unit_axis",
    "write_names",
]

#: Colours that colour-blind readers tell apart (Okabe and Ito), without yellow and black.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
#: A marker beside each colour.
MARKERS = ("o", "^", "D", "X", "s", "P")
_NAME_LENGTH = 40  # characters of a name that a picture has room for
# Probabilities at which an axis of log-odds may have a tick, the roundest first.
_TICKS = (0.1, 0.5, 0.9, 0.01, 0.99, 1e-3, 0.999, 1e-4, 0.03, 0.97, 0.3, 0.7, 3e-3, 3e-4, 0.2, 0.05)


def new_axes(ax: Any, size: tuple[float, float]) -> Any:
    """The given axes, or those of a new figure of some inches.

    Raises
    ------
    ImportError
        Without matplotlib.
    TypeError
        If it is something else.
    """
    try:
        from matplotlib import axes, pyplot
    except ImportError:
        raise ImportError("Pictures need matplotlib: pip install 'focalsk[plot]'") from None
    if ax is None:
        return pyplot.subplots(figsize=size, layout="constrained")[1]
    if not isinstance(ax, axes.Axes):
        raise TypeError(f"ax must be matplotlib Axes, or None for new ones. Got {ax!r} instead.")
    return ax


def as_text(name: object) -> str:
    """A name as matplotlib shows it: in a few characters, no mathematics, no hidden legend entry.

    Parameters
    ----------
    name : object
        Of a class or a method.
    """
    text = shortened(str(name), _NAME_LENGTH).replace("$", r"\$")
    return f"\u200b{text}" if text.startswith("_") else text


def plain_log_axis(ax: Any) -> None:
    """Logarithmic x, with ticks that are plain numbers."""
    ax.set_xscale("log")
    ax.xaxis.get_major_locator().set_params(subs=(1, 2, 5))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")


def unit_axis(ax: Any, which: str, scale: str, low: float, high: float) -> None:
    """An axis of probabilities from low to high, on a 'linear' or 'logit' scale."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    getattr(ax, f"set_{which}scale")(scale)
    getattr(ax, f"set_{which}lim")(low, high)
    if scale != "linear":
        ticks = _ticks(low, high)
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_ticks([], minor=True)


def _ticks(low: float, high: float) -> list[float]:
    """Those of _TICKS that have room on an axis of log-odds, the roundest first."""
    apart = (logit(high) - logit(low)) / 9
    chosen: list[float] = []
    for tick in _TICKS:
        near = any(abs(logit(tick) - logit(other)) < apart for other in chosen)
        if low <= tick <= high and not near:
            chosen.append(tick)
    return sorted(chosen)


def legend_below(ax: Any, title: str | None = None, n_columns: int = 2) -> None:
    """A legend under the axes, where it covers nothing."""
    legend = ax.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        borderaxespad=4,  # in heights of the font: below the axis' label, however high the axes
        ncols=n_columns,
        fontsize="small",
        frameon=False,
        title=title,
    )
    legend.get_title().set_fontsize("small")


def write_names(
    ax: Any, names: Sequence[str], points: NDArray[Any], others: Iterable[Any] = ()
) -> None:
    """Write the name of each point beside it, at the nearest place that is free.

    Parameters
    ----------
    ax : matplotlib Axes
        With its final limits.
    names : sequence of str
        One for each point.
    points, others : array-like of shape (n, 2)
        What names belong to, and further markers that they are to leave free.
    """
    from matplotlib.text import Text

    ax.figure.figure.draw_without_rendering()  # lays the axes out, so that texts have their places
    markers = ax.transData.transform(np.concatenate([points, np.reshape(list(others), (-1, 2))]))
    taken: list[Any] = []
    for name, point in zip(names, points, strict=True):
        for distance, side, level in product([0, 8, 18, 30, 44, 60, 80], [1, -1], [1, -1]):
            label = ax.annotate(
                name,
                point,
                (7 * side, distance * level),
                textcoords="offset points",
                fontsize="small" if len(names) <= 10 else "x-small",
                ha="left" if side > 0 else "right",
                va="center",
                bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5},
                arrowprops={
                    "arrowstyle": "-",
                    "color": "0.7",
                    "lw": 0.7,
                    "shrinkA": 0,
                    "shrinkB": 3,
                },
            )
            label.get_window_extent()  # moves the text to its place
            box = Text.get_window_extent(label)  # of the text without its line
            inside = ax.bbox.x0 < box.x0 and box.x1 < ax.bbox.x1
            inside = inside and ax.bbox.y0 < box.y0 and box.y1 < ax.bbox.y1
            covers = box.count_overlaps(taken) or box.padded(4).count_contains(markers)
            if inside and not covers:
                taken.append(box)
                break
            label.remove()
        else:  # no free place: rather crowded than nameless
            ax.annotate(name, point, (6, 4), textcoords="offset points", fontsize="x-small")
