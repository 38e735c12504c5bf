"""
Putting some samples first
==========================

Class weights prioritise a class. To prioritise any other subset, a group of customers, the latest
measurements, the labels that an expert has checked, give ``fit`` a ``sample_weight``.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.inspection import DecisionBoundaryDisplay

from focalsk import FocalNetClassifier

# %%
# An old sensor has delivered 900 measurements, its successor 100 so far. They answer differently,
# so that no line suits both.


def measure(n, angle, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    score = X @ [np.cos(angle), np.sin(angle)] + rng.normal(0, 0.3, n)
    return X, (score > 0.4).astype(int)


old, new = measure(900, 0.2, seed=0), measure(100, 1.5, seed=1)
X, y = np.concatenate([old[0], new[0]]), np.concatenate([old[1], new[1]])
is_new = np.arange(len(X)) >= 900
tests = {"old sensor": measure(5000, 0.2, seed=2), "new sensor": measure(5000, 1.5, seed=3)}

# %%
# The same linear classifier with more and more weight on the new sensor. Only the ratio matters:
# sample weights are scaled to a mean of one before training. A weight of 0 leaves samples out.

WEIGHTS = [1, 3, 10, 30, 100]
models = {
    weight: FocalNetClassifier((), gamma=1, lr=0.01, max_epochs=20, random_state=0).fit(
        X, y, sample_weight=np.where(is_new, weight, 1)
    )
    for weight in WEIGHTS
}
accuracy = {name: [model.score(*data) for model in models.values()] for name, data in tests.items()}
for name, values in accuracy.items():
    print(name, np.round(values, 3))

# %%
# The border turns from the old sensor's to the new one's.

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.4), layout="constrained")
for samples, marker, size, alpha in [(~is_new, ".", 24, 0.5), (is_new, "D", 24, 1)]:
    for label, color in enumerate(["#4477aa", "#ee6677"]):
        left.scatter(
            *X[samples & (y == label)].T,
            marker=marker,
            s=size,
            alpha=alpha,
            color=color,
            edgecolor="k" if marker == "D" else "none",
            lw=0.5,
            label=f"{'new' if marker == 'D' else 'old'} sensor, y = {label}",
        )
greys = plt.get_cmap("plasma")(np.linspace(0, 0.8, len(WEIGHTS)))
for (weight, model), color in zip(models.items(), greys, strict=True):
    display = DecisionBoundaryDisplay.from_estimator(
        model,
        np.array([[-3, -3], [3, 3]]),
        eps=0,
        grid_resolution=50,
        response_method="decision_function",
        plot_method="contour",
        levels=[0],
        colors=[color],
        ax=left,
    )
    left.plot([], [], color=color, label=f"border, weight {weight}")
left.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[], yticks=[], title="Borders", aspect="equal")
left.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
for (name, values), style in zip(accuracy.items(), ("o-", "D-"), strict=True):
    right.plot(WEIGHTS, values, style, color="0.2" if "new" in name else "0.6", label=name)
right.set(xscale="log", xlabel="weight of the new sensor's samples", ylabel="accuracy")
right.set_xticks(WEIGHTS, WEIGHTS)
right.minorticks_off()
right.set(title="New measurements")
right.legend()

plt.show()
