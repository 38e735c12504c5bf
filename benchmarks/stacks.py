"""Stacks of wide nets, of convolutions, and the ensemble: what side by side is worth.

48 nets that see the same samples, trained as one stack and one by one, of several widths and as a
module of one's own; where one by one is quicker; the ensemble beside boosting; and what share of
each the matrix products take.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import _common as common
import numpy as np
import torch
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import nn
from torch.profiler import ProfilerActivity, profile

from focalsk import FocalEnsembleClassifier, FocalNetClassifier
from focalsk.estimators import Fold, Stack, Task

N_NETS, N_SAMPLES = 48, 4000
WIDTHS = [(10, 10), (64, 64), (128, 128), (256, 256)]
IMAGE = (1, 8, 8)
PRODUCTS = ("mm", "bmm", "addmm", "baddbmm", "convolution", "mkldnn")
N_ALONE, QUICK_ALONE = 12, 4  # of the nets, when they train one by one
RULE_WIDTHS, RULE_BATCHES = [(64, 64), (128, 128), (256, 256), (512, 512)], [32, 128, 512]
RULE_NETS = 8
ROWS = [2500, 10_000]


class SmallCNN(nn.Module):
    """Two convolutions and a linear layer, for images of 8 by 8."""

    def __init__(self, n_features: int, n_outputs: int, channels: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(n_features, channels, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(8 * channels, n_outputs),
        )

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self.layers(input)


def images(n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """The samples of `common.make_data`, each drawn as an image."""
    X, y = common.make_data(n_samples)
    mix = np.random.default_rng(0).normal(size=(X.shape[1], int(np.prod(IMAGE))))
    return (X @ mix.astype(np.float32) / 5).reshape(-1, *IMAGE), y


def nets(n_nets: int, **params: Any) -> list[FocalNetClassifier]:
    first = common.focalsk_classifier(alpha="balanced").set_params(**params)
    return [clone(first).set_params(gamma=float(g)) for g in np.linspace(0, 5, n_nets)]


def train_stack(classifiers: list[FocalNetClassifier], X: np.ndarray, y: np.ndarray) -> Stack:
    fold = Fold.of(clone(classifiers[0]), X, y)
    return Stack([[Task(i, net, fold, 0) for i, net in enumerate(classifiers)]]).fit()


def train_alone(classifiers: list[FocalNetClassifier], X: np.ndarray, y: np.ndarray) -> None:
    for net in classifiers:
        clone(net).fit(X, y)


# 48 nets ------------------------------------------------------------------------------------------


def run_widths(args: Any) -> dict[str, Any]:
    cases: dict[str, Any] = {
        "-".join(map(str, widths)): ({"hidden_layer_sizes": widths}, common.make_data(N_SAMPLES))
        for widths in WIDTHS
    }
    cases["small CNN"] = ({"module": SmallCNN}, images(N_SAMPLES))
    results, rows = {}, []
    for name, (params, data) in cases.items():
        found = compare(params, data, args)
        results[name] = found
        rows.append(
            (name, f"{found['stacked_s'] * 1e6:.1f} µs", f"{found['alone_s'] * 1e6:.1f} µs",
             f"{found['alone_s'] / found['stacked_s']:.1f}", f"{100 * found['share']:.0f} %",
             f"{found['products_s'] * 1e6:.1f} µs" if "products_s" in found else "")
        )  # fmt: skip
    title = f"{N_NETS} nets, {N_SAMPLES:,} rows, batch {common.BATCH}: CPU time per net and step"
    header = ("", "stacked", "one by one", "ratio", "products' share", "products alone")
    common.print_table(title, header, rows)
    return results


def compare(params: dict[str, Any], data: Any, args: Any) -> dict[str, Any]:
    """A net's step in a stack and alone, in seconds, with its fit's beginning and end."""
    epochs = 2 if args.quick else common.EPOCHS
    classifiers = nets(N_NETS, max_epochs=epochs, **params)
    n_alone = QUICK_ALONE if args.quick else N_ALONE
    steps = epochs * -(-N_SAMPLES // common.BATCH)
    sides = {
        "stacked": lambda: train_stack(classifiers, *data),
        "alone": lambda: train_alone(classifiers[:n_alone], *data),
    }
    train_stack(nets(2, max_epochs=1, **params), *data)
    train_alone(nets(1, max_epochs=1, **params), *data)
    scales = {"stacked": 1 / steps / N_NETS, "alone": 1 / steps / n_alone}
    timings, _ = common.interleave(sides, args.repeats, warm_up=False, scales=scales)
    few = nets(N_NETS, max_epochs=1, **params)
    found = {f"{name}_s": timing.cpu for name, timing in timings.items()}
    found["share"] = product_share(lambda: train_stack(few, *data))
    found["timings"] = common.as_json(timings)
    if "hidden_layer_sizes" in params:
        found["products_s"] = product_seconds(params["hidden_layer_sizes"], args.repeats)
    return found


def product_seconds(widths: tuple[int, ...], repeats: int) -> float:
    """The products of a net's step by themselves, in stacks that fit the cache."""
    m, b = 8, common.BATCH
    pairs = []
    for i, (n, out) in enumerate(pairwise((common.N_FEATURES, *widths, common.N_CLASSES))):
        w, h, g = torch.randn(m, out, n), torch.randn(m, n, b), torch.randn(m, out, b)
        pairs += [(w, h), (g, h.mT)] + ([(w.mT, g)] if i else [])
    outs = [torch.bmm(left, right) for left, right in pairs]

    def run() -> None:
        for (left, right), out in zip(pairs, outs, strict=True):
            torch.bmm(left, right, out=out)

    timing, calls = common.Timing(), common.calls_for(run, 0.1)
    for _ in range(3 * repeats):
        timing.measure(run, calls)
    return timing.cpu / m


