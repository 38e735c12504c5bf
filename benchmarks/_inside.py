"""What a stacked search is made of: the cost of a model and step, its parts, its memory."""

from __future__ import annotations

import contextlib
import json
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import _common as common
import numpy as np
import torch
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold

from focalsk.estimators import Fold, Stack, Task
from focalsk.search import _run as search
from focalsk.search import _search_cv as model_selection

WIDTHS = (common.N_FEATURES, 10, 10, common.N_CLASSES)
STACKS = {1: (1, 1), 25: (5, 5), 275: (5, 55), 1100: (5, 220)}  # models: streams x nets

# The cost of a model and step ---------------------------------------------------------------------


def cost_per_model(X: np.ndarray, y: np.ndarray, repeats: int, n_epochs: int) -> dict[str, Any]:
    """Time a training step of stacks of several sizes, with the floor under it.

    Per model and step, forward and backward need a fixed number of multiplications and additions.
    They cannot be done faster than the machine multiplies large matrices ("at gemm peak"), nor, as
    the layers are tiny, faster than the eight batched products of the step by themselves do
    ("products alone": no bias, ReLU, loss, optimizer or batch of data). The rest of a step is
    these, element by element, and the calls.
    """
    flops, peak = flops_per_model(), gemm_peak()
    at_peak = flops / peak
    rows, results = [], []
    for n_models, (n_streams, n_nets) in STACKS.items():
        step = step_seconds(X, y, n_streams, n_nets, repeats, n_epochs) / n_models
        products = product_seconds(n_streams, n_nets, repeats) / n_models
        rows.append(
            (n_models, *(f"{s * 1e6:.1f} µs" for s in (step, products, at_peak)),
             f"{step / products:.2f}")
        )  # fmt: skip
        results.append(
            {"n_models": n_models, "n_streams": n_streams, "step_s": step, "products_s": products}
        )
    title = (
        f"CPU time per model and step: MLP {WIDTHS}, batch {common.BATCH}, {flops / 1e3:.0f} kflop;"
        f" gemm peak {peak / 1e9:.0f} GFLOP/s"
    )
    header = ("models", "step", "products alone", "at gemm peak", "step / products")
    common.print_table(title, header, rows)
    return {"flops": flops, "gemm_peak": peak, "at_gemm_peak_s": at_peak, "stacks": results}


def flops_per_model() -> int:
    """Of a step: each layer forward, its weights' gradient, and all but the first its input's."""
    layers = [2 * common.BATCH * n * m for n, m in pairwise(WIDTHS)]
    return 3 * sum(layers) - layers[0]


def gemm_peak(size: int = 512) -> float:
    """Flops per second of a product of large matrices that fit the cache."""
    a, b = torch.randn(2, size, size).unbind()
    out = torch.empty(size, size)
    return 2 * size**3 / min(cpu_seconds(lambda: torch.mm(a, b, out=out), 0.1) for _ in range(5))


def cpu_seconds(run: Callable[[], Any], about: float) -> float:
    """CPU seconds of a call, over as many as take about so long."""
    timing = common.Timing()
    timing.measure(run, common.calls_for(run, about))
    return timing.cpu


def product_seconds(n_streams: int, n_nets: int, repeats: int) -> float:
    """The matrix products of a step by themselves, in the shapes that StackedMLP gives them."""
    m, b = n_streams * n_nets, common.BATCH
    x = torch.randn(n_streams, b, WIDTHS[0])
    pairs = []
    for i, (n, out) in enumerate(pairwise(WIDTHS)):
        w, h, g = torch.randn(m, out, n), torch.randn(m, n, b), torch.randn(m, out, b)
        if i == 0:  # the nets of a stream are one wide layer over its samples
            w, g = w.view(n_streams, -1, n), g.view(n_streams, -1, b)
            pairs += [(w, x.mT), (g, x)]  # forward, gradient of the weights
        else:
            pairs += [(w, h), (g, h.mT), (w.mT, g)]  # ... and gradient of the input
    outs = [torch.bmm(left, right) for left, right in pairs]

    def run() -> None:
        for (left, right), out in zip(pairs, outs, strict=True):
            torch.bmm(left, right, out=out)

    return statistics.median(cpu_seconds(run, 0.1) for _ in range(repeats))


