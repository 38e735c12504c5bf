"""What the command line prints of a table and of a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focalsk.comparison import METRICS, Comparison
from focalsk.tables import Columns, some

__all__ = ["describe", "format_table", "verdict"]

_LEVEL = 0.05  # of significance


def describe(
    source: str, columns: Columns, classes: NDArray[Any], counts: NDArray[np.intp]
) -> list[str]:
    """What a table holds, in a few lines.

    Parameters
    ----------
    source : str
        Where it comes from.
    columns : Columns
        Its columns.
    classes : ndarray of shape (n_classes,)
        Its classes.
    counts : ndarray of shape (n_classes,)
        How many samples each has.
    """
    kinds = [
        f"{len(names)} {kind}"
        for kind in ("numeric", "categorical", "text")
        if (names := getattr(columns, kind))
    ]
    total = counts.sum()
    shown = [
        f"{str(classes[k]).strip()}: {counts[k]} ({counts[k] / total:.1%})"
        for k in np.argsort(-counts, kind="stable")
    ]
    facts = [
        f"{source}: {total} rows; columns: {', '.join(kinds)}",
        f"Classes: {some(shown)}",
    ]
    if columns.dropped:
        reasons = [f"{name} ({reason})" for name, reason in columns.dropped.items()]
        facts.append(f"Columns left out: {some(reasons)}")
    return facts


def format_table(comparison: Comparison) -> str:
    """The summary of a comparison, less than 100 characters wide.

    Parameters
    ----------
    comparison : Comparison
        With tuned decisions.

    Returns
    -------
    str
        A line for each method: mean of the metric that ranks, with its interval; mean rank;
        p-value against the best; means of a metric of ranking, of decisions and of calibration;
        seconds to fit.
    """
    summary = comparison.summary().dropna(subset="mean")  # some may have failed everywhere
    others = ["average_precision", "balanced_accuracy_tuned", "ece"]
    others = [name for name in others if name != comparison.scoring]
    means = {name: comparison.summary(name)["mean"] for name in others}
    label = METRICS[comparison.scoring].label
    header = ["method", f"{label} [95 %]", "rank", "p"]
    rows = [[*header, *(METRICS[name].label for name in others), "seconds"]]
    for name, row in summary.iterrows():
        interval = f" [{row['low']:.3f}, {row['high']:.3f}]" if row["low"] == row["low"] else ""
        rows.append(
            [
                str(name),
                f"{row['mean']:.3f}{interval}",
                _number(row["rank"], ".1f"),
                _number(row["p_value"], ".3f").replace("0.000", "<.001"),
                *(f"{means[other][name]:.3f}" for other in others),
                f"{row['fit_seconds']:.1f}",
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    )


def _number(value: float, form: str) -> str:
    return format(value, form) if value == value else "-"


def verdict(comparison: Comparison) -> Iterator[str]:
    """What to make of a comparison, in a few lines.

    Parameters
    ----------
    comparison : Comparison
        At any number of methods.

    Yields
    ------
    str
        Which method is best, whether that is significant, and which failed.
    """
    summary, best = comparison.summary().dropna(subset="mean"), comparison.best_
    label = METRICS[comparison.scoring].label
    tested = summary.dropna(subset="p_value")
    if len(summary) > 1:
        yield f"Recommended: {best}, the best mean {label} of {len(summary)} methods."
    if len(tested):
        tied = tested[tested["p_value"] >= _LEVEL]
        faster = tied[tied["fit_seconds"] < summary.loc[best, "fit_seconds"]]
        if len(faster):
            yield (
                "Its lead over methods that train faster is not significant; the simplest may do: "
                f"{some(faster.index, most=4)}."
            )
        elif len(tied):
            yield f"Its lead is not significant over {some(tied.index, most=4)}."
        else:
            yield "Its lead over each of the others is significant."
    for name, failures in comparison.failures_.groupby("method", sort=False):
        yield f"Failed: {name} on {len(failures)} folds, {failures['error'].iloc[0]}"