def product_share(run: Callable[[], Any]) -> float:
    """The part of the time in torch's operations that matrix products and convolutions take."""
    run()
    with profile(activities=[ProfilerActivity.CPU]) as found:
        run()
    times = {event.key: event.self_cpu_time_total for event in found.key_averages()}
    products = [
        time
        for name, time in times.items()
        if any(name.removeprefix("aten::").startswith(product) for product in PRODUCTS)
    ]
    return sum(products) / sum(time for name, time in times.items() if name.startswith("aten::"))


# Where one by one is quicker ----------------------------------------------------------------------


def run_rule(args: Any) -> list[dict[str, Any]]:
    """How much quicker stacks of a few nets are, by width and batch."""
    rows, results = [], []
    X, y = common.make_data(N_SAMPLES)
    for widths in RULE_WIDTHS[: 2 if args.quick else None]:
        ratios = []
        for batch in RULE_BATCHES:
            params = {"hidden_layer_sizes": widths, "batch_size": batch}
            both = nets(RULE_NETS, max_epochs=1 if args.quick else 3, **params)
            sides = {
                "stacked": lambda both=both: train_stack(both, X, y),
                "alone": lambda both=both: train_alone(both, X, y),
            }
            timings, _ = common.interleave(sides, args.repeats, warm_up=not args.quick)
            ratios.append(timings["alone"].cpu / timings["stacked"].cpu)
            results.append({"widths": widths, "batch": batch, "ratio": ratios[-1]})
        rows.append(("-".join(map(str, widths)), *(f"{ratio:.2f}" for ratio in ratios)))
    title = f"{RULE_NETS} nets: CPU time one by one over stacked, by batch"
    common.print_table(title, ("", *map(str, RULE_BATCHES)), rows)
    return results


# The ensemble -------------------------------------------------------------------------------------


def rivals() -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {
        "HistGradientBoosting": lambda: HistGradientBoostingClassifier(random_state=0)
    }
    try:
        from catboost import CatBoostClassifier
    except ImportError:
        return found
    settings = {"random_state": 0, "verbose": False, "allow_writing_files": False}
    found["CatBoost"] = lambda: CatBoostClassifier(thread_count=common.THREADS, **settings)
    return found


def run_ensemble(args: Any) -> dict[str, Any]:
    """Fits with the libraries' defaults: the ensemble is 16 nets of 128-128."""
    results = {}
    for n_samples in ROWS:
        X, y = common.make_data(n_samples)
        epochs = {"max_epochs": 3} if args.quick else {}
        ours = FocalEnsembleClassifier(random_state=0, device="cpu", **epochs)
        sides = {"FocalEnsembleClassifier": lambda ours=ours, X=X, y=y: clone(ours).fit(X, y)}
        for name, build in rivals().items():
            sides[name] = lambda build=build, X=X, y=y: build().fit(X, y)
        timings, fitted = common.interleave(sides, args.repeats, warm_up=False)
        share = product_share(
            lambda ours=ours, X=X, y=y: clone(ours).set_params(max_epochs=3).fit(X, y)
        )
        title = f"fit, {n_samples:,} x {common.N_FEATURES}, 16 nets of 128-128"
        common.print_ratios(title, timings, "FocalEnsembleClassifier")
        n_iter = fitted["FocalEnsembleClassifier"].n_iter_
        print(f"epochs: {n_iter.tolist()}; share of matrix products: {100 * share:.0f} %")
        results[str(n_samples)] = {
            "sides": common.as_json(timings),
            "products_share": share,
            "n_iter": n_iter.tolist(),
        }
    return results


SECTIONS = {"widths": run_widths, "rule": run_rule, "ensemble": run_ensemble}


def main() -> None:
    parser = common.argument_parser(__doc__, repeats=3)
    parser.add_argument(
        "--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="what to run"
    )
    args = parser.parse_args()
    for name in args.sections:
        result = SECTIONS[name](args)
        common.write_json(
            "stacks" if name == "widths" else f"stacks_{name}", args.quick, {name: result}
        )


if __name__ == "__main__":
    main()
