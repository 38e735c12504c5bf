"""Memory of a fit, a prediction and a search beside the data's, and what sparse input costs.

Dense: 4 million x 50 float32, as an array and as a memory map; then a map larger than the memory
that the process may have. Sparse: one epoch on CSR data, by its non-zeros and made dense.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _common as common
import numpy as np
from scipy import sparse
from sklearn.model_selection import StratifiedShuffleSplit

from focalsk import FocalGridSearchCV, FocalNetClassifier
from focalsk.nets import _batches as batches

N_FEATURES = 50
CASES = {
    "fit": {},
    "fit, sample_weight": {"weights": True},
    "fit, early stopping": {"early_stopping": True},
    "predict": {"method": "predict"},
    "predict_proba": {"method": "predict_proba"},
}
SHAPES = [  # samples, features, share of non-zeros
    (50_000, 100, 0.001),
    (50_000, 100, 0.05),
    (20_000, 1_000, 0.001),
    (20_000, 1_000, 0.05),
    (20_000, 3_000, 0.001),
    (20_000, 3_000, 0.05),
    (20_000, 10_000, 0.001),
    (20_000, 10_000, 0.05),
    (10_000, 50_000, 0.001),
    (10_000, 50_000, 0.05),
]
TEXT = (100_000, 50_000, 0.0015)  # 75 words a text
LAYOUTS = {"sparse": (0, 2), "dense": (10**9, 0)}  # features and density that would decide so

# Measuring ----------------------------------------------------------------------------------------


def anonymous_bytes() -> int:
    """Memory that belongs to this process alone: without the pages of mapped files.

    Those are the system's cache, which takes them back when memory is short.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(x for x in lines if x.startswith("RssAnon")).split()[1])


class Peak(threading.Thread):
    """A context that samples the memory of this process; `growth` is its peak above the start."""

    growth = 0

    def __enter__(self) -> Peak:
        self.before, self.over = anonymous_bytes(), threading.Event()
        self.start()
        return self

    def run(self) -> None:
        while not self.over.wait(0.002):
            self.growth = max(self.growth, anonymous_bytes() - self.before)

    def __exit__(self, *error: object) -> None:
        self.over.set()
        self.join()


def measured(run: Callable[[], Any]) -> dict[str, float]:
    timing = common.Timing()
    with Peak() as peak:
        timing.measure(run)
    return {"growth": peak.growth, "cpu_s": timing.cpu, "wall_s": timing.wall}


def in_a_process(name: str, **kwargs: Any) -> dict[str, Any]:
    """What a function of this file returns in a fresh process."""
    command = [sys.executable, __file__, "--call", json.dumps([name, kwargs])]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(printed.splitlines()[-1])


# Dense --------------------------------------------------------------------------------------------


def write_map(path: Path, n_samples: int) -> None:
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(path, "w+", np.float32, (n_samples, N_FEATURES))
    for start in range(0, n_samples, 100_000):
        block = X[start : start + 100_000]
        block[:] = rng.standard_normal(block.shape, dtype=np.float32)
    X.flush()


def classifier(**params: Any) -> FocalNetClassifier:
    return common.focalsk_classifier(max_epochs=1, **({"batch_size": 1024} | params))


def labels(X: np.ndarray) -> np.ndarray:
    return (X[:, 0] > 1).astype(np.int64)


def dense(
    path: str,
    mapped: bool,
    method: str = "fit",
    weights: bool = False,
    early_stopping: bool = False,
    limit: bool = False,
) -> dict[str, Any]:
    """One call on the samples of a file, warmed up on a few of them."""
    X = np.load(path, mmap_mode="r" if mapped else None)
    y = labels(X)
    clf = classifier(early_stopping=early_stopping).fit(X[:2000], y[:2000])
    sample_weight = {"sample_weight": np.linspace(0.5, 2, len(X))} if weights else {}
    result: dict[str, Any] = {"data": X.nbytes}
    if limit:
        result |= limit_memory(X)
    if method == "fit":
        return result | measured(lambda: clf.fit(X, y, **sample_weight))
    return result | measured(lambda: getattr(clf, method)(X))


