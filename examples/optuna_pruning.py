"""
Optuna, with pruning
====================

Optuna draws gamma, the weight of the rare class and the learning rate, and stops the trials that
are worse than the median of the others after as many epochs. skorch's callback of Optuna's goes
into ``callbacks=`` as it is; it follows any column of the history, here the average precision of
the held-out samples, which another callback puts there.

    pip install optuna optuna-integration
    python examples/optuna_pruning.py
"""

import numpy as np
import optuna
from optuna_integration import SkorchPruningCallback
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochScoring

from focalsk import FocalNetClassifier

X, y = make_classification(
    3000, 10, n_informative=5, weights=[0.95], class_sep=0.8, flip_y=0.02, random_state=0
)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)


def objective(trial):
    net = FocalNetClassifier(
        gamma=trial.suggest_float("gamma", 0, 5),
        alpha={0: 1.0, 1: trial.suggest_float("weight", 1, 20, log=True)},
        lr=trial.suggest_float("lr", 1e-4, 1e-1, log=True),
        max_epochs=20,
        early_stopping=True,  # holds samples out ...
        validation_fraction=0.3,
        n_iter_no_change=np.inf,  # ... and leaves the stopping to Optuna
        callbacks=[
            EpochScoring("average_precision", name="valid_ap", lower_is_better=False),
            SkorchPruningCallback(trial, "valid_ap"),
        ],
        random_state=0,
    )
    pipeline = make_pipeline(StandardScaler(), net).fit(X, y)
    return max(pipeline[-1].history_[:, "valid_ap"])


def main(n_trials=30):
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=3),
    )
    study.optimize(objective, n_trials=n_trials)
    states = [trial.state.name for trial in study.trials]
    epochs = sum(len(trial.intermediate_values) for trial in study.trials)
    pruned = states.count("PRUNED")
    print(f"{pruned} of {n_trials} trials pruned: {epochs} of {20 * n_trials} epochs trained")
    best = study.best_params
    print("best:", {name: round(value, 4) for name, value in best.items()})

    # Pruning asks for one net after the other; a stack of nets has no single one to stop.
    final = FocalNetClassifier(
        gamma=best["gamma"],
        alpha={0: 1.0, 1: best["weight"]},
        lr=best["lr"],
        max_epochs=20,
        early_stopping=True,
        monitor="average_precision",
        random_state=0,
    )
    final = make_pipeline(StandardScaler(), final).fit(X, y)
    score = average_precision_score(y_test, final.predict_proba(X_test)[:, 1])
    print(f"average precision on the test samples: {score:.3f}")
    return study, score


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    main()
