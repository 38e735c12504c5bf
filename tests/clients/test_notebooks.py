"""Jupyter: modules that are defined in a notebook, workers, pickles, and what is printed."""

import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

DEFINITIONS = """
import cloudpickle, numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_validate
from torch import nn
from focalsk import FocalGridSearchCV, FocalNetClassifier

class Net(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.layer = nn.Linear(n_features, n_outputs)

    def forward(self, X):
        return self.layer(X)

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4))
y = (X[:, 0] + rng.normal(size=120) > 1).astype(int)
clf = FocalNetClassifier(module=Net, max_epochs=3, random_state=0)
"""


def run(folder, *cells):
    """Run cells in a kernel of their own, and return what each one printed or showed."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in (DEFINITIONS, *cells)]
    options = {"timeout": 300, "kernel_name": "python3"}
    NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}, **options).execute()
    shown = [
        "".join(output.get("text") or output["data"]["text/plain"] for output in cell.outputs)
        for cell in notebook.cells
    ]
    assert shown[0] == ""
    return shown[1:]


def test_a_module_of_a_notebook_goes_to_worker_processes_and_comes_back(tmp_path):
    shown = run(
        tmp_path,
        "type(Net).__name__, Net.__module__",
        "search = GridSearchCV(clf, {'gamma': [0, 2]}, cv=2, n_jobs=2).fit(X, y)\n"
        "alone = FocalGridSearchCV(clf, {'gamma': [0, 2]}, cv=2).fit(X, y)\n"
        "stacked = FocalGridSearchCV(clf, {'gamma': [0, 2]}, cv=2, n_jobs=2).fit(X, y)\n"
        "names = 'mean_test_score'\n"
        "print(np.allclose(search.cv_results_[names], alone.cv_results_[names]))\n"
        "print(np.allclose(stacked.cv_results_[names], alone.cv_results_[names]))",
        "print(CalibratedClassifierCV(clf, cv=2, n_jobs=2).fit(X, y).predict_proba(X).shape)",
        "fitted = clf.fit(X, y)\n"
        "print(permutation_importance(fitted, X, y, n_repeats=2, n_jobs=2).importances.shape)",
        "found = cross_validate(clf, X, y, cv=2, n_jobs=2, return_estimator=True)\n"
        "print([type(each.net_.module_) is Net for each in found['estimator']])",
    )
    assert shown[0] == "('type', '__main__')"
    assert shown[1] == "True\nTrue\n"
    assert shown[2] == "(120, 2)\n"
    assert shown[3] == "(4, 2)\n"
    assert shown[4] == "[True, True]\n"


def test_a_module_of_a_notebook_is_in_its_cloudpickle(tmp_path):
    shown = run(
        tmp_path,
        "with open('model.pkl', 'wb') as file:\n"
        "    cloudpickle.dump(clf.fit(X, y), file)\n"
        "np.save('X.npy', X)\n"
        "print(clf.predict_proba(X).tobytes().hex())",
    )
    elsewhere = (
        "import pickle, numpy as np; model = pickle.load(open('model.pkl', 'rb')); "
        "print(model.predict_proba(np.load('X.npy')).tobytes().hex())"
    )
    command = [sys.executable, "-W", "error", "-c", elsewhere]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == shown[0]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_fit_prints_when_it_is_asked_to(tmp_path, replaced):
    replace = (
        "import builtins; old = builtins.print\n"
        "def replacement(*args, **kwargs): old(*args, **kwargs)\n"
        "builtins.print = replacement"
    )
    shown = run(
        tmp_path,
        replace if replaced else "pass",
        "clf.fit(X, y);",
        "FocalGridSearchCV(clf, {'gamma': [0, 2]}, cv=2).fit(X, y);",
        "clf.set_params(verbose=1).fit(X, y);",
    )
    assert shown[:3] == ["", "", ""]
    lines = shown[3].splitlines()
    assert lines[0].split()[:2] == ["epoch", "train_loss"]
    assert len(lines) == 2 + 3
