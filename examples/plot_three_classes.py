"""
Weights are costs: three classes, three ways to weigh them
==========================================================

A network with two hidden layers of ten units and three outputs learns the classes A, B and C from
100, 200 and 300 observations. What it should predict where the classes overlap depends on what a
mistake costs, and that is what class weights say.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import recall_score

from focalsk import FocalNetClassifier

# %%
# The data: three overlapping clouds.

CENTERS = {"A": (0.0, 1.3), "B": (-1.2, -0.6), "C": (1.2, -0.6)}


def draw(counts, seed):
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(CENTERS[name], size=(n, 2)) for name, n in counts.items()])
    return X, np.repeat(list(counts), list(counts.values()))


X, y = draw({"A": 100, "B": 200, "C": 300}, seed=0)
X_test, y_test = draw({"A": 2000, "B": 4000, "C": 6000}, seed=1)

# %%
# Three ways to weigh: not at all; a weight of 3 for the class C, which is the most frequent one
# already, because missing it is three times as bad; and ``'balanced'``, which makes the classes
# count alike however rare they are. The labels are the keys of the dict.

WEIGHTS = {
    "no weights": None,
    "A: 1, B: 1, C: 3": {"A": 1, "B": 1, "C": 3},
    "balanced": "balanced",
}
nets = {
    title: FocalNetClassifier((10, 10), gamma=2, class_weight=weight, random_state=0).fit(X, y)
    for title, weight in WEIGHTS.items()
}
print(nets["balanced"].net_.module_)
for title, net in nets.items():
    print(f"{title:18} alpha = {net.alpha_}")

# %%
# The weights move the borders: C takes over in the middle column, A and B win ground back on the
# right. The bars below show how much of each class is found in new data.

colors = ["#4477aa", "#ee6677", "#ccbb44"]
figure, axes = plt.subplots(
    2, 3, figsize=(11, 6.4), layout="constrained", height_ratios=[5, 3], sharey="row"
)
recalls, decided, believed = {}, {}, {}
for (title, net), (top, bottom) in zip(nets.items(), axes.T, strict=True):
    DecisionBoundaryDisplay.from_estimator(
        net,
        np.array([[-4, -4], [4, 4.5]]),
        eps=0,
        response_method="predict",
        multiclass_colors=colors,
        alpha=0.35,
        ax=top,
        grid_resolution=200,
    )
    for name, color in zip("ABC", colors, strict=True):
        top.scatter(*X[y == name].T, s=9, color=color, label=name)
    top.set(title=title, xticks=[], yticks=[], xlim=(-4, 4), ylim=(-4, 4.5))
    recalls[title] = recall_score(y_test, net.predict(X_test), average=None)
    decided[title] = [np.mean(net.predict(X_test) == name) for name in "ABC"]
    believed[title] = net.predict_proba(X_test).mean(axis=0)
    bars = bottom.bar(list("ABC"), recalls[title], color=colors)
    bottom.bar_label(bars, fmt="%.2f")
    bottom.set(ylim=(0, 1.1))
axes[0, 0].legend(loc="upper left")
axes[1, 0].set(ylabel="recall")

# %%
# The decisions shift, but the probabilities do not: whatever the weights, ``predict_proba`` answers
# how likely each class is in data like the training data, a sixth, a third and a half.

print("                   share of decisions    mean probability")
for title in nets:
    print(f"{title:18} {np.round(decided[title], 2)}    {np.round(believed[title], 2)}")

plt.show()
