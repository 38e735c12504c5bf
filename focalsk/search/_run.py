"""The work of a search: candidates trained in stacks of nets on prepared splits, all scored."""

from __future__ import annotations

import copy
import os
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import joblib
import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from focalsk._compat._sklearn import fit_and_score, named_scorers, num_samples
from focalsk._compat._tqdm import tqdm
from focalsk.estimators import (
    FocalNetClassifier,
    Stack,
    Task,
    check_X,
    divergence,
    fingerprint,
    group_tasks,
    make_seed,
    why_alone,
    why_no_stack,
)
from focalsk.search._chunks import chunk_streams, free_memory
from focalsk.search._folds import (
    PreparedSplit,
    ScoringSet,
    Shared,
    final_estimator,
    prepare_split,
    with_steps,
)
from focalsk.search._kept import KeptResults, run_in_workers, search_key
from focalsk.search._scores import needs_predictions_only, score_one, score_stream

__all__ = ["Settings", "evaluate"]

Result = dict[str, Any]
"""What scikit-learn notes of a fit: fit_error, test_scores, train_scores, times, sizes."""

Key = tuple[int, int]
"""A candidate's number and a split's."""


@dataclass(frozen=True)
class Settings:
    """How a search fits and scores: parameters of the same name of scikit-learn's searches."""

    scorers: Any  # as BaseSearchCV makes them of `scoring`
    error_score: Any = np.nan
    return_train_score: bool = False
    n_jobs: int | None = None
    pre_dispatch: int | str = "2*n_jobs"
    verbose: int = 0
    memory_budget: int | None = None
    checkpoint: str | os.PathLike[str] | None = None

    def failed(self, error: str, n_test: int, seconds: float) -> Result:
        """The result of a fit that raised an error."""
        names = named_scorers(self.scorers)
        scores = self.error_score if names is None else dict.fromkeys(names, self.error_score)
        result = {
            "fit_error": error,
            "test_scores": scores,
            "n_test_samples": n_test,
            "fit_time": seconds,
            "score_time": 0.0,
        }
        return result | ({"train_scores": copy.copy(scores)} if self.return_train_score else {})


@dataclass(frozen=True)
class Problem:
    """What is searched, on what data."""

    estimator: Any  # FocalNetClassifier or a Pipeline that ends in one, unfitted
    X: Any
    y: Any
    splits: Sequence[tuple[Any, Any]]  # indices to train and to test on
    fit_params: dict[str, Any]
    score_params: dict[str, Any]
    shared: Shared


@dataclass
class Evaluation:
    """What has been found out so far."""

    results: dict[Key, Result] = field(default_factory=dict)
    stacks: list[dict[str, Any]] = field(default_factory=list)
    seeds: dict[Any, int] = field(default_factory=dict)
    kept: KeptResults | None = None
    valid: set[int] = field(default_factory=set)  # candidates whose parameters are allowed

    def seed_of(self, classifier: FocalNetClassifier) -> int:
        """The seed of a classifier's `random_state`, drawn once for the search if it is None."""
        state = classifier.random_state
        if isinstance(state, np.random.RandomState):  # starts anew for every split
            return make_seed(clone(classifier))
        if state not in self.seeds:
            self.seeds[state] = make_seed(classifier)
        return self.seeds[state]


def evaluate(
    estimator: Any,
    X: Any,
    y: Any,
    candidates: Sequence[dict[str, Any]],
    splits: Sequence[tuple[Any, Any]],
    settings: Settings,
    *,
    fit_params: dict[str, Any] | None = None,
    score_params: dict[str, Any] | None = None,
) -> tuple[list[Result], list[dict[str, Any]]]:
    """Fit and score candidates on splits.

    Parameters
    ----------
    estimator : FocalNetClassifier or Pipeline that ends in one
        Unfitted.
    X, y : the data.
    candidates : sequence of dict
        Parameters to set.
    splits : sequence of (train, test) index arrays
    settings : Settings
    fit_params, score_params : dict, default=None
        What goes with `fit` and with scoring, for all samples.

    Returns
    -------
    results : list of dict
        One per candidate and split, in the order that cv_results_ wants.
    stacks : list of dict
        What was trained how.
    """
    problem = Problem(estimator, X, y, splits, fit_params or {}, score_params or {}, Shared(X))
    done = Evaluation()
    if settings.checkpoint is not None:
        done.kept = KeptResults(settings.checkpoint, search_key(problem, candidates, settings))
    groups: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for i, params in enumerate(candidates):
        groups[_preprocessing_key(estimator, params)][i] = params
    with tqdm(unit="epoch", disable=not settings.verbose) as bar:
        for group in groups.values():
            _evaluate_group(problem, group, settings, done, bar)
    keys = [(i, s) for i in range(len(candidates)) for s in range(len(splits))]
    return [done.results[key] for key in keys], done.stacks


