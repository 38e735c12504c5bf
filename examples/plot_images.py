"""
Images, 1000 against 300
========================

A convolutional network tells 1000 images of one kind from 300 of another: an imbalance that asks
for class weights, but is mild. This example trains it with focal loss and with weighted
cross-entropy, follows the accuracy on training and validation data from epoch to epoch, keeps the
weights of the best epoch, and looks at recall and precision together.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, precision_score, recall_score
from sklearn.model_selection import train_test_split
from skorch.callbacks import EpochScoring
from torch import nn

from focalsk import FocalNetClassifier

# %%
# The images
# ----------
# From the handwritten digits of scikit-learn: is it an 8 or a 9? Some pixel noise makes the task
# worth a network. The arrays have the shape that torch wants, (samples, channels, height, width).

digits = load_digits()
rng = np.random.default_rng(0)
images = digits.images[:, None] / 16 + rng.normal(0, 0.3, (len(digits.images), 1, 8, 8))
images = images.astype(np.float32)
is_rare = digits.target >= 8
common, rare = rng.permutation(np.flatnonzero(~is_rare)), rng.permutation(np.flatnonzero(is_rare))
chosen = np.r_[common[:1000], rare[:300]]
X, X_test, y, y_test = train_test_split(
    images[chosen],
    is_rare[chosen].astype(int),
    test_size=0.3,
    stratify=is_rare[chosen],
    random_state=0,
)
print(X.shape, np.bincount(y), "and for the test", np.bincount(y_test))

# %%
# The network
# -----------
# Any module will do that maps a batch to logits. It is called with ``n_features``, the size of the
# first axis (here the channels), and ``n_outputs``; ``module_params`` adds the rest.


class SmallCNN(nn.Sequential):
    def __init__(self, n_features, n_outputs, width=8):
        super().__init__(
            nn.Conv2d(n_features, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * 4, n_outputs),
        )


# %%
# Training
# --------
# Early stopping holds out a fifth of the images, watches the accuracy on them, and puts the weights
# of the best epoch back in the end; with ``n_iter_no_change=inf`` it never stops before
# ``max_epochs``. The accuracy on the training data comes from one of skorch's callbacks.

PARAMS = {
    "cross-entropy": {"gamma": 0},
    "weighted cross-entropy": {"gamma": 0, "class_weight": "balanced"},
    "focal, balanced": {"gamma": 2, "class_weight": "balanced"},
}
nets = {}
for name, params in PARAMS.items():
    nets[name] = FocalNetClassifier(
        module=SmallCNN,
        module_params={"width": 8},
        max_epochs=20,
        lr=0.003,
        weight_decay=0.001,
        batch_size=64,
        early_stopping=True,
        validation_fraction=0.2,
        n_iter_no_change=np.inf,
        monitor="accuracy",
        callbacks=[EpochScoring("accuracy", on_train=True, name="train_accuracy")],
        random_state=0,
        **params,
    ).fit(X, y)

net = nets["focal, balanced"]
train, valid = net.history_[:, "train_accuracy"], net.validation_scores_
print("epoch  loss   train  valid")
for epoch, (loss, a, b) in enumerate(zip(net.loss_curve_, train, valid, strict=True), start=1):
    print(f"{epoch:5}  {loss:.3f}  {a:.3f}  {b:.3f}")
print(f"best: {max(valid):.3f} in epoch {np.argmax(valid) + 1}")

# %%
# Recall and precision
# --------------------
# Weights by class frequency buy recall and pay with precision: more of the rare images are found,
# and more of the others are taken for them. On data this mildly imbalanced, focal loss has no
# secret: weighted cross-entropy is about as good, and which is best depends on the price of a miss.
# Accuracy hardly tells them apart.

METRICS = {"recall": recall_score, "precision": precision_score, "accuracy": accuracy_score}
scores = {
    name: [metric(y_test, net.predict(X_test)) for metric in METRICS.values()]
    for name, net in nets.items()
}
for name, values in scores.items():
    print(f"{name:23}", "  ".join(f"{m} {v:.2f}" for m, v in zip(METRICS, values, strict=True)))

colors = ["#4477aa", "#ccbb44", "#ee6677"]
figure = plt.figure(figsize=(11, 6), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=[1, 2.6])
for axes, index in zip(
    top.subplots(1, 12), np.r_[np.flatnonzero(y == 0)[:6], np.flatnonzero(y == 1)[:6]], strict=True
):
    axes.imshow(X[index, 0], cmap="gray_r")
    axes.set(xticks=[], yticks=[])
    axes.set_title("rare" if y[index] else "common", color="#ee6677" if y[index] else "k", size=9)
left, right = bottom.subplots(1, 2)
epochs = np.arange(1, len(train) + 1)
left.plot(epochs, train, "o-", color="0.6", label="training")
left.plot(epochs, valid, "o-", color=colors[2], label="validation")
best = np.argmax(valid)
left.plot(epochs[best], valid[best], "*", ms=18, color=colors[2], mec="k", label="kept", zorder=3)
left.set(xlabel="epoch", ylabel="accuracy", title="Focal loss, balanced", xticks=epochs[::2])
left.legend(loc="lower right")
for k, (name, values) in enumerate(scores.items()):
    bars = right.bar(np.arange(3) + 0.27 * (k - 1), values, 0.26, color=colors[k], label=name)
    right.bar_label(bars, fmt="%.2f", size=8)
right.set_xticks(range(3), METRICS)
right.set(ylim=(0, 1.3), yticks=[0, 0.25, 0.5, 0.75, 1], title="Test images")
right.legend(ncols=3, loc="upper center", fontsize=8)

plt.show()
