"""What an installed focalsk must do, in an environment that has nothing but its dependencies."""

import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import focalsk

assert focalsk.__version__ == version("focalsk"), focalsk.__version__
assert "env" in Path(focalsk.__file__).parts, focalsk.__file__
assert files("focalsk").joinpath("py.typed").is_file()

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
search = focalsk.FocalGridSearchCV(
    focalsk.FocalNetClassifier(alpha="balanced", max_epochs=20, random_state=0),
    {"gamma": [0, 2]},
    cv=3,
).fit((X_train - X_train.mean()) / X_train.std(), y_train)
assert search.score((X_test - X_train.mean()) / X_train.std(), y_test) > 0.9
ensemble = focalsk.FocalEnsembleClassifier(4, max_epochs=20, random_state=0).fit(X_train, y_train)
assert ensemble.score(X_test, y_test) > 0.9
assert np.isfinite(ensemble.predict_proba(X_test)).all()

pd.concat([X_train, y_train], axis=1).to_csv("train.csv", index=False)
X_test.to_csv("new.csv", index=False)
focal = [sys.executable, "-m", "focalsk"]
subprocess.run([*focal, "fit", "train.csv", "--target", "target", "-o", "model"], check=True)
subprocess.run([*focal, "predict", "model", "new.csv", "-o", "scored.csv"], check=True)
scored = pd.read_csv("scored.csv")
assert (scored["prediction"].to_numpy() == y_test.to_numpy()).mean() > 0.9
print(f"focalsk {focalsk.__version__} works")
