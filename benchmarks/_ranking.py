"""What a comparison over many data sets says: mean ranks, tests, and the picture of them.

``python benchmarks/_ranking.py results/resampling.csv`` writes the tables and the picture again.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import _datasets as datasets
import pandas as pd
from _ranks import RankTest, plot_critical_difference, rank_over_datasets, win_tie_loss

from focalsk.comparison import METHODS, METRICS, corrected_ttest

SHOWN = {
    "average_precision": "AP",
    "balanced_accuracy": "bal. acc.",
    "balanced_accuracy_tuned": "bal. acc. tuned",
    "f1_macro_tuned": "macro F1 tuned",
    "mcc": "MCC",
    "mcc_tuned": "MCC tuned",
    "brier": "Brier",
    "log_loss": "log-loss",
    "ece": "ECE",
}
PICTURED = {
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy of predict",
    "balanced_accuracy_tuned": "balanced accuracy, tuned threshold",
    "brier": "Brier score",
}
RIVALS = {
    "focal-ensemble": [
        "cross-entropy",
        "focal-alpha",
        "temperature",
        "smote",
        "smote-corrected",
        "random-over-corrected",
        "random-under-corrected",
        "balanced-random-forest",
        "balanced-rf-corrected",
        "boosting",
        "boosting-balanced",
    ],
    "focal-alpha": [
        "cross-entropy",
        "cross-entropy-balanced",
        "random-over",
        "smote",
        "smote-tomek",
        "smote-corrected",
    ],
}
COMPARED = ["average_precision", "balanced_accuracy", "balanced_accuracy_tuned", "brier"]
TOLERANCE = 0.005  # differences that no one would act on


def means(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean over the folds: a row for each data set; NaN where a method failed on some fold."""
    table = results.pivot_table(index="data", columns="method", values=metric, sort=False)
    counts = results.groupby(["data", "method"], sort=False).size().unstack(fill_value=0)
    whole = counts.eq(counts.max(axis=1), axis=0)
    # A method for two classes only takes no part; one that failed on a set ranks last there.
    taking_part = [name for name in table if name not in METHODS or not METHODS[name].binary_only]
    return table.where(whole)[taking_part]


def rank(results: pd.DataFrame) -> dict[str, RankTest]:
    return {
        name: rank_over_datasets(
            means(results, name), greater_is_better=METRICS[name].greater_is_better
        )
        for name in SHOWN
    }


def rank_table(tests: dict[str, RankTest], results: pd.DataFrame) -> pd.DataFrame:
    """Mean ranks, and the mean seconds of a fit beside them."""
    table = pd.DataFrame({SHOWN[name]: test.mean_ranks for name, test in tests.items()})
    table["seconds"] = results.groupby("method")["fit_seconds"].mean()
    return table.loc[tests["average_precision"].mean_ranks.index]


def finished(table: pd.DataFrame) -> pd.DataFrame:
    """The data sets that all methods finished; one that failed on most takes none from others."""
    able = table.columns[table.notna().sum() >= len(table) / 2]
    return table.loc[table[able].notna().all(axis=1), able]


def mean_table(results: pd.DataFrame, order: Any) -> pd.DataFrame:
    """Means over the sets that all methods finished, and on how many sets each failed."""
    tables = {heading: means(results, name) for name, heading in SHOWN.items()}
    columns = {heading: finished(table).mean() for heading, table in tables.items()}
    failed = means(results, "average_precision").isna().sum().rename("failed on")
    return pd.DataFrame(columns).reindex(order).join(failed)


def versus(results: pd.DataFrame, reference: str, metric: str) -> pd.DataFrame:
    """Sets on which a method wins against, ties with and loses to each of its rivals."""
    scores = means(results, metric)
    rivals = [name for name in RIVALS[reference] if name in scores]
    p_values = pd.DataFrame(index=scores.index, columns=rivals, dtype=float)
    test_train_ratio = 1 / results["fold"].max()  # n_test / n_train
    for data, group in results.groupby("data"):
        folds = group.pivot(index=["repeat", "fold"], columns="method", values=metric)
        for name in folds.columns.intersection(rivals):
            gains = (folds[reference] - folds[name]).dropna()
            p_values.loc[data, name] = corrected_ttest(gains, test_train_ratio)
    counts = win_tie_loss(
        scores[[reference, *rivals]],
        reference,
        greater_is_better=METRICS[metric].greater_is_better,
        tolerance=TOLERANCE,
        p_values=p_values,
    )
    # From the side of the reference.
    turned = {"win": counts["loss"], "tie": counts["tie"], "loss": counts["win"]}
    return pd.DataFrame(turned | {"median": -counts["difference"], "p": counts["p_value"]})


def draw(tests: dict[str, RankTest], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 13), layout="constrained")
    for ax, (name, title) in zip(figure.subplots(len(PICTURED)), PICTURED.items(), strict=True):
        plot_critical_difference(tests[name], ax)
        test = tests[name]
        ax.set_title(
            f"{title}: mean rank over {test.n_datasets} data sets "
            f"(Friedman p = {test.p_value:.1g}, critical difference {test.critical_difference:.1f})"
        )
    figure.savefig(path, dpi=110)


def write(results: pd.DataFrame, path: Path, heading: str) -> str:
    """Write the tables of each half beside the results, and a picture; return the ranks as text."""
    halves = [
        (half, part)
        for half in reversed(datasets.HALVES)  # that which nothing was chosen on comes first
        if (part := results[results["data"].map(datasets.HALF.get) == half])["data"].nunique() > 1
    ] or [("", results)]
    parts = [f"# Focal loss against resampling\n\n{heading}\n"]
    for half, part in halves:
        parts += half_page(part, f", {half} half" if half else "")
    path.with_suffix(".md").write_text("\n".join(parts))
    tests = rank(halves[0][1])
    try:
        draw(tests, path.with_suffix(".png"))
    except ImportError as error:
        print(error, file=sys.stderr)
    return rank_table(tests, halves[0][1]).round(1).to_string()


def half_page(results: pd.DataFrame, half: str) -> list[str]:
    """The tables of some data sets."""
    tests = rank(results)
    ranks = rank_table(tests, results)
    scores = means(results, "average_precision")
    n_sets, n_finished = len(scores), len(finished(scores))
    parts = [f"## Mean ranks over {n_sets} data sets{half}\n"]
    parts += ["1 is best; one that failed on a set is last. `seconds` are of a mean fit.\n"]
    parts += [ranks.round(1).to_markdown(), ""]
    parts += [
        f"### Means{half}\n\nOver the {n_finished} of {n_sets} sets that all methods finished; "
        "`failed on` counts the sets on which a method failed on some fold.\n",
        mean_table(results, ranks.index).round(3).to_markdown(),
    ]
    for reference in [name for name in RIVALS if name in scores]:
        parts += [f"\n### Data sets on which `{reference}` wins, ties, loses{half}\n"]
        parts += [
            f"A tie is a difference that is not significant on the set's own folds, or below "
            f"{TOLERANCE}. `median` is of the differences, `p` Wilcoxon's over the sets, by Holm.\n"
        ]
        for name in COMPARED:
            table = versus(results, reference, name).round({"median": 3, "p": 3})
            parts += [f"{SHOWN[name]}:\n", table.to_markdown(), ""]
    return parts


if __name__ == "__main__":
    source = Path(sys.argv[1])
    print(write(pd.read_csv(source), source, sys.argv[2] if len(sys.argv) > 2 else ""))
