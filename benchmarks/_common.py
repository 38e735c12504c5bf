"""What the benchmarks share: data, pinned threads, interleaved timing, tables and JSON."""

from __future__ import annotations

import os

# OpenMP and the BLAS libraries read these when they are loaded: they come before the imports.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MKL_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"]
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"]

import argparse
import json
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn import functional as F

import focalsk
from focalsk import FocalNetClassifier
from focalsk.nets import FocalMLP

THREADS = int(os.environ["OMP_NUM_THREADS"])
torch.set_num_threads(THREADS)
# scikit-learn's network is given ten epochs like the others and would ask for more.
warnings.simplefilter("ignore", ConvergenceWarning)

RESULTS = Path(__file__).parent / "results"
N_FEATURES, N_CLASSES = 20, 3
EPOCHS, BATCH, LR = 10, 128, 0.005


# Data and models ----------------------------------------------------------------------------------


def make_data(n_samples: int = 10_000) -> tuple[np.ndarray, np.ndarray]:
    """Three classes of about 70, 20 and 10 percent, 20 features, float32."""
    X, y = make_classification(
        n_samples,
        N_FEATURES,
        n_informative=8,
        n_classes=N_CLASSES,
        weights=[0.7, 0.2, 0.1],
        random_state=0,
    )
    return X.astype(np.float32), y


class UsualFocalLoss(nn.Module):
    """The focal loss that most projects paste in: cross-entropy, exponentiated back."""

    def __init__(self, gamma: float = 2.0, alpha: Sequence[float] | None = None) -> None:
        super().__init__()
        self.gamma = gamma
        self.register_buffer("alpha", None if alpha is None else torch.as_tensor(alpha))

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        ce = F.cross_entropy(input, target, reduction="none")
        loss = (1 - torch.exp(-ce)) ** self.gamma * ce
        if self.alpha is not None:
            loss = self.alpha.to(input.dtype)[target] * loss
        return loss.mean()


def focalsk_classifier(device: str = "cpu", **params: Any) -> FocalNetClassifier:
    defaults = {"lr": LR, "max_epochs": EPOCHS, "batch_size": BATCH, "random_state": 0}
    return FocalNetClassifier((10, 10), **(defaults | params), device=device)


def skorch_classifier(criterion: Any, device: str = "cpu", **params: Any) -> NeuralNetClassifier:
    """The same network the way a skorch user writes it."""
    return NeuralNetClassifier(
        FocalMLP,
        module__n_features=N_FEATURES,
        module__n_outputs=N_CLASSES,
        criterion=criterion,
        optimizer=torch.optim.Adam,
        lr=LR,
        max_epochs=EPOCHS,
        batch_size=BATCH,
        iterator_train__shuffle=True,
        train_split=None,
        predict_nonlinearity=lambda logits: logits.softmax(dim=1),
        device=device,
        verbose=0,
        **params,
    )


def mlp_classifier() -> MLPClassifier:
    """scikit-learn's own network, which knows cross-entropy only; it never stops early."""
    return MLPClassifier(
        (10, 10),
        batch_size=BATCH,
        learning_rate_init=LR,
        max_iter=EPOCHS,
        n_iter_no_change=EPOCHS + 1,
        random_state=0,
    )


# Timing -------------------------------------------------------------------------------------------


@dataclass
class Timing:
    """Seconds of the repeats of one side, multiplied by `scale` where only a part was run."""

    cpu_s: list[float] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)
    scale: float = 1.0

    def measure(self, run: Callable[[], Any], calls: int = 1) -> Any:
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(calls):
            value = run()
        self.cpu_s.append((time.process_time() - cpu) / calls * self.scale)
        self.wall_s.append((time.perf_counter() - wall) / calls * self.scale)
        return value

    @property
    def cpu(self) -> float:
        return statistics.median(self.cpu_s)

    @property
    def wall(self) -> float:
        return statistics.median(self.wall_s)

    def as_json(self) -> dict[str, Any]:
        return {"median_cpu_s": self.cpu, "median_wall_s": self.wall, **asdict(self)}


def interleave(
    sides: dict[str, Callable[[], Any]],
    repeats: int,
    *,
    warm_up: bool = True,
    calls: dict[str, int] | None = None,
    scales: dict[str, float] | None = None,
) -> tuple[dict[str, Timing], dict[str, Any]]:
    """Time the sides in turn, so that a busy spell of the machine meets all of them.

    Returns the timings and what each side returned last. `calls` is how often a side runs per
    repeat, `scales` what its time is multiplied by.
    """
    timings = {name: Timing(scale=(scales or {}).get(name, 1.0)) for name in sides}
    values = {name: run() for name, run in sides.items()} if warm_up else {}
    for _ in range(repeats):
        for name, run in sides.items():
            values[name] = timings[name].measure(run, (calls or {}).get(name, 1))
    return timings, values


def calls_for(run: Callable[[], Any], seconds: float) -> int:
    """How many calls take about so long, once warm."""
    for _ in range(3):
        run()
    calls = 1
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            run()
        taken = time.perf_counter() - start
        if taken > seconds / 4:
            return max(1, round(calls * seconds / taken))
        calls *= 4


# Tables and JSON ----------------------------------------------------------------------------------


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """The first column is text on the left, the others are numbers on the right."""
    lines = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"\n{title}")
    for i, line in enumerate(lines):
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip())
        if i == 0:
            print("  ".join("-" * width for width in widths))


def seconds(value: float) -> str:
    if value >= 100:
        return f"{value:.0f} s"
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def print_ratios(
    title: str, timings: dict[str, Timing], reference: str, notes: dict[str, str] | None = None
) -> None:
    """One row per side: medians, and how many times those of `reference` they are."""
    one = timings[reference]
    rows = [
        (
            name,
            seconds(timing.cpu),
            seconds(timing.wall),
            f"{timing.cpu / one.cpu:.2f}",
            f"{timing.wall / one.wall:.2f}",
            (notes or {}).get(name, ""),
        )
        for name, timing in timings.items()
    ]
    print_table(title, ("", "CPU", "wall", "CPU ratio", "wall ratio", ""), rows)


def environment(device: str = "cpu") -> dict[str, Any]:
    packages = ("torch", "skorch", "scikit-learn", "numpy")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "focalsk": focalsk.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_name(),
        "threads": THREADS,
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def write_json(name: str, quick: bool, result: dict[str, Any], device: str = "cpu") -> None:
    """Write results/NAME.json, or results/NAME.quick.json for a run that measured less."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}{'.quick' if quick else ''}.json"
    text = json.dumps({"environment": environment(device), "quick": quick, **result}, indent=1)
    path.write_text(text + "\n")
    print(f"(written to results/{path.name})", flush=True)


def as_json(timings: dict[str, Timing]) -> dict[str, Any]:
    return {name: timing.as_json() for name, timing in timings.items()}


def argument_parser(description: str | None, repeats: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="measure less, in about a minute")
    parser.add_argument("--repeats", type=int, default=repeats, help="the median of how many runs")
    return parser
