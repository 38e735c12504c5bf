"""The ensemble against boosting, forests and nets, on raw frames of many real data sets.

Every method has its decision tuned for each metric on its own out-of-fold posteriors of the
training rows, by the same rule. Each fold of a method is kept in a folder and not fitted again
until its library or focalsk's code changes. One thread.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import _cells as cells
import _common as common
import _datasets as datasets
import _rivals as rivals
import pandas as pd
from _ranks import rank_over_datasets, win_tie_loss

from focalsk.comparison import METRICS

SEED = 0
QUICK = {"sets": ["pima", "glass"], "repeats": 1, "max_rows": 400}
QUICK_METHODS = [rivals.ENSEMBLE, "boosting", "logistic"]
PAGE = {
    "average_precision": "AP",
    "brier": "Brier",
    "log_loss": "log loss",
    "ece": "ECE",
    "balanced_accuracy_tuned": "bal. acc. tuned",
    "f1_macro_tuned": "macro F1 tuned",
    "mcc_tuned": "MCC tuned",
    "balanced_accuracy": "bal. acc.",
    "f1_macro": "macro F1",
    "mcc": "MCC",
}
KEYS = ["data", "repeat", "fold"]
TOLERANCE = 0.002  # smaller differences of means over the folds are ties


def main() -> None:
    args = parse_arguments()
    methods = choose(args.methods)
    results = collect(methods, args)
    if results.empty:
        print("no method has run yet")
        return
    results = pd.concat([results, *others(results, args)], ignore_index=True)
    table, errors = whole(results)
    print(report(table, results))
    for row in errors.itertuples():
        print(f"{row.method} failed on {row.data}, fold {row.repeat}.{row.fold}: {row.error}")
    write_json(table, results, args)


def parse_arguments() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--methods",
        type=names,
        help=f"to run, of {', '.join(rivals.METHODS)}; the others are shown where they have run",
    )
    args = parser.parse_args()
    if args.quick and args.methods is None:
        args.methods = QUICK_METHODS
    return finish(args)


def argument_parser(text: str) -> argparse.ArgumentParser:
    """The options that the ablation has as well."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rows of two sets")
    parser.add_argument("--half", choices=[*datasets.HALVES, "all"], default="development")
    parser.add_argument("--sets", type=names, help="names with commas, in place of a half")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--max-rows", type=int, default=2500, help="larger sets are sampled down")
    parser.add_argument("--cache", type=Path, default=Path(__file__).parent / "cache")
    parser.add_argument("--cached", action="store_true", help="only what has run already")
    return parser


def names(text: str) -> list[str]:
    return text.split(",")


def finish(args: argparse.Namespace) -> argparse.Namespace:
    if args.quick:
        for name, value in QUICK.items():
            setattr(args, name, value)
    args.sets = args.sets or [
        name for name in datasets.names() if args.half in ("all", datasets.HALF[name])
    ]
    return args


def choose(wanted: list[str] | None) -> dict[str, rivals.Method]:
    chosen = {}
    for name in wanted or rivals.METHODS:
        if name not in rivals.METHODS:
            sys.exit(f"no method is called {name!r}; there are {', '.join(rivals.METHODS)}")
        if lacking := rivals.METHODS[name].missing():
            print(f"{name} is left out: {lacking} is not here", file=sys.stderr)
        else:
            chosen[name] = rivals.METHODS[name]
    return chosen


# Running ------------------------------------------------------------------------------------------


def collect(methods: dict[str, rivals.Method], args: argparse.Namespace) -> pd.DataFrame:
    """One row for each set, repeat, fold and method; one repeat after the other."""
    table = []
    for repeat in range(args.repeats):
        for name in args.sets:
            try:
                data = load(name, args.max_rows)
            except datasets.NotInstalledError as error:
                print(f"{name} is left out: {error}", file=sys.stderr)
                continue
            for method, spec in methods.items():
                start = time.time()
                found = [
                    {"data": name, "repeat": repeat, "fold": fold, "method": method} | scores
                    for fold in range(args.folds)
                    if (
                        scores := cells.run(
                            method,
                            spec,
                            data,
                            (repeat, fold, args.folds),
                            args.cache,
                            only_cached=args.cached,
                        )
                    )
                ]
                table += found
                if (taken := time.time() - start) > 1:
                    print(f"{repeat} {name:15} {method:24} {taken:6.1f} s", file=sys.stderr)
    return pd.DataFrame(table)


def others(results: pd.DataFrame, args: argparse.Namespace) -> Iterator[pd.DataFrame]:
    """The methods that were not asked for, where they have run on every fold of the results."""
    had = set(results["method"])
    places = results[KEYS].drop_duplicates()
    asked = argparse.Namespace(**{**vars(args), "cached": True, "sets": [*places["data"].unique()]})
    for name in [name for name in rivals.METHODS if name not in had]:
        found = collect(choose([name]), asked)
        covered = 0 if found.empty else len(found.merge(places))
        if covered == len(places):
            yield found.merge(places)
        elif covered:
            print(f"{name} is left out: it has {covered} of {len(places)} folds", file=sys.stderr)


