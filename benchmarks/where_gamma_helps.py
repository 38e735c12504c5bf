"""Where focal loss helps: gamma and alpha against cross-entropy, under label noise, extreme ratios,
in a wide net that is trained long, and on images. One network; probabilities are posteriors,
corrected for gamma and alpha, and beside them the softmax as it is, which others use.

Every candidate of a condition is trained in one stack for each fold. One thread.
"""

from __future__ import annotations

import argparse
import copy
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import _common as common
import _datasets as datasets
import numpy as np
import pandas as pd
from _ranks import win_tie_loss
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold
from stacks import SmallCNN

from focalsk import FocalGridSearchCV, FocalNetClassifier
from focalsk.comparison import METRICS
from focalsk.tables import infer_columns, make_encoder

SETS = [
    "pima", "glass", "german", "haberman", "bank", "page_blocks0", "pc1", "wine_quality",
    "yeast_me2", "contraceptive",
]  # fmt: skip
assert all(datasets.HALF[name] == "development" for name in SETS)
IMAGES = [f"{source} {turn}" for source in ("digits", "fashion_mnist") for turn in range(5)]
GAMMAS, ALPHAS, SEEDS = [0.0, 0.5, 1.0, 2.0, 5.0], [None, "balanced"], [0, 1]
REFERENCE = "cross-entropy"
N_FOLDS, MAX_ROWS, TOLERANCE = 3, 1000, 5e-4
NOISE, RATIO, LEAST = 0.2, 100, 5
OF_EACH, TAIL = 300, {"digits": 15, "fashion_mnist": 30}


def calibration(classifier: Any, X: Any, y: Any) -> float:
    """The negative calibration error."""
    proba, classes = classifier.predict_proba(X), classifier.classes_
    return -METRICS["ece"].score(np.searchsorted(classes, y), None, proba, np.arange(len(classes)))


def of_softmax(scorer: Callable[..., float]) -> Callable[..., float]:
    """The score of the network's softmax as it is."""

    def score(classifier: Any, X: Any, y: Any) -> float:
        raw = copy.copy(classifier)  # trained: a clone would have to be again
        raw.proba = "raw"
        return scorer(raw, X, y)

    return score


SCORING: dict[str, Any] = {
    "AP": "average_precision",
    "log loss": "neg_log_loss",
    "Brier": "neg_brier_score",
    "ECE": calibration,
    "balanced accuracy": "balanced_accuracy",
    "softmax: log loss": of_softmax(get_scorer("neg_log_loss")),
    "softmax: Brier": of_softmax(get_scorer("neg_brier_score")),
    "softmax: ECE": of_softmax(calibration),
}


@dataclass(frozen=True)
class Condition:
    """What is done to the training rows, and the network."""

    noise: float = 0.0  # share of the training rows whose class is drawn anew
    ratio: float | None = None  # at most this many rows of the frequent class to one of the rare
    wide: bool = False
    images: bool = False

    def network(self) -> FocalNetClassifier:
        # The best decision for balanced accuracy, the same for all.
        params: dict[str, Any] = {"decision": "balanced"}
        if self.wide:
            params |= {"hidden_layer_sizes": (128, 128), "lr": 0.001, "max_epochs": 150}
        elif self.images:
            params |= {"module": SmallCNN, "lr": 0.005, "max_epochs": 60}
        else:
            params |= {"early_stopping": True}
        return FocalNetClassifier(**params)


