"""
Long-tailed Fashion-MNIST
=========================

Ten kinds of clothing, a hundred times more T-shirts than ankle boots, and a small convolutional
network. What is best done about it: class weights, focal loss, or batches in which every class is
as frequent as any other? Balanced test images are the judge of the decisions, for every class
counts the same there.

The images are in Debian's package dataset-fashion-mnist, which `make data` unpacks. Then:

    python examples/long_tail.py
"""

import gzip
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score, log_loss
from torch import nn

from focalsk import FocalNetClassifier

FOLDERS = [Path(sys.prefix, "share/datasets"), Path("/usr/share/datasets")]
MOST, LEAST = 600, 6  # images of the most and the least frequent class


def read(name):
    """One of the files, which hold bytes behind a header of four per axis."""
    for folder in FOLDERS:
        path = folder / "fashion-mnist" / name
        if path.exists():
            data = gzip.decompress(path.read_bytes())
            shape = np.frombuffer(data, ">i4", count=data[3], offset=4)
            return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)
    sys.exit("The images are missing: `make data`, or `apt-get install dataset-fashion-mnist`.")


def long_tail(seed=0):
    """Training images whose classes grow rarer by a constant factor, and balanced test images."""
    rng = np.random.default_rng(seed)
    images, y = read("train-images-idx3-ubyte.gz"), read("train-labels-idx1-ubyte.gz")
    counts = np.geomspace(MOST, LEAST, 10).round().astype(int)
    shuffled = (rng.permutation(np.flatnonzero(y == k)) for k in range(10))
    rows = np.concatenate([some[:n] for some, n in zip(shuffled, counts, strict=True)])
    test, y_test = read("t10k-images-idx3-ubyte.gz"), read("t10k-labels-idx1-ubyte.gz")
    judged = np.concatenate([np.flatnonzero(y_test == k)[:100] for k in range(10)])
    as_input = [(part[:, None] / 255).astype(np.float32) for part in (images[rows], test[judged])]
    return as_input[0], y[rows], as_input[1], y_test[judged], counts


class SmallCNN(nn.Sequential):
    def __init__(self, n_features, n_outputs):
        super().__init__(
            nn.Conv2d(n_features, 8, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 7 * 7, n_outputs),
        )


def balanced_rows(y, rng):
    """As many rows as there are, drawn so that every class is as frequent as any other."""
    share = 1 / np.bincount(y)[y]
    return rng.choice(len(y), len(y), p=share / share.sum())


def train(X, y, epochs, sampling=False, **params):
    net = FocalNetClassifier(
        module=SmallCNN, lr=0.003, batch_size=64, max_epochs=epochs, random_state=0, **params
    )
    if not sampling:
        return net.fit(X, y)
    # Class-balanced sampling draws anew for each epoch; partial_fit trains one.
    rng = np.random.default_rng(0)
    for _ in range(epochs):
        rows = balanced_rows(y, rng)
        net.partial_fit(X[rows], y[rows], classes=np.arange(10))
    return net


METHODS = {
    "cross-entropy": {"gamma": 0},
    "focal": {"gamma": 2},
    "cross-entropy, balanced decisions": {"gamma": 0, "decision": "balanced"},
    "cross-entropy, class weights": {"gamma": 0, "alpha": "balanced"},
    "focal, class weights": {"gamma": 2, "alpha": "balanced"},
    "focal, weights by effective number": {"gamma": 2, "alpha": "effective"},
    "class-balanced sampling": {"gamma": 0, "sampling": True},
}


def main(epochs=15, methods=METHODS):
    X, y, X_test, y_test, counts = long_tail()
    print("images of each class:", *counts)
    # Probabilities are of the data: test images are weighted as frequent as their class is there.
    weight = counts[y_test] / counts.sum()
    print(f"{'':36}balanced accuracy   of the 3 rarest   log loss on the data's classes")
    scores = {}
    for name, params in methods.items():
        net = train(X, y, epochs, **params)
        predicted = net.predict(X_test)
        rare = y_test >= 7
        scores[name] = (
            balanced_accuracy_score(y_test, predicted),
            (predicted == y_test)[rare].mean(),
            log_loss(y_test, net.predict_proba(X_test), sample_weight=weight),
        )
        print(f"{name:36}{scores[name][0]:17.3f}{scores[name][1]:18.3f}{scores[name][2]:33.3f}")
    return scores


if __name__ == "__main__":
    main()
