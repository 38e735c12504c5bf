"""One row at a time: predict_proba of the classifiers, and onnxruntime with their ONNX models."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import _common as common
import numpy as np
import onnxruntime
from skl2onnx import to_onnx as other_to_onnx

from focalsk import FocalEnsembleClassifier, to_onnx


def served(model: Any, row: np.ndarray) -> Callable[[], Any]:
    """Labels and probabilities of a row by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = common.THREADS
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"X": row})


def make_sides(quick: bool) -> tuple[dict[str, Callable[[], Any]], dict[str, int]]:
    """What is timed, and the number of nodes of each ONNX model."""
    X, y = common.make_data(2_000 if quick else 10_000)
    row = X[:1]
    epochs = {"max_epochs": 3} if quick else {}
    ensemble = FocalEnsembleClassifier(device="cpu", random_state=0, **{"max_epochs": 15, **epochs})
    estimators = {
        "FocalNetClassifier, gamma=2": common.focalsk_classifier(**epochs),
        "FocalNetClassifier, gamma=0": common.focalsk_classifier(gamma=0, **epochs),
        "MLPClassifier": common.mlp_classifier(),
        "FocalEnsembleClassifier": ensemble,
    }
    sides: dict[str, Callable[[], Any]] = {}
    nodes: dict[str, int] = {}
    for name, estimator in estimators.items():
        estimator.fit(X, y)
        if name == "MLPClassifier":
            model = other_to_onnx(estimator, row, options={id(estimator): {"zipmap": False}})
        else:
            model = to_onnx(estimator, row)
        sides[f"{name}: predict_proba"] = lambda estimator=estimator: estimator.predict_proba(row)
        sides[f"{name}: onnxruntime"] = served(model, row)
        nodes[f"{name}: onnxruntime"] = len(model.graph.node)
        difference = abs(served(model, X)()[1] - estimator.predict_proba(X)).max()
        print(f"{name}: {len(model.graph.node)} nodes, greatest difference {difference:.1e}")
    return sides, nodes


def main() -> None:
    args = common.argument_parser(__doc__, repeats=15).parse_args()
    if args.quick:
        args.repeats = min(args.repeats, 5)
    sides, nodes = make_sides(args.quick)
    at_a_time = 0.02 if args.quick else 0.1
    calls = {name: common.calls_for(run, at_a_time) for name, run in sides.items()}
    timings, _ = common.interleave(sides, args.repeats, calls=calls)
    title = f"one row of {common.N_FEATURES} numbers, MLP 10-10; the ensemble is 16 of MLP 128-128"
    notes = {name: f"{count} nodes" for name, count in nodes.items()}
    common.print_ratios(title, timings, "MLPClassifier: predict_proba", notes)
    versions = {name: version(name) for name in ("onnx", "onnxruntime", "skl2onnx")}
    result = {"versions": versions, "nodes": nodes, "sides": common.as_json(timings)}
    common.write_json("one_row", args.quick, result)


if __name__ == "__main__":
    main()
