"""Focal loss against resampling on real data: every method of compare_resampling, many data sets.

The full run takes one to two hours on two cores, ``--quick`` some minutes. Each fold of a method is
saved as it ends; a run that is stopped, even by force, goes on from there when it is started again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import _common as common
import _datasets as datasets
import _ranking as ranking
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from focalsk import FocalNetClassifier
from focalsk.comparison import METRICS, Comparison, compare_resampling

SEED = 0
EPOCHS, ROWS, FOLDS, REPEATS = 50, 2500, 3, 2
QUICK = {"epochs": 20, "rows": 800, "folds": 3, "repeats": 1}
QUICK_SETS = ["pima", "german", "sms", "wine_quality", "yeast_me2", "glass", "yeast", "digits"]
KEYS = ["data", "method", "repeat", "fold"]


def main() -> None:
    args = parse_arguments()
    path = common.RESULTS / f"resampling{'.quick' if args.quick else ''}.csv"
    sets, frames = [], [] if args.only is None else [of_other_repeats(path, args.only)]
    for number, data in enumerate(find_sets(args), 1):
        capped = datasets.cap(data, args.rows, SEED)
        start = time.time()
        comparison = compare(capped, args)
        frames.append(wide(data.name, comparison, args.only))
        sets.append(describe(data, capped, comparison))
        print(
            f"{number:3} {data.name:20} {len(capped.y):6} rows  {time.time() - start:6.0f} s  "
            f"best {comparison.best_}",
            flush=True,
        )
        # Written after each set: what is there can be read while the rest runs.
        common.RESULTS.mkdir(exist_ok=True)
        pd.concat(frames).to_csv(path, index=False, float_format="%.5g")
        write_sets(path.with_suffix(".json"), sets, args)
    if len(sets) > 1:
        print(ranking.write(pd.concat(frames), path, heading(args)))


def heading(args: argparse.Namespace) -> str:
    return (
        f"Networks of the default size, {args.epochs} epochs; data sets of more than {args.rows} "
        f"rows sampled down to as many; {args.repeats} × {args.folds}-fold stratified "
        f"cross-validation; library defaults everywhere else. `{Path(__file__).name}` made it."
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few and small sets")
    parser.add_argument("--sets", type=lambda text: text.split(","), help="names, with commas")
    parser.add_argument("--folder", help="a folder of Parquet files, each a data set")
    parser.add_argument("--imblearn", type=lambda text: text.split(","), help="of fetch_datasets")
    parser.add_argument("--methods", type=lambda text: text.split(","), default="default")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--rows", type=int, help="larger sets are sampled down, stratified")
    parser.add_argument("--folds", type=int)
    parser.add_argument("--repeats", type=int)
    parser.add_argument(
        "--only",
        type=int,
        metavar="REPEAT",
        help="this repetition alone, from 0 on; results/ keeps what it has of the others",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--checkpoint", default=Path(__file__).parent / "checkpoint", type=Path)
    args = parser.parse_args()
    full = {"epochs": EPOCHS, "rows": ROWS, "folds": FOLDS, "repeats": REPEATS}
    for name, value in (QUICK if args.quick else full).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    return args


def find_sets(args: argparse.Namespace) -> Iterator[datasets.DataSet]:
    if args.folder:
        yield from datasets.load_folder(args.folder)
        return
    if args.imblearn:
        yield from map(datasets.load_imblearn, args.imblearn)
        return
    names = args.sets or (QUICK_SETS if args.quick else datasets.names())
    for name in names:
        try:
            yield datasets.load(name)
        except (ImportError, FileNotFoundError) as error:
            print(f"    {name:20} left out: {error}", file=sys.stderr)


def of_other_repeats(path: Path, repeat: int) -> pd.DataFrame:
    """What an earlier run has found."""
    table = pd.read_csv(path)
    return table[table["repeat"] != repeat]


def splits(data: datasets.DataSet, args: argparse.Namespace) -> Any:
    """The folds of one repetition, as all of them together have them; a number for all."""
    if args.only is None:
        return args.folds
    repeated = RepeatedStratifiedKFold(
        n_splits=args.folds, n_repeats=args.only + 1, random_state=SEED
    )
    return list(repeated.split(data.X, data.y))[-args.folds :]


def compare(data: datasets.DataSet, args: argparse.Namespace) -> Comparison:
    # Pixels become their first principal components, for all methods alike.
    image = data.kind == "image"
    preprocessor = make_pipeline(StandardScaler(), PCA(50, random_state=SEED)) if image else None
    return compare_resampling(
        data.X,
        data.y,
        estimator=FocalNetClassifier(max_epochs=args.epochs),
        methods=args.methods,
        preprocessor=preprocessor,
        cv=splits(data, args),
        n_repeats=args.repeats if args.only is None else 1,
        n_jobs=args.jobs,
        random_state=SEED,
        checkpoint=args.checkpoint / data.name,
        progress=sys.stderr.isatty(),
    )


def wide(name: str, comparison: Comparison, only: int | None) -> pd.DataFrame:
    """One row for each method and fold, a column for each metric."""
    keys = ["method", "repeat", "fold", "fit_seconds", "predict_seconds"]
    table = comparison.results_.pivot(index=keys, columns="metric", values="value").reset_index()
    table.insert(0, "data", name)
    if only is not None:
        table["repeat"] = only
    metrics = [metric for metric in METRICS if metric in table]
    return table[[*KEYS, *metrics, "fit_seconds", "predict_seconds"]]


def describe(
    data: datasets.DataSet, capped: datasets.DataSet, comparison: Comparison
) -> dict[str, Any]:
    counts = np.unique(capped.y, return_counts=True)[1]
    return {
        "name": data.name,
        "source": data.source,
        "kind": data.kind,
        "rows": len(data.y),
        "rows_used": len(capped.y),
        "columns": data.X.shape[1],
        "classes": len(counts),
        "ratio": round(float(counts.max() / counts.min()), 1),
        "best": comparison.best_,
        "failures": comparison.failures_.to_dict("records"),
    }


def write_sets(path: Path, sets: list[dict[str, Any]], args: argparse.Namespace) -> None:
    settings = {
        name: getattr(args, name) for name in ("epochs", "rows", "folds", "repeats", "methods")
    }
    packages = {name: version(name) for name in ("imbalanced-learn", "pandas", "scipy")}
    result = {
        "environment": common.environment() | packages,
        "seed": SEED,
        **settings,
        "sets": sets,
    }
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
