"""Label smoothing in the ensemble: none, undone in the posterior, and left as it is.

Small two-class sets of the development half, two folds, one thread.
"""

from __future__ import annotations

import argparse
from typing import Any

import _common as common
import _datasets as datasets
import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import StratifiedKFold

from focalsk import FocalEnsembleClassifier
from focalsk.comparison import METRICS

SETS = ["german", "haberman", "page_blocks0", "pc1", "pima", "yeast_me2"]
assert all(datasets.HALF[name] == "development" for name in SETS)
SMOOTHING = 0.1
MAX_ROWS, N_FOLDS, N_ESTIMATORS = 800, 2, 8
SHOWN = {"average_precision": "AP", "brier": "Brier", "log_loss": "log loss", "ece": "ECE"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two sets, two members")
    parser.add_argument("--repeats", type=int, default=1)
    args = parser.parse_args()
    names, n_estimators = (SETS[1::3], 2) if args.quick else (SETS, N_ESTIMATORS)
    table = pd.DataFrame(row for name in names for row in measure(name, n_estimators, args.repeats))
    means = table.groupby(["data", "way"], sort=False)[list(SHOWN)].mean()
    report(means)
    common.write_json("label_smoothing", args.quick, result(means, n_estimators, args.repeats))


def measure(name: str, n_estimators: int, repeats: int) -> list[dict[str, Any]]:
    """One row for each repeat, fold and way."""
    data = datasets.cap(datasets.load(name), MAX_ROWS, random_state=0)
    table = []
    for repeat in range(repeats):
        folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=repeat)
        for fold, (train, test) in enumerate(folds.split(data.X, data.y)):
            frames = (data.X.iloc[rows].reset_index(drop=True) for rows in (train, test))
            probabilities = ways(*frames, data.y[train], n_estimators, repeat * N_FOLDS + fold)
            for way, proba in probabilities.items():
                labels = proba.argmax(axis=1)
                scores = {
                    m: METRICS[m].score(data.y[test], labels, proba, np.arange(2)) for m in SHOWN
                }
                table.append({"data": name, "way": way, **scores})
    return table


def ways(
    X: pd.DataFrame, X_test: pd.DataFrame, y: np.ndarray, n_estimators: int, seed: int
) -> dict[str, np.ndarray]:
    """Posteriors (n_test, 2) of two ensembles, with and without what comes after the members."""
    found = {}
    for smoothing in (0.0, SMOOTHING):
        clf = FocalEnsembleClassifier(n_estimators, label_smoothing=smoothing, random_state=seed)
        proba = clf.fit(X, y).predict_proba(X_test)
        bare = proba**clf.temperature_
        name = f"{smoothing:g}, undone" if smoothing else "0"
        found[f"{name}, no temperature"] = bare / bare.sum(axis=1, keepdims=True)
        found[name] = proba
    # The members' softmax averaged: what one has who forgets about the smoothing.
    inputs = torch.as_tensor(clf._encoder.transform(X_test))
    with torch.no_grad():
        logits = clf.module_.logits(0, inputs.to(next(clf.module_.parameters()).dtype))
    found[f"{SMOOTHING:g}, left, no temperature"] = logits.double().softmax(-1).mean(0).numpy()
    return found


def report(means: pd.DataFrame) -> None:
    for metric, heading in SHOWN.items():
        scores = means[metric].unstack("way", sort=False)
        scores.loc["mean"] = scores.mean()
        rows = [(name, *(f"{value:.4f}" for value in row)) for name, *row in scores.itertuples()]
        common.print_table(heading, ["set", *scores.columns], rows)


def result(means: pd.DataFrame, n_estimators: int, repeats: int) -> dict[str, Any]:
    return {
        "settings": {
            "n_estimators": n_estimators,
            "max_rows": MAX_ROWS,
            "folds": N_FOLDS,
            "repeats": repeats,
        },
        "mean": means.groupby("way", sort=False).mean().round(5).to_dict("index"),
        "sets": {
            name: rows.droplevel("data").round(5).to_dict("index")
            for name, rows in means.groupby("data", sort=False)
        },
    }


if __name__ == "__main__":
    main()
