"""What a search has found out, kept in a folder as it goes, and workers that may die."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

from focalsk._compat._checkpoint import checkpoint_key, read_checkpoint, write_checkpoint
from focalsk._compat._sklearn import named_scorers

__all__ = ["KeptResults", "run_in_workers", "search_key"]

Results = dict[tuple[int, int], dict[str, Any]]

# How workers that died are reported, by the name of the exception: loky's own, Dask's, Ray's.
_DEATHS = {"KilledWorker", "WorkerCrashedError", "ActorDiedError", "RayActorError", "NodeDiedError"}
# Times in a row that workers may die before any of them has ended its work.
_N_DEATHS = 3


@dataclass(frozen=True)
class KeptResults:
    """A folder with the results of one search.

    Parameters
    ----------
    folder : path-like
        Where the files lie; there may be others.
    key : str
        Hash of all that the results depend on; part of the files' names.
    """

    folder: str | os.PathLike[str]
    key: str

    def plan(self, memory_budget: int, n_jobs: int) -> tuple[int, int]:
        """By what the nets are cut into stacks: as the first time, so that these are the same."""
        path = self._path("plan")
        found = read_checkpoint(path, self.key)
        if found is None:
            write_checkpoint(path, self.key, [memory_budget, n_jobs])
            return memory_budget, n_jobs
        return tuple(found[0])

    def run(self, tasks: Sequence[Any], work: Callable[..., Results], *args: Any) -> Results:
        """The results of some tasks: those that are kept, or else of ``work(*args)``.

        Parameters
        ----------
        tasks : sequence of (candidate, split, seed)
            What `work` is about.
        work : callable
        *args
        """
        key = checkpoint_key(self.key, list(tasks))
        path = self._path(f"results-{key[:12]}")
        found = read_checkpoint(path, key)
        if found is not None:
            return {(i, s): result for i, s, result in found[0]}
        results = work(*args)
        write_checkpoint(path, key, [[*place, result] for place, result in results.items()])
        return results

    def _path(self, name: str) -> Path:
        return Path(self.folder) / f"search-{self.key}-{name}.focalsk"


def search_key(problem: Any, candidates: Sequence[Any], settings: Any) -> str:
    """A hash of all that the results of a search depend on."""
    given = problem.estimator.get_params(deep=True)
    neutral = ("verbose", "checkpoint", "memory", "n_jobs")
    params = {k: v for k, v in given.items() if k.rpartition("__")[2] not in neutral}
    named = named_scorers(settings.scorers)
    return checkpoint_key(
        "search",
        type(problem.estimator).__name__,
        params,
        list(candidates),
        (problem.X, problem.y, problem.fit_params, problem.score_params),
        [tuple(split) for split in problem.splits],
        settings.scorers if named is None else named,
        (settings.error_score, settings.return_train_score),
    )


def run_in_workers(
    work: Callable[..., Any],
    calls: Sequence[tuple[Any, ...]],
    n_jobs: int | None,
    pre_dispatch: int | str,
) -> Iterator[tuple[int, Any]]:
    """Yield the place of each call and ``work(*call)``, as they end, from joblib's workers.

    Where a worker dies, what it was about is done again by another one.

    Warns
    -----
    RuntimeWarning
        For each worker that died.
    """
    left = dict(enumerate(calls))
    deaths = 0
    while left:
        try:
            parallel, at_once = _parallel(n_jobs, pre_dispatch)
            with parallel:  # the same workers, until one dies
                while left:
                    some = list(left.items())[:at_once]
                    jobs = (delayed(_placed)(place, work, call) for place, call in some)
                    for place, result in parallel(jobs):
                        del left[place]
                        deaths = 0
                        yield place, result
        except Exception as error:
            deaths += 1
            if not _is_death(error) or deaths == _N_DEATHS:
                raise
            what = str(error).strip().splitlines()
            warnings.warn(
                f"A worker process died ({type(error).__name__}: {what[0] if what else ''}). What "
                f"it was training, {len(left)} of {len(calls)} parts of the search at most, is "
                "trained again.",
                RuntimeWarning,
                stacklevel=2,
            )


def _placed(place: int, work: Callable[..., Any], call: tuple[Any, ...]) -> tuple[int, Any]:
    return place, work(*call)


def _parallel(n_jobs: int | None, pre_dispatch: int | str) -> tuple[Parallel, int | None]:
    """Workers, and how many calls they take at once.

    Each result comes as soon as it is there. A backend that has none to give before the last, as
    that of Ray, gets one call for each worker at a time, so that no more is lost with one.
    """
    try:
        return Parallel(n_jobs, pre_dispatch=pre_dispatch, return_as="generator_unordered"), None
    except ValueError:  # "Backend ... does not support return_as=..."
        return Parallel(n_jobs, pre_dispatch=pre_dispatch), effective_n_jobs(n_jobs)


def _is_death(error: Exception) -> bool:
    return isinstance(error, BrokenProcessPool) or type(error).__name__ in _DEATHS