def limit_memory(X: np.ndarray) -> dict[str, Any]:
    """Allow this process 0.3 times the size of X in addition to what it has."""
    status = Path("/proc/self/status").read_text().splitlines()
    now = 1024 * int(next(x for x in status if x.startswith("VmData")).split()[1])
    limit = now + int(0.3 * X.nbytes)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        np.array(X)
    except MemoryError:
        return {"limit": limit, "before_limit": now}
    raise AssertionError("the limit has no effect")


def run_dense(args: Any) -> dict[str, Any]:
    n_samples = 400_000 if args.quick else 4_000_000
    rows, results = [], {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        write_map(path, n_samples)
        for kind in ("array", "memory map"):
            for name, params in CASES.items():
                found = in_a_process("dense", path=str(path), mapped=kind != "array", **params)
                results[f"{name}, {kind}"] = found
                rows.append(row(f"{name}, {kind}", found))
        write_map(path, 2 * n_samples)
        found = in_a_process("dense", path=str(path), mapped=True, limit=True)
        results["fit, memory limited"] = found
        rows.append(row("fit, twice the data, memory limited", found))
    title = f"peak memory above the data, {n_samples:,} x {N_FEATURES} float32, one epoch"
    common.print_table(title, ("", "data", "peak", "peak / data", "wall"), rows)
    if not args.quick:
        assert max(found["growth"] / found["data"] for found in results.values()) <= 0.3
    allowed = found["limit"] / 1e6
    print(f"the process of the last row was allowed {allowed:.0f} MB in all, by RLIMIT_DATA")
    return results


def row(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    ratio = f"{found['growth'] / found['data']:.3f}"
    sizes = (f"{found[key] / 1e6:.0f} MB" for key in ("data", "growth"))
    return name, *sizes, ratio, common.seconds(found["wall_s"])


# Searches -----------------------------------------------------------------------------------------


def search(n_samples: int, n_nets: int, n_splits: int, train_scores: bool) -> dict[str, Any]:
    """A search over gammas, of an epoch and without refit, warmed up on a few samples."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, N_FEATURES), dtype=np.float32)
    y = labels(X)
    cv = StratifiedShuffleSplit(n_splits, test_size=0.2, random_state=0)
    grid = {"gamma": np.linspace(0, 5, n_nets).tolist()}
    params = {"cv": cv, "refit": False, "return_train_score": train_scores}
    both = FocalGridSearchCV(classifier(), grid, scoring="balanced_accuracy", **params)
    both.fit(X[:2000], y[:2000])
    return {"data": X.nbytes} | measured(lambda: both.fit(X, y))


def run_searches(args: Any) -> list[dict[str, Any]]:
    """What grows with the splits, the nets and the samples."""
    n = 200_000 if args.quick else 1_000_000
    cases = [(n, 4, 2, False), (n, 4, 10, False), (n, 4, 10, True), (n, 16, 10, False)]
    rows, results = [], []
    for case in cases:
        n_samples, n_nets, n_splits, train_scores = case
        found = in_a_process(
            "search", n_samples=n_samples, n_nets=n_nets, n_splits=n_splits,
            train_scores=train_scores,
        )  # fmt: skip
        name = f"{n_nets} nets x {n_splits} splits{', train scores' if train_scores else ''}"
        rows.append(row(name, found))
        results.append({"case": case, **found})
    title = f"peak memory of a search above the data, {n:,} x {N_FEATURES} float32, one epoch"
    common.print_table(title, ("", "data", "peak", "peak / data", "wall"), rows)
    return results


# Sparse -------------------------------------------------------------------------------------------


def make_text(n_samples: int, n_features: int, density: float) -> tuple[Any, np.ndarray]:
    """Rows like those of TF-IDF: frequent and rare words, of norm 1; two words tell the classes."""
    rng = np.random.default_rng(0)
    per_row = max(1, round(density * n_features))
    ranks = np.minimum(rng.pareto(0.5, (n_samples, per_row)), 1e9).astype(np.int64) + rng.integers(
        n_features, size=(n_samples, per_row)
    )
    columns = (ranks % n_features).astype(np.int32)
    values = (rng.random(columns.shape, dtype=np.float32) + 0.5) / np.float32(per_row**0.5)
    ends = np.arange(n_samples + 1, dtype=np.int32) * per_row
    X = sparse.csr_array((values.ravel(), columns.ravel(), ends), shape=(n_samples, n_features))
    return X, (columns < n_features // 10).sum(axis=1) % 2


def set_layout(layout: str) -> None:
    batches._SPARSE_FEATURES, batches._SPARSE_DENSITY = LAYOUTS[layout]


def epoch(shape: list[Any], layout: str) -> dict[str, Any]:
    """Memory and time of an epoch and of a prediction in one layout."""
    X, y = make_text(*shape)
    fit, predict = sides(X, y, layout)
    sides(X[:256], y[:256], layout)[0]()
    data = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
    return {"data": data, "fit": measured(fit), "predict": measured(predict)}


def sides(X: Any, y: np.ndarray, layout: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    clf = classifier(batch_size=common.BATCH)

    def in_layout(method: Callable[..., Any], *args: Any) -> Any:
        set_layout(layout)
        return method(*args)

    return lambda: in_layout(clf.fit, X, y), lambda: in_layout(clf.predict, X)


def run_crossover(args: Any) -> list[dict[str, Any]]:
    """Time both layouts in turn, over widths and shares of non-zeros."""
    rule = batches._SPARSE_FEATURES, batches._SPARSE_DENSITY
    rows, results = [], []
    for n_samples, n_features, density in SHAPES:
        shape = (n_samples // 10 if args.quick else n_samples, n_features, density)
        X, y = make_text(*shape)
        thin, full = sides(X, y, "sparse"), sides(X, y, "dense")
        fits, _ = common.interleave({"sparse": thin[0], "dense": full[0]}, args.repeats)
        answers, _ = common.interleave({"sparse": thin[1], "dense": full[1]}, args.repeats)
        batches._SPARSE_FEATURES, batches._SPARSE_DENSITY = rule
        chosen = "sparse" if batches._is_better_sparse(X) else "dense"
        results.append(
            {"shape": shape, "chosen": chosen, "fit": common.as_json(fits),
             "predict": common.as_json(answers)}
        )  # fmt: skip
        rows.append(
            (
                f"{shape[0]:,} x {n_features:,}, {100 * density:g} %",
                *(common.seconds(fits[side].cpu) for side in ("sparse", "dense")),
                f"{fits['dense'].cpu / fits['sparse'].cpu:.2f}",
                f"{answers['dense'].cpu / answers['sparse'].cpu:.2f}",
                chosen,
            )
        )
    header = ("", "sparse", "dense", "dense / sparse", "predict", "chosen")
    common.print_table("one epoch of CSR data, MLP 10-10, batch 128, CPU time", header, rows)
    return results


def run_text(args: Any) -> dict[str, Any]:
    """Texts as TF-IDF has them: time and memory of both layouts, each in a process of its own."""
    shape = (TEXT[0] // 10 if args.quick else TEXT[0], *TEXT[1:])
    results = {layout: in_a_process("epoch", shape=shape, layout=layout) for layout in LAYOUTS}
    rows = [
        (
            f"{layout}, {call}",
            common.seconds(found[call]["cpu_s"]),
            f"{found[call]['growth'] / 1e6:.0f} MB",
            f"{found[call]['growth'] / found['data']:.2f}",
        )
        for layout, found in results.items()
        for call in ("fit", "predict")
    ]
    size = results["sparse"]["data"] / 1e6
    title = f"{shape[0]:,} x {shape[1]:,}, {100 * shape[2]:g} % non-zeros, {size:.0f} MB: one epoch"
    common.print_table(title, ("", "CPU", "peak above data", "peak / data"), rows)
    return results


def main() -> None:
    parser = common.argument_parser(__doc__, repeats=3)
    parser.add_argument("--call", help="for a process of its own")
    parser.add_argument(
        "--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to run"
    )
    args = parser.parse_args()
    if args.call:
        name, kwargs = json.loads(args.call)
        print(json.dumps({"dense": dense, "epoch": epoch, "search": search}[name](**kwargs)))
        return
    result = {name: SECTIONS[name](args) for name in args.sections}
    whole = len(result) == len(SECTIONS)
    common.write_json("memory" if whole else "memory_" + "_".join(result), args.quick, result)


SECTIONS = {
    "dense": run_dense,
    "search": run_searches,
    "text": run_text,
    "crossover": run_crossover,
}

if __name__ == "__main__":
    main()
