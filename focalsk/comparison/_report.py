"""A comparison in words, as a table for terminals, and as a page."""

from __future__ import annotations

import base64
import io
import os
import platform
import warnings
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.model_selection import TunedThresholdClassifierCV

from focalsk._compat._files import write_whole
from focalsk.comparison._displays import PLOTS, STYLES, draw, figure_size
from focalsk.comparison._methods import family_of
from focalsk.comparison._metrics import METRICS, scorer_for
from focalsk.comparison._words import metric_name, say_failures, verdict
from focalsk.displays import LEVEL, shortened, visible

if TYPE_CHECKING:
    from focalsk.comparison._results import Comparison

__all__ = ["format_table", "write_html"]

_NAME_LENGTH = 100  # characters of a name that a cell has room for
_ARROWS = {True: "↑", False: "↓"}
_TABLE = ["average_precision", "balanced_accuracy", "balanced_accuracy_tuned", "brier", "ece"]
_CAPTIONS = {
    "ranking": "How good each method is by the metric that ranks, and how sure that is.",
    "precision-recall": "Of the alarms at each recall, the share that is right.",
    "calibration": "Whether a probability means what it says: on the dotted line it does.",
    "cost": "What decisions cost if a miss costs as many false alarms as the axis says, and they "
    "are made by the probabilities. Above the dotted line one had better not look at them.",
    "trade-off": "Decisions and probabilities are two questions. Up and to the left is good.",
}


def format_table(comparison: Comparison, metrics: Iterable[str] | None = None) -> str:
    """Plain text of what ``Comparison.table`` describes."""
    if metrics is None:
        measured = set(comparison.results_["metric"])
        metrics = [name for name in _TABLE if name in measured and name != comparison.scoring]
        metrics = [comparison.scoring, *metrics][: len(_TABLE)]
    seconds = comparison.summary()["fit_seconds"]
    columns = [
        ["", "method", *seconds.index],
        *(_column(comparison, name, seconds.index) for name in metrics),
        ["", "fit s", *map(_seconds, seconds)],
    ]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        row[0].ljust(widths[0])
        + "".join(f"  {text:>{width}}" for text, width in zip(row[1:], widths[1:], strict=True))
        for row in zip(*columns, strict=True)
    ]
    foot = f"Mean ± standard deviation over {_folds(comparison)}; * is the best."
    table = "\n".join(line.rstrip() for line in lines)
    return "\n".join([table.lstrip("\n"), "", foot, *say_failures(comparison)])


def _folds(comparison: Comparison) -> str:
    n, common = comparison.n_folds_, comparison.n_common_folds_
    return f"{n} folds" if n == common else f"the {common} of {n} folds that all methods finished"


