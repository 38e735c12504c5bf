"""Time and memory as the data and the stack of nets grow.

n: one epoch of FocalNetClassifier on 1,000 to 10 million samples of 20 features. M: 1 to 1,100 nets
trained by FocalGridSearchCV as one stack. Every size runs in a process of its own. A slope of 1 in
the logarithms is growth in proportion; less is a fixed cost that sizes share.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

import _common as common
import memory
import numpy as np
from sklearn.model_selection import ShuffleSplit

from focalsk import FocalGridSearchCV

SAMPLES = [10**3, 10**4, 10**5, 10**6, 10**7]
MODELS = [1, 5, 25, 55, 275, 550, 1100]
N_STACKED = 2000  # samples that a stack trains on


def grow_samples(n_samples: int) -> dict[str, Any]:
    """One epoch on so many samples, beside the data."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, common.N_FEATURES), dtype=np.float32)
    y = (X[:, 0] > 1).astype(np.int64)
    clf = common.focalsk_classifier(max_epochs=1)
    clf.fit(X[:500], y[:500])
    return {"size": n_samples, "data": X.nbytes, **memory.measured(lambda: clf.fit(X, y))}


def grow_models(n_models: int) -> dict[str, Any]:
    """A search over so many gammas on one split: the nets of a stack, without the refit."""
    X, y = common.make_data(N_STACKED)

    def search(n: int) -> None:
        grid = {"gamma": np.linspace(0, 5, n).tolist()}
        split = ShuffleSplit(1, test_size=0.2, random_state=0)
        clf = common.focalsk_classifier()
        FocalGridSearchCV(clf, grid, cv=split, scoring="accuracy", refit=False).fit(X, y)

    search(2)
    return {"size": n_models, "data": X.nbytes, **memory.measured(lambda: search(n_models))}


GROWTH = {"n": grow_samples, "M": grow_models}


def in_a_process(kind: str, size: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--call", kind, str(size)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def run(kind: str, sizes: list[int], repeats: int) -> list[dict[str, Any]]:
    """Medians over the repeats, which take turns over the sizes."""
    runs = [[in_a_process(kind, size) for size in sizes] for _ in range(repeats)]
    results = [
        {key: statistics.median(r[key] for r in same) for key in same[0]}
        for same in zip(*runs, strict=True)
    ]
    rows = []
    for i, found in enumerate(results):
        before = results[i - 1] if i else None
        rows.append(
            (
                f"{kind} = {found['size']:,}",
                common.seconds(found["cpu_s"]),
                common.seconds(found["cpu_s"] / found["size"]),
                f"{found['growth'] / 1e6:.1f} MB",
                f"{found['growth'] / found['size']:,.0f} B",
                *(f"{slope(before, found, key):.2f}" if before else "" for key in KEYS),
            )
        )
    what = {"n": "one epoch of n samples", "M": f"a stack of M nets, {N_STACKED:,} samples"}[kind]
    each = "sample" if kind == "n" else "net"
    header = ("", "CPU", f"per {each}", "peak above data", f"per {each}", "slope of time", "memory")
    common.print_table(f"{what}, {common.N_FEATURES} features, float32", header, rows)
    return results


KEYS = {"cpu_s": "CPU seconds", "growth": "peak memory above the data, bytes"}


def slope(before: dict[str, Any], after: dict[str, Any], key: str) -> float:
    """Between two sizes: the exponent of growth."""
    ratios = (after[name] / max(before[name], 1) if name == "growth" else after[name] / before[name]
              for name in (key, "size"))  # fmt: skip
    grown, larger = np.log(list(ratios))
    return float(grown / larger)


def plot(results: dict[str, Any], quick: bool) -> None:
    try:
        import matplotlib
    except ImportError:
        raise SystemExit("The picture needs matplotlib: pip install 'focalsk[plot]'") from None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained", sharex="col")
    names = {"n": "samples", "M": "nets in a stack"}
    for column, (kind, found) in zip(axes.T, results.items(), strict=True):
        sizes = np.array([r["size"] for r in found], dtype=float)
        for ax, (key, label) in zip(column, KEYS.items(), strict=True):
            values = np.array([r[key] for r in found], dtype=float)
            ax.loglog(sizes, np.maximum(values, 1e-9), "o-", color="#4477aa", label="measured")
            line = values[-1] * sizes / sizes[-1]
            ax.loglog(sizes, line, ":", color="0.5", label="in proportion")
            ax.set_ylabel(label)
        column[1].set_xlabel(names[kind])
        column[0].legend()
    path = common.RESULTS / f"scale{'.quick' if quick else ''}.png"
    figure.savefig(path, dpi=100)
    print(f"(drawn to results/{path.name})")


def main() -> None:
    parser = common.argument_parser(__doc__, repeats=3)
    parser.add_argument("--call", nargs=2, help="for a process of its own")
    args = parser.parse_args()
    if args.call:
        kind, size = args.call
        print(json.dumps(GROWTH[kind](int(size))))
        return
    samples = [n for n in SAMPLES if n <= (10**5 if args.quick else 10**7)]
    models = [m for m in MODELS if m <= (275 if args.quick else 1100)]
    results = {"n": run("n", samples, args.repeats), "M": run("M", models, args.repeats)}
    common.write_json("scale", args.quick, results)
    plot(results, args.quick)


if __name__ == "__main__":
    main()
