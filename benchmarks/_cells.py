"""One method on one fold: fitted once, kept in a folder, scored on its own tuned decisions."""

from __future__ import annotations

import json
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import _datasets as datasets
import _rivals as rivals
import numpy as np
from sklearn.model_selection import StratifiedKFold

from focalsk.comparison import METRICS

SCORING = 1  # raised when scores are computed in another way
INNER_FOLDS = 5
TAUS = np.linspace(-1.5, 2, 71)  # 0 is the argmax of the posterior, 1 that of posterior over prior
SMOOTHED = 5  # neighbouring values of tau that are averaged
DECISIONS = ["balanced_accuracy", "f1_macro", "mcc"]
PROBABILITIES = ["average_precision", "roc_auc", "brier", "log_loss", "ece"]


def run(
    name: str,
    method: rivals.Method,
    data: datasets.DataSet,
    place: tuple[int, int, int],
    cache: Path,
    *,
    only_cached: bool = False,
) -> dict[str, Any] | None:
    """Return the scores of a method on ``place = (repeat, fold, n_folds)``; fit it if need be.

    Returns
    -------
    dict or None
        Scores and seconds, or ``{'error': ...}``; None where `only_cached` finds nothing.
    """
    repeat, fold, n_folds = place
    folder = cache / data.name / name / method.key()
    file = folder / f"{len(data.y)}-{n_folds}-{repeat}-{fold}.npz"
    kept = file.with_suffix(".json")
    if kept.exists():
        scores = json.loads(kept.read_text())
        if "error" in scores or scores["scoring"] == SCORING:
            return scores
    if not file.exists():
        if only_cached:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        try:
            arrays = fit(method, data, place)
        except Exception as error:  # a method that fails on a set is reported, not fatal
            traceback.print_exc()
            scores = {"error": f"{type(error).__name__}: {error}"}
            write(kept, json.dumps(scores).encode())
            return scores
        with open(part := file.with_suffix(".part"), "wb") as stream:
            np.savez_compressed(stream, **arrays)
        part.rename(file)
    with np.load(file) as arrays:
        scores = {"scoring": SCORING} | score(dict(arrays))
    write(kept, json.dumps(scores).encode())
    return scores


def write(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.rename(path)


# Fitting ------------------------------------------------------------------------------------------


def fit(
    method: rivals.Method, data: datasets.DataSet, place: tuple[int, int, int]
) -> dict[str, np.ndarray]:
    """Fit on the other folds; return the posteriors of the fold, and out-of-fold ones for tuning.

    The ensemble tunes its own decisions, from the one fit.
    """
    repeat, fold, n_folds = place
    y = np.unique(data.y, return_inverse=True)[1]
    n_classes = y.max() + 1
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=repeat)
    train, test = list(folds.split(np.zeros(len(y)), y))[fold]
    seed = repeat * n_folds + fold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        model = rivals.make(method, data, seed).fit(rows(data.X, train), y[train])
        fitted = time.process_time()
        proba = posterior(model, rows(data.X, test), n_classes)
        labels = np.asarray(model.predict(rows(data.X, test))).ravel()
        predicted = time.process_time()
        arrays = {"y": y[test], "y_train": y[train], "proba": proba, "labels": labels}
        if method.decides:
            for metric in DECISIONS:
                model[-1].set_params(decision=metric)
                arrays[f"labels_{metric}"] = model.predict(rows(data.X, test))
        else:
            arrays["oof"] = out_of_fold(method, data, train, y[train], seed)
        tuned = time.process_time()
    seconds = [fitted - start, predicted - fitted, tuned - predicted]
    return arrays | {"seconds": np.array(seconds)}


def rows(X: Any, indices: np.ndarray) -> Any:
    return X[indices] if isinstance(X, np.ndarray) else X.iloc[indices].reset_index(drop=True)


def posterior(model: Any, X: Any, n_classes: int) -> np.ndarray:
    """Probabilities with a column for each class, of which the model may not know some."""
    proba = np.zeros((len(X), n_classes))
    proba[:, np.asarray(model.classes_, dtype=int)] = model.predict_proba(X)
    return proba


def out_of_fold(
    method: rivals.Method, data: datasets.DataSet, train: np.ndarray, y: np.ndarray, seed: int
) -> np.ndarray:
    proba = np.zeros((len(y), y.max() + 1))
    folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=seed)
    for inner, held in folds.split(np.zeros(len(y)), y):
        model = rivals.make(method, data, seed).fit(rows(data.X, train[inner]), y[inner])
        proba[held] = posterior(model, rows(data.X, train[held]), proba.shape[1])
    return proba


# Scoring ------------------------------------------------------------------------------------------


def score(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """All metrics of one fold; those of decisions at ``predict`` and tuned."""
    y, proba = arrays["y"], arrays["proba"]
    classes = np.arange(proba.shape[1])
    scores: dict[str, Any] = {
        name: METRICS[name].score(y, arrays["labels"], proba, classes)
        for name in [*PROBABILITIES, *DECISIONS]
    }
    for name in DECISIONS:
        if f"labels_{name}" in arrays:
            labels = arrays[f"labels_{name}"]
        else:
            prior = np.bincount(arrays["y_train"], minlength=len(classes)) / len(arrays["y_train"])
            scores[f"tau_{name}"] = tau = tune(arrays["oof"], arrays["y_train"], prior, name)
            labels = decide(proba, prior, tau)
        scores[f"{name}_tuned"] = METRICS[name].score(y, labels, proba, classes)
    fit_seconds, predict_seconds, tune_seconds = arrays["seconds"].tolist()
    return scores | {
        "fit_seconds": fit_seconds,
        "predict_seconds": predict_seconds,
        "tune_seconds": tune_seconds,
    }


def decide(proba: np.ndarray, prior: np.ndarray, tau: float) -> np.ndarray:
    """The class of the greatest ``log posterior - tau log prior``."""
    return (np.log(np.clip(proba, 1e-12, None)) - tau * np.log(prior)).argmax(axis=1)


def tune(proba: np.ndarray, y: np.ndarray, prior: np.ndarray, metric: str) -> float:
    """The tau of the greatest score, of a curve that is smoothed over its neighbours."""
    curve = np.array(
        [OF_CONFUSION[metric](confusion(y, decide(proba, prior, t), prior.size)) for t in TAUS]
    )
    padded = np.pad(curve, SMOOTHED // 2, mode="edge")
    smooth = np.convolve(padded, np.full(SMOOTHED, 1 / SMOOTHED), mode="valid")
    best = np.flatnonzero(smooth >= smooth.max() - 1e-12)
    return float(TAUS[best[len(best) // 2]])


def confusion(y: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    counts = np.bincount(y * n_classes + labels, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes).astype(float)  # true class, decided class


def balanced_accuracy(table: np.ndarray) -> float:
    return float(np.mean(np.diag(table) / table.sum(axis=1)))


def f1_macro(table: np.ndarray) -> float:
    return float(np.mean(2 * np.diag(table) / (table.sum(axis=0) + table.sum(axis=1))))


def mcc(table: np.ndarray) -> float:
    true, decided, n = table.sum(axis=1), table.sum(axis=0), table.sum()
    spread = (n**2 - decided @ decided) * (n**2 - true @ true)
    return float((np.trace(table) * n - true @ decided) / np.sqrt(spread)) if spread else 0.0


OF_CONFUSION = {"balanced_accuracy": balanced_accuracy, "f1_macro": f1_macro, "mcc": mcc}
