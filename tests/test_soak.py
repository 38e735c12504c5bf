"""A process that trains, searches, saves and loads for long: nothing grows."""

import gc
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_classification

from focalsk import (
    FocalEnsembleClassifier,
    FocalGridSearchCV,
    FocalNetClassifier,
    load_model,
    save_model,
)

ROUNDS, WARM = 1000, 200
X, y = make_classification(60, 4, weights=[0.7], random_state=0)
NET = {"hidden_layer_sizes": (4,), "max_epochs": 2}


def one_round(seed, folder):
    """A fit, a search, an ensemble, a model written and read, two trainings with checkpoints."""
    clf = FocalNetClassifier(**NET, random_state=seed).fit(X, y)
    save_model(clf, folder / "model.skops")
    loaded = load_model(folder / "model.skops")
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    FocalEnsembleClassifier(2, **NET, n_folds=2, random_state=seed).fit(X, y).predict(X)
    kept = folder / "kept"
    for _ in range(2):  # trained, and found again
        FocalNetClassifier(**NET, random_state=seed, checkpoint=kept).fit(X, y)
        net = FocalNetClassifier(**NET, random_state=seed)
        FocalGridSearchCV(net, {"gamma": [0, 2]}, cv=2, checkpoint=kept).fit(X, y)
    shutil.rmtree(kept)


def used():
    """Resident memory in MiB, open files, threads of Python's and of the system's."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    files = len(os.listdir("/proc/self/fd"))
    return memory, files, threading.active_count(), len(os.listdir("/proc/self/task"))


@pytest.mark.soak
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
def test_nothing_grows(tmp_path):
    found = []
    for i in range(ROUNDS):
        one_round(i, tmp_path)
        if i >= WARM and i % 50 == 49:
            found.append(used())
            memory, files, threads, tasks = found[-1]
            print(f"{i + 1:5}: {memory:7.1f} MiB, {files} files, {threads} and {tasks} threads")
    memory, *others = np.array(found).T
    slope = np.polynomial.Polynomial.fit(np.arange(len(memory)), memory, 1).convert().coef[1] / 50
    print(f"{ROUNDS} rounds: {slope * 1024:+.2f} KiB a round")
    assert abs(slope) * (ROUNDS - WARM) < 4  # MiB
    for values in others:
        assert values.min() == values.max()