CONDITIONS = {
    "as they are": Condition(),
    f"{NOISE:.0%} of the classes drawn anew": Condition(noise=NOISE),
    f"1 to {RATIO}": Condition(ratio=RATIO),
    "128-128, 150 epochs": Condition(wide=True),
    f"128-128, 150 epochs, {NOISE:.0%} drawn anew": Condition(noise=NOISE, wide=True),
    "images, a small CNN, 60 epochs": Condition(images=True),
    f"images, a small CNN, 60 epochs, {NOISE:.0%} drawn anew": Condition(noise=NOISE, images=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two sets")
    parser.add_argument("--sets", type=lambda text: text.split(","), help="names with commas")
    args = parser.parse_args()
    names = args.sets or ([*SETS[:2], *IMAGES[:1]] if args.quick else SETS + IMAGES)
    warnings.simplefilter("ignore", ConvergenceWarning)  # a net that learned nothing counts as well
    rows = []
    for name in names:
        try:
            data = load(name)
        except datasets.NotInstalledError as error:
            print(f"{name} is left out: {error}")
            continue
        start = time.process_time()
        rows += [row | {"data": name} for row in measure(data)]
        print(f"{name:15} {time.process_time() - start:6.1f} s", flush=True)
    table = pd.DataFrame(rows)
    found = {condition: gains(part) for condition, part in table.groupby("condition", sort=False)}
    report(found, table)
    numbers = {c: {m: t.to_dict("index") for m, t in of.items()} for c, of in found.items()}
    common.write_json("where_gamma_helps", args.quick, {"sets": names, "gains": numbers})


def load(name: str) -> datasets.DataSet:
    """A set of at most `MAX_ROWS` rows, or images of 8 by 8 in a long tail.

    The classes take turns in the tail, so that one source makes several sets; they share images.
    """
    if name not in IMAGES:
        return datasets.cap(datasets.load(name), MAX_ROWS, random_state=0)
    source, turn = name.split(" ")
    if source == "digits":
        X, y = load_digits(return_X_y=True)
        X = X.reshape(-1, 1, 8, 8) / 16
    else:
        X, y = datasets.all_of_fashion_mnist()
        chosen = np.concatenate([np.flatnonzero(y == k)[:OF_EACH] for k in range(10)])
        inner = X[chosen].reshape(-1, 28, 28)[:, 2:-2, 2:-2]
        X, y = inner.reshape(-1, 1, 8, 3, 8, 3).mean(axis=(3, 5)) / 255, y[chosen]
    X, y = datasets.long_tail(X.astype(np.float32), (y + 2 * int(turn)) % 10, TAIL[source])
    return datasets.DataSet(name, X, y, source, "image")


def measure(data: datasets.DataSet) -> Iterator[dict[str, Any]]:
    """One row for each condition, fold and candidate; the seeds are averaged."""
    y = np.unique(data.y, return_inverse=True)[1]
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    for fold, (train, test) in enumerate(folds.split(np.zeros(len(y)), y)):
        X = encode(data, train)
        for name, condition in CONDITIONS.items():
            rng = np.random.default_rng(fold)
            if condition.images != (data.kind == "image"):
                continue
            if condition.ratio and (y.max() > 1 or np.bincount(y[train])[1] < 2 * LEAST):
                continue
            rows, classes = change(condition, train, y, rng)
            if len(rows) == len(train) and condition.ratio:
                continue  # it is as extreme already
            results = search(condition, X, np.concatenate([classes, y[test]]), rows, test)
            for (gamma, alpha), scores in results.groupby(["gamma", "alpha"]):
                plain = (float(gamma), alpha) == (0, "None")
                method = REFERENCE if plain else f"γ {float(gamma):g}, α {alpha}"
                means = {metric: scores[metric].mean() for metric in SCORING}
                yield {"condition": name, "fold": fold, "method": method, **means}


def encode(data: datasets.DataSet, train: np.ndarray) -> np.ndarray:
    """Numbers for the network; whatever has to be learned is learned from the training rows."""
    if isinstance(data.X, np.ndarray):
        return (data.X - data.X[train].mean(axis=0)) / data.X[train].std()
    encoder = make_encoder(infer_columns(data.X)).fit(data.X.iloc[train])
    return np.asarray(encoder.transform(data.X), dtype=np.float32)


def change(
    condition: Condition, train: np.ndarray, y: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Training rows that are left, and their classes as the network is told."""
    if condition.ratio:
        rare = train[y[train] == 1]
        kept = max(LEAST, int((y[train] == 0).sum() / condition.ratio))
        dropped = rng.permutation(rare)[kept:]
        train = np.setdiff1d(train, dropped)
    classes = y[train].copy()
    drawn = rng.random(len(classes)) < condition.noise
    classes[drawn] = rng.integers(y.max() + 1, size=drawn.sum())
    return train, classes


def search(
    condition: Condition, X: np.ndarray, y: np.ndarray, rows: np.ndarray, test: np.ndarray
) -> pd.DataFrame:
    """Scores on the test rows, whose classes stand behind those of the training rows in y."""
    places = np.split(np.arange(len(y)), [len(rows)])
    found = FocalGridSearchCV(
        condition.network(),
        {"gamma": GAMMAS, "alpha": ALPHAS, "random_state": SEEDS},
        scoring=SCORING,
        refit=False,
        cv=[tuple(places)],
    ).fit(X[np.concatenate([rows, test])], y)
    results = pd.DataFrame(found.cv_results_)
    scores = {metric: results[f"mean_test_{metric}"] for metric in SCORING}
    parameters = {
        name: [str(params[name]) for params in results["params"]] for name in ("gamma", "alpha")
    }
    return pd.DataFrame({**parameters, **scores})


def gains(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """For each metric: mean gain over cross-entropy, sets won and lost, Holm's p-value."""
    found = {}
    for metric in SCORING:
        scores = table.pivot_table(index="data", columns="method", values=metric, sort=False)
        counts = win_tie_loss(scores, REFERENCE, greater_is_better=True, tolerance=TOLERANCE)
        gain = scores.sub(scores[REFERENCE], axis=0).mean()
        found[metric] = counts.assign(gain=gain)[["gain", "win", "loss", "p_value"]].round(4)
    return found


def report(found: dict[str, dict[str, pd.DataFrame]], table: pd.DataFrame) -> None:
    print(
        f"\nGain × 1000 over {REFERENCE} (positive is better), sets won–lost, * if p < .05 (Holm)"
    )
    for condition, metrics in found.items():
        sets = table.loc[table["condition"] == condition, "data"].nunique()
        print(f"\n{condition} ({sets} sets)")
        texts = {
            metric: [
                f"{1000 * row.gain:+.1f} ({row.win:.0f}–{row.loss:.0f})"
                f"{'*' if row.p_value < 0.05 else ''}"
                for row in counts.itertuples()
            ]
            for metric, counts in metrics.items()
        }
        print(pd.DataFrame(texts, index=next(iter(metrics.values())).index).to_string())


if __name__ == "__main__":
    main()