def step_seconds(
    X: np.ndarray, y: np.ndarray, n_streams: int, n_nets: int, repeats: int, n_epochs: int
) -> float:
    """A training step of a whole stack: data, forward, loss, backward and Adam."""
    folds = [
        Fold.of(clone(common.focalsk_classifier()), X[train], y[train])
        for train, _ in islice(StratifiedKFold(5).split(X, y), n_streams)
    ]
    nets = [
        common.focalsk_classifier(gamma=gamma, alpha="balanced", max_epochs=n_epochs)
        for gamma in np.linspace(0, 5, n_nets)
    ]
    streams = [
        [Task((i, s), net, fold, 0) for i, net in enumerate(nets)] for s, fold in enumerate(folds)
    ]
    n_steps = n_epochs * -(-len(folds[0].samples.codes) // common.BATCH)
    Stack(streams).fit()
    timing = common.Timing(scale=1 / n_steps)
    for _ in range(repeats):
        timing.measure(Stack(streams).fit)
    return timing.cpu


# The parts of its time ----------------------------------------------------------------------------

# What to time from the outside. A part may lie within another, which is then printed without it.
PARTS = {
    "read folds, make tasks": (search, "_make_tasks", None),
    "group tasks": (search, "group_tasks", None),
    "build stacks": (Stack, "__init__", None),
    "train": (Stack, "fit", None),
    "score": (search, "score_nets", None),
    "score: metrics": (search, "score_stream", "score"),
    "refit": (model_selection._StackedSearch, "_refit", None),
}


@contextlib.contextmanager
def stopwatches() -> Iterator[dict[str, float]]:
    """CPU seconds spent in each of PARTS within the block."""
    spent: dict[str, float] = defaultdict(float)

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                spent[name] += time.process_time() - start

        return wrapper

    originals = {name: getattr(owner, attribute) for name, (owner, attribute, _) in PARTS.items()}
    for name, (owner, attribute, _) in PARTS.items():
        setattr(owner, attribute, timed(name, originals[name]))
    try:
        yield spent
    finally:
        for name, (owner, attribute, _) in PARTS.items():
            setattr(owner, attribute, originals[name])


def parts_of_time(run: Callable[[], Any], repeats: int) -> dict[str, Any]:
    """Where the CPU time of a search goes; medians over the repeats."""
    runs = []
    for _ in range(repeats):
        start = time.process_time()
        with stopwatches() as spent:
            run()
        parts = dict.fromkeys(PARTS, 0.0) | spent
        for name, (_, _, within) in PARTS.items():
            if within is not None:
                parts[within] -= parts[name]
        parts["rest"] = time.process_time() - start - sum(parts.values())
        runs.append(parts)
    medians = {name: statistics.median(parts[name] for parts in runs) for name in runs[0]}
    total = sum(medians.values())
    rows = [
        (name, common.seconds(value), f"{100 * value / total:.1f} %")
        for name, value in medians.items()
    ]
    rows.append(("total", common.seconds(total), "100 %"))
    common.print_table("CPU time of one FocalGridSearchCV", ("", "CPU", "share"), rows)
    return {"median_cpu_s": medians, "total_s": total}


# Its memory ---------------------------------------------------------------------------------------


def memory(script: str) -> dict[str, Any]:
    """Peak memory of a search in a process of its own, above what the data and imports take."""
    command = [sys.executable, script, "--measure-memory"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    measured = json.loads(printed.splitlines()[-1])
    rows = [(name, f"{value / 1e6:.1f} MB") for name, value in measured.items()]
    rows.append(("growth / data", f"{measured['growth'] / measured['data']:.0f}"))
    common.print_table("memory of one FocalGridSearchCV, 275 models", ("", ""), rows)
    return measured


def print_memory(run: Callable[[], Any], n_data_bytes: int) -> None:
    before = resident_bytes(peak=False)
    run()
    peak = resident_bytes(peak=True)
    print(
        json.dumps({"data": n_data_bytes, "before": before, "peak": peak, "growth": peak - before})
    )


def resident_bytes(peak: bool) -> int:
    """Memory of this process: now, or its highest so far."""
    try:
        # Not getrusage, which on Linux starts from the peak of the process that started this one.
        status = Path("/proc/self/status").read_text()
        line = next(x for x in status.splitlines() if x.startswith("VmHWM" if peak else "VmRSS"))
        return int(line.split()[1]) * 1024
    except OSError:  # not Linux: always the peak, in bytes on macOS and else in kilobytes
        usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return usage * (1 if sys.platform == "darwin" else 1024)
