"""The ensemble on 200 to 100,000 rows: time, memory and scores, beside boosted trees.

Two classes, one of a twentieth, 20 numbers of which 8 inform; as many rows again to test on, but
10,000 or more. Every fit has a process of its own. One thread.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import Any

import _common as common
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss

from focalsk import FocalEnsembleClassifier

SIZES = [200, 2_000, 10_000, 100_000]
QUICK_SIZES = [200, 2_000]
N_TEST = 10_000
MB = 2**10  # of ru_maxrss, which counts in units of 2**10 bytes


def main() -> None:
    parser = common.argument_parser(__doc__, repeats=1)
    parser.add_argument("--call", nargs=2, help="for a process of its own")
    args = parser.parse_args()
    if args.call:
        print(json.dumps(measure(args.call[0], int(args.call[1]))))
        return
    table = {}
    for n_rows in QUICK_SIZES if args.quick else SIZES:
        table[n_rows] = {name: in_a_process(name, n_rows) for name in methods()}
        common.print_table(
            f"{n_rows:,} rows",
            ["", "fit", "predict", "memory", "AP", "Brier", "log loss"],
            [[name, *shown(row)] for name, row in table[n_rows].items()],
        )
    common.write_json("ensemble_sizes", args.quick, {"rows": table})


def methods() -> list[str]:
    return [name for name in MAKE if name != "CatBoost" or find_spec("catboost")]


def catboost() -> Any:
    from catboost import CatBoostClassifier

    return CatBoostClassifier(
        random_state=0, thread_count=common.THREADS, verbose=0, allow_writing_files=False
    )


MAKE = {
    "FocalEnsembleClassifier": lambda: FocalEnsembleClassifier(random_state=0),
    "HistGradientBoosting": lambda: HistGradientBoostingClassifier(random_state=0),
    "CatBoost": catboost,
}


def in_a_process(name: str, n_rows: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--call", name, str(n_rows)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def measure(name: str, n_rows: int) -> dict[str, float]:
    """CPU seconds, how much memory the process has needed, and scores."""
    n_test = max(n_rows, N_TEST)
    X, y = make_classification(
        n_rows + n_test,
        common.N_FEATURES,
        n_informative=8,
        n_clusters_per_class=4,
        weights=[0.95],
        class_sep=0.7,
        flip_y=0.02,
        random_state=0,
    )
    start = time.process_time()
    model = MAKE[name]().fit(X[:n_rows], y[:n_rows])
    fitted = time.process_time()
    proba = model.predict_proba(X[n_rows:])[:, 1]
    predicted = time.process_time()
    truth = y[n_rows:]
    return {
        "fit_seconds": fitted - start,
        "predict_seconds": predicted - fitted,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB,
        "average_precision": average_precision_score(truth, proba),
        "brier": brier_score_loss(truth, proba),
        "log_loss": log_loss(truth, proba),
    }


def shown(row: dict[str, float]) -> list[str]:
    spent = [common.seconds(row[name]) for name in ("fit_seconds", "predict_seconds")]
    scores = [f"{row[name]:.3f}" for name in ("average_precision", "brier", "log_loss")]
    return [*spent, f"{row['memory_mb']:,.0f} MB", *scores]


if __name__ == "__main__":
    main()
