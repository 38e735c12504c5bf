"""Cross-validation of many methods: shared folds, failures noted, each fold saved as it ends."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.utils.parallel import Parallel, delayed

from focalsk._compat._checkpoint import library_versions, read_checkpoint, write_checkpoint
from focalsk._compat._sklearn import safe_indexing
from focalsk._compat._tqdm import tqdm
from focalsk.comparison._decisions import (
    ENSEMBLE_DECISIONS,
    decide,
    decision_parameter,
    tune_decisions,
)

__all__ = ["Failure", "FoldPrediction", "Split", "run"]


# What a prediction is besides arrays.
_FACTS = ("method", "repeat", "fold", "fit_seconds", "predict_seconds", "n_train")


@dataclass(frozen=True)
class Split:
    """One division of the samples into training and test.

    Attributes
    ----------
    repeat, fold : int
        Which one it is, from 0.
    train, test : ndarray of int
        Positions of the samples.
    """

    repeat: int
    fold: int
    train: NDArray[np.intp]
    test: NDArray[np.intp]


@dataclass(frozen=True)
class FoldPrediction:
    """What one method says of one test fold.

    Attributes
    ----------
    method : str
        Name of the method.
    repeat, fold : int
        Number of the repetition and of the fold in it, from 0.
    test : ndarray of int of shape (n_test,)
        Positions of the test samples in the data.
    labels : ndarray of shape (n_test,)
        ``predict`` of the test samples.
    proba : ndarray of shape (n_test, n_classes)
        ``predict_proba``, with one column for each class of the whole data, in sorted order.
    tuned : dict of str to ndarray of shape (n_test,)
        For each metric of decisions, those of the rule that was best for it on held-out training
        samples.
    fit_seconds, predict_seconds : float
        Wall time of ``fit`` on the training fold, resampling and searches included, and of
        ``predict_proba`` of the test fold.
    n_train : int or None
        Number of training samples; None in checkpoints of version 0.2.
    """

    method: str
    repeat: int
    fold: int
    test: NDArray[np.intp]
    labels: NDArray[Any]
    proba: NDArray[np.floating]
    tuned: dict[str, NDArray[Any]] = field(default_factory=dict)
    fit_seconds: float = np.nan
    predict_seconds: float = np.nan
    n_train: int | None = None


@dataclass(frozen=True)
class Failure:
    """A method that raised on a fold.

    Attributes
    ----------
    method : str
        Name of the method.
    repeat, fold : int
        Where it failed.
    error : str
        Type and first line of the exception.
    """

    method: str
    repeat: int
    fold: int
    error: str


def run(
    estimators: Mapping[str, Any],
    X: Any,
    y: NDArray[Any],
    splits: Iterable[Split],
    *,
    seed: int,
    tune: bool = True,
    n_jobs: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Iterator[FoldPrediction | Failure]:
    """Fit every method on every split.

    Parameters
    ----------
    estimators : dict of str to estimator
        Classifiers by name.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples.
    y : ndarray of shape (n_samples,)
        Classes.
    splits : iterable of Split
        What to train and test on.
    seed : int
        What divides a training fold for the tuning of decisions.
    tune : bool, default=True
        Whether to tune decisions, which takes a second fit on three quarters of the fold.
    n_jobs : int, default=None
        Fits that run at once, as in joblib. Changes the time and no score.
    checkpoint : path-like, default=None
        Folder where each prediction is kept as soon as it is there, and found again by a later
        run of the same methods on the same data.
    progress : bool, default=False
        Whether to show a bar that counts the fits.

    Yields
    ------
    FoldPrediction or Failure
        In the order of the splits, and of the methods in each.

    Warns
    -----
    UserWarning
        For each file of `checkpoint` that cannot be read: it is set aside, and its fold trained
        again.

    Raises
    ------
    OSError
        If `checkpoint` cannot be read or written, with the name of the file.
    """
    store = None
    if checkpoint is not None:
        versions = library_versions("imbalanced-learn", "pandas")
        store = _Store(checkpoint, joblib.hash((versions, X, y, seed, tune)))
    tasks = [
        (name, clone(estimator), split)
        for split in splits
        for name, estimator in estimators.items()
    ]
    paths = [None if store is None else store.path(*task) for task in tasks]
    classes = np.unique(y)
    kept = [None if path is None else _load(path, classes) for path in paths]
    jobs = (
        delayed(_run_one)(*task, X, y, seed, tune, path)
        for task, path, found in zip(tasks, paths, kept, strict=True)
        if found is None
    )
    fitted = iter(_parallel(n_jobs)(jobs))
    results = (next(fitted) if found is None else found for found in kept)
    yield from tqdm(results, total=len(tasks), unit="fit", disable=not progress)


def _parallel(n_jobs: int | None) -> Parallel:
    """Give each result as soon as it is there, or all at the end by a backend that cannot."""
    try:
        return Parallel(n_jobs=n_jobs, return_as="generator")
    except ValueError:  # "Backend ... does not support return_as=generator": that of Ray, say
        return Parallel(n_jobs=n_jobs)


def _run_one(
    name: str,
    estimator: Any,
    split: Split,
    X: Any,
    y: NDArray[Any],
    seed: int,
    tune: bool,
    path: Path | None,
) -> FoldPrediction | Failure:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hundreds of fits: the scores tell what went wrong
            prediction = _predict_fold(name, estimator, X, y, split, seed, tune)
    except Exception as error:
        lines = str(error).strip().splitlines()
        message = next(iter(lines), "")
        if message.startswith("All the ") and "fits failed" in message:
            message = f"{message} {lines[-1]}"  # a search's error ends with why
        return Failure(name, split.repeat, split.fold, f"{type(error).__name__}: {message}")
    if path is not None:
        _keep(path, prediction, np.unique(y))
    return prediction


def _predict_fold(
    name: str, estimator: Any, X: Any, y: NDArray[Any], split: Split, seed: int, tune: bool
) -> FoldPrediction:
    classes = np.unique(y)
    tuned: dict[str, NDArray[Any]] = {}
    decision = decision_parameter(estimator)
    if tune and decision is None:
        rules, prior = _tune(clone(estimator), X, y, split.train, classes, seed)
    start = perf_counter()
    estimator.fit(safe_indexing(X, split.train), y[split.train])
    fit_seconds = perf_counter() - start
    X_test = safe_indexing(X, split.test)
    start = perf_counter()
    proba = _proba(estimator, X_test, classes)
    predict_seconds = perf_counter() - start
    if not np.isfinite(proba).all():
        raise ValueError("predict_proba gave values that are not finite.")
    labels = np.asarray(estimator.predict(X_test))
    if tune and decision is None:
        tuned = {metric: decide(proba, classes, prior, rule) for metric, rule in rules.items()}
    elif (
        decision is not None and tune
    ):  # by what it says of the samples that its members held out: no other fit
        for metric, rule in ENSEMBLE_DECISIONS.items():
            tuned[metric] = np.asarray(estimator.set_params(**{decision: rule}).predict(X_test))
    return FoldPrediction(
        method=name,
        repeat=split.repeat,
        fold=split.fold,
        test=split.test,
        labels=labels,
        proba=proba,
        tuned=tuned,
        fit_seconds=fit_seconds,
        predict_seconds=predict_seconds,
        n_train=len(split.train),
    )


def _tune(
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    train: NDArray[np.intp],
    classes: NDArray[Any],
    seed: int,
) -> tuple[dict[str, float], NDArray[np.floating]]:
    """Decision rules from a quarter of the training fold that the rest of it predicts."""
    folds = StratifiedKFold(4, shuffle=True, random_state=seed)
    inner, held_out = next(folds.split(train, y[train]))
    estimator.fit(safe_indexing(X, train[inner]), y[train[inner]])
    proba = _proba(estimator, safe_indexing(X, train[held_out]), classes)
    prior = np.mean(y[train][:, None] == classes, axis=0)
    return tune_decisions(y[train[held_out]], proba, classes, prior), prior


def _proba(estimator: Any, X: Any, classes: NDArray[Any]) -> NDArray[np.floating]:
    """Probabilities of all classes; one that training lacked keeps its column, at zero."""
    given = estimator.predict_proba(X)
    proba = np.zeros((len(given), len(classes)))
    proba[:, np.searchsorted(classes, estimator.classes_)] = given
    return proba


class _Store:
    """A folder of predictions, each under the hash of all that it depends on."""

    def __init__(self, folder: str | os.PathLike[str], data: str) -> None:
        self.folder = Path(folder)
        self.data = data
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str, estimator: Any, split: Split) -> Path:
        key = joblib.hash((self.data, name, estimator, split.train, split.test))
        readable = re.sub(r"[^\w.-]", "_", name)
        return self.folder / f"{readable}-{split.repeat}-{split.fold}-{key}.checkpoint"


def _key(path: Path) -> str:
    return path.stem.rpartition("-")[2]


def _keep(path: Path, said: FoldPrediction, classes: NDArray[Any]) -> None:
    """Write a prediction as numbers, its classes by their places."""
    header = {name: getattr(said, name) for name in _FACTS}
    arrays = {"test": said.test, "proba": said.proba}
    place = {name: k for k, name in enumerate(classes.tolist())}
    for name, labels in {"labels": said.labels, **said.tuned}.items():
        places = [place.get(label, -1) for label in labels.tolist()]
        if min(places, default=0) < 0:
            return  # it answers with what is no class: not to be kept in numbers
        arrays[f"class {name}"] = np.array(places, dtype=np.intp)
    write_checkpoint(path, _key(path), header, arrays)


def _load(path: Path, classes: NDArray[Any]) -> FoldPrediction | None:
    """Read what was kept; a file that is none of ours, or cut, is set aside and told of."""
    found = read_checkpoint(path, _key(path))
    if found is None:
        return None
    header, arrays = found
    decided = {
        name.removeprefix("class "): classes[places]
        for name, places in arrays.items()
        if name.startswith("class ")
    }
    labels = decided.pop("labels")
    return FoldPrediction(
        test=arrays["test"], labels=labels, proba=arrays["proba"], tuned=decided, **header
    )