def _preprocessing_key(estimator: Any, params: dict[str, Any]) -> str:
    """Candidates of one key share everything that comes before the classifier."""
    if not isinstance(estimator, Pipeline):
        return ""
    own = estimator.steps[-1][0] + "__"
    return joblib.hash({k: fingerprint(v) for k, v in params.items() if not k.startswith(own)})


def _evaluate_group(
    problem: Problem,
    group: dict[int, dict[str, Any]],
    settings: Settings,
    done: Evaluation,
    bar: Any,
) -> None:
    """Evaluate candidates, by their numbers, that share what comes before the classifier."""
    estimators = {
        i: clone(problem.estimator).set_params(**clone(params, safe=False))
        for i, params in group.items()
    }
    reasons = {i: why_alone(final_estimator(estimator)) for i, estimator in estimators.items()}
    alone = {i: reason for i, reason in reasons.items() if reason}
    stackable = {i: estimator for i, estimator in estimators.items() if i not in alone}
    splits: dict[int, PreparedSplit] = {}
    tasks = [
        task
        for s in range(len(problem.splits) if stackable else 0)
        for task in _make_tasks(problem, s, stackable, splits, settings, done)
    ]
    stacks = []
    for streams in group_tasks(tasks):
        reason = why_no_stack(streams[0][0])
        if reason:
            alone |= {task.key[0]: reason for stream in streams for task in stream}
        else:
            stacks.append(streams)
    _run_stacks(stacks, splits, settings, done, bar)
    _run_alone(problem, {i: group[i] for i in group if i in alone}, alone, settings, done)


def _make_tasks(
    problem: Problem,
    s: int,
    estimators: dict[int, Any],
    splits: dict[int, PreparedSplit],
    settings: Settings,
    done: Evaluation,
) -> list[Task]:
    """Tasks of all candidates on a split; those that cannot be fitted are results already."""
    tasks, start = [], time.perf_counter()
    indices = dict(zip(("train", "test"), problem.splits[s], strict=True))
    for i, estimator in estimators.items():
        try:
            classifier = final_estimator(estimator)
            if i not in done.valid:
                classifier._validate_params()
                done.valid.add(i)
            if s not in splits:
                splits[s] = prepare_split(
                    estimator,
                    problem.X,
                    problem.y,
                    indices,
                    problem.fit_params,
                    problem.score_params,
                    return_train_score=settings.return_train_score,
                    shared=problem.shared,
                )
            fold = splits[s].fold(classifier)
            tasks.append(Task((i, s), classifier, fold, done.seed_of(classifier)))
        except Exception:
            if settings.error_score == "raise":
                raise
            seconds = time.perf_counter() - start
            n_test = num_samples(indices["test"])
            done.results[i, s] = settings.failed(traceback.format_exc(), n_test, seconds)
    return tasks


def _run_stacks(
    stacks: list[list[list[Task]]],
    splits: dict[int, PreparedSplit],
    settings: Settings,
    done: Evaluation,
    bar: Any,
) -> None:
    n_jobs = effective_n_jobs(settings.n_jobs)
    budget, n_parts = settings.memory_budget or free_memory() // 4, n_jobs
    if done.kept is not None:
        budget, n_parts = done.kept.plan(budget, n_jobs)
    chunks = [
        chunk
        for streams in stacks
        for chunk in chunk_streams(streams, budget, n_parts, len(stacks))
    ]
    for chunk in chunks:
        done.stacks.append(
            {"n_nets": sum(map(len, chunk)), "n_streams": len(chunk), "trained": "stacked"}
        )
    bar.set_description(f"{sum(stack['n_nets'] for stack in done.stacks)} nets")
    bar.total = (bar.total or 0) + sum(map(_n_epochs, chunks))
    if n_jobs == 1:
        for chunk in chunks:
            done.results.update(_run_kept(done.kept, chunk, splits, settings, bar.update))
        return
    calls = [
        (done.kept, chunk, {s: splits[s] for s in _splits_of(chunk)}, settings) for chunk in chunks
    ]
    for place, results in run_in_workers(_run_kept, calls, settings.n_jobs, settings.pre_dispatch):
        done.results.update(results)
        bar.update(_n_epochs(chunks[place]))


def _run_kept(kept: KeptResults | None, chunk: list[list[Task]], *args: Any) -> dict[Key, Result]:
    """Results of a stack, from the checkpoint if they are there."""
    if kept is None:
        return run_stack(chunk, *args)
    tasks = [(*task.key, task.seed) for stream in chunk for task in stream]
    return kept.run(tasks, run_stack, chunk, *args)