@cache
def load(name: str, max_rows: int) -> datasets.DataSet:
    return datasets.cap(datasets.load(name), max_rows, SEED)


def whole(results: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Only folds on which all methods have run, and the failures among them."""
    counts = results.groupby(KEYS)["method"].transform("nunique")
    table = results[counts == results["method"].nunique()]
    errors = table[table["error"].notna()] if "error" in table else table.iloc[:0]
    return table, errors


# Tables -------------------------------------------------------------------------------------------


def means(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean over the folds: a row for each set, a column for each method; NaN where one failed."""
    scores = table.pivot(index=KEYS, columns="method", values=metric)
    scores = scores[list(dict.fromkeys(table["method"]))]
    return scores.groupby(level="data", sort=False).agg(lambda folds: folds.mean(skipna=False))


def mean_ranks(table: pd.DataFrame) -> pd.DataFrame:
    ranks = {
        heading: rank_over_datasets(
            means(table, metric), greater_is_better=METRICS[metric].greater_is_better
        ).mean_ranks
        for metric, heading in PAGE.items()
    }
    return pd.DataFrame(ranks).loc[list(dict.fromkeys(table["method"]))]


def mean_scores(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({heading: means(table, metric).mean() for metric, heading in PAGE.items()})


def versus(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Sets on which the reference wins, ties and loses, and Holm's p-value of Wilcoxon's test."""
    columns = {}
    for metric, heading in PAGE.items():
        counts = win_tie_loss(
            means(table, metric),
            reference,
            greater_is_better=METRICS[metric].greater_is_better,
            tolerance=TOLERANCE,
        )
        columns[heading] = [
            f"{row.loss}-{row.tie}-{row.win}{'*' if row.p_value < 0.05 else ''}"
            for row in counts.itertuples()
        ]
    return pd.DataFrame(columns, index=counts.index)


def seconds(table: pd.DataFrame) -> pd.DataFrame:
    """Processor seconds on one thread: means, and the longest fit."""
    groups = table.groupby("method", sort=False)
    return pd.DataFrame(
        {
            "fit": groups["fit_seconds"].mean(),
            "longest fit": groups["fit_seconds"].max(),
            "tuning": groups["tune_seconds"].mean(),
            "predict": groups["predict_seconds"].mean(),
        }
    )


def report(table: pd.DataFrame, results: pd.DataFrame) -> str:
    """The tables as text."""
    if table.empty:
        return "no fold has all methods yet"
    n_sets, n_folds = table["data"].nunique(), len(table[KEYS].drop_duplicates())
    every = len(results[KEYS].drop_duplicates())
    parts = [f"{n_folds} folds of {n_sets} sets have all methods, of {every} that have one."]
    if table["method"].nunique() > 2:
        parts += ["", "Mean ranks over the sets, 1 is best", mean_ranks(table).round(2).to_string()]
    parts += ["", "Means over the sets", mean_scores(table).round(4).to_string()]
    if rivals.ENSEMBLE in set(table["method"]) and table["method"].nunique() > 1:
        parts += [
            "",
            f"Sets on which {rivals.ENSEMBLE} wins-ties-loses (tie: below {TOLERANCE}; *: p < .05)",
            versus(table, rivals.ENSEMBLE).to_string(),
        ]
    parts += ["", "Processor seconds on one thread", seconds(table).round(2).to_string()]
    return "\n".join(parts)


def write_json(table: pd.DataFrame, results: pd.DataFrame, args: argparse.Namespace) -> None:
    if table.empty or table["method"].nunique() < 3:
        return
    settings = {k: getattr(args, k) for k in ("half", "sets", "repeats", "folds", "max_rows")}
    versions = {
        p: rivals.version(p)
        for m in choose(list(dict.fromkeys(table["method"]))).values()
        for p in m.packages
    }
    by_set = {metric: means(table, metric).round(5).T.to_dict() for metric in PAGE}
    result: dict[str, Any] = {
        **settings,
        "packages": versions,
        "mean_ranks": mean_ranks(table).round(3).to_dict("index"),
        "means": mean_scores(table).round(5).to_dict("index"),
        "seconds": seconds(table).round(3).to_dict("index"),
        "by_set": by_set,
    }
    if rivals.ENSEMBLE in result["means"]:
        result["versus"] = versus(table, rivals.ENSEMBLE).to_dict("index")
    common.write_json(f"ensemble.{args.half}", args.quick, result)


if __name__ == "__main__":
    main()