def _seconds(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _column(comparison: Comparison, name: str, methods: Iterable[str]) -> list[str]:
    """Heading, in two lines, and cells of one metric; a place is left for the star of the best."""
    metric, means = METRICS[name], comparison.summary(name)["mean"]
    spread = comparison._common_scores(name).std().reindex(means.index)
    texts = {
        method: "failed " if np.isnan(mean) else f"{mean:.3f}" + (f"±{sd:.3f}" if sd >= 0 else "")
        for method, mean, sd in zip(means.index, means, spread, strict=True)
    }
    stars = {method: "*" if mean == means.iloc[0] else " " for method, mean in means.items()}
    heading = f"{metric.label.removesuffix(' tuned')} {_ARROWS[metric.greater_is_better]} "
    top = "tuned " if metric.tuned else ""
    return [top, heading, *(texts[method] + stars[method] for method in methods)]


def write_html(
    comparison: Comparison, path: str | os.PathLike[str], *, title: str, notes: Iterable[str]
) -> None:
    """Write the page that ``Comparison.to_html`` describes."""
    from jinja2 import Environment  # torch brings it
    from markupsafe import Markup, escape

    template = files("focalsk.comparison").joinpath("report.html").read_text(encoding="utf-8")
    classes, counts = np.unique(comparison.y_, return_counts=True)
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    page = environment.from_string(template)
    kinds = [kind for kind in PLOTS if kind != "cost" or len(classes) == 2]
    text = page.render(
        title=title,
        notes=[notes] if isinstance(notes, str) else list(notes),
        verdict=verdict(comparison),
        facts=_facts(comparison),
        columns=[] if comparison.columns_ is None else comparison.columns_.lines(most=1000),
        averaged_over=_folds(comparison),
        counts=[
            (shortened(str(name), _NAME_LENGTH), n, n / counts.sum())
            for name, n in zip(classes, counts, strict=True)
        ],
        table=_table(comparison),
        figures=[(kind, Markup(_picture(comparison, kind)), _CAPTIONS[kind]) for kind in kinds],
        estimator=escape(visible(_estimator_code(comparison))),
        failures=_grouped_failures(comparison),
        n_classes=len(classes),
    )
    write_whole(path, lambda file: file.write(text.encode()))


def _shown(value: Any) -> Any:
    """What is given, before it is escaped; Markup is ours, or is to be copied as it is."""
    is_text = isinstance(value, str) and not hasattr(value, "__html__")
    return shortened(value) if is_text else value


def _facts(comparison: Comparison) -> dict[str, str]:
    repeats = {said.repeat for said in comparison.predictions_}
    n = comparison.n_folds_
    folds = f"{n}" if len(repeats) == 1 else f"{n} ({len(repeats)} repetitions)"
    packages = ["focalsk", "torch", "scikit-learn", "imbalanced-learn"]
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return {
        "Samples": str(len(comparison.y_)),
        "Methods": str(len(comparison.estimators_)),
        "Folds": folds,
        "Ranked by": metric_name(comparison),
        "Seed": "not noted" if comparison.random_state is None else str(comparison.random_state),
        "Versions": f"Python {platform.python_version()}, {versions}",
    }


def _table(comparison: Comparison) -> dict[str, Any]:
    """Headings and rows of the table of all metrics."""
    measured = set(comparison.results_["metric"])
    summaries = {name: comparison.summary(name) for name in METRICS if name in measured}
    own = comparison.summary()
    rows = []
    for method, row in own.iterrows():
        cells = [_cell(summary, method) for summary in summaries.values()]
        family = family_of(method)
        rows.append(
            {
                "method": shortened(str(method), _NAME_LENGTH),
                "family": family,
                "color": STYLES[family][0],
                "cells": cells,
                "seconds": _seconds(row["fit_seconds"]),
                "failed": int(row["failed"]),
            }
        )
    headings = [
        {
            "label": METRICS[name].label,
            "arrow": _ARROWS[METRICS[name].greater_is_better],
            "ranks": name == comparison.scoring,
        }
        for name in summaries
    ]
    families = {row["family"]: row["color"] for row in rows}
    return {"headings": headings, "rows": rows, "families": families}


def _cell(summary: pd.DataFrame, method: str) -> Mapping[str, Any]:
    row = summary.loc[method]
    if np.isnan(row["mean"]):
        return {"text": "–", "title": "failed", "kind": "worse"}
    best = row["mean"] == summary["mean"].iloc[0]
    kind = "best" if best else "worse" if row["p_value"] < LEVEL else ""
    title = "" if np.isnan(row["low"]) else f"95 % interval {row['low']:.3f} to {row['high']:.3f}"
    return {"text": f"{row['mean']:.3f}", "title": title, "kind": kind}


def _picture(comparison: Comparison, kind: str) -> str:
    """A picture as the address of an image."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("Reports need matplotlib: pip install 'focalsk[plot]'") from None
    file = io.BytesIO()
    # Text stays text, in a font of the reader's; and the same comparison gives the same file.
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "focalsk"}
    with rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure = Figure(figsize=figure_size(comparison, kind), layout="constrained")
        draw(comparison, kind, figure.subplots())
        figure.savefig(file, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()


def _estimator_code(comparison: Comparison) -> str:
    """The best method as an expression, as scikit-learn prints it."""
    estimator, metric = comparison.estimators_[comparison.best_], METRICS[comparison.scoring]
    if metric.tuned and len(comparison.classes_) == 2:
        scorer = scorer_for(comparison.scoring, comparison.classes_)
        estimator = TunedThresholdClassifierCV(estimator, scoring=scorer)
    return BaseEstimator.__repr__(estimator, N_CHAR_MAX=10_000)  # 700 would cut pipelines short


def _grouped_failures(comparison: Comparison) -> list[dict[str, Any]]:
    groups = comparison.failures_.groupby(["method", "error"], sort=False).size()
    return [
        {"method": shortened(str(method), _NAME_LENGTH), "error": error, "folds": n}
        for (method, error), n in groups.items()
    ]
