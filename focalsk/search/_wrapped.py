"""Searches whose `fit` another library has put its own function around.

MLflow's autologging replaces ``GridSearchCV.fit`` by a function that logs before and after the one
it found there, which is scikit-learn's. For the stacked searches to be logged alike, that one has
to do the search. It then does everything but the fits: those it hands to joblib, and joblib's
backend here answers with the results of the stacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from joblib import parallel_config
from joblib.parallel import ParallelBackendBase

from focalsk._compat._sklearn import BaseSearchCV

__all__ = ["Evaluated", "fit_around", "is_wrapped"]


class Evaluated(NamedTuple):
    """What the stacks found out: one result per candidate and split, in this order."""

    candidates: list[dict[str, Any]]
    splits: list[tuple[Any, Any]]
    results: list[dict[str, Any]]


def is_wrapped(fit: Any) -> bool:
    """Whether a bound `fit` of a search is another than scikit-learn's."""
    return getattr(fit, "__func__", fit) is not BaseSearchCV.fit


def fit_around(
    search: Any,
    fit: Callable[..., Any],
    evaluate: Callable[[], Evaluated],
    check: Callable[[dict[str, Any], str], Any],
    *args: Any,
    **kw: Any,
) -> Any:
    """Call scikit-learn's `fit` of a search, or what stands in its place, without its fits.

    Parameters
    ----------
    search : BaseSearchCV
        The search.
    fit : callable
        Its bound method, which ends up in scikit-learn's.
    evaluate : callable
        Does the work, when it is due.
    check : callable
        Is called with the ``cv_results_`` and the metric of the refit, and may raise an error.
    *args, **kw
        For `fit`.

    Returns
    -------
    search : BaseSearchCV
    """
    backend = _Answers()
    with ExitStack() as until_due:
        until_due.enter_context(parallel_config(backend=backend))

        def run_search(evaluate_candidates: Callable[..., Any]) -> None:
            until_due.close()  # scikit-learn has its Parallel; the stacks and the refit have theirs
            candidates, splits, results = evaluate()
            backend.results = iter(results)
            table = evaluate_candidates(candidates, cv=_Splits(splits))
            metric = search._get_scorers()[1]
            if f"mean_test_{metric}" in table:
                check(table, metric)

        search._run_search = run_search
        try:
            return fit(*args, **kw)
        finally:
            del search._run_search


class _Splits:
    """A splitter that knows its splits."""

    def __init__(self, splits: Sequence[tuple[Any, Any]]) -> None:
        self.splits = splits

    def split(self, *args: Any, **kw: Any) -> Sequence[tuple[Any, Any]]:
        return self.splits


class _Answers(ParallelBackendBase):
    """A joblib backend that calls nothing: what it is asked for has been done already."""

    results: Iterator[Any]
    supports_retrieve_callback = False
    supports_sharedmem = True
    uses_threads = True  # nothing is pickled

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        return 2  # joblib itself calls what one job does

    def submit(self, func: Any, callback: Callable[[Any], Any] | None = None) -> _Answer:
        answer = _Answer([next(self.results) for _ in range(len(func))])
        if callback is not None:
            callback(answer)
        return answer

    apply_async = submit  # its name before joblib 1.5


class _Answer:
    def __init__(self, results: list[Any]) -> None:
        self.results = results

    def get(self, timeout: float | None = None) -> list[Any]:
        return self.results
