"""One worker against two, by loky, Dask and Ray: a search, a comparison, and a worker that dies.

One worker is the process itself. Where the processor is shared with other programs, read the CPU
columns: `all` is what all processes used, `longest` that of this process and of the busiest worker,
one after the other, which is what the clock would show at best where nothing else runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import _common as common
import cloudpickle
import joblib
import numpy as np
import psutil
from sklearn.metrics import log_loss

from focalsk import FocalGridSearchCV
from focalsk.comparison import compare_resampling

# Workers do not have this folder on their path.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

ONE = "one process"
GRID = {
    "hidden_layer_sizes": [(64, 64), (128,), (128, 64), (128, 128)],  # nets of one size are a stack
    "gamma": [0, 1, 2, 3],
    "alpha": [None, "balanced"],
}
METHODS = ["cross-entropy", "cross-entropy-balanced", "focal-balanced", "smote", "random-over"]
N_FOLDS = 4
KILL_AT = 40  # of 128 scores: one stack of 32 nets has ended, another is being scored


# Clusters -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def loky() -> Iterator[None]:
    yield


@contextlib.contextmanager
def dask() -> Iterator[None]:
    from dask.distributed import Client, LocalCluster

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(processes=True, **options) as cluster, Client(cluster) as client:
        client.wait_for_workers(2)
        yield


@contextlib.contextmanager
def ray() -> Iterator[None]:
    import ray
    from ray.util.joblib import register_ray

    os.environ.setdefault("RAY_worker_niceness", "0")  # else they wait for every other program
    environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}}
    options = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}
    ray.init(num_cpus=2, runtime_env=environment, **options)
    register_ray()
    try:
        yield
    finally:
        ray.shutdown()


CLUSTERS = {"loky": loky, "dask": dask, "ray": ray}


def in_workers(backend: str, run: Callable[[int], Any]) -> Callable[[], Any]:
    """A call with two workers of a backend."""

    def call() -> Any:
        with joblib.parallel_config(backend=backend, n_jobs=2):
            return run(2)

    return call


# Measuring ----------------------------------------------------------------------------------------


def cpu_by_process() -> dict[int, float]:
    """Seconds of the processor that this process and all that come from it have used."""
    own = psutil.Process()
    seconds = {}
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            seconds[process.pid] = times.user + times.system
    return seconds


def measure(run: Callable[[], Any], others: set[int]) -> tuple[dict[str, float], Any]:
    """Seconds by the clock, of all processes, and of those that others wait for.

    `others` are processes of clusters that do not take part.
    """
    before, start = cpu_by_process(), time.perf_counter()
    value = run()
    wall, after = time.perf_counter() - start, cpu_by_process()
    used = {
        pid: seconds - before.get(pid, 0.0) for pid, seconds in after.items() if pid not in others
    }
    own = used.pop(os.getpid())
    workers = list(used.values()) or [0.0]
    return {"wall": wall, "all": own + sum(workers), "longest": own + max(workers)}, value


def take_turns(
    sides: dict[str, Callable[[], Any]], others: dict[str, set[int]], repeats: int
) -> dict[str, Any]:
    """Medians of each side; the first run of each, which starts its workers, is told apart."""
    first = {name: measure(run, others[name])[0]["wall"] for name, run in sides.items()}
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    values = {}
    for _ in range(repeats):
        for name, run in sides.items():
            seconds, values[name] = measure(run, others[name])
            taken[name].append(seconds)
            print(f"  {name}: {seconds['wall']:.1f} s", flush=True)
    for value in values.values():
        np.testing.assert_allclose(value, values[ONE], rtol=1e-9)
    return {
        name: {
            "first_wall_s": first[name],
            "runs": runs,
            **{f"{what}_s": statistics.median(run[what] for run in runs) for what in runs[0]},
        }
        for name, runs in taken.items()
    }


def print_turns(title: str, sides: dict[str, Any]) -> None:
    one = sides[ONE]
    rows = [
        [
            name,
            *(common.seconds(side[key]) for key in ("wall_s", "all_s", "longest_s")),
            f"{one['wall_s'] / side['wall_s']:.2f}",
            f"{one['longest_s'] / side['longest_s']:.2f}",
            common.seconds(side["first_wall_s"]),
        ]
        for name, side in sides.items()
    ]
    header = (
        "",
        "wall",
        "CPU, all",
        "CPU, longest",
        "faster, wall",
        "faster, longest",
        "first run",
    )
    common.print_table(title, header, rows)


# What is measured ---------------------------------------------------------------------------------


def make_search(epochs: int, **params: Any) -> FocalGridSearchCV:
    estimator = common.focalsk_classifier(max_epochs=epochs)
    return FocalGridSearchCV(estimator, GRID, cv=N_FOLDS, refit=False, **params)


class Score:
    """Log loss. Notes each call; in the KILL_AT-th, the process is killed if it is to be."""

    def __init__(self, folder: Path, kill: bool) -> None:
        self.folder, self.kill, self.parent = folder, kill, os.getpid()

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        with open(self.folder / "calls", "a") as file:
            file.write(f"{os.getpid()}\n")
        if self.kill and os.getpid() != self.parent and self.n_calls() >= KILL_AT:
            with contextlib.suppress(FileExistsError):
                (self.folder / "killed").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        return -log_loss(y, estimator.predict_proba(X))

    def n_calls(self) -> int:
        return len((self.folder / "calls").read_text().split())


def search_with_a_death(
    backend: str, data: Any, epochs: int, kill: bool, keep: bool
) -> dict[str, Any]:
    """A search of which a worker is killed; how many nets were trained and scored again."""
    with tempfile.TemporaryDirectory() as folder:
        score = Score(Path(folder), kill)
        checkpoint = f"{folder}/kept" if keep else None
        search = make_search(epochs, scoring=score, checkpoint=checkpoint)
        start = time.perf_counter()
        with warnings.catch_warnings(), joblib.parallel_config(backend=backend, n_jobs=2):
            warnings.simplefilter("ignore", RuntimeWarning)  # of the death
            search.fit(*data)
        n_nets = sum(stack["n_nets"] for stack in search.stacks_)
        return {
            "backend": backend,
            "killed": kill,
            "checkpoint": keep,
            "nets": n_nets,
            "stacks": len(search.stacks_),
            "scored_again": score.n_calls() - n_nets,
            "wall_s": time.perf_counter() - start,
            "scores": search.cv_results_["mean_test_score"].tolist(),
        }


def make_runs(n_samples: int, epochs: int) -> dict[str, Callable[[int], Any]]:
    """By the name of a section, what is done with so many workers."""
    data, few = common.make_data(n_samples), common.make_data(n_samples // 2)
    estimator = common.focalsk_classifier(max_epochs=epochs)

    def search(n_jobs: int, longer: int = 1) -> Any:
        fitted = make_search(epochs * longer, n_jobs=n_jobs).fit(*data)
        return fitted.cv_results_["mean_test_score"]

    def compare(n_jobs: int) -> Any:
        options = {"methods": METHODS, "cv": N_FOLDS, "random_state": 0, "n_jobs": n_jobs}
        comparison = compare_resampling(*few, estimator=estimator, **options)
        return comparison.summary()["mean"].sort_index()

    return {"search": search, "long search": partial(search, longer=6), "comparison": compare}


def measure_turns(
    titles: list[str], backends: list[str], n_samples: int, epochs: int, repeats: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """One process and all backends, in turns, for each title."""
    if not titles:
        return
    runs = make_runs(n_samples, epochs)
    with contextlib.ExitStack() as clusters:
        own: dict[str, set[int]] = {}
        for backend in backends:
            before = set(cpu_by_process())
            clusters.enter_context(CLUSTERS[backend]())
            own[f"{backend}, two workers"] = set(cpu_by_process()) - before
        others = {
            name: set().union(*(pids for of, pids in own.items() if of != name))
            for name in (ONE, *own)
        }
        for title in titles:
            run = runs[title]
            calls = {f"{name}, two workers": in_workers(name, run) for name in backends}
            sides = take_turns({ONE: partial(run, 1), **calls}, others, repeats)
            print_turns(title, sides)
            yield title, sides


def measure_deaths(backends: list[str], n_samples: int, epochs: int) -> list[dict[str, Any]]:
    """A search with each backend: whole, with a worker killed, and the same with a checkpoint."""
    data = common.make_data(n_samples)
    cases = []
    for backend in backends:
        for way in [(False, False), (True, False), (True, True)]:
            with CLUSTERS[backend]():  # a new one: Dask may be long in starting a worker again
                cases.append(search_with_a_death(backend, data, epochs, *way))
                print(f"  {backend}: {cases[-1]['wall_s']:.1f} s", flush=True)
    rows = [
        (
            f"{case['backend']}{', a worker killed' if case['killed'] else ''}"
            f"{', checkpoint' if case['checkpoint'] else ''}",
            f"{case['scored_again']} of {case['nets']}",
            case["stacks"],
            common.seconds(case["wall_s"]),
        )
        for case in cases
    ]
    common.print_table("a worker dies", ("", "scored again", "stacks", "wall"), rows)
    scores = [case.pop("scores") for case in cases]
    np.testing.assert_allclose(scores, [scores[0]] * len(scores), rtol=1e-9)
    return cases


def main() -> None:
    parser = common.argument_parser(__doc__, repeats=3)
    names = ["search", "long search", "comparison", "deaths"]
    parser.add_argument("--backends", nargs="+", choices=CLUSTERS, default=list(CLUSTERS))
    parser.add_argument(
        "--sections", nargs="+", choices=names, default=names, help="the others' results stay"
    )
    args = parser.parse_args()
    repeats = 1 if args.quick else args.repeats
    n_samples, epochs = (1_000, 5) if args.quick else (4_000, 10)
    path = common.RESULTS / f"clusters{'.quick' if args.quick else ''}.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    result = {name: kept[name] for name in names if name in kept}
    result |= {"samples": n_samples, "epochs": epochs}
    timed = [title for title in args.sections if title != "deaths"]
    for title, value in measure_turns(timed, args.backends, n_samples, epochs, repeats):
        result[title] = value
        common.write_json("clusters", args.quick, result)  # the next may take long
    if "deaths" in args.sections:
        others = [c for c in kept.get("deaths", []) if c["backend"] not in args.backends]
        result["deaths"] = others + measure_deaths(args.backends, n_samples, epochs)
        common.write_json("clusters", args.quick, result)


if __name__ == "__main__":
    main()
