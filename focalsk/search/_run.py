"""The work of a search: folds prepared once, candidates trained in stacks, every one scored."""

from __future__ import annotations

import copy
import numbers
import os
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import joblib
import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer
from sklearn.model_selection._validation import _fit_and_score, _score
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params, _num_samples
from tqdm.auto import tqdm

from focalsk.estimators import (
    FocalNetClassifier,
    Fold,
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

__all__ = ["Search", "last_step"]


def final(estimator: Any) -> Any:
    """The last step of a pipeline; any other estimator itself."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def last_step(estimator: Any) -> Any:
    """The FocalNetClassifier that an estimator is or ends in; None if there is none."""
    step = final(estimator)
    return step if isinstance(step, FocalNetClassifier) else None


class _Recorder(FocalNetClassifier):
    """Stands at the end of a pipeline and keeps what reaches it."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _Recorder:
        self.given_ = (X, y, sample_weight)
        return self

    def predict(self, X: Any) -> Any:
        return X


class Part(NamedTuple):
    """Samples to score on: as given, as they reach the net, their targets and weights."""

    raw: Any
    X: Any
    y: Any
    score_params: dict[str, Any]


@dataclass
class Split:
    """One split under one setting of what comes before the classifier."""

    steps: Any  # what comes before, fitted, and a _Recorder
    parts: dict[str, Part]  # "test", and "train" if train scores are wanted
    folds: dict[Any, Fold]

    def fold(self, classifier: FocalNetClassifier) -> Fold:
        """The training samples as a classifier reads them, shared where it reads them alike."""
        key = (classifier.output, classifier.module is None)
        if key not in self.folds:
            self.folds[key] = Fold.of(clone(classifier), *final(self.steps).given_)
        return self.folds[key]


@dataclass
class Scoring:
    """How the nets are scored."""

    scorers: Any
    error_score: Any
    return_train_score: bool

    @property
    def plain(self) -> bool:
        """Scorers of scikit-learn's ask for predictions only, not what comes before the net."""
        scorers = self.scorers
        if isinstance(scorers, _MultimetricScorer):
            return all(isinstance(scorer, _BaseScorer) for scorer in scorers._scorers.values())
        return isinstance(scorers, _BaseScorer) or type(scorers).__name__ == "_PassthroughScorer"

    def failed(self, error: str, n_test: int, seconds: float) -> dict[str, Any]:
        """The result of a fit that raised an error."""
        names = getattr(self.scorers, "_scorers", None)
        scores = self.error_score if names is None else dict.fromkeys(names, self.error_score)
        result = {
            "fit_error": error,
            "test_scores": scores,
            "n_test_samples": n_test,
            "fit_time": seconds,
            "score_time": 0.0,
        }
        return result | ({"train_scores": copy.copy(scores)} if self.return_train_score else {})


class Search:
    """Evaluate candidates on splits.

    Parameters
    ----------
    estimator : FocalNetClassifier or Pipeline that ends in one
        Unfitted.
    X, y : the data.
    splits : list of (train, test) index arrays.
    scorers : callable
        As scikit-learn's searches make them.
    fit_params, score_params : dict
        What goes with `fit` and with scoring, for all samples.
    settings : FocalGridSearchCV or FocalRandomizedSearchCV
        n_jobs, pre_dispatch, verbose, error_score, return_train_score and memory_budget.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        splits: list[tuple[Any, Any]],
        scorers: Any,
        fit_params: dict[str, Any],
        score_params: dict[str, Any],
        settings: Any,
    ) -> None:
        self.estimator, self.X, self.y = estimator, X, y
        self.splits = splits
        self.fit_params, self.score_params = fit_params or {}, score_params or {}
        self.settings = settings
        self.scoring = Scoring(scorers, settings.error_score, settings.return_train_score)
        self.stacks: list[dict[str, Any]] = []
        self.seeds: dict[Any, int] = {}

    def run(self, candidates: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One result per candidate and split, in the order that cv_results_ wants."""
        error_score = self.settings.error_score
        if not isinstance(error_score, numbers.Number) and error_score != "raise":
            raise ValueError(
                "The 'error_score' parameter must be 'raise' or a number. Got "
                f"{error_score!r} instead."
            )
        self.results: dict[tuple[int, int], dict[str, Any]] = {}
        groups = defaultdict(list)
        for i, params in enumerate(candidates):
            groups[self._before(params)].append((i, params))
        with tqdm(unit="epoch", disable=not self.settings.verbose) as self.bar:
            for group in groups.values():
                self._run_group(group)
        self.bar = None
        return [self.results[i, s] for i in range(len(candidates)) for s in range(len(self.splits))]

    def _before(self, params: dict[str, Any]) -> str:
        """Candidates of one value share everything that comes before the classifier."""
        if not isinstance(self.estimator, Pipeline):
            return ""
        own = self.estimator.steps[-1][0] + "__"
        return joblib.hash({k: fingerprint(v) for k, v in params.items() if not k.startswith(own)})

    def _run_group(self, group: list[tuple[int, dict[str, Any]]]) -> None:
        estimators = {
            i: clone(self.estimator).set_params(**clone(params, safe=False)) for i, params in group
        }
        reasons = {i: why_alone(final(estimator)) for i, estimator in estimators.items()}
        alone = {i: reason for i, reason in reasons.items() if reason}
        tasks: list[Task] = []
        splits: dict[int, Split] = {}
        beside = [(i, estimator) for i, estimator in estimators.items() if i not in alone]
        if beside:
            for s in range(len(self.splits)):
                tasks += self._make_tasks(s, beside, splits)
        stacks = []
        for streams in group_tasks(tasks):
            reason = why_no_stack(streams[0][0])
            if reason:
                alone |= {task.key[0]: reason for stream in streams for task in stream}
            else:
                stacks.append(streams)
        self._run_stacks(stacks, splits)
        self._run_alone([(i, params, alone[i]) for i, params in group if i in alone])

    def _make_tasks(
        self, s: int, estimators: list[tuple[int, Any]], splits: dict[int, Split]
    ) -> list[Task]:
        """Tasks of all candidates on a split; those that cannot be fitted are results already."""
        tasks, start = [], time.perf_counter()
        for i, estimator in estimators:
            try:
                classifier = final(estimator)
                classifier._validate_params()
                if s not in splits:
                    splits[s] = self._prepare(estimator, *self.splits[s])
                fold = splits[s].fold(classifier)
                tasks.append(Task((i, s), classifier, fold, self._seed(classifier)))
            except Exception:
                if self.scoring.error_score == "raise":
                    raise
                seconds = time.perf_counter() - start
                n_test = _num_samples(self.splits[s][1])
                self.results[i, s] = self.scoring.failed(traceback.format_exc(), n_test, seconds)
        return tasks

    def _seed(self, classifier: FocalNetClassifier) -> int:
        # Without seeds of their own, all candidates share one: they compete on equal terms.
        state = classifier.random_state
        if isinstance(state, np.random.RandomState):  # starts anew for every split
            return make_seed(clone(classifier))
        if state not in self.seeds:
            self.seeds[state] = make_seed(classifier)
        return self.seeds[state]

    def _prepare(self, estimator: Any, train: Any, test: Any) -> Split:
        steps = clone(estimator)
        final(steps).__class__ = _Recorder  # a clone's own, metadata requests and all
        X, y = _safe_split(estimator, self.X, self.y, train)
        steps.fit(X, y, **_check_method_params(self.X, params=self.fit_params, indices=train))
        wanted = {"test": test} | ({"train": train} if self.scoring.return_train_score else {})
        parts = {}
        for name, index in wanted.items():
            raw, y = _safe_split(estimator, self.X, self.y, index, train)
            score_params = _check_method_params(self.X, params=self.score_params, indices=index)
            parts[name] = Part(raw, steps.predict(raw), y, score_params)
        return Split(steps, parts, {})

    def _run_stacks(self, stacks: list[list[list[Task]]], splits: dict[int, Split]) -> None:
        n_jobs = effective_n_jobs(self.settings.n_jobs)
        chunks = [
            chunk
            for streams in stacks
            for chunk in chunk_streams(streams, self.settings.memory_budget, n_jobs)
        ]
        for chunk in chunks:
            self.stacks.append(
                {"n_nets": sum(map(len, chunk)), "n_streams": len(chunk), "trained": "stacked"}
            )
        self.bar.set_description(f"{sum(stack['n_nets'] for stack in self.stacks)} nets")
        self.bar.total = (self.bar.total or 0) + sum(map(_n_epochs, chunks))
        if n_jobs == 1:
            outs = (run_stack(chunk, splits, self.scoring, self.bar.update) for chunk in chunks)
        else:
            outs = Parallel(n_jobs=self.settings.n_jobs, pre_dispatch=self.settings.pre_dispatch)(
                delayed(run_stack)(chunk, splits, self.scoring) for chunk in chunks
            )
        for chunk, out in zip(chunks, outs, strict=True):
            self.results.update(out)
            if n_jobs > 1:
                self.bar.update(_n_epochs(chunk))

    def _run_alone(self, group: list[tuple[int, dict[str, Any], str]]) -> None:
        """Candidates that no stack takes, in scikit-learn's own way."""
        jobs = [(i, s, params) for i, params, _ in group for s in range(len(self.splits))]
        outs = Parallel(n_jobs=self.settings.n_jobs, pre_dispatch=self.settings.pre_dispatch)(
            delayed(_fit_and_score)(
                clone(self.estimator),
                self.X,
                self.y,
                train=self.splits[s][0],
                test=self.splits[s][1],
                scorer=self.scoring.scorers,
                parameters=params,
                fit_params=self.fit_params,
                score_params=self.score_params,
                return_train_score=self.scoring.return_train_score,
                return_n_test_samples=True,
                return_times=True,
                error_score=self.scoring.error_score,
                verbose=0,
            )
            for i, s, params in jobs
        )
        self.results.update({(i, s): out for (i, s, _), out in zip(jobs, outs, strict=True)})
        for reason, count in Counter(reason for _, _, reason in group).items():
            self.stacks.append(
                {"n_nets": count * len(self.splits), "trained": "alone", "reason": reason}
            )


def _n_epochs(streams: list[list[Task]]) -> int:
    return sum(len(stream) for stream in streams) * streams[0][0].estimator.max_epochs


def chunk_streams(
    streams: list[list[Task]], memory_budget: int | None, n_jobs: int
) -> list[list[list[Task]]]:
    """Cut a stack into stacks that fit the memory and give every job something to do."""
    budget = (memory_budget or free_memory() // 4) // n_jobs
    n_streams, n_nets = len(streams), len(streams[0])
    per_net = net_bytes(streams[0][0])
    at_once = max(1, min(budget // per_net, -(-n_streams * n_nets // n_jobs)))
    nets_at_once = max(1, at_once // n_streams)
    streams_at_once = min(n_streams, at_once)
    return [
        [stream[k : k + nets_at_once] for stream in streams[s : s + streams_at_once]]
        for s in range(0, n_streams, streams_at_once)
        for k in range(0, n_nets, nets_at_once)
    ]


def net_bytes(task: Task) -> int:
    """Memory that a net takes in training: its weights four times, and what it computes."""
    module = task.make_module()
    weights = [p.shape for p in module.parameters()]
    batch = max(task.estimator.batch_size, 1)
    batch = min(batch if task.estimator.batch_size > 0 else 2**62, len(task.train.codes))
    units = sum(shape[0] for shape in weights)
    inputs = 0 if task.estimator.module is None else int(np.prod(task.train.X.shape[1:]))
    values = 4 * sum(int(np.prod(shape)) for shape in weights) + 8 * batch * (units + inputs)
    return 8 * values


def free_memory() -> int:
    """Bytes of main memory that nothing uses."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return 4 * 2**30


def run_stack(
    streams: list[list[Task]],
    splits: dict[int, Split],
    scoring: Scoring,
    progress: Callable[[int], Any] | None = None,
) -> dict[Any, dict[str, Any]]:
    """Train a stack and score its nets: one result per task, by its key."""
    start = time.perf_counter()
    tasks = [task for stream in streams for task in stream]
    try:
        stack = Stack(streams).fit(None if progress is None else lambda: progress(len(tasks)))
    except Exception:
        if scoring.error_score == "raise":
            raise
        if len(tasks) > 1:  # one of them is to blame; the others train without it
            return {
                key: result
                for task in tasks
                for key, result in run_stack([[task]], splits, scoring).items()
            }
        key, seconds = tasks[0].key, time.perf_counter() - start
        n_test = _num_samples(splits[key[1]].parts["test"].y)
        return {key: scoring.failed(traceback.format_exc(), n_test, seconds)}
    seconds = (time.perf_counter() - start) / len(tasks)
    diverged = dict(zip((task.key for task in tasks), stack.diverged(), strict=True))
    results = {}
    for s, stream in enumerate(streams):
        split = splits[stream[0].key[1]]
        scored = {
            name: score_stream(stack, s, split, part, scoring, diverged)
            for name, part in split.parts.items()
        }
        for task in stream:
            n_test = _num_samples(split.parts["test"].y)
            if diverged[task.key]:
                error = f"ValueError: {divergence(task.estimator)}"
                if scoring.error_score == "raise":
                    raise ValueError(error)
                results[task.key] = scoring.failed(error, n_test, seconds)
                continue
            scores, score_time = scored["test"][task.key]
            results[task.key] = {
                "fit_error": None,
                "test_scores": scores,
                "n_test_samples": n_test,
                "fit_time": seconds,
                "score_time": score_time,
            }
            if "train" in scored:
                results[task.key]["train_scores"] = scored["train"][task.key][0]
    return results


def score_stream(
    stack: Stack, s: int, split: Split, part: Part, scoring: Scoring, skipped: dict[Any, bool]
) -> dict[Any, tuple[Any, float]]:
    """Scores of the nets of a stream, and the seconds that each took."""
    stream = stack.streams[s]
    reader = stream[0].fold.reader
    X = check_X(reader, part.X)
    scores = {}
    for task, classifier in zip(stream, stack.classifiers(s, X), strict=True):
        if skipped[task.key]:
            continue
        start = time.perf_counter()
        estimator, samples = classifier, X
        if not scoring.plain:
            estimator, samples = with_steps(split.steps, classifier, reader), part.raw
        value = _score(
            estimator, samples, part.y, scoring.scorers, part.score_params, scoring.error_score
        )
        scores[task.key] = (value, time.perf_counter() - start)
    return scores


def with_steps(steps: Any, classifier: FocalNetClassifier, reader: FocalNetClassifier) -> Any:
    """A fitted classifier behind the fitted steps that come before it, if there are any."""
    if hasattr(reader, "feature_names_in_"):
        classifier.feature_names_in_ = reader.feature_names_in_
    if not isinstance(steps, Pipeline):
        return classifier
    whole = copy.copy(steps)
    whole.steps = [*steps.steps[:-1], (steps.steps[-1][0], classifier)]
    return whole