def _run_alone(
    problem: Problem,
    candidates: dict[int, dict[str, Any]],
    reasons: dict[int, str],
    settings: Settings,
    done: Evaluation,
) -> None:
    """Candidates that no stack takes, in scikit-learn's own way."""
    keys = [(i, s) for i in candidates for s in range(len(problem.splits))]
    calls = [(problem, candidates[i], (i, s), settings, done.kept) for i, s in keys]
    for _, results in run_in_workers(_run_one, calls, settings.n_jobs, settings.pre_dispatch):
        done.results.update(results)
    for reason, count in Counter(reasons[i] for i in candidates).items():
        done.stacks.append(
            {"n_nets": count * len(problem.splits), "trained": "alone", "reason": reason}
        )


def _run_one(
    problem: Problem,
    params: dict[str, Any],
    place: Key,
    settings: Settings,
    kept: KeptResults | None,
) -> dict[Key, Result]:
    """The result of one candidate on one split, in scikit-learn's own way."""

    def work() -> dict[Key, Result]:
        result = fit_and_score(
            clone(problem.estimator),
            problem.X,
            problem.y,
            train=problem.splits[place[1]][0],
            test=problem.splits[place[1]][1],
            scorer=settings.scorers,
            parameters=params,
            fit_params=problem.fit_params,
            score_params=problem.score_params,
            return_train_score=settings.return_train_score,
            return_n_test_samples=True,
            return_times=True,
            error_score=settings.error_score,
            verbose=0,
        )
        return {place: result}

    return work() if kept is None else kept.run([place], work)


def _splits_of(streams: list[list[Task]]) -> set[int]:
    return {task.key[1] for stream in streams for task in stream}


def _n_epochs(streams: list[list[Task]]) -> int:
    return sum(len(stream) for stream in streams) * streams[0][0].estimator.max_epochs


def run_stack(
    streams: list[list[Task]],
    splits: dict[int, PreparedSplit],
    settings: Settings,
    progress: Callable[[int], Any] | None = None,
) -> dict[Key, Result]:
    """Train a stack and score its nets: one result per task, by its key."""
    start = time.perf_counter()
    tasks = [task for stream in streams for task in stream]
    try:
        stack = Stack(streams).fit(None if progress is None else lambda: progress(len(tasks)))
    except Exception:
        if settings.error_score == "raise":
            raise
        if len(tasks) > 1:  # one of them is to blame; the others train without it
            return {
                key: result
                for task in tasks
                for key, result in run_stack([[task]], splits, settings).items()
            }
        key, seconds = tasks[0].key, time.perf_counter() - start
        n_test = num_samples(splits[key[1]].scoring_sets["test"].y)
        return {key: settings.failed(traceback.format_exc(), n_test, seconds)}
    seconds = (time.perf_counter() - start) / len(tasks)
    diverged = dict(zip((task.key for task in tasks), stack.diverged(), strict=True))
    results: dict[Key, Result] = {}
    for s, stream in enumerate(streams):
        split = splits[stream[0].key[1]]
        n_test = num_samples(split.scoring_sets["test"].y)
        wanted = [k for k, task in enumerate(stream) if not diverged[task.key]]
        scored = {
            name: score_nets(stack, s, wanted, split, samples, settings)
            for name, samples in split.scoring_sets.items()
        }
        for k, task in enumerate(stream):
            if diverged[task.key]:
                error = f"ValueError: {divergence(task.estimator)}"
                if settings.error_score == "raise":
                    raise ValueError(error)
                results[task.key] = settings.failed(error, n_test, seconds)
                continue
            scores, score_time = scored["test"][k]
            results[task.key] = {
                "fit_error": None,
                "test_scores": scores,
                "n_test_samples": n_test,
                "fit_time": seconds,
                "score_time": score_time,
            }
            if "train" in scored:
                results[task.key]["train_scores"] = scored["train"][k][0]
    return results


def score_nets(
    stack: Stack,
    s: int,
    wanted: list[int],
    split: PreparedSplit,
    samples: ScoringSet,
    settings: Settings,
) -> dict[int, tuple[Any, float]]:
    """Scores of the wanted nets of a stream, and the seconds that each took."""
    reader = stack.streams[s][0].fold.reader
    quick = needs_predictions_only(settings.scorers)
    start = time.perf_counter()
    raw = samples.raw if samples.X is None or not quick else None
    X = check_X(reader, raw if samples.X is None else samples.X)
    fitted = stack.fitted(s, X)
    if quick:
        values = score_stream(
            fitted, wanted, X, samples.y, settings.scorers, samples.score_params,
            settings.error_score,
        )  # fmt: skip
        seconds = (time.perf_counter() - start) / max(1, len(wanted))
        return {k: (value, seconds) for k, value in zip(wanted, values, strict=True)}
    scores = {}
    for k in wanted:
        start = time.perf_counter()
        whole = with_steps(split.steps, fitted.classifier(k), reader)
        value = score_one(
            whole, raw, samples.y, settings.scorers, samples.score_params,
            settings.error_score,
        )  # fmt: skip
        scores[k] = (value, time.perf_counter() - start)
    return scores
