"""Pictures of a comparison, with matplotlib. They read results and fit nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import precision_recall_curve

from focalsk.comparison._methods import family_of
from focalsk.comparison._metrics import METRICS
from focalsk.displays import (
    LEVEL,
    ReliabilityDisplay,
    TradeOffDisplay,
    as_text,
    legend_below,
    new_axes,
    plain_log_axis,
    reliability_curve,
)

if TYPE_CHECKING:
    from focalsk.comparison._results import Comparison

__all__ = ["PLOTS", "STYLES", "draw", "figure_size", "relative_cost", "representatives"]

#: Colours that colour-blind readers tell apart (Okabe and Ito), and a marker for each family.
STYLES = {
    "loss": ("#0072B2", "o"),
    "decision": ("#56B4E9", "P"),
    "resampling": ("#D55E00", "^"),
    "ensemble": ("#009E73", "D"),
    "boosting": ("#E69F00", "s"),
    "other": ("#CC79A7", "X"),
}
YARDSTICK = "cross-entropy"


def draw(comparison: Comparison, kind: str = "ranking", ax: Any = None) -> Any:
    """Draw what ``Comparison.plot`` describes; `kind` is a name of :data:`PLOTS`."""
    if kind not in PLOTS:
        known = ", ".join(map(repr, PLOTS))
        raise ValueError(f"kind must be among {known}. Got {kind!r} instead.")
    ax = new_axes(ax, figure_size(comparison, kind))
    PLOTS[kind](comparison, ax)
    return ax


def figure_size(comparison: Comparison, kind: str) -> tuple[float, float]:
    """Inches that a picture takes, few enough to be read on a phone."""
    n = len(comparison.estimators_)
    heights = {"ranking": 1.5 + 0.22 * n, "trade-off": 4 + 0.07 * n}
    return 4.7, heights.get(kind, 4.6)


def representatives(comparison: Comparison) -> list[str]:
    """The best method of each family by the scoring metric, and cross-entropy to measure them by.

    Parameters
    ----------
    comparison : Comparison
        What to choose from.

    Returns
    -------
    list of str
        The best first; a method that failed stands in only for a family that failed wholly.
    """
    order = comparison.summary()["mean"].dropna().index
    first = {family_of(method): method for method in reversed(order)}
    return [method for method in order if method in first.values() or method == YARDSTICK]


def relative_cost(y_true: ArrayLike, proba: ArrayLike, ratios: ArrayLike) -> NDArray[np.floating]:
    """Cost of errors, relative to deciding without looking.

    The decision is the one that costs least if the probabilities are true: an alarm from the
    probability ``1 / (1 + ratio)`` on [1]_.

    Parameters
    ----------
    y_true : array-like of bool of shape (n_samples,)
        Whether a sample is positive. Both kinds occur.
    proba : array-like of shape (n_samples,)
        Probability that it is.
    ratios : array-like of shape (n_ratios,)
        Cost of a miss over that of a false alarm, positive.

    Returns
    -------
    ndarray of shape (n_ratios,)
        Cost over that of the cheaper of always and never an alarm: 0 is perfect, and above 1 one
        had better not look at the probabilities.

    References
    ----------
    .. [1] Elkan, C. (2001). "The foundations of cost-sensitive learning". IJCAI 2001.

    Examples
    --------
    >>> from focalsk.comparison._displays import relative_cost
    >>> relative_cost([False, False, True, True], [0.1, 0.4, 0.3, 0.9], ratios=[1, 3])
    array([0.5, 0.5])
    """
    y_true, proba = np.asarray(y_true, dtype=bool), np.asarray(proba, dtype=float)
    ratios = np.asarray(ratios, dtype=float)
    positive, negative = np.sort(proba[y_true]), np.sort(proba[~y_true])
    threshold = 1 / (1 + ratios)
    misses = np.searchsorted(positive, threshold, side="left")
    alarms = len(negative) - np.searchsorted(negative, threshold, side="left")
    return (misses * ratios + alarms) / np.minimum(len(positive) * ratios, len(negative))


def plot_ranking(comparison: Comparison, ax: Any) -> None:
    """Mean and interval of the scoring metric for each method, the best on top."""
    metric = METRICS[comparison.scoring]
    summary = comparison.summary().dropna(subset="mean")
    for place, (method, row) in enumerate(summary.iterrows()):
        color, marker = STYLES[family_of(method)]
        worse = row["p_value"] < LEVEL
        ax.plot([row["low"], row["high"]], [place, place], color=color, alpha=0.5, linewidth=2)
        face = "white" if worse else color
        ax.plot(row["mean"], place, marker, color=color, markerfacecolor=face, markersize=6)
    ax.axvline(summary["mean"].iloc[0], color="0.6", linestyle=":", linewidth=1, zorder=0)
    names = [f"{name} ({n:g} failed)" if n else name for name, n in summary["failed"].items()]
    ax.set_yticks(range(len(names)), map(as_text, names), fontsize="small")
    ax.set_ylim(len(names) - 0.5, -0.5)
    low, high = ax.get_xlim()
    bounds = {"log_loss": (0, np.inf), "mcc": (-1, 1), "mcc_tuned": (-1, 1)}
    least, most = bounds.get(comparison.scoring, (0, 1))
    ax.set_xlim(max(low, least - 0.01), min(high, most + 0.01))
    better = "right" if metric.greater_is_better else "left"
    ax.set_xlabel(f"{metric.label}, mean and 95 % interval ({better} is better)")
    _legend_of_families(ax, summary.index, "hollow: significantly worse than the best")


def plot_trade_off(comparison: Comparison, ax: Any) -> None:
    """Balanced accuracy of decisions against calibration error of probabilities."""
    measured = comparison.results_["metric"].unique()
    means = pd.DataFrame({name: comparison.summary(name)["mean"] for name in measured})
    means = means.loc[comparison.summary()["mean"].dropna().index]
    tuned = means.get("balanced_accuracy_tuned")
    display = TradeOffDisplay(
        calibration_error=means["ece"].to_dict(),
        balanced_accuracy=means["balanced_accuracy"].to_dict(),
        tuned=None if tuned is None else tuned.to_dict(),
    )
    display.plot(ax, styles={method: STYLES[family_of(method)] for method in means.index})
    title = None if tuned is None else "filled: predict; hollow: tuned threshold"
    _legend_of_families(ax, means.index, title)
    display.write_names()


def plot_precision_recall(comparison: Comparison, ax: Any) -> None:
    """Precision against recall of the best methods, over all test folds."""
    highest = 0.0
    for method, style, truth, proba in _curves(comparison):
        precision, recall, _ = precision_recall_curve(truth, proba, drop_intermediate=True)
        highest = max(highest, precision[recall >= 0.05].max())  # before, it is luck
        ax.plot(recall, precision, drawstyle="steps-post", label=as_text(method), **style)
    share = np.mean(comparison.y_ == comparison.positive_class_)
    ax.axhline(share, color="0.6", linestyle=":", linewidth=1, label="chance")
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, min(1.03, 1.2 * highest)))
    ax.set_xlabel(f"recall of class {as_text(comparison.positive_class_)}")
    ax.set_ylabel("precision")
    legend_below(ax)


def plot_calibration(comparison: Comparison, ax: Any) -> None:
    """Observed share against predicted probability of the best methods, over all test folds."""
    curves = {method: (style, truth, proba) for method, style, truth, proba in _curves(comparison)}
    truth = np.mean(comparison.y_ == comparison.positive_class_)
    rare = truth < 0.2
    display = ReliabilityDisplay(
        curves={
            method: reliability_curve(truth, proba, 10, "positives" if rare else "quantile")
            for method, (_, truth, proba) in curves.items()
        },
        share=float(truth),
        scale="logit" if rare else "linear",
        pos_label=comparison.positive_class_,
    )
    styles = {
        method: {"marker": STYLES[family_of(method)][1], **style}
        for method, (style, _, _) in curves.items()
    }
    display.plot(ax, styles=styles)


def plot_cost(comparison: Comparison, ax: Any) -> None:
    """Cost of errors for each ratio of the costs of a miss and a false alarm."""
    if len(comparison.classes_) > 2:
        raise ValueError(
            "kind='cost' is about a miss and a false alarm, and needs two classes. "
            f"Got {len(comparison.classes_)}."
        )
    share = np.mean(comparison.y_ == comparison.positive_class_)
    even = (1 - share) / share  # where always and never an alarm cost the same
    ratios = np.geomspace(min(1, even / 10), max(10 * even, 10), 200)
    for method, style, truth, proba in _curves(comparison):
        ax.plot(ratios, relative_cost(truth, proba, ratios), label=as_text(method), **style)
    ax.axhline(1, color="0.6", linestyle=":", linewidth=1, label="always or never an alarm")
    plain_log_axis(ax)
    ax.set(xlim=(ratios[0], ratios[-1]), ylim=(0, 2))
    missed = as_text(comparison.positive_class_)
    ax.set_xlabel(f"cost of a missed {missed} / cost of a false alarm")
    ax.set_ylabel("cost, relative to not looking")
    legend_below(ax)


#: The pictures by name.
PLOTS = {
    "ranking": plot_ranking,
    "trade-off": plot_trade_off,
    "precision-recall": plot_precision_recall,
    "calibration": plot_calibration,
    "cost": plot_cost,
}


def _curves(comparison: Comparison) -> Any:
    """Yield name, line style, truth and probability of each method that curves are drawn for."""
    positive = comparison.positive_class_
    column = np.flatnonzero(comparison.classes_ == positive)[0]
    for method in representatives(comparison):
        folds = [said for said in comparison.predictions_ if said.method == method]
        truth = np.concatenate([comparison.y_[said.test] for said in folds]) == positive
        proba = np.concatenate([said.proba[:, column] for said in folds])
        color, dash = STYLES[family_of(method)][0], "-"
        if method == YARDSTICK:
            color, dash = "black", "--"
        # On top, for what changes decisions alone has the same curve.
        style = {"color": color, "linestyle": dash, "linewidth": 1.5, "zorder": 2 + (dash == "--")}
        yield method, style, truth, np.clip(proba, 0, 1)


def _legend_of_families(ax: Any, methods: Any, title: str | None) -> None:
    families = {family_of(method) for method in methods}
    for family, (color, marker) in STYLES.items():
        if family in families:
            ax.plot([], [], marker, color=color, label=family)
    legend_below(ax, title)
